"""Impact: everything that some records influenced, nearest first, each with a derivation that proves it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction, ReachQuery, Sequences, Step
from descentd.graph.model.records import Brief
from descentd.queries.lineage.paths import Derivation, name_steps
from descentd.queries.lineage.versions import VersionFilter, matching
from descentd.queries.pages import page, pinned
from descentd.queries.registry import Registry, moment_of


@dataclass(frozen=True, slots=True)
class Affected:
    """One affected record; `via` is empty where it was not asked for."""

    record: Brief
    distance: int
    via: Derivation
    cursor: str


@dataclass(frozen=True, slots=True)
class AffectedPage:
    """A page of affected records, in order of distance, then log."""

    items: Sequence[Affected]
    total: int
    more: bool


class Impact:
    """The impact of some records, at one moment; `within` are the versions that a filter selects, if there is one."""

    def __init__(
        self,
        registry: Registry,
        origins: Sequence[int],
        kinds: frozenset[Kind] | None,
        within: Sequences | None,
        upto: int,
        asked: Sequence[object],
        *,
        evidence: bool,
    ) -> None:
        self._registry = registry
        self._origins = origins
        self._kinds = kinds
        self._within = within
        self._evidence = evidence
        self._asked = ["impact", origins, kinds and sorted(kinds), evidence, *asked]
        self.upto = upto

    async def counts(self) -> Mapping[Kind, int]:
        """How many records of each kind are affected; kinds without any are left out."""
        reached = await self._registry.walk.reach(
            ReachQuery(
                self._origins,
                Direction.DESCENDANTS,
                self.upto,
                kinds=self._kinds,
                within=self._within,
                evidence=self._evidence,
                first=1,
            )
        )
        return reached.counts

    async def affected(self, first: int | None, after: str | None, *, via: bool) -> AffectedPage:
        """A page of what is affected; raises InvalidInput for a page that cannot be."""
        asked = page(first, after, self.upto, self._asked, 2)
        reached = await self._registry.walk.reach(
            ReachQuery(
                self._origins,
                Direction.DESCENDANTS,
                asked.upto,
                kinds=self._kinds,
                within=self._within,
                evidence=self._evidence,
                after=(asked.after[0], asked.after[1]) if asked.after else None,
                first=asked.first,
            )
        )
        sequences = [item.sequence for item in reached.items]
        steps: Sequence[Sequence[Step]] = [()] * len(sequences)
        if via:
            steps = await self._registry.walk.via(self._origins, sequences, asked.upto, evidence=self._evidence)
        records, derivations = await name_steps(self._registry, sequences, steps)
        items = [
            Affected(record, item.distance, derivation, asked.cursor(item.distance, item.sequence))
            for record, item, derivation in zip(records, reached.items, derivations, strict=True)
        ]
        return AffectedPage(items, reached.total, reached.more)


async def impact(
    registry: Registry,
    refs: Sequence[str],
    kinds: Sequence[Kind] | None,
    as_of: str | None,
    *,
    evidence: bool,
    wanted: VersionFilter | None = None,
    cursors: Collection[str] = (),
) -> Impact:
    """The impact of the records that `refs` name, as of the moment of `cursors` where its pages begin after these.

    `wanted` leaves the versions that it selects, and nothing else. Raises NotFound and InvalidInput.
    """
    if wanted is not None and kinds and Kind.MODEL_VERSION not in kinds:
        raise InvalidInput("A filter selects versions: add MODEL_VERSION to `kinds`, or leave `kinds` out.", "kinds")
    upto = pinned(cursors, await registry.sequence(as_of, refs))
    origins = await registry.find_all(refs, upto, "of")
    within = await matching(registry, wanted, upto, moment_of(as_of)) if wanted else None
    asked = [as_of] if wanted is None else [as_of, wanted]
    sequences = sorted({origin.sequence for origin in origins})
    return Impact(registry, sequences, frozenset(kinds) if kinds else None, within, upto, asked, evidence=evidence)
