"""Bulk registration: many manifests, recorded as if one after the other, in as few transactions as possible.

A transaction costs a sync of the disk or several round trips, whatever is in it. So manifests that follow each other
are registered as one where nothing but the transaction could tell the difference, and one by one otherwise.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from descentd.graph.inputs.evaluations import EvaluationInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.manifest_index import name_of, names_in
from descentd.graph.registration.register import Plan, Registered, register, write
from descentd.graph.registration.statements import referred
from descentd.graph.store.committer import Committer

_MOST: Final = 1000
"""Records of manifests that are registered as one."""
_SECTIONS: Final = ("datasets", "models", "evaluations", "notes")
_KNOWN: Final = frozenset(_SECTIONS)
_OTHERS: Final = tuple(name for name in ManifestInput.model_fields if name not in _SECTIONS)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records of a manifest are new, and how many were there already.

    `digests` are the statements among the new ones about the tensors in artifacts.
    """

    created: int
    existing: int
    digests: Sequence[Record] = ()


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
        evaluations = manifest.evaluations or ()
        defined, named = names_in(manifest)
        named += referred(manifest)
        size = len(defined) + len(evaluations) + len(manifest.notes or ())
        joinable = _joinable(manifest, named)
        described = _described(manifest)
        if self.manifests and (
            self.size + size > _MOST
            or not (self._open and joinable)
            or not (self._defined.isdisjoint(defined) and self._referred.isdisjoint(defined))
            or ((described or self._described) and _may_be_of(evaluations, described | self._described))
        ):
            return False
        self.manifests.append(manifest)
        self.size += size
        self._open = joinable
        self._defined.update(defined)
        self._referred.update(named)
        self._described |= described
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


def _joinable(manifest: ManifestInput, named: Sequence[str]) -> bool:
    """Whether a manifest means the same among others: it leaves no version open, and supersedes nothing."""
    if not manifest.model_fields_set <= _KNOWN and any(getattr(manifest, name) for name in _OTHERS):
        return False
    if manifest.models and any(model.version is None for model in manifest.models):
        return False
    return all("@" in name or name.startswith("sha256:") for name in named)


def _described(manifest: ManifestInput) -> set[str]:
    """The versions that get a profile by the way."""
    return {name_of(model, i) for i, model in enumerate(manifest.models or ()) if model.safety_profile is not None}


def _may_be_of(evaluations: Sequence[EvaluationInput], described: set[str]) -> bool:
    """Whether an evaluation may be of what is described; an id may be anything's."""
    return any(one.subject in described or one.subject.startswith("sha256:") for one in evaluations)


async def _one_by_one(committer: Committer, manifests: Sequence[ManifestInput], person: str) -> list[Outcome]:
    # All are submitted at once, in order, so that the committer may still put them into one transaction of the store.
    done = await asyncio.gather(
        *(register(committer, manifest, person) for manifest in manifests), return_exceptions=True
    )
    outcomes: list[Outcome] = []
    for outcome in done:
        if isinstance(outcome, Registered):
            created = len(outcome.created)
            digests = [r for r in outcome.records if r.kind is Kind.TENSOR_DIGESTS and r.id in outcome.created]
            outcomes.append(Counts(created, len(outcome.records) - created, digests))
        elif isinstance(outcome, DescentError):
            outcomes.append(outcome)
        else:
            raise outcome
    return outcomes


async def _joined(committer: Committer, manifests: Sequence[ManifestInput], person: str) -> list[Outcome]:
    sections = {name: [getattr(manifest, name) or () for manifest in manifests] for name in _SECTIONS}
    joined: dict[str, Any] = {name: tuple(chain(*parts)) for name, parts in sections.items()}
    whole = ManifestInput.model_construct(**joined)  # its parts have been validated
    try:
        written = await write(committer, whole, person)
    except Unavailable as error:
        return [error] * len(manifests)
    except DescentError:
        return await _one_by_one(committer, manifests, person)  # one of them is at fault, and is found by itself
    owners: dict[str, int] = {}
    for name, parts in sections.items():
        of = [manifest for manifest, part in enumerate(parts) for _ in part]
        owners.update((f"{name}[{i}", manifest) for i, manifest in enumerate(of))
    return _counts(written, owners, len(manifests))


def _counts(written: Plan, owners: Mapping[str, int], number: int) -> list[Outcome]:
    """Counts by manifest; `owners` says from which of the joined manifests `models[0` and so on are."""
    created, existing = [0] * number, [0] * number
    mentioned: dict[str, list[int]] = {}
    for field_, record in written.mentions:
        mentioned.setdefault(record.id, []).append(owners[field_.partition("]")[0]])
    for id, among in mentioned.items():
        first = min(among) if id in written.created else None
        for manifest in among if len(among) == 1 else set(among):
            (created if manifest == first else existing)[manifest] += 1
    return [Counts(*pair) for pair in zip(created, existing, strict=True)]
