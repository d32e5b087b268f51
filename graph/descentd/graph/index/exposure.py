"""Which versions learned from a population: TRAINED, NOT_TRAINED or, where documentation is missing, UNKNOWN.

Knowledge of data flows from partitions to the datasets that include them, to the data derived from them (unless that is
documented completely itself), to the versions trained on those and to whatever descends from these; generated data
carries what its maker knew. What matching partitions reach is TRAINED; of the rest, what undocumented sources reach is
UNKNOWN. Twins share everything, what their statements say too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from descentd.graph.documentation import Stated, is_documented
from descentd.graph.index.arrays import (
    CONDITIONAL,
    DATASET,
    EXPOSES,
    INCLUDES,
    LEARNS,
    PARTITIONED,
    ROLE,
    TRAINED,
    TRAINED_ON,
    VERSION,
    Integers,
    Tags,
    is_in,
    sorted_unique,
)
from descentd.graph.index.backtrace import Backtrace, step_back
from descentd.graph.index.breadth_first import Walk, walk
from descentd.graph.index.disclosures import Arrow
from descentd.graph.index.edges import Edges
from descentd.graph.index.populations import Facts
from descentd.graph.index.sources import Sources
from descentd.graph.index.steps import NARROW_EDGES, Steps
from descentd.graph.index.twins import Twins
from descentd.graph.model.kinds import ROLES, Role
from descentd.graph.model.reach import Exposed, ExposurePage, ExposureQuery, ExposureVerdict, NearValue, Step, Term
from descentd.graph.populations import DIRECT, INHERITED, NOT_TRAINED, UNKNOWN, Answers, Pair, met, pairs_of, proven

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What exposure looks at, as of one snapshot."""

    edges: Edges
    twins: Twins
    facts: Facts
    sources: Sources
    kinds: Tags
    flags: Tags

    def undocumented(self, upto: int) -> Integers:
        """The versions and datasets that are undocumented by themselves, by what was disclosed of them too."""
        disclosed = self.edges.disclosed
        seeds = self.sources.undocumented(upto)
        if not disclosed.by_source:
            return seeds
        subjects = [subject for subject in disclosed.by_source if self.kinds[subject] == VERSION]
        open = [subject for subject in subjects if not self._is_documented(subject)]
        teaching = disclosed.targets[(disclosed.tags & ROLE == TRAINED_ON) & (disclosed.tags & LEARNS != 0)]
        bare = teaching[(self.kinds[teaching] == DATASET) & (self.flags[teaching] & PARTITIONED == 0)]
        others = seeds[~is_in(seeds, np.array(subjects, np.int32))]
        return sorted_unique(np.concatenate((others, np.array(open, np.int32), bare)))

    def _is_documented(self, version: int) -> bool:
        own = [_stated(tag) for _, tag in self.edges.targets(version)]
        disclosed = self.edges.disclosed
        arrows = disclosed.by_source[version]
        more = [(_stated(tag), disclosed.complete[disclosure]) for _, tag, disclosure in arrows]
        return is_documented(own, more, trained=bool(self.flags[version] & TRAINED))


def _stated(tag: int) -> Stated:
    return ROLES[tag & ROLE], bool(tag & LEARNS)


class Exposing(Steps):
    """From what knowledge comes from to where it flows. `closed` are the partitions that are documented completely."""

    def __init__(self, edges: Edges, closed: Mask, upto: int) -> None:
        self._edges, self._closed, self._upto = edges, closed, upto
        rows = edges.by_target
        self._starts, self._others, self._tags = rows.starts.data, rows.others.data, rows.tags.data

    @override
    def few(self, frontier: Sequence[int]) -> list[int] | None:
        starts, others, tags, last, late = (
            self._starts,
            self._others,
            self._tags,
            self._edges.base_size,
            self._edges.late,
        )
        disclosed = self._edges.disclosed.by_target
        found: list[int] = []
        for node in frontier:
            if node <= last:
                start = starts[node]
                end = starts[node + 1]
                if end - start > NARROW_EDGES or len(found) > NARROW_EDGES:
                    return None
                found += [
                    others[place]
                    for place in range(start, end)
                    if tags[place] & EXPOSES and self._flows(others[place], tags[place])
                ]
            if late and node in late:
                found += [packed >> 8 for packed in late[node] if packed & EXPOSES and self._flows(packed >> 8, packed)]
            if disclosed and node in disclosed:
                found += [source for source, tag, _ in disclosed[node] if tag & EXPOSES and self._flows(source, tag)]
        return found

    def _flows(self, source: int, tag: int) -> bool:
        return not tag & CONDITIONAL or (source <= self._upto and not self._closed[source])

    @override
    def many(self, frontier: Integers, stamps: Integers, stamp: int) -> Integers:
        edges = self._edges
        positions = edges.by_target.positions(frontier[frontier <= edges.base_size])
        late = stamps[edges.late_targets] == stamp
        disclosed = edges.disclosed
        more = stamps[disclosed.targets] == stamp
        found: Integers = np.concatenate(
            (
                self._open(edges.by_target.others[positions], edges.by_target.tags[positions]),
                self._open(edges.late_sources[late], edges.late_tags[late]),
                self._open(disclosed.sources[more], disclosed.tags[more]),
            )
        )
        return found

    def _open(self, sources: Integers, tags: NDArray[np.uint8]) -> Integers:
        flows = tags & EXPOSES != 0
        conditional = np.flatnonzero(tags & CONDITIONAL)
        flows[conditional] = ~self._closed[sources[conditional]]
        open: Integers = sources[flows]
        return open

    def back(self, record: int) -> list[Arrow]:
        """The arrows that knowledge came to `record` by."""
        return [
            (target, tag, disclosure)
            for target, tag, disclosure in self._edges.arrows(record)
            if tag & EXPOSES and not (tag & CONDITIONAL and self._closed[record])
        ]


class Documentation:
    """What is undocumented at a sequence, whatever population is asked about."""

    def __init__(self, lineage: Lineage, upto: int) -> None:
        self.lineage, self.upto = lineage, upto
        self.closed = self.classes(lineage.facts.completed(upto))
        self.exposing = Exposing(lineage.edges, self.closed, upto)
        partitions = lineage.sources.partitions
        partitions = partitions[: np.searchsorted(partitions, upto, "right")]
        seeds = np.concatenate((lineage.undocumented(upto), partitions[~self.closed[partitions]]))
        self.undocumented = self.reach(seeds)

    @property
    def held(self) -> int:
        """About how many bytes this occupies."""
        return self.closed.nbytes + self.undocumented.held

    def classes(self, partitions: Integers) -> Mask:
        """A mask of `partitions` and all their twins."""
        mask = np.zeros(self.lineage.edges.size + 1, np.bool_)
        mask[partitions] = True
        mask[self.lineage.twins.spread(partitions, self.upto)] = True
        return mask

    def reach(self, seeds: Integers) -> Walk:
        """Where knowledge flows from `seeds`."""
        return walk(self.exposing, seeds, self.upto, self.lineage.twins)


class Exposure:
    """The answer about one population at one sequence; safe to read from several threads."""

    def __init__(self, documentation: Documentation, population: Sequence[Term]) -> None:
        self._documentation, self._population = documentation, population
        lineage, upto = documentation.lineage, documentation.upto
        matching = self._matching()
        self._trained = documentation.reach(matching)
        near = any(lineage.facts.near(term) for term in population)
        nearly = np.setdiff1d(self._matching(nearly=True), matching, assume_unique=True) if near else matching[:0]
        self._lacking = documentation.reach(sorted_unique(np.concatenate((self._unlisted(), nearly))))
        versions = lineage.sources.versions
        versions = versions[: np.searchsorted(versions, upto, "right")]
        answers = np.full(len(versions), NOT_TRAINED, np.uint8)
        for unknown in (documentation.undocumented, self._lacking):
            answers[unknown.among(versions)] = UNKNOWN
        answers[self._trained.among(versions)] = INHERITED
        answers[is_in(versions, self._learners(matching))] = DIRECT
        self._answers = Answers(versions, answers)

    @property
    def held(self) -> int:
        """About how many bytes this occupies, apart from the documentation."""
        return self._trained.held + self._lacking.held + self._answers.held

    def _matching(self, *, nearly: bool = False) -> Integers:
        """All members of the classes in which each term is met by some statement; `nearly`: in other spellings too."""
        facts, upto = self._documentation.lineage.facts, self._documentation.upto
        asked = [[*pairs_of(term), *(facts.near(term) if nearly else ())] for term in self._population]
        met = [self._documentation.classes(facts.matching(pairs, upto)) for pairs in asked]
        return np.flatnonzero(np.logical_and.reduce(met)).astype(np.int32)

    def _unlisted(self) -> Integers:
        """The partitions that are documented completely, but not for everything that is asked about."""
        documentation = self._documentation
        lacking = documentation.closed.copy()
        listed = [
            documentation.classes(documentation.lineage.facts.completed_for(term, documentation.upto))
            for term in self._population
        ]
        lacking &= ~np.logical_and.reduce(listed)
        return np.flatnonzero(lacking).astype(np.int32)

    def _learners(self, partitions: Integers) -> Integers:
        """The versions that learned from one of `partitions` or from a dataset that includes one."""
        edges = self._documentation.lineage.edges
        sources, tags = edges.of_records(partitions)
        datasets = sorted_unique(sources[tags & ROLE == INCLUDES])
        more, more_tags = edges.of_records(datasets)
        sources, tags = np.concatenate((sources, more)), np.concatenate((tags, more_tags))
        learners: Integers = sources[(tags & ROLE == TRAINED_ON) & (tags & LEARNS != 0)]
        return learners

    def page(self, query: ExposureQuery) -> ExposurePage:
        """The answers on the page that `query` asks for, with what proves them, and the counts over all."""
        page, listed = self._answers.page(query)
        evidence = _Evidence(self._documentation, self._population, self._trained, self._lacking)
        items = [evidence.of(sequence, answer) for sequence, answer in listed]
        return replace(page, items=items, near=self._near(), unlisted=self._nowhere())

    def _near(self) -> list[NearValue]:
        facts, upto = self._documentation.lineage.facts, self._documentation.upto
        pairs = dict.fromkeys(pair for term in self._population for pair in facts.near(term))
        return [NearValue(*pair, listed) for pair in pairs if (listed := facts.listed(pair, upto))]

    def _nowhere(self) -> list[Pair]:
        facts, upto = self._documentation.lineage.facts, self._documentation.upto
        asked = dict.fromkeys(pair for term in self._population for pair in pairs_of(term))
        return [pair for pair in asked if not facts.listed(pair, upto)]


class _Evidence:
    """What proves the answers on one page."""

    def __init__(self, documentation: Documentation, population: Sequence[Term], trained: Walk, lacking: Walk) -> None:
        self._facts, self._twins = documentation.lineage.facts, documentation.lineage.twins
        self._upto, self._population = documentation.upto, population
        self._undocumented, self._lacking = documentation.undocumented, lacking
        self._proofs: dict[int, bool] = {}

        def trails(reached: Walk, *, matching: bool) -> Backtrace:
            back = step_back(reached.distance, documentation.exposing.back, self._twins, self._upto)
            return Backtrace(back, self._lead if matching else lambda record: [Step(record, None)])

        self._to_trained = trails(trained, matching=True)
        self._to_undocumented = trails(self._undocumented, matching=False)
        self._to_lacking = trails(lacking, matching=False)

    def of(self, version: int, answer: int) -> Exposed:
        """The answer about `version` with its evidence."""
        if answer == NOT_TRAINED:
            return Exposed(version, ExposureVerdict.NOT_TRAINED, None, None, None, ())
        if answer == UNKNOWN:
            near, far = self._undocumented.distance(version), self._lacking.distance(version)
            by_itself = far is None or (near is not None and near <= far)
            via = (self._to_undocumented if by_itself else self._to_lacking).to(version)
            return Exposed(version, ExposureVerdict.UNKNOWN, None, via[0].sequence, None, via)
        via = self._to_trained.to(version)
        source = via[0].sequence
        return Exposed(version, ExposureVerdict.TRAINED, answer == DIRECT, source, self._proven(source), via)

    def _lead(self, partition: int) -> list[Step]:
        """From the twin whose statement meets most terms (the partition itself where it does) to the partition."""
        members = self._twins.of(partition, self._upto)
        source = max((partition, *members), key=lambda one: met(self._population, self._facts.shares(one, self._upto)))
        steps = [Step(source, None)]
        return steps if source == partition else [*steps, Step(partition, Role.SAME_DATA)]

    def _proven(self, source: int) -> bool:
        members = self._twins.of(source, self._upto)
        if members[0] not in self._proofs:
            statements = [self._facts.shares(member, self._upto) for member in members]
            self._proofs[members[0]] = proven(self._population, statements)
        return self._proofs[members[0]]
