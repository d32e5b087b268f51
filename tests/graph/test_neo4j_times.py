"""Times in Neo4j are times, and lose nothing by it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j.time import DateTime

from descentd.graph.inputs import acts, base, evaluations, versions
from descentd.graph.model import clock
from descentd.graph.model.chain import Chain
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.neo4j.times import NAMED, SECOND, comparable, counted, moment_of, shown, time_of, zoned
from descentd.graph.store.operational import Arrival
from descentd.graph.verify import verify
from tests.graph.beside import fill
from tests.graph.samples import adding, note, registry, send
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

LAST = instant("9999-12-31T23:59:59.999999Z")


def fields_of_times() -> Iterator[str]:
    """The fields of all inputs that take a time, as content names them."""
    for module in (acts, evaluations, versions):
        for model in vars(module).values():
            if isinstance(model, type) and issubclass(model, base.Input):
                for name, hint in get_type_hints(model, include_extras=True).items():
                    if hint == base.DateTime or base.DateTime in get_args(hint):
                        yield model.model_fields[name].alias or name


def test_every_field_of_a_time_is_named() -> None:
    """Acts have `at`, too, when they were recorded."""
    assert {*fields_of_times(), "at"} == NAMED


@given(st.integers(0, LAST))
def test_microseconds_are_the_same_afterwards(moment: int) -> None:
    assert moment_of(DateTime.from_native(zoned(moment))) == moment


async def test_a_time_is_the_same_whether_it_is_counted_or_handed_over(neo4j_empty: Neo4jServer) -> None:
    moments = [instant("1969-07-20T20:17:40.000001Z"), -1, 0, 1, SECOND - 1, clock.now(), LAST, LAST + 1, 2**62]
    rows = [[counted(moment), zoned(moment)] for moment in moments]
    with neo4j_empty.driver() as driver:
        found, _, _ = driver.execute_query(f"UNWIND $rows AS row RETURN {time_of('row[0]')}, row[1]", rows=rows)
    assert [moment_of(made) for made, _ in found] == [min(moment, LAST) for moment in moments]
    assert [comparable(made) for made, _ in found] == [comparable(given) for _, given in found]


@given(st.datetimes(), st.text("0123456789", max_size=9))
def test_text_is_shown_to_the_nanosecond(moment: datetime, decimals: str) -> None:
    text = f"{moment.replace(microsecond=0).isoformat()}{'.' if decimals else ''}{decimals}Z"
    found = shown("createdAt", text)
    assert isinstance(found, DateTime)
    assert found.to_native().replace(microsecond=0) == moment.replace(microsecond=0, tzinfo=UTC)
    assert found.nanosecond == int(decimals.ljust(9, "0"))
    assert comparable(found) == comparable(DateTime.from_iso_format(found.iso_format()))
    assert comparable(found) != comparable(found.iso_format())


@pytest.mark.parametrize("text", ["22-01-01T00:00:00Z", "2025-01-15", "now", "2025-01-15T10:00:00+01:00", ""])
def test_what_is_no_time_in_utc_stays_text(text: str) -> None:
    assert shown("createdAt", text) == text
    assert shown("description", "2025-01-15T10:00:00Z") == "2025-01-15T10:00:00Z"


@pytest.mark.parametrize("kept", [7, "2025-01-15T10:00:00Z", None, DateTime(2025, 1, 15, 10, 0, 0, 1, tzinfo=UTC)])
def test_what_we_do_not_write_is_no_moment(kept: Any) -> None:
    assert moment_of(kept) is None


@pytest.fixture
async def store(neo4j_empty: Neo4jServer) -> Any:
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()
    yield store
    await store.close()


async def test_analysts_compare_and_subtract_times(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    await send(store, registry())
    precise = Record.of(
        Kind.MODEL_VERSION, {"name": "fine", "version": "1", "createdAt": "2025-01-15T10:00:00.123456789Z"}
    )
    await store.write([adding(precise), adding(note("2025"))])
    [entry] = await store.entries([1])
    with neo4j_server.driver() as driver:
        rows, *_ = driver.execute_query(
            "MATCH (r:ModelVersion) WHERE r.createdAt >= datetime('2025-01-15T10:00:00Z') "
            "RETURN r.name, duration.between(datetime('2025-01-15T10:00:00Z'), r.createdAt).nanoseconds AS after, "
            "valueType(r.createdAt) AS type ORDER BY r.seq"
        )
        [first], *_ = driver.execute_query("MATCH (r:Record {seq: 1}) RETURN toString(r.recordedAt) AS at")
        bodies, *_ = driver.execute_query("MATCH (r:Record {name: 'fine'}) RETURN r.body AS body")
    assert {(row["r.name"], row["after"]) for row in rows} >= {("credit-risk", 0), ("fine", 123456789)}
    assert {row["type"] for row in rows} == {"ZONED DATETIME NOT NULL"}
    assert instant(first["at"]) == entry.recorded_at
    assert [row["body"].encode() for row in bodies] == [precise.body]
    assert (await store.entries([await store.sequence() - 1]))[0].record == precise
    assert rfc3339(entry.recorded_at)
    assert (await verify(store)).problem is None


BESIDE = {
    "_Token": ("createdAt", "expiresAt", "revokedAt"),
    "_Delivery": ("at", "nextAt"),
    "_Destination": ("until",),
    "_Arrival": ("sent",),
    "_Event": ("at",),
    "_Log": ("recordedAt",),
}
"""The moments of what is kept beside the log."""


async def everything_beside(store: Neo4jStore) -> list[Any]:
    chains = [await store.journal.events(chain, 0, 1000) for chain in Chain]
    arrivals = [await store.inbox.arrived(identity) for identity in ("timed", "timeless")]
    return [*chains, *arrivals, await store.accounts.tokens(), await store.outbox.deliveries(100), await store.head()]


async def fill_beside(store: Neo4jStore) -> None:
    await send(store, registry())
    await fill(store)
    await store.inbox.take(Arrival("timed", 1_700_000_000, (None,)))
    await store.inbox.take(Arrival("timeless", 0, (None,)))


async def test_times_of_what_is_beside_the_log_are_times(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    await fill_beside(store)
    tokens = await store.accounts.tokens()
    with neo4j_server.driver() as driver:
        for label, names in BESIDE.items():
            for name in names:
                rows, *_ = driver.execute_query(
                    f"MATCH (n:{label}) WHERE n.{name} IS NOT NULL RETURN DISTINCT valueType(n.{name}) AS type"
                )
                assert [row["type"] for row in rows] == ["ZONED DATETIME NOT NULL"], (label, name)
        [counted], *_ = driver.execute_query(
            "MATCH (t:_Token) WHERE t.createdAt > datetime() - duration('P1D') RETURN count(t) AS n"
        )
        [timeless], *_ = driver.execute_query("MATCH (a:_Arrival {identity: 'timeless'}) RETURN a.sent AS sent")
    lately = clock.now() - 86_400 * SECOND
    assert counted["n"] == len([token for token in tokens if token.created_at > lately])
    assert timeless["sent"] is None
    assert (await verify(store)).problem is None


async def test_moments_that_were_counted_become_times(
    store: Neo4jStore, neo4j_server: Neo4jServer, tmp_path: Path
) -> None:
    """A registry of the format before is upgraded, and everything beside the log is what it was."""
    await fill_beside(store)
    before = await everything_beside(store)
    await store.close()
    with neo4j_server.driver() as driver:
        for label, names in BESIDE.items():
            unit = SECOND if label == "_Arrival" else 1
            for name in names:
                driver.execute_query(
                    f"MATCH (n:{label}) WHERE n.{name} IS NOT NULL SET n.{name} = "
                    f"(n.{name}.epochSeconds * 1000000 + n.{name}.microsecond) / {unit}"
                )
        driver.execute_query("MATCH (a:_Arrival) WHERE a.sent IS NULL SET a.sent = 0")
        driver.execute_query("MATCH (l:_Log) SET l.format = 5")
    with pytest.raises(Unavailable, match="descentd upgrade"):
        await store.open()
    assert await store.upgrade(tmp_path / "before.gz", lambda hash: hash)
    await store.open()
    assert await everything_beside(store) == before
    assert (await verify(store)).problem is None


@pytest.mark.parametrize("written", ["1", "'2999-01-01T00:00:00Z'"])
async def test_a_moment_that_somebody_else_wrote_lets_no_token_live(
    store: Neo4jStore, neo4j_server: Neo4jServer, written: str
) -> None:
    await fill_beside(store)
    assert any(token.fault(clock.now()) is None for token in await store.accounts.tokens())
    with neo4j_server.driver() as driver:
        driver.execute_query(f"MATCH (t:_Token) SET t.expiresAt = {written}")
    assert all(token.fault(clock.now()) for token in await store.accounts.tokens())
    assert "token" in str((await verify(store)).problem)
