"""`descent evaluations`: the results of a version, and which of them count."""

from collections.abc import Iterator
from typing import Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.formatting import number, people, suite, suites
from descent.options import All, First, Output, Session, Url, limit_of


def evaluations(
    context: typer.Context,
    ref: Ref,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the evaluations of a version, and mark those that do not count."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.evaluations(ref, limit=limit_of(first, everything))
        nodes = [edge["node"] for edge in found]
    if session.json:
        console.print_json({"totalCount": found.total, "evaluations": nodes})
    else:
        headings = ("evaluated", "suite", "data", "metric", "slice", "value", "stderr", "n", "counts")
        apart = suites([node["suite"] for node in nodes])
        console.print_table(
            headings, [r for node, protocol in zip(nodes, apart, strict=True) for r in _results(node, protocol)]
        )
        for node in nodes:
            if node["contamination"]["contaminated"]:
                console.print_heading(f"Contaminated: {suite(node['suite'])} on {node['data']['ref']}")
                console.print_line(console.derivation(node["contamination"]["via"]))
    console.say_rest(len(nodes), found.total)


def _results(node: dict[str, Any], protocol: str) -> Iterator[tuple[object, ...]]:
    """Return a row for each result: why it does not count, or the pooled value if it was pooled with other results."""
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
            _counts(node, metric),
        )


def _counts(node: dict[str, Any], metric: dict[str, Any]) -> str:
    rule = (metric.get("brokenRule") or "").rstrip(".")
    reasons = [
        word
        for word, so in (
            ("retracted", node["retracted"]),
            ("contaminated", node["contamination"]["contaminated"]),
            (f"it breaks a rule that is newer than it: {rule}", rule),
            ("other results have a standard error or are newer", not metric["counts"]),
        )
        if so
    ]
    if reasons:
        return f"no: {', '.join(reasons[:2] if metric['counts'] else reasons[:1])}"
    if metric["pooledWith"]:
        return f"yes, {number(metric['pooled'])} with {metric['pooledWith']} more"
    return "yes"
