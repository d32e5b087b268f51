"""The tail of the log: what the influence index needs of the newest entries, built record by record.

Stores that have a faster way use it for short tails only.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.documentation import speaks_of_training
from descentd.graph.model.derived import shares_of
from descentd.graph.model.identity import parse
from descentd.graph.model.kinds import EVIDENCE, INFLUENCE, KIND_NUMBER, ROLE_NUMBER, Edge, Kind, Role
from descentd.graph.model.reach import DisclosureFact, PopulationFact, Tail
from descentd.graph.store.base import Link

WALKED = INFLUENCE | EVIDENCE
RETRACTABLE: Final = frozenset({Kind.DISCLOSURE, Kind.RETRACTION})
"""Kinds of record whose retraction changes what influence is walked along."""
MADE_WITH: Final = frozenset({Role.BUILT_FROM, Role.CONFIGURED_BY})
"""Roles that lead from a version to what may speak of its training."""
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


def assembled(tail: Tail) -> NDArray[np.int32]:
    """The versions of a tail, ascending, that list no training data and were derived in ways that need none."""
    derived = tail.roles == ROLE_NUMBER[Role.DERIVED_FROM]
    taught = (tail.roles == ROLE_NUMBER[Role.TRAINED_ON]) | derived

    def having(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        mask = np.zeros(len(tail.kinds), np.bool_)
        mask[tail.sources[chosen] - tail.after - 1] = True
        return mask

    found = (tail.kinds == KIND_NUMBER[Kind.MODEL_VERSION]) & having(derived) & ~having(taught & tail.learns)
    return (np.flatnonzero(found) + tail.after + 1).astype(np.int32)


def suspects(tail: Tail) -> list[int]:
    """The records of which has to be known whether their code or config speaks of training: see `Tail.trained`."""
    subjects = {subject for fact in tail.disclosures for subject in fact.subjects}
    return sorted({*assembled(tail).tolist(), *subjects})


def speaking(made_with: Iterable[tuple[int, Kind, str]]) -> NDArray[np.int32]:
    """The versions, ascending, whose code or config speaks of training; each given with the body of one of these."""
    known: dict[tuple[Kind, str], bool] = {}
    found: set[int] = set()
    for version, kind, body in made_with:
        if (kind, body) not in known:
            known[kind, body] = speaks_of_training(kind, json.loads(body))
        if known[kind, body]:
            found.add(version)
    return np.array(sorted(found), np.int32)


def disclosure_fact(disclosure: int, links: Iterable[tuple[Role, int]], body: str) -> DisclosureFact:
    """What a DISCLOSURE record says, given its edges as roles and targets."""
    about = sorted(target for role, target in links if role is Role.ABOUT)
    superseded = next((target for role, target in links if role is Role.SUPERSEDES), None)
    return DisclosureFact(disclosure, tuple(about), bool(json.loads(body).get("complete")), superseded)


class TailBuilder:
    """Collects what the influence graph needs to know, in log order."""

    def __init__(self, after: int) -> None:
        self._after = after
        self._kinds: list[int] = []
        self._edges: list[tuple[int, int, int, bool]] = []
        self._twins: list[tuple[int, int]] = []
        self._populations: list[PopulationFact] = []
        self._disclosures: list[DisclosureFact] = []
        self._retractions: list[tuple[int, int]] = []

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

    def disclosure(self, fact: DisclosureFact) -> None:
        """A DISCLOSURE record, whose edges come as those of any other."""
        self._disclosures.append(fact)

    def retraction(self, sequence: int, subject: int) -> None:
        """What a retraction is about, where that is RETRACTABLE."""
        self._retractions.append((sequence, subject))

    def build(self) -> Tail:
        """The tail, still without the versions that speak of training."""
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
            disclosures=tuple(self._disclosures),
            retractions=np.array(sorted(self._retractions), dtype=np.int32).reshape(-1, 2),
        )
