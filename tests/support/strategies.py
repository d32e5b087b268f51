"""Hypothesis strategies for small lineages, as the topology sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from descentd.graph.model.kinds import INFLUENCE, KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import DisclosureFact, Documented, PopulationFact, Share, Tail


@dataclass(frozen=True)
class Noted:
    """One record of a log: its edges as (role, target, learns), a partition's digest, what a statement says.

    `retracts` are the subjects of a retraction; `trained` says that code, or that of a version, speaks of training.
    """

    kind: Kind
    edges: tuple[tuple[Role, int, bool], ...] = ()
    digest: int | None = None
    fact: PopulationFact | None = field(default=None, hash=False)
    disclosure: DisclosureFact | None = None
    retracts: tuple[int, ...] = ()
    trained: bool = False


def tail(log: Sequence[Noted], after: int, upto: int) -> Tail:
    """The records of `log` (the first is sequence 1) after one sequence, up to another."""
    edges = [
        (source, ROLE_NUMBER[role], target, learns)
        for source in range(after + 1, upto + 1)
        for role, target, learns in log[source - 1].edges
    ]
    first: dict[int, int] = {}
    twins = []
    for sequence, noted in enumerate(log[:upto], 1):
        if noted.digest is not None and first.setdefault(noted.digest, sequence) != sequence and sequence > after:
            twins.append((sequence, first[noted.digest]))
    return Tail(
        after,
        np.array([KIND_NUMBER[noted.kind] for noted in log[after:upto]], np.uint8),
        np.array([edge[0] for edge in edges], np.int32),
        np.array([edge[1] for edge in edges], np.uint8),
        np.array([edge[2] for edge in edges], np.int32),
        np.array([edge[3] for edge in edges], np.bool_),
        np.array(twins, np.int32).reshape(-1, 2),
        [noted.fact for noted in log[after:upto] if noted.fact is not None],
        [noted.disclosure for noted in log[after:upto] if noted.disclosure is not None],
        np.array(
            [
                (place, subject)
                for place in range(after + 1, upto + 1)
                for subject in sorted(log[place - 1].retracts)
                if log[subject - 1].kind in {Kind.DISCLOSURE, Kind.RETRACTION}
            ],
            np.int32,
        ).reshape(-1, 2),
        np.array(sorted(_speaking(log, after, upto)), np.int32),
    )


def _speaking(log: Sequence[Noted], after: int, upto: int) -> set[int]:
    """The versions of a tail that are to be told of, because their code or config speaks of training."""
    found: set[int] = set()
    for place in range(after + 1, upto + 1):
        noted = log[place - 1]
        taught = any(role is Role.TRAINED_ON and learns for role, _, learns in noted.edges)
        derived = [learns for role, _, learns in noted.edges if role is Role.DERIVED_FROM]
        if noted.kind is Kind.MODEL_VERSION and not taught and derived and not any(derived):
            found.add(place)
        if noted.disclosure is not None:
            found.update(noted.disclosure.subjects)
    return {place for place in found if log[place - 1].trained}


SHAPES: dict[Kind, tuple[tuple[Role, frozenset[Kind]], ...]] = {
    Kind.PARTITION: (
        (Role.DERIVED_FROM, frozenset({Kind.PARTITION, Kind.DATASET})),
        (Role.GENERATED_BY, frozenset({Kind.MODEL_VERSION})),
    ),
    Kind.DATASET: (
        (Role.INCLUDES, frozenset({Kind.PARTITION})),
        (Role.DERIVED_FROM, frozenset({Kind.PARTITION, Kind.DATASET})),
        (Role.GENERATED_BY, frozenset({Kind.MODEL_VERSION})),
    ),
    Kind.CODE: (),
    Kind.MODEL_VERSION: (
        (Role.DERIVED_FROM, frozenset({Kind.MODEL_VERSION})),
        (Role.TRAINED_ON, frozenset({Kind.PARTITION, Kind.DATASET})),
        (Role.BUILT_FROM, frozenset({Kind.CODE})),
    ),
    Kind.EVALUATION: (
        (Role.EVALUATES, frozenset({Kind.MODEL_VERSION})),
        (Role.EVALUATED_ON, frozenset({Kind.PARTITION, Kind.DATASET})),
    ),
    Kind.DEPLOYMENT: ((Role.DEPLOYS, frozenset({Kind.MODEL_VERSION})), (Role.CITES, frozenset({Kind.EVALUATION}))),
    Kind.REVIEW: ((Role.CITES, frozenset({Kind.EVALUATION, Kind.REVIEW, Kind.DEPLOYMENT, Kind.MODEL_VERSION})),),
    Kind.POPULATION: (),
}
"""The kinds that lineages are made of, and what the edges of each may lead to."""

KINDS = (
    *(Kind.PARTITION,) * 5,
    *(Kind.DATASET,) * 2,
    *(Kind.MODEL_VERSION,) * 5,
    *(Kind.POPULATION,) * 3,
    Kind.CODE,
    Kind.EVALUATION,
    Kind.EVALUATION,
    Kind.DEPLOYMENT,
    Kind.REVIEW,
    Kind.DISCLOSURE,
    Kind.DISCLOSURE,
    Kind.RETRACTION,
)
ATTRIBUTES = ("age", "region", "Region")
VALUES = ("a", "b", "c", "A", "\uff41")
DOCUMENTED = (*(Documented.COMPLETE,) * 3, Documented.PARTIAL, Documented.NONE)


@st.composite
def populations(draw: st.DrawFn, statement: int, partition: int) -> PopulationFact:
    """A statement about a partition, with shares that may be unknown, absent, or more than the whole in all."""
    named = draw(st.sets(st.tuples(st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES)), max_size=6))
    amounts = st.sampled_from((None, 0.0, 0.0, 0.1, 0.4, 0.6, 1.0))
    shares = tuple(Share(attribute, value, draw(amounts)) for attribute, value in sorted(named))
    return PopulationFact(statement, partition, draw(st.sampled_from(DOCUMENTED)), shares)


@st.composite
def logs(draw: st.DrawFn, most: int = 24, least: int = 1) -> list[Noted]:
    """Logs of `least` to `most` records, rich in twins, shared parents, population statements and unusual edges."""
    log: list[Noted] = []
    for sequence in range(1, draw(st.integers(least, most)) + 1):
        kind = draw(st.sampled_from(KINDS if sequence > 2 else KINDS[:7]))
        if kind is Kind.POPULATION:
            partitions = [place for place, noted in enumerate(log, 1) if noted.kind is Kind.PARTITION]
            fact = draw(populations(sequence, draw(st.sampled_from(partitions)))) if partitions else None
            log.append(Noted(kind, fact=fact))
            continue
        if kind is Kind.DISCLOSURE:
            log.append(draw(disclosures(log)))
            continue
        if kind is Kind.RETRACTION:
            stated = [place for place, noted in enumerate(log, 1) if noted.kind in {kind, Kind.DISCLOSURE}]
            log.append(
                Noted(kind, retracts=tuple(draw(st.sets(st.sampled_from(stated), max_size=2)) if stated else ()))
            )
            continue
        edges: list[tuple[Role, int, bool]] = []
        for role, kinds in SHAPES[kind]:
            targets = [place for place, noted in enumerate(log, 1) if noted.kind in kinds]
            least = min(draw(st.integers(0, 2)), len(targets))
            chosen = draw(st.sets(st.sampled_from(targets), min_size=least, max_size=3)) if targets else set()
            edges += [(role, target, draw(st.sampled_from((True, True, False)))) for target in sorted(chosen)]
        digest = draw(st.integers(0, 7)) if kind is Kind.PARTITION else None
        speaks = kind is Kind.CODE and draw(st.booleans())
        speaks |= any(role is Role.BUILT_FROM and log[target - 1].trained for role, target, _ in edges)
        log.append(Noted(kind, tuple(edges), digest, trained=speaks))
    return log


DISCLOSED: dict[Kind, tuple[tuple[Role, frozenset[Kind]], ...]] = {
    Kind.MODEL_VERSION: SHAPES[Kind.MODEL_VERSION][:2],
    Kind.DATASET: SHAPES[Kind.DATASET][1:],
    Kind.PARTITION: SHAPES[Kind.PARTITION],
}
"""What may be disclosed about each kind of record."""


@st.composite
def disclosures(draw: st.DrawFn, log: Sequence[Noted]) -> Noted:
    """A disclosure about an earlier record that closes no cycle but through twins."""
    subjects = [place for place, noted in enumerate(log, 1) if noted.kind in DISCLOSED]
    if not subjects:
        return Noted(Kind.NOTE)
    subject = draw(st.sampled_from(subjects))
    of = log[subject - 1]
    parts = [target for role, target, _ in of.edges if role is Role.INCLUDES] if of.kind is Kind.DATASET else []
    below = _below(log, {subject, *parts})
    edges: list[tuple[Role, int, bool]] = []
    for role, kinds in DISCLOSED[of.kind]:
        targets = [place for place, noted in enumerate(log, 1) if noted.kind in kinds and place not in below]
        chosen = draw(st.sets(st.sampled_from(targets), max_size=2)) if targets else set()
        edges += [(role, target, draw(st.sampled_from((True, True, False)))) for target in sorted(chosen)]
    former = [noted.disclosure for noted in log if noted.disclosure and noted.disclosure.subjects[0] == subject]
    superseded = draw(st.none() | st.sampled_from([fact.disclosure for fact in former])) if former else None
    fact = DisclosureFact(len(log) + 1, (subject, *parts), draw(st.booleans()), superseded)
    return Noted(Kind.DISCLOSURE, tuple(edges), disclosure=fact)


def _below(log: Sequence[Noted], records: set[int]) -> set[int]:
    """Some records and all that descends from them, by what was ever disclosed too."""
    found = set(records)
    while True:
        more = set(found)
        for place, noted in enumerate(log, 1):
            if any(role in INFLUENCE and target in found for role, target, _ in noted.edges):
                more.update(noted.disclosure.subjects if noted.disclosure else (place,))
        if more == found:
            return found
        found = more
