"""`descent evaluations`, `trend`, `erosion`, `erosions` and `diff`: what was measured, and what it says."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.drawing import draw
from descent.options import All, First, Output, Session, Url, limit_of, upper

Since = Annotated[
    str | None, typer.Option("--since", metavar="REF", help="Only this ancestor and what descends from it.")
]


def evaluations(
    context: typer.Context,
    ref: Ref,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the evaluations of a version, and which of them are not to be relied on."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.evaluations(ref, limit=limit_of(first, everything))
        nodes = [edge["node"] for edge in found]
    if session.json:
        console.print_json({"totalCount": found.total, "evaluations": nodes})
    else:
        headings = ("evaluated", "suite", "data", "metric", "slice", "value", "stderr", "n", "counts")
        apart = _suites(nodes)
        console.print_table(
            headings, [r for node, told in zip(nodes, apart, strict=True) for r in _results(node, told)]
        )
        for node in nodes:
            if node["contamination"]["contaminated"]:
                console.print_heading(f"Contaminated: {suite(node['suite'])} on {node['data']['ref']}")
                console.print_line(console.derivation(node["contamination"]["via"]))
    console.say_rest(len(nodes), found.total)


def _suites(nodes: Sequence[dict[str, Any]]) -> list[str]:
    """How each was run; with the settings of a suite that was run with several."""
    known: dict[str, set[str]] = {}
    for node in nodes:
        known.setdefault(suite(node["suite"]), set()).add(settings(node["suite"]["config"]))
    plain = [(suite(node["suite"]), settings(node["suite"]["config"])) for node in nodes]
    return [f"{told} {how}" if len(known[told]) > 1 else told for told, how in plain]


def _results(node: dict[str, Any], protocol: str) -> Iterator[tuple[object, ...]]:
    """A row a result; what counts for nothing says why."""
    reasons = [word for word, so in (
        ("retracted", node["retracted"]), ("contaminated", node["contamination"]["contaminated"])
    ) if so]  # fmt: skip
    data = node["data"]["ref"] if node["data"] else None
    for metric in node["metrics"]:
        yield (
            node["evaluatedAt"],
            protocol,
            data,
            metric["name"],
            people(metric["slice"]),
            number(metric["value"]),
            number(metric["error"]),
            metric["n"],
            "no: " + ", ".join(reasons) if reasons else "yes",
        )


def trend(
    context: typer.Context,
    ref: Ref,
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="The metric, like accuracy.")],
    slice: Annotated[
        list[str] | None, typer.Option("--slice", metavar="ATTRIBUTE=VALUE", help="Only this slice; several are one.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Only what is about all people or items.")] = False,
    since: Since = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Draw a metric along a version's first parents, root first, a series for each way that it was measured."""
    session = Session.of(context, url, output)
    terms = [_term(term) for term in slice] if slice else () if everybody else None
    with session.client() as client:
        found = client.trend(ref, metric, slice=terms, since=since)
    if session.json:
        console.print_json(found)
        return
    about = found["metric"]
    console.print_line(f"{about['name']}: {_direction(about)}; up to {about['tolerance']:g} of a change is nothing")
    apart = _apart(found["series"])
    for series, protocol in zip(found["series"], apart, strict=True):
        _draw_series(series, protocol, about)
    if found["leftOut"]:
        console.print_heading("What does not count")
    for one, protocol in zip(found["leftOut"], _apart(found["leftOut"]), strict=True):
        for versions, why in (
            (one["contaminated"], "measured on what it, or an ancestor, learned from"),
            (one["retracted"], "retracted"),
        ):
            for version in versions:
                console.print_item(f"{version}: {people(one['slice']) or 'everybody'}, {protocol}: {why}")
    if not found["series"]:
        console.say(_never(found, bool(found["leftOut"])))


def _never(found: dict[str, Any], left_out: bool) -> str:
    """Why there is nothing to draw."""
    if left_out:
        return "It was measured on this line, but no result counts."
    slices = "; ".join(people(one["slice"]) or "everybody" for one in found["slices"])
    return f"It was not measured in this slice on this line, but in: {slices}." if slices else (
        "It was never measured on this line."
    )  # fmt: skip


def _apart(series: Sequence[dict[str, Any]]) -> list[str]:
    """How each was measured; with the settings of the suite where others differ from it by these alone."""
    plain = [f"{suite(one['suite'])}{on(one['data'])}" for one in series]
    keys = [(one.get("name"), people(one["slice"]), told) for one, told in zip(series, plain, strict=True)]
    return [
        f"{suite(one['suite'])} {settings(one['suite']['config'])}{on(one['data'])}" if keys.count(key) > 1 else told
        for one, key, told in zip(series, keys, plain, strict=True)
    ]


def _term(given: str) -> tuple[str, str]:
    attribute, equals, value = given.partition("=")
    if not equals:
        raise typer.BadParameter(f"{given!r} has no value: write it like age_group=65+.", param_hint="--slice")
    return attribute, value


def _direction(about: dict[str, Any]) -> str:
    words = {
        "LOWER_IS_BETTER": "lower is better",
        "HIGHER_IS_BETTER": "higher is better",
        "TARGET": f"best at {about['optimum']}",
        "NONE": "no value is good in itself",
    }
    return f"{about['category'].lower()}, {words[about['direction']]}"


def _draw_series(series: dict[str, Any], protocol: str, about: dict[str, Any]) -> None:
    console.print_heading(f"{people(series['slice']) or 'everybody'}, {protocol}")
    points = series["points"]
    headings = ("version", "value", "stderr", "n", "")
    rows = [
        (point["ref"], number(point["value"]), number(point["stderr"]), point["n"], line)
        for point, line in zip(points, draw(points, about["optimum"]), strict=True)
    ]
    console.print_table(headings, rows)
    change = series["change"]
    if change is None:
        single = len(points) < 2
        console.print_line("One point: no trend." if single else "No value of it is good in itself: no trend.")
        return
    way = "worse" if change["delta"] > 0 else "better" if change["delta"] < 0 else "the same"
    console.print_line(
        f"From first to last {number(abs(change['delta']))} {way}{_chance(change)}; "
        f"{number(series['slope'])} in badness a derivation, trend p {number(series['trendP'])}"
    )


def _chance(found: dict[str, Any]) -> str:
    return ", no error known" if found["p"] is None else f" (z {found['z']:.2f}, p {number(found['p'])})"


def erosion(
    context: typer.Context,
    ref: Ref,
    since: Since = None,
    alpha: Annotated[
        float | None, typer.Option("--alpha", metavar="SHARE", help="False discoveries allowed; 0.05 if not said.")
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Say what got worse along a version's ancestry, which derivation did it, and what was gained meanwhile."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.erosion(ref, since=since, alpha=alpha)
    if session.json:
        console.print_json(found)
        return
    console.print_line(found["verdict"], console.STYLES.get(found["verdict"], ""))
    console.print_line(found["summary"])
    for finding in found["findings"]:
        console.print_heading(finding["kind"])
        console.print_line(finding["message"])
        for one in finding["introducedBy"]:
            changes = "; ".join(f"{c['field']}: {value(c['before'])} → {value(c['after'])}" for c in one["changes"])
            console.print_item(f"{one['from']} → {one['to']}: {changes or 'nothing that is recorded changed'}")


def erosions(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only versions of this model.")] = None,
    prefix: Annotated[str | None, typer.Option("--name-prefix", metavar="TEXT", help="How the name begins.")] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", metavar="CATEGORY,…", help="Only metrics like bias,toxicity.")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kinds", metavar="KIND,…", help="Only findings like step_regression.")
    ] = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the versions of the whole registry whose safety eroded, worst first."""
    session = Session.of(context, url, output)
    given = {"name": name, "namePrefix": prefix, "category": upper(category), "kinds": upper(kinds)}
    with session.client() as client:
        found = client.erosions(
            {key: one for key, one in given.items() if one is not None}, limit=limit_of(first, everything)
        )
        edges = list(found)
    if session.json:
        console.print_json({"totalCount": found.total, "erosions": edges})
    else:
        rows = [
            (edge["node"]["ref"], one["kind"], one["metric"], number(one["p"]), one["message"])
            for edge in edges
            for one in edge["findings"]
        ]
        console.print_table(("version", "finding", "metric", "p", "what"), rows)
    console.say_rest(len(edges), found.total)


def diff(
    context: typer.Context,
    base: Annotated[str, typer.Argument(metavar="BASE", help="The version that is compared with.")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The version that is asked about.")],
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attributes", metavar="NAME,…", help="Only populations and slices of these, like age_group."),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Say how two versions differ, for whom, and what was done about it."""
    session = Session.of(context, url, output)
    wanted = [part.strip() for name in attributes or () for part in name.split(",") if part.strip()] or None
    with session.client() as client:
        found = client.diff(base, head, attributes=wanted)
    if session.json:
        console.print_json(found)
        return
    console.print_line(found["summary"])
    _print_changes(found)
    if found["populations"]:
        console.print_heading("Who is in the training data")
        headings = ("attribute", "value", "share before", "share after", "does not say")
        shares = [
            (p["attribute"], p["value"], share(p["baseShare"]), share(p["headShare"]), ", ".join(p["undocumented"]))
            for p in found["populations"]
        ]
        console.print_table(headings, shares)
    if found["metrics"]:
        console.print_heading("What was measured")
        rows = [
            (
                m["name"],
                people(m["slice"]),
                protocol,
                number(m["base"]),
                number(m["head"]),
                number(m["delta"]),
                number(m["p"]),
                m["verdict"],
                m["reason"],
            )
            for m, protocol in zip(found["metrics"], _protocols(found["metrics"]), strict=True)
        ]
        console.print_table(("metric", "slice", "measured by", "before", "after", "change", "p", "verdict", ""), rows)
    for name in found["unspoken"]:
        console.warn(f"Nothing that is recorded of either version speaks of {name}: check its spelling.")


def _protocols(metrics: Sequence[dict[str, Any]]) -> list[str]:
    """How each row was measured; nothing where its two sides were measured differently."""
    known = [m for m in metrics if m["suite"]]
    told = iter(_apart(known))
    return [next(told) if m["suite"] else "" for m in metrics]


def _print_changes(found: dict[str, Any]) -> None:
    if found["changes"]:
        console.print_heading("What changed")
        rows = [(c["area"], c["field"], value(c["before"]), value(c["after"])) for c in found["changes"]]
        console.print_table(("area", "field", "before", "after"), rows)
    if found["interventions"]:
        console.print_heading("What was done about it")
        for one in found["interventions"]:
            whom = ", ".join(f"{t['attribute']} {t['value'] or ''}".strip() for t in one["targets"]) or "everybody"
            console.print_item(f"{one['on']['ref']}: {one['kind']} for {whom}: {one['description']}")


def value(given: Any) -> str:
    """Write a JSON value as it is read: text plain, nothing as a dash."""
    if given is None:
        return "-"
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def share(given: float | None) -> str:
    """Write a share of the rows in per cent."""
    return "unknown" if given is None else f"{100 * given:.3g} %"


def suite(given: dict[str, Any]) -> str:
    """Write a suite as its name and version."""
    return f"{given['name']} {given['version']}"


def settings(config: Any) -> str:
    """Write a suite's settings as `eps=8`."""
    if config is None:
        return "without settings"
    parts = config if isinstance(config, dict) else {"config": config}
    return " ".join(f"{name}={value(part)}" for name, part in parts.items())


def on(data: dict[str, Any] | None) -> str:
    """Write what was evaluated on, where that was said."""
    return f" on {data['ref']}" if data else ""


def people(slice: Sequence[dict[str, str]]) -> str:
    """Write a slice as `age_group=65+`."""
    return ", ".join(f"{part['attribute']}={part['value']}" for part in slice)


def number(value: float | None) -> str | None:
    """Write a number with the digits that tell something."""
    return None if value is None else f"{value:.4g}"
