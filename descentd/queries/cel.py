"""Expressions of policies: CEL, read strictly before it is compiled.

What the compiler lets through is looked at once more, token by token, because a rule must say literally what it rests
on: `metrics` is indexed by literals only, so that a metric without a result is noticed whatever the rule makes of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

from descentd.graph.errors import InvalidInput
from descentd.graph.metrics import nearest

VARIABLES: Final[Mapping[str, frozenset[str]]] = {
    "version": frozenset({"ref", "name", "version", "interventions"}),
    "profile": frozenset({"present", "current", "must_not_do", "guardrails", "known_biases"}),
    "metrics": frozenset(),
    "erosion": frozenset({"verdict", "findings"}),
    "probes": frozenset({"not_run", "resisted", "reproduced"}),
    "review": frozenset({"go", "no_go", "quorum_reached"}),
    "flags": frozenset(),
    "incidents": frozenset(),
    "drift": frozenset(),
    "ancestry": frozenset({"flags", "vulnerabilities", "retracted"}),
}
"""What an expression may speak of, and the fields of what has any."""

FUNCTIONS: Final = frozenset({"size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string"})
MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
LONGEST: Final = 4000
_DEEPEST: Final = 32
_TOKEN: Final = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<text>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)u?)
    |(?P<word>[a-zA-Z_][a-zA-Z0-9_]*)
    |(?P<sign>&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS: Final = frozenset({"true", "false", "null", "in"})
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_BEGINS: Final = frozenset({"", "(", "[", "{", ",", "?", ":", "&&", "||"})
_PLAIN: Final = re.compile(r"""["']([^"'\\\n]+)["']""")
_REASON: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_WITNESSED: Final = "witnessed"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression; `kind` is text, number, word or sign."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next piece may begin."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and what it speaks of.

    `variables` are those of `VARIABLES` that it names, `metrics` the names that it looks results up by, and `fields`
    everything that it may select: whatever follows a dot, and every literal text.
    """

    source: str
    program: Any
    variables: frozenset[str]
    metrics: frozenset[str]
    fields: frozenset[str]

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """What it comes to; raises Undecided where it comes to an error."""
        context = _engine().Context(dict(variables), {_WITNESSED: _witnessed})
        try:
            return self.program.execute(context)
        except Exception as error:
            raise Undecided(_first_line(error)) from None


@cache
def _engine() -> Any:
    """The CEL library, not before there is a policy: it loads a command line with it, which takes longer than we do."""
    return import_module("cel")


class Undecided(Exception):
    """An expression came to an error instead of a value."""


@lru_cache(maxsize=1024)
def compiled(source: str) -> Expression:
    """Compile an expression; raises InvalidInput, with a reason that names what is wrong in it."""
    if len(source) > LONGEST:
        raise InvalidInput(
            f"The expression has {len(source)} characters: shorten it to {LONGEST}, or make it two rules."
        )
    tokens = list(_tokens(source))
    closing = _closing(tokens)
    try:
        program = _engine().compile(source)
    except Exception as error:
        raise InvalidInput(f"The expression is not CEL: {_first_line(error)}.") from None
    for function in program.functions():
        if function in MACROS:
            raise InvalidInput(f"{function} takes a name and a condition, as in list.{function}(x, x > 0).")
        if function[0].isalpha() and function not in FUNCTIONS:
            raise InvalidInput(f"There is no function {function}: {_meant(function, FUNCTIONS | MACROS)}.")
    free, bound = _names(tokens, closing)
    unread = set(program.variables()) - free - bound
    if unread:
        raise InvalidInput(f"The expression names {', '.join(sorted(unread))} in a way that cannot be followed.")
    metrics = frozenset(_metrics(tokens))
    fields = {token.text for before, token in _pairs(tokens) if before.text == "." and token.kind == "word"}
    fields |= {found[1] for token in tokens if (found := _PLAIN.fullmatch(token.text))}
    return Expression(
        source, _engine().compile(_wary(source, tokens, closing)), frozenset(free), metrics, frozenset(fields)
    )


def _tokens(source: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(source):
        if found.lastgroup and found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], found.start())


def _closing(tokens: Sequence[Token]) -> dict[int, int]:
    """The place of the bracket that closes each opening one."""
    open_, pairs = list[int](), dict[int, int]()
    for i, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _OPENING:
            open_.append(i)
            if len(open_) > _DEEPEST:
                raise InvalidInput(f"The expression is nested deeper than {_DEEPEST}: make it several rules.")
        elif token.text in _OPENING.values():
            if not open_ or _OPENING[tokens[open_[-1]].text] != token.text:
                raise InvalidInput(f"The expression is not CEL: the {token.text} closes nothing.")
            pairs[open_.pop()] = i
    if open_:
        raise InvalidInput(f"The expression is not CEL: the {tokens[open_[-1]].text} is not closed.")
    return pairs


def _pairs(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Each token with the one before it."""
    before = Token("sign", "", 0)
    for token in tokens:
        yield before, token
        before = token


def _at(tokens: Sequence[Token], i: int) -> str:
    return tokens[i].text if 0 <= i < len(tokens) else ""


def _names(tokens: Sequence[Token], closing: Mapping[int, int]) -> tuple[set[str], set[str]]:
    """The variables that are named, and those that macros bind; raises InvalidInput for an unknown one."""
    free, bound = set[str](), set[str]()
    scopes: list[tuple[str, int]] = []
    for i, token in enumerate(tokens):
        scopes = [scope for scope in scopes if scope[1] > i]
        if token.kind != "word" or token.text in _CONSTANTS or _at(tokens, i - 1) == ".":
            if token.text in MACROS and _at(tokens, i + 1) == "(" and i + 2 < len(tokens):
                name = tokens[i + 2]
                if name.text in VARIABLES:
                    raise InvalidInput(f"{token.text} binds the name {name.text}, which has a meaning: use another.")
                scopes.append((name.text, closing[i + 1]))
                bound.add(name.text)
            continue
        if _at(tokens, i + 1) == "(" or token.text in {name for name, _ in scopes}:
            continue
        if token.text not in VARIABLES:
            raise InvalidInput(f"There is no variable {token.text}: {_meant(token.text, VARIABLES)}.")
        free.add(token.text)
        known = VARIABLES[token.text]
        if known and _at(tokens, i + 1) == "." and _at(tokens, i + 2) not in known and _at(tokens, i + 3) != "(":
            field = _at(tokens, i + 2)
            raise InvalidInput(f"{token.text} has no field {field}: {_meant(field, known)}.")
    return free, bound


def _metrics(tokens: Sequence[Token]) -> Iterator[str]:
    """The names that results are looked up by; raises InvalidInput where one is not written out."""
    for i, token in enumerate(tokens):
        if token.text != "metrics" or token.kind != "word" or _at(tokens, i - 1) == ".":
            continue
        if (
            _at(tokens, i + 1) == "[" and _at(tokens, i + 3) == "]" and (name := _PLAIN.fullmatch(_at(tokens, i + 2)))
        ) or (
            _at(tokens, i - 1) == "in"
            and (name := _PLAIN.fullmatch(_at(tokens, i - 2)))
            and _at(tokens, i - 3) in _BEGINS
            and _at(tokens, i + 1) not in {"[", "."}
        ):
            yield name[1]
        else:
            raise InvalidInput(
                'metrics is indexed by names that are written out, metrics["accuracy"] or "accuracy" in metrics: '
                "nothing else says which results the rule rests on."
            )


def _wary(source: str, tokens: Sequence[Token], closing: Mapping[int, int]) -> str:
    """The source where `all` over results that were chosen first fails on none, where CEL's is true."""
    opening = {end: start for start, end in closing.items()}
    inserts: list[tuple[int, str]] = []
    for i, token in enumerate(tokens):
        if token.text != "all" or _at(tokens, i - 1) != "." or _at(tokens, i + 1) != "(":
            continue
        start = _receiver(tokens, opening, i - 2)
        receiver = tokens[start : i - 1]
        if any(part.text == "metrics" and part.kind == "word" for part in receiver) and len(receiver) > 4:
            inserts += [(receiver[0].start, f"{_WITNESSED}("), (receiver[-1].end, ")")]
    for position, text in sorted(inserts, key=lambda insert: insert[0], reverse=True):
        source = source[:position] + text + source[position:]
    return source


def _receiver(tokens: Sequence[Token], opening: Mapping[int, int], end: int) -> int:
    """Where the operand that ends at a place begins: what comes before a dot, with all its own dots and brackets."""
    i = end
    while True:
        bracketed = i in opening
        if bracketed:
            i = opening[i]
            before = i - 1 in opening or (i > 0 and tokens[i - 1].kind == "word")
            if tokens[i].text != "{" and before and tokens[i - 1].text not in _CONSTANTS:
                i -= 1
                continue
        if _at(tokens, i - 1) != ".":
            return i
        i -= 2


def _witnessed(results: Any) -> Any:
    """The results; null where there are none, of which nothing can be asked. (What is raised is written to stderr.)"""
    return results or None


def _meant(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"did you mean {', '.join(close)}" if close else f"it is one of {', '.join(sorted(known))}"


def _first_line(error: Exception) -> str:
    text = str(error)
    found = _REASON.search(text)
    if found:
        return f"line {found[1]}, column {found[2]}: {found[3]}".rstrip(".")
    return text.split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0].strip().rstrip(".") or type(error).__name__
