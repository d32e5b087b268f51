"""The summary of a difference in at most five sentences."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from descentd.queries.difference.diff import Diff, Intervention, PopulationRow, VersionRelation
from descentd.queries.difference.metric_rows import Comparability, Row
from descentd.queries.erosion.messages import amount
from descentd.queries.evaluation.labels import Labels, number
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.lineage.builds import Change
from descentd.queries.prose import apart, counted, shortened
from descentd.queries.statistics.comparison import Result

T = TypeVar("T")

NAMED: Final = 4
"""Of a long list, so many are named."""


def summary(found: Diff) -> str:
    """The answer in at most five sentences."""
    return " ".join(sentences(found))


def sentences(
    found: Diff, changed: Callable[[Change], str] = lambda change: change.field, *, chances: bool = True
) -> list[str]:
    """The sentences of the summary: what changed, what was measured and cannot be compared, trained on, and done.

    changed: how what differs is called; chances: whether p and q stand beside what was measured.
    """
    if found.relation is VersionRelation.SAME:
        return [f"{found.base} and {found.head} are the same version."]
    return [_changed(found, changed), *_measured(found, chances=chances), *_trained(found), _done(found)]


def _changed(found: Diff, called: Callable[[Change], str]) -> str:
    how = {
        VersionRelation.HEAD_DESCENDS: f"{found.head} descends from {found.base}",
        VersionRelation.BASE_DESCENDS: f"{found.base} descends from {found.head}",
        VersionRelation.SIBLINGS: f"{found.head} and {found.base} share an ancestor",
    }.get(found.relation, f"{found.head} and {found.base} have no version in common")
    fields = list(dict.fromkeys(map(called, found.changes)))
    differ = f"they differ in {_listed(fields, str)}" if fields else "nothing else that is recorded differs"
    return f"{how}; {differ}."


def _measured(found: Diff, *, chances: bool) -> Iterator[str]:
    whom = f" for {', '.join(found.attributes)}" if found.attributes else ""
    labels = found.called.labels([one for row in found.metrics for one in (row.before, row.after) if one is not None])
    parts = []
    for verdict, word in ((Comparability.WORSE, "worse"), (Comparability.BETTER, "better")):
        if rows := [row for row in found.metrics if row.verdict is verdict]:
            gravest = sorted(rows, key=lambda row: row.gravity)
            parts.append(f"{word} {_listed(gravest, lambda row: _moved(row, labels, chances=chances))}")
    if same := [row for row in found.metrics if row.verdict is Comparability.SAME]:
        parts.append(f"no clear change in {len(same)}{_unsure(same, labels, chances=chances)}")
    if parts:
        tested = sum(row.p is not None for row in found.metrics)
        asked = f"{counted(tested, 'row')} {'was' if tested == 1 else 'were'} tested"
        yield f"Measured{whom}: {'; '.join(parts)} ({asked})."
    elif not found.metrics:
        yield f"Nothing was measured{whom}."
    if rows := [row for row in found.metrics if row.verdict is Comparability.INCOMPARABLE]:
        gravest = sorted(rows, key=lambda row: row.gravity)
        yield f"Neither better nor worse can be said of {_listed(gravest, lambda row: _unclear(row, labels))}."


def _unsure(same: Sequence[Row], labels: Labels, *, chances: bool) -> str:
    """How many moved by more than the tolerance without being significant, the worst, and what would be detected."""
    unsure = sorted((row for row in same if row.reason is not None), key=lambda row: row.gravity)
    if not unsure:
        return ""
    row = unsure[0]
    which = "which" if len(same) == 1 else f"of which {len(unsure)}"
    most = "" if len(unsure) == 1 else "most of all "
    least = (
        ""
        if row.detectable is None
        else f", where a change of less than {amount(row.metric, row.detectable)} would usually not be seen"
    )
    moved = f"{most}{_moved(row, labels, chances=chances)}{least}"
    return f", {which} moved by more than the tolerance, but chance may explain that: {moved}"


def _moved(row: Row, labels: Labels, *, chances: bool) -> str:
    if not chances:
        return f"{_metric(row, labels)} ({_values(row)})"
    chance = "" if row.p is None else f", p {row.p:.2g}" if row.p else ", p below 1e-300"
    rate = "" if row.q is None or row.q == row.p else f", q {row.q:.2g}"
    return f"{_metric(row, labels)} ({_values(row)}{chance}{rate})"


def _unclear(row: Row, labels: Labels) -> str:
    if row.base is None and row.head is None:
        return f"{_metric(row, labels)} ({row.reason})"
    return f"{_metric(row, labels)} ({_values(row)}: {row.reason})"


def _metric(row: Row, labels: Labels) -> str:
    """With what tells it from others, except where its two sides differ in that themselves."""
    if row.series is not None:
        return labels.series(row.series)
    first = row.before or row.after
    return row.metric.name if first is None else replace(labels, among=()).series(first)


def _values(row: Row) -> str:
    if row.base is not None and row.head is not None:
        return " → ".join(apart(row.base.value, row.head.value))

    def described(value: Result | None, there: SeriesKey | None) -> str:
        if value is not None:
            return number(value.value)
        return "not measured" if there is None else "does not count"

    return f"{described(row.base, row.before)} → {described(row.head, row.after)}"


def _trained(found: Diff) -> Iterator[str]:
    moved = [row for row in found.populations if row.base is None or row.head is None or row.base != row.head]
    if found.attributes:
        moved = list(found.populations)
        if not moved:
            yield f"No training data says anything of {', '.join(found.attributes)}."
    if moved:
        silent = dict.fromkeys(each for row in moved for each in row.undocumented)
        unsaid = shortened([found.called.refs[each] for each in silent]) if silent else ""
        verb = "does" if len(silent) == 1 else "do"
        why = f"; {unsaid} {verb} not say, or not in how many rows" if unsaid else ""
        yield f"Share of the training rows: {_listed(moved, _share)}{why}."


def _share(row: PopulationRow) -> str:
    known = iter(apart(*(100 * one for one in (row.base, row.head) if one is not None), digits=3))
    shares = ["not known" if one is None else f"{next(known)} %" for one in (row.base, row.head)]
    both = shares[0] if shares[0] == shares[1] else " → ".join(shares)
    return f"{row.attribute} {row.value} {both}"


def _done(found: Diff) -> str:
    asked = [one for one in found.interventions if not found.attributes or _is_for(one, found.attributes)]
    if not asked:
        whom = f" for {', '.join(found.attributes)}" if found.attributes else ""
        return f"No intervention{whom} is recorded between them."

    def described(one: Intervention) -> str:
        whom = ", ".join(f"{attribute} {value}" if value else attribute for attribute, value in one.targets)
        return f"{one.kind} for {whom or 'everybody'} in {found.called.refs[one.on]}"

    return f"What was done about it: {_listed(asked, described)}."


def _is_for(one: Intervention, attributes: Sequence[str]) -> bool:
    return not one.targets or any(attribute in attributes for attribute, _ in one.targets)


def _listed(items: Sequence[T], described: Callable[[T], str]) -> str:
    parts = [described(item) for item in items[:NAMED]]
    if len(items) > NAMED:
        parts.append(f"{len(items) - NAMED} more")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
