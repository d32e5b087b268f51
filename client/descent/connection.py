"""Connections: answers that are fetched page by page."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from descent.answers import Tabular
from descent.errors import Unintelligible

PAGE = 1000
"""The largest number of edges in one page."""

Page = dict[str, Any]
Fetch = Callable[[int, str | None], Page]
"""Fetches so many edges after a cursor (None: from the start)."""


class Connection(Tabular):
    """The edges of a list; iterating fetches one page after the other.

    The first page is fetched already. `total` is exact, or None if the registry does not count. All pages show the
    registry as it was at the first page. After `limit` edges the iteration ends; None means all edges.
    """

    def __init__(self, first: Page, fetch: Fetch, limit: int | None) -> None:
        self.limit = limit
        self._first = first
        self._fetch = fetch

    @property
    def total(self) -> int | None:
        """The number of edges, regardless of the limit; None if the registry does not count them."""
        total: int | None = self._first.get("totalCount")
        return total

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the edges, each a dict with the field names of GraphQL."""
        return islice(self._edges(), self.limit)

    def _items(self) -> Iterable[Mapping[str, Any]]:
        return self

    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        return self._first["edges"], self.total

    def _edges(self) -> Iterator[dict[str, Any]]:
        page, seen = self._first, 0
        while True:
            yield from page["edges"]
            seen += len(page["edges"])
            info = page["pageInfo"]
            if not info["hasNextPage"] or (self.limit is not None and seen >= self.limit):
                return
            if not page["edges"] or info["endCursor"] is None:
                raise Unintelligible.because(
                    "The registry announced another page without a cursor for it: report this."
                )
            page = self._fetch(page_size(None if self.limit is None else self.limit - seen), info["endCursor"])


def page_size(wanted: int | None) -> int:
    """Return how many edges to ask for at once if so many are wanted (None: all)."""
    return PAGE if wanted is None else min(max(wanted, 1), PAGE)
