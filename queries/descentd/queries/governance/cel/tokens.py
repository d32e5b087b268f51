"""The pieces of a CEL expression: its tokens, its brackets, and where the calls of macros are in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.errors import InvalidInput

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
CONSTANTS: Final = frozenset({"true", "false", "null", "in"})
PLAIN: Final = re.compile(r"""["']([^"'\\\n]+)["']""")
_DEEPEST: Final = 32
_TOKEN: Final = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<text>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<number>(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)u?)
    |(?P<word>[a-zA-Z_][a-zA-Z0-9_]*)
    |(?P<sign>&&|\|\||[<>=!]=|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


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


def tokenized(source: str) -> Iterator[Token]:
    """The pieces of an expression, without spaces and comments."""
    for found in _TOKEN.finditer(source):
        if found.lastgroup and found.lastgroup != "space":
            yield Token(found.lastgroup, found[0], found.start())


def closing_of(tokens: Sequence[Token]) -> dict[int, int]:
    """The place of the bracket that closes each opening one; raises InvalidInput where one is missing."""
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


def pairs(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Each token with the one before it."""
    before = Token("sign", "", 0)
    for token in tokens:
        yield before, token
        before = token


def at(tokens: Sequence[Token], i: int) -> str:
    """The text of a piece; empty where there is none."""
    return tokens[i].text if 0 <= i < len(tokens) else ""


def receiver_of(tokens: Sequence[Token], opening: Mapping[int, int], end: int) -> int:
    """Where the operand that ends at a place begins: what comes before a dot, with all its own dots and brackets."""
    i = end
    while True:
        bracketed = i in opening
        if bracketed:
            i = opening[i]
            before = i - 1 in opening or (i > 0 and tokens[i - 1].kind == "word")
            if tokens[i].text != "{" and before and tokens[i - 1].text not in CONSTANTS:
                i -= 1
                continue
        if at(tokens, i - 1) != ".":
            return i
        i -= 2
