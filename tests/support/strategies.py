"""Hypothesis strategies for small lineages, as the topology sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Documented, PopulationFact, Share, Tail


@dataclass(frozen=True)
class Noted:
    """One record of a log: its edges as (role, target, learns), a partition's digest, a population statement's fact."""

    kind: Kind
    edges: tuple[tuple[Role, int, bool], ...] = ()
    digest: int | None = None
    fact: PopulationFact | None = field(default=None, hash=False)


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
    )


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
)
ATTRIBUTES = ("age", "region")
VALUES = ("a", "b", "c")
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
        edges: list[tuple[Role, int, bool]] = []
        for role, kinds in SHAPES[kind]:
            targets = [place for place, noted in enumerate(log, 1) if noted.kind in kinds]
            least = min(draw(st.integers(0, 2)), len(targets))
            chosen = draw(st.sets(st.sampled_from(targets), min_size=least, max_size=3)) if targets else set()
            edges += [(role, target, draw(st.sampled_from((True, True, False)))) for target in sorted(chosen)]
        digest = draw(st.integers(0, 7)) if kind is Kind.PARTITION else None
        log.append(Noted(kind, tuple(edges), digest))
    return log
