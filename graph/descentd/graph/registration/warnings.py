"""Warnings about registered content that may be a mistake; nothing is refused."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from descentd.graph.metrics import MetricDefinition, catalogue
from descentd.graph.model.characters import skeleton
from descentd.graph.model.derived import look_alike_key, name_key
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.refusals import HARMFUL_REFUSED, doubt_about_refusals
from descentd.graph.retractions import NEWEST, find_retractions
from descentd.graph.store.base import Reads

_LABELLED: Final = frozenset({Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION, Kind.METRIC_DEFINITION})


async def warnings(reads: Reads, new: Sequence[Record]) -> list[str]:
    """Sentences about new records, in their order: names that look like others, refusals of harmless prompts."""
    return [*await _look_alikes(reads, new), *await _refusals(reads, new)]


async def warnings_of_retracted(reads: Reads, registered: Sequence[Record]) -> list[str]:
    """Sentences about what is sent again, a version without its number too, and is registered and retracted."""
    labels = {record.id: record.label for record in registered if record.kind in _LABELLED}
    retracted = (await find_retractions(reads, labels)).at(NEWEST) if labels else {}
    return [
        f"{label} is registered already and is retracted: if that was a mistake, retract the retraction "
        f"{retracted[id].id}, and it stands again."
        for id, label in labels.items()
        if id in retracted
    ]


def look_alike_keys(records: Iterable[Record]) -> set[str]:
    """The keys by which it is looked for what the names of these records look like."""
    plain = {part: skeleton(part) for part in _called(records)}
    return {*map(look_alike_key, plain.values()), *(name_key(one) for part, one in plain.items() if one != part)}


def _called(records: Iterable[Record]) -> list[str]:
    labels = [record.label for record in records if record.kind in _LABELLED and record.label]
    return list(dict.fromkeys(part for label in labels for part in _parts(label)))


async def _look_alikes(reads: Reads, new: Sequence[Record]) -> list[str]:
    """Names and labels that differ from another, registered or new, only by letters of look-alike scripts."""
    called = _called(new)
    if not called:
        return []
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for part in dict.fromkeys([*await _registered(reads, called), *called]):
        alike[skeleton(part)].append(part)
    # What is in the same whole, so that of two names that look alike not each version is named.
    others = {part: [one for one in alike[skeleton(part)] if _whole(one) == _whole(part)] for part in called}
    suspects = [part for part in called if others[part].index(part)]  # of two that are new, the second is named
    known = await _known_names(reads, suspects)
    return [
        f"{part} looks like {others[part][0]}, but has letters of another script: check that it is meant to be a "
        "different one."
        for part in suspects
        if part not in known
    ]


async def _registered(reads: Reads, called: Sequence[str]) -> list[str]:
    """What looks like something that is called so, or is called as that looks, among what is registered."""
    plain = {part: skeleton(part) for part in called}
    others = [plain[part] for part in called if plain[part] != part]
    held = await reads.any_by_keys({*map(look_alike_key, plain.values()), *(name_key(one) for one in others)})
    briefs = await reads.briefs(sorted(set(held.values()))) if held else []
    # Labels of any kind; and datasets of before their names had keys, by a version that they share.
    versions = {part.partition("@")[2] for part in called if part.startswith("dataset:")} - {""}
    names = [one for one in others if one.startswith("dataset:") and "@" not in one]
    labels = {*others, *(f"{name}@{version}" for name in names for version in versions if "#" not in version)}
    found = [*briefs, *(await reads.resolve(labels)).values()] if labels else briefs
    wanted = set(plain.values())
    return list(dict.fromkeys(part for brief in found for part in _parts(str(brief.label)) if skeleton(part) in wanted))


async def _known_names(reads: Reads, names: Sequence[str]) -> set[str]:
    """Those of these that are names of models or datasets of which a version is registered."""
    keys = {name_key(part): part for part in names if "@" not in part}
    return {keys[key] for key in await reads.any_by_keys(keys)} if keys else set()


def _parts(label: str) -> list[str]:
    """What may look like something else: the label, and the name in it."""
    return list(dict.fromkeys([label.partition("@")[0], label]))


def _whole(part: str) -> str:
    """What the last part of a label is in: `dataset:web@1` of `dataset:web@1#test`, `model:m` of `model:m@1`."""
    return part.rpartition("#" if "#" in part else "@")[0]


async def _refusals(reads: Reads, new: Sequence[Record]) -> list[str]:
    """Doubts about results that are named as refusals of harmful prompts."""
    suites = [
        record.content["suite"]
        for record in new
        if record.kind is Kind.EVALUATION and any(m["name"] == HARMFUL_REFUSED for m in record.content["metrics"])
    ]
    if not suites:
        return []
    own = (await reads.resolve([f"metric:{HARMFUL_REFUSED}"])).values()
    contents = [entry.record.content for entry in await reads.entries([brief.sequence for brief in own])]
    definition = MetricDefinition.of(contents[0]) if contents else catalogue()[HARMFUL_REFUSED]
    return [doubt for suite in suites if (doubt := doubt_about_refusals(suite, definition))]
