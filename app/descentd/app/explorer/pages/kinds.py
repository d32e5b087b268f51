"""What the page of each kind of record says, as facts with a name each; versions have a page of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Part
from descentd.app.explorer.table import Cell
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.queries.lineage.selection.folding import name_of


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a record: `fact.KEY` is what it is called, `cells` what it says, as a list where there are several."""

    key: str
    cells: Sequence[Cell]
    code: bool = False
    """It is shown as it is, line by line."""
    part: Part[Cell] | None = None
    """Of a list that is too long for a page, the part that is shown."""


@dataclass(frozen=True, slots=True)
class FactSource:
    """What facts are read from: the content of a record, and the records that it names by id."""

    asked: Asked
    content: Content
    named: Mapping[str, Brief]

    def link(self, id: str, note: str = "") -> Cell:
        """A record by what it is called, leading to its page."""
        brief = self.named.get(id)
        return (
            Cell(id, note=note) if brief is None else Cell(called(brief), self.asked.to("record", brief.ref), note=note)
        )


Read = Callable[[FactSource, Any], Sequence[Cell]]


def _text(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(str(value))]


def _texts(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(str(one)) for one in value]


def _record(source: FactSource, value: Any) -> Sequence[Cell]:
    return [source.link(value)]


def _records(source: FactSource, value: Any) -> Sequence[Cell]:
    """Those of one name together, in the order in which they were registered: records name them by their ids."""

    def by_name(id: str) -> tuple[str, int]:
        brief = source.named.get(id)
        return (name_of(brief.kind, brief.ref), brief.sequence) if brief else (id, 0)

    return [source.link(one) for one in sorted(value, key=by_name)]


def _moment(source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{source.asked.words.moment(value)} UTC")]


def _count(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{value:,}")]


def _yes(source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(source.asked.words("fact.yes" if value else "fact.no"))]


def _word(prefix: str, tones: Mapping[str, str] = {}) -> Read:
    """A value that the catalogue has a word for."""
    return lambda source, value: [Cell(source.asked.words(f"{prefix}.{value}"), tone=tones.get(value, ""))]


def _derivations(source: FactSource, value: Any) -> Sequence[Cell]:
    return [source.link(one["node"], note=source.asked.words(f"relation.{one['relation']}")) for one in value]


def _training(source: FactSource, value: Any) -> Sequence[Cell]:
    return [source.link(one["node"], note=source.asked.words(f"training.{one['role']}")) for one in value]


def _suite(_source: FactSource, value: Any) -> Sequence[Cell]:
    settings = value.get("config") or {}
    parts = (
        ", ".join(f"{name} {each}" for name, each in settings.items()) if isinstance(settings, dict) else str(settings)
    )
    return [Cell(f"{value['name']} {value['version']}", note=parts)]


def _biases(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{one['attribute']} {one.get('value', '')}: {one['description']}") for one in value]


def _remarks(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{one['author']}: {one['text']}") for one in value]


def _claims(_source: FactSource, value: Any) -> Sequence[Cell]:
    def bounds(claim: Content) -> str:
        least = f"at least {claim['atLeast']:g}" if "atLeast" in claim else ""
        most = f"at most {claim['atMost']:g}" if "atMost" in claim else ""
        return f"{claim['metric']} {' and '.join(part for part in (least, most) if part)}"

    return [Cell(one["text"], note=bounds(one)) for one in value]


def _claimed(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{value['by']} ({value['source']})")]


def _pairs(_source: FactSource, value: Any) -> Sequence[Cell]:
    if not isinstance(value, dict):
        return [Cell(str(value))]
    return [Cell(f"{name} {each}") for name, each in value.items()]


def _packages(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{one['name']} {one['version']}") for one in value]


def _number_of(_source: FactSource, value: Any) -> Sequence[Cell]:
    return [Cell(f"{len(value):,}")]


def _probe(source: FactSource, value: Any) -> Sequence[Cell]:
    metric = source.asked.words("fact.probe_is", metric=value["metric"], threshold=f"{value['threshold']:g}")
    how = [Cell(value["command"])] if "command" in value else []
    return [*_suite(source, value["suite"]), Cell(str(metric)), *how]


_SHOWN: Final = 50
"""Cells of one fact that are shown at once."""
_SEVERITY: Final = {"HIGH": "bad", "CRITICAL": "bad", "MEDIUM": "open"}
_DECIDED: Final = {"GO": "good", "NO_GO": "bad"}
_OUTCOME: Final = {"PASSED": "good", "BLOCKED": "bad", "INCOMPLETE": "open"}

_PLACE: Final[Sequence[tuple[str, Read]]] = (("environment", _text), ("endpoint", _text))
_ACT: Final[Sequence[tuple[str, Read]]] = (("reason", _text), ("by", _text), ("at", _moment), ("claimed", _claimed))
_DATA: Final[Sequence[tuple[str, Read]]] = (
    ("description", _text),
    ("rows", _count),
    ("license", _text),
    ("uri", _text),
    ("dataset", _record),
    ("digest", _text),
    ("derivedFrom", _derivations),
    ("generatedBy", _records),
)

_FACTS: Final[Mapping[Kind, Sequence[tuple[str, Read]]]] = {
    Kind.DATASET: _DATA,
    Kind.PARTITION: _DATA,
    Kind.CODE: (("repository", _text), ("commit", _text), ("path", _text), ("diff", _text)),
    Kind.CONFIG: (("parameters", _pairs),),
    Kind.ENVIRONMENT: (("python", _text), ("hardware", _text), ("dependencies", _packages)),
    Kind.METRIC_DEFINITION: (
        ("description", _text),
        ("category", _word("category")),
        ("unit", _text),
        ("optimum", _text),
        ("tolerance", _text),
        ("minimum", _text),
        ("maximum", _text),
        ("isRate", _yes),
        ("countsAsSafety", _yes),
        ("worstOf", _texts),
        ("disparityOf", _text),
        ("disparityOver", _text),
    ),
    Kind.EVALUATION: (
        ("subject", _record),
        ("suite", _suite),
        ("data", _record),
        ("evaluatedAt", _moment),
        ("evaluator", _text),
    ),
    Kind.SAFETY_PROFILE: (
        ("subject", _record),
        ("mustNotDo", _texts),
        ("intendedUse", _text),
        ("guardrails", _texts),
        ("knownBiases", _biases),
        ("notes", _remarks),
        ("claims", _claims),
        ("reason", _text),
        ("supersedes", _record),
    ),
    Kind.POPULATION: (
        ("subject", _record),
        ("populationDocumented", _word("documented")),
        ("reason", _text),
        ("supersedes", _record),
    ),
    Kind.VULNERABILITY: (
        ("subject", _record),
        ("severity", _word("severity", _SEVERITY)),
        ("description", _text),
        ("probe", _probe),
    ),
    Kind.NOTE: (("subject", _record), ("author", _text), ("text", _text)),
    Kind.POLICY: (("environment", _text), ("quorum", _count), ("supersedes", _record), *_ACT),
    Kind.GATE_DECISION: (
        ("subject", _record),
        ("environment", _text),
        ("outcome", _word("outcome", _OUTCOME)),
        ("policy", _record),
        *_ACT,
        ("evidence", _records),
    ),
    Kind.REVIEW: (
        ("subject", _record),
        ("environment", _text),
        ("decision", _word("decision", _DECIDED)),
        ("conditions", _texts),
        *_ACT,
        ("expiresAt", _moment),
        ("policy", _record),
        ("evidence", _records),
    ),
    Kind.PROMOTION: (("subject", _record), ("environment", _text), ("gateDecision", _record), *_ACT),
    Kind.DEPLOYMENT: (
        ("subject", _record),
        ("about", _record),
        *_PLACE,
        ("since", _moment),
        ("until", _moment),
        ("artifactDigest", _text),
        ("promotion", _record),
        ("supersedes", _record),
        *_ACT,
    ),
    Kind.INCIDENT: (
        ("severity", _word("severity", _SEVERITY)),
        ("description", _text),
        ("subject", _record),
        ("profile", _record),
        ("deployment", _record),
        ("cause", _record),
        *_PLACE,
        ("openedAt", _moment),
        ("resolvedAt", _moment),
        ("supersedes", _record),
        ("labels", _pairs),
        *_ACT,
    ),
    Kind.FLAG: (("action", _word("flag")), ("subjects", _records), ("propagate", _yes), ("clears", _records), *_ACT),
    Kind.RETRACTION: (("subjects", _records), ("part", _text), *_ACT),
    Kind.DISCLOSURE: (
        ("subject", _record),
        ("parents", _derivations),
        ("trainedOn", _training),
        ("generatedBy", _records),
        ("complete", _yes),
        ("source", _text),
        ("reason", _text),
        ("supersedes", _record),
    ),
    Kind.TENSOR_DIGESTS: (("subject", _record), ("artifact", _text), ("tensors", _number_of)),
    Kind.SIGNATURE: (("subject", _record), ("files", _number_of), ("key", _text), ("bundle", _text)),
}


def facts(asked: Asked, kind: Kind, content: Content, named: Mapping[str, Brief]) -> list[Fact]:
    """The facts of a record, those that it has."""
    source = FactSource(asked, content, named)
    return [
        _fact(asked, key, read(source, content[key]))
        for key, read in _FACTS.get(kind, ())
        if content.get(key) not in (None, [])
    ]


def _fact(asked: Asked, key: str, cells: Sequence[Cell]) -> Fact:
    if len(cells) <= _SHOWN:
        return Fact(key, cells)
    part = asked.part(cells, _SHOWN, key)
    return Fact(key, part.items, part=part)


def ids_in(content: Content) -> set[str]:
    """The ids and labels by which a content may name other records, at any depth of its own parts."""
    found: set[str] = set()
    waiting: list[Any] = [value for key, value in content.items() if key not in {"parameters", "labels"}]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if value.startswith(("sha256:", "dataset:", "model:")):
                found.add(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
