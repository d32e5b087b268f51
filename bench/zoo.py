"""A lineage with the shape of a model hub, generated: the same for the same size and seed.

A hub with 50,009 children, a code record shared by 20,117 versions, a chain of 58,000, a lattice of 60 diamonds, about
three edges a record; below a million records everything is as many times smaller.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Documented, PopulationFact, Share, Tail

REGIONS = ("EU", "US", "IN", "BR", "NG", "JP")
AGES = ("0-17", "18-64", "65+")


@dataclass
class Zoo:
    """A tail of everything, and where its landmarks are (sequences)."""

    tail: Tail
    hub: int
    code: int
    chain: tuple[int, int]
    lattice: tuple[int, int]
    old_data: int
    twin: int


@dataclass
class _Edges:
    sources: list[NDArray[np.int64]] = field(default_factory=list)
    roles: list[NDArray[np.uint8]] = field(default_factory=list)
    targets: list[NDArray[np.int64]] = field(default_factory=list)
    learns: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, sources: NDArray[np.int64], role: Role, targets: NDArray[np.int64], learns: float = 1.0) -> None:
        """Edges of one role; `learns` is the share of them that teach."""
        kept = targets > 0
        self.sources.append(sources[kept])
        self.roles.append(np.full(kept.sum(), ROLE_NUMBER[role], np.uint8))
        self.targets.append(targets[kept])
        self.learns.append((sources[kept] * 2_654_435_761 % 1_000) / 1_000 < learns)


def earlier(places: NDArray[np.int64], among: NDArray[np.int64], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each place a member of `among` (ascending) before it, by a draw in [0, 1); 0 where there is none."""
    known = np.searchsorted(among, places)
    chosen = among[np.minimum((draws * known).astype(np.int64), np.maximum(known - 1, 0))]
    return np.where(known > 0, chosen, 0)


def zoo(records: int = 1_060_000, seed: int = 1) -> Zoo:  # noqa: PLR0915
    """Some `records` records and three times as many edges."""
    dice = np.random.default_rng(seed)
    scale = records / 1_060_000
    chain_length, hub_children, sharing = int(58_000 * scale), int(50_009 * scale), int(20_117 * scale)
    crowd = records - chain_length - 182
    # Partitions come in threes before their dataset, so that a dataset's partitions are what directly precedes it.
    kinds = dice.choice(
        np.array(
            [
                KIND_NUMBER[kind]
                for kind in (
                    Kind.MODEL_VERSION,
                    Kind.DATASET,
                    Kind.EVALUATION,
                    Kind.CODE,
                    Kind.CONFIG,
                    Kind.ENVIRONMENT,
                    Kind.DEPLOYMENT,
                    Kind.REVIEW,
                )
            ],
            np.uint8,
        ),
        crowd,
        p=(0.50, 0.04, 0.20, 0.02, 0.06, 0.02, 0.02, 0.14),
    )
    kinds[:4] = KIND_NUMBER[Kind.CODE]
    kinds[4:24] = KIND_NUMBER[Kind.MODEL_VERSION]
    datasets = np.flatnonzero(kinds == KIND_NUMBER[Kind.DATASET])
    datasets = datasets[datasets > 27]
    for back in (1, 2, 3):
        kinds[datasets - back] = KIND_NUMBER[Kind.PARTITION]
    # A partition that would have been a dataset itself: only the last of a run stays one.
    places = {kind: np.flatnonzero(kinds == KIND_NUMBER[kind]) + 1 for kind in Kind}
    versions, data, partitions = places[Kind.MODEL_VERSION], places[Kind.DATASET], places[Kind.PARTITION]
    edges = _Edges()

    hub, code = int(versions[10]), int(places[Kind.CODE][0])
    chosen = dice.permutation(versions[versions > 30])
    children, users = chosen[:hub_children], dice.permutation(versions[versions > 30])[:sharing]
    edges.add(children, Role.DERIVED_FROM, np.full(len(children), hub), 0.8)
    edges.add(users, Role.BUILT_FROM, np.full(len(users), code))
    others = np.setdiff1d(versions, children)
    derived = others[dice.random(len(others)) < 0.75]
    # Most parents are recent, some are the old and popular ones: draws near 1 are the newest.
    edges.add(derived, Role.DERIVED_FROM, earlier(derived, versions, 1 - dice.random(len(derived)) ** 1.5), 0.8)
    merged = others[dice.random(len(others)) < 0.12]
    edges.add(merged, Role.DERIVED_FROM, earlier(merged, versions, dice.random(len(merged))), 0.3)
    trained = versions[dice.random(len(versions)) < 0.45]
    edges.add(trained, Role.TRAINED_ON, earlier(trained, partitions, dice.random(len(trained))), 0.95)
    whole = versions[dice.random(len(versions)) < 0.15]
    edges.add(whole, Role.TRAINED_ON, earlier(whole, data, dice.random(len(whole))), 0.95)
    for role, kind, share in (
        (Role.BUILT_FROM, Kind.CODE, 0.5),
        (Role.CONFIGURED_BY, Kind.CONFIG, 0.6),
        (Role.RAN_IN, Kind.ENVIRONMENT, 0.6),
    ):
        having = np.setdiff1d(versions, users) if role is Role.BUILT_FROM else versions
        having = having[dice.random(len(having)) < share]
        edges.add(having, role, earlier(having, places[kind], dice.random(len(having))))
    for back in (1, 2, 3):
        edges.add(data, Role.INCLUDES, np.where(np.isin(data - back, partitions), data - back, 0))
    drawn = partitions[dice.random(len(partitions)) < 0.3]
    edges.add(drawn, Role.DERIVED_FROM, earlier(drawn, partitions, dice.random(len(drawn))))
    made = partitions[dice.random(len(partitions)) < 0.05]
    edges.add(made, Role.GENERATED_BY, earlier(made, versions, dice.random(len(made))))
    deployments, evaluations, reviews = places[Kind.DEPLOYMENT], places[Kind.EVALUATION], places[Kind.REVIEW]
    edges.add(deployments, Role.DEPLOYS, earlier(deployments, versions, dice.random(len(deployments))))
    edges.add(evaluations, Role.EVALUATES, earlier(evaluations, versions, dice.random(len(evaluations))))
    edges.add(evaluations, Role.EVALUATED_ON, earlier(evaluations, partitions, dice.random(len(evaluations))))
    edges.add(reviews, Role.CITES, earlier(reviews, evaluations, dice.random(len(reviews))))

    model = KIND_NUMBER[Kind.MODEL_VERSION]
    start = crowd + 1
    links = np.arange(start + 1, start + chain_length)
    edges.add(links, Role.DERIVED_FROM, links - 1)
    # A diamond is its top, its two sides and the next one's top.
    foot = start + chain_length
    for diamond in range(60):
        top = foot + 3 * diamond
        edges.add(np.array([top + 1, top + 2]), Role.DERIVED_FROM, np.array([top, top]))
        edges.add(np.array([top + 3, top + 3]), Role.DERIVED_FROM, np.array([top + 1, top + 2]))
    size = foot + 181
    kinds = np.concatenate((kinds, np.full(size - crowd, model, np.uint8)))

    again = partitions[dice.random(len(partitions)) < 0.08]
    first = earlier(again, np.setdiff1d(partitions, again), dice.random(len(again)))
    twins = np.column_stack((again, first))[first > 0]
    facts = _populations(dice, partitions, size)
    sources, roles = np.concatenate(edges.sources), np.concatenate(edges.roles)
    targets, learns = np.concatenate(edges.targets), np.concatenate(edges.learns)
    order = np.lexsort((targets, roles, sources))
    keys = np.stack((sources[order], roles[order], targets[order]))
    order = order[np.append(True, np.any(keys[:, 1:] != keys[:, :-1], axis=0))]
    tail = Tail(
        0,
        kinds,
        sources[order].astype(np.int32),
        roles[order],
        targets[order].astype(np.int32),
        learns[order],
        twins.astype(np.int32),
        facts,
    )
    return Zoo(
        tail,
        hub,
        code,
        (start, start + chain_length - 1),
        (foot, foot + 180),
        int(partitions[20]),
        int(twins[len(twins) // 2, 0]),
    )


def _populations(dice: np.random.Generator, partitions: NDArray[np.int64], size: int) -> list[PopulationFact]:
    """Half of the partitions say something; the statements are the partitions' own sequences plus one.

    Their shares sum to 1, so that a complete one says who is not in it.
    """
    said = partitions[dice.random(len(partitions)) < 0.6]
    regions, ages = dice.integers(0, len(REGIONS), len(said)), dice.integers(0, len(AGES), len(said))
    states = dice.choice(3, len(said), p=(0.5, 0.4, 0.1))
    documented = tuple(Documented)
    return [
        PopulationFact(
            min(partition + 1, size),
            partition,
            documented[state],
            (
                Share("region", REGIONS[region], 0.7),
                Share("region", REGIONS[region - 1], 0.3),
                Share("age_group", AGES[age], 0.4),
                Share("age_group", AGES[age - 1], 0.6),
            ),
        )
        for partition, region, age, state in zip(
            said.tolist(), regions.tolist(), ages.tolist(), states.tolist(), strict=True
        )
    ]
