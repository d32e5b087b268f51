"""Which part of a lineage is drawn: against networkx over a made-up zoo, and in small lineages by hand."""

from functools import cache
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.kinds import ENTITIES, INFLUENCE, Kind, Role
from descentd.graph.model.names import rfc3339
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Record
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.queries.lineage.selection.beside import beside
from descentd.queries.lineage.selection.folding import Filter, fold, shown
from descentd.queries.lineage.selection.links import links_among
from descentd.queries.lineage.selection.select import Choice, Opened, Selection, Side, select
from descentd.queries.lineage.stated_edges import stated_edges, twins_of
from descentd.queries.registry import Registry
from tests.support.histories import adding
from tests.support.registries import send, without_index
from tests.support.zoo import Zoo

pytestmark = pytest.mark.anyio

VERSIONS = frozenset({Kind.MODEL_VERSION})
Json = dict[str, Any]


def version(name: str, number: str, *parents: str, relation: str = "FINE_TUNE", **more: Any) -> Json:
    return {
        "name": name,
        "version": number,
        "parents": [{"ref": f"model:{parent}", "relation": relation} for parent in parents],
        **more,
    }


def refs(selection: Selection) -> set[str]:
    return {member.brief.ref for member in selection.members.values()}


async def family(registry: Registry) -> None:
    """base@1 has five children of one name and one of another; two of the five have a child each."""
    await send(
        registry,
        models=[
            version("base", "1"),
            *(version("tuned", str(number), "base@1") for number in range(1, 6)),
            version("other", "1", "base@1", relation="QUANTIZE"),
            version("leaf", "1", "tuned@2"),
            version("leaf", "2", "tuned@4"),
        ],
    )


async def sequence(registry: Registry, ref: str) -> int:
    return (await registry.find(ref, await registry.sequence())).sequence


async def test_one_step_each_way_comes_first_and_says_how_much_more_there_is(registry: Registry) -> None:
    await family(registry)
    found = await select(registry, "model:tuned@2", Choice())
    assert refs(found) == {"model:base@1", "model:tuned@2", "model:leaf@1"}
    members = {member.brief.ref: member for member in found.members.values()}
    assert (members["model:base@1"].side, members["model:base@1"].below) == (Side.ABOVE, 5)
    assert (members["model:leaf@1"].side, members["model:leaf@1"].below) == (Side.BELOW, 0)
    assert {(link.parent, link.child) for link in found.links} == {
        (await sequence(registry, "model:base@1"), found.middle),
        (found.middle, await sequence(registry, "model:leaf@1")),
    }


async def test_opening_shows_the_neighbours_a_page_at_a_time(registry: Registry) -> None:
    await family(registry)
    base = await sequence(registry, "model:base@1")
    for pages, expected in ((1, 2), (2, 4), (3, 6), (9, 6)):
        opened = (Opened(base, Direction.DESCENDANTS, pages),)
        found = await select(registry, "model:base@1", Choice(below=0, each=2, opened=opened))
        assert len(found.members) == 1 + expected
        assert found.members[base].below == 6 - expected
    found = await select(registry, "model:tuned@2", Choice(below=0, opened=(Opened(base, Direction.DESCENDANTS),)))
    assert refs(found) >= {"model:tuned@1", "model:other@1"}
    assert found.members[await sequence(registry, "model:other@1")].side is Side.BESIDE


async def test_opening_always_shows_something_new(registry: Registry) -> None:
    await family(registry)
    base = await sequence(registry, "model:base@1")
    # tuned@1, which comes first among the children of base@1, is drawn already
    opened = (Opened(base, Direction.DESCENDANTS, 1),)
    found = await select(registry, "model:tuned@1", Choice(below=0, each=1, opened=opened))
    assert refs(found) == {"model:base@1", "model:tuned@1", "model:tuned@2"}


async def test_what_was_opened_and_is_not_drawn_is_passed_over(registry: Registry) -> None:
    await family(registry)
    leaf = await sequence(registry, "model:leaf@2")
    found = await select(registry, "model:leaf@1", Choice(above=0, opened=(Opened(leaf, Direction.ANCESTORS),)))
    assert refs(found) == {"model:leaf@1"}
    found = await select(registry, "model:leaf@1", Choice(above=0, opened=(Opened(10**11, Direction.ANCESTORS),)))
    assert refs(found) == {"model:leaf@1"}


async def test_siblings_of_one_name_are_folded_and_keep_their_links(registry: Registry) -> None:
    await family(registry)
    found = await select(registry, "model:base@1", Choice(below=2))
    folded = fold(found)
    [made] = folded.folds.values()
    assert made.name == "tuned"
    # by what was made of the same: all five have the same parents
    assert len(made.members) == 5
    ends = {(parent, child): links for (parent, child), links in folded.between.items()}
    assert len(ends[found.middle, made.place]) == 5
    assert {child for parent, child in ends if parent == made.place} == {
        await sequence(registry, "model:leaf@1"),
        await sequence(registry, "model:leaf@2"),
    }
    assert sum(map(len, ends.values())) == len(found.links)


async def test_one_member_of_a_fold_can_be_pulled_out_and_some_be_unfolded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await family(registry)
    found = await select(registry, "model:base@1", Choice())
    three = await sequence(registry, "model:tuned@3")
    [made] = fold(found, pulled=[three]).folds.values()
    assert three not in made.members
    assert len(made.members) == 4
    monkeypatch.setattr("descentd.queries.lineage.selection.folding.UNFOLDED", 2)
    [first] = fold(found).folds.values()
    [rest] = fold(found, unfolded={first.number: 1}).folds.values()
    assert len(rest.members) == 3
    assert rest.number == first.number
    assert not fold(found, unfolded={first.number: 3}).folds
    assert not fold(found, off=True).folds


async def test_a_filter_leaves_no_link_without_its_ends(registry: Registry) -> None:
    await family(registry)
    found = await select(registry, "model:base@1", Choice(below=2))
    by_name = shown(found, Filter(name="LEAF"), {})
    assert refs(by_name) == {"model:base@1", "model:leaf@1", "model:leaf@2"}
    assert not by_name.links
    by_relation = shown(found, Filter(relations=frozenset({"QUANTIZE"})), {})
    assert refs(by_relation) == {"model:base@1", "model:other@1"}
    three = await sequence(registry, "model:tuned@3")
    statuses = dict.fromkeys(found.members, ("UNREVIEWED",)) | {three: ("FLAGGED",)}
    assert refs(shown(found, Filter(statuses=frozenset({"FLAGGED"})), statuses)) == {"model:base@1", "model:tuned@3"}


async def test_only_the_ways_between_two_records_are_drawn(registry: Registry) -> None:
    await send(
        registry,
        models=[
            version("top", "1"),
            version("left", "1", "top@1"),
            version("right", "1", "top@1"),
            version("aside", "1", "top@1"),
            version("foot", "1", "left@1", "right@1", relation="MERGE"),
        ],
    )
    for start, end in (("top", "foot"), ("foot", "top")):
        found = await select(registry, f"model:{start}@1", Choice(to=f"model:{end}@1"))
        assert refs(found) == {"model:top@1", "model:left@1", "model:right@1", "model:foot@1"}
        assert (found.derivations, found.drawn_derivations) == (2, 2)
        assert found.end == await sequence(registry, f"model:{end}@1")
    found = await select(registry, "model:aside@1", Choice(to="model:foot@1"))
    assert refs(found) == {"model:aside@1", "model:foot@1"}
    assert (found.derivations, found.links) == (0, [])


async def test_whoever_learned_from_a_part_of_a_dataset_is_drawn_below_it(registry: Registry) -> None:
    parts = [{"name": name, "digest": f"sha256:{number:064x}"} for number, name in enumerate("abc")]
    trained = [{"ref": "dataset:d@1#b", "role": "TRAIN"}]
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("m", "1", trainedOn=trained)],
    )
    found = await select(registry, "dataset:d@1", Choice(above=0))
    assert refs(found) == {"dataset:d@1", "dataset:d@1#b", "model:m@1"}
    assert {link.role for link in found.links} == {Role.INCLUDES, Role.TRAINED_ON}


async def test_equal_data_is_joined_without_end(registry: Registry) -> None:
    digest = f"sha256:{7:064x}"
    for name in "ab":
        await send(
            registry,
            datasets=[{"name": name, "version": "1", "partitions": [{"name": "p", "digest": digest}]}],
            models=[version(name, "1", trainedOn=[{"ref": f"dataset:{name}@1#p", "role": "TRAIN"}])],
        )
    await send(
        registry, models=[version("c", "1", trainedOn=[{"ref": f"dataset:{n}@1#p", "role": "TRAIN"} for n in "ab"])]
    )
    found = await select(registry, "model:c@1", Choice())
    assert [link.relations for link in found.links if link.role is Role.SAME_DATA] == [("SAME_DATA",)]


async def test_wrong_input_is_named(registry: Registry) -> None:
    await family(registry)
    with pytest.raises(NotFound):
        await select(registry, "model:nobody@1", Choice())
    with pytest.raises(NotFound, match="model:nobody@1"):
        await select(registry, "model:base@1", Choice(to="model:nobody@1"))
    for choice in ({"above": -1}, {"below": 10**6}, {"each": 0}, {"opened": (Opened(1, Direction.ANCESTORS),) * 300}):
        with pytest.raises(InvalidInput) as refused:
            Choice(**choice)
        assert refused.value.field


async def test_as_of_shows_what_was_there_then(registry: Registry) -> None:
    await send(registry, models=[version("m", "1")])
    [entry] = await registry.store.entries([await registry.store.sequence()])
    moment = rfc3339(entry.recorded_at)
    then = await select(registry, "model:m@1", Choice())
    await send(registry, models=[version("m", "2", "m@1")])
    assert refs(await select(registry, "model:m@1", Choice())) == {"model:m@1", "model:m@2"}
    assert refs(await select(registry, "model:m@1", Choice(below=0))) == {"model:m@1"}
    assert refs(then) == {"model:m@1"}
    assert await select(registry, "model:m@1", Choice(), moment) is then, "what was selected is not kept"


@cache
def zoo() -> tuple[Record, ...]:
    return tuple(record for records in Zoo(versions=120).transactions() for record in records)


async def zoo_registry() -> Registry:
    store = MemoryStore()
    await store.write([adding(*zoo())])
    return Registry(store, LineageIndex(store), Committer(store))


@given(st.data())
async def test_a_selection_is_what_lies_within_its_steps(data: st.DataObject) -> None:
    registry = await zoo_registry()
    upto = await registry.sequence()
    briefs = {brief.sequence: brief for brief in await registry.store.briefs(range(1, upto + 1))}
    versions = [one for one, brief in briefs.items() if brief.kind is Kind.MODEL_VERSION]
    middle = data.draw(st.sampled_from(versions))
    above, below = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    found = await select(registry, briefs[middle].ref, Choice(above, below, 10_000, VERSIONS))
    whole = await select(registry, briefs[middle].ref, Choice(1_000, 1_000, 10_000, VERSIONS))
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_node(middle)
    graph.add_edges_from((link.parent, link.child) for link in whole.links)
    down = nx.single_source_shortest_path_length(graph, middle)
    up = nx.single_source_shortest_path_length(graph.reverse(), middle)
    expected = {one for one, steps in down.items() if steps <= below} | {
        one for one, steps in up.items() if steps <= above
    }
    assert set(found.members) == expected
    for one, member in found.members.items():
        if member.side in (Side.ABOVE, Side.BELOW):
            assert member.steps == (up if member.side is Side.ABOVE else down)[one]
    folded = fold(found)
    assert set(folded.place) == set(found.members)
    assert {*folded.singles, *(one for made in folded.folds.values() for one in made.members)} == set(found.members)
    drawn = [link for links in folded.between.values() for link in links]
    inside = [link for link in found.links if folded.place[link.parent] == folded.place[link.child]]
    assert sorted(map(repr, [*drawn, *inside])) == sorted(map(repr, found.links))


@given(st.data())
async def test_neighbours_are_those_of_the_edges_that_the_store_holds(data: st.DataObject) -> None:
    registry = await zoo_registry()
    upto = data.draw(st.integers(1, await registry.sequence()))
    asked = sorted(data.draw(st.sets(st.integers(1, upto), min_size=1, max_size=8)))
    first = data.draw(st.integers(0, 5))
    kinds = data.draw(st.sampled_from([VERSIONS, frozenset({Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION})]))

    slow = without_index(registry)
    for direction in Direction:
        by_index = await beside(registry, asked, direction, upto, kinds, first)
        assert by_index == await beside(slow, asked, direction, upto, kinds, first)


@given(st.data())
async def test_links_edges_and_twins_are_those_that_the_store_holds(data: st.DataObject) -> None:
    registry = await zoo_registry()
    slow, upto = without_index(registry), await registry.sequence()
    briefs = {one.sequence: one for one in await registry.store.briefs(range(1, upto + 1)) if one.kind in ENTITIES}
    chosen = data.draw(st.sets(st.sampled_from(sorted(briefs)), min_size=1, max_size=25))
    drawn = {one: briefs[one] for one in sorted(chosen)}
    assert await links_among(registry, drawn, upto) == await links_among(slow, drawn, upto)
    upto, targets = data.draw(st.integers(1, upto)), data.draw(st.sets(st.sampled_from(sorted(briefs)), max_size=25))
    edges = await stated_edges(registry, drawn, targets, INFLUENCE, upto)
    assert edges == await stated_edges(slow, drawn, targets, INFLUENCE, upto)
    known = [one for one in drawn if one <= upto]
    assert await twins_of(registry, known, upto) == await twins_of(slow, known, upto)


@given(st.data())
async def test_no_filter_leaves_a_stray_link(data: st.DataObject) -> None:
    registry = await zoo_registry()
    upto = await registry.sequence()
    versions = (await registry.walk.everything(upto, Kind.MODEL_VERSION)).tolist()
    [middle] = await registry.store.briefs([data.draw(st.sampled_from(versions))])
    found = await select(registry, middle.ref, Choice(3, 3, 50))
    relations = data.draw(st.frozensets(st.sampled_from(["FINE_TUNE", "MERGE", "TRAIN", "INCLUDES", "SAMPLE"])))
    states = {one: (data.draw(st.sampled_from(["FLAGGED", "APPROVED"])),) for one in found.members if one % 2}
    wanted = Filter(
        relations, data.draw(st.frozensets(st.sampled_from(["FLAGGED"]))), data.draw(st.sampled_from(["", "1"]))
    )
    left = shown(found, wanted, states)
    assert found.middle in left.members
    assert set(left.members) <= set(found.members)
    for link in left.links:
        assert {link.parent, link.child} <= set(left.members)
        assert not relations or not relations.isdisjoint(link.relations)
    if wanted.relations:
        linked = {end for link in left.links for end in (link.parent, link.child)}
        assert set(left.members) <= linked | {found.middle}


async def test_checkpoints_of_one_run_that_learned_from_a_dataset_are_folded_below_it(registry: Registry) -> None:
    data = [{"ref": "dataset:d@1", "role": "PRETRAIN"}]
    parts = [{"name": "p", "digest": f"sha256:{1:064x}"}]
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("run", str(n), *([f"run@{n - 1}"] if n else []), trainedOn=data) for n in range(6)],
    )
    found = await select(registry, "dataset:d@1", Choice(above=0))
    [made] = fold(found).folds.values()
    assert len(made.members) == 6


async def test_nothing_is_folded_that_would_be_above_itself(registry: Registry) -> None:
    await send(
        registry,
        models=[
            version("top", "1"),
            version("run", "1", "top@1"),
            version("between", "1", "run@1", "top@1"),
            version("run", "2", "between@1", "top@1"),
            version("run", "3", "top@1"),
        ],
    )
    found = await select(registry, "model:top@1", Choice())
    assert not fold(found).folds
