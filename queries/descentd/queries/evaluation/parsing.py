"""Evaluations as they are compared: results in series, read once.

A *series* is one metric under one protocol: the same suite, version and config, the same data (none is a series of
its own), the same slice. Results of different series are never subtracted from one another. A config of nothing is
none, and partitions with one digest are one data.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from descentd.graph.cache import Cache
from descentd.graph.model.identity import Content, canonical
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.graph.registration.entry_rules import may_count, of_the_future
from descentd.graph.store.base import Reads
from descentd.graph.turns import each
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.definitions import Metrics
from descentd.queries.evaluation.editions import CURRENT, FIRST
from descentd.queries.evaluation.series import EvaluationProtocol, SeriesKey
from descentd.queries.statistics.comparison import Pair, Result
from descentd.queries.statistics.pooling import pool

ROOM: Final = 150_000
"""Results that are kept parsed; an evaluation itself weighs as much as five."""

Measured = Mapping[tuple[str, Slice], Result]
Keys = dict[tuple[object, ...], SeriesKey]
"""The series met so far, by all that they are made of, so that equal ones are one object."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation: `subject` is the id of the version, `moment` when it counts, in microseconds since 1970 UTC."""

    sequence: int
    id: str
    subject: str
    protocol: EvaluationProtocol
    moment: int
    results: Mapping[SeriesKey, Result]
    """With those that follow from others: the worst of several, the disparity over groups."""
    reported: int
    """How many of them were reported; they come first."""


class EvaluationCache:
    """Evaluations as they were last read: they never change, so what was parsed once need not be again."""

    def __init__(self) -> None:
        self._kept = Cache[Evaluation](ROOM)
        self._pooled = Cache[Mapping[SeriesKey, Result]](ROOM)
        self._keys: Keys = {}
        self._data: dict[str, str] = {}
        self._sequences: dict[str, int] = {}

    async def read(
        self, reads: Reads, sequences: Sequence[int], metrics: Metrics, edition: int = CURRENT
    ) -> list[Evaluation]:
        """The evaluations at these sequences, with what follows from their results by the definitions in force."""
        rules = metrics.number, edition
        kept = {s: evaluation for s in sequences if (evaluation := self._kept.get((s, *rules))) is not None}
        missing = [sequence for sequence in sequences if sequence not in kept]
        entries = await reads.entries(missing) if missing else []
        versions = await _versions_paired_with(reads, entries)
        await self._look_up_data(reads, {entry.record.content.get("data") for entry in entries} - {None})
        async for entry in each(entries):
            if edition == FIRST:
                evaluation = parse_by_first_edition(entry, metrics, self._keys)
            else:
                evaluation = parse(entry, metrics, self._keys, self._data, versions)
            kept[entry.sequence] = evaluation
            self._kept.keep((entry.sequence, *rules), evaluation, len(evaluation.results) + 5)
        if len(self._keys) > ROOM:
            self._keys.clear()
        return [kept[sequence] for sequence in sequences]

    def pooled(self, evaluations: Sequence[Evaluation], metrics: Metrics) -> Mapping[SeriesKey, Result]:
        """What several evaluations of one version by one protocol come to, the newest last; parts before composites."""
        if len(evaluations) == 1:
            return evaluations[0].results
        place = tuple(evaluation.sequence for evaluation in evaluations), metrics.number
        known = self._pooled.get(place)
        if known is None:
            known = pooled(evaluations, metrics, self._keys)
            self._pooled.keep(place, known, len(known) + 5)
        return known

    async def same_data(self, reads: Reads, ids: Collection[str]) -> Mapping[str, str]:
        """By the id of data, that of the first with the same digest, under which its results are compared."""
        await self._look_up_data(reads, ids)
        return self._data

    async def sequences(self, reads: Reads, ids: Collection[str]) -> Mapping[str, int]:
        """The sequences of data by id, of as many as there are."""
        if missing := set(ids) - self._sequences.keys():
            self._sequences |= {id: brief.sequence for id, brief in (await reads.resolve(missing)).items()}
        return {id: self._sequences[id] for id in ids if id in self._sequences}

    async def _look_up_data(self, reads: Reads, ids: Collection[Any]) -> None:
        missing = sorted(set(ids) - self._data.keys())
        if missing:
            self._data |= await _first_of_digests(reads, missing)


async def _versions_paired_with(reads: Reads, entries: Sequence[Entry]) -> Mapping[str, int]:
    """The sequences of the versions that results are paired with, by id."""
    ids = {
        pair["subject"]
        async for entry in each(entries)
        for metric in entry.record.content["metrics"]
        for pair in metric.get("pairedWith", ())
    }
    return {id: brief.sequence for id, brief in (await reads.resolve(ids)).items()} if ids else {}


async def _first_of_digests(reads: Reads, ids: Sequence[str]) -> dict[str, str]:
    """By the id of data, that of the first partition with the same digest; of a dataset, its own."""
    briefs = await reads.resolve(ids)
    first = {id: id for id in ids}
    partitions = {brief.sequence: id for id, brief in briefs.items() if brief.kind is Kind.PARTITION}
    if not partitions:
        return first
    digests = {
        partitions[entry.sequence]: f"digest:{entry.record.content['digest']}"
        for entry in await reads.entries(sorted(partitions))
    }
    found = await reads.find_by_keys(set(digests.values()))
    earliest = {id: min(found[key]) for id, key in digests.items()}
    others = sorted({sequence for id, sequence in earliest.items() if sequence != briefs[id].sequence})
    names = {brief.sequence: brief.id for brief in await reads.briefs(others)} if others else {}
    return first | {id: names[sequence] for id, sequence in earliest.items() if sequence in names}


def parse(
    entry: Entry, metrics: Metrics, keys: Keys, data: Mapping[str, str], versions: Mapping[str, int]
) -> Evaluation:
    """Read an EVALUATION record. `data`: the id of the first with its digest; `versions`: sequences of those paired.

    A result that breaks a rule of entry, being older than the rule, is left out: it would clear what it should not.
    """
    content = entry.record.content
    given = content.get("data")
    protocol = protocol_of(content["suite"], None if given is None else data[given])
    measured: dict[tuple[str, Slice], Result] = {}
    for one in () if of_the_future(content, entry.recorded_at) else content["metrics"]:
        if not may_count(one, metrics[one["name"]], content["suite"]):
            continue
        name = metrics[one["name"]].name
        measured.setdefault((name, slice_of(one.get("slice", ()))), _result(one, versions))
    results = _in_series(measured, protocol, metrics, keys)
    moment = instant(content["evaluatedAt"]) if "evaluatedAt" in content else entry.recorded_at
    return Evaluation(entry.sequence, entry.record.id, content["subject"], protocol, moment, results, len(measured))


def parse_by_first_edition(entry: Entry, metrics: Metrics, keys: Keys) -> Evaluation:
    """Read an EVALUATION record as decisions of the first edition saw it: settings of nothing are settings, data is
    identified by its record, and neither items nor groups are known.
    """
    content = entry.record.content
    protocol = protocol_of(content["suite"], content.get("data"), FIRST)
    measured = {
        (one["name"], slice_of(one.get("slice", ()))): Result(one["value"], one.get("stderr"), one.get("n"))
        for one in content["metrics"]
    }
    results = {key: replace(result, groups=()) for key, result in _in_series(measured, protocol, metrics, keys).items()}
    moment = instant(content["evaluatedAt"]) if "evaluatedAt" in content else entry.recorded_at
    return Evaluation(entry.sequence, entry.record.id, content["subject"], protocol, moment, results, len(measured))


def _result(given: Content, versions: Mapping[str, int]) -> Result:
    pairs = tuple(
        Pair(versions[pair["subject"]], pair.get("n01"), pair.get("n10"), pair.get("differenceVariance"))
        for pair in given.get("pairedWith", ())
        if pair["subject"] in versions
    )
    return Result(given["value"], given.get("stderr"), given.get("n"), clusters=given.get("clusters"), pairs=pairs)


def pooled(evaluations: Sequence[Evaluation], metrics: Metrics, keys: Keys) -> Mapping[SeriesKey, Result]:
    """What some evaluations of one version by one protocol come to, the newest last."""
    runs: defaultdict[tuple[str, Slice], list[Result]] = defaultdict(list)
    spelled: dict[tuple[str, Slice], tuple[str, Slice]] = {}
    for evaluation in evaluations:
        for key, result in list(evaluation.results.items())[: evaluation.reported]:
            name = key.metric.name, key.slice
            folded = name[0].casefold(), tuple((attribute.casefold(), value.casefold()) for attribute, value in name[1])
            runs[spelled.setdefault(folded, name)].append(result)
    measured = {name: pool(metrics[name[0]], results) for name, results in runs.items()}
    results = _in_series(measured, evaluations[0].protocol, metrics, keys)
    return {
        key: result if (key.metric.name, key.slice) in measured else _with_newest(key, result, evaluations)
        for key, result in results.items()
    }


def _with_newest(key: SeriesKey, composite: Result, evaluations: Sequence[Evaluation]) -> Result:
    """A composite of pooled parts, with what each evaluation by itself makes of it: how many do, and the newest."""
    values = [one.results[key].value for one in evaluations if key in one.results]
    return replace(composite, runs=len(values), newest=values[-1]) if len(values) > 1 else composite


def _in_series(
    measured: Measured, protocol: EvaluationProtocol, metrics: Metrics, keys: Keys
) -> Mapping[SeriesKey, Result]:
    """Results by series, those that were measured first, then those that follow from them."""
    whole = measured
    if not metrics.composites.keys().isdisjoint(name for name, _ in measured):
        whole = with_composites(measured, metrics.composites)
    results: dict[SeriesKey, Result] = {}
    for (name, slice), result in whole.items():
        made_of = metrics.number, metrics[name].name, name, protocol, slice, result.parts
        key = keys.get(made_of)
        if key is None:
            key = keys[made_of] = SeriesKey(metrics[name], protocol, slice, result.parts)
        results[key] = result
    return results


def protocol_of(suite: Content, data: str | None, edition: int = CURRENT) -> EvaluationProtocol:
    """The protocol of a suite as contents hold it, on data with this id; settings of nothing are absent."""
    config = suite.get("config")
    absent = config is None or (edition > FIRST and config == {})
    return EvaluationProtocol(suite["name"], suite["version"], "" if absent else canonical(config).decode(), data)


def slice_of(given: Sequence[Mapping[str, Any]]) -> Slice:
    """A slice as contents hold it, in order."""
    return tuple(sorted((part["attribute"], part["value"]) for part in given))
