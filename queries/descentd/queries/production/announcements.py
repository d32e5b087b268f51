"""Announcements: the events of a log entry for notifications, and the stream of new log entries."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import KINDS, Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Brief
from descentd.queries.governance.probes import Probe, due_for_existing, probes_of
from descentd.queries.lineage.history import summary
from descentd.queries.registry import Registry

_VERSION: Final = "version.registered"
PROBES_DUE: Final = "probes.due"
"""A version inherits weaknesses and has to be tried for them: it was registered, or one of them was documented."""

_LISTED: Final = 100
"""Versions that one event names; it counts them all."""

TYPES: Final[Mapping[Kind, str]] = {
    kind: _VERSION if kind is Kind.MODEL_VERSION else f"{kind.lower()}.registered" for kind in KINDS
}
"""The type of the event of each kind of record."""

ALL_TYPES: Final = (*TYPES.values(), PROBES_DUE)

_CHUNK: Final = 500
_INTERVAL: Final = 0.2
"""Seconds between looks at the log's end: other processes write to it too."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event. `id` is the same whenever the same entry is announced, and different in every registry."""

    id: str
    type: str
    content: Mapping[str, Any]


def environment_of(entry: Entry) -> str | None:
    """The environment that a record is about, None where it is about none. A version's own says where it was built."""
    if entry.record.kind in {Kind.MODEL_VERSION, Kind.EVALUATION}:
        return None
    found = entry.record.content.get("environment")
    return found if isinstance(found, str) else None


async def announcements(registry: Registry, entry: Entry, types: Collection[str]) -> Sequence[Announcement]:
    """The events of these types for an entry, in the order in which they are delivered.

    Those of a version list the probes that are due at the end of the transaction that registered it. Those of a
    vulnerability list the older versions for which its probe is due.
    """
    told = TYPES[entry.record.kind]
    if told != _VERSION:
        own = [_announcement(entry, told, {})] if told in types else []
        return [*own, *(await _due_for_existing(registry, entry) if PROBES_DUE in types else ())]
    if not {_VERSION, PROBES_DUE} & set(types):
        return []
    due = await _due(registry, entry)
    plan = {"probes": [_plan(probe) for probe in due]}
    return [_announcement(entry, type, plan) for type in _version_types(due) if type in types]


async def _due_for_existing(registry: Registry, entry: Entry) -> Sequence[Announcement]:
    """The event that an inherited weakness has to be answered for by versions that are registered already."""
    if entry.record.kind is not Kind.VULNERABILITY:
        return ()
    due = await due_for_existing(registry, entry, _LISTED)
    if due is None:
        return ()
    content = entry.record.content
    [on] = (await registry.store.resolve([content["subject"]])).values()
    plan = {
        "vulnerability": entry.record.id,
        "title": content["title"],
        "severity": content["severity"],
        "on": on.ref,
        **due.probe,
    }
    versions = {"versions": [brief.ref for brief in due.versions], "versionsTotal": due.total}
    return [_announcement(entry, PROBES_DUE, {"probes": [plan], **versions})]


def _version_types(due: Sequence[Probe]) -> Iterator[str]:
    yield _VERSION
    if due:
        yield PROBES_DUE


async def _due(registry: Registry, entry: Entry) -> Sequence[Probe]:
    upto = await _end(registry, entry)
    version = Brief(entry.sequence, entry.record.kind, entry.record.id, entry.record.label)
    return (await probes_of(registry, version, upto)).due


async def _end(registry: Registry, entry: Entry) -> int:
    """The last sequence of an entry's transaction: by strides that double, and then by halves."""
    low, high, stride = entry.sequence, await registry.store.sequence() + 1, 1
    while low + 1 < high:
        middle = min(low + stride, (low + high) // 2)
        [found] = await registry.store.entries([middle])
        if found.transaction == entry.transaction:
            low, stride = middle, stride * 2
        else:
            high = middle
    return low


def _plan(probe: Probe) -> Mapping[str, Any]:
    documented = probe.vulnerability.record
    return {
        "vulnerability": documented.id,
        "title": documented.content["title"],
        "severity": documented.content["severity"],
        "on": probe.on.ref,
        **dict(probe.content or {}),
    }


def _announcement(entry: Entry, type: str, more: Mapping[str, Any]) -> Announcement:
    record = entry.record
    id = hashlib.sha256(entry.hash + type.encode()).hexdigest()[:32]
    recorded = rfc3339(entry.recorded_at)
    content = {
        "type": type,
        "timestamp": recorded,
        "sequence": entry.sequence,
        "record": {
            "id": record.id,
            "ref": Brief(entry.sequence, record.kind, record.id, record.label).ref,
            "kind": record.kind.value,
            "recordedAt": recorded,
            "recordedBy": entry.recorded_by,
            "summary": summary(entry),
        },
        **more,
    }
    return Announcement(f"msg_{id}", type, content)


async def events(
    registry: Registry, after: str | None, kinds: frozenset[Kind] | None
) -> AsyncIterator[tuple[Entry, int]]:
    """Every entry after a cursor (of now where none is given), then each new one once it is durable.

    With each comes the end of the log as it was when the entry was read.
    Raises InvalidInput for a cursor that is not a number, or is beyond the end of the log: that of a registry that was
    restored from a backup, whose next entries are others than those that the cursor's owner has seen.
    """
    newest = await registry.sequence()
    position = newest if after is None else _position(after)
    if position > newest:
        raise InvalidInput(
            f"The cursor {after} is beyond the end of the log, {newest}: the registry may have been restored from a "
            "backup. Read again from `0`, or leave `after` out.",
            "after",
        )
    while True:
        newest = await registry.sequence()
        while position < newest:
            span = range(position + 1, min(position + _CHUNK, newest) + 1)
            for entry in await registry.store.entries(span):
                if kinds is None or entry.record.kind in kinds:
                    yield entry, newest
            position = span[-1]
        await asyncio.sleep(_INTERVAL)


def _position(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 15:
        raise InvalidInput("Expected the `cursor` of an event, or `0`.", "after")
    return int(cursor)
