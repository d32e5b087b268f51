"""Answers that come in pages."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from descent.errors import Unintelligible

PAGE = 1000
"""The most edges that a registry gives at once."""

Page = dict[str, Any]
Fetch = Callable[[int, str | None], Page]
"""Asks for so many edges after a cursor."""


class Connection:
    """The edges of a list, fetched a page at a time while one iterates.

    The first page is there from the start, `total` is exact (None where the registry does not count), and all pages
    are of the registry as it was at the first. `limit` ends the iteration early; None goes to the end.
    """

    def __init__(self, first: Page, fetch: Fetch, limit: int | None) -> None:
        self.limit = limit
        self._first = first
        self._fetch = fetch

    @property
    def total(self) -> int | None:
        """How many edges there are, whatever the limit."""
        total: int | None = self._first.get("totalCount")
        return total

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the edges, each a dict in GraphQL's names."""
        return islice(self._edges(), self.limit)

    def _edges(self) -> Iterator[dict[str, Any]]:
        page, seen = self._first, 0
        while True:
            yield from page["edges"]
            seen += len(page["edges"])
            info = page["pageInfo"]
            if not info["hasNextPage"] or (self.limit is not None and seen >= self.limit):
                return
            if not page["edges"] or info["endCursor"] is None:
                raise Unintelligible.because("The registry promises another page and gives no way to it; report this.")
            page = self._fetch(page_size(None if self.limit is None else self.limit - seen), info["endCursor"])


def page_size(wanted: int | None) -> int:
    """Return how many edges to ask for when so many are wanted; None wants all."""
    return PAGE if wanted is None else min(max(wanted, 1), PAGE)
