"""Whatever is changed in Neo4j behind our back is found: properties, labels, relationships, nodes."""

from collections.abc import AsyncIterator, Sequence

import pytest

from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.store.neo4j import operational
from descentd.graph.store.neo4j.schema import SCHEMA
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.graph.samples import digest, registry, send
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

KEPT = ("tx", "kind", "id", "label", "recordedAt", "recordedBy", "hash", "body", "words")
ONE = "MATCH (r:ModelVersion {version: '4.1'})"
FIRST = "MATCH (r:ModelVersion {version: '4.0'})"


@pytest.fixture(scope="module")
async def store(neo4j_server: Neo4jServer) -> AsyncIterator[Neo4jStore]:
    neo4j_server.clear()
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    await store.open()
    await send(store, registry())
    data = {"name": "copy", "version": "1", "partitions": [{"name": "train", "digest": digest(1)}]}
    tuned = {"name": "tuned", "version": "1", "trainedOn": [{"ref": "dataset:copy@1#train", "role": "TRAIN"}]}
    await send(store, {"datasets": [data], "models": [tuned]})
    yield store
    await store.close()


async def layout_after(store: Neo4jStore, server: Neo4jServer, tampering: str, undo: Sequence[str]) -> str | None:
    """What `verify` says once the schema was changed; `undo` brings it back."""
    with server.driver() as driver, driver.session() as session:
        assert session.run(tampering).consume().counters.contains_updates, tampering
        try:
            return (await verify(store)).problem
        finally:
            for statement in undo:
                session.run(statement).consume()
            session.run("CALL db.awaitIndexes(300)").consume()


@pytest.mark.forgets_plans
async def test_every_constraint_and_index_is_missed(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    for statement in (*SCHEMA, *operational.SCHEMA):
        _, what, name, *_ = statement.replace("FULLTEXT ", "").split()
        problem = await layout_after(store, neo4j_server, f"DROP {what} {name}", [statement])
        assert (
            problem == "The schema of the store is not the one that Descent creates: "
            f"the constraint or index {name} is missing."
        )
    assert (await verify(store)).problem is None


@pytest.mark.forgets_plans
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("record_id", "CREATE CONSTRAINT record_id FOR (r:Record) REQUIRE (r.id, r.seq) IS UNIQUE"),
        ("record_id", "CREATE INDEX record_id FOR (r:Record) ON (r.id)"),
        ("key_value", "CREATE CONSTRAINT key_value FOR (r:Kez) REQUIRE r.value IS UNIQUE"),
        (
            "record_words",
            (
                "CREATE FULLTEXT INDEX record_words FOR (r:Record) ON EACH [r.words] "
                "OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}}"
            ),
        ),
        (
            "record_words",
            (
                "CREATE FULLTEXT INDEX record_words FOR (r:Record) ON EACH [r.words] OPTIONS {indexConfig: "
                "{`fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: false}}"
            ),
        ),
        (
            "record_words",
            (
                "CREATE FULLTEXT INDEX record_words FOR (r:Record) ON EACH [r.label] "
                "OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}}"
            ),
        ),
    ],
)
async def test_another_definition_under_the_same_name_is_found(
    store: Neo4jStore, neo4j_server: Neo4jServer, name: str, other: str
) -> None:
    [right] = [statement for statement in SCHEMA if f" {name} " in statement]
    drop = f"DROP {'INDEX' if 'FULLTEXT' in right else 'CONSTRAINT'} {name}"
    drop_other = f"DROP {'CONSTRAINT' if 'CONSTRAINT' in other else 'INDEX'} {name}"
    with neo4j_server.driver() as driver, driver.session() as session:
        session.run(drop).consume()
    assert name in str(await layout_after(store, neo4j_server, other, [drop_other, right]))


@pytest.mark.forgets_plans
async def test_a_constraint_that_is_not_ours_is_found(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    other = "CREATE CONSTRAINT theirs FOR (r:Note) REQUIRE r.text IS UNIQUE"
    problem = await layout_after(store, neo4j_server, other, ["DROP CONSTRAINT theirs"])
    assert (
        problem
        == "The schema of the store is not the one that Descent creates: the constraint theirs was not made by Descent."
    )


async def problem_after(store: Neo4jStore, server: Neo4jServer, tampering: str) -> str | None:
    """What `verify` says once a statement was run, which must have changed something; it is undone afterwards."""
    with server.driver() as driver, driver.session() as session:
        before = session.run("MATCH (n) OPTIONAL MATCH (n)-[e]->(m) RETURN count(DISTINCT n), count(e)").single()
        backup = session.run(
            "MATCH (n) RETURN elementId(n) AS at, labels(n) AS labels, properties(n) AS properties, "
            "COLLECT { MATCH (n)-[e]->(m) RETURN [type(e), elementId(m), properties(e)] } AS edges"
        ).data()
        assert session.run(tampering).consume().counters.contains_updates, tampering
        try:
            return (await verify(store)).problem
        finally:
            session.run("MATCH (n) DETACH DELETE n").consume()
            session.run(
                "UNWIND $backup AS row CREATE (n:$(row.labels)) SET n = row.properties, n.at = row.at", backup=backup
            ).consume()
            session.run(
                "UNWIND $backup AS row UNWIND row.edges AS edge MATCH (n {at: row.at}), (m {at: edge[1]}) "
                "CREATE (n)-[e:$(edge[0])]->(m) SET e = edge[2]",
                backup=backup,
            ).consume()
            session.run("MATCH (n) REMOVE n.at").consume()
            after = session.run("MATCH (n) OPTIONAL MATCH (n)-[e]->(m) RETURN count(DISTINCT n), count(e)").single()
            assert before == after


async def test_a_property_is_found_on_every_type_of_relationship(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    with neo4j_server.driver() as driver, driver.session() as session:
        types = [row["t"] for row in session.run("MATCH ()-[e]->() RETURN DISTINCT type(e) AS t").data()]
    assert {"_HOLDS", "SAME_DATA", "_FLOWS", "_PART", "_LISTS", "_STATED", "_LACKS", "DERIVED_FROM"} <= set(types)
    for type in types:
        problem = await problem_after(store, neo4j_server, f"MATCH ()-[e:{type}]->() SET e.note = 'ours'")
        assert problem is not None, type
        assert type in problem
        assert "(note)" in problem


async def test_one_of_each_type_and_each_label_is_missed(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    with neo4j_server.driver() as driver, driver.session() as session:
        types = [row["t"] for row in session.run("MATCH ()-[e]->() RETURN DISTINCT type(e) AS t").data()]
        labels = [row["l"] for row in session.run("MATCH (n) UNWIND labels(n) AS l RETURN DISTINCT l").data()]
    for type in types:
        tampering = f"MATCH ()-[e:{type}]->() WITH e LIMIT 1 DELETE e"
        assert await problem_after(store, neo4j_server, tampering), type
    assert {"Record", "_Key", "_Log", "_Whole", "_Attribute", "_Complete", "_Undocumented", "_Twin"} <= set(labels)
    for label in labels:
        # Early registries have no keys of names that look alike, so that one may be missing.
        kept = f"coalesce(n.value, '') STARTS WITH '{LOOK_ALIKE}'"
        tampering = f"MATCH (n:{label}) WHERE NOT {kept} WITH n LIMIT 1 DETACH DELETE n"
        assert await problem_after(store, neo4j_server, tampering), label


async def test_two_records_that_changed_places(store: Neo4jStore, neo4j_server: Neo4jServer) -> None:
    tampering = (
        "MATCH (a:Record {seq: 3}), (b:Record {seq: 4}) SET a.seq = -3 WITH a, b SET b.seq = 3 WITH a, b SET a.seq = 4"
    )
    assert await problem_after(store, neo4j_server, tampering)


async def test_what_was_not_touched_is_right(store: Neo4jStore) -> None:
    assert (await verify(store)).problem is None


@pytest.mark.parametrize("name", KEPT)
async def test_a_property_that_was_changed_or_removed(store: Neo4jStore, neo4j_server: Neo4jServer, name: str) -> None:
    others = {"tx": "r.tx + 1", "recordedAt": "r.recordedAt + duration({nanoseconds: 1})"}
    value = others.get(name, f"r.{name} + 'x'")
    assert await problem_after(store, neo4j_server, f"{ONE} SET r.{name} = {value}")
    assert await problem_after(store, neo4j_server, f"{ONE} REMOVE r.{name}")
    assert await problem_after(store, neo4j_server, f"{ONE} SET r.{name} = 7")


@pytest.mark.parametrize(
    "tampering",
    [
        f"{ONE} SET r.seq = 99",
        f"{ONE} SET r.seq = 0",
        f"{ONE} SET r.seq = -1",
        f"{ONE} REMOVE r.seq",
        f"{ONE} REMOVE r:Record",
        f"{ONE} REMOVE r:ModelVersion",
        f"{ONE} SET r:Dataset",
        f"{ONE} REMOVE r:ModelVersion SET r:Dataset, r.kind = 'DATASET'",
        f"{ONE} DETACH DELETE r",
        f"{ONE} SET r.hash = 'zz'",
        f"{ONE} SET r.body = '[]'",
        f"{ONE} SET r.version = '9'",
        f"{ONE} SET r.approved = true",
        f"{FIRST} SET r.createdAt = r.createdAt + duration({{nanoseconds: 1}})",
        f"{FIRST} SET r.createdAt = toString(r.createdAt)",
        f"{ONE} SET r.recordedAt = r.recordedAt.epochMillis",
        f"{ONE}-[e:DERIVED_FROM]->() DELETE e",
        f"{ONE}-[e:DERIVED_FROM]->() SET e.detail = 'MERGE'",
        f"{ONE}-[e:DERIVED_FROM]->() REMOVE e.detail",
        f"{ONE}-[e:DERIVED_FROM]->() SET e.learns = false",
        f"{ONE}-[e:DERIVED_FROM]->() REMOVE e.learns",
        f"{ONE}-[e:DERIVED_FROM]->(o) CREATE (r)-[:DERIVED_FROM {{detail: e.detail, learns: e.learns}}]->(o)",
        f"{ONE}-[e:DERIVED_FROM]->(o) CREATE (o)-[:DERIVED_FROM {{detail: e.detail, learns: e.learns}}]->(r)",
        f"{ONE}-[e:DERIVED_FROM]->(o) DELETE e CREATE (o)-[:DERIVED_FROM {{detail: 'FINE_TUNE'}}]->(r)",
        f"{ONE} CREATE (r)-[:APPROVED_BY]->(r)",
        f"{ONE} CREATE (r)-[:TRAINED_ON]->(:Nobody)",
        f"{ONE}-[h:_HOLDS]->() DELETE h",
        f"{ONE} CREATE (r)-[:_HOLDS]->(:_Key {{value: 'artifact:1'}})",
        f"{ONE}-[:_HOLDS]->(k) SET k.value = 'x' + k.value",
        f"{ONE}-[:_HOLDS]->(k) REMOVE k:_Key",
        "CREATE (:Record {seq: 99})",
        "CREATE (:Record:Note {seq: 99, kind: 'NOTE', id: 'sha256:1', body: '{}'})",
        "CREATE (:Record:Note {kind: 'NOTE'})",
        "CREATE (:_Key {value: 'build:x'})",
        "MATCH (k:_Key) SET k.note = 'ours'",
        "MATCH (k:_Key) SET k:Other",
        "MATCH (l:_Log) SET l.note = 'ours'",
        "MATCH (a:_Attribute) SET a.note = 'ours'",
        "MATCH (u:_Undocumented) SET u.note = 'ours'",
        "MATCH (w:_Whole) SET w.note = 'ours'",
        "CREATE (:Stranger)",
        "MATCH (l:_Log) SET l.seq = l.seq - 1",
        "MATCH (l:_Log) SET l.seq = l.seq + 1",
        "MATCH (l:_Log) SET l.recordedAt = 0",
        "MATCH (l:_Log) SET l.frontier = 'no'",
        "MATCH (l:_Log) REMOVE l.frontier",
        "MATCH (l:_Log) REMOVE l.seq",
        "MATCH (l:_Log) DELETE l",
        "MATCH ()-[e:SAME_DATA]->() DELETE e",
        "MATCH ()-[e:_LISTS]->() DELETE e",
        "MATCH ()-[e:_LISTS]->() SET e.share = 0.5",
        "MATCH (s)-[:_LISTS]->(a) CREATE (b:_Attribute {name: a.name, value: 'EU'}) CREATE (s)-[:_LISTS]->(b)",
        "MATCH (a:_Attribute {name: 'region'}) SET a.value = 'EU'",
        "MATCH ()-[e:_COMPLETES]->() DELETE e",
        "MATCH ()-[e:_STATED]->() SET e.shut = [1, 2]",
        "MATCH ()-[e:_STATED]->() SET e.since = e.since + 1",
        "MATCH (:Partition)-[e:_LACKS]->() DELETE e",
        "MATCH (:Partition {name: 'train'})-[e:_LACKS]->() REMOVE e.shut",
        "MATCH (v:ModelVersion {name: 'tuned'}), (u:_Undocumented) CREATE (v)-[:_LACKS {since: v.seq}]->(u)",
        "MATCH ()-[e:TRAINED_ON]->() SET e.shut = [0, 9]",
        "MATCH (t:_Twin) REMOVE t:_Twin",
        "MATCH (p:Partition {name: 'holdout'}), (t:Partition {name: 'train'}) CREATE (p)-[:SAME_DATA]->(t)",
    ],
)
async def test_tampering_is_found(store: Neo4jStore, neo4j_server: Neo4jServer, tampering: str) -> None:
    problem = await problem_after(store, neo4j_server, tampering)
    assert problem is not None
    assert problem.endswith(".")
