"""`descent evaluations`: what versions were measured to be."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import All, First, Output, Session, Url, limit_of


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
        console.print_table(headings, [row for node in nodes for row in _results(node)])
        for node in nodes:
            if node["contamination"]["contaminated"]:
                console.print_heading(f"Contaminated: {suite(node['suite'])} on {node['data']['ref']}")
                console.print_line(console.derivation(node["contamination"]["via"]))
    console.say_rest(len(nodes), found.total)


def _results(node: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """A row a result; what counts for nothing says why."""
    reasons = [word for word, so in (
        ("retracted", node["retracted"]), ("contaminated", node["contamination"]["contaminated"])
    ) if so]  # fmt: skip
    data = node["data"]["ref"] if node["data"] else None
    for metric in node["metrics"]:
        yield (
            node["evaluatedAt"],
            suite(node["suite"]),
            data,
            metric["name"],
            people(metric["slice"]),
            number(metric["value"]),
            number(metric["stderr"]),
            metric["n"],
            "no: " + ", ".join(reasons) if reasons else "yes",
        )


def suite(given: dict[str, Any]) -> str:
    """Write a suite as its name and version."""
    return f"{given['name']} {given['version']}"


def people(slice: Sequence[dict[str, str]]) -> str:
    """Write a slice as `age_group=65+`."""
    return ", ".join(f"{part['attribute']}={part['value']}" for part in slice)


def number(value: float | None) -> str | None:
    """Write a number with the digits that tell something."""
    return None if value is None else f"{value:.4g}"
