"""Building a Tail record by record, for stores that have no quicker way and for short tails."""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np

from descentd.graph.model.derived import shares_of
from descentd.graph.model.identity import parse
from descentd.graph.model.kinds import EVIDENCE, INFLUENCE, KIND_NUMBER, ROLE_NUMBER, Edge, Kind
from descentd.graph.model.reach import PopulationFact, Tail
from descentd.graph.store.base import Link

WALKED = INFLUENCE | EVIDENCE
_AT_ONCE: Final = 500


def population_facts(stated: Sequence[tuple[int, int, str]]) -> tuple[PopulationFact, ...]:
    """What POPULATION records say, each given as its sequence, its partition's and its body.

    Many are read as one JSON text, but not all, so that contents are gone before the next ones come.
    """
    facts: list[PopulationFact] = []
    for start in range(0, len(stated), _AT_ONCE):
        part = stated[start : start + _AT_ONCE]
        contents = json.loads(f"[{','.join(body for _, _, body in part)}]")
        facts += [
            PopulationFact(at, partition, *shares_of(content))
            for (at, partition, _), content in zip(part, contents, strict=True)
        ]
    return tuple(facts)


class TailBuilder:
    """Collects what the influence graph needs to know, in log order."""

    def __init__(self, after: int) -> None:
        self._after = after
        self._kinds: list[int] = []
        self._edges: list[tuple[int, int, int, bool]] = []
        self._twins: list[tuple[int, int]] = []
        self._populations: list[PopulationFact] = []

    def record(self, kind: Kind) -> None:
        """The next record."""
        self._kinds.append(KIND_NUMBER[kind])

    def edge(self, link: Link) -> None:
        """An edge; those that nobody walks are passed over."""
        if link.role in WALKED:
            learns = Edge(link.role, "", link.detail).learns
            self._edges.append((link.source, ROLE_NUMBER[link.role], link.target, learns))

    def twin(self, sequence: int, earliest: int) -> None:
        """A partition and the earliest one with its digest, itself where it is the first."""
        if earliest < sequence:
            self._twins.append((sequence, earliest))

    def population(self, statement: int, partition: int, body: bytes) -> None:
        """A POPULATION record."""
        documented, shares = shares_of(parse(body))
        self._populations.append(PopulationFact(statement, partition, documented, shares))

    def build(self) -> Tail:
        """The tail."""
        edges = np.array(self._edges, dtype=np.int64).reshape(-1, 4)
        return Tail(
            after=self._after,
            kinds=np.array(self._kinds, dtype=np.uint8),
            sources=edges[:, 0].astype(np.int32),
            roles=edges[:, 1].astype(np.uint8),
            targets=edges[:, 2].astype(np.int32),
            learns=edges[:, 3].astype(np.bool_),
            twins=np.array(self._twins, dtype=np.int32).reshape(-1, 2),
            populations=tuple(self._populations),
        )
