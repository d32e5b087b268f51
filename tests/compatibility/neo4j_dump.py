"""A whole Neo4j database as JSON, and back: nodes, relationships, constraints and indexes, with nothing interpreted.

It knows nothing of what Descent keeps, so that it puts back what other code wrote, whatever this code would write.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from neo4j import Driver

_BYTES = "$bytes"
_PLAIN = (bool, int, float, str)  # JSON as Python writes it tells 1 from 1.0
_NODES = "UNWIND $rows AS row CREATE (n:$(row[0])) SET n = row[1] RETURN elementId(n)"
_RELATIONSHIPS = """
UNWIND $rows AS row
MATCH (a) WHERE elementId(a) = row[0]
MATCH (b) WHERE elementId(b) = row[1]
CREATE (a)-[r:$(row[2])]->(b) SET r = row[3]
"""


def dump(driver: Driver) -> dict[str, Any]:
    """Everything in a database, in an order that only its content gives."""
    with driver.session() as session:
        nodes = session.run("MATCH (n) RETURN elementId(n), labels(n), properties(n)").values()
        found = "MATCH (a)-[r]->(b) RETURN elementId(a), elementId(b), type(r), properties(r)"
        edges = session.run(found).values()
        constraints = session.run("SHOW CONSTRAINTS YIELD name, createStatement ORDER BY name").values()
        owned = "owningConstraint IS NULL AND type <> 'LOOKUP'"
        query = f"SHOW INDEXES YIELD name, createStatement, owningConstraint, type WHERE {owned} RETURN createStatement"
        indexes = session.run(f"{query} ORDER BY name").value("createStatement")
    written = _in_order(([sorted(labels), _written(given)], id) for id, labels, given in nodes)
    place = {id: i for i, (_, id) in enumerate(written)}
    return {
        "schema": [*(statement for _, statement in constraints), *indexes],
        "nodes": [node for node, _ in written],
        "relationships": _in_order([place[a], place[b], type, _written(given)] for a, b, type, given in edges),
    }


def load(driver: Driver, dumped: Mapping[str, Any]) -> None:
    """Put a dump into a database without nodes, constraints and indexes."""
    with driver.session() as session, session.begin_transaction() as transaction:
        rows = [[labels, _read(properties)] for labels, properties in dumped["nodes"]]
        made = transaction.run(_NODES, rows=rows).value()
        edges = [[made[a], made[b], type, _read(given)] for a, b, type, given in dumped["relationships"]]
        transaction.run(_RELATIONSHIPS, rows=edges).consume()
    with driver.session() as session:
        with session.begin_transaction() as transaction:
            for statement in dumped["schema"]:
                transaction.run(statement).consume()
        session.run("CALL db.awaitIndexes()").consume()


def _written(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(properties[name]) for name in sorted(properties)}


def _value(given: Any) -> Any:
    """A property as JSON; raises TypeError for a type that would not come back as it was."""
    if isinstance(given, list):
        return [_value(one) for one in given]
    if isinstance(given, bytes | bytearray):
        return {_BYTES: base64.b64encode(given).decode()}
    if type(given) not in _PLAIN:
        raise TypeError(f"A property of type {type(given).__name__} is not dumped yet: teach it to dump and load.")
    return given


def _read(properties: Mapping[str, Any]) -> dict[str, Any]:
    def value(given: Any) -> Any:
        if isinstance(given, list):
            return [value(one) for one in given]
        return base64.b64decode(given[_BYTES]) if isinstance(given, dict) else given

    return {name: value(given) for name, given in properties.items()}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two dumps hold the same, 1 and 1.0 told apart."""
    return _shape(one) == _shape(other)


def _shape(dumped: Mapping[str, Any]) -> list[list[str]]:
    nodes = dumped["nodes"]
    edges = ([nodes[a], nodes[b], type, properties] for a, b, type, properties in dumped["relationships"])
    return [sorted(map(repr, items)) for items in (dumped["schema"], nodes, edges)]


def _in_order(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=repr)
