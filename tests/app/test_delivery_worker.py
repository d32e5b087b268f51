"""Deliveries: signed, in order, again and again until accepted or parked, by one at a time, and only where allowed."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from descentd.app.http import standard_webhooks
from descentd.app.notifications.delivery_worker import BASE, LONGEST, SECOND, DeliveryWorker, pause
from descentd.app.notifications.destinations import Destination
from descentd.app.notifications.http_sender import HTTPSender
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.model.clock import now
from descentd.graph.registration.register import Registered
from descentd.queries.governance.record_review import review
from descentd.queries.production.announcements import ALL_TYPES
from descentd.queries.registry import Registry
from tests.app.receiver import OTHER, SECRET, Receiver
from tests.queries.governed import CHILD, PARENT, lineage, version, weakness
from tests.support.registries import opened, send, store_of

pytestmark = pytest.mark.anyio

LEASE = 30 * SECOND
ALONE = pytest.mark.parametrize("store_kind", ["memory"])


class Clock:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> int:
        return self.moment

    def wait(self, seconds: float) -> None:
        self.moment += int(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sender() -> AsyncIterator[HTTPSender]:
    made = HTTPSender(["127.0.0.1"], timeout=20)
    yield made
    await made.close()


def destination(url: str, *secrets: str, **other: Any) -> Destination:
    usual = {"kinds": frozenset(ALL_TYPES), "environments": None, "attempts": 4} | other
    return Destination("ci", url, [standard_webhooks.key(secret) for secret in secrets or (SECRET,)], **usual)


async def delivery_worker(registry: Registry, sender: HTTPSender, clock: Clock, to: Destination) -> DeliveryWorker:
    made = DeliveryWorker(to, lambda: registry, sender.send, LEASE, clock=clock, chance=lambda: 0.0)
    await made.begin(registry)
    return made


async def noted(registry: Registry, *numbers: int) -> Registered:
    notes = [{"subject": PARENT, "author": "ann", "text": f"Note {number}."} for number in numbers]
    return await send(registry, notes=notes)


async def states(registry: Registry) -> list[tuple[int, str, int, str]]:
    found = await registry.store.outbox.deliveries(100)
    found.sort(key=lambda one: (one.sequence, one.type))
    return [(one.sequence, one.state.value, one.attempts, one.reason) for one in found]


async def test_the_whole_of_it(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    """On each store: from where it begins, signed, in order, again after 500, parked, and again when asked."""
    await send(registry, **lineage(), vulnerabilities=[weakness(PARENT, metric="accuracy", threshold=0.5)])
    begin = await registry.store.sequence()
    with Receiver(statuses=[200, 500, 200, 503, 503, 503, 503]) as receiver:
        made = await delivery_worker(registry, sender, clock, destination(receiver.url, SECRET, OTHER))
        other = await delivery_worker(registry, sender, clock, destination(receiver.url))
        await send(registry, models=[version("3", CHILD)])
        await noted(registry, 1, 2)
        await other.round()
        assert receiver.received == []
        await made.round()
        assert receiver.told() == [("version.registered", begin + 1), ("probes.due", begin + 1)]
        await made.round()
        assert len(receiver.received) == 2
        clock.wait(1)
        await made.round()
        assert receiver.told()[2:] == [("probes.due", begin + 1), ("note.registered", begin + 2)]
        first, due, again, _ = receiver.received
        assert (due.id, due.body) == (again.id, again.body)
        assert first.id != due.id
        for seconds in (1, 2, 4):
            clock.wait(seconds)
            await made.round()
        assert receiver.told()[4:] == [("note.registered", begin + 2)] * 3 + [("note.registered", begin + 3)]
        assert await states(registry) == [
            (begin + 1, "DELIVERED", 2, "HTTP 200"),
            (begin + 1, "DELIVERED", 1, "HTTP 200"),
            (begin + 2, "PARKED", 4, "HTTP 503"),
            (begin + 3, "DELIVERED", 1, "HTTP 200"),
        ]
        assert await registry.store.outbox.redeliver("ci", None) == [begin + 2]
        await made.round()
        assert receiver.told()[8:] == [("note.registered", begin + 2)]
        assert (await states(registry))[2] == (begin + 2, "DELIVERED", 1, "HTTP 200")
        for one in receiver.received:
            assert one.is_signed(SECRET)
            assert one.is_signed(OTHER)
            assert abs(int(one.headers["webhook-timestamp"]) * SECOND - clock()) < 20 * SECOND
            assert one.headers["content-type"] == "application/json"
    record = first.json["record"]
    assert record["ref"] == "model:m@3"
    assert record["kind"] == "MODEL_VERSION"
    assert record["recordedBy"] == "ana"
    assert record["summary"] == "m@3 registered, derived from 1 other."
    [probe] = first.json["probes"]
    assert (probe["title"], probe["on"], probe["metric"], probe["threshold"]) == (
        "Jailbreak",
        PARENT,
        "accuracy",
        0.5,
    )
    assert (await registry.store.outbox.destinations())[0].position == begin + 3


async def test_a_port_where_nobody_listens(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    await send(registry, **lineage())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = await delivery_worker(registry, sender, clock, destination(f"http://127.0.0.1:{port}/"))
    await noted(registry, 1, 2)
    await made.round()
    [(first, *rest)] = await states(registry)
    assert rest == ["WAITING", 1, "the receiver cannot be connected to"]
    clock.wait(1)
    with Receiver(port) as receiver:
        await made.round()
        assert receiver.told() == [("note.registered", first), ("note.registered", first + 1)]


async def test_another_takes_over_when_the_claim_has_ended(
    registry: Registry, sender: HTTPSender, clock: Clock
) -> None:
    await send(registry, **lineage())
    with Receiver(statuses=[500]) as receiver:
        one = await delivery_worker(registry, sender, clock, destination(receiver.url))
        await noted(registry, 1, 2)
        await one.round()
        other = await delivery_worker(registry, sender, clock, destination(receiver.url))
        clock.wait(29)
        await other.round()
        assert len(receiver.received) == 1
        clock.wait(1)
        await other.round()
        assert len(receiver.received) == 3
        assert receiver.received[1].id == receiver.received[0].id
        await one.round()
        await noted(registry, 3)
        await one.round()
        assert len(receiver.received) == 3
        await other.round()
        assert len(receiver.received) == 4
        assert len({received.id for received in receiver.received}) == 3


@ALONE
async def test_what_was_sent_by_one_that_lost_its_claim_is_not_kept(
    registry: Registry, sender: HTTPSender, clock: Clock
) -> None:
    await send(registry, **lineage())
    with Receiver() as receiver:

        async def slow(*given: Any) -> Any:
            answer = await sender.send(*given)
            clock.wait(31)
            await registry.store.outbox.claim("ci", "another", clock(), clock() + LEASE, 0)
            return answer

        made = DeliveryWorker(destination(receiver.url), lambda: registry, slow, LEASE, clock=clock)
        await made.begin(registry)
        await noted(registry, 1)
        await made.round()
        await made.round()
    assert len(receiver.received) == 1
    assert await states(registry) == []


@ALONE
async def test_gone_is_parked_at_once(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    await send(registry, **lineage())
    with Receiver(statuses=[410]) as receiver:
        made = await delivery_worker(registry, sender, clock, destination(receiver.url))
        await noted(registry, 1, 2)
        await made.round()
    assert [state for _, state, *_ in await states(registry)] == ["PARKED", "DELIVERED"]


@ALONE
async def test_only_what_is_asked_for(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    with Receiver() as receiver:
        kinds = frozenset({"safety_profile.registered", "probes.due"})
        made = await delivery_worker(registry, sender, clock, destination(receiver.url, kinds=kinds))
        await send(registry, **lineage(), vulnerabilities=[weakness(PARENT, metric="accuracy", threshold=0.5)])
        await made.round()
        # What one transaction registers has the probes that it documents, whatever comes first in it.
        told = [(one.json["type"], one.json["record"]["ref"]) for one in receiver.received]
        assert [one for one in told if one[0] == "probes.due"] == [("probes.due", PARENT), ("probes.due", CHILD)]
        assert sorted(type for type, _ in told) == ["probes.due", "probes.due", "safety_profile.registered"]
    position = (await registry.store.outbox.destinations())[0].position
    assert position == await registry.store.sequence()


@ALONE
async def test_only_environments_that_are_asked_for(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    await send(registry, **lineage())
    with Receiver() as receiver:
        to = destination(receiver.url, environments=frozenset({"production"}))
        made = await delivery_worker(registry, sender, clock, to)
        await said(registry, "staging")
        await said(registry, "production")
        await noted(registry, 1)
        await made.round()
        assert [one.json["type"] for one in receiver.received] == ["review.registered", "note.registered"]
        assert "production" in receiver.received[0].json["record"]["summary"]


async def said(registry: Registry, environment: str) -> None:
    given = {"subject": PARENT, "environment": environment, "decision": "ABSTAIN", "reason": "Not mine."}
    await review(registry, ReviewInput.read(given), "rae")


@ALONE
async def test_redelivery_holds_nothing_up(registry: Registry, sender: HTTPSender, clock: Clock) -> None:
    await send(registry, **lineage())
    with Receiver() as receiver:
        made = await delivery_worker(registry, sender, clock, destination(receiver.url))
        await noted(registry, 1)
        await made.round()
        [first] = [one.sequence for one in await registry.store.outbox.deliveries(9)]
        await registry.store.outbox.redeliver("ci", [first])
        await noted(registry, 2)
        receiver.statuses = [500]
        await made.round()
        assert [sequence for _, sequence in receiver.told()] == [first, first, first + 1]
        clock.wait(1)
        await made.round()
        assert [sequence for _, sequence in receiver.told()] == [first, first, first + 1, first]
        assert [(state, attempts) for _, state, attempts, _ in await states(registry)] == [
            ("DELIVERED", 2),
            ("DELIVERED", 1),
        ]


@pytest.mark.parametrize("store_kind", ["sqlite"])
async def test_one_that_died_before_it_could_note_an_answer(
    registry: Registry, sender: HTTPSender, clock: Clock, tmp_path: Path
) -> None:
    """What was sent is sent again, under the same id and before anything later: at least once, in order."""
    await send(registry, **lineage())
    with Receiver() as receiver:

        class Died(BaseException):
            pass

        async def last(*given: Any) -> Any:
            await sender.send(*given)
            raise Died

        dead = DeliveryWorker(destination(receiver.url), lambda: registry, last, LEASE, clock=clock)
        await dead.begin(registry)
        await noted(registry, 1, 2)
        with pytest.raises(Died):
            await dead.round()
        clock.wait(31)
        async with opened(store_of("sqlite", tmp_path, None)) as again:
            made = await delivery_worker(again, sender, clock, destination(receiver.url))
            await made.round()
        ids = [one.id for one in receiver.received]
        assert ids[0] == ids[1] != ids[2]


def test_pauses_double_and_are_spread() -> None:
    assert [pause(n, 0.0) for n in (1, 2, 3)] == [BASE // 2, BASE, BASE * 2]
    assert pause(1, 0.999) < BASE
    assert pause(50, 0.0) == LONGEST // 2
    assert pause(10**6, 0.999) <= LONGEST
