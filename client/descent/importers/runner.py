"""Importing: each transaction is drafted, checked and registered by itself; the rest goes on after one that fails."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from descent.client import Client
from descent.errors import NotImported, Problem
from descent.importers import Importer
from descent.importers.draft import Context, Draft, Unit
from descent.importers.items import pair
from descent.importers.reading import Sources
from descent.importers.registration import Outcome, Registration, content_of


@dataclass(slots=True)
class Run:
    """One import; without a client it is a dry run."""

    importer: Importer
    context: Context
    client: Client | None = None
    sources: Sources = field(default_factory=Sources)

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
        registration = Registration(self.client)
        for draft in in_order(drafts):
            yield registration.register(draft)

    def _ancestors(self, ref: str) -> list[str]:
        """Return the ancestors of a version in the registry, nearest first."""
        if self.client is None or content_of(self.client, ref) is None:
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


def _nothing(draft: Draft) -> str:
    if not draft.unplaced:
        return "The file has nothing that could be registered."
    # what one can do something about says more than what is left out anyway
    place, why = next((one for one in draft.unplaced if "--mapping" in one[1]), draft.unplaced[0])
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
