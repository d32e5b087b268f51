"""How often erosion is found where there is none, and where there is: `python -m bench.simulation [ANSWERS]`.

Lineages are drawn at random, chains or graphs with merges, and results with known standard errors around a truth that
stays, takes one step or is worn away evenly. The rates are those of docs/erosion.md.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, Finding
from descentd.queries.erosion.questions import EROSION, ErosionKind, questions
from descentd.queries.evaluation.series import AncestrySeries, EvaluationProtocol, Series, SeriesKey
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Result

ALPHA = 0.05
STDERR = 0.01
STEP = 3 * np.sqrt(2) * STDERR
"""Three standard errors of a difference."""

PROTOCOL = EvaluationProtocol("suite", "1")

Dice = np.random.Generator
Parents = dict[int, list[int]]


@dataclass(frozen=True)
class World:
    """What is drawn: `metrics` × `slices` series over 2 to 30 versions, some of them not measured."""

    metrics: int = 10
    slices: int = 3
    merges: bool = False
    least: int = 2
    unmeasured: float = 0.15
    uneven: bool = False
    """Half of the metrics TARGET, and standard errors that differ up to four times."""


def lineage(dice: Dice, world: World) -> Parents:
    """A chain, or a graph in which each version has one of the last three as a parent and a quarter has two."""
    size = int(dice.integers(world.least, 31))
    parents: Parents = {0: []}
    for version in range(1, size):
        recent = min(version, 3) if world.merges else 1
        count = 2 if world.merges and recent > 1 and dice.random() < 0.25 else 1
        parents[version] = [version - 1 - int(back) for back in dice.choice(recent, count, replace=False)]
    return parents


def series(dice: Dice, world: World, parents: Parents, rises: Callable[[int], float] | None = None) -> list[Series]:
    """Results of every series; those of the first lie by `rises` above the truth."""
    head = len(parents) - 1
    measured = [version for version in parents if version == head or dice.random() >= world.unmeasured]
    found = []
    for number in range(world.metrics * world.slices):
        metric = number % world.metrics
        target = world.uneven and metric % 2 == 1
        definition = MetricDefinition(
            f"m{metric}",
            MetricCategory.BIAS,
            MetricDirection.TARGET if target else MetricDirection.LOWER_IS_BETTER,
            optimum=0.5 if target else None,
        )
        truth = 0.5 if target and metric % 4 == 1 else 0.53
        results = {}
        for version in measured:
            stderr = STDERR * (float(2 ** dice.uniform(-1, 1)) if world.uneven else 1.0)
            risen = rises(version) if rises and number == 0 else 0.0
            results[version] = Result(truth + risen + stderr * float(dice.normal()), stderr)
        slice_ = (("slice", str(number // world.metrics)),)
        found.append(Series(SeriesKey(definition, PROTOCOL, slice_), results))
    return found


def answer(dice: Dice, world: World, planted: str = "") -> Assessment:
    """An assessment of the last version; planted: "" nothing, "step" half-way, "slope" over all of it."""
    parents = lineage(dice, world)
    head = len(parents) - 1
    rises: Callable[[int], float] | None = None
    if planted == "step":
        start = (head + 1) // 2
        rises = lambda version: STEP if version >= start else 0.0  # noqa: E731
    elif planted == "slope":
        rises = lambda version: STEP * version / head  # noqa: E731
    return assess(head, parents, series(dice, world, parents, rises), alpha=ALPHA)


def uncontrolled(dice: Dice, world: World) -> bool:
    """Whether any question by itself has p ≤ alpha for the worse."""
    parents = lineage(dice, world)
    ancestry = Ancestry(len(parents) - 1, parents)
    asked = [
        one
        for each in series(dice, world, parents)
        for one in questions(AncestrySeries(each, ancestry), ancestry, None)
    ]
    return any(one.got_worse and one.found.p is not None and one.found.p <= ALPHA for one in asked)


def false_gain(dice: Dice, world: World) -> bool:
    """Whether a real step is called a trade-off though performance did not change."""
    parents = lineage(dice, world)
    start = len(parents) // 2
    losses = series(dice, world, parents, lambda version: STEP if version >= start else 0.0)
    accuracy = MetricDefinition("accuracy", MetricCategory.PERFORMANCE, MetricDirection.HIGHER_IS_BETTER)
    results = {version: Result(0.8 + STDERR * float(dice.normal()), STDERR) for version in losses[0].results}
    found = assess(len(parents) - 1, parents, [*losses, Series(SeriesKey(accuracy, PROTOCOL), results)], alpha=ALPHA)
    return any(finding.kind is ErosionKind.TRADE_OFF for finding in found.findings)


def alarm(dice: Dice, world: World) -> bool:
    """Whether anything is found although nothing changed."""
    return bool(answer(dice, world).findings)


def found(dice: Dice, world: World, planted: str) -> bool:
    """Whether a planted change is found: as an erosion of the first series."""
    return any(finding.kind in EROSION and _first(finding) for finding in answer(dice, world, planted).findings)


def _first(finding: Finding) -> bool:
    return finding.series.metric.name == "m0" and finding.series.slice == (("slice", "0"),)


def rate(answers: int, one: Callable[[Dice], bool], seed: int = 1) -> float:
    """In how many of so many answers something is the case."""
    dice = np.random.default_rng(seed)
    return sum(one(dice) for _ in range(answers)) / answers


def cases() -> Iterator[tuple[str, Callable[[Dice], bool]]]:
    """What is simulated."""
    for merges, shape in ((False, "chain"), (True, "DAG")):
        for metrics, slices in ((10, 3), (1, 1)):
            world = World(metrics, slices, merges)
            yield f"no effect, {metrics} × {slices}, {shape}: any finding", partial(alarm, world=world)
    yield "no effect, half TARGET, unequal errors: any finding", partial(alarm, world=World(uneven=True))
    yield "no effect, 10 × 3, chain, without control: any p ≤ .05", partial(uncontrolled, world=World())
    for planted in ("step", "slope"):
        for count in (1, 3, 5, 30):
            world = World(count, 1, least=4, unmeasured=0.0)
            yield f"{planted} of 3 SE, {count} series: found", partial(found, world=world, planted=planted)
    yield "step of 3 SE, no gain: called a trade-off", partial(false_gain, world=World(1, 1, least=4))


def main() -> None:
    """Simulate everything, so many answers each (1,000 unless given)."""
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name, one in cases():
        print(f"{name:60} {rate(answers, one):.3f}", flush=True)


if __name__ == "__main__":
    main()
