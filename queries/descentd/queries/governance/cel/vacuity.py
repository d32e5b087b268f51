"""Vacuity: expressions are instrumented so that they notice if they had no evidence.

CEL expressions can be true without evidence: `all` of an empty list holds, and so does `!exists`. So an expression is
rewritten such that whatever selects among results reports whether it selected any:

- A condition on what a result was measured on, or when (slice, suite, data, age_days), chooses. `filter` has to choose
  at least one result, `exists` has to find one for the expression to be true.
- A condition on what was measured (value, badness …) judges. It may judge every result to be bad, or none.
- A condition on both has to depend on what was measured for at least one result: with other numbers there it would have
  come to something else. Of a conjunction under `all`, and a disjunction under `exists`, that goes for each part.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.queries.governance.cel.tokens import MACROS, PLAIN, Token, at, receiver_of

CHOOSING: Final = frozenset({"slice", "suite", "suite_version", "data", "age_days"})
MEASURED: Final = frozenset(
    {"value", "badness", "stderr", "n", "runs", "newest", "newest_badness", "contaminated", "delta_serving"}
)
_HIGH, _LOW = "with_high_", "with_low_"
_ALL_HIGH: Final[Mapping[str, object]] = {"n": 1 << 62, "runs": 1 << 62, "contaminated": True}
_ALL_LOW: Final[Mapping[str, object]] = {"n": -1, "runs": -1, "contaminated": False}
_HUGE: Final = 1e308
_LONGEST: Final = 50_000
"""Characters of an expression in other words: macros within macros are put three times each."""
_NONEMPTY, _CHOSEN, _FOUND, _RESTED = "nonempty_", "chosen_", "found_", "rested_"


@dataclass(frozen=True, slots=True)
class Instrumented:
    """An expression in other words; `parts` are those that choose, to be asked by themselves too.

    CEL does not ask what comes after `true ||`. `choices` are the texts of what chooses, by number.
    """

    text: str
    parts: Sequence[str]
    choices: Sequence[str]


@dataclass(slots=True)
class Monitor:
    """What was monitor while an expression was evaluated."""

    choices: Sequence[str]
    reasons: list[str] = field(default_factory=list)

    def functions(self) -> dict[str, Any]:
        """What the expression calls. They return null where there is nothing, of which nothing can be asked.

        (What is raised is written to stderr.)
        """
        return {_NONEMPTY: nonempty, _CHOSEN: self._chosen, _FOUND: self._found, _RESTED: self._rested}

    def _chosen(self, number: int, results: Any) -> Any:
        if not results:
            self._note(f"nothing was measured of what is chosen by {self.choices[number]}")
        return results or None

    def _found(self, number: int, found: Any) -> Any:
        if found is False:
            self._note(f"nothing was measured of what is asked for by {self.choices[number]}")
        return found

    def _rested(self, number: int, rested: Any, value: Any) -> Any:
        if rested is not True:
            self._note(f"nothing that was measured decides {self.choices[number]}")
        return value if rested is True else None

    def _note(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


def nonempty(results: Any) -> Any:
    """The results; null where there are none."""
    return results or None


def with_extremes(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Results by metric, each with what it would be if all that was measured were very high, or very low."""
    high = {name: _ALL_HIGH.get(name, _HUGE) for name in MEASURED}
    low = {name: _ALL_LOW.get(name, -_HUGE) for name in MEASURED}
    return {name: [{**one, _HIGH: high, _LOW: low} for one in results] for name, results in metrics.items()}


def instrument(source: str, tokens: Sequence[Token], closing: Mapping[int, int]) -> Instrumented:
    """Put an expression into words that notice where nothing is chosen.

    Raises InvalidInput where these would be too many: of conditions within conditions they grow threefold a level.
    """
    writer = _Writer(source, tokens, closing)
    pieces = writer.pieces(0, len(tokens), {}, None)
    parts = [piece.text for piece in pieces if piece.chooses]
    return Instrumented(_joined(pieces), parts, writer.choices)


@dataclass(frozen=True, slots=True)
class _Fragment:
    start: int
    text: str
    chooses: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A macro's call, `receiver.name(variable, condition, …)`, by the places of its tokens.

    It is from `start` to `close`, and its condition from `begin` to before `end`.
    """

    start: int
    close: int
    name: str
    variable: str
    begin: int
    end: int


Scopes = Mapping[str, bool]
"""The names that macros bind, and whether results are behind them."""


class _Writer:
    def __init__(self, source: str, tokens: Sequence[Token], closing: Mapping[int, int]) -> None:
        self._source = source
        self._tokens = tokens
        self._closing = closing
        self._opening = {end: start for start, end in closing.items()}
        self.choices: list[str] = []
        self._written = 0

    def pieces(self, begin: int, end: int, scopes: Scopes, other: tuple[str, str] | None) -> list[_Fragment]:
        """The tokens from `begin` to before `end`, each call of a macro as one piece.

        With `other` (a bound name, and which other numbers) what was measured is exchanged for those.
        """
        found: list[_Fragment] = []
        i = begin
        while i < end:
            token = self._tokens[i]
            if token.text in MACROS and at(self._tokens, i - 1) == "." and at(self._tokens, i + 1) == "(":
                start = receiver_of(self._tokens, self._opening, i - 2)
                first = next(k for k, piece in enumerate(found) if piece.start >= start)
                receiver = found[first:-1]
                del found[first:]
                found.append(self._call(i, start, receiver, scopes, other))
                i = self._closing[i + 1] + 1
                continue
            text = token.text
            if other and text == other[0] and at(self._tokens, i - 1) != "." and self._field(i) in MEASURED:
                text = f"{text}.{other[1]}"
            found.append(_Fragment(i, text))
            i += 1
        return found

    def _call(
        self, i: int, start: int, receiver: Sequence[_Fragment], scopes: Scopes, other: tuple[str, str] | None
    ) -> _Fragment:
        close = self._closing[i + 1]
        commas = [k for k in self._top(i + 2, close) if self._tokens[k].text == ","]
        name, variable = self._tokens[i].text, self._tokens[i + 2].text
        results = self._has_results(start, i - 1, scopes)
        inner = {**scopes, variable: results}
        other = None if other and other[0] == variable else other
        of = _joined(receiver)
        if results and name == "all" and i - 1 - start > 4:
            of = f"{_NONEMPTY}({of})"
        end = commas[1] if len(commas) > 1 else close
        begin = commas[0] + 1 if commas else close
        condition = self.pieces(begin, end, inner, other)
        rest = self.pieces(end, close, inner, other)
        call = _Call(start, close, name, variable, begin, end)
        tail = f"{call.name}({variable}, {_joined([*condition, *rest])})"
        if results and not other and (call.name != "map" or rest):
            monitored = self._monitored(call, of, tail, inner)
            if monitored is not None:
                return self._fragment(start, monitored, True)
        chooses = any(piece.chooses for piece in (*receiver, *condition, *rest))
        return self._fragment(start, f"{of}.{tail}", chooses)

    def _fragment(self, start: int, text: str, chooses: bool) -> _Fragment:
        self._written += len(text)
        if self._written > _LONGEST:
            raise InvalidInput(
                "The expression has too many conditions within conditions on results: make it several rules."
            )
        return _Fragment(start, text, chooses)

    def _monitored(self, call: _Call, of: str, tail: str, scopes: Scopes) -> str | None:
        """A call on results with what notices whether it has something to go by; None where it chooses nothing."""
        selected = self._selected_fields(call.begin, call.end, call.variable)
        if selected & CHOOSING and not selected & MEASURED and call.name != "all":
            noticing = _CHOSEN if call.name in {"filter", "map"} else _FOUND
            return f"{noticing}({self._number(call)}, {of}.{tail})"
        both = [part for part in self._parts(call) if self._is_mixed(self._selected_fields(*part, call.variable))]
        if not both:
            return None
        number = self._number(call)
        list_ = f"list_{number}_"
        rested = " && ".join(f"{list_}.exists({call.variable}, {self._depends(call, p, scopes)})" for p in both)
        return f"[{of}].map({list_}, {_RESTED}({number}, {rested}, {list_}.{tail}))[0]"

    def _is_mixed(self, fields: Set[str]) -> bool:
        return bool(fields & CHOOSING and fields & MEASURED)

    def _depends(self, call: _Call, part: tuple[int, int], scopes: Scopes) -> str:
        """Whether a condition on a result would come to something else, were what was measured another."""
        own, high, low = (
            _joined(self.pieces(*part, scopes, exchanged))
            for exchanged in (None, (call.variable, _HIGH), (call.variable, _LOW))
        )
        return f"({own}) != ({high}) || ({own}) != ({low})"

    def _parts(self, call: _Call) -> Iterator[tuple[int, int]]:
        """The parts of a condition that have to hold each, or of which one has to."""
        sign = {"all": "&&", "exists": "||"}.get(call.name)
        begin = call.begin
        top = self._top(call.begin, call.end)
        if any(self._tokens[k].text == "?" for k in top) or (
            sign == "&&" and any(self._tokens[k].text == "||" for k in top)
        ):
            sign = None
        for k in top:
            if self._tokens[k].text == sign:
                yield begin, k
                begin = k + 1
        yield begin, call.end

    def _top(self, begin: int, end: int) -> list[int]:
        """The places of the tokens that are in no bracket within."""
        found, i = [], begin
        while i < end:
            found.append(i)
            i = self._closing.get(i, i) + 1
        return found

    def _selected_fields(self, begin: int, end: int, variable: str) -> set[str]:
        """The fields of a variable that are selected of."""
        return {
            self._field(i)
            for i in range(begin, end)
            if self._tokens[i].text == variable and self._tokens[i].kind == "word" and at(self._tokens, i - 1) != "."
        }

    def _field(self, i: int) -> str:
        """The field that is selected of a name: `m.value` or `m["value"]`."""
        if at(self._tokens, i + 1) == ".":
            return at(self._tokens, i + 2)
        text = PLAIN.fullmatch(at(self._tokens, i + 2)) if at(self._tokens, i + 1) == "[" else None
        return text[1] if text else ""

    def _has_results(self, begin: int, end: int, scopes: Scopes) -> bool:
        words = (i for i in range(begin, end) if self._tokens[i].kind == "word" and at(self._tokens, i - 1) != ".")
        return any(self._tokens[i].text == "metrics" or scopes.get(self._tokens[i].text, False) for i in words)

    def _number(self, call: _Call) -> int:
        self.choices.append(self._source[self._tokens[call.start].start : self._tokens[call.close].end])
        return len(self.choices) - 1


def _joined(pieces: Sequence[_Fragment]) -> str:
    return " ".join(piece.text for piece in pieces)
