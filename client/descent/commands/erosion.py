"""`descent erosion` and `descent erosions`: which metrics got worse, by which derivation, and where it serves."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.formatting import chance, change, number, people, protocols, value
from descent.options import All, First, Output, Session, Since, Url, limit_of, upper

SINGLE = 2
"""Up to so many findings of one kind are printed as sentences; more are printed as a table."""

_BRIEF = ("finding", "metric", "p", "slice")


def erosion(
    context: typer.Context,
    ref: Ref,
    since: Since = None,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", metavar="SHARE", help="Accepted rate of false discoveries.  [default: 0.05]"),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show which metrics got worse along a version's ancestry, by which derivation, and which improved meanwhile."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.erosion(ref, since=since, alpha=alpha)
    if session.json:
        console.print_json(found)
        return
    console.print_line(found["verdict"], console.STYLES.get(found["verdict"], ""))
    console.print_line(found["summary"])
    for kind in dict.fromkeys(finding["kind"] for finding in found["findings"]):
        same = [finding for finding in found["findings"] if finding["kind"] == kind]
        console.print_heading(kind)
        if len(same) > SINGLE:
            _print_table(same)
        else:
            for finding in same:
                _print_finding(finding)
    _print_meanings(found["findings"])
    _print_series(found["series"])


def _print_finding(finding: dict[str, Any]) -> None:
    console.print_line(finding["message"])
    for one in finding["introducedBy"]:
        changes = "; ".join(_change(change) for change in one["changes"])
        console.print_item(f"{one['from']} → {one['to']}: {changes or 'no recorded change'}")
        for disclosure in one.get("disclosures", ()):
            console.print_line(f"    known by the disclosure {disclosure['id']} of {_when(disclosure)}")


def _when(disclosure: dict[str, Any]) -> str:
    return f"{disclosure['recordedAt']} by {disclosure['recordedBy']} (source: {disclosure['source']})"


def _change(change: dict[str, Any]) -> str:
    disclosed = " (disclosed)" if change.get("disclosed") else ""
    if change["field"] == "relation":
        return f"{change['after']}{disclosed}"
    return f"{change['field']}: {value(change['before'])} → {value(change['after'])}{disclosed}"


def _print_table(findings: Sequence[dict[str, Any]]) -> None:
    """Print a sentence for the worst finding and a row for each: nobody reads many sentences that are nearly equal."""
    console.print_line(f"{len(findings)} series; the worst: {findings[0]['message']}")
    rows = [
        (
            finding["metric"],
            people(finding["slice"]),
            protocol,
            finding["baseline"]["ref"],
            number(finding["baseline"]["value"]),
            number(finding["head"]["value"]),
            change(finding["delta"], finding.get("scale")),
            chance(finding),
            _or_e(finding, number(finding["q"])),
            _introduced(finding),
        )
        for finding, protocol in zip(findings, protocols(findings), strict=True)
    ]
    headings = ("metric", "slice", "measured by", "since", "was", "is", "worse by", "p", "q or e", "introduced by")
    console.print_table(headings, rows)


def _print_meanings(findings: Sequence[dict[str, Any]]) -> None:
    """Print once for each metric what it measures: whether less of it is better is not in every name."""
    meanings = {finding["metric"]: finding.get("meaning") for finding in findings}
    if any(meanings.values()):
        console.print_heading("What these metrics measure")
        for metric, meaning in meanings.items():
            console.print_item(f"{metric}: {meaning or 'its definition does not say'}")


def _introduced(finding: dict[str, Any]) -> str:
    spans = [f"{one['from']} → {one['to']}" for one in finding["introducedBy"]]
    if finding["gradual"]:
        return f"gradually, {spans[0]}"
    return spans[0] if len(spans) == 1 else f"one of {len(spans)} derivations" if spans else ""


def _print_series(series: Sequence[dict[str, Any]]) -> None:
    """Print for each series whether the version was shown not to be worse than its ancestors."""
    if not series:
        return
    console.print_heading("Shown not to be worse than the tolerance")
    rows = [
        (
            one["metric"],
            people(one["slice"]),
            protocol,
            "yes" if one["shownNotWorse"] else f"no: {one['reason']}",
            change(one["detectable"], one.get("scale")),
        )
        for one, protocol in zip(series, protocols(series), strict=True)
    ]
    console.print_table(("metric", "slice", "measured by", "shown", "smallest step that would be detected"), rows)


def erosions(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only versions of this model.")] = None,
    prefix: Annotated[
        str | None, typer.Option("--name-prefix", metavar="TEXT", help="Only versions of models whose name begins so.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="CATEGORY,…", help="Only metrics like bias,toxicity.")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kinds", metavar="KIND,…", help="Only findings like step_regression.")
    ] = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="List every eroded version instead of each derivation once.")
    ] = False,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the derivations of the whole registry that made safety worse, worst first, with the versions they affect."""
    session = Session.of(context, url, output)
    given = {"name": name, "namePrefix": prefix, "category": upper(category), "kinds": upper(kinds)}
    wanted = {key: one for key, one in given.items() if one is not None}
    with session.client() as client:
        ask = client.erosions if versions else client.erosion_groups
        found = ask(wanted, limit=limit_of(first, everything))
        edges = list(found)
    if session.json:
        console.print_json({"totalCount": found.total, "erosions" if versions else "groups": edges})
        return
    if versions:
        console.print_grouped(
            ("version", *_BRIEF), [(edge["node"]["ref"], *_brief(one)) for edge in edges for one in edge["findings"]]
        )
    else:
        headings = ("derivation", "versions", "serving", *_BRIEF, "most certain in")
        console.print_grouped(headings, [_group(edge["node"]) for edge in edges])
    console.say_rest(len(edges), found.total)
    if edges:
        worst = edges[0]["node"] if versions else edges[0]["node"]["worst"]
        console.say(f"`descent erosion {worst['ref']}` shows all findings of that version in sentences.")


def _group(group: dict[str, Any]) -> tuple[object, ...]:
    serving = ", ".join(f"{one['environment']}/{one['endpoint']}" for one in group["deployments"])
    return _derivation(group), group["versionCount"], serving, *_brief(group["findings"][0]), group["worst"]["ref"]


def _derivation(group: dict[str, Any]) -> str:
    """Return what brought it in: one derivation or span, the first and the last of some, or up to where it came."""
    if group["from"]:
        return _span(group)
    if group["candidates"]:
        first, last = (_span(group["candidates"][place]) for place in (0, -1))
        return f"one of {len(group['candidates'])}: {first} … {last}"
    return f"up to {group['worst']['ref']}"


def _span(ends: dict[str, Any]) -> str:
    return f"{ends['from']['ref']} → {ends['to']['ref']}"


def _brief(finding: dict[str, Any]) -> tuple[object, ...]:
    """Return a finding as cells, without its sentence: nobody reads a paragraph in a table."""
    return finding["kind"], finding["metric"], _or_e(finding, number(finding["p"])), people(finding["slice"])


def _or_e(finding: dict[str, Any], written: str | None) -> str | None:
    """Return a p or q as it is written, or the e-value of a finding that has that instead."""
    return written if finding["e"] is None else f"e {number(finding['e'])}"
