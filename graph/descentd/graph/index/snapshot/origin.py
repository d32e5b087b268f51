"""The origin of a snapshot: the release, the registry and the state of its log that it was worked out from.

A snapshot says the leaf hash of the first entry and the Merkle frontier of the log as it was. It fits a log whose
present root follows from that frontier and the entries since: then every entry before is the same, whatever happened to
the registry meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Final, Protocol

from descentd.graph.index.columns import Misfit
from descentd.graph.model.log import Head
from descentd.graph.model.merkle import Frontier

_AT_ONCE: Final = 2_000
"""Leaf hashes that are read at a time, so that nobody else waits long."""


class Log(Protocol):
    """What has to be read of a log to tell whether a snapshot fits."""

    async def head(self) -> Head:
        """The end of the log as of now."""
        ...

    async def hashes(self, after: int, limit: int) -> Sequence[bytes]:
        """The leaf hashes of up to `limit` entries after a sequence, in log order."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What a snapshot was worked out from: a release, and the log of a registry up to a sequence.

    `registry` is the leaf hash of its first entry in hexadecimal, `frontier` as `Frontier.dump` writes it.
    """

    release: str
    registry: str
    sequence: int
    frontier: str

    @classmethod
    async def of(cls, log: Log, known: Frontier, sequence: int) -> "Origin":
        """The origin of what this release works out from a log up to `sequence`.

        `known` is the frontier of the log at that sequence or before: the entries since are read.
        """
        frontier = await _grown(log, known, sequence)
        return cls(release(), await _registry(log), sequence, frontier.dump())

    def load_frontier(self) -> Frontier:
        """The frontier; raises Misfit where it is none."""
        try:
            return Frontier.load(self.sequence, self.frontier)
        except ValueError:
            raise Misfit("its Merkle frontier cannot be read") from None

    async def check(self, log: Log) -> None:
        """Raise Misfit where this release cannot go on from here with a log, Unavailable while it cannot be read."""
        if self.release != release():
            raise Misfit(f"it was written by release {self.release}, and this is {release()}")
        head = await log.head()
        if self.registry != await _registry(log):
            raise Misfit("it is of another registry")
        if self.sequence > head.sequence:
            raise Misfit(
                f"it is of record {self.sequence:,}, and the registry ends at {head.sequence:,}: it was brought "
                "back to an earlier state"
            )
        if (await _grown(log, self.load_frontier(), head.sequence)).root() != head.frontier.root():
            raise Misfit("the log does not continue the one that it is of: its root is another")


@cache
def release() -> str:
    """The release of this program."""
    return metadata.version("descentd")


async def _registry(log: Log) -> str:
    return "".join(first.hex() for first in await log.hashes(0, 1))


async def _grown(log: Log, frontier: Frontier, upto: int) -> Frontier:
    while frontier.size < upto and (leaves := await log.hashes(frontier.size, min(_AT_ONCE, upto - frontier.size))):
        frontier = frontier.append(leaves)
        await asyncio.sleep(0)
    return frontier
