"""Checks of the expressions of a new policy after compilation: fields and values that they name must exist.

Registered policies are not checked again: those of older versions stay readable.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.engine import Undecided
from descentd.queries.governance.cel.expressions import compiled, suggestion
from descentd.queries.governance.cel.schema import EXAMPLES, EXPOSURE, LITERAL, PART, RESULT, Shape, Vocabulary
from descentd.queries.governance.cel.tokens import CONSTANTS, MACROS, PLAIN, Token, at, closing_of, tokenized
from descentd.queries.prose import conjunction

Scopes = Mapping[str, Any]
_FOLLOWED: Final = 20_000
"""Characters of texts that are put together: macros within macros double them each time."""
_UNKNOWN: Final = None
_NULL: Final = object()
"""What `null` stands for: everything may be compared with it."""
_METRICS: Final = Shape("metrics", {})
_POPULATIONS: Final = Shape("populations", {})
_EQUAL: Final = frozenset({"==", "!=", "in"})
_PARTLY: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}
"""How a text is compared with a part of it, by the name of the function."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """Texts that are written out; several in a list, one of which an element is."""

    texts: tuple[str, ...]


def check(source: str) -> None:
    """Raise InvalidInput for an expression that cannot be compiled, speaks of what there is not, or is no condition."""
    expression = compiled(source)
    tokens = list(tokenized(source))
    _Reader(tokens, closing_of(tokens)).read(0, len(tokens), {})
    seen: dict[str, object] = {name: _plain(EXAMPLES[name]) for name in expression.variables - LITERAL}
    if "metrics" in expression.variables:
        seen["metrics"] = {name: [_plain(RESULT)] for name in expression.metrics}
    if "populations" in expression.variables:
        asked: dict[str, dict[str, str]] = {}
        for attribute, value in expression.populations:
            asked.setdefault(attribute, {})[value] = EXPOSURE.words[0]
        seen["populations"] = asked
    try:
        outcome = expression.evaluate_as_first(seen)
    except Undecided as error:
        if error.mistaken:
            raise InvalidInput(f"It cannot be decided: {error}.") from None
        return  # the example may lack what is asked for, a slice for one
    if not isinstance(outcome, bool):
        raise InvalidInput(f"It evaluates to {outcome!r}, which is neither true nor false: compare it with something.")


def _plain(example: Any) -> Any:
    if isinstance(example, Vocabulary):
        return example.words[0]
    if isinstance(example, Shape):
        return {name: _plain(part) for name, part in example.example.items()}
    return [_plain(part) for part in example] if isinstance(example, list) else example


class _Reader:
    """Follows names through an expression to what they stand for; what it cannot follow is unknown, and let through.

    But for what is always one of some words: that is compared as it is, with words that are written out, or refused.
    """

    def __init__(self, tokens: Sequence[Token], closing: Mapping[int, int]) -> None:
        self._tokens = tokens
        self._closing = closing

    def read(self, begin: int, end: int, scopes: Scopes) -> Any:
        """Read the tokens from `begin` to before `end`; what they stand for, where they are one operand or a sum."""
        i, found, before, sign = begin, _UNKNOWN, _UNKNOWN, ""
        while i < end:
            following, value = self._sum(i, end, scopes)
            text = at(self._tokens, following) if following < end else ""
            if sign:
                _compare(before, sign, value)
            elif (i, following) != (begin, end) and text not in _EQUAL:
                _check_whole(value)
            found = value if (i, following) == (begin, end) else _UNKNOWN
            sign = text if text in _EQUAL else ""
            before, i = value, following + (1 if sign else 0)
        return found

    def _sum(self, i: int, end: int, scopes: Scopes) -> tuple[int, Any]:
        """What operands that are joined by + stand for, and where they end."""
        following, found = self._operand(i, scopes)
        while following < end and at(self._tokens, following) == "+":
            following, more = self._operand(following + 1, scopes)
            found = _joined(found, more)
        return following, found

    def _operand(self, i: int, scopes: Scopes) -> tuple[int, Any]:
        token = self._tokens[i]
        found = _UNKNOWN
        following = i + 1
        if i in self._closing:
            inside = self._elements(i, scopes)
            found = {"(": inside[0] if len(inside) == 1 else _UNKNOWN, "[": _list(inside)}.get(token.text)
            following = self._closing[i] + 1
        elif token.kind == "text":
            plain = PLAIN.fullmatch(token.text)
            found = _Texts((plain[1],)) if plain else _UNKNOWN
        elif token.kind == "word" and token.text not in CONSTANTS:
            variables = {**EXAMPLES, "metrics": _METRICS, "populations": _POPULATIONS, **scopes}
            found = variables.get(token.text)
        else:
            return following, _NULL if token.text == "null" else found
        return self._selected(following, found, scopes)

    def _elements(self, open_: int, scopes: Scopes) -> list[Any]:
        """What stands between brackets, by commas."""
        found, begin, i, close = [], open_ + 1, open_ + 1, self._closing[open_]
        while i < close:
            if at(self._tokens, i) == ",":
                found.append(self.read(begin, i, scopes))
                begin = i + 1
            i = self._closing.get(i, i) + 1
        return [*found, self.read(begin, close, scopes)]

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
                inside = self._elements(i, scopes)
                text = inside[0].texts[0] if isinstance(inside[0], _Texts) else None
                if at(self._tokens, i) == "(":
                    for one in inside:
                        _check_whole(one)
                found = _indexed(found, text) if at(self._tokens, i) == "[" else _UNKNOWN
                i = close + 1
        return i, found

    def _called(self, open_: int, name: str, found: Any, scopes: Scopes) -> Any:
        close = self._closing[open_]
        if name not in MACROS:
            [argument, *_] = self._elements(open_, scopes)
            _check_whole(argument)
            if name == "has":
                _compare(PART, "==", argument)
            elif name in _PARTLY and isinstance(found, Vocabulary) and isinstance(argument, _Texts):
                _check_words(found, [text for text in argument.texts if not _is_part(found, name, text)])
            else:
                _check_whole(found)
            return _UNKNOWN
        element = found[0] if isinstance(found, list) and found else _UNKNOWN
        value = self.read(open_ + 3, close, {**scopes, at(self._tokens, open_ + 1): element})
        if name == "map":
            return [_UNKNOWN if value is _UNKNOWN else value]
        return found if name == "filter" else _UNKNOWN


def _texts(texts: Iterable[str]) -> _Texts:
    """Texts that were put together; raises InvalidInput where they are too many or too long to be followed."""
    found: list[str] = []
    room = _FOLLOWED
    for text in texts:
        room -= len(text) + 1
        if room < 0:
            raise InvalidInput("The expression puts more texts together than can be checked: write them out.")
        found.append(text)
    return _Texts(tuple(found))


def _list(elements: Sequence[Any]) -> Any:
    """A list by an example of its elements: of several texts each of them, of words of a vocabulary that."""
    if all(isinstance(one, _Texts) for one in elements):
        return [_texts(text for one in elements for text in one.texts)]
    vocabulary = next((one for one in elements if isinstance(one, Vocabulary)), None)
    if vocabulary is not None:
        for one in elements:
            _compare(vocabulary, "==", one)
        return [vocabulary]
    return [elements[0]] if len(elements) == 1 and elements[0] is not _UNKNOWN else _UNKNOWN


def _joined(one: Any, other: Any) -> Any:
    """What two operands with a + between them come to: a text, or a list."""
    if isinstance(one, _Texts) and isinstance(other, _Texts):
        return _texts(before + after for before in one.texts for after in other.texts)
    if isinstance(one, list) and isinstance(other, list) and one and other:
        return _list([one[0], other[0]])
    for each in (one, other):
        _check_whole(each[0] if isinstance(each, list) and each else each)
    return _UNKNOWN


def _compare(left: Any, sign: str, right: Any) -> None:
    """Raise InvalidInput where a text that is always one of some words is compared with anything but such words."""
    if sign == "in":
        right = right[0] if isinstance(right, list) and right else _UNKNOWN
    if isinstance(left, list) and isinstance(right, list) and left and right:
        left, right = left[0], right[0]
    if left is right or left is _NULL or right is _NULL:
        return
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Vocabulary) and isinstance(other, _Texts):
            _check_words(one, [text for text in other.texts if text not in one.words])
        elif isinstance(one, Vocabulary):
            _check_whole(one)


def _check_whole(value: Any) -> None:
    """Raise InvalidInput for a text that is always one of some words: nothing can be said of what is made from it."""
    if isinstance(value, Vocabulary):
        raise InvalidInput(
            f"The {value.noun} is compared as a whole: by ==, != or in, with {', '.join(value.words)} written out."
        )


def _check_words(vocabulary: Vocabulary, wrong: Sequence[str]) -> None:
    if wrong:
        words = ", ".join(vocabulary.words)
        raise InvalidInput(f"There is no {vocabulary.noun} {conjunction(list(_quoted(wrong)))}: it is one of {words}.")


def _quoted(texts: Sequence[str]) -> Iterator[str]:
    return (f'"{text}"' for text in texts)


def _is_part(vocabulary: Vocabulary, name: str, text: str) -> bool:
    return any(_PARTLY[name](word, text) for word in vocabulary.words)


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
        return [RESULT]
    if of is _POPULATIONS:
        return {"": EXPOSURE}
    if isinstance(of, dict) and "" in of:
        return of[""]
    return _field(of, text) if text is not None else _UNKNOWN
