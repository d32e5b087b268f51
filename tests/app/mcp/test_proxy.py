"""`descent mcp`: the official client starts it as a command, and asks through it."""

import json
import os
import socket
import sys
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from descent.client import Client as DescentClient
from descent.commands.mcp import answers, headers
from tests.app.explorer.bank import THIRD
from tests.app.mcp.conftest import answer
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "a",
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_asks_through_it(server: ServerProcess, secrets: dict[str, str], mode: str) -> None:
    environment = {**os.environ, "DESCENT_URL": server.url, "DESCENT_TOKEN": secrets["vera"]}
    command = StdioServerParameters(command=sys.executable, args=["-m", "descent", "mcp"], env=environment)
    async with Client(command, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 11
        assert (await answer(client, "get_version", ref=THIRD))["ref"] == THIRD
        with pytest.raises(MCPError, match="There is no tool 'löschen'"):
            await client.call_tool("löschen", {})


def asked(url: str, token: str | None, *lines: Any) -> list[Any]:
    """What is answered to lines, messages or bytes."""
    sent = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    with DescentClient(url, token=token) as client:
        return [json.loads(one) for one in answers(client, sent)]


def test_lines_are_answered_in_order_and_notifications_not(server: ServerProcess, secrets: dict[str, str]) -> None:
    begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    listed = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    found = asked(server.url, secrets["vera"], INITIALIZE, begun, b"\n", b"{", b"[]", listed, PING)
    assert [one["id"] for one in found] == ["a", None, None, 2, 7]
    assert found[0]["result"]["protocolVersion"] == "2025-06-18"
    assert [one["error"]["code"] for one in found[1:3]] == [-32700, -32600]
    assert len(found[3]["result"]["tools"]) == 11
    assert found[4]["result"] == {}


def test_what_is_refused_before_it_is_read_is_an_error_with_the_sentence(server: ServerProcess) -> None:
    [found] = asked(server.url, "descent_nobody", PING)
    assert found["id"] == 7
    assert found["error"]["message"].startswith("The token's checksum is wrong")


def test_a_server_that_is_away_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens here, and nobody else can
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = asked(url, None, PING, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert [one["id"] for one in found] == [7]
    assert found[0]["error"]["message"].startswith(f"No server answers at {url}: start `descentd serve`")


@pytest.mark.parametrize(
    ("message", "agreed", "expected"),
    [
        ({"method": "ping"}, None, {"Mcp-Method": "ping"}),
        ({"method": "ping"}, "2025-06-18", {"Mcp-Method": "ping", "Mcp-Protocol-Version": "2025-06-18"}),
        (
            {
                "method": "tools/call",
                "params": {"name": "löschen", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}},
            },
            "2025-06-18",
            {
                "Mcp-Method": "tools/call",
                "Mcp-Protocol-Version": "2026-07-28",
                "Mcp-Name": "=?base64?bMO2c2NoZW4=?=",
            },
        ),
        ({"method": 3, "params": [1]}, None, {}),
        (
            {"method": "tools/call", "params": {"name": " a\r\nb"}},
            None,
            {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?IGENCmI=?="},
        ),
    ],
)
def test_headers_say_what_the_message_is(message: dict[str, Any], agreed: str | None, expected: dict[str, str]) -> None:
    assert headers(message, agreed) == {"Accept": "application/json, text/event-stream", **expected}
