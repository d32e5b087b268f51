"""Importing: each transaction is drafted, checked and registered by itself; the rest goes on after one that fails."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from descent.client import Client
from descent.errors import InvalidManifest, NotImported, Problem, Refused
from descent.importers import Importer
from descent.importers.draft import Context, Draft, Unit
from descent.importers.items import pair
from descent.importers.reading import Sources
from descent.manifest import Manifest, parse_manifest
from descent.masking import Masker


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one transaction. `answer` is the registry's; None in a dry run, and if it failed."""

    source: str
    draft: Draft | None = None
    answer: dict[str, Any] | None = None
    problems: Sequence[Problem] = ()


@dataclass(slots=True)
class Run:
    """One import; without a client it is a dry run."""

    importer: Importer
    context: Context
    client: Client | None = None
    sources: Sources = field(default_factory=Sources)
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def outcomes(self, paths: Sequence[str]) -> Iterator[Outcome]:
        """Yield what came of each transaction: first of those that cannot be imported, then of those that can.

        What others were derived from is registered before them. Raises Unreachable and Unintelligible: without a
        registry nothing goes on.
        """
        units: list[Unit] = []
        for path in paths:
            yield from self._found(path, units)
        drafts: list[Draft] = []
        for unit in self.importer.join(units) if hasattr(self.importer, "join") else units:
            try:
                drafts.append(self._draft(unit))
            except NotImported as error:
                yield Outcome(error.source, problems=error.problems)
        for failure in self.sources.failed:
            yield Outcome(failure.source, problems=failure.problems)
        if self.client is not None and any(draft.items for draft in drafts):
            pair(drafts, self._ancestors)
        for draft in in_order(drafts):
            yield self._registered(draft)

    def _ancestors(self, ref: str) -> list[str]:
        """Return the ancestors of a version in the registry, nearest first."""
        if self.client is None or self._content(ref) is None:
            return []
        nodes = self.client.lineage(ref)["nodes"]
        return [node["ref"] for node in nodes if node["kind"] == "MODEL_VERSION" and node["ref"] != ref]

    def _found(self, path: str, units: list[Unit]) -> Iterator[Outcome]:
        """Add the transactions in what a user named; yield why there are none."""
        before = len(units)
        try:
            for unit in self.importer.find(path, self.sources):
                units.append(unit)  # noqa: PERF402 - what was found before a failure stays found
        except NotImported as error:
            yield Outcome(error.source, problems=error.problems)
            return
        if len(units) == before and not self.sources.failed:
            yield Outcome(path, problems=[Problem("There is nothing of this format here.")])

    def _draft(self, unit: Unit) -> Draft:
        draft = self.importer.convert(unit, self.context)
        if not any(draft.manifest.values()):
            raise NotImported([Problem(_nothing(draft))], unit.source)
        return draft

    def _registered(self, draft: Draft) -> Outcome:
        try:
            manifest = self._manifest(draft)
            answer = None if self.client is None else self.client.register(manifest.content)
        except InvalidManifest as error:
            return Outcome(draft.source, draft, problems=[Problem(p.message, p.code, p.field) for p in error.problems])
        except Refused as error:
            return Outcome(draft.source, draft, problems=error.problems)
        return Outcome(draft.source, draft, answer)

    def _manifest(self, draft: Draft) -> Manifest:
        """Return the manifest of a draft, with the versions that the registry does not have yet."""
        content: dict[str, Any] = {section: list(entries) for section, entries in draft.manifest.items() if entries}
        content["models"] = []
        for entry in draft.manifest.get("models", ()):
            ref = f"model:{entry['name']}@{entry.get('version')}"
            if is_bare(self._content(ref)) and not is_bare(entry):
                disclosed(entry, ref, draft, content)
            else:
                content["models"].append(entry)
        stated = {f"model:{m['name']}@{m.get('version')}" for m in draft.manifest.get("models", ())}
        stated |= {f"dataset:{d['name']}@{d['version']}" for d in content.get("datasets", ())}
        for ref, entry in draft.bare.items():
            if ref not in stated and self._content(ref) is None:
                section = "models" if ref.startswith("model:") else "datasets"
                content.setdefault(section, []).append(entry)
        masker = Masker({})
        clean = masker.manifest({section: entries for section, entries in content.items() if entries})
        for place in masker.masked:
            draft.skip(place, "It looks like a secret and is masked: records are for ever.")
        text = json.dumps(clean)
        manifest = parse_manifest(text.encode(), draft.source, "json")
        manifest.check_entry()
        return manifest

    def _content(self, ref: str) -> dict[str, Any] | None:
        """Return the content of a record that the registry has; None otherwise, and in a dry run."""
        if self.client is None:
            return None
        if ref not in self._known:
            try:
                self._known[ref] = self.client.batch("entity", "ref", [ref], "id content")[0]["content"]
            except Refused as error:
                if error.code not in ("NOT_FOUND", "UNKNOWN_REFERENCE"):
                    raise
                return None
        return self._known[ref]


def _nothing(draft: Draft) -> str:
    if not draft.unplaced:
        return "The file has nothing that could be registered."
    place, why = draft.unplaced[0]
    more = f" And {len(draft.unplaced) - 1} more." if len(draft.unplaced) > 1 else ""
    return f"Nothing of it could be placed: {place}: {why}{more}"


def in_order(drafts: Sequence[Draft]) -> list[Draft]:
    """Return drafts so that one which describes a version comes before those that only mention it, where it can."""
    describes = {
        f"{section.removesuffix('s')}:{entry['name']}@{entry.get('version')}": place
        for place, draft in enumerate(drafts)
        for section in ("models", "datasets")
        for entry in draft.manifest.get(section, ())
    }
    ordered: dict[int, Draft] = {}
    for start in range(len(drafts)):
        trail = {start: iter(drafts[start].bare)}
        while trail:
            place = next(reversed(trail))
            mentioned = next((describes[ref] for ref in trail[place] if ref in describes), None)
            if mentioned is None:
                ordered.setdefault(place, drafts[place])
                del trail[place]
            elif mentioned not in trail and mentioned not in ordered:
                trail[mentioned] = iter(drafts[mentioned].bare)
    return list(ordered.values())


REASON: Final = "Imported after the version had been registered by its name alone."


def is_bare(content: Mapping[str, Any] | None) -> bool:
    """Return whether a version says nothing but its name."""
    return content is not None and content.keys() <= {"name", "version"}


def disclosed(entry: Mapping[str, Any], ref: str, draft: Draft, content: dict[str, Any]) -> None:
    """Add what a version states to a manifest as statements about it, and say in the draft what none can state."""
    lineage = {key: entry[key] for key in ("parents", "trainedOn") if entry.get(key)}
    if lineage:
        source = Path(draft.source).name
        statement = {"subject": ref, **lineage, "source": source, "reason": REASON}
        content.setdefault("disclosures", []).append(statement)
        draft.placed.append((ref, "a disclosure of its lineage, since it was registered by its name alone before"))
    if entry.get("safetyProfile"):
        profile = {"subject": ref, "profile": entry["safetyProfile"]}
        content.setdefault("safetyProfiles", []).append(profile)
    left = [key for key in ("artifacts", "config", "code", "environment", "description", "createdAt") if entry.get(key)]
    if left:
        why = f"{ref} was registered by its name alone before, and what it consists of is never changed"
        draft.skip(ref, f"{why}: {', '.join(left)} cannot be added. Give it another version with --model.")
