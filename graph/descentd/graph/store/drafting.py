"""Drafting ahead: the drafts of one transaction are run at once, and again in order only where that makes a difference.

Run at once they share their look-ups, each of which may be a round trip. What a draft came to alone is what it comes to
after others, unless these added something that it has looked for.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from descentd.graph.model.errors import DescentError
from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Link, Proposal, Reads, Wanted
from descentd.graph.store.batch import Batch, settle


@dataclass(slots=True)
class Asked:
    """What a draft has looked for that later records may add to: names, keys, and edges that arrive somewhere."""

    names: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    ends: set[tuple[int, Role]] = field(default_factory=set)
    """Each a record at which edges of a role arrive; those that leave it are there as long as it is."""


class _NotedReads(Reads):
    """Look-ups on others, noted in `asked`."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self.asked = Asked()

    @override
    async def prefetch(self, find: Callable[[], Wanted]) -> None:
        await self._reads.prefetch(find)

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        self.asked.names.update(names)
        return await self._reads.resolve(names)

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        return await self._reads.briefs(sequences)

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        return await self._reads.entries(sequences)

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        self.asked.keys.update(keys)
        return await self._reads.find_by_keys(keys)

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.keys.update(keys)
        return await self._reads.any_by_keys(keys)

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        if inward:
            self.asked.ends.update((sequence, role) for sequence in sequences for role in roles)
        return await self._reads.links(sequences, roles, inward=inward)


@dataclass(frozen=True, slots=True)
class _Drafted:
    """What a draft came to by itself, having looked for what was asked; `records` may be an error instead."""

    records: Sequence[Record] | DescentError
    asked: Asked


async def settle_at_once(
    reads: Reads, head: Head, proposals: Sequence[Proposal]
) -> tuple[Batch, list[DescentError | None]]:
    """What `settle` does, for look-ups that cost a round trip each and may be made from several tasks at once."""
    if len(proposals) == 1:
        return await settle(reads, head, proposals)
    drafted = await asyncio.gather(*(_draft(proposal, reads) for proposal in proposals))
    return await settle(reads, head, [_again(*pair) for pair in zip(proposals, drafted, strict=True)])


async def _draft(proposal: Proposal, reads: Reads) -> _Drafted | None:
    """What a proposal comes to before all others; None where it fails otherwise than by an error of ours."""
    noted = _NotedReads(reads)
    try:
        return _Drafted(await proposal.draft(noted), noted.asked)
    except DescentError as error:
        return _Drafted(error, noted.asked)
    except Exception:
        return None  # which is raised in its turn, if it still comes


def _again(proposal: Proposal, drafted: _Drafted | None) -> Proposal:
    """A proposal that comes to what was drafted, and is drafted again where others have touched what it rests on."""

    async def draft(reads: Reads) -> Sequence[Record]:
        assert isinstance(reads, Batch)
        if drafted is None or reads.adds(drafted.asked.names, drafted.asked.keys, drafted.asked.ends):
            return await proposal.draft(reads)
        if isinstance(drafted.records, DescentError):
            raise drafted.records
        return drafted.records

    return Proposal(draft, proposal.person)
