"""Bulk registration: many manifests, recorded as if one after the other, in as few transactions as possible.

A transaction costs a sync of the disk or several round trips, whatever is in it. So manifests that follow each other
are registered as one where nothing but the transaction could tell the difference, and one by one otherwise.
"""

import asyncio
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Final

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Unavailable
from descentd.graph.registration.manifest_index import Item, items
from descentd.graph.registration.register import Plan, Registered, register, write
from descentd.graph.registration.statements import referred
from descentd.graph.store.committer import Committer

_MOST: Final = 500
_SECTIONS: Final = ("datasets", "models", "evaluations", "notes")
_PLACE: Final = re.compile(r"(\w+)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records of a manifest are new, and how many were there already."""

    created: int
    existing: int


Outcome = Counts | DescentError


@dataclass(slots=True)
class Group:
    """Manifests that may be registered as one."""

    manifests: list[ManifestInput] = field(default_factory=list)
    size: int = 0
    _open: bool = True
    _defined: set[str] = field(default_factory=set)
    _referred: set[str] = field(default_factory=set)
    _described: set[str] = field(default_factory=set)

    def take(self, manifest: ManifestInput) -> bool:
        """Add a manifest, unless that could show.

        A name means what came before it, and a result that comes in a later transaction than the description of what
        was evaluated outdates it.
        """
        entities = list(items(manifest))
        defined = {item.name for item in entities}
        named = {ref for item in entities for _, ref in item.refs} | set(referred(manifest))
        size = len(entities) + len(manifest.evaluations or ()) + len(manifest.notes or ())
        joinable = _joinable(manifest, named)
        described = self._described | set(_described(manifest, entities))
        if self.manifests and (
            self.size + size > _MOST
            or not (self._open and joinable)
            or defined & (self._defined | self._referred)
            or any(_may_be_of(evaluation.subject, described) for evaluation in manifest.evaluations or ())
        ):
            return False
        self.manifests.append(manifest)
        self.size += size
        self._open = joinable
        self._defined |= defined
        self._referred |= named
        self._described = described
        return True


async def register_each(committer: Committer, manifests: Sequence[ManifestInput], person: str) -> list[Outcome]:
    """What came of each manifest, in order; each is recorded whole or refused, and sees those before it."""
    outcomes: list[Outcome] = []
    single: list[ManifestInput] = []
    for group in _groups(manifests):
        if len(group.manifests) == 1:
            single += group.manifests
            continue
        outcomes += await _one_by_one(committer, single, person)
        single = []
        outcomes += await _joined(committer, group.manifests, person)
    return outcomes + await _one_by_one(committer, single, person)


def _groups(manifests: Sequence[ManifestInput]) -> Iterator[Group]:
    group = Group()
    for manifest in manifests:
        if not group.take(manifest):
            yield group
            group = Group()
            group.take(manifest)
    yield group


def _joinable(manifest: ManifestInput, named: set[str]) -> bool:
    """Whether a manifest means the same among others: it leaves no version open, and supersedes nothing."""
    others = (
        manifest.metrics
        or manifest.safety_profiles
        or manifest.populations
        or manifest.vulnerabilities
        or manifest.disclosures
    )
    return (
        not others
        and all(model.version is not None for model in manifest.models or ())
        and all("@" in name or name.startswith("sha256:") for name in named)
    )


def _described(manifest: ManifestInput, entities: Sequence[Item]) -> Iterator[str]:
    """The versions that get a profile by the way."""
    described = {id(model) for model in manifest.models or () if model.safety_profile}
    yield from (item.name for item in entities if id(item.definition) in described)


def _may_be_of(subject: str, described: set[str]) -> bool:
    """Whether an evaluation may be of what is described; an id may be anything's."""
    return bool(described) and (subject in described or subject.startswith("sha256:"))


async def _one_by_one(committer: Committer, manifests: Sequence[ManifestInput], person: str) -> list[Outcome]:
    # All are submitted at once, in order, so that the committer may still put them into one transaction of the store.
    done = await asyncio.gather(
        *(register(committer, manifest, person) for manifest in manifests), return_exceptions=True
    )
    outcomes: list[Outcome] = []
    for outcome in done:
        if isinstance(outcome, Registered):
            created = len(outcome.created)
            outcomes.append(Counts(created, len(outcome.records) - created))
        elif isinstance(outcome, DescentError):
            outcomes.append(outcome)
        else:
            raise outcome
    return outcomes


async def _joined(committer: Committer, manifests: Sequence[ManifestInput], person: str) -> list[Outcome]:
    sections = {name: [getattr(manifest, name) or () for manifest in manifests] for name in _SECTIONS}
    # Its parts have been validated: this only puts them together.
    whole = ManifestInput.model_validate({name: tuple(chain(*parts)) for name, parts in sections.items()})
    try:
        written = await write(committer, whole, person)
    except Unavailable as error:
        return [error] * len(manifests)
    except DescentError:
        return await _one_by_one(committer, manifests, person)  # one of them is at fault, and is found by itself
    starts = {name: list(accumulate(map(len, parts), initial=0)) for name, parts in sections.items()}
    return _counts(written, starts, len(manifests))


def _counts(written: Plan, starts: Mapping[str, Sequence[int]], number: int) -> list[Outcome]:
    """Counts by manifest; `starts` has the index in each section at which each of the joined manifests begins."""
    created, existing = [0] * number, [0] * number
    mentioned: defaultdict[str, set[int]] = defaultdict(set)
    for field_, record in written.mentions:
        found = _PLACE.match(field_)
        assert found is not None
        section, index = found.groups()
        mentioned[record.id].add(bisect_right(starts[section], int(index)) - 1)
    for id, among in mentioned.items():
        for manifest in among:
            first = id in written.registered.created and manifest == min(among)
            (created if first else existing)[manifest] += 1
    return [Counts(*pair) for pair in zip(created, existing, strict=True)]
