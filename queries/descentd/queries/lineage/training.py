"""The training data of a version, inherited data included, and the share of its rows with a value of an attribute.

Rows are those of all partitions that the version, or a version that it was derived from, learned from; data with one
digest counts once. A share is known only where everything that it takes is documented: it is never guessed.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.disclosures import disclosed_links, disclosed_steps
from descentd.graph.documentation import Stated, is_documented, speaks_of_training
from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import Edge, Kind, Role
from descentd.graph.model.reach import Documented, Share
from descentd.graph.store.base import Link
from descentd.queries.registry import Registry

_LEARNING: Final = frozenset({Role.TRAINED_ON, Role.DERIVED_FROM})
_MADE_BY: Final = frozenset({Role.BUILT_FROM, Role.CONFIGURED_BY})


@dataclass(frozen=True, slots=True)
class Part:
    """Training data with one digest; `rows` is None where nobody counted them; `sequence` of its partition."""

    sequence: int
    digest: str
    rows: int | None
    documented: Documented
    shares: Sequence[Share]

    def share(self, attribute: str, value: str) -> float | None:
        """The share of its rows with this value; None where that is not documented."""
        listed = {share.value: share.share for share in self.shares if share.attribute == attribute}
        if value in listed:
            return listed[value]
        known = [share for share in listed.values() if share is not None]
        if listed and (self.documented is Documented.COMPLETE or math.fsum(known) >= 1 - 1e-9):
            return 0.0
        return None


@dataclass(frozen=True, slots=True)
class Training:
    """All training data of a version; `gaps` are the sequences of versions and datasets that are not documented."""

    parts: Sequence[Part]
    gaps: Sequence[int]

    def values(self) -> Iterator[tuple[str, str]]:
        """Every attribute and value that some part lists."""
        return ((share.attribute, share.value) for part in self.parts for share in part.shares)

    def share(self, attribute: str, value: str) -> float | None:
        """The share of the training rows with this value; None where it is not known of all of them."""
        shares = [part.share(attribute, value) for part in self.parts]
        known = [share for share in shares if share is not None]
        if self.gaps or not known or len(known) < len(shares):
            return None
        if len(set(known)) == 1:
            return known[0]
        rows = [part.rows for part in self.parts]
        counted = [number for number in rows if number is not None]
        if len(counted) < len(rows) or not sum(counted):
            return None
        return math.fsum(share * number for share, number in zip(known, counted, strict=True)) / sum(counted)

    def silent(self, attribute: str, value: str) -> list[int]:
        """The first of what keeps a share from being known: what does not say, or whose rows nobody counted."""
        if self.share(attribute, value) is not None:
            return []
        unsaid = [part.sequence for part in self.parts if part.share(attribute, value) is None]
        uncounted = [part.sequence for part in self.parts if not part.rows]
        return [*self.gaps, *unsaid, *uncounted][:1]


async def training_of(registry: Registry, lineages: Mapping[int, Collection[int]], upto: int) -> dict[int, Training]:
    """What versions learned from, as known at a sequence, by a fixed number of look-ups.

    lineages: for each version, itself and all that it was derived from.
    """
    store = registry.store
    everyone = sorted(set().union(*lineages.values()))
    links = [
        *await store.links(everyone, {Role.TRAINED_ON}, inward=False),
        *await disclosed_links(store, everyone, upto, {Role.TRAINED_ON}),
    ]
    learned: defaultdict[int, list[int]] = defaultdict(list)
    for link in links:
        if _teaches(link):
            learned[link.source].append(link.target)
    undocumented = await undocumented_of(registry, everyone, upto)
    kinds = {brief.sequence: brief.kind for brief in await store.briefs(sorted({*_flat(learned.values())}))}
    included: defaultdict[int, list[int]] = defaultdict(list)
    for link in await store.links(list(kinds), {Role.INCLUDES}, inward=False):
        included[link.source].append(link.target)
    members = {data: [data] if kind is Kind.PARTITION else included.get(data, []) for data, kind in kinds.items()}
    parts = await _parts(registry, sorted({*_flat(members.values())}), upto)
    found: dict[int, Training] = {}
    for version, lineage in lineages.items():
        data = {each for one in lineage for each in learned.get(one, ())}
        by_digest: dict[str, Part] = {}
        for partition in sorted({*_flat(members[each] for each in data)}):
            held = by_digest.get(parts[partition].digest)
            if held is None or (not held.shares and parts[partition].shares):
                by_digest[parts[partition].digest] = parts[partition]
        silent = undocumented.intersection(lineage)
        found[version] = Training(
            list(by_digest.values()), sorted(silent | {each for each in data if not members[each]})
        )
    return found


async def undocumented_of(registry: Registry, versions: Sequence[int], upto: int) -> set[int]:
    """Those of some versions of which it is not documented what they learned from, by the rules of exposure."""
    store = registry.store
    own: defaultdict[int, list[Stated]] = defaultdict(list)
    for link in await store.links(versions, _LEARNING, inward=False):
        own[link.source].append((link.role, _teaches(link)))
    steps = await disclosed_steps(store, versions, upto, _LEARNING)
    stating = await store.entries(sorted({disclosure for _, disclosure in steps}))
    complete = {entry.sequence: bool(entry.record.content.get("complete")) for entry in stating}
    disclosed: defaultdict[int, list[tuple[Stated, bool]]] = defaultdict(list)
    for link, disclosure in steps:
        disclosed[link.source].append(((link.role, _teaches(link)), complete[disclosure]))
    silent = {one for one in versions if not is_documented(own[one], disclosed[one], trained=False)}
    in_doubt = [one for one in versions if one not in silent and (Role.TRAINED_ON, True) not in own[one]]
    trained = await _trained(registry, in_doubt)
    return silent | {one for one in trained if not is_documented(own[one], disclosed[one], trained=True)}


async def _trained(registry: Registry, versions: Sequence[int]) -> set[int]:
    """Those of some versions whose code or config speaks of training."""
    links = await registry.store.links(versions, _MADE_BY, inward=False) if versions else []
    entries = await registry.store.entries(sorted({link.target for link in links})) if links else []
    speaking = {one.sequence for one in entries if speaks_of_training(one.record.kind, one.record.content)}
    return {link.source for link in links if link.target in speaking}


def _teaches(link: Link) -> bool:
    return Edge(link.role, "", link.detail).learns


def _flat(lists: Collection[Sequence[int]] | Iterator[Sequence[int]]) -> Iterator[int]:
    return (item for each in lists for item in each)


async def _parts(registry: Registry, partitions: Sequence[int], upto: int) -> dict[int, Part]:
    """Partitions with what the newest statement says of their population."""
    newest: dict[int, int] = {}
    for link in await registry.store.links(partitions, {Role.DESCRIBES}, inward=True):
        if link.source <= upto:
            newest[link.target] = max(link.source, newest.get(link.target, 0))
    entries = await registry.store.entries([*partitions, *newest.values()])
    contents = {entry.sequence: entry.record.content for entry in entries}
    parts: dict[int, Part] = {}
    for partition in partitions:
        content = contents[partition]
        said = shares_of(contents[newest[partition]]) if partition in newest else (Documented.NONE, ())
        parts[partition] = Part(partition, content["digest"], content.get("rows"), *said)
    return parts
