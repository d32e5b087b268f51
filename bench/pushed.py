"""The reach that Neo4j walks itself, beside the shortest Cypher for the same, on the same database."""

import statistics
import time

from neo4j import AsyncGraphDatabase

from bench.registry import Cause
from bench.rows import Row
from descentd.graph.model.kinds import INFLUENCE
from descentd.graph.model.reach import Direction, ReachQuery
from descentd.graph.store.neo4j.store import Neo4jStore

ROUNDS = 7
_WALK = f"(d:Record {{seq: $seq}})<-[:{'|'.join(sorted(INFLUENCE))}*1..]-(x)"
COUNT = f"MATCH {_WALK} WITH DISTINCT x RETURN x.kind, count(*)"
PAGE = f"MATCH p = {_WALK} WITH x, min(length(p)) AS k ORDER BY k, x.seq LIMIT 101 RETURN collect([k, x.seq])"


async def row(uri: str, cause: Cause) -> Row:
    """Counts and the first 100 of one cause; the target is 1.4 times what the plain statements take."""
    store = Neo4jStore(uri)
    await store.open()
    seq = (await store.resolve(cause.refs))[cause.refs[0]].sequence
    upto = await store.sequence()
    ours, plain = [], []
    async with AsyncGraphDatabase.driver(uri) as driver:
        for _ in range(ROUNDS):
            store.clear()
            start = time.perf_counter()
            found = await store.reach(ReachQuery([seq], Direction.DESCENDANTS, upto))
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            counted = (await driver.execute_query(COUNT, seq=seq)).records
            await driver.execute_query(PAGE, seq=seq)
            plain.append(time.perf_counter() - start)
    await store.close()
    note = f"plain Cypher {statistics.median(plain) * 1000:.0f} ms, which counts {sum(r[1] for r in counted):,}"
    target = 1.4 * statistics.median(plain) * 1000
    return Row(f"pushed down, {found.total:,}", statistics.median(ours) * 1000, "ms", target, note=note)
