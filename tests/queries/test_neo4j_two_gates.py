"""Promotions by one process while another records what speaks against them, at the worst moments, on one Neo4j."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from descentd.graph.inputs.acts import DeploymentInput, FlagInput, RetractionInput
from descentd.graph.model.errors import GateBlocked, InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Head
from descentd.graph.store.batch import Batch
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.neo4j.writer import Writer
from descentd.queries.governance.flags import flag
from descentd.queries.governance.gate.promotion import promote
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.governed import BIAS, CHILD, OWN, PARENT, ask, evaluation, go, lay_down, lineage
from tests.support.neo4j_server import Neo4jServer
from tests.support.registries import opened, send

pytestmark = pytest.mark.anyio

Registries = tuple[Registry, Registry]


@pytest.fixture
async def registries(neo4j_empty: Neo4jServer) -> AsyncIterator[Registries]:
    """One registry as two processes have it."""
    async with AsyncExitStack() as stack:
        found = [
            await stack.enter_async_context(opened(Neo4jStore(neo4j_empty.uri, neo4j_empty.auth))) for _ in range(2)
        ]
        yield found[0], found[1]


async def flagged(registry: Registry) -> None:
    given = {"subjects": [PARENT], "action": "QUARANTINE", "reason": "Leak.", "propagate": True}
    await flag(registry, FlagInput.read(given), "rita")


async def objected(registry: Registry) -> None:
    await go(registry, "olga", "NO_GO")


async def measured_again(registry: Registry) -> None:
    await send(registry, evaluations=[evaluation(CHILD, "pct_stereotype", 0.9)])


async def asked_for_more(registry: Registry) -> None:
    await lay_down(registry, BIAS, "1 > 2")


async def child_retracted(registry: Registry) -> None:
    await retract(registry, RetractionInput.read({"subjects": [CHILD], "reason": "Wrong."}), "rita")


NEWS = [flagged, objected, measured_again, asked_for_more, child_retracted]


@pytest.mark.parametrize("news", NEWS)
async def test_no_promotion_rests_on_what_has_changed(
    registries: Registries, monkeypatch: pytest.MonkeyPatch, news: Callable[[Registry], Awaitable[None]]
) -> None:
    """What the other process records comes right before the statement that would write the promotion."""
    ours, theirs = registries
    await lay_down(ours, BIAS)
    await send(ours, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "pct_stereotype", 0.5)])
    await promote(ours, CHILD, "production", "ada")
    add, meanwhile = Writer._add, [news]

    async def late(self: Writer, end: Head, batch: Batch) -> bool:
        while meanwhile and batch.appended[-1].entry.record.kind is Kind.PROMOTION:
            await meanwhile.pop()(theirs)
        return await add(self, end, batch)

    monkeypatch.setattr(Writer, "_add", late)
    with pytest.raises(GateBlocked):
        await promote(ours, CHILD, "production", "ada")
    assert meanwhile == []
    for registry in (ours, theirs):
        assert (await ask(registry)).outcome.value == "BLOCKED"
        assert len(await registry.all_of(Kind.PROMOTION, await registry.sequence())) == 1


async def test_an_act_that_is_sent_again_to_another_process_is_the_same(registries: Registries) -> None:
    """Though that has looked for it before, when it was not there, and would refuse it by now."""
    ours, theirs = registries
    await lay_down(ours, "1 < 2")
    await send(ours, **lineage(safetyProfile=OWN))
    clear = FlagInput.read({"subjects": [CHILD], "action": "CLEAR", "reason": "Fixed.", "idempotencyKey": "c"})
    place = {"subject": CHILD, "environment": "production", "endpoint": "/score", "idempotencyKey": "d"}
    serve = DeploymentInput.read(place)
    with pytest.raises(InvalidInput, match="nothing to clear"):
        await flag(ours, clear, "rita")
    with pytest.raises(GateBlocked):
        await deploy(ours, serve, "ada")
    await promote(theirs, CHILD, "production", "ada")
    served = await deploy(theirs, serve, "ada")
    await flagged(theirs)
    cleared = await flag(theirs, clear, "rita")
    await flagged(theirs)
    assert (await deploy(ours, serve, "ada")).deployment.entry == served.deployment.entry
    assert (await flag(ours, clear, "rita")).record == cleared.record
