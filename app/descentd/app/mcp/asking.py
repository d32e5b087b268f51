"""How tools ask: by operations of GraphQL in this process, authorized, limited and noted as those that clients send."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from descentd.app.auth.authentication import Principal
from descentd.app.graphql.documents import Request, RequestError
from descentd.app.graphql.operations import Operations
from descentd.app.http.errors import Shape

Json = dict[str, Any]

_RENAMED: Final = {"after": "cursor", "first": "limit", "population.all": "population"}
"""Arguments of GraphQL that tools call otherwise."""


class Refused(Exception):
    """The registry refused a question; `errors` are in GraphQL's shape."""

    def __init__(self, errors: list[Shape]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class Asking:
    """Asks for one person; `sequence` is the log position of the newest answer, `warnings` what was said beside all."""

    def __init__(self, operations: Operations, principal: Principal) -> None:
        self._operations = operations
        self._principal = principal
        self.sequence = 0
        self.warnings: dict[str, None] = {}

    async def ask(
        self, document: str, variables: Mapping[str, Any], renamed: Mapping[str, str] = MappingProxyType({})
    ) -> Json:
        """The data of an answer; `renamed` are the arguments that the tool calls otherwise.

        Raises Refused with what is wrong, and a DescentError where the person may not ask or there is no registry.
        """
        given = {name: value for name, value in variables.items() if value is not None}
        try:
            operation = await self._operations.documents.prepare(Request(document, None, given))
        except RequestError as error:
            raise Refused(error.errors) from None
        answer = await self._operations.run(operation, given, self._principal)
        if answer.get("errors"):
            raise Refused(_once([_named(error, {**_RENAMED, **renamed}) for error in answer["errors"]]))
        said = answer["extensions"]
        self.sequence = max(self.sequence, said["sequence"] or 0)
        self.warnings |= dict.fromkeys(said.get("warnings", ()))
        data: Json = answer["data"]
        return data


def _named(error: Shape, renamed: Mapping[str, str]) -> Shape:
    """An error that blames the argument of the tool."""
    field = error["extensions"].get("field")
    if field is None:
        return error
    field = field.removeprefix("filter.")
    for name, own in renamed.items():
        if field == name or field.startswith((f"{name}[", f"{name}.")):
            field = own + field[len(name) :]
            break
    return {**error, "extensions": {**error["extensions"], "field": field}}


def _once(errors: list[Shape]) -> list[Shape]:
    """The errors without those that say the same: an operation may ask two questions about one record."""
    return list({(error["message"], error["extensions"].get("field")): error for error in errors}.values())
