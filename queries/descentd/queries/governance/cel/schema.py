"""The schema of the variables that policy expressions may use: their fields, and the values that a field may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.inputs.acts import Decision, FlagAction
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.metrics import MetricCategory
from descentd.graph.model.reach import ExposureVerdict
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.governance.drift import DriftKind
from descentd.queries.governance.related_incidents import KinRelation


@dataclass(frozen=True, slots=True)
class Shape:
    """What has fields: what it is called, and one as an example."""

    noun: str
    example: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A text that is always one of some words: what it is called, and the words."""

    noun: str
    words: tuple[str, ...]


def _texts(noun: str, *fields: str) -> Shape:
    return Shape(noun, dict.fromkeys(fields, "text"))


PARTS: Final = (
    "artifacts",
    "code",
    "config",
    "created_at",
    "description",
    "environment",
    "interventions",
    "parents",
    "training_data",
)
"""What a version's own record may hold, as `version.has` asks for it."""

_SEVERITY: Final = Vocabulary("severity", tuple(one.lower() for one in Severity))
_VERDICT: Final = Vocabulary("verdict of erosion", tuple(ErosionVerdict))
_DECISION: Final = Vocabulary("decision", tuple(Decision))
_ACTION: Final = Vocabulary("action of a flag", tuple(one for one in FlagAction if one is not FlagAction.CLEAR))
_DRIFT: Final = Vocabulary("kind of drift", tuple(DriftKind))
PART: Final = Vocabulary("part of a version", PARTS)
EXPOSURE: Final = Vocabulary("answer about a population", tuple(ExposureVerdict))

RESULT: Final = Shape(
    "A result",
    {
        **dict.fromkeys(("value", "badness", "stderr", "newest", "newest_badness", "delta_serving", "age_days"), 0.5),
        "n": 100,
        "runs": 1,
        "slice": {},
        "contaminated": False,
        **dict.fromkeys(("suite", "suite_version", "data"), "text"),
    },
)
_TARGET: Final = _texts("A target", "attribute", "value")
_INTERVENTION: Final = Shape("An intervention", {"kind": "text", "description": "text", "targets": [_TARGET]})
_WEAKNESS: Final = Shape("A vulnerability", {"id": "text", "severity": _SEVERITY, "title": "text"})
_INCIDENT: Final = Shape("An incident", {"id": "text", "severity": _SEVERITY, "title": "text"})
_FLAG: Final = Shape("A flag", {"id": "text", "action": _ACTION, "reason": "text"})
_FINDING: Final = Shape(
    "A finding",
    {
        "kind": Vocabulary("kind of finding", tuple(ErosionKind)),
        "metric": "text",
        "category": Vocabulary("category", tuple(one.lower() for one in MetricCategory)),
        "slice": {},
        "p": 0.5,
        "q": 0.5,
        "e": 20.0,
        "introduced_by": [_texts("A derivation", "from", "to")],
    },
)
_SERIES: Final = Shape("A series", {"metric": "text", "suite": "text", "slice": {}, "shown_not_worse": False})
_PROFILE: Final = {
    "present": True,
    "current": True,
    "age_days": 0.5,
    "must_not_do": ["text"],
    "guardrails": ["text"],
    "known_biases": [_texts("A known bias", "attribute", "value", "description")],
}
_KIN: Final = {
    **_INCIDENT.example,
    "ref": "text",
    "relation": Vocabulary("relation", tuple(KinRelation)),
}
EXAMPLES: Final[Mapping[str, Any]] = {
    "version": Shape(
        "version",
        {
            **_texts("", "ref", "name", "version").example,
            "interventions": [_INTERVENTION],
            "age_days": 0.5,
            "parts": [PART],
        },
    ),
    "training": Shape(
        "training", {"datasets": [Shape("A dataset", {"ref": "text", "license": "text", "inherited": True})]}
    ),
    "profile": Shape("profile", _PROFILE),
    "erosion": Shape(
        "erosion",
        {
            "verdict": _VERDICT,
            "findings": [_FINDING],
            "lasting": [_FINDING],
            "series": [_SERIES],
            "since_serving": Shape("erosion.since_serving", {"verdict": _VERDICT, "findings": [_FINDING]}),
        },
    ),
    "probes": Shape("probes", {"not_run": 0, "resisted": 0, "reproduced": 0}),
    "review": Shape(
        "review",
        {
            "go": 0,
            "no_go": 0,
            "quorum_reached": False,
            "decisions": [Shape("A decision", {"by": "text", "decision": _DECISION, "age_days": 0.5})],
        },
    ),
    "flags": [_FLAG],
    "incidents": [_INCIDENT],
    "drift": [Shape("A finding of drift", {"kind": _DRIFT, "message": "text"})],
    "ancestry": Shape(
        "ancestry",
        {
            "flags": [_FLAG],
            "vulnerabilities": [_WEAKNESS],
            "retracted": [_texts("What was retracted", "id", "ref", "reason")],
            "reviews": [Shape("A review", {"ref": "text", "environment": "text", "decision": _DECISION, "by": "text"})],
        },
    ),
    "kin": Shape("kin", {"incidents": [Shape("An incident of kin", _KIN)]}),
}
"""An example of each variable but those of `LITERAL`."""

LITERAL: Final = frozenset({"metrics", "populations"})
"""Variables that are indexed by texts that are written out, so that it is known what a rule rests on."""

VARIABLES: Final[Mapping[str, frozenset[str]]] = {
    **{name: frozenset(one.example) if isinstance(one, Shape) else frozenset() for name, one in EXAMPLES.items()},
    **dict.fromkeys(LITERAL, frozenset[str]()),
}
"""What an expression may speak of, and the fields of what has any."""
