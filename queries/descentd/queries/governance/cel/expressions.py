"""Expressions of policies: CEL, read strictly before it is compiled.

Compiled expressions are checked again, token by token, because a rule must name literally what it relies on: `metrics`
is indexed by literals only, so that a metric without a result is noticed whatever the rule does with it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from descentd.graph.metrics import nearest
from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.engine import Undecided, first_line
from descentd.queries.governance.cel.sandbox import SANDBOX, Allowance, Exceeded
from descentd.queries.governance.cel.schema import VARIABLES
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
from descentd.queries.governance.cel.vacuity import Instrumented, instrument

FUNCTIONS: Final = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string", "has"}
)
LONGEST: Final = 4000
_BEGINS: Final = frozenset({"", "(", "[", "{", ",", "?", ":", "&&", "||"})
_REASON: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and what it speaks of.

    `variables` are those of `VARIABLES` that it names, `metrics` the names that it looks results up by, `populations`
    the attributes and values that it asks about, and `fields` everything that it may select: whatever follows a dot,
    and every literal text.
    """

    source: str
    instrumented: Instrumented
    variables: frozenset[str]
    metrics: frozenset[str]
    populations: frozenset[tuple[str, str]]
    fields: frozenset[str]

    def evaluate(self, variables: Mapping[str, object], allowance: Allowance | None = None) -> object:
        """What it comes to.

        Raises Undecided where it comes to an error, where it takes more than an allowance, or where it comes to
        anything but false while nothing that it speaks of was there. Waits for another process: see `sandbox.in_turn`.
        """
        whole = self.instrumented
        return _evaluated("evaluate", (whole.text, whole.parts, whole.choices, dict(variables)), allowance)

    def evaluate_as_first(self, variables: Mapping[str, object], allowance: Allowance | None = None) -> object:
        """What it came to in the first edition of the gate; raises Undecided where it came to an error."""
        return _evaluated("evaluate_as_first", (_as_first(self.source), dict(variables)), allowance)


def _evaluated(do: str, given: Sequence[Any], allowance: Allowance | None) -> object:
    try:
        answer = SANDBOX.run(do, given, allowance)
    except Exceeded as error:
        exceeded = Undecided(str(error))
        exceeded.mistaken = True
        raise exceeded from None
    if "undecided" in answer:
        undecided = Undecided(answer["undecided"])
        undecided.mistaken = answer["mistaken"]
        raise undecided
    return answer["value"]


def _compile(texts: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The functions and variables of the first of some expressions; raises InvalidInput where one does not compile."""
    try:
        answer = SANDBOX.run("compile", [list(texts)])
    except Exceeded as error:
        raise InvalidInput(f"The expression cannot be compiled: {error}.") from None
    if "error" in answer:
        raise InvalidInput(f"The expression is not CEL: {_placed(answer['error'])}.")
    return answer


@lru_cache(maxsize=1024)
def compiled(source: str) -> Expression:
    """Compile an expression; raises InvalidInput, with a reason that names what is wrong in it."""
    if len(source) > LONGEST:
        raise InvalidInput(
            f"The expression has {len(source)} characters: shorten it to {LONGEST}, or make it two rules."
        )
    tokens = list(tokenized(source))
    closing = closing_of(tokens)
    program = _compile([source])
    for function in program["functions"]:
        if function in MACROS:
            raise InvalidInput(f"{function} takes a name and a condition, as in list.{function}(x, x > 0).")
        if function[0].isalpha() and function not in FUNCTIONS:
            raise InvalidInput(f"There is no function {function}: {suggestion(function, FUNCTIONS | MACROS)}.")
    free, bound = _names(tokens, closing)
    unread = set(program["variables"]) - free - bound
    if unread:
        raise InvalidInput(f"The expression names {', '.join(sorted(unread))} in a way that cannot be followed.")
    metrics, populations = frozenset(_metrics(tokens)), frozenset(_populations(tokens))
    _check_has(tokens)
    fields = {token.text for before, token in pairs(tokens) if before.text == "." and token.kind == "word"}
    fields |= {found[1] for token in tokens if (found := PLAIN.fullmatch(token.text))}
    instrumented = instrument(source, tokens, closing)
    _compile([instrumented.text, *instrumented.parts])
    return Expression(source, instrumented, frozenset(free), metrics, populations, frozenset(fields))


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


def _populations(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The attributes and values that are asked about; raises InvalidInput where one is not written out."""
    for i, token in enumerate(tokens):
        if token.text != "populations" or token.kind != "word" or at(tokens, i - 1) == ".":
            continue
        attribute, value = (PLAIN.fullmatch(at(tokens, i + offset)) for offset in (2, 5))
        brackets = [at(tokens, i + offset) for offset in (1, 3, 4, 6)]
        if attribute is None or value is None or brackets != ["[", "]", "[", "]"]:
            raise InvalidInput(
                "populations is indexed by an attribute and a value that are written out, as in "
                'populations["age_group"]["65+"] == "NOT_TRAINED".'
            )
        yield attribute[1], value[1]


def _check_has(tokens: Sequence[Token]) -> None:
    """Raise InvalidInput where `has` is asked of anything but the version, or a part that is not written out."""
    for i, token in enumerate(tokens):
        if token.text != "has" or token.kind != "word" or at(tokens, i + 1) != "(":
            continue
        asked = PLAIN.fullmatch(at(tokens, i + 2)) and at(tokens, i + 3) == ")"
        if not asked or (at(tokens, i - 1), at(tokens, i - 2)) != (".", "version") or at(tokens, i - 3) == ".":
            raise InvalidInput('has is asked of the version and a part that is written out, as in version.has("code").')


def _as_first(source: str) -> str:
    """The source as the first edition of the gate instrumented it: only `all` of selected results was monitored."""
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
    """A suggestion for an unknown name, for messages."""
    close = nearest(name, known) or [one for one in known if one.startswith(name)]
    return f"did you mean {', '.join(close)}" if close else f"it is one of {', '.join(sorted(known))}"


def _placed(text: str) -> str:
    """What the compiler complains of, with the place."""
    found = _REASON.search(text)
    return f"line {found[1]}, column {found[2]}: {found[3]}".rstrip(".") if found else first_line(text)
