"""The changes over a span of derivations, from its ancestor to its descendant and in between."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from descentd.queries.erosion.findings import Span
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.lineage.builds import SETTINGS, Build, Change, ChangeArea, members, settings


def between(span: Span, ancestry: Ancestry) -> list[int]:
    """The versions on the way from the ancestor of a span to its descendant, that one last and included.

    In the order of the log, except that what was disclosed to be an ancestor comes first all the same.
    """
    places, parents = ancestry.places, ancestry.parents
    up: set[int] = set()
    waiting = [span.descendant]
    while waiting:
        version = waiting.pop()
        if version not in up and places[version] > places[span.ancestor]:
            up.add(version)
            waiting += parents[version]
    latest = {span.ancestor: span.ancestor}
    """Of each version on the way, the last that was registered of it and of those before it."""
    for version in sorted(up, key=places.__getitem__):
        before = [latest[parent] for parent in parents[version] if parent in latest]
        if before:
            latest[version] = max(version, *before)
    del latest[span.ancestor]
    return sorted(latest, key=lambda version: (latest[version], places[version]))


def introduced(
    span: Span, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> list[Change]:
    """What the end of a span has that its start had not, or the other way round, and what there was in between.

    Data that a version in between learned from was added too, for what comes after inherits it: its change names the
    version (`on`). So does a field of code, config or environment that had yet another value in between, and there
    the field says so. Parents are those that were merged in from outside; `relation` is how the end was derived.
    What was disclosed counts with the rest, and says so.
    """
    start, end = builds[span.ancestor], builds[span.descendant]
    between_them = [version for version in versions if version != span.descendant]
    merged: dict[str, str] = {}
    disclosed: set[str] = set()
    for version in versions:
        merged |= builds[version].parents
        disclosed |= builds[version].disclosed.keys()
    for inner in (span.ancestor, *versions):
        merged.pop(refs[inner], None)
    # Who lists no data of its own was made from its parents alone, and has not unlearned what they learned.
    before = start.data if end.data else {}
    return [
        *_relations(span, versions, builds, refs),
        *_settings(start, end),
        *_passing(start, end, between_them, builds, refs),
        *members(ChangeArea.DATA, "trainedOn", before, end.data, {**start.disclosed, **end.disclosed}),
        *_inherited(start, end, between_them, builds, refs),
        *members(ChangeArea.PARENT, "parents", {}, merged, disclosed),
    ]


def _settings(start: Build, end: Build) -> Iterator[Change]:
    """The changes of code, config and environment, as far as the end records any: what it is silent about did not go.

    A quantised build mostly names no code of its own, and was made from its parent alone.
    """
    return (change for one in SETTINGS if getattr(end, one) not in (None, {}) for change in settings(one, start, end))


def _relations(
    span: Span, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> Iterator[Change]:
    """How the versions on the way were derived, such as QUANTIZE or MERGE, each relation once."""
    way = {refs[span.ancestor], *(refs[version] for version in versions)}
    steps = [(builds[version], ref) for version in versions for ref in builds[version].parents if ref in way]
    if steps:
        relations = dict.fromkeys(build.parents[ref] for build, ref in steps)
        disclosed = any(ref in build.disclosed for build, ref in steps)
        yield Change(ChangeArea.PARENT, "relation", None, ", ".join(relations), disclosed=disclosed)


def disclosures_of(
    span: Span, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> list[str]:
    """The ids of the disclosures that alone state a step of a span."""
    way = {refs[span.ancestor], *(refs[version] for version in versions)}
    stating = [by for version in versions for ref, by in builds[version].disclosed.items() if ref in way]
    return list(dict.fromkeys(id for by in stating for id in by))


def _passing(
    start: Build, end: Build, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> Iterator[Change]:
    """Fields with a value in between that is not on the way from the start's to the end's; the first that had it."""
    lasting = {(one.area, one.field): one for one in _settings(start, end)}
    named: set[tuple[str, str]] = set()
    seen = {_recorded(start), _recorded(end)}
    for version in versions:
        if (recorded := _recorded(builds[version])) in seen:
            continue
        seen.add(recorded)
        for one in _settings(start, builds[version]):
            if (one.field, repr(one.after)) in named:
                continue
            if not _on_the_way(one, lasting.get((one.area, one.field))):
                named.add((one.field, repr(one.after)))
                on = refs[version]
                yield replace(one, field=f"{one.field} (on {on}, in between)", on=on)


def _recorded(build: Build) -> tuple[int, ...]:
    """What is the same for builds whose code, config and environment are the same records."""
    return tuple(id(getattr(build, one)) for one in SETTINGS)


def _on_the_way(one: Change, lasting: Change | None) -> bool:
    """Whether a value is no news beside the change from start to end: a step counter, a commit among others."""
    if lasting is None:
        return False
    numbers = [_number(value) for value in (one.before, one.after, lasting.after)]
    known = [number for number in numbers if number is not None]
    return len(known) < len(numbers) or known[1] in (known[0], known[2]) or sorted(known)[1] == known[1]


def _number(value: Any) -> float | None:
    """A number, also one that was written as text."""
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def _inherited(
    start: Build, end: Build, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> Iterator[Change]:
    """Data that was learned from in between alone."""
    known = {*start.data, *end.data}
    for version in versions:
        for ref in sorted(builds[version].data.keys() - known):
            known.add(ref)
            disclosed = ref in builds[version].disclosed
            yield Change(ChangeArea.DATA, "trainedOn", None, ref, refs[version], disclosed)
