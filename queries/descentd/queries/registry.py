"""What every question is asked of: a store, who walks its influence graph, and the moment that is meant."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.kinds import ENTITIES, Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import given_instant, ref
from descentd.graph.model.reach import Direction, SupportsReach
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Store
from descentd.graph.store.committer import Committer

_CHUNK: Final = 2000
"""Records that are read at once."""

C = TypeVar("C")


@contextmanager
def about(field: str) -> Iterator[None]:
    """What is wrong with an argument names it: InvalidInput that is raised inside gets `field`, if it has none."""
    try:
        yield
    except InvalidInput as error:
        error.field = error.field or field
        raise


def moment_of(as_of: str | None, field: str = "asOf") -> int | None:
    """The moment (microseconds since 1970) that an argument means, None for now; raises InvalidInput."""
    with about(field):
        return None if as_of is None else given_instant(as_of)


@dataclass(frozen=True, slots=True)
class Registry:
    """The parts of a running registry."""

    store: Store
    walk: SupportsReach
    committer: Committer
    _caches: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def cache(self, kind: Callable[[], C]) -> C:
        """The one cache of a class that this registry has in this process, made when it is first asked for.

        A module that keeps what it read asks for its own class, so that no lower module has to know it.
        """
        if kind not in self._caches:
            self._caches[kind] = kind()
        cache: C = self._caches[kind]
        return cache

    async def all_of(self, kind: Kind, upto: int) -> list[Entry]:
        """Every record of a kind at or before a sequence, in log order: for kinds of which a registry holds few."""
        if kind not in self._caches:
            self._caches[kind] = _KindCache(kind)
        cache: _KindCache = self._caches[kind]
        return await cache.read(self.store, self.walk, upto)

    async def sequence(self, as_of: str | None = None, ahead: Sequence[str] = ()) -> int:
        """The sequence that a question is asked at: of `as_of` (RFC 3339), or of now.

        `ahead` are refs that are looked up next, which costs no round trip of its own then. Raises InvalidInput where
        `as_of` is no instant; what is wrong with a ref is for the look-up to say.
        """
        moment = moment_of(as_of)
        if moment is not None:
            return await self.store.sequence_at(moment)
        names: list[str] = []
        with suppress(InvalidInput):
            names += map(ref, ahead)
        return await self.store.sequence(*names)

    async def origins(self, record: int, upto: int) -> list[int]:
        """Everything that a record came from, by kind: versions, data, code, configurations, environments."""
        above = [await self.walk.members([record], Direction.ANCESTORS, upto, kind) for kind in sorted(ENTITIES)]
        return [sequence for members in above for sequence in members.tolist()]

    async def find_all(self, names: Sequence[str], upto: int, field: str) -> list[Brief]:
        """The records that refs name, by one look-up; raises as `find` does, naming the place in the list."""
        found: list[Brief] = []
        for i, brief in enumerate(await self.find_each(names, upto, field)):
            if brief is None:
                raise NotFound.of(ref(names[i]), f"{field}[{i}]")
            found.append(brief)
        return found

    async def find_each(self, names: Sequence[str], upto: int, field: str) -> list[Brief | None]:
        """The record that each ref names, None where it names none, by one look-up.

        Raises InvalidInput for what is no ref, naming its place in the list, and where there is none at all.
        """
        if not names:
            raise InvalidInput("Nothing is asked about: name at least one ref.", field)
        normal: list[str] = []
        for i, name in enumerate(names):
            with about(f"{field}[{i}]"):
                normal.append(ref(name))
        known = {name: brief for name, brief in (await self.store.resolve(normal)).items() if brief.sequence <= upto}
        return [known.get(name) for name in normal]

    async def look_up(self, name: str, as_of: str | None, field: str) -> tuple[int, Brief | None]:
        """What `sequence` gives, and the record that a ref names then, None where it names none.

        Raises InvalidInput for what is no instant or no ref; the latter names `field`.
        """
        moment = moment_of(as_of)
        with about(field):
            normal = ref(name)
        if moment is None:
            upto, brief = await self.store.look_up(normal)
        else:
            upto = await self.store.sequence_at(moment)
            brief = (await self.store.resolve([normal])).get(normal)
        return upto, brief if brief is not None and brief.sequence <= upto else None

    async def find(self, name: str, upto: int, kinds: frozenset[Kind] | None = None, field: str = "of") -> Brief:
        """The record that a ref names, as known at sequence `upto`.

        Raises NotFound, and InvalidInput for what is no ref or names a record of none of `kinds`; both name `field`.
        """
        with about(field):
            normal = ref(name)
        brief = (await self.store.resolve([normal])).get(normal)
        if brief is None or brief.sequence > upto:
            raise NotFound.of(normal, field)
        if kinds is not None and brief.kind not in kinds:
            wanted = " or a ".join(sorted(kind.lower().replace("_", " ") for kind in kinds))
            raise InvalidInput(f"{brief.ref} is a {brief.kind.lower().replace('_', ' ')}: name a {wanted}.", field)
        return brief


class _KindCache:
    """The entries of one kind, kept level with the log."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._upto = 0
        self._entries: dict[int, Entry] = {}

    async def read(self, store: Store, walk: SupportsReach, upto: int) -> list[Entry]:
        """The entries at or before a sequence, in log order."""
        if upto > self._upto:
            sequences = await walk.everything(upto, self._kind)
            new = [int(sequence) for sequence in sequences[sequences > self._upto]]
            for i in range(0, len(new), _CHUNK):
                for entry in await store.entries(new[i : i + _CHUNK]):
                    self._entries[entry.sequence] = entry
            self._upto = max(self._upto, upto)
        return [self._entries[sequence] for sequence in sorted(self._entries) if sequence <= upto]
