"""What `verify` checks: all that Neo4j stores, read as it is, because somebody may have changed it by Cypher."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from neo4j.time import DateTime

from descentd.graph.index.disclosures import retracted
from descentd.graph.model.chain import Chain
from descentd.graph.model.kinds import ROLES, Edge, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Record
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.neo4j import disclosures, operational
from descentd.graph.store.neo4j.connection import Row, Run
from descentd.graph.store.neo4j.journal import EVENT
from descentd.graph.store.neo4j.populations import STRAYS, said, shut
from descentd.graph.store.neo4j.properties import KEPT, readable
from descentd.graph.store.neo4j.property_names import names_if_full
from descentd.graph.store.neo4j.schema import LABELS, MIRRORED, TYPES, learns
from descentd.graph.store.neo4j.times import comparable, moment_of

_AUDIT: Final = f"""
MATCH (r:Record) WHERE r.seq > $after
WITH r ORDER BY r.seq LIMIT $limit
RETURN properties(r), labels(r),
  COLLECT {{ MATCH (r)-[e:{TYPES}]->(to) RETURN [type(e), to.id, e.detail, e.learns, e.shut] }},
  COLLECT {{ MATCH (r)-[:_HOLDS]->(k) RETURN k.value }},
  COLLECT {{ MATCH (r)-[e:_LISTS]->(a:_Attribute) RETURN [a.name, a.value, e.share, e.shut, a.folded] }},
  COUNT {{ (r)-[:_COMPLETES]->(:_Complete) }}
"""
_VERSIONS: Final = """
MATCH (v:Record) WHERE $after < v.seq <= $upto AND v:ModelVersion
RETURN v.seq, COLLECT { MATCH (v)-[e:_LACKS]->() RETURN [e.since] + coalesce(e.shut, []) }
"""
_RETRACTED: Final = "MATCH (x) WHERE x.retracted IS NOT NULL RETURN x.seq, x.retracted"
_RETRACTIONS: Final = "MATCH (r:Retraction)-[:ABOUT]->(x) RETURN r.seq, x.seq ORDER BY r.seq"
_DISCLOSED: Final = """
MATCH (x)-[f:_FLOWS]->(y) WHERE f.by IS NOT NULL
RETURN [x.seq, y.seq, f.source, f.target, f.role, f.learns, f.since, f.by], coalesce(f.off, []), coalesce(f.shut, [])
"""
_DISCLOSURES: Final = "MATCH (d:Disclosure)-[:ABOUT]->(x) RETURN collect(DISTINCT x.seq)"
_FIRSTS: Final = """
UNWIND $records AS s
MATCH (r:Record {seq: s})
OPTIONAL MATCH (r)-[:SAME_DATA]->(first)
RETURN s, coalesce(first, r).seq
"""
_EDGE: Final = ("detail", "learns", "shut")
_MIRROR: Final = (*_EDGE, "source", "target", "role", "since", "by", "off")
_EDGE_PROPERTIES: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(ROLES, _EDGE),
    **dict.fromkeys(("_HOLDS", "_PART", "_COMPLETES"), ()),
    **dict.fromkeys(("_FLOWS", "_RESTS"), _MIRROR),
    "_LISTS": ("share", "shut"),
    "_STATED": ("since", "first", "shut"),
    "_LACKS": ("since", "shut"),
}
"""The properties that relationships of each type may have."""

_NODE_PROPERTIES: Final[Mapping[str, Sequence[str]]] = {
    "_Key": ("value", "first"),
    "_Log": ("one", "format", "seq", "recordedAt", "frontier", "locked", "tried"),
    "_Whole": ("seq",),
    "_Attribute": ("name", "value", "folded"),
    "_Complete": ("one",),
    "_Undocumented": ("one",),
    "_Token": ("id", "hash", "person", "roles", "createdAt", "expiresAt", "revokedAt"),
    "_Arrival": ("identity", "sent", "records", "locked"),
    "_Destination": ("name", "position", "holder", "until", "locked"),
    "_Delivery": operational.DELIVERY_COLUMNS,
    "_Event": ("chain", *EVENT),
    "_Chain": ("name", "number", "hash", "base", "baseHash", "closing", "locked"),
}
"""Those of the nodes that are no records, which have one label each."""

_TYPES: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("by", "first", "one", "seq", "since", "source", "target"), ("INTEGER NOT NULL",)),
    **dict.fromkeys(("off", "shut"), ("LIST<INTEGER NOT NULL> NOT NULL", "LIST<NOTHING> NOT NULL")),
    **dict.fromkeys(("detail", "role"), ("STRING NOT NULL",)),
    "learns": ("BOOLEAN NOT NULL",),
}
"""Types of properties that are compared in Cypher or Python, where 1, 1.0 and true may be equal."""

# One statement for all labels and one for all types: a plan for each took most of the time of a small registry.
_FOREIGN_NODE: Final = """
MATCH (n) WHERE NOT n:Record
WITH n, labels(n) AS labels, $properties[labels(n)[0]] AS known
WITH labels, known, [name IN keys(n) WHERE NOT coalesce(name IN known, false)
  OR NOT coalesce(valueType(n[name]) IN $types[name], true)] AS wrong
WHERE known IS NULL OR size(labels) > 1 OR size(wrong) > 0
RETURN labels, wrong[0] LIMIT 1
"""
_FOREIGN_EDGE: Final = """
MATCH ()-[e]->()
WITH e, type(e) AS type, $properties[type(e)] AS known
WITH type, known, [name IN keys(e) WHERE NOT coalesce(name IN known, false)
  OR NOT coalesce(valueType(e[name]) IN $types[name], true)] AS wrong
WHERE known IS NULL OR size(wrong) > 0
RETURN type, wrong[0] LIMIT 1
"""

_CHAINS: Final = [chain.value for chain in Chain if chain is not Chain.ACCESSES]
_COUNTS: Final = (
    "MATCH (r:Record) RETURN count(r) AS n",
    *(f"MATCH ()-[e:{role}]->() RETURN count(e) AS n" for role in ROLES if role is not Role.SAME_DATA),
    "MATCH ()-[h:_HOLDS]->() RETURN count(h) AS n",
)
# What walks go by follows from the records; each finds one place where it does not.
_STRAYS: Final = {
    "a key that nothing holds": "MATCH (k:_Key) WHERE NOT EXISTS { (k)<-[:_HOLDS]-(:Record) } RETURN k.value LIMIT 1",
    "a key that names a wrong record as its first": """
        MATCH (k:_Key)<-[:_HOLDS]-(r:Record) WITH k, min(r.seq) AS first WHERE k.first IS NULL OR k.first <> first
        RETURN k.value LIMIT 1""",
    "a partition that is not joined to its twins": """
        MATCH (k:_Key)<-[:_HOLDS]-(r:Record) WHERE k.value STARTS WITH 'digest:'
        WITH r, k.first AS first, COLLECT { MATCH (r)-[:SAME_DATA]->(to) RETURN to.seq } AS joined
        WHERE joined <> CASE WHEN first = r.seq THEN [] ELSE [first] END OR (first <> r.seq) <> (r:_Twin)
          OR r:_Twinned <> EXISTS { (r)<-[:SAME_DATA]-() }
        RETURN r.seq LIMIT 1""",
    "a record that is joined to one that is not its twin": """
        MATCH (r)-[:SAME_DATA]->() WHERE NOT EXISTS { (r)-[:_HOLDS]->(k:_Key) WHERE k.value STARTS WITH 'digest:' }
        RETURN r.seq LIMIT 1""",
    "an edge of a twin that walks do not see": """
        MATCH (t:_Twin)-[e:MIRRORED]-(o:Record) WHERE NOT o:Disclosure
        WITH DISTINCT e, startNode(e) AS a, endNode(e) AS b
        OPTIONAL MATCH (a)-[:SAME_DATA]->(x)
        OPTIONAL MATCH (b)-[:SAME_DATA]->(y)
        WITH e, a, b, coalesce(x, a) AS x, coalesce(y, b) AS y
        WHERE NOT EXISTS { MATCH (x)-[f:_FLOWS|_RESTS]->(y) WHERE f.source = a.seq AND f.target = b.seq
          AND f.role = type(e) AND f.since = a.seq AND coalesce(f.shut, []) = coalesce(e.shut, [])
          AND (f.detail = e.detail OR (f.detail IS NULL AND e.detail IS NULL))
          AND (f.learns = e.learns OR (f.learns IS NULL AND e.learns IS NULL)) }
        RETURN a.seq LIMIT 1""",
    "an edge that walks see and nothing states": """
        MATCH (t:_Twin)-[e:MIRRORED]-(o:Record) WHERE NOT o:Disclosure WITH count(DISTINCT e) AS stated
        MATCH ()-[f:_FLOWS|_RESTS]->() WHERE f.by IS NULL
        WITH stated, count(f) AS walked WHERE walked > stated RETURN walked""",
    "a node that must exist exactly once and is marked wrongly": """
        MATCH (n:_Log|_Complete|_Undocumented) WHERE n.one IS NULL OR n.one <> 1 RETURN labels(n) LIMIT 1""",
    "an entry that belongs to no log": f"""
        MATCH (e:_Event) WHERE NOT e.chain IN {_CHAINS}
        OR e.chain IS NULL OR valueType(e.number) <> 'INTEGER NOT NULL' RETURN e.number LIMIT 1""",
    "the end of a log that does not exist": f"""
        MATCH (c:_Chain) WHERE c.name IS NULL OR NOT c.name IN {_CHAINS}
        RETURN c.name LIMIT 1""",
    "a dataset whose walks begin elsewhere than at its partitions": """
        MATCH (d:Record)-[:INCLUDES]->(p) OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
        WITH d, collect(DISTINCT coalesce(first, p).seq) + d.seq AS parts
        WITH d, COLLECT { UNWIND parts AS s RETURN s ORDER BY s } AS parts,
          COLLECT { MATCH (:_Whole {seq: d.seq})<-[:_PART]-(o) RETURN o.seq ORDER BY o.seq } AS begun
        WHERE parts <> begun RETURN d.seq LIMIT 1""",
    **STRAYS,
}


# Each statement that creates a constraint or an index, taken apart: what it is called, of, and on.
_STATEMENT: Final = re.compile(
    r"CREATE (FULLTEXT )?(CONSTRAINT|INDEX) (\w+) IF NOT EXISTS\s+FOR \(\w:(\w+)\)\s+(?:REQUIRE|ON EACH|ON) (.*)",
    re.DOTALL,
)
_SETTING: Final = re.compile(r"`([\w.]+)`: (?:'([^']*)'|(true|false))")
_PROPERTY: Final = re.compile(r"\b\w\.(\w+)")
_CONSTRAINTS: Final = "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties"
_INDEXES: Final = (
    "SHOW INDEXES YIELD name, type, state, labelsOrTypes, properties, owningConstraint, options "
    "RETURN name, type, labelsOrTypes, properties, owningConstraint, state, options.indexConfig ORDER BY name"
)


async def schema_fault(run: Run, statements: Sequence[str]) -> str | None:
    """What is wrong with the constraints and indexes that `statements` create; None where nothing is.

    Other indexes are no matter: they change how answers are found, and no answer.
    """
    constraints = {name: (type, *on) for name, type, *on in await run(_CONSTRAINTS)}
    indexes = {name: rest for name, *rest in await run(_INDEXES)}
    right = dict(map(_created, statements))
    for name, (type, *on, settings) in right.items():
        kept = constraints.get(name) if type == "UNIQUENESS" else tuple(indexes.get(name, ())[:3])
        if not kept or name not in indexes:
            return f"the constraint or index {name} is missing"
        *_, state, kept_settings = indexes[name]
        if kept != (type, *on) or state != "ONLINE" or (type == "FULLTEXT" and kept_settings != settings):
            return f"the constraint or index {name} has another definition, or is not online"
    foreign = sorted(constraints.keys() - right.keys())
    return f"the constraint {foreign[0]} was not made by Descent" if foreign else None


def _created(statement: str) -> tuple[str, tuple[str, list[str], list[str], dict[str, str | bool]]]:
    """The name of what a statement creates, and its type, labels, properties and settings as Neo4j shows them."""
    found = _STATEMENT.match(statement)
    assert found, statement
    full_text, what, name, label, on = found.groups()
    type = "FULLTEXT" if full_text else "UNIQUENESS" if what == "CONSTRAINT" else "RANGE"
    properties, _, options = on.partition("OPTIONS")
    settings = {name: text or flag == "true" for name, text, flag in _SETTING.findall(options)}
    return name, (type, [label], _PROPERTY.findall(properties), settings)


async def audit(run: Run, after: int, limit: int) -> list[Stored]:
    """What is kept of up to `limit` records after a sequence, in log order, as `Store.audit` returns it."""
    rows = await run(_AUDIT, after=after, limit=limit)
    wrong, names = await _undocumented(run, rows), await names_if_full(run)
    return [_stored(row, wrong, names) for row in rows]


async def _undocumented(run: Run, rows: Sequence[Row]) -> set[Any]:
    """The versions that are documented otherwise than their edges, and what was disclosed of them, say."""
    sequences = [row[0].get("seq") for row in rows]
    versions = [row[0].get("seq") for row in rows if "ModelVersion" in row[1]]
    if not versions:
        return set()
    try:
        known = await disclosures.read(run, versions)
        right = await disclosures.lacking(run, known, versions)
    except (ValueError, KeyError, TypeError, AttributeError):  # of a body or kind that somebody else wrote, and
        return set()  # `verify` says what is wrong with that record
    rows = await run(_VERSIONS, after=min(sequences) - 1, upto=max(sequences))
    kept: dict[Any, Any] = {row[0]: row[1] for row in rows}
    return {v for v in versions if kept.get(v) != ([] if right[v] is None else [[v, *(right[v] or [])]])}


async def _misjudged(run: Run) -> str | None:
    """What is marked otherwise than retractions say, or walked otherwise than disclosures say."""
    pairs = [(row[0], row[1]) for row in await run(_RETRACTIONS)]
    right = {(record, True) for record in retracted(pairs, disclosures.NEVER)}
    if wrong := right ^ {(row[0], row[1] is True) for row in await run(_RETRACTED)}:
        return f"a record whose mark as retracted disagrees with its retractions ({min(wrong, key=str)[0]})"
    known = await disclosures.read(run, (await run(_DISCLOSURES))[0][0])
    records = {record for fact in known.facts for record in fact.subjects}
    records |= {target for edges in known.stated.values() for _, target, _ in edges}
    first: dict[int, int] = {row[0]: row[1] for row in await run(_FIRSTS, records=sorted(records))}
    off = known.off()
    stated = sorted(
        [[first[s], first[to], s, to, role.value, learns, fact.disclosure, fact.disclosure], off[fact.disclosure]]
        for fact in known.facts
        for s in fact.subjects
        for role, to, learns in known.stated[fact.disclosure]
    )
    walked = sorted([row[0], row[1]] for row in await run(_DISCLOSED))
    return None if stated == walked else "an edge that disagrees with what was disclosed"


async def _foreign(run: Run) -> str | None:
    """A node, relationship, label or property that Descent did not write, where there is one."""
    for labels, name in await run(_FOREIGN_NODE, properties=_NODE_PROPERTIES, types=_TYPES):
        known = [label for label in labels if label in _NODE_PROPERTIES]
        if not known:
            return f"a node that Descent did not make ({labels})"
        return f"a property or a label of a node {known[0]} that Descent did not write ({name or labels})"
    for type, name in await run(_FOREIGN_EDGE, properties=_EDGE_PROPERTIES, types=_TYPES):
        if type not in _EDGE_PROPERTIES:
            return f"a relationship that Descent did not make ({type})"
        return f"a property of a relationship {type} that Descent did not write ({name})"
    return None


async def totals(run: Run) -> Totals:
    """The counts of records, edges and keys, and the first thing that is astray, as `Store.totals` returns them."""
    records, *edges, keys = [row[0] for row in await run(" UNION ALL ".join(_COUNTS))]
    if foreign := await _foreign(run):
        return Totals(records, sum(edges), keys, foreign)
    for what, query in _STRAYS.items():
        if found := await run(query.replace("MIRRORED", MIRRORED)):
            return Totals(records, sum(edges), keys, f"{what} ({found[0][0]})")
    return Totals(records, sum(edges), keys, await _misjudged(run))


def _stored(row: Row, undocumented: set[Any], names: frozenset[str] | None) -> Stored:
    properties, labels, edges, keys, listed, complete = row
    sequence, transaction, kind, id, label, recorded_at, recorded_by, hash, body, words = map(properties.get, KEPT)
    faults = [*_mistyped(properties), *_faults(kind, labels, edges, hash)]
    record = Record(Kind.NOTE if faults else Kind(kind), str(body).encode())
    faults += [] if faults else [*_misread(record, properties, names), *_misstated(record, edges, listed, complete)]
    faults += ["its mark as undocumented disagrees with its edges"] if not faults and sequence in undocumented else []
    kept = [Edge(Role(role), str(target), detail or "") for role, target, detail, *_ in edges] if not faults else []
    return Stored(
        Entry(sequence, _integer(transaction), record, _moment(recorded_at), str(recorded_by)),
        str(id),
        label,
        b"" if faults else bytes.fromhex(hash),
        tuple(sorted(kept, key=lambda edge: (edge.role, edge.target, edge.detail))),
        tuple(sorted(map(str, keys))),
        str(words or ""),
        faults[0] if faults else None,
    )


def _mistyped(properties: Mapping[str, Any]) -> Iterator[str]:
    """Properties that are read back and are of another type: what they are compared with may equal them."""
    for name in KEPT:
        kept = properties.get(name)
        right = int if name in ("seq", "tx") else DateTime if name == "recordedAt" else str
        if type(kept) is not right and not (kept is None and name in ("label", "words")):
            yield f"its property {name} is of another type than Descent writes"


def _faults(kind: Any, labels: Sequence[str], edges: Sequence[Row], hash: object) -> Iterator[str]:
    """What cannot be told of a record otherwise."""
    marks = {"Record", "_Twin", "_Twinned"} if kind == Kind.PARTITION else {"Record"}
    if not isinstance(kind, str) or kind not in LABELS or set(labels) - marks != {LABELS[Kind(kind)]}:
        yield f"its kind is {kind} and its labels are {', '.join(sorted(labels))}"
    for role, _, detail, learned, _ in edges:
        if not isinstance(detail, str | None):
            yield f"the detail of its edge {role} is no text"
        elif learned is not learns(Role(role), detail or ""):
            yield f"what its edge {role} says about learning disagrees with its detail"
    try:
        bytes.fromhex(hash)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        yield "its hash is not hexadecimal"


def _misread(record: Record, properties: Mapping[str, Any], names: frozenset[str] | None) -> list[str]:
    """The properties that say to people what the content does not; where `names` are all, others may be missing."""
    try:
        right = {name: comparable(value) for name, value in readable(record).items()}
    except Exception:  # whatever a body that somebody else wrote may bring about; `verify` says what is wrong with it
        return []
    rest = {name for name in properties if name not in KEPT and name != "retracted"}
    shown = {name: comparable(properties[name]) for name in rest}
    if names is not None:
        right = {name: value for name, value in right.items() if name in shown or name in names}
    wrong = sorted(name for name in shown.keys() | right.keys() if shown.get(name) != right.get(name))
    return [f"its property {name} disagrees with its content" for name in wrong]


def _misstated(record: Record, edges: Sequence[Row], listed: Sequence[Row], complete: int) -> Iterator[str]:
    """Where the walks of exposure would go by something else than what the record says."""
    try:
        ones, shares = said(record.content) if record.kind is Kind.POPULATION else ([], [])
    except Exception:  # as in `_misread`
        return
    if [1] * complete != ones or sorted(map(repr, listed)) != sorted(map(repr, shares)):
        yield "the population that it states is stored differently"
    whole = any(edge[0] == Role.INCLUDES for edge in edges)
    for role, _, detail, _, closed in edges:
        by_statements = record.kind is Kind.PARTITION and role == Role.DERIVED_FROM
        if not by_statements and closed != shut(record.kind, Edge(Role(role), "", detail or ""), whole=whole):
            yield f"what its edge {role} says about knowledge disagrees with its detail"


def _moment(kept: Any) -> int:
    return -1 if (moment := moment_of(kept)) is None else moment


def _integer(kept: Any) -> int:
    return kept if isinstance(kept, int) else -1
