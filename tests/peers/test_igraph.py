"""The drawing of lineages beside igraph's: no more than 1.3 times as many lines cross at 300 nodes.

What is drawn is compared: ways of one origin that run along one line are one line, which crosses another once. igraph
is GPL: it is nothing that the product uses, and lives in an environment of its own, made here when it is missing.
"""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from descentd.app.explorer.layout.drawing import Drawing, Flow, draw
from descentd.graph.model.kinds import INFLUENCE
from tests.peers import igraph_crossings
from tests.support import shapes
from tests.support.zoo import Zoo

VERSION = "0.11.9"
ENVIRONMENT = Path(__file__).parents[2] / ".cache" / f"igraph-{VERSION}"
COUNT = 300
MORE = 1.3
Way = tuple[int, int]


@pytest.fixture(scope="module")
def igraph() -> Path:
    """A Python that has igraph."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"igraph=={VERSION}"]
        subprocess.run(install, check=True)
        (ENVIRONMENT / "ready").touch()
    return python


def zoo(seed: int) -> list[Way]:
    """The influence among the first records of a made-up zoo that came from something or of which something came."""
    numbers: dict[str, int] = {}
    ways: list[Way] = []
    for records in Zoo(seed).transactions():
        for record in records:
            for edge in record.edges:
                if edge.role in INFLUENCE and len({record.id, edge.target} - numbers.keys()) + len(numbers) <= COUNT:
                    parent = numbers.setdefault(edge.target, len(numbers))
                    ways.append((parent, numbers.setdefault(record.id, len(numbers))))
    return ways


def git(shared: Path, start: int) -> list[Way]:
    """Some commits in the middle of a history, and how they follow."""
    ways = shapes.history(shared / "data" / "dags" / "inspect_ai.int.txt.gz", start + COUNT)
    first = max(child for _, child in ways) - COUNT
    return [(parent - first, child - first) for parent, child in ways if parent >= first]


def crossings(drawing: Drawing, ways: list[Way]) -> int:
    """Pairs of lines that change sides between two layers."""
    between: dict[int, set[tuple[float, float]]] = {}
    for (parent, _), number in zip(ways, drawing.line_of, strict=True):
        points = drawing.lines[number]
        for step in range(len(points) // 2):
            pair = points[2 * step][0], points[2 * step + 1][0]
            between.setdefault(drawing.layers[parent] + step, set()).add(pair)
    return sum((a - c) * (b - d) < 0 for steps in between.values() for (a, b), (c, d) in combinations(steps, 2))


def drawn(shape: str, shared: Path) -> list[Way]:
    kind, _, number = shape.partition(" ")
    match kind:
        case "zoo":
            ways = zoo(int(number))
        case "git":
            ways = git(shared, int(number))
        case "hub":
            ways = shapes.hub(COUNT)
        case _:
            ways = shapes.chain(COUNT)
    return list(dict.fromkeys(ways))


@pytest.mark.parametrize("shape", ["zoo 1", "zoo 2", "zoo 3", "hub", "chain", "git 1000", "git 3000", "git 6000"])
def test_few_more_lines_cross_than_igraph_lets_cross(igraph: Path, shared: Path, shape: str) -> None:
    ways = drawn(shape, shared)
    count = max(max(way) for way in ways) + 1
    asked = json.dumps({"count": count, "ways": ways})
    command = [str(igraph), igraph_crossings.__file__]
    answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    # each node by itself, as igraph draws them
    ours = crossings(draw([(100.0, 40.0)] * count, ways, Flow.DOWN, alone=range(count)), ways)
    assert ours <= MORE * int(answer.stdout)
