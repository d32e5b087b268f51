"""Edges as compressed sparse rows, by source and by target.

Rows by source are only ever appended to, since the log brings sources in ascending order. Rows by target are a base,
built at once, and what came since: few enough to be scanned by a wide step and looked up by a narrow one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import ROLE, Growing, Integers, Tags, gather, is_in
from descentd.graph.index.columns import Columns, Stored, named
from descentd.graph.index.disclosures import NOTHING, Arrow, DisclosedEdges

SMALLEST_MERGE: Final = 8_192
"""Late edges are merged into the base when there are this many and they are a `MERGE_SHARE`th of it."""
MERGE_SHARE: Final = 32


@dataclass(frozen=True, slots=True)
class Rows:
    """Compressed rows: those of `record` are at `starts[record]` up to `starts[record + 1]`."""

    starts: Integers
    others: Integers
    tags: Tags

    def positions(self, records: Integers) -> NDArray[np.intp]:
        """Where the edges of `records` are, row after row."""
        first = gather(self.starts, records).astype(np.intp)
        ends = gather(self.starts, records + 1) - first
        np.cumsum(ends, out=ends)
        if not len(ends):
            return ends
        lengths = np.diff(ends, prepend=0)
        first[1:] -= ends[:-1]
        positions = np.repeat(first, lengths)
        positions += np.arange(len(positions))
        return positions


@dataclass(frozen=True, slots=True)
class Edges:
    """What readers see of the edges at one moment: sources up to `size`, each higher than its targets.

    `late` maps a target to its sources since the base was built, each packed with its tag (`source << 8 | tag`);
    its lists grow under the reader's eyes, with sources beyond `size` that no question sees.
    """

    size: int
    by_source: Rows
    by_target: Rows
    base_size: int
    late_sources: Integers
    late_targets: Integers
    late_tags: Tags
    late: dict[int, list[int]]
    disclosed: DisclosedEdges = NOTHING
    """What was disclosed besides, in force at the question's sequence: its sources may be lower than its targets."""

    def targets(self, source: int) -> list[tuple[int, int]]:
        """(target, tag) of each edge that `source` states itself."""
        rows = self.by_source
        start, end = int(rows.starts[source]), int(rows.starts[source + 1])
        return list(zip(rows.others[start:end].tolist(), rows.tags[start:end].tolist(), strict=True))

    def arrows(self, source: int) -> list[Arrow]:
        """(target, tag, disclosure) of each edge of `source`, with 0 for those that it states itself."""
        own = [(target, tag, 0) for target, tag in self.targets(source)]
        return [*own, *self.disclosed.by_source.get(source, ())]

    def sources(self, target: int) -> list[tuple[int, int]]:
        """(source, tag) of each edge to `target`, ascending by source, some perhaps later than the question's."""
        found: list[tuple[int, int]] = []
        if target <= self.base_size:
            rows = self.by_target
            start, end = int(rows.starts[target]), int(rows.starts[target + 1])
            found += zip(rows.others[start:end].tolist(), rows.tags[start:end].tolist(), strict=True)
        if late := self.late.get(target):
            found += [(packed >> 8, packed & 0xFF) for packed in late]
        return found

    def above(self, records: Integers) -> tuple[Integers, NDArray[np.intp]]:
        """What some records came from, beside by their place in `records` which of them; an edge may be there twice."""
        return _beside(self.by_source, records, records, {}, self.disclosed.by_source)

    def below(self, records: Integers) -> tuple[Integers, NDArray[np.intp]]:
        """What came of some records, in the same form; some perhaps later than the question's."""
        return _beside(self.by_target, records, records[records <= self.base_size], self.late, self.disclosed.by_target)

    def between(
        self, sources: Integers, targets: Integers, roles: Collection[int]
    ) -> Iterable[tuple[int, int, int, int]]:
        """(source, disclosure, role, target) of each edge from `sources` to `targets` with these role numbers.

        The disclosure is 0 where the source states the edge itself.
        """
        rows, wanted = self.by_source, np.zeros(ROLE + 1, np.bool_)
        wanted[list(roles)] = True
        positions = rows.positions(sources)
        hits = wanted[rows.tags[positions] & ROLE] & is_in(rows.others[positions], targets)
        starts = np.repeat(sources, rows.starts[sources + 1] - rows.starts[sources])[hits].tolist()
        met = positions[hits]
        yield from zip(starts, repeat(0), (rows.tags[met] & ROLE).tolist(), rows.others[met].tolist(), strict=False)
        ends = frozenset(targets.tolist() if self.disclosed.by_source else ())
        for source in self.disclosed.by_source.keys() & sources.tolist():
            for target, tag, disclosure in self.disclosed.by_source[source]:
                if target in ends and wanted[tag & ROLE]:
                    yield source, disclosure, tag & ROLE, target

    def columns(self) -> Stored:
        """What the edges are restored from: one for the same edges, however they came in."""
        rows = self.by_source
        starts, targets, tags = rows.starts, rows.others, rows.tags
        records = np.arange(self.size + 1, dtype=np.int32)
        sources = np.repeat(records, np.diff(starts))
        ranks = (tags & ROLE).astype(np.int64) << 32 | targets
        if np.any((sources[1:] == sources[:-1]) & (ranks[1:] < ranks[:-1])):
            order = np.lexsort((ranks, sources))
            targets, tags = targets[order], tags[order]
        # One sort of target and position together is stable, and several times faster than a stable argsort.
        order = np.sort(targets.astype(np.int64) << 32 | np.arange(len(targets))) & 0xFFFFFFFF
        below: Stored = {
            "starts": np.concatenate(([0], np.cumsum(np.bincount(targets, minlength=self.size + 1)))).astype(np.int32),
            "others": sources[order],
            "tags": tags[order],
        }
        return {"starts": starts, "targets": targets, "tags": tags, **named("below", below)}

    def of_records(self, targets: Integers) -> tuple[Integers, Tags]:
        """Sources and tags of all edges to `targets`, which are ascending; also of those that were disclosed."""
        inside = targets[: np.searchsorted(targets, self.base_size, "right")]
        positions = self.by_target.positions(inside)
        late = np.flatnonzero(is_in(self.late_targets, targets))
        more = np.flatnonzero(is_in(self.disclosed.targets, targets))
        return (
            np.concatenate((self.by_target.others[positions], self.late_sources[late], self.disclosed.sources[more])),
            np.concatenate((self.by_target.tags[positions], self.late_tags[late], self.disclosed.tags[more])),
        )


def _beside(
    rows: Rows, records: Integers, inside: Integers, late: Mapping[int, list[int]], more: Mapping[int, Sequence[Arrow]]
) -> tuple[Integers, NDArray[np.intp]]:
    """(others, places) by rows, in which those `inside` are, and by what is packed or disclosed of single records."""
    here = np.flatnonzero(is_in(records, inside)) if len(inside) < len(records) else np.arange(len(records))
    places = np.repeat(here, rows.starts[inside + 1] - rows.starts[inside])
    others = rows.others[rows.positions(inside)]
    if not late and not more:
        return others, places
    single = [(packed >> 8, at) for at, one in enumerate(records.tolist()) for packed in late.get(one, ())]
    single += [(arrow[0], at) for at, one in enumerate(records.tolist()) for arrow in more.get(one, ())]
    added = np.array(single, np.int32).reshape(-1, 2)
    return np.concatenate((others, added[:, 0])), np.concatenate((places, added[:, 1]))


class EdgeLog:
    """The writer's side: takes edges in log order and hands out `Edges`."""

    def __init__(self, columns: Columns) -> None:
        self._starts = columns.growing("starts", np.int32, (0, 0))
        self._targets = columns.growing("targets", np.int32)
        self._tags = columns.growing("tags", np.uint8)
        below = columns.part("below")
        self._base = Rows(
            below.array("starts", np.int32, (0, 0)), below.array("others", np.int32), below.array("tags", np.uint8)
        )
        self._base_size = len(self._base.starts) - 2
        self._late_sources = Growing(np.int32)
        self._late: dict[int, list[int]] = {}

    @property
    def size(self) -> int:
        """The last record whose edges are held."""
        return len(self._starts) - 2

    def extend(self, records: int, sources: Integers, targets: Integers, tags: Tags) -> Edges:
        """Append the edges of the next `records` records, ascending by source."""
        counts = np.bincount(sources - (self.size + 1), minlength=records)
        self._starts.extend(len(self._targets) + np.cumsum(counts))
        self._targets.extend(targets)
        self._tags.extend(tags)
        late = len(self._late_sources) + len(sources)
        if late >= SMALLEST_MERGE and late * MERGE_SHARE >= len(self._base.others):
            self._late_sources.extend(sources)
            self._merge()
        else:
            self._late_sources.extend(sources)
            packed = sources.astype(np.int64) << 8 | tags
            for target, source in zip(targets.tolist(), packed.tolist(), strict=True):
                self._late.setdefault(target, []).append(source)
        return self._edges()

    def _merge(self) -> None:
        """Put the late edges behind the others of their targets."""
        first = len(self._targets) - len(self._late_sources)
        targets, tags = self._targets.view()[first:], self._tags.view()[first:]
        # One sort of target and position together is stable, and several times faster than a stable argsort.
        keys = targets.astype(np.int64) << 32 | np.arange(len(targets))
        keys.sort()
        order = keys & 0xFFFFFFFF
        old = self._base.starts
        places = old[np.minimum(keys >> 32, self._base_size) + 1]
        starts = np.empty(self.size + 2, np.int32)
        starts[: len(old)] = old
        starts[len(old) :] = old[-1]
        starts[1:] += np.cumsum(np.bincount(targets, minlength=self.size + 1)[: self.size + 1], dtype=np.int32)
        others, old_tags = self._late_sources.view()[order], tags[order]
        if len(self._base.others):
            others = np.insert(self._base.others, places, others)
            old_tags = np.insert(self._base.tags, places, old_tags)
        self._base = Rows(starts, others, old_tags)
        self._base_size = self.size
        self._late_sources = Growing(np.int32)
        self._late = {}

    def _edges(self) -> Edges:
        targets, tags = self._targets.view(), self._tags.view()
        first = len(targets) - len(self._late_sources)
        return Edges(
            self.size,
            Rows(self._starts.view(), targets, tags),
            self._base,
            self._base_size,
            self._late_sources.view(),
            targets[first:],
            tags[first:],
            self._late,
        )
