"""`descentd deliveries`: the state of deliveries, and redelivery."""

import getpass
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from descentd.app.auth.token_commands import Format, Store, at_store
from descentd.graph.model.accounts import Access
from descentd.graph.model.clock import now
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.names import rfc3339
from descentd.graph.store.operational import Delivery, DeliveryState, DestinationState

if TYPE_CHECKING:
    from descentd.graph.store.base import Store as Opened

deliveries = typer.Typer(no_args_is_help=True, help="List deliveries to destinations, and request redelivery.")

To = Annotated[str | None, typer.Option("--destination", help="Only deliveries to this destination.", metavar="NAME")]


@deliveries.command(name="list")
def list_(
    store: Store = None,
    destination: To = None,
    state: Annotated[
        str | None, typer.Option(help="Only deliveries in this state: waiting, delivered or parked.", metavar="STATE")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.", min=1, max=100_000)] = 100,
    format: Annotated[Format, typer.Option(help="The output format.")] = Format.TEXT,
) -> None:
    """List deliveries, newest entry first."""
    wanted = None if state is None else _state(state)

    async def found(opened: "Opened") -> list[Delivery]:
        return await opened.outbox.deliveries(limit, destination, wanted)

    listed = at_store(store, found)
    if format is Format.JSON:
        sys.stdout.write(json.dumps([_shape(one) for one in listed], ensure_ascii=False) + "\n")
        return
    for one in listed:
        sys.stdout.write(f"{one.sequence} {one.type} to {one.destination}: {_told(one)}\n")


@deliveries.command()
def destinations(
    store: Store = None, format: Annotated[Format, typer.Option(help="The output format.")] = Format.TEXT
) -> None:
    """List destinations, with the position in the log up to which each has received events."""

    async def found(opened: "Opened") -> tuple[list[DestinationState], int]:
        return await opened.outbox.destinations(), await opened.sequence()

    known, newest = at_store(store, found)
    if format is Format.JSON:
        listed = [{"name": one.name, "position": one.position, "behind": newest - one.position} for one in known]
        sys.stdout.write(json.dumps(listed, ensure_ascii=False) + "\n")
        return
    for one in known:
        sys.stdout.write(f"{one.name}: received everything up to {one.position}, {newest - one.position} behind\n")


@deliveries.command()
def redeliver(
    destination: Annotated[str, typer.Option(help="The destination.", metavar="NAME")],
    sequences: Annotated[
        list[int] | None, typer.Argument(help="The sequences of entries, as `descentd deliveries list` shows them.")
    ] = None,
    store: Store = None,
    parked: Annotated[bool, typer.Option("--parked", help="Redeliver all that are parked.")] = False,
) -> None:
    """Request that a server of the store delivers the events of entries again; all of them or none."""
    if parked == bool(sequences):
        raise InvalidInput("Expected either the sequences of entries to deliver again, or --parked.")

    async def marked(opened: "Opened") -> list[int]:
        found = await opened.outbox.redeliver(destination, None if parked else sequences)
        if not found:
            what = "is parked" if parked else "was delivered of one of these entries"
            raise NotFound(
                f"Nothing {what} to {repr(destination)[:80]}: `descentd deliveries list` shows what there is."
            )
        detail = f"{destination}: {', '.join(map(str, found[:20]))}{' …' if len(found) > 20 else ''}"
        access = Access(now(), getpass.getuser(), "command line", "", "descentd", "deliveries redeliver", "OK", detail)
        await opened.accounts.record_accesses([access])
        return found

    for sequence in at_store(store, marked):
        sys.stdout.write(f"To be delivered again to {destination}: {sequence}\n")


def _state(given: str) -> DeliveryState:
    try:
        return DeliveryState(given.upper())
    except ValueError:
        raise InvalidInput(f"Expected a state of waiting, delivered or parked, got {repr(given)[:80]}.") from None


def _told(one: Delivery) -> str:
    times = f"{one.attempts} attempt{'' if one.attempts == 1 else 's'}"
    match one.state:
        case DeliveryState.WAITING if not one.attempts:
            return "to be delivered again"
        case DeliveryState.WAITING:
            return f"waiting until {rfc3339(one.next_at)} after {times} ({one.reason})"
        case DeliveryState.PARKED:
            return f"parked at {rfc3339(one.at)} after {times} ({one.reason})"
    return f"delivered at {rfc3339(one.at)} by {times} ({one.reason})"


def _shape(one: Delivery) -> dict[str, object]:
    return {
        "destination": one.destination,
        "sequence": one.sequence,
        "type": one.type,
        "id": one.id,
        "state": one.state.value,
        "attempts": one.attempts,
        "at": rfc3339(one.at),
        "nextAt": rfc3339(one.next_at) if one.state is DeliveryState.WAITING and one.next_at else None,
        "status": one.status,
        "reason": one.reason,
    }
