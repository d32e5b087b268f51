"""What was registered and may be a mistake: the sender is warned, and nothing is refused."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from descentd.graph.model.characters import skeleton
from descentd.graph.model.derived import look_alike_key
from descentd.graph.model.identity import canonical
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.base import Reads

_NAMED: Final = {Kind.MODEL_VERSION: "model", Kind.DATASET: "dataset"}
_HARMLESS: Final = frozenset({"xstest", "orbench", "safe", "benign", "harmless"})
_HARMFUL: Final = frozenset({"unsafe", "harmful"})


async def warnings(reads: Reads, new: Sequence[Record]) -> list[str]:
    """Sentences about new records, in their order: names that look like others, refusals of harmless prompts."""
    return [*await _look_alikes(reads, new), *_refusals(new)]


async def _look_alikes(reads: Reads, new: Sequence[Record]) -> list[str]:
    """Names that differ from another, registered or new, only by letters of look-alike scripts."""
    records = {(_NAMED[r.kind], r.content["name"]): r for r in new if r.kind in _NAMED}
    if not records:
        return []
    registered = await _registered(reads, list(records.values()))
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for sort, name in [*registered, *records]:
        known = alike[sort, skeleton(name)]
        if name not in known:
            known.append(name)
    found: list[str] = []
    for sort, name in records:
        others = alike[sort, skeleton(name)]
        if (sort, name) not in registered and others.index(name):  # of two that are new, the second is named
            found.append(
                f"The {sort} name {name} looks like {others[0]}, but has letters of another script: check that it is "
                "meant to be a different one."
            )
    return found


async def _registered(reads: Reads, records: Sequence[Record]) -> list[tuple[str, str]]:
    """Registered names that may look like those of new records, with what they name."""
    keys: set[str] = set()
    labels: set[str] = set()
    for record in records:
        plain = skeleton(record.content["name"])
        keys.add(look_alike_key(record.kind, plain))
        if record.kind is Kind.MODEL_VERSION:
            keys |= {f"model:{plain}", f"model:{record.content['name']}"}
        else:
            labels.add(f"dataset:{plain}@{record.content['version']}")
    found = await reads.any_by_keys(keys)
    briefs = [*await reads.briefs(sorted(set(found.values())))]
    briefs += (await reads.resolve(labels)).values() if labels else ()
    return [(sort, name) for brief in briefs for sort, _, name in [_parts(str(brief.label))]]


def _parts(label: str) -> tuple[str, str, str]:
    sort, colon, rest = label.partition(":")
    return sort, colon, rest.rpartition("@")[0]


def _refusals(new: Sequence[Record]) -> Iterator[str]:
    """Results of refusal_rate, which is about harmful prompts, by a suite that seems to ask harmless ones."""
    for record in new:
        if record.kind is not Kind.EVALUATION or all(
            m["name"] != "refusal_rate" for m in record.content.get("metrics", ())
        ):
            continue
        suite = record.content["suite"]
        text = suite["name"] + " " + canonical(suite.get("config")).decode()
        words = set(re.findall("[a-z]+", text.casefold().replace("-", "")))
        if words & _HARMLESS and not words & _HARMFUL:
            yield (
                f"refusal_rate is the share of harmful prompts that are refused, and {suite['name']} seems to ask "
                "harmless ones: register refusals of those as over_refusal_rate."
            )
