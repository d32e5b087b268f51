"""Whether the chains of events are what was recorded, and whether the items are what their events say.

Every hash is worked out again, from the base to the end; every item is compared with its latest event. Somebody who
rewrites a chain consistently is found by what is known of it from signed notes.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.chain import Chain, ChainHead, Change, Event, beginning, event_hash
from descentd.graph.store.journal import Journal

_CHUNK: Final = 1000
_START: Final = -(1 << 62)
"""Before every number that an event may have, so that one before the base is seen too."""

NAMES: Final[Mapping[Chain, str]] = {
    Chain.ACCESSES: "the access log",
    Chain.TOKENS: "the log of tokens",
    Chain.ARRIVALS: "the log of arrivals",
    Chain.DELIVERIES: "the log of deliveries",
}


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """The number and the hash that an event of a chain had, from a signed note; 0 and its beginning are known too."""

    chain: Chain
    number: int
    hash: bytes


Closed = Callable[[Chain, int, bytes, str], str | None]
"""What is wrong with the note that closes a chain upto a number with a hash; None where it is signed as it must be."""


class ChainError(Exception):
    """What does not fit, as a sentence."""


async def verify_chains(journal: Journal, known: Sequence[KnownEvent] = (), closed: Closed | None = None) -> None:
    """Compare all chains with their events and items; raises ChainError with the first misfit.

    `known` are events that chains had: each has to be there still, or before a base that `closed` finds nothing wrong
    with. Without `closed` a base is taken as it is, where nothing is known from before it.
    """
    for chain in Chain:
        wanted = [one for one in known if one.chain is chain]
        while not await _verify(journal, chain, wanted, closed):
            pass


async def _verify(journal: Journal, chain: Chain, known: Sequence[KnownEvent], closed: Closed | None) -> bool:
    """Compare a chain; False where somebody pruned it meanwhile, so that it has to be begun anew."""
    begun = await _head(journal, chain)
    walk = _Walk(chain, begun, known)
    try:
        walk.begin(closed)
        while True:
            while events := await journal.events(chain, walk.place, _CHUNK):
                walk.follow(events)
            head = await _head(journal, chain)
            if head.number > walk.place and await journal.events(chain, walk.place, 1):
                continue  # which somebody appended meanwhile
            items = [item async for item in journal.items(chain)]
            if await _head(journal, chain) == head:
                walk.end(head)
                walk.compare_items(items)
                return True
    except ChainError:
        if (await _head(journal, chain)).base == begun.base:
            raise
        return False


async def _head(journal: Journal, chain: Chain) -> ChainHead:
    head = (await journal.heads()).get(chain)
    if head is None:
        raise ChainError(f"The end of {NAMES[chain]} is missing.")
    return head


class _Walk:
    """A chain as far as it was right."""

    def __init__(self, chain: Chain, head: ChainHead, known: Sequence[KnownEvent]) -> None:
        self._chain = chain
        self._name = NAMES[chain]
        self._head = head
        self._known = known
        self._number, self._hash = head.base, head.base_hash
        self._latest: dict[str, bytes] = {}
        self.place = _START
        """After which number the next events are read."""

    def begin(self, closed: Closed | None) -> None:
        """Compare the base with the beginning, or with the note that closes what is before it."""
        head = self._head
        if head.base == 0 and (head.base_hash != beginning(self._chain) or head.closing):
            raise ChainError(f"{self._capital} does not start after its base: the entries before were removed.")
        earlier = [one for one in self._known if one.number < head.base]
        fault = closed(self._chain, head.base, head.base_hash, head.closing) if head.base and closed else None
        if head.base and closed is None and earlier:
            fault = "there is no key with which to verify the note that closes them"
        if fault:
            raise ChainError(f"The first {head.base} entries of {self._name} are gone: {fault}.")
        self._compare_known()

    def follow(self, events: Sequence[Event]) -> None:
        """Take the next events in, each as far as it fits."""
        for event in events:
            if event.number != self._number + 1:
                raise ChainError(
                    f"Entry {self._number + 1} of {self._name} is missing: the next one is {event.number}."
                    if event.number > self._number
                    else f"Entry {event.number} of {self._name} was added: the log goes on from {self._number}."
                )
            right = event_hash(self._chain, event.number, self._hash, Change(event.at, event.item, event.content))
            if event.hash != right:
                raise ChainError(f"Entry {event.number} of {self._name} is not what was recorded: its hash differs.")
            self._number, self._hash = event.number, event.hash
            if self._chain is not Chain.ACCESSES:
                self._latest[event.item] = _digest(event.content)
            self._compare_known()
        self.place = self._number

    def end(self, head: ChainHead) -> None:
        """Compare with the end that is kept, and with what is known of a longer chain."""
        if self._number < head.number:
            raise ChainError(
                f"{self._capital} was cut off: it ends with entry {self._number}, but its end is {head.number}."
            )
        if (self._number, self._hash) != (head.number, head.hash):
            raise ChainError(f"{self._capital} ends with entry {self._number}, but its end is another: {head.number}.")
        for one in self._known:
            if one.number > self._number:
                raise ChainError(
                    f"{self._capital} was cut off: it ends with entry {self._number}, but the signed note has "
                    f"{one.number}."
                )

    def compare_items(self, items: Sequence[Change]) -> None:
        """Compare what is kept of each item with its latest event."""
        for item in items:
            said = self._latest.pop(item.item, None)
            if said is None:
                raise ChainError(f"{item.item!r} is in the store, but no entry of {self._name} says so.")
            if said != _digest(item.content):
                raise ChainError(f"{item.item!r} is stored differently from what {self._name} says.")
        for missing in self._latest:
            raise ChainError(f"{missing!r} is missing in the store, but {self._name} says that it is there.")

    def _compare_known(self) -> None:
        for one in self._known:
            if one.number == self._number and one.hash != self._hash:
                raise ChainError(
                    f"{self._capital} was rewritten: its entry {one.number} has the hash {self._hash.hex()}, but the "
                    f"signed note has {one.hash.hex()}."
                )

    @property
    def _capital(self) -> str:
        return self._name.replace("the", "The", 1)


def _digest(content: str) -> bytes:
    return hashlib.sha256(content.encode(errors="surrogatepass")).digest()[:16]
