"""Pages of lists, as Relay connections: every cursor is a keyset cursor."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import strawberry
from strawberry.types import Info
from strawberry.types.nodes import SelectedField, Selection

from descentd.app.graphql.schema.records import node
from descentd.app.graphql.schema.scalars import Count
from descentd.graph.model.records import Brief
from descentd.queries.pages import Listed

N = TypeVar("N")
E = TypeVar("E")


@strawberry.type(description="The cursors at the start and the end of a page, and whether there are other pages.")
class PageInfo:
    """PageInfo, as Relay's specification of connections has it."""

    has_next_page: bool = strawberry.field(description="There are items after this page.")
    has_previous_page: bool = strawberry.field(
        description="There are items before this page: it was requested with `after`."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item, for `after`; null on an empty page."
    )


@strawberry.type(description="An item of a page.")
class Edge(Generic[N]):
    """An item and its cursor."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    node: N = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[N]):
    """A page whose edges have an item and a cursor, and nothing else."""

    total_count: Count = strawberry.field(description="The exact number of items on all pages.")
    page_info: PageInfo = strawberry.field(description="The cursors of the page, and whether there are other pages.")
    edges: list[Edge[N]] = strawberry.field(description="The items of this page.")


@strawberry.type
class EdgeList(Generic[E]):
    """Base of connections whose edges have more fields than item and cursor."""

    total_count: Count = strawberry.field(description="The exact number of items on all pages.")
    page_info: PageInfo = strawberry.field(description="The cursors of the page, and whether there are other pages.")
    edges: list[E] = strawberry.field(description="The items of this page.")


def page_info(cursors: Sequence[str], *, more: bool, after: str | None) -> PageInfo:
    """The PageInfo of the page after the cursor `after`; its items have these cursors, and `more`: others follow."""
    return PageInfo(
        has_next_page=more,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )


def records_page(found: Listed[Brief], after: str | None) -> Connection[N]:
    """A page of records, the one after the cursor `after`, as its GraphQL type."""
    return Connection(
        total_count=Count(found.total),
        page_info=page_info([cursor for _, cursor in found.items], more=found.more, after=after),
        edges=[Edge(cursor=cursor, node=node(brief, found.upto)) for brief, cursor in found.items],
    )


def cursors_below(info: Info, name: str) -> list[str]:
    """The `after` arguments with which the field `name` is selected, directly below the field being resolved."""
    return [
        field.arguments["after"]
        for asked in info.selected_fields
        for field in _fields(asked.selections)
        if field.name == name and field.arguments.get("after") is not None
    ]


def fields_below(info: Info, name: str) -> set[str]:
    """The names of the fields that are selected below `name`, itself directly below the field being resolved."""
    return {
        below.name
        for asked in info.selected_fields
        for field in _fields(asked.selections)
        if field.name == name
        for below in _fields(field.selections)
    }


def _fields(selections: list[Selection]) -> Iterator[SelectedField]:
    """The fields of a selection, including those in fragments."""
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield selection
        else:
            yield from _fields(selection.selections)
