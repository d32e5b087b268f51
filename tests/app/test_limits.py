"""What an operation costs, against putting its fragments in by hand; and what is refused because it costs too much."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.graphql.limits import LISTS, Cost, Limits, estimate, measure
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import TooCostly
from tests.app.tiny import serving

pytestmark = pytest.mark.anyio

LAST = 5


def selections(fragment: int) -> st.SearchStrategy[str]:
    """Selection sets that spread only fragments of a higher number."""
    leaf = st.sampled_from(["a", "b", "x: a"] + [f"...F{i}" for i in range(fragment + 1, LAST + 1)])
    return st.recursive(
        st.lists(leaf, min_size=1, max_size=4).map(" ".join),
        lambda inner: st.lists(
            leaf
            | inner.map("c {{ {} }}".format)
            | inner.map("y: c {{ {} }}".format)
            | inner.map("... {{ {} }}".format),
            min_size=1,
            max_size=4,
        ).map(" ".join),
        max_leaves=8,
    )


documents = st.tuples(*(selections(i) for i in range(-1, LAST + 1))).map(
    lambda sets: f"{{ {sets[0]} }}" + "".join(f" fragment F{i} on T {{ {s} }}" for i, s in enumerate(sets[1:]))
)


@given(documents)
def test_a_cost_is_that_of_the_operation_with_its_fragments_put_in(text: str) -> None:
    document = parse(text)
    operation, *fragments = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    named = {f.name.value: f.selection_set for f in fragments if isinstance(f, FragmentDefinitionNode)}

    def paths(selected: SelectionSetNode) -> list[tuple[bool, ...]]:
        """For every field, whether it and those around it are aliased."""
        found: list[tuple[bool, ...]] = []
        for one in selected.selections:
            if isinstance(one, FieldNode):
                aliased = (one.alias is not None,)
                found += [
                    aliased,
                    *(aliased + rest for rest in (paths(one.selection_set) if one.selection_set else [])),
                ]
            elif isinstance(one, InlineFragmentNode):
                found += paths(one.selection_set)
            elif isinstance(one, FragmentSpreadNode):
                found += paths(named[one.name.value])
        return found

    fields = paths(operation.selection_set)
    expected = Cost(max(map(len, fields), default=0), sum(path[-1] for path in fields), len(fields))
    assert measure(document, operation) == expected


async def post(client: httpx2.AsyncClient, query: str, **variables: Any) -> httpx2.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


def nested(levels: int) -> str:
    return "{ node " + "{ next " * levels + "{ name }" + " }" * levels + " }"


BOMB = "query { node { ...F0 } } " + " ".join(
    f"fragment F{i} on Node {{ ...F{i + 1} ... on Node {{ ...F{i + 1} }} }}" for i in range(40)
)
COSTLY = [
    (nested(30), "levels deep, and at most 20"),
    ("{ " + " ".join(f"a{i}: node {{ name }}" for i in range(101)) + " }", "101 aliases, and at most 100"),
    ("{ node { " + "name " * 2_001 + "} }", "2002 fields"),
    ("{ node { " + "name " * 20_000 + "} }", "over 10000 tokens, and at most 10000 are allowed"),
    (BOMB + " fragment F40 on Node { name }", "over 10^9 fields"),
    (nested(10_000), "too large to be checked"),
    ("{" + " maybe { name }" * 900 + "}", "too large to be checked"),
]


@pytest.mark.parametrize(("query", "said"), COSTLY)
async def test_too_costly(query: str, said: str) -> None:
    async with serving() as client:
        answer = await post(client, query)
        assert answer.status_code == 400
        errors = answer.json()["errors"]
        assert errors[-1]["extensions"] == {"code": "TOO_COSTLY"}
        assert said in errors[-1]["message"]


def cost(text: str) -> int:
    operation, *fragments = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    named = {one.name.value: one for one in fragments if isinstance(one, FragmentDefinitionNode)}
    return estimate(operation.selection_set, named, {})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ v(first: 10) { ref parents { ref } trainedOn { role } } }", 10 * (1 + 1 + 1)),
        ("{ v(first: 10) { parents { node { ref } } } }", 10 * (1 + 1 + 1)),
        ("{ v(first: 10) { parents { node { parents { ref } } } } }", 10 * (1 + 1 + 1 + 8)),
        ("{ v(first: 10) { parents { node { trainedOn { node { links { id } } } } } } }", 10 * (1 + 2 + 8 * (2 + 8))),
        ("{ v(first: 10) { parents { node { ...P } } } } fragment P on V { ... on V { parents { ref } } }", 10 * 11),
        ("{ v(first: 10) { parents { node { lineage(first: 5) { parents { ref } } } } } }", 10 * (3 + 5 * (1 + 8))),
        ("{ trainedOn(first: 10) { parents { ref } } }", 2_500 + 10 * (1 + 1)),
    ],
)
def test_lists_below_lists_count_several_times(query: str, expected: int) -> None:
    """A question about a population is no list, though it has the name of one."""
    assert cost(query) == expected


def test_all_lists_that_lead_to_further_lists_are_counted() -> None:
    """By the schema: whatever has no page sizes and leads back to a record of the kind that it was asked of."""
    schema = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))
    ways: dict[str, list[tuple[str, GraphQLField, str]]] = {}
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
            for field, definition in type_.fields.items():
                ends = get_named_type(definition.type)
                abstract = isinstance(ends, GraphQLInterfaceType | GraphQLUnionType)
                for end in schema.get_possible_types(ends) if abstract else [ends]:
                    ways.setdefault(name, []).append((field, definition, end.name))

    def reached(start: str) -> set[str]:
        found, waiting = set[str](), [start]
        while waiting:
            if (here := waiting.pop()) not in found:
                found.add(here)
                waiting += [end for _, _, end in ways.get(here, ())]
        return found

    expected = {
        field
        for name, leading in ways.items()
        for field, definition, end in leading
        if is_list_type(get_nullable_type(definition.type)) and not definition.args and name in reached(end)
    }
    assert expected == LISTS


async def test_parents_of_parents_of_many_are_refused_before_they_are_read() -> None:
    settings = Settings(store="memory:")
    inner = "parents { node { " * 3 + "ref verdict { status }" + " } }" * 3
    query = parse(f"{{ modelVersions(first: 1000) {{ edges {{ node {{ {inner} }} }} }} }}")
    [operation] = query.definitions
    assert isinstance(operation, OperationDefinitionNode)
    with pytest.raises(TooCostly, match="may cost 14"):
        Limits.of(settings).check_cost(query, operation, {})


async def test_fragments_in_a_circle_are_invalid() -> None:
    async with serving() as client:
        answer = await post(client, "{ node { ...F } } fragment F on Node { ...G } fragment G on Node { ...F }")
    assert "spread" in answer.json()["errors"][0]["message"]


async def test_a_schema_may_be_asked_for_within_the_limits() -> None:
    from graphql import build_client_schema, get_introspection_query

    async with serving() as client:
        answer = await post(client, get_introspection_query())
    assert build_client_schema(answer.json()["data"]).query_type is not None
