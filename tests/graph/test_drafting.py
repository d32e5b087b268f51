"""Drafts that are run at once come to what they come to in turn, and only those that others touch are run again."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.registration.register import plan
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.batch import Batch, settle
from descentd.graph.store.drafting import settle_at_once
from descentd.graph.store.memory import MemoryStore
from tests.support.histories import adding

pytestmark = pytest.mark.anyio

BASE = {"models": [{"name": "m", "version": "0"}], "datasets": [{"name": "d", "version": "1"}]}
SUITE = {"name": "s", "version": "1"}


def registering(given: Content) -> Proposal:
    async def draft(reads: Reads) -> Sequence[Record]:
        return (await plan(ManifestInput.read(given), reads)).new

    return Proposal(draft, "ana")


def version(number: int, parent: int, seed: int) -> Content:
    parents = [{"ref": f"model:m@{parent}", "relation": "FINE_TUNE"}]
    return {"models": [{"name": "m", "version": str(number), "config": {"seed": seed}, "parents": parents}]}


def unnumbered(seed: int) -> Content:
    return {"models": [{"name": "m", "config": {"seed": seed}}]}


def profile(number: int, use: str) -> Content:
    return {"safetyProfiles": [{"subject": f"model:m@{number}", "intendedUse": use, "mustNotDo": ["Anything else."]}]}


def measured(number: int, value: float) -> Content:
    result = {"name": "accuracy", "value": value}
    return {"evaluations": [{"subject": f"model:m@{number}", "suite": SUITE, "metrics": [result]}]}


few = st.integers(0, 4)
manifests = st.lists(
    st.one_of(
        st.builds(version, few, few, few),
        st.builds(unnumbered, few),
        st.builds(profile, few, st.sampled_from(["Scoring.", "Ranking."])),
        st.builds(measured, few, st.sampled_from([0.25, 0.5])),
    ),
    max_size=8,
)


async def store_with_base() -> MemoryStore:
    store = MemoryStore()
    await store.open()
    assert await store.write([registering(BASE)]) == [None]
    return store


def shown(batch: Batch, outcomes: Sequence[DescentError | None]) -> tuple[list[str], list[str]]:
    return [item.entry.record.id for item in batch.appended], [str(outcome) for outcome in outcomes]


@settings(max_examples=150, deadline=None)
@given(manifests)
def test_at_once_comes_to_what_comes_in_turn(found: list[Content]) -> None:
    async def both() -> None:
        store = await store_with_base()
        proposals = [registering(one) for one in found]
        head = await store.head()
        in_turn = shown(*await settle(store, head, proposals))
        assert shown(*await settle_at_once(store, head, proposals)) == in_turn

    asyncio.run(both())


async def test_what_nobody_touches_is_drafted_once() -> None:
    store = await store_with_base()
    drafted: list[int] = []

    def counted(number: int, parent: int) -> Proposal:
        inner = registering(version(number, parent, number))

        async def draft(reads: Reads) -> Sequence[Record]:
            drafted.append(number)
            return await inner.draft(reads)

        return Proposal(draft, "ana")

    proposals = [counted(1, 0), counted(2, 0), counted(3, 2)]
    batch, outcomes = await settle_at_once(store, await store.head(), proposals)
    assert outcomes == [None, None, None]
    assert len([item for item in batch.appended if item.entry.record.kind is Kind.MODEL_VERSION]) == 3
    assert sorted(drafted) == [1, 2, 3, 3]  # the last names what the one before it registers


async def test_edges_that_arrive_are_looked_for_again() -> None:
    store = await store_with_base()
    [brief] = (await store.resolve(["model:m@0"])).values()

    async def count(reads: Reads) -> Sequence[Record]:
        about = await reads.links([brief.sequence], {Role.ABOUT}, inward=True)
        raise InvalidInput(f"{len(about)} notes.")

    note = Record.of(Kind.NOTE, {"subject": brief.id, "text": "Look.", "author": "ana"})
    proposals = [adding(note), Proposal(count, "ana")]
    _, outcomes = await settle_at_once(store, await store.head(), proposals)
    assert [str(outcome) for outcome in outcomes] == ["None", "1 notes."]


async def test_a_mistake_of_ours_is_raised_in_its_turn() -> None:
    store = await store_with_base()

    async def mistaken(_reads: Reads) -> Sequence[Record]:
        raise KeyError("mistake")

    proposals = [registering(version(1, 0, 1)), Proposal(mistaken, "ana")]
    with pytest.raises(KeyError, match="mistake"):
        await settle_at_once(store, await store.head(), proposals)
