"""What a procedure for erosion has to reach, simulated: the rows of the table in docs/erosion.md.

Lineages are chains in which versions answer the same items, somebody asks after each release, half of the metrics
improve and samples shrink. Each row is the share of so many answers in which something is the case.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.rows import Row
from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding, Span
from descentd.queries.erosion.questions import EROSION
from descentd.queries.evaluation.series import EvaluationProtocol, Series, SeriesKey
from descentd.queries.statistics.comparison import Pair, Result
from descentd.queries.statistics.e_process import established
from descentd.queries.statistics.pooling import pool

Dice = np.random.Generator
SIZE = 15
ITEMS = 500
STDERR = 0.01
UNIT = math.sqrt(2) * STDERR
"""The standard error of a difference."""
LOADING = 0.7
"""How much of whether an item is answered wrongly is the item's: some are difficult for every version."""
CHUNK = 50


def metric(name: str, direction: MetricDirection = MetricDirection.LOWER_IS_BETTER) -> MetricDefinition:
    """A safety metric without tolerance; a rate of items."""
    optimum = 0.5 if direction is MetricDirection.TARGET else None
    return MetricDefinition(name, MetricCategory.BIAS, direction, optimum, is_rate=True)


def chain(size: int) -> dict[int, list[int]]:
    """Each version derived from the one before."""
    return {version: [version - 1] if version else [] for version in range(size)}


def series(number: int, results: list[Result], direction: MetricDirection = MetricDirection.LOWER_IS_BETTER) -> Series:
    """One metric along a chain."""
    key = SeriesKey(metric(f"m{number}", direction), EvaluationProtocol("suite", "1"))
    return Series(key, dict(enumerate(results)))


def normal(dice: Dice, truth: NDArray[np.floating[Any]]) -> list[Result]:
    """Results with independent normal errors around a truth, a version a result."""
    return [Result(value, STDERR) for value in (truth + STDERR * dice.normal(size=len(truth))).tolist()]


def redrawn(dice: Dice, size: int, share: float, rate: float) -> list[Result]:
    """The same items along a chain, of which each derivation answers a share anew; nothing changes."""
    answers = dice.random(ITEMS) < rate
    rates = []
    for _ in range(size):
        rates.append(float(answers.mean()))
        again = dice.random(ITEMS) < share
        answers = np.where(again, dice.random(ITEMS) < rate, answers)
    return [Result(value, n=ITEMS) for value in rates]


def judged(all_of: list[Series], size: int = SIZE) -> Assessment:
    """The assessment of the last version of a chain."""
    return assess(size - 1, chain(size), all_of)


def eroded(found: Assessment) -> bool:
    """Whether safety is said to have got worse."""
    return found.verdict is ErosionVerdict.ERODED


def same_items(dice: Dice) -> bool:
    """ERODED, though a tenth of the answers of ten series is drawn again at each derivation and nothing changed."""
    return eroded(judged([series(n, redrawn(dice, SIZE, 0.1, float(dice.uniform(0.1, 0.5)))) for n in range(10)]))


def half_improved(dice: Dice) -> bool:
    """ERODED, though fifteen of thirty series improved by 6 SE at one derivation and the others did not change."""
    at = int(dice.integers(1, SIZE))
    better = 0.3 - 6 * UNIT * (np.arange(SIZE) >= at)
    return eroded(judged([series(n, normal(dice, better if n < 15 else np.full(SIZE, 0.3))) for n in range(30)]))


def shrinking(dice: Dice) -> bool:
    """ERODED, though ten TARGET metrics are at their optimum while samples shrink from 9,000 items to 30."""
    sizes = np.geomspace(9000, 30, SIZE).round().astype(int).tolist()
    found = [
        series(number, [Result(int(dice.binomial(n, 0.5)) / n, n=n) for n in sizes], MetricDirection.TARGET)
        for number in range(10)
    ]
    return eroded(judged(found))


def ever_lasting(dice: Dice, count: int, *, same: bool) -> bool:
    """LASTING_EROSION after any of 50 versions, though nothing changed."""
    for _ in range(count):
        if same:
            values = np.array([one.value for one in redrawn(dice, 50, 0.1, 0.3)])
            errors = np.sqrt(values * (1 - values) / ITEMS)
        else:
            values, errors = 0.3 + STDERR * dice.normal(size=50), np.full(50, STDERR)
        if any(True for _ in established(values, errors, 0.0, count)):
            return True
    return False


def erosions(found: Assessment) -> list[Finding]:
    """The findings that make a version ERODED, the gravest first."""
    return [one for one in found.findings if one.kind in EROSION]


def drifted(dice: Dice) -> list[Finding]:
    """What is found of an even drift of 4.2 to 6 SE over all 14 derivations."""
    rise = float(dice.uniform(4.2, 6)) * UNIT
    return erosions(judged([series(0, normal(dice, 0.3 + rise * np.arange(SIZE) / (SIZE - 1)))]))


def drift_found(dice: Dice) -> bool:
    """Whether the drift is found."""
    return bool(drifted(dice))


def drift_blamed(dice: Dice) -> bool:
    """Whether any finding blames one derivation alone for the drift."""
    return any(len(one.introduced_by) == 1 and not one.gradual for one in drifted(dice))


def stepped(dice: Dice) -> tuple[list[Finding], Span]:
    """What is found of one step of 4.2 SE, and the derivation that it was planted in."""
    at = int(dice.integers(1, SIZE))
    return erosions(judged([series(0, normal(dice, 0.3 + 4.2 * UNIT * (np.arange(SIZE) >= at)))])), Span(at - 1, at)


def step_found(dice: Dice) -> bool:
    """Whether the step is found."""
    return bool(stepped(dice)[0])


def step_held(dice: Dice) -> bool | None:
    """Whether what each finding blames holds the derivation of the step, where any was found."""
    found, span = stepped(dice)
    if not found:
        return None
    return all(
        any(one.ancestor <= span.ancestor and span.descendant <= one.descendant for one in finding.introduced_by)
        for finding in found
    )


def step_alone(dice: Dice) -> bool | None:
    """Whether the gravest finding blames the derivation of the step alone, where any was found."""
    found, span = stepped(dice)
    return found[0].introduced_by == (span,) if found else None


def paired_step(dice: Dice) -> bool:
    """A step of .20 → .25 over 500 items of which half is answered anew is found when compared item by item."""
    difficulty, first = dice.normal(size=ITEMS), dice.normal(size=ITEMS)
    second = np.where(dice.random(ITEMS) < 0.5, dice.normal(size=ITEMS), first)
    before, after = (
        LOADING**0.5 * difficulty + (1 - LOADING) ** 0.5 * noise < point
        for noise, point in ((first, -0.8416), (second, -0.6745))
    )
    n01, n10 = int((after & ~before).sum()), int((before & ~after).sum())
    results = [Result(float(before.mean()), n=ITEMS), Result(float(after.mean()), n=ITEMS, pairs=(Pair(0, n01, n10),))]
    return eroded(judged([series(0, results)], 2))


def detectable_step(dice: Dice, count: int) -> bool:
    """A step as large as would usually have been seen is found, asked among so many series."""
    flat = np.full(SIZE, 0.3)
    others = [series(number, normal(dice, flat)) for number in range(1, count)]
    usual = next(
        one.change
        for one in judged([series(0, normal(dice, flat)), *others]).detectable
        if one.series.metric.name == "m0"
    )
    stepped = normal(dice, flat + usual * (np.arange(SIZE) == SIZE - 1))
    found = judged([series(0, stepped), *others]).findings
    return any(one.kind in EROSION and one.series.metric.name == "m0" for one in found)


def not_cleared(dice: Dice) -> bool:
    """Neither a tiny next sample nor a tiny second run clears what was found; drawn once, whatever the dice."""
    del dice
    tiny = judged([series(0, [Result(0.05, n=1000), Result(0.20, n=1000), Result(0.20, n=20)])], 3)
    again = pool(metric("m0"), [Result(0.15, n=5000), Result(0.10, n=10)])
    return eroded(tiny) and eroded(judged([series(0, [Result(0.10, n=5000), again])], 2))


@dataclass(frozen=True)
class Case:
    """A row: what it is the share of, and what that has to reach. Answers that are None are not counted."""

    what: str
    one: Callable[[Dice], bool | None]
    target: float
    better: Literal["less", "more"]


def cases() -> Iterator[Case]:
    """The rows of the table."""
    yield Case("same items, 10 series, nothing changed: ERODED", same_items, 0.05, "less")
    yield Case("15 of 30 series improved by 6 SE: ERODED", half_improved, 0.03, "less")
    yield Case("TARGET at its optimum, samples shrinking: ERODED", shrinking, 0.05, "less")
    for same, items in ((False, "independent"), (True, "same items")):
        for count in (1, 10):
            ever = partial(ever_lasting, count=count, same=same)
            yield Case(f"50 versions, {items}, {count} series: LASTING ever", ever, 0.05, "less")
    yield Case("even drift of 4.2–6 SE: blamed on one, by any finding", drift_blamed, 0.10, "less")
    yield Case("even drift of 4.2–6 SE: found", drift_found, 0.85, "more")
    yield Case("one step of 4.2 SE: found", step_found, 0.85, "more")
    yield Case("one step of 4.2 SE: the blame of each finding holds it", step_held, 0.95, "more")
    yield Case("one step of 4.2 SE: blamed alone", step_alone, 0.75, "more")
    yield Case(".20 → .25 in 500 paired items, half re-drawn: found", paired_step, 0.85, "more")
    for count in (1, 10, 30):
        seen = partial(detectable_step, count=count)
        yield Case(f"a step that would usually be seen, {count} series: found", seen, 0.75, "more")
    yield Case("a tiny sample, a tiny second run: not cleared", not_cleared, 1.0, "more")


def rate(case: Case, answers: int, seed: int = 1) -> float:
    """The share of so many answers."""
    return _share([_some(case, min(CHUNK, answers - start), (seed, start)) for start in range(0, answers, CHUNK)])


def _some(case: Case, answers: int, seed: tuple[int, int]) -> list[bool]:
    dice = np.random.default_rng(seed)
    return [found for _ in range(answers) if (found := case.one(dice)) is not None]


def _share(found: list[list[bool]]) -> float:
    every = [one for some in found for one in some]
    return sum(every) / len(every)


def rows(answers: int, processes: int = 2) -> Iterator[Row]:
    """Every row over so many answers, in several processes."""
    with ProcessPoolExecutor(processes) as pool:
        for case in cases():
            starts = range(0, answers, CHUNK)
            parts = [pool.submit(_some, case, min(CHUNK, answers - start), (1, start)) for start in starts]
            share = _share([part.result() for part in parts])
            spread = math.sqrt(share * (1 - share) / answers)
            yield Row(case.what, share, "", case.target, case.better, f"± {spread:.3f}, {answers:,} answers")
