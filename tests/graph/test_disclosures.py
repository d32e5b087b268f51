"""Lineage that is disclosed after its subject was registered: what is recorded, and what is refused."""

import asyncio
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Code, Cycle, DescentError, Invalid
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.registration.register import register
from descentd.graph.store.base import Proposal, Reads, Store
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.graph.verify import verify
from descentd.queries.registry import Registry
from tests.graph.samples import Json, digest, send

pytestmark = pytest.mark.anyio


@pytest.fixture
def each(registry: Registry) -> Store:
    """An empty store of each kind in turn."""
    return registry.store


@pytest.fixture
def memory() -> Store:
    return MemoryStore()


ENTITIES: Json = {
    "datasets": [
        {"name": "d", "version": "1", "partitions": [{"name": p, "digest": digest(i)} for i, p in enumerate("pq")]},
        {"name": "e", "version": "1"},
    ],
    "models": [{"name": name, "version": "1", "config": {"name": name}} for name in "abc"],
}


def model(name: str) -> str:
    return f"model:{name}@1"


def disclosure(subject: str, **more: Any) -> Json:
    return {"subject": subject, "source": "the model card", "reason": "learned later", **more}


def parent(*refs: str, relation: str = "FINE_TUNE") -> list[Json]:
    return [{"ref": ref, "relation": relation} for ref in refs]


async def disclose(store: Store, *disclosures: Json) -> list[Record]:
    done = await send(store, {"disclosures": list(disclosures)})
    return [record for record in done.records if record.kind is Kind.DISCLOSURE]


async def refusal(store: Store, *disclosures: Json) -> DescentError:
    before = await store.head()
    with pytest.raises(DescentError) as refused:
        await disclose(store, *disclosures)
    assert await store.head() == before
    error = refused.value
    if isinstance(error, Invalid):
        [error] = error.problems
    return error


async def ids(store: Store, *refs: str) -> list[str]:
    found = await store.resolve(refs)
    return [found[ref].id for ref in refs]


async def test_its_edges_are_its_own(each: Store) -> None:
    await send(each, ENTITIES)
    trained = [{"ref": "dataset:e@1", "role": "TRAIN"}]
    [record] = await disclose(each, disclosure(model("a"), parents=parent(model("b")), trainedOn=trained))
    a, b, e = await ids(each, model("a"), model("b"), "dataset:e@1")
    assert [(edge.role, edge.target, edge.detail) for edge in record.edges] == [
        (Role.ABOUT, a, ""),
        (Role.DERIVED_FROM, b, "FINE_TUNE"),
        (Role.TRAINED_ON, e, "TRAIN"),
    ]
    assert not record.content.get("complete")
    again = disclosure(model("a"), parents=parent(model("b")), trainedOn=trained)
    assert not (await send(each, {"disclosures": [again]})).created
    assert (await verify(each)).problem is None


async def test_what_holds_for_a_dataset_holds_for_its_partitions(each: Store) -> None:
    await send(each, ENTITIES)
    given = disclosure("dataset:d@1", parents=parent("dataset:e@1", relation="SAMPLE"), generatedBy=[model("a")])
    [record] = await disclose(each, given)
    subjects = await ids(each, "dataset:d@1", "dataset:d@1#p", "dataset:d@1#q")
    assert {edge.target for edge in record.edges if edge.role is Role.ABOUT} == set(subjects)
    assert {edge.role for edge in record.edges} == {Role.ABOUT, Role.DERIVED_FROM, Role.GENERATED_BY}


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        (disclosure(model("a")), Code.INVALID_INPUT, "disclosures[0]"),
        (disclosure(model("a"), generatedBy=[model("b")]), Code.INVALID_INPUT, "disclosures[0].generatedBy"),
        (
            disclosure("dataset:d@1", trainedOn=[{"ref": "dataset:e@1", "role": "TRAIN"}]),
            Code.INVALID_INPUT,
            "disclosures[0].trainedOn",
        ),
        (disclosure(model("a"), parents=parent("dataset:e@1")), Code.INVALID_INPUT, "disclosures[0].parents[0].ref"),
        (disclosure("dataset:d@1", parents=parent(model("a"))), Code.INVALID_INPUT, "disclosures[0].parents[0].ref"),
        (disclosure(model("z"), parents=parent(model("b"))), Code.UNKNOWN_REFERENCE, "disclosures[0].subject"),
        (disclosure(model("a"), parents=parent(model("z"))), Code.UNKNOWN_REFERENCE, "disclosures[0].parents[0].ref"),
        (
            disclosure(model("a"), parents=parent(model("b"), model("b"))),
            Code.INVALID_INPUT,
            "disclosures[0].parents[1].ref",
        ),
        (
            disclosure(model("a"), parents=parent(model("b")), supersedes=digest(99)),
            Code.UNKNOWN_REFERENCE,
            "disclosures[0].supersedes",
        ),
    ],
)
async def test_what_is_refused(memory: Store, given: Json, code: Code, field: str) -> None:
    await send(memory, ENTITIES)
    error = await refusal(memory, given)
    assert (error.code, error.field) == (code, field)


async def test_it_supersedes_one_of_the_same_subject_once(each: Store) -> None:
    await send(each, ENTITIES)
    [first] = await disclose(each, disclosure(model("a"), parents=parent(model("b"))))
    later = disclosure(model("a"), parents=parent(model("c")), complete=True, supersedes=first.id)
    [second] = await disclose(each, later)
    assert second.content["complete"] is True
    assert (Role.SUPERSEDES, first.id) in {(edge.role, edge.target) for edge in second.edges}
    assert await disclose(each, later) == [second]  # once more adds nothing
    error = await refusal(each, disclosure(model("a"), parents=parent(model("b")), supersedes=first.id))
    assert second.id in error.message
    error = await refusal(each, disclosure(model("b"), parents=parent(model("c")), supersedes=second.id))
    assert "another subject" in error.message


async def test_nothing_descends_from_itself(each: Store) -> None:
    await send(each, ENTITIES)
    child = {"name": "child", "version": "1", "parents": parent(model("a")), "config": {"x": 1}}
    await send(each, {"models": [child]})
    for together in (
        [disclosure(model("a"), parents=parent(model("a")))],
        [disclosure(model("a"), parents=parent(model("child")))],
        [disclosure(model("a"), parents=parent(model("b"))), disclosure(model("b"), parents=parent(model("child")))],
        [
            disclosure("dataset:e@1", generatedBy=[model("child")]),
            disclosure(model("a"), trainedOn=[{"ref": "dataset:e@1", "role": "TRAIN"}]),
        ],
        [disclosure("dataset:d@1#p", parents=parent("dataset:d@1", relation="SAMPLE"))],
    ):
        error = await refusal(each, *together)
        assert isinstance(error, Cycle)
        assert error.field in {f"disclosures[{i}]" for i in range(len(together))}
        assert "would descend from itself" in error.message
    await disclose(each, disclosure(model("a"), parents=parent(model("b"))))
    assert isinstance(await refusal(each, disclosure(model("b"), parents=parent(model("child")))), Cycle)


async def test_a_superseded_or_retracted_one_closes_no_cycle(each: Store) -> None:
    await send(each, ENTITIES)
    [first] = await disclose(each, disclosure(model("a"), parents=parent(model("b"))))
    instead = disclosure(model("a"), parents=parent(model("c")), supersedes=first.id)
    turned = disclosure(model("b"), parents=parent(model("a")))
    assert isinstance(await refusal(each, turned), Cycle)
    [second] = await disclose(each, instead)
    await disclose(each, turned)
    back = disclosure(model("c"), parents=parent(model("b")))
    assert isinstance(await refusal(each, back), Cycle)
    retraction = Record.of(
        Kind.RETRACTION, {"subjects": [second.id], "reason": "wrong", "by": "ann", "at": "2026-01-01T00:00:00Z"}
    )

    async def draft(_reads: Reads) -> list[Record]:
        return [retraction]

    await Committer(each).submit(Proposal(draft, "ann"))
    await disclose(each, back)


async def test_of_two_at_once_that_close_a_cycle_one_is_refused(each: Store) -> None:
    await send(each, ENTITIES)
    committer = Committer(each)
    disclosed = [disclosure(model(one), parents=parent(model(other))) for one, other in ("ab", "bc", "ca")]
    manifests = [ManifestInput.read({"disclosures": [one]}) for one in disclosed]
    outcomes = await asyncio.gather(*(register(committer, one, "ann") for one in manifests), return_exceptions=True)
    assert sorted(isinstance(outcome, Cycle) for outcome in outcomes) == [False, False, True]


names = st.sampled_from("abcdef")


@given(
    parents=st.lists(st.tuples(names, names), max_size=6),
    disclosed=st.lists(st.tuples(names, names), max_size=8),
)
async def test_a_disclosure_is_refused_just_where_networkx_finds_a_cycle(
    parents: list[tuple[str, str]], disclosed: list[tuple[str, str]]
) -> None:
    store = MemoryStore()
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name in "abcdef":
        older = sorted({other for one, other in parents if one == name and other < name})
        graph.add_node(name)
        graph.add_edges_from((name, other) for other in older)
        given = {"name": name, "version": "1", "config": {"n": name}, "parents": parent(*map(model, older))}
        await send(store, {"models": [given]})
    for one, other in disclosed:
        closes = one == other or nx.has_path(graph, other, one)
        given = disclosure(model(one), parents=parent(model(other)))
        if closes:
            refused = await refusal(store, given)
            assert isinstance(refused, Cycle)
            assert (
                one == other or f"{model(one)} would descend from itself, because {model(other)} des" in refused.message
            )
        else:
            await disclose(store, given)
            graph.add_edge(one, other)
