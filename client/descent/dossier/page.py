"""The page of a dossier, to read and to print: one HTML file without scripts and without external resources."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from descent.console import printable
from descent.dossier.views import rows, view
from descent.formatting import noun

Json = Mapping[str, Any]

_STYLE = """
body { font: 11pt/1.45 Georgia, serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; border-bottom: 1px solid #999; margin-top: 2rem; break-after: avoid }
table { border-collapse: collapse; width: 100%; font-size: .85rem } tr { break-inside: avoid }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem; border-bottom: 1px solid #ddd }
td { overflow-wrap: anywhere }
.none { color: #666; font-style: italic } code, pre { font: .8rem ui-monospace, monospace; overflow-wrap: anywhere }
pre { white-space: pre-wrap }
@media screen and (max-width: 42rem) {
  thead { display: none } table, tbody, tr, td { display: block } tr { border-bottom: 1px solid #999; padding: .4rem 0 }
  td { border: 0; padding: .1rem 0 } td:empty { display: none }
  td::before { content: attr(data-heading) ": "; color: #666 }
}
@media print { body { margin: 0; max-width: none; font-size: 9.5pt } thead { display: table-header-group } }
"""
_SHOWN = {
    "reviews": (
        "Reviews, with evidence",
        ("environment", "decision", "reason", "conditions", "evidence", "expiresAt", "claimed"),
    ),
    "policies": ("Policies, as they were in force", ("environment", "quorum", "rules")),
    "decisions": ("Decisions of gates", ("environment", "outcome", "policy", "rules")),
    "promotions": ("Promotions", ("environment", "gateDecision")),
    "deployments": ("Deployments", ("environment", "endpoint", "since", "until", "claimed", "reason")),
    "incidents": ("Incidents", ("severity", "title", "environment", "endpoint", "openedAt", "resolvedAt", "reason")),
    "weaknesses": ("Documented weaknesses", ("severity", "title", "description")),
    "flags": ("Flags", ("action", "reason")),
    "disclosures": ("Disclosures", ("source", "reason")),
    "notes": ("Notes", ("author", "text")),
}


def page(dossier: Json, name: str) -> str:
    """Return the page of a dossier, with the view of that name."""
    parts = [
        f"<h1>Dossier of {_text(dossier['version']['ref'])}</h1>",
        f"<p><code>{_text(dossier['subject'])}</code></p>",
        _facts(dossier),
        _heading("What is not known"),
        _list(dossier["notKnown"]),
        *_profile(dossier["profile"]),
        _heading("Ancestry"),
        _table(("version", "parents", "model files"), map(_ancestor, dossier["ancestry"])),
        _heading("Data and populations"),
        _table(("data", "digest", "documented", "population"), map(_data, dossier["data"])),
        _heading("Evaluations"),
        _table(
            ("metric", "group", "value", "95 % interval", "n", "suite", "data"), map(_result, dossier["evaluations"])
        ),
        _heading("Differences between groups"),
        _table(("metric", "attribute", "lowest", "highest", "gap"), map(_gap, dossier["subgroupGaps"])),
        _heading("Findings, as the registry stated them"),
        _stated(dossier["stated"]),
        *_findings(dossier["computed"]["erosion"]),
        _heading("Gates, as the registry stated them"),
        _table(("environment", "outcome", "rule", "says"), _gates(dossier["computed"]["gates"])),
    ]
    for section, (heading, columns) in _SHOWN.items():
        parts += [
            _heading(heading),
            _table((*columns, "recorded"), (_statement(one, columns) for one in dossier[section])),
        ]
    parts += [_heading(view(name)["title"]), _clauses(name, dossier)]
    title = _text(f"Dossier of {dossier['version']['ref']}")
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>{title}</title><style>{_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _facts(dossier: Json) -> str:
    signed = dossier["checkpoint"]
    who = "not signed: the registry had no key" if signed is None else f"signed as {signed.split(chr(10))[0]}"
    whole = (
        "" if dossier["complete"] else " There are more records than a dossier may contain: the others were left out."
    )
    records, size = len(dossier["records"]), dossier["log"]["size"]
    return (
        f"<p>{records:,} {noun(records, 'record', 'records')}, each proved in a log of "
        f"{size:,} {noun(size, 'entry', 'entries')}, "
        f"{_text(who)}.{whole} "
        "Check the JSON file beside this page with <code>descent verify-dossier</code>; this page is for reading.</p>"
    )


def _stated(stated: Sequence[Json]) -> str:
    signed = [one["note"].split("\n") for one in stated if one["note"] is not None]
    who = "nobody signed it" if not signed else f"signed as {signed[0][1]} at {signed[0][2]}, entry {signed[0][3]}"
    return f"<p>Computed from the records by the registry and no record itself; {_text(who)}.</p>"


def _profile(profile: Json | None) -> list[str]:
    if profile is None:
        return [_heading("Safety profile"), '<p class="none">Not recorded.</p>']
    pairs = ((name, _shown(value)) for name, value in profile["content"].items() if name != "subject")
    return [_heading("Safety profile, as declared"), _table(("part", "statement"), pairs)]


def _ancestor(one: Json) -> Sequence[str]:
    parents = ", ".join(f"{each['ref']} ({each['relation']})" for each in one["parents"])
    return (
        one["ref"] + (" (retracted)" if one["retracted"] else ""),
        parents or "none",
        ", ".join(one["digests"]) or "none recorded",
    )


def _data(one: Json) -> Sequence[str]:
    listed = ", ".join(_term(each) for each in one["population"])
    return one["ref"], one["digest"] or "", one["populationDocumented"] or "not documented", listed


def _term(each: Json) -> str:
    share = f" {each['share']:.4g}" if each.get("share") is not None else ""
    return f"{each['attribute']}={each['value']}{share}"


def _result(one: Json) -> Sequence[str]:
    interval = "not known" if one["interval"] is None else " to ".join(f"{bound:.4g}" for bound in one["interval"])
    group = ", ".join(f"{term['attribute']}={term['value']}" for term in one["slice"]) or "all"
    metric = one["metric"] + (" (retracted)" if one["retracted"] else "")
    suite = f"{one['suite']['name']} {one['suite']['version']}"
    return metric, group, f"{one['value']:.6g}", interval, _shown(one["n"]), suite, one["data"] or "not recorded"


def _gap(one: Json) -> Sequence[str]:
    low, high = f"{one['lowest']} ({one['low']:.4g})", f"{one['highest']} ({one['high']:.4g})"
    return one["metric"], one["attribute"], low, high, f"{one['gap']:.4g}"


def _findings(erosion: Json | None) -> list[str]:
    if erosion is None:
        return ['<p class="none">Not computed.</p>']
    return [f"<p>{_text(erosion['verdict'])}</p>", _list([one["message"] for one in erosion["findings"]])]


def _gates(gates: Json) -> Iterator[Sequence[str]]:
    for environment, gate in gates.items():
        for rule in gate["rules"]:
            yield environment, gate["outcome"], f"{rule['name']}: {rule['outcome']}", rule["message"]


def _statement(one: Json, columns: Sequence[str]) -> Sequence[str]:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=one["recordedAt"])
    recorded = f"{moment.isoformat(timespec='seconds')} by {one['recordedBy']}" + (" (retracted)" * one["retracted"])
    return *(_shown(one["content"].get(column)) for column in columns), recorded


def _clauses(name: str, dossier: Json) -> str:
    return _table(
        ("clause", "about", "here", "sections", "held by"),
        ((each["clause"], each["about"], each["state"], ", ".join(each["sections"]), _shown(each["owner"]))
         for each in rows(name, dossier)),
    )  # fmt: skip


def _text(text: str) -> str:
    """Return text escaped for HTML, without characters that change the direction or the look of other text."""
    return escape(printable(text))


def _heading(text: str) -> str:
    return f"<h2>{_text(text)}</h2>"


def _list(items: Sequence[str]) -> str:
    listed = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f"<ul>{listed}</ul>" if items else '<p class="none">Nothing.</p>'


def _table(headings: Sequence[str], found: Iterable[Sequence[str]]) -> str:
    """Return a table; on a narrow screen each cell stands on its own line behind its heading."""
    marks = [f'data-heading="{_text(heading)}"' for heading in headings]
    body = "".join(
        f"<tr>{''.join(f'<td {mark}>{_text(cell)}</td>' for mark, cell in zip(marks, row, strict=True))}</tr>"
        for row in found
    )
    head = "".join(f"<th>{_text(heading)}</th>" for heading in headings)
    if not body:
        return '<p class="none">Nothing is recorded.</p>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: Any) -> str:
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
