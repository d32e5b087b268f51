"""What assistants are refused, and how it is said: wrong arguments, missing tokens, and servers without MCP."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError

from descentd.app.auth.authorization import TOOLS as TABLE
from descentd.app.mcp import catalogue, endpoint
from descentd.app.mcp.answer import MOST, estimated, framed, whole_items, written
from descentd.app.mcp.catalogue import TOOLS
from descentd.app.server import main
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Internal
from tests.app.explorer.bank import LOANS, THIRD
from tests.app.mcp.conftest import Connect, answer
from tests.app.tiny import serving
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_unknown_tool_is_an_error_that_names_those_there_are(connect: Connect, mode: str) -> None:
    async with connect(mode=mode) as client:
        with pytest.raises(MCPError, match=r"There is no tool 'promote': there are diff, erosion, .*who_learned_from"):
            await client.call_tool("promote", {})


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, "text is required: add it. (INVALID_INPUT, text)"),
        ("search", {"text": "a", "limit": 0}, "Expected a number ≥ 1, got 0. (INVALID_INPUT, limit)"),
        ("search", {"text": "a", "limit": 2.5}, "limit)"),
        ("search", {"text": "a", "kinds": ["MODEL"]}, "kinds[0])"),
        ("get_version", {"ref": THIRD, "version": "1"}, "There is no field 'version': correct or remove it."),
        (
            "get_version",
            {"ref": "model:a@1"},
            "'model:a@1' is not registered: check its spelling, or search for it. (NOT_FOUND, ref)",
        ),
        ("get_version", {"ref": LOANS}, f"{LOANS} is a dataset: name a model version. (INVALID_INPUT, ref)"),
        ("get_lineage", {"of": "scorer"}, "is not a ref"),
        ("get_lineage", {"of": THIRD, "cursor": "x"}, "The cursor is not of this question"),
        ("get_lineage", {"of": THIRD, "asOf": "yesterday"}, "asOf)"),
        ("impact", {"of": [LOANS], "cursor": "x"}, "(INVALID_INPUT, cursor)"),
        ("impact", {"of": ["model:a@1"], "name": "a@b"}, "(INVALID_INPUT, name)"),
        ("impact", {"of": []}, "of)"),
        ("impact", {"of": [LOANS], "kinds": ["DEPLOYMENT"], "name": "a"}, "A filter selects versions"),
        ("who_learned_from", {"population": [{"attribute": "a"}]}, "population[0].values)"),
        ("explain_gate", {"of": THIRD}, "environment is required: add it."),
        ("incident_context", {"incident": "model:a@1"}, "(NOT_FOUND, incident)"),
        ("incident_context", {"incident": THIRD}, "give the id of an incident, or none to list them."),
    ],
)
async def test_wrong_arguments_are_said_with_the_field(
    connect: Connect, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with connect() as client:
        result = await client.call_tool(tool, arguments)
    [content] = result.content
    assert result.is_error
    assert content.type == "text"
    assert said in content.text
    assert len(content.text.splitlines()) == 1


async def test_a_cursor_of_another_question_is_refused(connect: Connect) -> None:
    async with connect() as client:
        first = await answer(client, "get_lineage", of=THIRD, limit=1)
        for arguments in ({"of": THIRD, "direction": "ANCESTORS"}, {"of": "model:bank/scorer@1.1"}):
            result = await client.call_tool("get_lineage", {**arguments, "cursor": first["cursor"]})
            assert result.is_error
        again = await answer(client, "get_lineage", of=THIRD, limit=2, cursor=first["cursor"])
        assert len(again["items"]) == 2


@pytest.mark.parametrize("token", [None, "descent_nobody"])
async def test_a_token_is_asked_for_as_everywhere(server: ServerProcess, token: str | None) -> None:
    headers = {"Accept": "application/json, text/event-stream"}
    headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
    with server.client() as client:
        refused = client.post("/mcp", json=PING, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["code"] == "UNAUTHENTICATED"


async def test_what_is_asked_is_in_the_access_log(
    connect: Connect, server: ServerProcess, secrets: dict[str, str]
) -> None:
    async with connect() as client:
        await answer(client, "explain_gate", of=THIRD, environment="production")
    query = "{ accessLog(first: 1000) { edges { node { person route operation outcome } } } }"
    with server.client() as http:
        headers = {"Authorization": f"Bearer {secrets['aud']}"}
        found = http.post("/graphql", json={"query": query}, headers=headers).json()["data"]["accessLog"]["edges"]
    entry = {"person": "vera", "route": "/mcp", "operation": "gate", "outcome": "OK"}
    assert entry in [one["node"] for one in found]


@pytest.mark.parametrize(
    ("method", "content", "headers", "status", "said"),
    [
        ("GET", "", {}, 405, "Expected POST"),
        ("DELETE", "", {}, 405, "Expected POST"),
        ("POST", "{}", {"Content-Type": "text/plain"}, 415, "Expected a body of type application/json"),
        ("POST", '{"a": 1, "a": 2}', {}, 400, "occurs twice"),
        ("POST", '{"a": NaN}', {}, 400, "NaN"),
        ("POST", "{", {}, 400, "is not JSON"),
        ("POST", "[" * 3000, {}, 400, "deep"),
        ("POST", " " * (endpoint.LONGEST + 1), {}, 413, "larger than"),
    ],
)
async def test_requests_that_are_none_are_refused_before_they_are_passed_on(
    method: str, content: str, headers: dict[str, str], status: int, said: str
) -> None:
    async with serving() as client:
        refused = await client.request(
            method, "/mcp", content=content, headers={"Content-Type": "application/json", **headers}
        )
    assert refused.status_code == status
    assert said in refused.json()["detail"]


async def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "find_spec", lambda _: None)
    async with serving() as client:
        refused = await client.post("/mcp", json=PING)
    assert refused.status_code == 404
    assert refused.json()["detail"] == "This server has no MCP: install descentd[mcp] on it, and start it again."


def test_a_tool_without_roles_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TABLE.keys() == TOOLS.keys()
    tools = {**TOOLS, "extra": TOOLS["search"]}
    monkeypatch.setattr(catalogue, "TOOLS", tools)
    with pytest.raises(Internal, match="No roles are defined for the tool extra"):
        create(Settings(store="memory:"))


async def test_a_tool_is_for_the_roles_of_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "TOOL_ROLES", {**TABLE, "search": frozenset({AccessRole.ADMIN}), "diff": frozenset()})
    app = create(Settings(store="memory:"))
    asking = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}

    def message(method: str, **params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}

    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=asking) as client:
            listed = (await client.post("/mcp", json=message("tools/list"))).json()["result"]["tools"]
            call = message("tools/call", name="diff", arguments={"base": THIRD, "head": THIRD})
            refused = (await client.post("/mcp", json=call)).json()["result"]
    assert {tool["name"] for tool in listed} == TOOLS.keys() - {"diff"}  # `local`, who asks, holds every role
    assert refused["isError"]
    assert "FORBIDDEN" in refused["content"][0]["text"]


texts = st.text(max_size=400) | st.text("0123456789abcdef", max_size=400) | st.text("äßताम日", max_size=400)


@given(
    st.lists(st.dictionaries(st.sampled_from(["part", "text", "a"]), texts | st.integers(), max_size=3), max_size=40)
)
def test_whole_items_fit_and_none_is_lost(items: list[dict[str, Any]]) -> None:
    frame = framed({"counts": {"A": 3}}, len(items), 7, ["Something."])
    found = whole_items(frame, items)
    assert found == items[: len(found)]
    assert bool(found) == bool(items)
    assert estimated(written({**frame, "items": found, "cursor": "x" * 100})) <= MOST
    if len(found) < len(items):
        assert estimated(written({**frame, "items": items[: len(found) + 1]})) > MOST - 300


@given(st.integers(0, 40_000))
def test_an_item_that_no_answer_has_room_for_is_named(size: int) -> None:
    item = {"part": "config", "ref": "model:m@1", "text": "word " * size}
    [found] = whole_items(framed({}, 1, 1, []), [item])
    fits = estimated(written(item)) <= MOST - 300
    assert (found == item) or (not fits and found.keys() == {"part", "ref", "omitted"})
    json.dumps(found)


@given(st.text())
def test_no_text_outside_of_ascii_takes_more_tokens_than_it_has_bytes(text: str) -> None:
    assert estimated(text) <= len(text.encode())
    assert estimated(text) >= len(
        [character for character in text if not character.isascii() and not character.isspace()]
    )
