"""What an expression of a new policy must be beyond what can be compiled: about fields that there are, and a boolean.

Policies on record are not held to it: what was let in before stays readable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.expressions import Undecided, compiled, suggestion
from descentd.queries.governance.cel.tokens import CONSTANTS, MACROS, PLAIN, Token, at, closing_of, tokenized


@dataclass(frozen=True, slots=True)
class Shape:
    """What has fields: what it is called, and one as an example."""

    noun: str
    example: Mapping[str, Any]


def _texts(noun: str, *fields: str) -> Shape:
    return Shape(noun, dict.fromkeys(fields, "text"))


_RESULT: Final = Shape(
    "A result",
    {
        **dict.fromkeys(("value", "badness", "stderr", "delta_serving"), 0.5),
        "n": 100,
        "slice": {},
        "contaminated": False,
        **dict.fromkeys(("suite", "suite_version", "data"), "text"),
    },
)
_TARGET: Final = _texts("A target", "attribute", "value")
_WEAKNESS: Final = _texts("A vulnerability", "id", "severity", "title")
_FLAG: Final = _texts("A flag", "id", "action", "reason")
_FINDING: Final = Shape(
    "A finding", {**_texts("", "kind", "metric", "category").example, "slice": {}, "p": 0.5, "q": 0.5, "e": 20.0}
)
_SERIES: Final = Shape("A series", {**_texts("", "metric", "suite").example, "slice": {}, "shown_not_worse": False})
_INTERVENTION: Final = Shape("An intervention", {"kind": "text", "description": "text", "targets": [_TARGET]})
_PROFILE: Final = {
    "present": True,
    "current": True,
    "must_not_do": ["text"],
    "guardrails": ["text"],
    "known_biases": [_texts("A known bias", "attribute", "value", "description")],
}
EXAMPLES: Final[Mapping[str, Any]] = {
    "version": Shape("version", {**_texts("", "ref", "name", "version").example, "interventions": [_INTERVENTION]}),
    "profile": Shape("profile", _PROFILE),
    "erosion": Shape(
        "erosion", {"verdict": "text", "findings": [_FINDING], "lasting": [_FINDING], "series": [_SERIES]}
    ),
    "probes": Shape("probes", {"not_run": 0, "resisted": 0, "reproduced": 0}),
    "review": Shape("review", {"go": 0, "no_go": 0, "quorum_reached": False}),
    "flags": [_FLAG],
    "incidents": [_texts("An incident", "id", "severity", "title")],
    "drift": [_texts("A finding of drift", "kind", "message")],
    "ancestry": Shape(
        "ancestry",
        {
            "flags": [_FLAG],
            "vulnerabilities": [_WEAKNESS],
            "retracted": [_texts("What was retracted", "id", "ref", "reason")],
        },
    ),
}
"""An example of each variable but `metrics`, which depends on the metrics that are named."""

Scopes = Mapping[str, Any]
_UNKNOWN: Final = None
_METRICS: Final = Shape("metrics", {})


def check(source: str) -> None:
    """Raise InvalidInput for an expression that cannot be compiled, or cannot be meant."""
    expression = compiled(source)
    tokens = list(tokenized(source))
    _Reader(tokens, closing_of(tokens)).read(0, len(tokens), {})
    seen = {name: _plain(example) for name, example in EXAMPLES.items() if name in expression.variables}
    if "metrics" in expression.variables:
        seen["metrics"] = {name: [_plain(_RESULT)] for name in expression.metrics}
    try:
        value = expression.evaluate_as_first(seen)
    except Undecided as error:
        if error.mistaken:
            raise InvalidInput(f"It cannot be decided: {error}.") from None
        return  # the example may lack what is asked for, a slice for one
    if not isinstance(value, bool):
        raise InvalidInput(f"It comes to {value!r}, which is neither true nor false: compare it with something.")


def _plain(example: Any) -> Any:
    if isinstance(example, Shape):
        return {name: _plain(part) for name, part in example.example.items()}
    return [_plain(part) for part in example] if isinstance(example, list) else example


class _Reader:
    """Follows names through an expression to what they stand for; what it cannot follow is unknown, and let through."""

    def __init__(self, tokens: Sequence[Token], closing: Mapping[int, int]) -> None:
        self._tokens = tokens
        self._closing = closing

    def read(self, begin: int, end: int, scopes: Scopes) -> Any:
        """Read the tokens from `begin` to before `end`; what they stand for, where they are one operand."""
        i, found = begin, _UNKNOWN
        while i < end:
            following, found = self._operand(i, scopes)
            found = found if (i, following) == (begin, end) else _UNKNOWN
            i = following
        return found

    def _operand(self, i: int, scopes: Scopes) -> tuple[int, Any]:
        token = self._tokens[i]
        found = _UNKNOWN
        following = i + 1
        if i in self._closing:
            inner = self.read(i + 1, self._closing[i], scopes)
            found = {"(": inner, "[": None if inner is None else [inner]}.get(token.text)
            following = self._closing[i] + 1
        elif token.kind == "word" and token.text not in CONSTANTS:
            found = scopes[token.text] if token.text in scopes else EXAMPLES.get(token.text)
            if token.text == "metrics":
                found = _METRICS
        else:
            return following, found
        return self._selected(following, found, scopes)

    def _selected(self, i: int, found: Any, scopes: Scopes) -> tuple[int, Any]:
        """What fields, indices and calls after an operand lead to."""
        while at(self._tokens, i) in {".", "[", "("}:
            if at(self._tokens, i) == ".":
                name, called = at(self._tokens, i + 1), at(self._tokens, i + 2) == "("
                if called:
                    found = self._called(i + 2, name, found, scopes)
                    i = self._closing[i + 2] + 1
                else:
                    found = _field(found, name)
                    i += 2
            else:
                close = self._closing[i]
                self.read(i + 1, close, scopes)
                text = PLAIN.fullmatch(at(self._tokens, i + 1)) if close == i + 2 else None
                found = _indexed(found, text[1] if text else None) if at(self._tokens, i) == "[" else _UNKNOWN
                i = close + 1
        return i, found

    def _called(self, open_: int, name: str, found: Any, scopes: Scopes) -> Any:
        close = self._closing[open_]
        if name not in MACROS:
            self.read(open_ + 1, close, scopes)
            return _UNKNOWN
        element = found[0] if isinstance(found, list) and found else _UNKNOWN
        self.read(open_ + 3, close, {**scopes, at(self._tokens, open_ + 1): element})
        return found if name == "filter" else _UNKNOWN


def _field(of: Any, name: str) -> Any:
    if not isinstance(of, Shape):
        return _UNKNOWN
    if name not in of.example:
        raise InvalidInput(f"{of.noun} has no field {name}: {suggestion(name, of.example)}.")
    return of.example[name]


def _indexed(of: Any, text: str | None) -> Any:
    if isinstance(of, list):
        return of[0]
    if of is _METRICS:
        return [_RESULT]
    return _field(of, text) if text is not None else _UNKNOWN
