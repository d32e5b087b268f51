"""The queries on the influence graph and their results, whether the index or a store walks it.

Records are named by their log sequence (from 1). `upto` is the sequence at which the question is asked: whatever came
later does not exist for it.

A whole dataset as a cause starts from itself and all its partitions, a partition from itself and its twins (partitions
with the same digest); these *origins* are at distance 0 and are not part of the answer. Twins met on the way are joined
by a step of cost 0 with role SAME_DATA. What was disclosed about a version or a dataset counts as if its own record
stated it, from the disclosure's sequence on, for as long as it is neither superseded nor retracted: a derivation passes
the disclosure and goes on to its subject by a step of cost 0 with role ABOUT. Disclosures themselves are not listed.
Ancestors are the mirror image: `y` is an ancestor of `x` exactly where `x` is
reached from `y`; a dataset's partitions are its ancestors at distance 1 by INCLUDES.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from descentd.graph.model.kinds import Kind, Role

Sequences = NDArray[np.int64]


class Direction(StrEnum):
    """Which way a question walks."""

    ANCESTORS = "ANCESTORS"
    DESCENDANTS = "DESCENDANTS"


class ExposureVerdict(StrEnum):
    """The three answers to a question about a population."""

    TRAINED = "TRAINED"
    NOT_TRAINED = "NOT_TRAINED"
    UNKNOWN = "UNKNOWN"


class Documented(StrEnum):
    """How much of a partition's population its statement lists."""

    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"
    NONE = "NONE"


class Share(NamedTuple):
    """A value of an attribute and its share of the rows; None where present but not counted, 0 where absent."""

    attribute: str
    value: str
    share: float | None


class PopulationFact(NamedTuple):
    """What the statement at `statement` says about the partition at `partition`; a later one supersedes it."""

    statement: int
    partition: int
    documented: Documented
    shares: tuple[Share, ...]


class DisclosureFact(NamedTuple):
    """The disclosure at `disclosure` is about `subjects`: a version, or a dataset and each of its partitions.

    Its edges are in the tail, as those of its own record. `complete` says that with it all training data of a version
    is documented, `supersedes` which disclosure it takes the place of.
    """

    disclosure: int
    subjects: tuple[int, ...]
    complete: bool
    supersedes: int | None = None


class NearValue(NamedTuple):
    """A documented value that differs from one that was asked for by case or compatibility forms only.

    partitions: how many partitions' statements in force list it.
    """

    attribute: str
    value: str
    partitions: int


@dataclass(frozen=True)
class Tail:
    """All that the influence graph needs to know of the records after sequence `after`, in log order.

    `kinds[i]` is the kind number of record `after + 1 + i`. The edge arrays run in parallel: `sources[j]` came
    from `targets[j]` by role number `roles[j]` (influence and evidence roles only); `learns[j]` is `Edge.learns`.
    `twins` holds a row (sequence, sequence of the earliest partition with that digest) for each repeated digest.
    `retractions` holds a row (retraction, its subject) where the subject is a disclosure or another retraction, and
    `trained` the versions whose code or config speaks of training, among those that list no training data and were
    derived from parents in ways that need none, and among the subjects of disclosures.
    """

    after: int
    kinds: NDArray[np.uint8]
    sources: NDArray[np.int32]
    roles: NDArray[np.uint8]
    targets: NDArray[np.int32]
    learns: NDArray[np.bool_]
    twins: NDArray[np.int32]
    populations: Sequence[PopulationFact] = field(default_factory=tuple)
    disclosures: Sequence[DisclosureFact] = field(default_factory=tuple)
    retractions: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    trained: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Step:
    """A record on a derivation; `role` joins it to the one before it and is None on the first.

    `back`: the edge leads from the one before it to this one, and not the other way round; so it is with ABOUT, by
    which a disclosure leads on to its subject.
    """

    sequence: int
    role: Role | None
    back: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """A record that was reached and the length of a shortest derivation to it."""

    sequence: int
    distance: int


@dataclass(frozen=True, slots=True)
class ReachPage:
    """`counts` over all that was reached (of the kinds asked for), `items` ordered by (distance, sequence).

    `more` says whether items follow the last one.
    """

    counts: Mapping[Kind, int]
    items: Sequence[Reached]
    more: bool

    @property
    def total(self) -> int:
        """How many were reached in all."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Term:
    """An attribute and the values of which any will do."""

    attribute: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class ReachQuery:
    """What `origins` reach. Neither `depth` nor `after` (distance, sequence) changes the counts.

    `kinds` and `within` (versions, ascending) select what is counted and listed of all that is reached.

    `evidence` (descendants only) adds evaluations of or on what is reached or on an origin, and what cites them, one
    step farther than what they rest on. Raises ValueError where it is asked for with ancestors.
    """

    origins: Sequence[int]
    direction: Direction
    upto: int
    kinds: frozenset[Kind] | None = None
    within: Sequences | None = None
    evidence: bool = False
    depth: int | None = None
    after: tuple[int, int] | None = None
    first: int = 100

    def __post_init__(self) -> None:
        if self.evidence and self.direction is Direction.ANCESTORS:
            raise ValueError("Evidence rests on descendants: it cannot be asked for with ancestors.")


@dataclass(frozen=True, slots=True, eq=False)
class ExposureQuery:
    """Which versions (of `within`, ascending) learned from a population.

    `after` is (verdict, exposure, sequence): positions in `ExposureVerdict`, 0 for direct and 1 otherwise.
    """

    population: Sequence[Term]
    upto: int
    verdicts: frozenset[ExposureVerdict] = frozenset(ExposureVerdict)
    within: Sequences | None = None
    after: tuple[int, int, int] | None = None
    first: int = 100


@dataclass(frozen=True, slots=True)
class Exposed:
    """A version's answer. `direct` is None unless TRAINED.

    `source` is the matching partition; for UNKNOWN the undocumented source or version; None for NOT_TRAINED.
    `proven` says whether the shares force several terms to meet in the same rows; None unless TRAINED.
    `via` leads from the source to the version, both included.
    """

    sequence: int
    verdict: ExposureVerdict
    direct: bool | None
    source: int | None
    proven: bool | None
    via: Sequence[Step]


@dataclass(frozen=True, slots=True)
class ExposurePage:
    """`counts` has all verdicts over the versions asked about; `items` come by (verdict, direct first, sequence).

    `near` are documented values, whoever learned from them, that nearly are what was asked for; `unlisted` are the
    attributes and values asked for that no partition is documented to hold or to lack.
    """

    counts: Mapping[ExposureVerdict, int]
    total: int
    items: Sequence[Exposed]
    more: bool
    near: Sequence[NearValue] = ()
    unlisted: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Derivations:
    """The exact number of distinct derivations (sequences of record and role) and the first of them, shortest first."""

    count: int
    paths: Sequence[Sequence[Step]]


class Neighbours(NamedTuple):
    """The records one step away: how many there are, and the first of them in log order."""

    total: int
    first: Sequence[int]


class StatedEdge(NamedTuple):
    """`source` came from `target` by `role`: as its own record states, or, where it is not 0, a disclosure."""

    source: int
    disclosure: int
    role: Role
    target: int


@runtime_checkable
class SupportsNeighbours(Protocol):
    """Somebody who knows who is beside a record without listing all who are."""

    async def edges(
        self, sources: Collection[int], targets: Collection[int], roles: Collection[Role], upto: int
    ) -> Sequence[StatedEdge]:
        """The edges of influence by which some records came from some others, with these roles; in order."""
        ...

    async def twins(self, records: Collection[int], upto: int) -> Mapping[int, Sequence[int]]:
        """By partition, the others with the same digest, ascending; only those of the records that have any."""
        ...

    async def neighbours(
        self, records: Sequence[int], direction: Direction, upto: int, kinds: frozenset[Kind], first: int
    ) -> Mapping[int, Neighbours]:
        """By record, what lies one step of influence away, of these kinds. Twins and partitions are not stepped to."""
        ...


@runtime_checkable
class SupportsReach(Protocol):
    """Somebody who walks the influence graph: the topology in this process, or a store that can do it itself."""

    async def reach(self, query: ReachQuery) -> ReachPage:
        """What the origins of `query` reach, on the page that it asks for; the counts are of all. See ReachQuery."""
        ...

    async def via(
        self, origins: Sequence[int], items: Sequence[int], upto: int, *, evidence: bool = False
    ) -> Sequence[Sequence[Step]]:
        """One shortest derivation from an origin to each of `items` (descendants), both included; empty where none is.

        Of several it is the one that is found from the item back, each time to the record with the lowest sequence that
        is one step nearer, by the first of its roles; what a record states goes before what was disclosed of it, and
        only a record without such a step is come to from a twin, the lowest that has one.

        It starts at the cause that was named; from a dataset, at the partition that it runs from.
        """
        ...

    async def members(
        self,
        origins: Sequence[int],
        direction: Direction,
        upto: int,
        kind: Kind,
        *,
        avoiding: frozenset[int] = frozenset(),
    ) -> Sequences:
        """All of one kind that `origins` reach by derivations that pass none of `avoiding` (nor a twin), ascending."""
        ...

    async def members_of_each(
        self, origins: Sequence[int], heads: Sequence[int], upto: int, kind: Kind
    ) -> Mapping[int, AbstractSet[int]]:
        """By origin, what it reaches of one kind among `heads` and their ancestors."""
        ...

    async def everything(self, upto: int, kind: Kind) -> Sequences:
        """All records of one kind, ascending."""
        ...

    async def count(self, upto: int, kind: Kind) -> int:
        """How many records of one kind there are."""
        ...

    async def latest(self, upto: int, kind: Kind, number: int) -> Sequences:
        """The last records of one kind, `number` where there are as many, ascending."""
        ...

    async def exposure(self, query: ExposureQuery) -> ExposurePage:
        """Which versions learned from the population of `query`, on the page that it asks for. See ExposureQuery."""
        ...

    async def vocabulary(self, upto: int) -> Mapping[str, Mapping[str, int]]:
        """By attribute and value, in order, how many partitions hold it, by the statements about them in force.

        What these list as absent alone is there with 0.
        """
        ...

    async def paths(self, start: int, end: int, upto: int, first: int) -> Derivations:
        """How many derivations lead from `start` to `end` (its descendant), and the first of them.

        From itself to itself there is one, of a single step. A dataset starts as in `reach`. Raises TooCostly where the
        number of derivations does not fit into memory.
        """
        ...
