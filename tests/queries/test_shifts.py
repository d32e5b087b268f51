"""How a metric moved on derivations: as of each moment, in the series that count, and of one metric among several."""

from typing import Any

import pytest

from descentd.graph.model.errors import UnknownMetric
from descentd.queries.overview import shifts as shifts_module
from descentd.queries.overview.shifts import Outcome, ShiftQuery, Shifts, shifts
from descentd.queries.registry import Registry
from tests.queries.disclosing import evaluated, ref, version
from tests.support.registries import send

pytestmark = pytest.mark.anyio

DATA = [{"name": "exam", "version": "1", "partitions": [{"name": "all", "digest": f"sha256:{7:064x}"}]}]


class Pair:
    """A version `b` that was made of `a`."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.ends = 0, 0

    async def register(self) -> None:
        trained = [{"ref": "dataset:exam@1#all", "role": "TRAIN"}]
        await send(
            self.registry, datasets=DATA, models=[version("a"), version("b", "a", trainedOn=trained), version("c", "a")]
        )
        found = await self.registry.store.resolve([ref(name) for name in "abc"])
        self.ends = found[ref("a")].sequence, found[ref("b")].sequence

    async def ask(self, metric: str | None, upto: int | None = None, *likely: str) -> Shifts:
        upto = await self.registry.sequence() if upto is None else upto
        series = tuple((name, ()) for name in likely)
        query = ShiftQuery(frozenset(self.ends), frozenset({self.ends}), metric, (), upto, series)
        return await shifts(self.registry, query)


@pytest.fixture
async def pair(registry: Registry) -> Pair:
    made = Pair(registry)
    await made.register()
    return made


async def test_a_shift_is_that_of_its_moment(pair: Pair) -> None:
    assert await pair.ask(None) == Shifts()
    await send(pair.registry, evaluations=[evaluated("a", accuracy=0.9), evaluated("b", accuracy=0.8)])
    then = await pair.registry.sequence()
    first = await pair.ask("accuracy")
    assert first.by_derivation[pair.ends].delta == pytest.approx(-0.1)
    assert first.by_derivation[pair.ends].outcome is Outcome.WORSE
    await send(pair.registry, evaluations=[evaluated("b", accuracy=0.9)])
    now = await pair.ask("accuracy")
    assert now.by_derivation[pair.ends].delta == pytest.approx(-0.05)
    assert await pair.ask("accuracy", then) == first
    assert await pair.ask("accuracy") == now


async def test_a_result_on_what_was_learned_from_is_left_out(pair: Pair) -> None:
    exam = "dataset:exam@1#all"
    results = [evaluated(name, exam, accuracy=value) for name, value in (("a", 0.9), ("b", 0.99))]
    await send(pair.registry, evaluations=results)
    found = await pair.ask("accuracy")
    assert found.by_derivation == {}
    assert found.values.keys() == {pair.ends[0]}
    await send(pair.registry, evaluations=[evaluated(name, accuracy=0.7) for name in "ab"])
    assert (await pair.ask("accuracy")).by_derivation[pair.ends].delta == 0


async def test_the_metric_is_the_one_asked_for_the_likely_one_or_the_usual(pair: Pair) -> None:
    values = {"accuracy": 0.9, "attack_success_rate": 0.1}
    await send(pair.registry, evaluations=[evaluated("a", None, **values), evaluated("b", None, **values)])
    for metric, likely, expected in (
        ("accuracy", (), "accuracy"),
        (None, (), "attack_success_rate"),
        (None, ("truthfulness", "accuracy"), "accuracy"),
    ):
        found = await pair.ask(metric, None, *likely)
        assert found.metric is not None
        assert found.metric.name == expected
        assert {one.name for one in found.metrics} == values.keys()
        assert all(key.metric.name == expected for key in found.series)
    with pytest.raises(UnknownMetric):
        await pair.ask("acuracy")


async def test_answers_of_nothing_are_not_kept_for_ever(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice is any text."""
    monkeypatch.setattr(shifts_module, "ROOM", 3)
    find, calls = shifts_module._find, list[object]()

    async def counted(*grounds: Any) -> Shifts:
        calls.append(grounds)
        return await find(*grounds)

    monkeypatch.setattr(shifts_module, "_find", counted)
    upto = await pair.registry.sequence()

    async def ask(value: str) -> Shifts:
        return await shifts(pair.registry, ShiftQuery(frozenset(), frozenset(), None, (("of", value),), upto))

    for number in (*range(4), 3, 0):
        assert await ask(str(number)) == Shifts()
    assert len(calls) == 5
    for _ in range(2):
        await ask("x" * 1_000)
    assert len(calls) == 7
