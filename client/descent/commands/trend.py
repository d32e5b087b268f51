"""`descent trend`: a metric of a version and its first parents over time."""

from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.formatting import draw, number, people, protocols
from descent.options import Output, Session, Since, Url


def trend(
    context: typer.Context,
    ref: Ref,
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="The metric, for example accuracy.")],
    slice: Annotated[
        list[str] | None,
        typer.Option(
            "--slice", metavar="ATTRIBUTE=VALUE", help="Only this slice; repeat for a slice by several attributes."
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Only results about all people or items.")] = False,
    since: Since = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Draw a metric of a version and its first parents, root first, with a series for each protocol."""
    session = Session.of(context, url, output)
    terms = [_term(term) for term in slice] if slice else () if everybody else None
    with session.client() as client:
        found = client.trend(ref, metric, slice=terms, since=since)
    if session.json:
        console.print_json(found)
        return
    about = found["metric"]
    console.print_line(f"{about['name']}: {_direction(about)}; up to {about['tolerance']:g} of change is tolerated")
    apart = protocols(found["series"])
    for series, protocol in zip(found["series"], apart, strict=True):
        _draw_series(series, protocol, about)
    if found["leftOut"]:
        console.print_heading("What does not count")
    for one, protocol in zip(found["leftOut"], protocols(found["leftOut"]), strict=True):
        for versions, why in (
            (one["contaminated"], "measured on data that it or an ancestor learned from"),
            (one["retracted"], "retracted"),
        ):
            for version in versions:
                console.print_item(f"{version}: {people(one['slice']) or 'everybody'}, {protocol}: {why}")
    if not found["series"]:
        console.say(_never(found, bool(found["leftOut"])))


def _never(found: dict[str, Any], left_out: bool) -> str:
    """Return a sentence that says why there is nothing to draw."""
    if left_out:
        return "The metric was measured on this line, but no result counts."
    slices = "; ".join(people(one["slice"]) or "everybody" for one in found["slices"])
    return f"On this line the metric was measured in other slices only: {slices}." if slices else (
        "The metric was never measured on this line."
    )  # fmt: skip


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
        "NONE": "no value is better than another",
    }
    return f"{about['category'].lower()}, {words[about['direction']]}"


def _draw_series(series: dict[str, Any], protocol: str, about: dict[str, Any]) -> None:
    console.print_heading(f"{people(series['slice']) or 'everybody'}, {protocol}")
    points = series["points"]
    several = any(point["newest"] != point["value"] for point in points)
    drawn = zip(points, draw(points, about["optimum"]), strict=True)
    rows = [
        (point["ref"], number(point["value"]), number(point["stderr"]), point["n"], *_newest(point, several), line)
        for point, line in drawn
    ]
    console.print_table(("version", "value", "stderr", "n", *(("newest",) if several else ()), ""), rows)
    change = series["change"]
    if change is None:
        single = len(points) < 2
        console.print_line("One point: no trend." if single else "No value is better than another: no trend.")
        return
    way = "worse" if change["delta"] > 0 else "better" if change["delta"] < 0 else "the same"
    console.print_line(
        f"From first to last {number(abs(change['delta']))} {way}{_chance(change)}; "
        f"{number(series['slope'])} of badness per derivation, trend p {number(series['trendP'])}"
    )


def _newest(point: dict[str, Any], several: bool) -> tuple[str, ...]:
    """Return the newest result of a version, and how many were pooled; None if no version has several."""
    if not several:
        return ()
    return (f"{number(point['newest'])} of {point['runs']}" if point["newest"] != point["value"] else "",)


def _chance(found: dict[str, Any]) -> str:
    return ", no standard error known" if found["p"] is None else f" (z {found['z']:.2f}, p {number(found['p'])})"
