"""`descent metrics` and `descent schema`: what a manifest may say, without a registry."""

from typing import Annotated, Any

import typer

from descent import console
from descent.catalogue import catalogue
from descent.options import Output, Session


def metrics(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only metrics whose name has this text.")] = "",
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="Only metrics of this category, for example bias.")
    ] = None,
    output: Output = None,
) -> None:
    """List the catalogue of metrics, which every registry knows. Others are defined in a manifest."""
    found = [
        {"name": name, **metric}
        for name, metric in sorted(catalogue().items())
        if text.lower() in name and category in (None, metric["category"].lower(), metric["category"])
    ]
    if Session.of(context, None, output).json:
        console.print_json(found)
        return
    headings = ("name", "category", "better", "tolerance", "unit", "range", "same as", "description")
    console.print_table(headings, [_row(metric) for metric in found])
    if not found:
        console.say("There is no such metric: define it in the manifest, under metrics.")


def _row(metric: dict[str, Any]) -> tuple[object, ...]:
    better = {"LOWER_IS_BETTER": "lower", "HIGHER_IS_BETTER": "higher", "NONE": "neither"}.get(metric["direction"])
    least, most = metric.get("minimum"), metric.get("maximum")
    bounds = None if least is None and most is None else f"{_end(least, '−')} to {_end(most, '')}"
    return (
        metric["name"],
        metric["category"].lower(),
        better or f"near {metric['optimum']:g}",
        metric.get("tolerance"),
        metric.get("unit"),
        bounds,
        metric.get("aliasOf"),
        metric.get("description"),
    )


def _end(bound: float | None, sign: str) -> str:
    return f"{sign}∞" if bound is None else f"{bound:g}"


def schema() -> None:
    """Print the JSON Schema of manifests in YAML, for editors.

    Save it beside your manifest, and begin the manifest with `# yaml-language-server: $schema=manifest.schema.json`.
    """
    from descent.editor_schema import editor_schema

    console.print_json(editor_schema())
