"""What a tool is: a name, arguments, and how it answers; and what its answers have in common."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import Field, Strict

from descentd.app.mcp.asking import Asking, Json
from descentd.app.mcp.cursors import Place
from descentd.graph.inputs.base import DateTime, Flag, Input, Name

USUAL: Final = 50
MOST: Final = 200


class Page(Input):
    """The arguments that all tools have."""

    limit: Annotated[int, Strict(), Field(ge=1, le=MOST)] | None = None
    """The most items to answer with, 1 to 200; 50 by default. Fewer are answered where they are long."""

    cursor: Annotated[str, Field(max_length=2_000)] | None = None
    """The `cursor` of the answer before, with the same other arguments: answers with the items that follow."""

    as_of: DateTime | None = None
    """Answer with what was recorded up to this moment (RFC 3339); now by default."""

    @property
    def size(self) -> int:
        """The most items to answer with."""
        return self.limit or USUAL


class Versions(Page):
    """The arguments of tools that list versions."""

    name: Name | None = None
    """Only versions of the model with this name."""

    name_prefix: str | None = None
    """Only versions of models whose names begin so."""

    serving: Flag | None = None
    """true: only versions that serve in some environment; false: only those that serve in none."""

    serving_in: Name | None = None
    """Only versions that serve in this environment."""

    @property
    def filter(self) -> Json | None:
        """The filter of GraphQL that these are; None without any."""
        given = self.content()
        return {part: given[part] for part in ("name", "namePrefix", "serving", "servingIn") if part in given} or None


@dataclass(frozen=True, slots=True)
class Listed:
    """Items of an answer from a place on; `total` is how many there are on all pages, `head` what is said beside them.

    `cursors` are those of the items, where the question has pages of its own; `more` says that items follow the last.
    """

    items: Sequence[Json]
    total: int | str
    more: bool = False
    head: Mapping[str, Any] = field(default_factory=dict)
    cursors: Sequence[str] | None = None


A = TypeVar("A", bound=Page)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A question that assistants may ask; `answer` lists from a place on, `own_pages` that the question has pages."""

    name: str
    description: str
    arguments: type[A]
    answer: Callable[[Asking, A, Place], Awaitable[Listed]]
    own_pages: bool = False

    @property
    def schema(self) -> Json:
        """The JSON Schema of its arguments."""
        return self.arguments.model_json_schema(by_alias=True)


def rest_of(items: Sequence[Json], place: Place, **head: Any) -> Listed:
    """What is to be listed of an answer that was worked out as a whole."""
    return Listed(items[place.after :], len(items), head=head)


def own_page(connection: Json, items: Sequence[Json], **head: Any) -> Listed:
    """What is to be listed of a Relay connection, whose edges became these items."""
    more = connection["pageInfo"]["hasNextPage"]
    cursors = [edge["cursor"] for edge in connection["edges"]]
    return Listed(items, connection["totalCount"], more, head, cursors)


def stated(given: Mapping[str, Any]) -> Json:
    """A part of an answer without what is null or empty, which says nothing and takes tokens."""
    return {name: value for name, value in given.items() if value is not None and value != []}
