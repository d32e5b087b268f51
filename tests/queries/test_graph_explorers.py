"""What graph explorers ask: many records by one question, how they were derived, and impact on some versions alone."""

from collections import Counter
from typing import Any

import pytest

from descentd.app.auth.authorization import READERS
from descentd.app.graphql.context import Context
from descentd.app.graphql.schema.root import schema
from descentd.graph.inputs.acts import DeploymentInput
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.policies import PolicyInput, policies_by_digest, policy_history, register_policies
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

ENTITIES = "query ($refs: [Ref!]!, $asOf: DateTime) { entities(refs: $refs, asOf: $asOf) { id ref kind } }"
IMPACT = """query ($of: [Ref!]!, $filter: ModelVersionFilter, $kinds: [RecordKind!], $first: Int, $after: String) {
  impact(of: $of, filter: $filter, kinds: $kinds) {
    counts { kind count }
    affected(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor } edges { distance via { ref } node { ref } }
    }
  }
}"""


async def family(registry: Registry) -> None:
    """Data, scorer@1 trained on it, scorer@2 to @4 and the merged ranker@1 below; scorer@2 and ranker@1 serve."""
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": "sha256:" + "1" * 64}]}
    models: list[dict[str, Any]] = [
        {"name": "scorer", "version": "1", "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    ]
    for number in (2, 3, 4):
        parents = [{"ref": f"model:scorer@{number - 1}", "relation": "FINE_TUNE"}]
        models.append({"name": "scorer", "version": str(number), "parents": parents})
    parents = [{"ref": f"model:scorer@{number}", "relation": "MERGE"} for number in (2, 4)]
    models.append({"name": "ranker", "version": "1", "parents": parents})
    await send(registry, datasets=[data], models=models)
    for ref, environment in (("model:scorer@2", "production"), ("model:ranker@1", "lab")):
        place = {"environment": environment, "endpoint": "e", "since": "2025-01-01T00:00:00Z"}
        claimed = {"by": "Bo", "source": "the old wiki"}
        await deploy(registry, DeploymentInput.read({"subject": ref, **place, "claimed": claimed}), "ana")


async def answered(registry: Registry, query: str, **variables: Any) -> tuple[Any, list[str]]:
    """What an operation answers, and what is said beside it."""
    at = Context(registry, "ana", READERS)
    result = await schema.execute(query, variable_values=variables, context_value=at)
    if result.errors:
        assert result.errors[0].original_error is not None
        raise result.errors[0].original_error
    assert result.data is not None
    return next(iter(result.data.values())), list(at.warnings)


async def test_entities_come_in_the_order_asked_by_one_look_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await family(registry)
    id = (await registry.find("model:scorer@3", await registry.sequence())).id
    refs = ["model:ranker@1", id, "dataset:d@1#p", "model:ranker@1", "dataset:d@1"]
    asked: list[list[str]] = []
    resolve = registry.store.resolve

    async def counting(names: Any) -> Any:
        asked.append(list(names))
        return await resolve(names)

    monkeypatch.setattr(registry.store, "resolve", counting)
    found, warnings = await answered(registry, ENTITIES, refs=refs)
    assert [one["ref"] for one in found] == [refs[0], "model:scorer@3", *refs[2:]]
    assert len(asked) == 1
    assert warnings == []


async def test_what_is_unknown_is_null_and_said(registry: Registry) -> None:
    await family(registry)
    refs = ["model:scorer@9", "model:scorer@1", "sha256:" + "0" * 64, "model:scorer@9"]
    found, warnings = await answered(registry, ENTITIES, refs=refs)
    assert [one and one["ref"] for one in found] == [None, "model:scorer@1", None, None]
    assert warnings == [
        f'Nothing is registered as "model:scorer@9" and "sha256:{"0" * 64}": check the spelling, or search for it.'
    ]
    early, _ = await answered(registry, ENTITIES, refs=refs, asOf="2001-01-01T00:00:00Z")
    assert early == [None] * 4


async def test_a_policy_is_found_by_its_digest_among_others(registry: Registry) -> None:
    await family(registry)
    rules = [{"name": "any", "expression": "true"}]
    await register_policies(registry, [PolicyInput.read({"environment": "lab", "rules": rules})])
    [state] = await policy_history(registry, await registry.sequence())
    found, warnings = await answered(registry, ENTITIES, refs=["model:ranker@1", state.policy.digest])
    assert [one["kind"] for one in found] == ["MODEL_VERSION", "POLICY"]
    assert found[1]["id"] == state.entry.record.id
    assert warnings == []
    assert await policies_by_digest(registry, [], await registry.sequence()) == {}


@pytest.mark.parametrize(
    ("refs", "field", "message"),
    [
        ([], "refs", "name at least one"),
        (["model:m@1", "m@1"], "refs[1]", "is not a ref"),
        (["model:m@1"] * 1001, "refs", "Expected 1 to 1000 refs, got 1001"),
    ],
)
async def test_lists_that_cannot_be_are_refused(registry: Registry, refs: list[str], field: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        await answered(registry, ENTITIES, refs=refs)
    assert refused.value.field == field


async def test_edges_of_a_lineage_say_how_and_nodes_are_records(registry: Registry) -> None:
    await family(registry)
    query = """{ lineage(of: "model:ranker@1", direction: ANCESTORS) {
      nodes { ref node { id ref ... on ModelVersion { name } } } edges { source target role relation }
    } }"""
    found = await ask(registry, query)
    refs = {one["node"]["id"]: one["ref"] for one in found["nodes"]}
    assert all(one["node"]["ref"] == one["ref"] for one in found["nodes"])
    edges = {(refs[e["source"]], refs[e["target"]]): (e["role"], e["relation"]) for e in found["edges"]}
    assert edges == {
        ("model:ranker@1", "model:scorer@2"): ("DERIVED_FROM", "MERGE"),
        ("model:ranker@1", "model:scorer@4"): ("DERIVED_FROM", "MERGE"),
        ("model:scorer@4", "model:scorer@3"): ("DERIVED_FROM", "FINE_TUNE"),
        ("model:scorer@3", "model:scorer@2"): ("DERIVED_FROM", "FINE_TUNE"),
        ("model:scorer@2", "model:scorer@1"): ("DERIVED_FROM", "FINE_TUNE"),
        ("model:scorer@1", "dataset:d@1#p"): ("TRAINED_ON", None),
    }


async def test_edges_are_read_where_they_are_asked_for_alone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await family(registry)
    read, links = list[int](), registry.store.links

    async def noted(*given: Any, **named: Any) -> Any:
        read.append(1)
        return await links(*given, **named)

    monkeypatch.setattr(registry.store, "links", noted)
    lineage = 'lineage(of: "model:ranker@1", direction: ANCESTORS)'
    every = await ask(registry, f"{{ {lineage} {{ complete totalCount nodes {{ ref }} edges {{ source }} }} }}")
    assert read
    assert len(every.pop("edges")) == 6
    for shape in (
        "... on Lineage { joints: edges { source } }",
        "...Joints } } fragment Joints on Lineage { ... { joints: edges { source }",
    ):
        named = await ask(registry, f"{{ {lineage} {{ complete totalCount nodes {{ ref }} {shape} }} }}")
        assert len(named.pop("joints")) == 6
        assert named == every
    read.clear()
    assert await ask(registry, f"{{ {lineage} {{ complete totalCount nodes {{ ref }} }} }}") == every
    assert not read


WITHOUT = {"model:scorer@1": 1, "model:scorer@2": 2, "model:scorer@3": 3, "model:ranker@1": 3, "model:scorer@4": 4}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, set(WITHOUT)),
        ({"name": "ranker"}, {"model:ranker@1"}),
        ({"namePrefix": "sco"}, {ref for ref in WITHOUT if "scorer" in ref}),
        ({"servingIn": "production"}, {"model:scorer@2"}),
        ({"serving": True}, {"model:scorer@2", "model:ranker@1"}),
        ({"serving": True, "name": "scorer"}, {"model:scorer@2"}),
        ({"serving": False}, {"model:scorer@1", "model:scorer@3", "model:scorer@4"}),
        ({"name": "nothing"}, set()),
    ],
)
async def test_impact_on_versions_by_name_and_by_what_is_deployed(
    registry: Registry, filter: dict[str, Any], expected: set[str]
) -> None:
    await family(registry)
    listed: list[Any] = []
    page: Any = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        found = await ask(registry, IMPACT, of=["dataset:d@1"], filter=filter, first=1, after=page["endCursor"])
        assert found["counts"] == ([{"kind": "MODEL_VERSION", "count": len(expected)}] if expected else [])
        assert found["affected"]["totalCount"] == len(expected)
        listed += found["affected"]["edges"]
        page = found["affected"]["pageInfo"]
    assert {one["node"]["ref"]: one["distance"] for one in listed} == {ref: WITHOUT[ref] for ref in expected}
    assert [one["distance"] for one in listed] == sorted(one["distance"] for one in listed)
    for one in listed:
        assert (one["via"][0]["ref"], one["via"][-1]["ref"]) == ("dataset:d@1#p", one["node"]["ref"])


async def test_impact_without_a_filter_counts_everything(registry: Registry) -> None:
    await family(registry)
    found = await ask(registry, IMPACT, of=["dataset:d@1"])
    assert Counter({one["kind"]: one["count"] for one in found["counts"]}) == {"MODEL_VERSION": 5, "DEPLOYMENT": 2}


async def test_filters_of_impact_that_cannot_be_are_refused(registry: Registry) -> None:
    await family(registry)
    with pytest.raises(InvalidInput, match="A filter selects versions") as refused:
        await ask(registry, IMPACT, of=["dataset:d@1"], filter={"name": "m"}, kinds=[Kind.DEPLOYMENT])
    assert refused.value.field == "kinds"
    with pytest.raises(NotFound) as unknown:
        await ask(registry, IMPACT, of=["dataset:d@1"], filter={"derivedFrom": "model:m@1"})
    assert unknown.value.field == "filter.derivedFrom"
    first = await ask(registry, IMPACT, of=["dataset:d@1"], filter={"name": "scorer"}, first=1)
    after = first["affected"]["pageInfo"]["endCursor"]
    with pytest.raises(InvalidInput, match="another question"):
        await ask(registry, IMPACT, of=["dataset:d@1"], filter={"name": "ranker"}, first=1, after=after)


@pytest.mark.parametrize(("serving", "expected"), [(True, {"model:ranker@1"}), (False, {"model:scorer@3"})])
async def test_exposure_of_what_is_deployed(registry: Registry, serving: bool, expected: set[str]) -> None:
    await family(registry)
    query = """query ($p: PopulationInput!, $f: ModelVersionFilter) {
      trainedOn(population: $p, filter: $f) { counts { verdict count } versions { edges { node { ref } } } }
    }"""
    population = {"all": [{"attribute": "age", "values": ["65+"]}]}
    wanted = {"serving": serving, "derivedFrom": "model:scorer@2", "recordedAfter": "2001-01-01T00:00:00Z"}
    found = await ask(registry, query, p=population, f=wanted)
    refs = {one["node"]["ref"] for one in found["versions"]["edges"]}
    assert refs == (expected if serving else expected | {"model:scorer@4"})
