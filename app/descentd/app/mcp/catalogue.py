"""The tools that there are, and how one is called for a person."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import Table, check_tool
from descentd.app.graphql.operations import Operations
from descentd.app.mcp import lineage, populations, production, safety, versions
from descentd.app.mcp.answer import framed, whole_items, written
from descentd.app.mcp.asking import Asking
from descentd.app.mcp.cursors import Place, cursor, place_of
from descentd.app.mcp.tool import Listed, Page, Tool
from descentd.app.server.lifespan import Lifespan
from descentd.graph.model import clock
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Internal, NotFound
from descentd.graph.model.names import rfc3339

TOOLS: Final[Mapping[str, Tool[Any]]] = {
    tool.name: tool for module in (versions, lineage, populations, safety, production) for tool in module.TOOLS
}


class Catalogue:
    """Calls tools, each for the roles that `table` has for it. Raises Internal where a tool has no row there."""

    def __init__(
        self,
        operations: Operations,
        access_control: AccessControl,
        lifespan: Lifespan,
        tools: Mapping[str, Tool[Any]],
        table: Table,
    ) -> None:
        missing = sorted(tools.keys() - table.keys())
        if missing:
            raise Internal(f"No roles are defined for the tool {missing[0]}: add it to authorization.TOOLS.")
        self._operations = operations
        self._access_control = access_control
        self._lifespan = lifespan
        self._tools = tools
        self._table = table

    def available(self, roles: Collection[AccessRole]) -> list[Tool[Any]]:
        """The tools that somebody with these roles may call."""
        held = frozenset(roles)
        return [tool for name, tool in self._tools.items() if self._table[name] & held]

    def find(self, name: str) -> Tool[Any]:
        """The tool with a name; raises NotFound with the names that there are."""
        if name not in self._tools:
            raise NotFound(f"There is no tool {name[:80]!r}: there are {', '.join(sorted(self._tools))}.", "name")
        return self._tools[name]

    async def call(self, tool: Tool[Any], arguments: Mapping[str, Any], principal: Principal) -> str:
        """The text of a tool's answer, JSON of at most `tokens.MOST` tokens.

        Raises Refused and DescentErrors: where the person may not call it, the arguments are wrong, or the answer is an
        error.
        """
        await self._access_control.permit(
            principal, tool.name, lambda: check_tool(tool.name, principal.roles, self._table)
        )
        asked = tool.arguments.read(dict(arguments))
        place = Place() if tool.own_pages else place_of(tool.name, asked, asked.cursor)
        asking = Asking(self._operations, principal)
        before = clock.now()
        listed = await tool.answer(asking, asked, place)
        frame = framed(listed.head, listed.total, asking.sequence, list(asking.warnings))
        answer = {**frame, "items": whole_items(frame, listed.items[: asked.size])}
        told = len(answer["items"])
        if told and (told < len(listed.items) or listed.more):
            answer["cursor"] = await self._cursor(tool, asked, place, listed, told, asking.sequence, before)
        return written(answer)

    async def _cursor(
        self, tool: Tool[Any], asked: Page, place: Place, listed: Listed, told: int, sequence: int, before: int
    ) -> str:
        """The cursor of the items that follow those that were told; all pages are as of the moment of the first."""
        if listed.cursors is not None:
            return listed.cursors[told - 1]
        as_of = place.as_of
        if as_of is None:
            [newest] = await self._lifespan.registry.store.entries([sequence])
            as_of = rfc3339(max(before, newest.recorded_at))
        return cursor(tool.name, asked, Place(place.after + told, as_of))
