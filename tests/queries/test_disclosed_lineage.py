"""What was disclosed shows in a lineage from its moment on, until it is retracted."""

import pytest

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.queries.lineage.lineage import Direction, lineage
from descentd.queries.registry import Registry
from tests.support.histories import adding

pytestmark = pytest.mark.anyio


async def test_edges_that_were_disclosed_are_shown() -> None:
    store = MemoryStore()
    versions = [Record.of(Kind.MODEL_VERSION, {"name": "m", "version": number}) for number in ("1", "2")]
    child, parent = versions
    content = {"subject": child.id, "parents": [{"node": parent.id, "relation": "FINE_TUNE"}]}
    disclosure = Record.of(Kind.DISCLOSURE, content | {"source": "mail", "reason": "found"})
    retraction = Record.of(Kind.RETRACTION, {"subjects": [disclosure.id], "by": "ana", "at": "1", "reason": "no"})
    again = Record.of(Kind.RETRACTION, {"subjects": [retraction.id], "by": "ana", "at": "2", "reason": "yes"})
    registry = Registry(store, LineageIndex(store), Committer(store))

    async def edges() -> list[tuple[str, str, Role]]:
        found, _ = await lineage(registry, "model:m@1", Direction.ANCESTORS, None, None, None)
        return [(edge.source, edge.target, edge.role) for edge in found.edges]

    joined = [(child.id, parent.id, Role.DERIVED_FROM)]
    for record, expected in ((parent, []), (disclosure, joined), (retraction, []), (again, joined)):
        await store.write([adding(child, record)])
        assert await edges() == expected
