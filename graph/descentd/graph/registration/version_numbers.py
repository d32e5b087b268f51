"""Version numbers: without a given version, a model gets that of the same build, or the next after the highest."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Final

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.derived import build_of
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import LONGEST
from descentd.graph.model.records import Record
from descentd.graph.registration.builder import RecordBuilder
from descentd.graph.store.base import Reads

_NUMBERS: Final = re.compile(r"[^0-9]*([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)
_PRE_RELEASE: Final = re.compile(r"[-._ ]?(a|alpha|b|beta|c|rc|pre|preview|dev|snapshot)(?![a-z])", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(?<![0-9])(?:([0-9]{4})([-._/])([0-9]{2})(?:\2([0-9]{2}))?|([0-9]{4})([0-9]{2})([0-9]{2}))(?![0-9])"
)
_COMMIT: Final = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{7,64}")

Rank = tuple[tuple[int, ...], bool, tuple[int, ...]]


class VersionNumbers:
    """Numbers the versions of one manifest, among those that are registered."""

    def __init__(self, manifest: ManifestInput, reads: Reads, builder: RecordBuilder) -> None:
        self._manifest = manifest
        self._reads = reads
        self._builder = builder

    async def same_build(self, name: str, content: Content, field: str) -> Record | None:
        """The version of a name that has this content's build already, in the manifest or registered.

        Raises InvalidInput for `field` where the content does not say enough to tell builds apart.
        """
        build = build_of(content)
        if build is None:
            raise InvalidInput(
                "Without artifacts, code and config nothing tells whether this version is new: give its version.", field
            )
        for record in self._versions(name):
            if build_of(record.content) == build:
                return record
        label = await same_build(self._reads, name, build)
        if label is None:
            return None
        brief = (await self._reads.resolve([label]))[label]
        return (await self._reads.entries([brief.sequence]))[0].record

    async def next(self, name: str, field: str) -> str:
        """The first free version after the highest one; raises InvalidInput for `field` where that is not countable."""
        taken = {record.content["version"]: None for record in self._versions(name)}
        sequences = (await self._reads.find_by_keys([f"model:{name}"])).get(f"model:{name}", [])
        registered = [str(brief.label).rpartition("@")[2] for brief in await self._reads.briefs(sequences)]
        highest = highest_version([*registered, *taken])
        if highest is not None and (why := not_counted(highest)):
            raise InvalidInput(
                f"The highest version of {name}, {highest}, {why}, which is not counted up: give the version.", field
            )
        reserved = {model.version for model in self._manifest.models or () if model.name == name}
        version = next_version(highest, {*registered, *taken, *filter(None, reserved)})
        if len(version) > LONGEST:
            raise InvalidInput(f"The version after {highest!r} is longer than {LONGEST} characters: give one.")
        return version

    def _versions(self, name: str) -> Iterator[Record]:
        """Versions of a name that were built from this manifest so far."""
        built = self._builder.entities.values()
        return (r for r in built if r.kind is Kind.MODEL_VERSION and r.content["name"] == name)


def highest_version(versions: Sequence[str]) -> str | None:
    """The version with the highest numbers, of equal ones the last; None where there are none.

    A pre-release (4.3-rc1) comes before its release (4.3), and a version without digits before all with some.
    """
    ranked = max(((_rank(version), i) for i, version in enumerate(versions)), default=None)
    return None if ranked is None else versions[ranked[1]]


def _rank(version: str) -> Rank:
    found = _NUMBERS.fullmatch(version)
    if found is None:
        return (), False, ()
    release, rest = found.groups()
    numbers = tuple(int(run) for run in re.findall("[0-9]+", rest))
    return tuple(map(int, release.split("."))), not _PRE_RELEASE.match(rest), numbers


def not_counted(version: str) -> str | None:
    """Why a version is not counted up: it is a date, or names a commit or build; None where it is counted."""
    if "+" in version:
        return "names a build after its +"
    if _COMMIT.fullmatch(version):
        return "looks like a commit"
    for found in _DATE.finditer(version):
        year, _, month, day, *plain = found.groups()
        if _is_date(*(plain if year is None else (year, month, day or "01"))):
            return "is a date"
    return None


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        return 1900 <= date(int(year), int(month), int(day)).year < 2100
    except ValueError:
        return False


def next_version(highest: str | None, taken: Collection[str]) -> str:
    """The version after `highest`: its last run of digits plus one, the first that is not taken.

    Without digits `.1` is appended; the first version of a name is `1`.
    """
    candidate = "0" if highest is None else highest
    candidate = _increment(candidate) if re.search(r"[0-9]", candidate) else f"{candidate}.1"
    while candidate in taken:
        candidate = _increment(candidate)
    return candidate


def _increment(version: str) -> str:
    return re.sub(r"[0-9]+(?=[^0-9]*$)", lambda digits: str(int(digits[0]) + 1).zfill(len(digits[0])), version)


async def same_build(reads: Reads, name: str, build: str) -> str | None:
    """The label in this name that is registered with a build; None where there is none."""
    sequences = (await reads.find_by_keys([f"build:{build}"])).get(f"build:{build}", [])
    own = [brief.ref for brief in await reads.briefs(sequences) if brief.ref.startswith(f"model:{name}@")]
    return own[0] if own else None
