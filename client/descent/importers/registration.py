"""What is registered of a draft: its manifest without secrets, and what the registry does not have yet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from descent.client import Client
from descent.errors import InvalidManifest, Problem, Refused
from descent.importers.claims import claim_all
from descent.importers.draft import UNSTATED, Draft
from descent.manifest import Manifest, parse_manifest
from descent.masking import Masker


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one transaction. `answer` is the registry's; None in a dry run, and if it failed."""

    source: str
    draft: Draft | None = None
    answer: dict[str, Any] | None = None
    problems: Sequence[Problem] = ()
    warnings: Sequence[str] = ()


@dataclass(slots=True)
class Registration:
    """Registers drafts one after another; without a client it is a dry run."""

    client: Client | None = None
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def register(self, draft: Draft) -> Outcome:
        """Register a draft, unless this is a dry run, and return what came of it."""
        try:
            manifest = self._manifest(draft)
            if self.client is None:
                claim_all(draft, None)
                return Outcome(draft.source, draft)
            answer = self.client.register(manifest.content)
            warnings = self.client.warnings
        except InvalidManifest as error:
            return Outcome(draft.source, draft, problems=[Problem(p.message, p.code, p.field) for p in error.problems])
        except Refused as error:
            return Outcome(draft.source, draft, problems=error.problems)
        claimed, new, problems = claim_all(draft, self.client)
        answer = {
            "created": answer["created"] + new,
            "existing": answer["existing"] + len(claimed) - new,
            "records": [*answer["records"], *claimed],
        }
        return Outcome(draft.source, draft, answer, problems, warnings)

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
        content["datasets"] = [entry for entry in content.get("datasets", ()) if not self._described(entry)]
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

    def _described(self, entry: Mapping[str, Any]) -> bool:
        """Return whether an entry only describes data of an unstated version, of which the registry has one."""
        if entry["version"] != UNSTATED or entry.keys() & {"derivedFrom", "generatedBy", "partitions"}:
            return False
        return self._content(f"dataset:{entry['name']}@{UNSTATED}") is not None

    def _content(self, ref: str) -> dict[str, Any] | None:
        if self.client is None:
            return None
        if ref not in self._known:
            content = content_of(self.client, ref)
            if content is None:
                return None
            self._known[ref] = content
        return self._known[ref]


def content_of(client: Client, ref: str) -> dict[str, Any] | None:
    """Return the content of a record that the registry has; None otherwise."""
    try:
        content: dict[str, Any] = client.batch("entity", "ref", [ref], "id content")[0]["content"]
    except Refused as error:
        if error.code not in ("NOT_FOUND", "UNKNOWN_REFERENCE"):
            raise
        return None
    return content


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
