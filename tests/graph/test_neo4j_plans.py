"""How Neo4j goes about it at realistic statistics: plans that prune, and shapes that are wide or deep."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from neo4j import AsyncDriver, AsyncGraphDatabase

import descentd.graph.store.neo4j as package
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import (
    Direction,
    ExposureQuery,
    Reached,
    ReachQuery,
    SupportsReach,
    Term,
)
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.support.effort import some_of
from tests.support.histories import adding
from tests.support.neo4j_server import Neo4jServer
from tests.support.zoo import Zoo

pytestmark = [pytest.mark.anyio, pytest.mark.forgets_plans]

DIAMONDS, LONG = 60, some_of(9_000)
FEW = 5
"""A number of records with which conditions on where a walk ends made Neo4j seek ways to every node."""
POPULATION = (Term("age", frozenset({"65+"})),)
QUESTIONS = ("reach", "evidence", "ancestors", "members", "members of each", "exposure", "paths")
PRUNING = "VarLengthExpand(Pruning,BFS"

Asked = Mapping[str, list[tuple[str, dict[str, Any]]]]
"""The statements that each question asks of Neo4j, with their parameters."""


def version(name: str, number: int, *parents: Record) -> Record:
    derived = [{"node": parent.id, "relation": "FINE_TUNE"} for parent in parents]
    return Record.of(Kind.MODEL_VERSION, {"name": name, "version": str(number), "parents": derived})


def lattice() -> Iterator[Record]:
    top = version("lattice", 0)
    yield top
    for diamond in range(DIAMONDS):
        sides = version("lattice", 3 * diamond + 1, top), version("lattice", 3 * diamond + 2, top)
        top = version("lattice", 3 * diamond + 3, *sides)
        yield from (*sides, top)


def chain() -> Iterator[Record]:
    last = version("chain", 0)
    yield last
    for number in range(1, LONG):
        last = version("chain", number, last)
        yield last


@dataclass
class Filled:
    """A store with a zoo (of 23,000 records in a thorough run), a lattice and a chain, and what was asked of Neo4j."""

    store: Neo4jStore
    driver: AsyncDriver
    upto: int
    lattice: int
    chain: int
    asked: list[tuple[str, dict[str, Any]]]

    def walkers(self) -> tuple[SupportsReach, SupportsReach]:
        return self.store, LineageIndex(self.store)

    async def operators(self, query: str, parameters: dict[str, Any]) -> list[str]:
        """The operators of a plan; see https://neo4j.com/docs/cypher-manual/5/planning-and-tuning/operators/."""
        _, summary, _ = await self.driver.execute_query(f"EXPLAIN {query}", parameters)
        assert summary.plan is not None
        return list(operators(summary.plan))

    async def scans(self, query: str) -> list[str]:
        """What a plan reads all of: labels, types of relationships, or everything."""
        given = dict.fromkeys(re.findall(r"\$(\w+)", query))
        _, summary, _ = await self.driver.execute_query(f"EXPLAIN CYPHER 5 {query}", given)
        assert summary.plan is not None
        return [str(plan["args"].get("Details")) for plan in nested(summary.plan) if "Scan" in plan["operatorType"]]


def nested(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and the plans that feed it."""
    yield plan
    for child in plan.get("children", ()):
        yield from nested(child)


def operators(plan: dict[str, Any]) -> Iterator[str]:
    return (each["operatorType"].partition("@")[0] for each in nested(plan))


@asynccontextmanager
async def filled_with(
    server: Neo4jServer, records: Sequence[Record], lattice: int = 0, chain: int = 0
) -> AsyncIterator[Filled]:
    """A Neo4j that holds just these records, and has seen how many there are."""
    server.clear()
    store = Neo4jStore(server.uri, server.auth)
    await store.open()
    for start in range(0, len(records), 5_000):
        assert await store.write([adding(*records[start : start + 5_000])]) == [None]
    asked: list[tuple[str, dict[str, Any]]] = []
    run = store._connection.run

    async def told(query: str, /, **parameters: Any) -> list[list[Any]]:
        asked.append((query, parameters))
        return await run(query, **parameters)

    async with AsyncGraphDatabase.driver(server.uri, auth=server.auth) as driver:
        await driver.execute_query("CALL db.prepareForReplanning(300)")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store._connection, "run", told)
            yield Filled(store, driver, len(records), lattice, chain, asked)
    await store.close()


def walks(asked: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """What of that walks over more than an edge or two."""
    found = [(query, given) for query, given in asked if re.search(r"\*[01]?\.\.\]", query)]
    return [(query, given) for query, given in found if "shortestPath" not in query]


@pytest.fixture(scope="module")
async def filled(neo4j_server: Neo4jServer) -> AsyncIterator[Filled]:
    zoo = [record for records in Zoo(versions=some_of(16_000)).transactions() for record in records]
    records = [*zoo, *lattice(), *chain()]
    async with filled_with(neo4j_server, records, len(zoo) + 1, len(zoo) + 3 * DIAMONDS + 2) as filled:
        yield filled


@pytest.fixture(scope="module")
async def asked(filled: Filled) -> Asked:
    """What each question asks of Neo4j, found once for all tests: planning and answering them takes seconds."""
    found = {}
    for question in QUESTIONS:
        await ask(filled, question)
        found[question] = list(filled.asked)
    return found


@pytest.fixture(scope="module")
async def early(asked: Asked, neo4j_server: Neo4jServer) -> Mapping[str, list[tuple[str, list[str]]]]:
    """The walks of each question, with the operators of the plans that Neo4j makes of them for `FEW` records.

    Neo4j holds no more than these afterwards, so what asks for this comes last here.
    """
    async with filled_with(neo4j_server, list(islice(chain(), FEW))) as nearly_empty:
        return {
            question: [
                (query, await nearly_empty.operators(query, given)) for query, given in dict(walks(each)).items()
            ]
            for question, each in asked.items()
        }


async def ask(filled: Filled, question: str) -> None:
    """Ask something that has many answers and takes every clause of its kind."""
    store, upto = filled.store, filled.upto
    early = await store.everything(200, Kind.PARTITION)
    whole = await store.everything(200, Kind.DATASET)
    avoiding = frozenset((await store.everything(300, Kind.MODEL_VERSION))[-3:].tolist())
    filled.asked.clear()
    store.clear()
    for origins in ([int(early[0])], early[:5].tolist(), [int(whole[-1])]):
        match question:
            case "reach":
                for kinds, after in ((None, None), (frozenset({Kind.PARTITION, Kind.DATASET}), (2, 100))):
                    await store.reach(ReachQuery(origins, Direction.DESCENDANTS, upto, kinds=kinds, after=after))
            case "evidence":
                await store.reach(ReachQuery(origins, Direction.DESCENDANTS, upto, evidence=True))
            case "ancestors":
                last = int((await store.everything(filled.lattice - 1, Kind.MODEL_VERSION))[-1])
                for late in (upto, last):  # the end of the chain, and one that learned from partitions
                    await store.reach(ReachQuery([late], Direction.ANCESTORS, upto))
            case "members":
                await store.members(origins, Direction.DESCENDANTS, upto, Kind.MODEL_VERSION, avoiding=avoiding)
            case "members of each":
                before = len(filled.asked)
                await store.members_of_each([*origins, *whole[-3:].tolist()], [upto], upto, Kind.MODEL_VERSION)
                assert len(filled.asked) - before == 6  # however many there are
            case "exposure":
                await store.exposure(ExposureQuery(POPULATION, upto))
            case _:
                await store.paths(origins[0], upto, upto, 3)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_walks_are_pruned(filled: Filled, asked: Asked, question: str) -> None:
    assert walks(asked[question])
    for query, given in walks(asked[question]):
        check_pruned(query, await filled.operators(query, given))


def check_pruned(query: str, operators: Sequence[str]) -> None:
    expands = [name for name in operators if name.startswith("VarLengthExpand")]
    assert all(name.startswith(PRUNING) for name in expands), (query, operators)
    assert expands
    assert not [name for name in operators if name.endswith("AllNodesScan") or name == "NodeByLabelScan"], query


async def test_a_page_sorts_no_more_than_it_lists(filled: Filled, asked: Asked) -> None:
    pages = [(query, given) for query, given in asked["reach"] if "ORDER BY" in query]
    assert pages
    for query, given in pages:
        found = await filled.operators(query, given)
        assert {"PartialTop", "Top"} & set(found), (query, found)
        assert "Sort" not in found


async def test_what_a_page_has_in_common_is_read_once(filled: Filled) -> None:
    """Each step is a statement for all items, and few are taken: neither items nor the length of a chain add any."""
    early = int((await filled.store.everything(200, Kind.PARTITION))[0])
    for cause, first in ((early, 50), (early, 5), (filled.chain, 50)):
        page = await filled.store.reach(ReachQuery([cause], Direction.DESCENDANTS, filled.upto, first=first))
        filled.asked.clear()
        found = await filled.store.via([cause], [item.sequence for item in page.items], filled.upto)
        assert len(found) == first
        assert len(filled.asked) <= 13
        for query, given in filled.asked:
            operators = await filled.operators(query, given)
            assert not {"AllNodesScan", "NodeByLabelScan"} & set(operators), query


async def test_several_starts_are_unwound(filled: Filled, asked: Asked) -> None:
    """With a unique constraint, `WHERE d.seq IN $list` before a walk that prunes gave wrong results in Neo4j 5.26.0.

    It still does in 5.26.30: `MATCH (d:Record)<-[…*1..]-(x) WHERE d.seq IN $list WITH DISTINCT x` answers here with
    27,558 rows, of which 12,520 repeat others. So no query of ours has this form.
    """
    origins = (await filled.store.everything(3_000, Kind.MODEL_VERSION))[::60].tolist()
    pushed_down, index = filled.walkers()
    filled.asked.clear()
    found = await pushed_down.reach(ReachQuery(origins, Direction.DESCENDANTS, filled.upto, first=filled.upto))
    assert found == await index.reach(ReachQuery(origins, Direction.DESCENDANTS, filled.upto, first=filled.upto))
    assert any("UNWIND $starts AS s" in query for query, _ in filled.asked)
    for statements in asked.values():
        assert not [query for query, _ in statements if re.search(r"\bd\.\w+ IN ", query)]


SINGLE = re.compile(r"\w+:(_Log|_Undocumented|_Complete|_Chain)")
"""Labels of which there are a few nodes, however large the registry."""
TEMPLATES = {"ancestry._ALL", "ancestry._STEP", "reach._REACHED_BY_EACH", "reads._NAMED", "upgrade._TIMES"}
"""What is filled in before it is asked; the walks and look-ups above are asked for as they are."""


def statements() -> Iterator[tuple[str, str]]:
    """The statements that take rows or a part of the log as parameters, by the names of their constants."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, value in vars(module).items():
            if isinstance(value, str) and re.search(r"UNWIND \$|\$after <", value):
                yield f"{found.name}.{name}", value


async def test_rows_and_parts_of_the_log_are_found_by_an_index(filled: Filled) -> None:
    """A label that has no index is read as a whole, for each row: 1,000 versions took 40 s among 23,000."""
    found = dict(statements())
    assert len(found) > 25
    for name in sorted(found.keys() - TEMPLATES):
        scans = [scan for scan in await filled.scans(found[name]) if not SINGLE.match(scan)]
        assert not scans, (name, scans)


async def test_a_lattice_of_60_diamonds(filled: Filled) -> None:
    last = filled.lattice + 3 * DIAMONDS
    for walker in filled.walkers():
        page = await walker.reach(ReachQuery([filled.lattice], Direction.DESCENDANTS, filled.upto, first=3))
        assert page.counts == {Kind.MODEL_VERSION: 3 * DIAMONDS}
        assert list(page.items) == [Reached(filled.lattice + n, d) for n, d in ((1, 1), (2, 1), (3, 2))]
        found = await walker.paths(filled.lattice, last, filled.upto, 2)
        assert found.count == 2**DIAMONDS
        assert [len(path) for path in found.paths] == [2 * DIAMONDS + 1] * 2


async def test_a_long_chain(filled: Filled) -> None:
    first, last = filled.chain, filled.chain + LONG - 1
    for walker in filled.walkers():
        page = await walker.reach(ReachQuery([first], Direction.DESCENDANTS, filled.upto, first=10))
        assert page.counts == {Kind.MODEL_VERSION: LONG - 1}
        assert list(page.items) == [Reached(first + n, n) for n in range(1, 11)]
        assert page.more
        end = await walker.reach(ReachQuery([first], Direction.DESCENDANTS, filled.upto, after=(LONG - 3, last - 2)))
        assert list(end.items) == [Reached(last - 1, LONG - 2), Reached(last, LONG - 1)]
        above = await walker.reach(ReachQuery([last], Direction.ANCESTORS, filled.upto, first=1))
        assert above.total == LONG - 1
        assert (await walker.paths(first, last, filled.upto, 1)).count == 1
        [steps] = await walker.via([first], [last], filled.upto)
        assert (len(steps), steps[0].sequence, steps[-1].sequence) == (1_000, first, last)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_walks_are_pruned_by_plans_of_a_nearly_empty_graph(
    early: Mapping[str, list[tuple[str, list[str]]]], question: str
) -> None:
    """A plan may outlive the graph that it was made for: it must not enumerate paths in one that has grown since."""
    assert early[question]
    for query, found in early[question]:
        check_pruned(query, found)
