"""Every attack there is, area by area."""

from collections.abc import Iterator
from typing import Final

from tests.attack import deliveries, files, names, people, policies, queries, transport
from tests.attack.attack import Attack

AREAS: Final = {
    "transport": transport.attack,
    "queries": queries.attack,
    "names": names.attack,
    "people": people.attack,
    "deliveries": deliveries.attack,
    "policies": policies.attack,
    "files": files.attack,
}


def attacks() -> Iterator[Attack]:
    """All attacks, in an order in which none spoils another."""
    for table in AREAS.values():
        yield from table.attacks
