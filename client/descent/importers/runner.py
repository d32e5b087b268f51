"""Importing: each transaction is drafted, checked and registered by itself; the rest goes on after one that fails."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from descent.client import Client
from descent.errors import InvalidManifest, NotImported, Problem, Refused
from descent.importers import Importer
from descent.importers.draft import Context, Draft, Unit
from descent.importers.reading import Sources
from descent.manifest import Manifest, parse_manifest


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
    _known: dict[str, bool] = field(default_factory=dict)

    def outcomes(self, paths: Sequence[str]) -> Iterator[Outcome]:
        """Yield what came of each transaction, as soon as it is registered.

        Raises Unreachable and Unintelligible: without a registry nothing goes on.
        """
        for path in paths:
            found = 0
            try:
                for unit in self.importer.find(path, self.sources):
                    found += 1
                    yield self._outcome(unit)
            except NotImported as error:
                yield Outcome(error.source, problems=error.problems)
                found += 1
            if not found and not self.sources.failed:
                yield Outcome(path, problems=[Problem("There is nothing of this format here.")])
        for failure in self.sources.failed:
            yield Outcome(failure.source, problems=failure.problems)

    def _outcome(self, unit: Unit) -> Outcome:
        draft = None
        try:
            draft = self.importer.convert(unit, self.context)
            if not any(draft.manifest.values()):
                raise NotImported([Problem(_nothing(draft))], unit.source)
            manifest = self._manifest(draft)
            return Outcome(unit.source, draft, self._register(manifest))
        except NotImported as error:
            return Outcome(error.source, draft, problems=error.problems)
        except InvalidManifest as error:
            return Outcome(unit.source, draft, problems=[Problem(p.message, p.code, p.field) for p in error.problems])
        except Refused as error:
            return Outcome(unit.source, draft, problems=error.problems)

    def _manifest(self, draft: Draft) -> Manifest:
        """Return the manifest of a draft, with the versions that the registry does not have yet."""
        content: dict[str, Any] = {section: list(entries) for section, entries in draft.manifest.items() if entries}
        stated = {f"model:{m['name']}@{m.get('version')}" for m in content.get("models", ())}
        stated |= {f"dataset:{d['name']}@{d['version']}" for d in content.get("datasets", ())}
        for ref, entry in draft.bare.items():
            if ref not in stated and not self._has(ref):
                section = "models" if ref.startswith("model:") else "datasets"
                content.setdefault(section, []).append(entry)
        manifest = parse_manifest(json.dumps(content).encode(), draft.source, "json")
        manifest.check_entry()
        return manifest

    def _has(self, ref: str) -> bool:
        """Return whether the registry has a record; in a dry run, nothing is known of it."""
        if self.client is None:
            return False
        if not self._known.get(ref):
            try:
                self._known[ref] = bool(self.client.batch("entity", "ref", [ref], "id")[0])
            except Refused as error:
                if error.code not in ("NOT_FOUND", "UNKNOWN_REFERENCE"):
                    raise
                self._known[ref] = False
        return self._known[ref]

    def _register(self, manifest: Manifest) -> dict[str, Any] | None:
        return None if self.client is None else self.client.register(manifest.content)


def _nothing(draft: Draft) -> str:
    if not draft.unplaced:
        return "The file has nothing that could be registered."
    place, why = draft.unplaced[0]
    more = f", and {len(draft.unplaced) - 1} more" if len(draft.unplaced) > 1 else ""
    return f"Nothing of it could be placed: {place}: {why}{more}"
