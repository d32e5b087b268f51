"""What an importer makes of one transaction: a manifest, what became what, and what could not be placed."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from descent.importers.at import At
from descent.importers.metrics import Metric, MetricTable, NotPlaced, outside_range
from descent.importers.reading import refused
from descent.names import Ref, fault_in_name, fault_in_new_name
from descent.nodes import MAX_INTEGER

UNSTATED: Final = "unstated"
"""The version of something whose version no file states. It is a label of its own, so that nothing is guessed."""

if TYPE_CHECKING:
    from descent.importers.claims import Claim, Decided, Judgement, Place
    from descent.importers.items import Items

_PATH: Final = re.compile(r"/|\\|~|\.{1,2}(/|\\|$)|[A-Za-z]:[/\\]|file:")


def is_path(name: str) -> bool:
    """Return whether a model's name is a path on some machine, which names no model."""
    return _PATH.match(name) is not None


def moment(at: At) -> str | None:
    """Return a moment in RFC 3339; None if there is none, or one without its offset (a date is one of UTC)."""
    text = at.value
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if len(text.strip()) == len("2025-01-15"):
        read = read.replace(tzinfo=UTC)
    return None if read.tzinfo is None else read.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_config(at: At, draft: "Draft") -> Any:
    """Return a value as a config can hold it; what it cannot hold becomes text, which the draft says.

    That is a number that is not finite, or an integer beyond 2^53 - 1.
    """
    if isinstance(at.value, dict):
        return {str(key): json_config(at.at(key), draft) for key in at.value}
    if isinstance(at.value, list):
        return [json_config(at.at(place), draft) for place in range(len(at.value))]
    value = at.value
    if (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > MAX_INTEGER):
        draft.skip(at.place, f"{str(value)[:40]} is not a number that a config can hold: it is kept as text.")
        return str(value)
    return value


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys, without spaces."""
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(written.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What becomes one transaction: its name for messages, and its files, the main one first."""

    source: str
    files: tuple[Path, ...]


class Draft:
    """The manifest of one transaction, in the shape of GraphQL, with an account of it.

    `bare` are versions that the manifest speaks of and that the files say nothing about but their names: they are
    registered only where the registry has no such version yet.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.manifest: dict[str, list[dict[str, Any]]] = {}
        self.bare: dict[str, dict[str, Any]] = {}
        self._added = set[str]()
        self.placed: list[tuple[str, str]] = []
        """Place in the files, and what it became."""
        self.items: list[Items] = []
        """Results of single items, for pairing."""
        self.unplaced: list[tuple[str, str]] = []
        """Place in the files, and why nothing became of it."""
        self.claims: list[Claim | Decided] = []
        """What served and was decided before, which is recorded once the versions are registered."""

    def add(self, section: str, entry: dict[str, Any], place: str, became: str) -> None:
        """Add an entry to a section of the manifest; what is equal to an earlier one is added once."""
        written = json.dumps([section, entry], sort_keys=True)
        if written not in self._added:
            self._added.add(written)
            self.manifest.setdefault(section, []).append(entry)
        self.placed.append((place, became))

    def skip(self, place: str, why: str) -> None:
        """Say that something in the files became nothing, and why."""
        self.unplaced.append((place, why))

    def mention(self, ref: str) -> str:
        """Return the reference to a version or dataset that is registered by its name alone if it is not there yet."""
        parsed = Ref.parse(ref)
        if parsed is not None and parsed.version is not None:
            self.bare.setdefault(ref, {"name": parsed.name, "version": parsed.version})
        return ref

    def evaluation(self, evaluation: dict[str, Any], place: str) -> None:
        """Add an evaluation; one without any result that was placed is left out."""
        if not evaluation["metrics"]:
            return
        suite = evaluation["suite"]
        names = ", ".join(dict.fromkeys(metric["name"] for metric in evaluation["metrics"]))
        became = f"evaluation of {evaluation['subject']} by {suite['name']} {suite['version']}: {names}"
        self.add("evaluations", {key: part for key, part in evaluation.items() if part is not None}, place, became)


@dataclass(slots=True)
class Context:
    """What the user said beside the files: the version that they are about, and how names are mapped."""

    table: MetricTable
    model: tuple[str, str | None] | None = None
    """Name and version of --model."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """From the mapping file: a model as the files write it, and NAME@VERSION."""
    datasets: Mapping[str, str] = field(default_factory=dict)
    """From the mapping file: a dataset as the files write it, and NAME@VERSION."""
    stages: Mapping[str, "Place | None"] = field(default_factory=dict)
    """From the mapping file: what a tool calls a stage or an alias, and where that served; None for nowhere."""
    reviews: Mapping[str, "Judgement"] = field(default_factory=dict)
    """From the mapping file: a tag, as TAG=VALUE, and the decision that it says was made."""
    key: str | None = None
    """The file of --key, with which signatures are verified."""
    _about: str | None = None

    def subject(self, draft: Draft, name: At | None, version: str | None, *, otherwise: str | None = None) -> str:
        """Return the reference to the version that a file is about, by --model, the mapping file, or its own words.

        `name` is where the file names its model, `version` the version that it states, and `otherwise` the version by
        the convention of its format where it states none. Raises NotImported if that is not enough.
        """
        stated = name.text() if name is not None else None
        place = name.place if name is not None else ""
        said, of = self._said(draft, stated, version)
        if said is None:
            raise refused(draft.source, "The file does not say which model it is about: give --model NAME@VERSION.")
        of = of or version or (otherwise if stated is not None else None)
        if of is None:
            message = f'The file names the model "{said}" and no version: give --model {said}@VERSION.'
            raise refused(draft.source, message, place or None)
        if is_path(said):
            message = (
                f'"{said}" is a path on the machine that ran this, which names no version: give --model NAME@VERSION, '
                "or the path under `models` in a --mapping file."
            )
            raise refused(draft.source, message, place or None)
        for what, part in (("name", said), ("version", of)):
            if fault := fault_in_name(part) or fault_in_new_name(part):
                hint = "give --model NAME@VERSION, or name it under `models` in a --mapping file"
                raise refused(draft.source, f'The {what} "{part}" {fault}: {hint}.', place or None)
        ref = draft.mention(f"model:{said}@{of}")
        how = "" if of in (version, otherwise) and stated == said else ", as you said"
        if not how and of != version:
            how = (
                f", since the file states no revision and {of} is the default"
                if of != UNSTATED
                else ", version unstated"
            )
        draft.placed.append((place or "--model", f"{ref}{how}"))
        return ref

    def _said(self, draft: Draft, stated: str | None, version: str | None) -> tuple[str | None, str | None]:
        """Return name and version by the mapping file or --model, else the stated name."""
        for key in () if stated is None else (f"{stated}@{version}", stated):
            if key in self.versions:
                name, _, of = self.versions[key].partition("@")
                return name, of or None
        if self.model is None:
            return stated, None
        about = f"{stated}@{version}"
        if stated is not None and self._about not in (None, about) and self.model[1] is not None:
            message = (
                f"This file is about {about} and an earlier one about {self._about}, but --model names one version: "
                "import them one by one, or name both under `models` in a --mapping file."
            )
            raise refused(draft.source, message)
        if stated is not None:
            self._about = about
        return self.model

    def results(
        self,
        draft: Draft,
        given: list["Given"],
        suite: str,
    ) -> list[dict[str, Any]]:
        """Return the metric values of an evaluation; what cannot be placed is said in the draft.

        Definitions that they need are added to the manifest.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for one in given:
            try:
                metric = self.table.find(one.name, suite, one.higher_is_better)
                entry = _entry(one, metric)
            except NotPlaced as reason:
                draft.skip(one.place, str(reason))
                continue
            key = (metric.name, repr(entry.get("slice")))
            if key in found:
                draft.skip(one.place, f"{metric.name} is given already, by another name for it.")
                continue
            found[key] = entry
            self._define(draft, metric, one)
        return list(found.values())

    def _define(self, draft: Draft, metric: Metric, one: "Given") -> None:
        if metric.definition is None or any(d["name"] == metric.name for d in draft.manifest.get("metrics", ())):
            return
        direction = metric.definition["direction"].lower().replace("_", " ")
        became = f"metric definition {metric.name}: {direction}, {metric.definition['category'].lower()}, {metric.why}"
        draft.add("metrics", metric.definition, one.place, became)


@dataclass(frozen=True, slots=True)
class Given:
    """A result as a file gives it: the tool's name for the metric, the value with its place, and what is known of it.

    `stderr` is in the unit of the value. `higher_is_better` is what the file itself says.
    """

    name: str
    at: At
    stderr: float | None = None
    n: int | None = None
    clusters: int | None = None
    slice: Mapping[str, str] | None = None
    higher_is_better: bool | None = None

    @property
    def place(self) -> str:
        """The place of the value within its file; the name of the metric where that is the whole file."""
        return self.at.place or (f"line {self.at.line}" if self.at.line else self.name)


def _entry(given: Given, metric: Metric) -> dict[str, Any]:
    value = given.at.number()
    if value is None:
        raise NotPlaced(given.at.no_number())
    value *= metric.factor
    if fault := outside_range(metric, value):
        raise NotPlaced(fault)
    entry: dict[str, Any] = {"name": metric.name, "value": value}
    if given.stderr is not None and given.stderr >= 0:
        entry["stderr"] = given.stderr * metric.factor
        if given.clusters:
            entry["clusters"] = given.clusters
    if given.n:
        entry["n"] = given.n
    if given.slice:
        entry["slice"] = [{"attribute": name, "value": part} for name, part in given.slice.items()]
    return entry
