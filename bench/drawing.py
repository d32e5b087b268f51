"""How long the server takes to lay a large lineage out."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final

from bench.rows import Row
from descentd.app.explorer.layout.drawing import draw
from tests.support import shapes

NODES: Final = 10_000
TARGET: Final = 150
RUNS: Final = 7
HISTORY: Final = Path(__file__).parents[2] / "shared" / "data" / "dags" / "git-all.int.txt.gz"


def rows() -> Iterator[Row]:
    """A lineage like a hub's, one like a long chain, and where it is beside the project git's own history."""
    yield _row("like a hub", shapes.hub(NODES))
    yield _row("like a chain", shapes.chain(NODES))
    if HISTORY.is_file():
        yield _row("of git's history", shapes.history(HISTORY, NODES))


def _row(shape: str, ways: list[shapes.Way]) -> Row:
    count = max(max(way) for way in ways) + 1
    sizes = [(140.0, 52.0)] * count
    times, busy = [], []
    for _ in range(RUNS):
        start, before = perf_counter(), process_time()
        drawn = draw(sizes, ways)
        times.append(1000 * (perf_counter() - start))
        busy.append(1000 * (process_time() - before))
    layers = f"{len(ways):,} derivations in {max(drawn.layers) + 1:,} layers"
    note = f"median of {RUNS}, {median(busy):.0f} ms of processor; {layers}"
    return Row(f"layout of {count:,} nodes {shape}", median(times), "ms", TARGET, note=note)
