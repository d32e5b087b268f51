"""The build of a version in readable form, and the changes between two builds."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from descentd.graph.cache import Cache
from descentd.graph.disclosures import disclosures_about
from descentd.graph.model.differences import differences
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.queries.registry import Registry


class ChangeArea(StrEnum):
    """What part of a version a change is in."""

    CODE = "CODE"
    CONFIG = "CONFIG"
    ENVIRONMENT = "ENVIRONMENT"
    DATA = "DATA"
    ARTIFACT = "ARTIFACT"
    PROFILE = "PROFILE"
    PARENT = "PARENT"


@dataclass(frozen=True, slots=True)
class Change:
    """A dotted field with its JSON value on either side, None where it is absent.

    Data and parents that were added or removed are refs, in the field `trainedOn` or `parents`. `on`: of a change over
    several derivations, the version in between that alone shows it. `disclosed`: no version says so itself, it was
    disclosed later.
    """

    area: ChangeArea
    field: str
    before: Any
    after: Any
    on: str | None = None
    disclosed: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """What a version was made of: `data` and `parents` hold roles and relations by ref, `files` digests by name.

    disclosed: of `data` and `parents`, those that the version does not name itself, with the ids of the disclosures.
    """

    code: Content
    config: Any
    environment: Content
    data: Mapping[str, str]
    parents: Mapping[str, str]
    files: Mapping[str, str]
    disclosed: Mapping[str, Sequence[str]]


SETTINGS: Final = ("code", "config", "environment")
"""The parts of a build that are records of their own, by field."""


_NOTHING: Final[Content] = {}


class _Builds(Cache[Build]):
    """Builds by the records that state them, which never change: a report asks for all versions of its spans again."""

    def __init__(self) -> None:
        super().__init__(room=4_000_000)  # bytes of those records


async def builds_of(registry: Registry, versions: Sequence[int], upto: int) -> dict[int, Build]:
    """What versions were made of as known at a sequence, by a fixed number of look-ups."""
    about = await disclosures_about(registry.store, sorted(set(versions)), upto)
    stating = {version: (version, *about.get(version, ())) for version in versions}
    cache = registry.cache(_Builds)
    kept = {version: build for version, by in stating.items() if (build := cache.get(by)) is not None}
    missing = {version: by for version, by in stating.items() if version not in kept}
    if missing:
        kept |= await _read(registry, missing, cache)
    return {version: kept[version] for version in stating}


async def _read(registry: Registry, stating: Mapping[int, Sequence[int]], cache: _Builds) -> dict[int, Build]:
    """The builds of versions from the records that state them: their own, and disclosures."""
    wanted = sorted({record for by in stating.values() for record in by})
    records = {entry.sequence: entry.record for entry in await registry.store.entries(wanted)}
    ids = {id for record in records.values() for id in _named(record.content)}
    briefs = await registry.store.resolve(ids)
    parts = {id for version in stating for id in _parts_of(records[version].content).values()}
    entries = await registry.store.entries([briefs[id].sequence for id in parts])
    held = {entry.record.id: _settings_of(entry.record) for entry in entries}
    sizes = {entry.record.id: len(entry.record.body) for entry in entries}
    refs = {id: brief.ref for id, brief in briefs.items()}
    found: dict[int, Build] = {}
    for version, by in stating.items():
        content, *disclosures = (records[one] for one in by)
        found[version] = _build(content.content, disclosures, held, refs)
        own = _parts_of(content.content).values()
        cache.keep(tuple(by), found[version], sum(len(records[one].body) for one in by) + sum(sizes[id] for id in own))
    return found


def changes(before: Build, after: Build) -> list[Change]:
    """Everything in which two builds differ, in the order of the areas, then of the fields."""
    return [
        *(change for one in SETTINGS for change in settings(one, before, after)),
        *members(ChangeArea.DATA, "trainedOn", before.data, after.data, {**before.disclosed, **after.disclosed}),
        *_files(before.files, after.files),
        *members(ChangeArea.PARENT, "parents", before.parents, after.parents, {**before.disclosed, **after.disclosed}),
    ]


def settings(part: str, before: Build, after: Build) -> list[Change]:
    """What differs in one of `SETTINGS`."""
    sides = getattr(before, part), getattr(after, part)
    if sides[0] is sides[1]:
        return []
    return list(fields(ChangeArea(part.upper()), *({part: side} for side in sides)))


def members(
    area: ChangeArea, field: str, before: Mapping[str, str], after: Mapping[str, str], disclosed: Collection[str]
) -> Iterator[Change]:
    """What was removed, added, or kept in another role; `disclosed`: what was not named by the versions themselves."""
    for ref in sorted(before.keys() - after.keys()):
        yield Change(area, field, ref, None, disclosed=ref in disclosed)
    for ref in sorted(after.keys() - before.keys()):
        yield Change(area, field, None, ref, disclosed=ref in disclosed)
    for ref in sorted(before.keys() & after.keys()):
        if before[ref] != after[ref]:
            yield Change(area, f"{field}[{ref}]", before[ref], after[ref], disclosed=ref in disclosed)


def fields(area: ChangeArea, before: Content, after: Content) -> Iterator[Change]:
    """Field by field; a part that is there on one side only is compared with an empty one."""
    sides = [{name: part for name, part in side.items() if part is not None and part != {}} for side in (before, after)]
    for one in differences(*sides):
        yield Change(area, one.field, one.before, one.after)


def _files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({**before, **after}):
        if before.get(name) != after.get(name):
            yield Change(ChangeArea.ARTIFACT, f"artifacts[{name}].digest", before.get(name), after.get(name))


def _parts_of(content: Content) -> dict[str, str]:
    return {part: content[part] for part in SETTINGS if part in content}


def _settings_of(record: Record) -> Any:
    """What a record of code, config or environment says, in the form in which it is compared."""
    content = record.content
    if record.kind is Kind.CONFIG:
        return content.get("parameters")
    if "dependencies" in content:
        return {**content, "dependencies": {one["name"]: one["version"] for one in content["dependencies"]}}
    return content


def _named(content: Content) -> Iterator[str]:
    yield from _parts_of(content).values()
    yield from (one["node"] for part in ("trainedOn", "parents") for one in content.get(part, ()))


def _build(content: Content, disclosures: Sequence[Record], held: Mapping[str, Any], refs: Mapping[str, str]) -> Build:
    parts = {part: held[id] for part, id in _parts_of(content).items()}
    stated = [content, *(record.content for record in disclosures)]
    own = {one["node"] for part in ("trainedOn", "parents") for one in content.get(part, ())}
    disclosed: defaultdict[str, list[str]] = defaultdict(list)
    for record in disclosures:
        for id in dict.fromkeys(_named(record.content)):
            if id not in own:
                disclosed[refs[id]].append(record.id)
    return Build(
        parts.get("code", _NOTHING),
        parts.get("config"),
        parts.get("environment", _NOTHING),
        _joined((refs[one["node"]], one["role"]) for each in stated for one in each.get("trainedOn", ())),
        _joined((refs[one["node"]], one["relation"]) for each in stated for one in each.get("parents", ())),
        _by_name(content.get("artifacts", ())),
        disclosed,
    )


def _joined(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """By ref, all roles; one may be named in several."""
    joined: dict[str, str] = {}
    for ref, role in sorted(set(pairs)):
        joined[ref] = f"{joined[ref]}, {role}" if ref in joined else role
    return joined


def _by_name(artifacts: Sequence[Content]) -> dict[str, str]:
    """Digests by file name; by whole address where several files have one name."""
    names = [one["uri"].rstrip("/").rpartition("/")[2] for one in artifacts]
    files = Counter(names)
    return {name if files[name] == 1 else one["uri"]: one["digest"] for name, one in zip(names, artifacts, strict=True)}
