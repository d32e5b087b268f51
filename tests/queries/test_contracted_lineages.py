"""What is answered about a long lineage without reading each version of it is what it says when each is read."""

from dataclasses import replace
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from descentd.graph.index.contraction import SupportsContraction
from descentd.graph.model.reach import SupportsReach
from descentd.graph.store.memory import MemoryStore
from descentd.queries.evaluation.comparable import comparable
from descentd.queries.lineage.parents import parents_of
from descentd.queries.registry import Registry
from tests.queries.disclosing import RATES, Lineage, ref, registered
from tests.support.effort import some_of
from tests.support.registries import opened
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


class Whole:
    """A walk that contracts nothing."""

    def __init__(self, walk: SupportsReach) -> None:
        self._walk = walk

    def __getattr__(self, name: str) -> Any:
        if name == "contraction":
            raise AttributeError(name)
        return getattr(self._walk, name)


def read_whole(registry: Registry) -> Registry:
    """The same registry where every version of an ancestry is read."""
    found = replace(registry, walk=Whole(registry.walk))
    assert isinstance(registry.walk, SupportsContraction)
    assert not isinstance(found.walk, SupportsContraction)
    return found


@st.composite
def lineages(draw: st.DrawFn) -> Lineage:
    """Of two to twelve versions, most with one parent and few measured; disclosures may lead back in the log."""
    names = ascii_lowercase[: draw(st.integers(2, 12))]
    order = "".join(draw(st.permutations(names))) if draw(st.integers(0, 3)) == 0 else names
    parents: dict[str, str] = {}
    disclosed: dict[str, str] = {}
    for place, name in enumerate(names):
        some = [names[place - 1]] if place else []
        if place and draw(st.integers(0, 4)) == 0:
            some = draw(st.lists(st.sampled_from(names[:place]), max_size=3, unique=True))
        late = [one for one in some if order.index(one) > order.index(name) or draw(st.integers(0, 8)) == 0]
        parents[name] = "".join(some)
        disclosed[name] = "".join(late)
    values = {name: draw(RATES) for name in names if draw(st.integers(0, 2)) == 0}
    return Lineage(parents, disclosed, order, values)


async def check(registry: Registry, lineage: Lineage, heads: str = "") -> int:
    """How many versions were left out, once every answer about some versions, or all, is the same."""
    whole, upto, left_out = read_whole(registry), await registry.sequence(), 0
    sequences = {name: (await registry.find(ref(name), upto)).sequence for name in lineage.order}
    for name in heads or lineage.order:
        every = await parents_of(registry, [sequences[name]], upto)
        found = await comparable(registry, [sequences[name]], upto)
        left_out += len(every) - len(found.parents)
        assert found.series == (await comparable(whole, [sequences[name]], upto)).series
        assert found.lineage.with_left_out(every.keys()) == {
            one: list(dict.fromkeys(named)) for one, named in every.items()
        }
        above = [one for one in lineage.order if sequences[one] in every.keys() - {sequences[name]}]
        for since in (None, *above[-1:], *above[len(above) // 3 :][:1]):
            given = {"of": ref(name)} | ({} if since is None else {"since": ref(since)})
            for operation, more in (("Erosion", {}), ("Trend", {"metric": "robust_accuracy"})):
                assert await ask(registry, operation, **given, **more) == await ask(whole, operation, **given, **more)
    return left_out


@settings(max_examples=some_of(48))
@given(lineages())
async def test_the_answers_are_the_same(lineage: Lineage) -> None:
    async with opened(MemoryStore()) as registry:
        await registered(registry, lineage)
        event("some are left out" if await check(registry, lineage) else "all are kept")


LONG = Lineage(
    parents={name: ascii_lowercase[place - 1] if place else "" for place, name in enumerate(ascii_lowercase)}
    | {"q": "pc"},
    disclosed=dict.fromkeys(ascii_lowercase, "") | {"q": "c"},
    order=ascii_lowercase,
    values={"c": (0.9, 0.6), "k": (0.8, 0.7), "t": (0.75, 0.7), "z": (0.7, 0.8)},
)
"""Twenty-six in a row, of which four were measured, and one that came from another earlier one, too."""


async def test_a_long_lineage_on_each_store(registry: Registry) -> None:
    await registered(registry, LONG)
    assert await check(registry, LONG, "gz") > 12
    found = await ask(registry, "Erosion", of=ref("z"))
    fields = {c["field"] for one in found["findings"] for span in one["introducedBy"] for c in span["changes"]}
    assert found["verdict"] == "ERODED"
    assert fields
