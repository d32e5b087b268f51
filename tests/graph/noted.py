"""Putting a log of `Noted` records, whose edges may be unusual, into a Neo4j store as if they had been registered."""

from collections.abc import Sequence
from itertools import pairwise

from descentd.graph.model.kinds import Edge, Kind, Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.records import Record
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.schema import insert
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.strategies import Noted

UNLEARNED = {Role.TRAINED_ON: "RETRIEVAL", Role.DERIVED_FROM: "MERGE"}
"""Details of edges along which nothing is learned."""


def appended(sequence: int, noted: Noted) -> Appended:
    content: dict[str, object] = {"n": sequence}
    if noted.fact is not None:
        content["populationDocumented"] = noted.fact.documented.value
        content["population"] = [
            {"attribute": s.attribute, "value": s.value} | ({} if s.share is None else {"share": s.share})
            for s in noted.fact.shares
        ]
    if noted.kind is Kind.CODE and noted.trained:
        content["path"] = "train.py"
    if noted.disclosure is not None and noted.disclosure.complete:
        content["complete"] = True
    record = Record.of(Kind.NOTE, content)  # whose derived parts are those of a kind without any
    details = {(role, target): "" if learns else UNLEARNED.get(role, "") for role, target, learns in noted.edges}
    links = [Link(sequence, role, target, detail) for (role, target), detail in details.items()]
    if noted.fact is not None:
        links.append(Link(sequence, Role.DESCRIBES, noted.fact.partition))
    if noted.disclosure is not None:
        links += [Link(sequence, Role.ABOUT, subject) for subject in noted.disclosure.subjects]
        if noted.disclosure.supersedes is not None:
            links.append(Link(sequence, Role.SUPERSEDES, noted.disclosure.supersedes))
    links += [Link(sequence, Role.ABOUT, subject) for subject in noted.retracts]
    digest = () if noted.digest is None else (f"digest:sha256:{noted.digest:064x}",)
    own = {"label": None, "keys": digest, "words": "", "edges": tuple(Edge(i.role, "", i.detail) for i in links)}
    record = Record(noted.kind, record.body)
    record.__dict__.update(own)
    return Appended(Entry(sequence, 1, record, 1, "tess"), tuple(links))


async def fill(store: Neo4jStore, log: Sequence[Noted], cuts: Sequence[int] = ()) -> None:
    """Replace what `store` holds by `log`, inserted in batches that end at `cuts`."""
    items = [appended(sequence, noted) for sequence, noted in enumerate(log, 1)]
    store.clear()

    async def work(run):  # type: ignore[no-untyped-def]
        await run("MATCH (n) WHERE NOT n:_Log DETACH DELETE n")
        for after, upto in pairwise(sorted({0, *cuts, len(items)})):
            await insert(run, items[after:upto], Head(upto, 1, Frontier()), PropertyNames())

    await store._connection.write(work)
