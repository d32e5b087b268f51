"""What the events of chains say: the content of each, from what a store keeps, as it is kept.

Values are given raw, in the spelling of the SQLite tables, so that what somebody else wrote into a store can be told
too; it has another content then.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from descentd.graph.model.accounts import Access, Token
from descentd.graph.model.chain import Change
from descentd.graph.model.clock import now
from descentd.graph.store.operational import Arrival, Delivery, DeliveryState

ACCESS: Final = ("person", "credential", "client", "route", "operation", "outcome", "detail", "count", "refused")
TOKEN: Final = ("id", "hash", "person", "roles", "createdAt", "expiresAt", "revokedAt")
ARRIVAL: Final = ("identity", "sent", "records")
DELIVERY: Final = (
    *("destination", "sequence", "type", "id", "state"),
    *("attempts", "at", "nextAt", "status", "reason"),
)
DESTINATION: Final = ("destination", "position")
"""The fields of each content, in the order of the functions below."""


def access_content(*values: Any) -> str:
    """The content of an access, by the fields of `ACCESS`; its moment is that of the event."""
    return _content(ACCESS, values)


def access_change(access: Access) -> Change:
    """The event that an access is. It is about nothing but itself."""
    values = [getattr(access, name) for name in ACCESS]
    return Change(access.at, "", access_content(*values))


def token_change(token: Token) -> Change:
    """What a token is from now on."""
    times = (token.created_at, token.expires_at, token.revoked_at)
    return token_row(token.id, token.hash.hex(), token.person, " ".join(sorted(token.roles)), *times)


def token_row(*values: Any) -> Change:
    """As `token_change`, by the fields of `TOKEN`; the hash in hexadecimal, roles in one text."""
    return Change(now(), str(values[0]), _content(TOKEN, values))


def arrival_change(arrival: Arrival) -> Change:
    """What is known of a delivery that came from now on."""
    return arrival_row(arrival.identity, arrival.sent, json.dumps(arrival.records))


def arrival_row(*values: Any) -> Change:
    """As `arrival_change`, by the fields of `ARRIVAL`; the records as JSON."""
    return Change(now(), str(values[0]), _content(ARRIVAL, values))


def last_sent(known: int, given: int) -> int:
    """When a delivery that came again was signed last; 0, for ever, once a signature without a time was taken."""
    return max(known, given) if known and given else 0


def delivery_change(delivery: Delivery) -> Change:
    """What became of a delivery."""
    names = {"nextAt": "next_at"}
    return delivery_row(*(getattr(delivery, names.get(name, name)) for name in DELIVERY))


def delivery_row(*values: Any) -> Change:
    """As `delivery_change`, by the fields of `DELIVERY`."""
    destination, sequence, type, *_ = values
    return Change(now(), f"{sequence} {type} {destination}", _content(DELIVERY, values))


def destination_row(name: Any, position: Any) -> Change:
    """How far a destination was told. Who has claimed it until when is of the moment, and no event."""
    return Change(now(), f"{_DESTINATION}{name}", _content(DESTINATION, (name, position)))


_DESTINATION: Final = "destination "


def row_of(item: str) -> tuple[str, ...]:
    """What an item of the deliveries is kept by: a destination's name, or destination, sequence and type."""
    if item.startswith(_DESTINATION):
        return (item.removeprefix(_DESTINATION),)
    sequence, type, destination = item.split(" ", 2)
    return destination, sequence, type


Keeps = Callable[[str], bool]
"""Whether what an event says, which is the latest of its item, has to be kept for longer, by its content."""


def keeps_arrival(before: int) -> Keeps:
    """Arrivals that were signed at `before` (seconds since 1970) or later stay, and those signed without a time.

    A signature without a time is valid for ever, so that a replay is known by what is kept alone.
    """

    def keeps(content: str) -> bool:
        sent = json.loads(content)["sent"]
        return bool(sent == 0 or sent >= before)

    return keeps


def keeps_delivery(positions: Mapping[str, int]) -> Keeps:
    """Deliveries that arrived are forgotten, once their destination is beyond them; `positions` are by destination."""

    def keeps(content: str) -> bool:
        said = json.loads(content)
        if "state" not in said:
            return True
        past = said["sequence"] <= positions.get(said["destination"], 0)
        return not (past and said["state"] == DeliveryState.DELIVERED)

    return keeps


def keeps_none(_content: str) -> bool:
    """For the access log, in which nothing outlasts its event."""
    return False


def _content(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """JSON of which there is one for the same values."""
    said = dict(zip(names, values, strict=True))
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
