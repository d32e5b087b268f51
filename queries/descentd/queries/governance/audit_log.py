"""The access log: pages of accesses, newest first, by person and by whether they were refused."""

from descentd.graph.model.accounts import Access
from descentd.queries.pages import Listed, page
from descentd.queries.registry import Registry


async def accesses(
    registry: Registry, person: str | None, refused: bool | None, first: int | None, after: str | None
) -> Listed[Access]:
    """The accesses of a person (None: of everybody), and those that were or were not refused (None: both).

    Raises InvalidInput for an invalid cursor.
    """
    # Pages go back in time, so what comes in meanwhile moves none of them: the cursor need not pin anything.
    asked = page(first, after, 0, ["accesses", person, refused])
    before = asked.after[0] if asked.after else None
    found = await registry.store.accounts.accesses(before, asked.first + 1, person, refused)
    items = [(access, asked.cursor(number)) for number, access in found[: asked.first]]
    return Listed(items, len(found) > asked.first, 0)
