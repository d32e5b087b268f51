"""Pages of lists, as Relay connections: every cursor is a keyset cursor."""

from collections.abc import Iterator
from typing import Generic, TypeVar

import strawberry
from strawberry.types import Info
from strawberry.types.nodes import SelectedField, Selection

from descentd.app.graphql.schema.scalars import Count

N = TypeVar("N")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """Page."""

    has_next_page: bool = strawberry.field(description="More follow.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item, for `after`; null on an empty page."
    )


@strawberry.type(description="An item of a page.")
class Edge(Generic[N]):
    """Item."""

    cursor: str = strawberry.field(description="Where the item stands, for `after`.")
    node: N = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[N]):
    """List."""

    total_count: Count = strawberry.field(description="How many there are in all, exactly.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    edges: list[Edge[N]] = strawberry.field(description="The items of this page.")


def page_info(cursors: list[str], *, more: bool) -> PageInfo:
    """The end of a page whose items have these cursors."""
    return PageInfo(has_next_page=more, end_cursor=cursors[-1] if cursors else None)


def cursors_below(info: Info, name: str) -> list[str]:
    """The cursors after which pages of `name` are asked for, directly below the field that is being resolved."""
    return [
        field.arguments["after"]
        for asked in info.selected_fields
        for field in _fields(asked.selections)
        if field.name == name and field.arguments.get("after") is not None
    ]


def _fields(selections: list[Selection]) -> Iterator[SelectedField]:
    """The fields of a selection, those in fragments too."""
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield selection
        else:
            yield from _fields(selection.selections)
