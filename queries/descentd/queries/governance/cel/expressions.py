"""Expressions of policies: CEL, read strictly before it is compiled.

What the compiler lets through is looked at once more, token by token, because a rule must say literally what it rests
on: `metrics` is indexed by literals only, so that a metric without a result is monitor whatever the rule makes of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

from descentd.graph.metrics import nearest
from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.tokens import (
    CONSTANTS,
    MACROS,
    PLAIN,
    Token,
    at,
    closing_of,
    pairs,
    receiver_of,
    tokenized,
)
from descentd.queries.governance.cel.vacuity import Instrumented, Monitor, instrument, nonempty, with_extremes

VARIABLES: Final[Mapping[str, frozenset[str]]] = {
    "version": frozenset({"ref", "name", "version", "interventions"}),
    "profile": frozenset({"present", "current", "must_not_do", "guardrails", "known_biases"}),
    "metrics": frozenset(),
    "erosion": frozenset({"verdict", "findings", "lasting", "series"}),
    "probes": frozenset({"not_run", "resisted", "reproduced"}),
    "review": frozenset({"go", "no_go", "quorum_reached"}),
    "flags": frozenset(),
    "incidents": frozenset(),
    "drift": frozenset(),
    "ancestry": frozenset({"flags", "vulnerabilities", "retracted"}),
}
"""What an expression may speak of, and the fields of what has any."""

FUNCTIONS: Final = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string"})
LONGEST: Final = 4000
_BEGINS: Final = frozenset({"", "(", "[", "{", ",", "?", ":", "&&", "||"})
_REASON: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and what it speaks of.

    `variables` are those of `VARIABLES` that it names, `metrics` the names that it looks results up by, and `fields`
    everything that it may select: whatever follows a dot, and every literal text.
    """

    source: str
    instrumented: Instrumented
    variables: frozenset[str]
    metrics: frozenset[str]
    fields: frozenset[str]

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """What it comes to.

        Raises Undecided where it comes to an error, or to anything but false while nothing that it speaks of was there.
        """
        monitor = Monitor(self.instrumented.choices)
        metrics = variables.get("metrics")
        if self.instrumented.choices and isinstance(metrics, Mapping):
            variables = {**variables, "metrics": with_extremes(metrics)}
        context = _engine().Context(dict(variables), monitor.functions())
        for part in self.instrumented.parts:
            if part != self.instrumented.text:
                _notice(part, context, monitor)
        try:
            value = _run(self.instrumented.text, context)
        except Undecided as error:
            raise Undecided(monitor.reasons[0] if monitor.reasons else str(error)) from None
        if monitor.reasons and value is not False:
            raise Undecided(monitor.reasons[0])
        return value

    def evaluate_as_first(self, variables: Mapping[str, object]) -> object:
        """What it came to in the first edition of the gate; raises Undecided where it came to an error."""
        return _run(_as_first(self.source), _engine().Context(dict(variables), {"nonempty_": nonempty}))


def _notice(part: str, context: Any, monitor: Monitor) -> None:
    """Ask a part by itself, of which the whole might not ask."""
    try:
        _run(part, context)
    except Undecided as error:
        monitor.reasons.append(str(error))


def _run(source: str, context: Any) -> object:
    try:
        return _program(source).execute(context)
    except Exception as error:
        text = str(error)
        undecided = Undecided(_explained(error, text))
        undecided.mistaken = text.startswith(("Undefined", "Unsupported operation"))
        raise undecided from None


def _explained(error: Exception, text: str) -> str:
    """What an error of the engine means to who wrote the rule."""
    if isinstance(error, KeyError):
        name = str(error.args[0])
        return f'there is no {name} where it looks for one: ask first whether it is there, "{name}" in …'
    if text.startswith("No such overload"):
        return "it compares or asks something that is null, or of another type: write … != null && before it"
    if text.startswith("Undefined variable or function: '"):
        return f"{text.split(chr(39))[1]} cannot be called like that: check what it is given"
    return _first_line(error)


@lru_cache(maxsize=4096)
def _program(source: str) -> Any:
    return _engine().compile(source)


@cache
def _engine() -> Any:
    """The CEL library, not before there is a policy: it loads a command line with it, which takes longer than we do."""
    return import_module("cel")


class Undecided(Exception):
    """An expression came to an error instead of a value; `mistaken` where no evidence at all would make it one."""

    mistaken = False


@lru_cache(maxsize=1024)
def compiled(source: str) -> Expression:
    """Compile an expression; raises InvalidInput, with a reason that names what is wrong in it."""
    if len(source) > LONGEST:
        raise InvalidInput(
            f"The expression has {len(source)} characters: shorten it to {LONGEST}, or make it two rules."
        )
    tokens = list(tokenized(source))
    closing = closing_of(tokens)
    try:
        program = _engine().compile(source)
    except Exception as error:
        raise InvalidInput(f"The expression is not CEL: {_first_line(error)}.") from None
    for function in program.functions():
        if function in MACROS:
            raise InvalidInput(f"{function} takes a name and a condition, as in list.{function}(x, x > 0).")
        if function[0].isalpha() and function not in FUNCTIONS:
            raise InvalidInput(f"There is no function {function}: {suggestion(function, FUNCTIONS | MACROS)}.")
    free, bound = _names(tokens, closing)
    unread = set(program.variables()) - free - bound
    if unread:
        raise InvalidInput(f"The expression names {', '.join(sorted(unread))} in a way that cannot be followed.")
    metrics = frozenset(_metrics(tokens))
    fields = {token.text for before, token in pairs(tokens) if before.text == "." and token.kind == "word"}
    fields |= {found[1] for token in tokens if (found := PLAIN.fullmatch(token.text))}
    instrumented = instrument(source, tokens, closing)
    for text in (instrumented.text, *instrumented.parts):
        _program(text)
    return Expression(source, instrumented, frozenset(free), metrics, frozenset(fields))


def _names(tokens: Sequence[Token], closing: Mapping[int, int]) -> tuple[set[str], set[str]]:
    """The variables that are named, and those that macros bind; raises InvalidInput for an unknown one."""
    free, bound = set[str](), set[str]()
    scopes: list[tuple[str, int]] = []
    for i, token in enumerate(tokens):
        scopes = [scope for scope in scopes if scope[1] > i]
        if token.kind != "word" or token.text in CONSTANTS or at(tokens, i - 1) == ".":
            if token.text in MACROS and at(tokens, i + 1) == "(" and i + 2 < len(tokens):
                name = tokens[i + 2]
                if name.text in VARIABLES:
                    raise InvalidInput(f"{token.text} binds the name {name.text}, which has a meaning: use another.")
                scopes.append((name.text, closing[i + 1]))
                bound.add(name.text)
            continue
        if at(tokens, i + 1) == "(" or token.text in {name for name, _ in scopes}:
            continue
        if token.text not in VARIABLES:
            raise InvalidInput(f"There is no variable {token.text}: {suggestion(token.text, VARIABLES)}.")
        free.add(token.text)
        known = VARIABLES[token.text]
        if known and at(tokens, i + 1) == "." and at(tokens, i + 2) not in known and at(tokens, i + 3) != "(":
            field = at(tokens, i + 2)
            raise InvalidInput(f"{token.text} has no field {field}: {suggestion(field, known)}.")
    return free, bound


def _metrics(tokens: Sequence[Token]) -> Iterator[str]:
    """The names that results are looked up by; raises InvalidInput where one is not written out."""
    for i, token in enumerate(tokens):
        if token.text != "metrics" or token.kind != "word" or at(tokens, i - 1) == ".":
            continue
        if (at(tokens, i + 1) == "[" and at(tokens, i + 3) == "]" and (name := PLAIN.fullmatch(at(tokens, i + 2)))) or (
            at(tokens, i - 1) == "in"
            and (name := PLAIN.fullmatch(at(tokens, i - 2)))
            and at(tokens, i - 3) in _BEGINS
            and at(tokens, i + 1) not in {"[", "."}
        ):
            yield name[1]
        else:
            raise InvalidInput(
                'metrics is indexed by names that are written out, metrics["accuracy"] or "accuracy" in metrics: '
                "nothing else says which results the rule rests on."
            )


def _as_first(source: str) -> str:
    """The source as it was put in the first edition of the gate: only `all` of results that were chosen monitor."""
    tokens = list(tokenized(source))
    opening = {end: start for start, end in closing_of(tokens).items()}
    inserts: list[tuple[int, str]] = []
    for i, token in enumerate(tokens):
        if token.text != "all" or at(tokens, i - 1) != "." or at(tokens, i + 1) != "(":
            continue
        start = receiver_of(tokens, opening, i - 2)
        receiver = tokens[start : i - 1]
        if any(part.text == "metrics" and part.kind == "word" for part in receiver) and len(receiver) > 4:
            inserts += [(receiver[0].start, "nonempty_("), (receiver[-1].end, ")")]
    for position, text in sorted(inserts, key=lambda insert: insert[0], reverse=True):
        source = source[:position] + text + source[position:]
    return source


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name."""
    close = nearest(name, known) or [one for one in known if one.startswith(name)]
    return f"did you mean {', '.join(close)}" if close else f"it is one of {', '.join(sorted(known))}"


def _first_line(error: Exception) -> str:
    text = str(error)
    found = _REASON.search(text)
    if found:
        return f"line {found[1]}, column {found[2]}: {found[3]}".rstrip(".")
    return text.split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0].strip().rstrip(".") or type(error).__name__
