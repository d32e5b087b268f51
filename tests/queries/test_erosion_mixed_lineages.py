"""The rules of docs/erosion.md against an independent implementation, where values tie, errors lack and samples shrink.

Several slices and suites of one metric, metrics that are not about safety, versions whose results do not count, and
`since` are among them.
"""

from dataclasses import dataclass

import networkx as nx
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import series_key
from tests.queries.erosion_oracle import HIGH, LOW, TARGET, Unknown
from tests.queries.expected_erosion import ALPHAS, asked_of, check
from tests.support.effort import some_of

FORMS = (
    ("error",),
    ("count",),
    ("error", "error", "none"),
    ("error", "error", "error", "zero", "none"),
    ("count", "count", "error", "none"),
    ("count", "counted zero"),
    ("count",),
    ("none",),
)
"""What is known of the errors in a series: reported, none, 0, or of a rate the number of items."""
SLICES = ((), (("age", "65+"),))


@dataclass(frozen=True)
class Lineage:
    """What an assessment is made of; `since` is an ancestor of the last version, the head, or None."""

    parents: dict[int, list[int]]
    series: list[Series]
    since: int | None

    @property
    def head(self) -> int:
        return len(self.parents) - 1


@st.composite
def metrics(draw: st.DrawFn, name: str) -> MetricDefinition:
    """Mostly about safety; ratios, rates, and TARGETs with values on both sides of the optimum among them."""
    direction = draw(st.sampled_from([LOW, HIGH, TARGET, LOW, HIGH, TARGET, TARGET, MetricDirection.NONE]))
    kind = draw(st.sampled_from(["rate", "rate", "rate", "plain", "ratio"]))
    category = draw(st.sampled_from([*[MetricCategory.BIAS] * 6, MetricCategory.PERFORMANCE]))
    return MetricDefinition(
        name, category, direction,
        optimum=0.5 if direction is TARGET else None,
        tolerance=draw(st.sampled_from([0.0, 0.02])),
        is_rate=kind == "rate",
        scale=MetricScale.LOG if kind == "ratio" else MetricScale.LINEAR,
        counts_as_safety=draw(st.sampled_from([*[None] * 6, True, False])),
    )  # fmt: skip


def measured(
    dice: np.random.Generator, form: str, level: float, tied: bool, sizes: tuple[int, ...], rate: bool
) -> Result:
    """A result of one form; of a rate by items, and tied where it has only two digits or the same few items."""
    if rate and "count" in form:
        n = int(dice.choice(sizes[:1] if tied else sizes))
        return Result(float(dice.binomial(n, level) / n), 0.0 if "zero" in form else None, n)
    value = min(0.99, max(0.01, float(level + dice.normal(0, 0.02))))
    error = {"error": float(dice.choice([0.01, 0.02, 0.04])), "zero": 0.0}.get(form)
    return Result(round(value, 2) if tied else value, error)


@st.composite
def results(draw: st.DrawFn, metric: MetricDefinition, size: int, dice: np.random.Generator) -> dict[int, Result]:
    """Of most versions; near 0, at the optimum or near 1, unchanged, drifting or in one step."""
    tied, form = draw(st.booleans()), draw(st.sampled_from(FORMS))
    sizes = draw(st.sampled_from([(12, 20, 60), (16, 40, 400), (20, 400, 5000), (100, 2000)]))
    middle, drift = draw(st.sampled_from([0.01, 0.45, 0.5, 0.95])), draw(st.sampled_from([-0.03, 0.0, 0.01, 0.04]))
    step, start = draw(st.sampled_from([-0.15, 0.0, 0.0, 0.2])), int(dice.integers(0, size))
    found = {}
    for version in range(size):
        if dice.random() < (0.95 if version == size - 1 else 0.85):
            level = min(1.0, max(0.0, middle + drift * version + step * (version >= start)))
            found[version] = measured(dice, str(dice.choice(form)), level, tied, sizes, metric.is_rate)
    return found


@st.composite
def lineages(draw: st.DrawFn) -> Lineage:
    """Chains of up to twelve versions and graphs of up to eight, with up to four series of up to two metrics."""
    merges = draw(st.booleans())
    size = draw(st.sampled_from([2, 3, 5, 6, 7, 8] if merges else [2, 4, 5, 6, 7, 9, 10, 11, 12]))
    parents: dict[int, list[int]] = {0: []}
    for version in range(1, size):
        if not merges:
            parents[version] = [version - 1]
            continue
        last = version == size - 1  # of more lines, which differ among themselves
        recent = st.integers(max(0, version - (6 if last else 3)), version - 1)
        fewest, most = min(version, 3 if last else 1), 4 if last else 2
        parents[version] = draw(st.lists(recent, min_size=fewest, max_size=most, unique=True))
    dice = np.random.default_rng(draw(st.integers(0, 100_000)))
    definitions = [draw(metrics("m0")), draw(metrics("m1"))]
    kinds = st.tuples(
        st.sampled_from(definitions), st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from(SLICES)
    )
    found = []
    for metric, suite, edition, slice in draw(
        st.lists(kinds, min_size=1, max_size=4, unique_by=lambda kind: (kind[0].name, *kind[1:]))
    ):
        kept = draw(results(metric, size, dice))
        gone = [version for version in range(size) if version not in kept]
        contaminated = frozenset(version for version in gone if dice.random() < 0.4)
        retracted = frozenset(version for version in gone if dice.random() < 0.4) - contaminated
        found.append(Series(series_key(metric, suite, edition, slice=slice), kept, contaminated, retracted))
    derived = nx.DiGraph([(parent, version) for version, named in parents.items() for parent in named])
    above = sorted(nx.ancestors(derived, size - 1))
    return Lineage(parents, found, draw(st.sampled_from(above)) if dice.random() < 0.3 else None)


@settings(max_examples=some_of(240))
@given(lineages())
def test_findings_and_verdict_are_those_of_the_rules(lineage: Lineage) -> None:
    try:
        oracles = asked_of(lineage.parents, lineage.head, lineage.series, lineage.since)
    except Unknown:
        assume(False)
    for alpha in ALPHAS:
        found = assess(lineage.head, lineage.parents, lineage.series, since=lineage.since, alpha=alpha)
        check(found, lineage.parents, oracles, alpha)
