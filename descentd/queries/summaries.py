"""A difference in at most five sentences: how do two versions differ for a group, and what was done about it?"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from descentd.queries.diff import Diff, Intervention, PopulationRow, VersionRelation
from descentd.queries.measurements import Comparability, Row

T = TypeVar("T")

NAMED: Final = 4
"""Of a long list, so many are named."""


def summary(found: Diff) -> str:
    """The answer in at most five sentences."""
    if found.relation is VersionRelation.SAME:
        return f"{found.base} and {found.head} are the same version."
    return " ".join([_changed(found), *_measured(found), *_trained(found), _done(found)])


def _changed(found: Diff) -> str:
    how = {
        VersionRelation.HEAD_DESCENDS: f"{found.head} descends from {found.base}",
        VersionRelation.BASE_DESCENDS: f"{found.base} descends from {found.head}",
        VersionRelation.SIBLINGS: f"{found.head} and {found.base} share an ancestor",
    }.get(found.relation, f"{found.head} and {found.base} have no version in common")
    fields = list(dict.fromkeys(change.field for change in found.changes))
    differ = f"they differ in {_listed(fields, str)}" if fields else "nothing else that is recorded differs"
    return f"{how}; {differ}."


def _measured(found: Diff) -> Iterator[str]:
    whom = f" for {', '.join(found.attributes)}" if found.attributes else ""
    parts = []
    for verdict, word in ((Comparability.WORSE, "worse"), (Comparability.BETTER, "better")):
        if rows := [row for row in found.metrics if row.verdict is verdict]:
            parts.append(f"{word} {_listed(rows, _moved)}")
    if same := sum(row.verdict is Comparability.SAME for row in found.metrics):
        parts.append(f"{same} the same within tolerance and error")
    if parts:
        yield f"Measured{whom}: {'; '.join(parts)}."
    elif not found.metrics:
        yield f"Nothing was measured{whom}."
    if rows := [row for row in found.metrics if row.verdict is Comparability.INCOMPARABLE]:
        yield f"Neither better nor worse can be said of {_listed(rows, _unclear)}."


def _moved(row: Row) -> str:
    chance = "" if row.p is None else f", p {row.p:.2g}"
    return f"{_metric(row)} ({_values(row)}{chance})"


def _unclear(row: Row) -> str:
    return f"{_metric(row)} ({_values(row)}: {row.reason})"


def _metric(row: Row) -> str:
    terms = ", ".join(f"{attribute} {value}" for attribute, value in row.slice)
    return f"{row.metric.name} for {terms}" if terms else row.metric.name


def _values(row: Row) -> str:
    before, after = ("not measured" if one is None else f"{one.value:.4g}" for one in (row.base, row.head))
    return f"{before} → {after}"


def _trained(found: Diff) -> Iterator[str]:
    moved = [row for row in found.populations if row.base is None or row.head is None or row.base != row.head]
    if found.attributes:
        moved = list(found.populations)
        if not moved:
            yield f"No training data says anything of {', '.join(found.attributes)}."
    if moved:
        yield f"Share of the training rows: {_listed(moved, _share)}."


def _share(row: PopulationRow) -> str:
    shares = ["not known" if one is None else f"{100 * one:.3g} %" for one in (row.base, row.head)]
    told = shares[0] if shares[0] == shares[1] else " → ".join(shares)
    return f"{row.attribute} {row.value} {told}"


def _done(found: Diff) -> str:
    asked = [one for one in found.interventions if not found.attributes or _is_for(one, found.attributes)]
    if not asked:
        whom = f" for {', '.join(found.attributes)}" if found.attributes else ""
        return f"No intervention{whom} is recorded between them."

    def told(one: Intervention) -> str:
        whom = ", ".join(f"{attribute} {value}" if value else attribute for attribute, value in one.targets)
        return f"{one.kind} for {whom or 'everybody'} in {found.refs[one.on]}"

    return f"What was done about it: {_listed(asked, told)}."


def _is_for(one: Intervention, attributes: Sequence[str]) -> bool:
    return not one.targets or any(attribute in attributes for attribute, _ in one.targets)


def _listed(items: Sequence[T], told: Callable[[T], str]) -> str:
    parts = [told(item) for item in items[:NAMED]]
    if len(items) > NAMED:
        parts.append(f"{len(items) - NAMED} more")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
