"""What a long tail says of records is what a short one says, whatever they are."""

from dataclasses import fields

import numpy as np
import pytest

from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Tail
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j import tail
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.histories import Histories, adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

ALONE = [[Record.of(Kind.MODEL_VERSION, {"name": "m", "version": str(number)}) for number in range(3)]]
CONTENTS = {
    "nothing refers to anything": ALONE,
    "partitions with one digest": [*Histories(1, digests=2, disclosing=True).transactions(60)],
}


def edges(found: Tail) -> list[tuple[int, ...]]:
    """The edges, in an order: those of one source come as they like."""
    columns = (found.sources, found.roles, found.targets, found.learns)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("contents", CONTENTS)
async def test_long_and_short_tails_are_alike(
    neo4j_empty: Neo4jServer, monkeypatch: pytest.MonkeyPatch, contents: str
) -> None:
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()
    try:
        for records in CONTENTS[contents]:
            assert await store.write([adding(*records)]) == [None]
        size = await store.sequence()
        assert size > 2
        for after in (0, 1, size):
            short = await store.tail(after)
            with monkeypatch.context() as patch:
                patch.setattr(tail, "_SHORT", 0)
                long = await store.tail(after)
            assert edges(long) == edges(short)
            for field in {one.name for one in fields(Tail)} - {"sources", "roles", "targets", "learns"}:
                np.testing.assert_equal(getattr(long, field), getattr(short, field), field)
    finally:
        await store.close()
