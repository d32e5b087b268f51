"""`descent diff`: how two versions differ, for which groups, and what was done about it."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from descent import console
from descent.formatting import chance, noun, number, people, protocols, share, value
from descent.options import Output, Session, Url


def diff(
    context: typer.Context,
    base: Annotated[str, typer.Argument(metavar="BASE", help="The earlier version.")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The later version.")],
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attributes", metavar="NAME,…", help="Only populations and slices of these, like age_group."),
    ] = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show how two versions differ, for which groups, and what was done about it."""
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
        tested = found["tested"]
        console.print_heading(f"What was measured ({tested} {noun(tested, 'row was', 'rows were')} tested)")
        rows = [
            (
                m["name"],
                people(m["slice"]),
                protocol,
                _pooled(m["base"], m["baseNewest"]),
                _pooled(m["head"], m["headNewest"]),
                number(m["delta"]),
                chance(m),
                number(m["q"]),
                "yes" if m.get("shownNotWorse") else "no",
                m["verdict"],
                m["reason"],
            )
            for m, protocol in zip(found["metrics"], _measured_by(found["metrics"]), strict=True)
        ]
        console.print_table(
            ("metric", "slice", "measured by", "before", "after", "change", "p", "q", "shown not worse", "verdict", ""),
            rows,
        )
    for name in found["unspoken"]:
        console.warn(f"No record of either version mentions {name}: check the spelling.")


def _pooled(of_all: float | None, newest: float | None) -> str | None:
    """Write the value that several results come to, and the newest of them where that is another."""
    return number(of_all) if newest == of_all else f"{number(of_all)} (newest {number(newest)})"


def _measured_by(metrics: Sequence[dict[str, Any]]) -> list[str]:
    """Write the protocol of each row; empty where the two versions were measured by different protocols."""
    known = [m for m in metrics if m["suite"]]
    written = iter(protocols(known))
    return [next(written) if m["suite"] else "" for m in metrics]


def _print_changes(found: dict[str, Any]) -> None:
    if found["changes"]:
        console.print_heading("What changed")
        rows = [
            (
                c["area"],
                f"{c['field']} (disclosed)" if c.get("disclosed") else c["field"],
                value(c["before"]),
                value(c["after"]),
            )
            for c in found["changes"]
        ]
        console.print_table(("area", "field", "before", "after"), rows)
    if found["interventions"]:
        console.print_heading("What was done about it")
        for one in found["interventions"]:
            whom = ", ".join(f"{t['attribute']} {t['value'] or ''}".strip() for t in one["targets"]) or "everybody"
            console.print_item(f"{one['on']['ref']}: {one['kind']} for {whom}: {one['description']}")
