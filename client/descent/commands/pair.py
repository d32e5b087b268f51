"""`descent pair`: comparing two versions item by item, for the manifest of the later one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from descent import console
from descent.formatting import noun
from descent.pairing import Item, pair_items


def pair(
    before: Annotated[
        Path, typer.Argument(metavar="A.ndjson", help="The items of the ancestor.", exists=True, dir_okay=False)
    ],
    after: Annotated[
        Path, typer.Argument(metavar="B.ndjson", help="The items of the version.", exists=True, dir_okay=False)
    ],
    subject: Annotated[
        str, typer.Option("--subject", metavar="REF", help="The reference of the ancestor, for the manifest.")
    ] = "model:NAME@VERSION",
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="The metric that the values are of.")
    ] = "accuracy",
) -> None:
    """Compute a result from the items of two versions: value, n, stderr, clusters and paired_with.

    Each line of the files is an item, {"item": "q17", "value": 1}, with "slice" and "cluster" if it has any. The output
    is JSON, the metrics of an evaluation of the later version; it can be pasted into a YAML manifest too.
    """
    found = pair_items(_items(before), _items(after))
    console.print_json([one.metric(metric, subject) for one in found])
    alone = sum(one.alone for one in found)
    if alone:
        console.warn(f"{alone} {noun(alone, 'item is', 'items are')} in one file only and not compared.")


def _items(file: Path) -> Iterator[Item]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield Item.read(line, f"{file.name}, line {number}")
