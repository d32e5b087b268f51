"""Sentences count what is one as one, and write numbers that differ so that it can be seen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import Series
from descentd.queries.governance.gate.decide import RuleOutcome, evaluate
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.governance.reviews import Quorum
from descentd.queries.lineage.history import history
from descentd.queries.lineage.versions import VersionFilter, documentation_drift
from descentd.queries.prose import apart
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import series_key
from tests.queries.governed import CHILD, OWN, digest, evaluation, lineage
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

DAY = 86_400_000_000


@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=4))
def test_numbers_are_written_apart_exactly_where_they_differ(values: list[float]) -> None:
    written = [float(text) for text in apart(*values)]
    for i, value in enumerate(values):
        assert written[i] == pytest.approx(value, rel=1e-3)
        assert all((written[i] == written[j]) == (value == other) for j, other in enumerate(values))


def test_numbers_are_as_short_as_can_be() -> None:
    assert apart(0.5, 0.50001) == ["0.5", "0.50001"]
    assert apart(1 / 3, 0.25) == ["0.3333", "0.25"]
    assert apart(7.0412, 7.0391, digits=3) == ["7.041", "7.039"]


@pytest.mark.parametrize(
    ("needed", "who", "said"),
    [
        (0, (), "0 people said GO, and no GO is needed"),
        (0, ("rita",), "1 person said GO, and no GO is needed"),
        (1, (), "0 of 1 person said GO"),
        (2, ("rita",), "1 of 2 people said GO"),
        (1200, ("rita",), "1 of 1,200 people said GO"),
    ],
)
def test_who_said_go(needed: int, who: tuple[str, ...], said: str) -> None:
    assert Quorum(needed, who).sentence == said


async def rule(registry: Registry, source: str, days: float = 0) -> RuleOutcome:
    """What a rule says of the child, so many days from now."""
    policy = {"environment": "production", "rules": [{"name": "rule", "expression": source}]}
    await register_policies(registry, [PolicyInput.read(policy)])
    at = await registry.sequence()
    [now] = await registry.store.entries([at])
    brief = await registry.find(CHILD, at)
    found = await evaluate(registry, brief, "production", at, now.recorded_at + int(days * DAY))
    return next(one for one in found.rules if one.name == "rule")


async def test_what_a_rule_saw_shows_on_which_side_of_its_bound_it_is(registry: Registry) -> None:
    results = [evaluation(CHILD, "accuracy", 0.79998, n=1000), evaluation(CHILD, "toxicity_score", 0.1)]
    await send(registry, **lineage(safetyProfile=OWN), evaluations=results)
    found = await rule(registry, 'metrics["accuracy"].all(m, m.value >= 0.80)')
    assert (found.outcome.value, found.message) == ("BLOCKED", "accuracy is 0.79998.")
    assert (await rule(registry, 'metrics["accuracy"].all(m, m.value >= 0.9)')).saw == "accuracy is 0.8"
    assert (await rule(registry, 'metrics["toxicity_score"].all(m, m.value <= 0.1)')).saw == "toxicity_score is 0.1"
    error = await rule(registry, 'metrics["accuracy"].all(m, m.stderr < 0.01265)')
    assert error.saw == "accuracy is 0.8 (standard error 0.0126496)"


@pytest.mark.parametrize(
    ("days", "age"), [(0.2, "0 days"), (1.1, "1 day"), (29.6, "29.6 days"), (30.2, "30.2 days"), (31, "31 days")]
)
async def test_ages_are_whole_days_where_that_is_enough(registry: Registry, days: float, age: str) -> None:
    await send(registry, **lineage(safetyProfile=OWN))
    assert (await rule(registry, "profile.age_days < 30.0", days)).saw == f"the safety profile is {age} old"
    assert (await rule(registry, "version.age_days < 30.0", days)).saw.endswith(f", and it is {age} old")


async def test_a_claim_and_the_result_that_contradicts_it_do_not_look_the_same(registry: Registry) -> None:
    claims = [{"text": "Right nine times in ten.", "metric": "accuracy", "atLeast": 0.9}]
    results = [evaluation(CHILD, "accuracy", 0.89999996)]
    await send(registry, **lineage(safetyProfile=OWN | {"claims": claims}), evaluations=results)
    found = await documentation_drift(registry, VersionFilter(name="m"), None, None)
    messages = [one.message for one in found.items[0].findings if one.kind.value == "CLAIM_CONTRADICTED"]
    assert messages == ['The profile claims "Right nine times in ten.", but accuracy is 0.89999996, below 0.9.']


def test_the_other_side_of_an_optimum_does_not_look_like_the_optimum() -> None:
    rate = MetricDefinition(
        "stereotype_rate", MetricCategory.BIAS, MetricDirection.TARGET, optimum=0.5, tolerance=0.0, is_rate=True
    )
    series = Series(series_key(rate), {0: Result(0.50001, None, None), 1: Result(0.49999, None, None)})
    said = summary(assess(1, {0: [], 1: [0]}, [series]), Labels("v{}".format, "{}".format))
    assert "is now on the other side of 0.5: 0.49999, where it was 0.50001 on v0" in said


async def test_a_difference_shows_that_its_values_differ(registry: Registry) -> None:
    def part(name: str, number: int, old: float) -> dict[str, Any]:
        shares = [{"attribute": "age", "value": v, "share": share} for v, share in (("65+", old), ("18-64", 1 - old))]
        complete = {"populationDocumented": "COMPLETE", "population": shares}
        return {"name": name, "digest": digest(number), "rows": 1000, **complete}

    own = {"name": "own", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER", "isRate": True, "tolerance": 0}
    data = [{"name": "d", "version": "1", "partitions": [part("a", 71, 0.10001), part("b", 72, 0.10002)]}]
    models = [
        {"name": "w", "version": name, "config": {"v": name}, "trainedOn": [{"ref": ref, "role": "TRAIN"}]}
        for name, ref in (("1", "dataset:d@1#a"), ("2", "dataset:d@1#b"))
    ]
    results = [evaluation(f"model:w@{i}", "own", value) for i, value in ((1, 0.50001), (2, 0.50002))]
    await send(registry, datasets=data, models=models, metrics=[own], evaluations=results)
    said = (await ask(registry, "Diff", base="model:w@1", head="model:w@2", attributes=None))["summary"]
    assert "better own (0.50001 → 0.50002)" in said
    assert "age 65+ 10.001 % → 10.002 %" in said


async def test_histories_count_one_as_one(registry: Registry) -> None:
    await send(registry, **lineage())
    for shares in (1, 2):
        said = [{"attribute": "lang", "value": f"l{i}"} for i in range(shares)]
        of = {"subject": "dataset:d@1#p", "reason": "Seen.", "populationDocumented": "PARTIAL", "population": said}
        await send(registry, populations=[of])
    events = await history(registry, "dataset:d@1#p", None, None)
    told = [event.summary for event, _ in events.items]
    assert any("(partial, 1 value)" in one for one in told)
    assert any("(partial, 2 values)" in one for one in told)
