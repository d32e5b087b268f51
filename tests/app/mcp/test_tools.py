"""What assistants are answered, by the official client over real HTTP."""

import json
from typing import Any

import pytest
from mcp import Client

from descentd.app.mcp.answer import MOST, estimated
from tests.app.explorer.bank import FIRST, LOANS, PROFILE, THIRD
from tests.app.mcp.conftest import Connect, answer
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio

NAMES = {
    "search",
    "get_version",
    "get_lineage",
    "paths_between",
    "impact",
    "who_learned_from",
    "erosion",
    "diff",
    "explain_gate",
    "serving_at",
    "incident_context",
}
OLD = [{"attribute": "age_group", "values": ["65+"]}]
PAGED: list[tuple[str, dict[str, Any]]] = [
    ("search", {"text": "chain", "limit": 200}),
    ("get_lineage", {"of": "model:chain@0", "direction": "DESCENDANTS", "limit": 200}),
    ("get_lineage", {"of": THIRD, "limit": 3}),
    ("paths_between", {"from": LOANS, "to": THIRD, "limit": 1}),
    ("impact", {"of": [LOANS]}),
    ("impact", {"of": [LOANS], "namePrefix": "bank/", "serving": True}),
    ("who_learned_from", {"population": OLD, "limit": 200}),
    ("get_version", {"ref": THIRD, "limit": 2}),
    ("get_version", {"ref": "model:long@1"}),
    ("erosion", {"of": THIRD, "limit": 1}),
    ("diff", {"base": FIRST, "head": THIRD, "limit": 4}),
    ("explain_gate", {"of": THIRD, "environment": "production", "limit": 1}),
    ("serving_at", {}),
    ("incident_context", {}),
]


async def pages(client: Client, tool: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of a tool, page by page, each within its tokens and as long as it has to be."""
    found: list[dict[str, Any]] = []
    cursor = None
    while not found or cursor:
        page = await answer(client, tool, **arguments, **({"cursor": cursor} if cursor else {}))
        text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
        assert estimated(text) <= MOST
        assert len(page["items"]) <= arguments.get("limit", 50)
        assert page["items"] or not page["total"]
        found.append(page)
        cursor = page["cursor"]
    return found


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_every_tool_is_offered_for_reading(connect: Connect, mode: str) -> None:
    async with connect(mode=mode) as client:
        tools = (await client.list_tools()).tools
        found = await answer(client, "search", text="scorer")
    assert {tool.name for tool in tools} == NAMES
    for tool in tools:
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), (tool.name, name)
    assert {one["ref"] for one in found["items"]} == {FIRST, "model:bank/scorer@1.1", THIRD}
    assert found["total"] == 3


@pytest.mark.parametrize(("tool", "arguments"), PAGED)
async def test_pages_are_whole_items_and_make_up_the_whole(
    connect: Connect, tool: str, arguments: dict[str, Any]
) -> None:
    async with connect() as client:
        found = await pages(client, tool, arguments)
    items = [item for page in found for item in page["items"]]
    assert {page["total"] for page in found} == {len(items)}
    assert len({page["sequence"] for page in found}) == 1
    texts = [json.dumps(item, sort_keys=True) for item in items]
    assert len(set(texts)) == len(texts)
    assert all(found[i]["cursor"] for i in range(len(found) - 1))


async def test_a_lineage_is_what_graphql_answers(
    connect: Connect, server: ServerProcess, secrets: dict[str, str]
) -> None:
    query = """query ($of: Ref!) { lineage(of: $of, direction: ANCESTORS) {
      nodes { ref kind distance node { id } } edges { source target role relation } } }"""
    with server.client() as http:
        headers = {"Authorization": f"Bearer {secrets['vera']}"}
        body = {"query": query, "variables": {"of": THIRD}}
        expected = http.post("/graphql", json=body, headers=headers).json()["data"]["lineage"]
    async with connect() as client:
        found = await pages(client, "get_lineage", {"of": THIRD, "direction": "ANCESTORS", "limit": 2})
    items = [item for page in found for item in page["items"]]
    nodes = expected["nodes"]
    assert [(one["ref"], one["kind"], one["distance"]) for one in items] == [
        (one["ref"], one["kind"], one["distance"]) for one in nodes
    ]
    refs = {one["node"]["id"]: one["ref"] for one in nodes}
    joined = [
        (item["ref"], joint["ref"], joint["role"], joint.get("relation"))
        for item in items
        for joint in item.get("from", ())
    ] + [
        (joint["ref"], item["ref"], joint["role"], joint.get("relation"))
        for item in items
        for joint in item.get("to", ())
    ]
    edges = [(refs[e["source"]], refs[e["target"]], e["role"], e["relation"]) for e in expected["edges"]]
    assert sorted(map(str, joined)) == sorted(map(str, edges))


async def test_what_is_long_is_named_and_not_cut(connect: Connect) -> None:
    async with connect() as client:
        items = [i for page in await pages(client, "get_version", {"ref": "model:long@1"}) for i in page["items"]]
        [config] = [item for item in items if item["part"] == "config"]
        assert config.keys() == {"part", "omitted"}
        assert "and an answer 8,000" in config["omitted"]
        [path] = (await answer(client, "paths_between", **{"from": "model:chain@0", "to": "model:chain@60"}))["items"]
        assert len(path["via"]) == 61
        found = await answer(client, "impact", of=["model:chain@0"], limit=200)
    for item in found["items"]:
        assert len(item["via"]) <= 7
        told = sum(step.get("leftOut", 1) for step in item["via"])
        assert told == item["distance"] + 1


async def test_the_questions_of_a_bank(connect: Connect) -> None:
    async with connect() as client:
        version = await answer(client, "get_version", ref=THIRD)
        learned = await answer(client, "who_learned_from", population=OLD, name="bank/scorer")
        eroded = await answer(client, "erosion", of=THIRD)
        gate = await answer(client, "explain_gate", of=THIRD, environment="production")
        compared = await answer(client, "diff", base=FIRST, head=THIRD)
        serving = await answer(client, "serving_at", environment="production")
        before = await answer(client, "serving_at", at="2001-01-01T00:00:00Z")
        incidents = await answer(client, "incident_context")
        incident = await answer(client, "incident_context", incident=incidents["items"][0]["ref"])
    parts = {item["part"]: item for item in version["items"]}
    assert version["verdict"] == "UNREVIEWED"
    assert parts["safety profile"]["intendedUse"] == PROFILE["intendedUse"]
    assert parts["parent"] == {"part": "parent", "relation": "FINE_TUNE", "ref": "model:bank/scorer@1.1"}
    assert learned["counts"] == {"TRAINED": 3, "NOT_TRAINED": 0, "UNKNOWN": 0}
    assert {item["source"] for item in learned["items"]} == {f"{LOANS}#train"}
    assert eroded["verdict"] == "ERODED"
    assert {item["metric"] for item in eroded["items"] if item["part"] == "finding"} == {"adversarial_accuracy"}
    assert gate["outcome"] == "BLOCKED"
    assert [item["name"] for item in gate["items"]] == ["quorum", "accurate"]
    assert "adversarial_accuracy" in compared["items"][0]["text"]
    assert [item["version"] for item in serving["items"]] == [FIRST]
    assert (before["items"], before["total"]) == ([], 0)
    about = {item["part"]: item for item in incident["items"]}
    assert about["version"]["ref"] == FIRST
    assert about["profile then"]["mustNotDo"] == PROFILE["mustNotDo"]


@pytest.mark.parametrize("tool", ["get_lineage", "impact"])
async def test_pages_are_of_one_moment_while_the_log_grows(
    connect: Connect, server: ServerProcess, secrets: dict[str, str], tool: str
) -> None:
    headers = {"Authorization": f"Bearer {secrets['rex']}"}

    def register(number: int) -> None:
        parents = [{"ref": f"model:{tool}@0", "relation": "FINE_TUNE"}] if number else []
        manifest = {"models": [{"name": tool, "version": str(number), "parents": parents}]}
        query = "mutation ($m: ManifestInput!) { register(manifest: $m) { created } }"
        with server.client() as http:
            done = http.post("/graphql", json={"query": query, "variables": {"m": manifest}}, headers=headers).json()
        assert done["data"]["register"]["created"] == 1

    for number in range(3):
        register(number)
    of: Any = f"model:{tool}@0" if tool == "get_lineage" else [f"model:{tool}@0"]
    async with connect() as client:
        first = await answer(client, tool, of=of, limit=1)
        register(3)
        rest = await answer(client, tool, of=of, limit=10, cursor=first["cursor"])
        now = await answer(client, tool, of=of)
    assert rest["total"] == first["total"] == now["total"] - 1
    assert [item["ref"] for item in first["items"] + rest["items"]] == [item["ref"] for item in now["items"][:-1]]
