"""What an address asks to see of a lineage, and the addresses of the views beside it.

All of a view is in its address, so that it can be shared and every control is a link or a form without a script.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from descentd.app.explorer.address import address
from descentd.app.explorer.layout.drawing import Flow
from descentd.app.explorer.slices import slice_from, slice_text
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.inputs.datasets import Relation
from descentd.graph.inputs.versions import TrainingRole
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import ENTITIES, INFLUENCE, Kind, Role
from descentd.graph.model.reach import Direction
from descentd.queries.evaluation.composites import Slice
from descentd.queries.lineage.selection.folding import Filter
from descentd.queries.lineage.selection.select import EACH, KINDS, Choice, Opened
from descentd.queries.overview.version_status import Status

DRAWN_KINDS: Final = (*sorted(ENTITIES), Kind.DEPLOYMENT)
"""Kinds that pass influence on, so that a lineage can hold them."""

CHOICES: Final = {
    "kind": Vocabulary(DRAWN_KINDS, several=True),
    "relation": Vocabulary(
        tuple(dict.fromkeys([*Relation, *TrainingRole, *sorted(INFLUENCE), Role.SAME_DATA])), several=True
    ),
    "status": Vocabulary(tuple(Status), several=True),
    "fold": Vocabulary(("on", "off")),
    "flow": Vocabulary(tuple(Flow)),
    "format": Vocabulary(("csv", "json", "svg")),
}
"""What the parameters may say that have a vocabulary; relations are those of records, and roles that have none."""

_OPENED: Final = re.compile(r"(\d{1,12})([ud])(\d{1,4})?")
_UNFOLDED: Final = re.compile(r"(\d{1,12})(?:x(\d{1,4}))?")
_LETTER: Final = {Direction.ANCESTORS: "u", Direction.DESCENDANTS: "d"}
_LONGEST: Final = 200
_ANY: Final = 999_999_999_999
"""A number that stands for any record."""
_NAMED: Final = 2
"""How often an address that opens a record names it: as what is opened, and as what is selected."""


@dataclass(frozen=True, slots=True)
class View:
    """What is asked to be seen.

    pulled: records that stand beside their fold; unfolded: by the number of a fold, how many times some of its members
    come out; slice: None where none is asked for, which is not the same as everybody; inside, find: the fold that is
    searched and for what; at: the record that is selected.
    """

    ref: str
    choice: Choice = field(default_factory=Choice)
    wanted: Filter = field(default_factory=Filter)
    pulled: frozenset[int] = frozenset()
    unfolded: tuple[tuple[int, int], ...] = ()
    folds: bool = True
    metric: str | None = None
    slice: Slice | None = None
    flow: Flow = Flow.RIGHT
    as_of: str | None = None
    inside: int | None = None
    find: str = ""
    at: int | None = None

    @classmethod
    def read(cls, ref: str, given: Mapping[str, str]) -> "View":
        """The view that the parameters of an address ask for, within `CHOICES`.

        Raises InvalidInput that names the parameter.
        """
        choice = Choice(
            _number(given, "up", 1),
            _number(given, "down", 1),
            _number(given, "each", EACH),
            frozenset(Kind(kind) for kind in _parts(given, "kind")) or KINDS,
            tuple(_opened(part) for part in _parts(given, "open")),
            given.get("to", "").strip() or None,
        )
        wanted = Filter(
            frozenset(_parts(given, "relation")),
            frozenset(Status(status) for status in _parts(given, "status")),
            given.get("name", "").strip()[:_LONGEST],
        )
        return cls(
            ref,
            choice,
            wanted,
            frozenset(_sequence(part, "out") for part in _parts(given, "out")),
            tuple(_unfolded(part) for part in _parts(given, "unfold")),
            given.get("fold") != "off",
            given.get("metric"),
            slice_from(given["slice"]) if given.get("slice") else None,
            Flow(given.get("flow", Flow.RIGHT)),
            given.get("asOf"),
            _sequence(given["in"], "in") if "in" in given else None,
            given.get("find", "")[:_LONGEST],
            _sequence(given["at"], "at") if "at" in given else None,
        )

    def but(self, **changes: Any) -> "View":
        """The same with other fields."""
        return replace(self, **changes)

    def choosing(self, **changes: Any) -> "View":
        """The same with another choice."""
        return replace(self, choice=replace(self.choice, **changes))

    def opening(self, record: int, direction: Direction) -> "View":
        """With the neighbours of a record, or more of them where some are drawn because it was opened already."""
        pages = {(one.record, one.direction): one.pages for one in self.choice.opened}
        pages[record, direction] = pages.get((record, direction), 0) + 1
        return self.choosing(opened=tuple(Opened(*of, number) for of, number in pages.items())).but(at=record)

    def closing(self, record: int, direction: Direction) -> "View":
        """Without the neighbours that were opened there."""
        left = (one for one in self.choice.opened if (one.record, one.direction) != (record, direction))
        return self.choosing(opened=tuple(left)).but(at=record)

    def unfolding(self, number: int, first: int) -> "View":
        """With some members of a fold, or some more, of which the first is selected."""
        times = dict(self.unfolded)
        unfolded = tuple({**times, number: times.get(number, 0) + 1}.items())
        return self.but(unfolded=unfolded, inside=None, find="", at=first)

    def folding(self, number: int) -> "View":
        """With all members in their fold again."""
        return self.but(unfolded=tuple(one for one in self.unfolded if one[0] != number), at=number)

    def pulling(self, record: int) -> "View":
        """With one member of a fold drawn beside it."""
        return self.but(pulled=self.pulled | {record}, inside=None, find="", at=record)

    def returning(self, record: int) -> "View":
        """With one that was pulled out in its fold again."""
        return self.but(pulled=self.pulled - {record}, at=record)

    @property
    def query(self) -> dict[str, str]:
        """The parameters, without those that ask for what is usual."""
        choice, wanted = self.choice, self.wanted
        opened = (f"{one.record}{_LETTER[one.direction]}{_times(one.pages)}" for one in choice.opened)
        texts = {
            "up": "" if choice.above == 1 else str(choice.above),
            "down": "" if choice.below == 1 else str(choice.below),
            "each": "" if choice.each == EACH else str(choice.each),
            "kind": "" if choice.kinds == KINDS else kinds_text(choice.kinds),
            "open": ",".join(opened),
            "to": choice.to or "",
            "relation": ",".join(sorted(wanted.relations)),
            "status": ",".join(sorted(wanted.statuses)),
            "name": wanted.name,
            "out": ",".join(map(str, sorted(self.pulled))),
            "unfold": ",".join(f"{of}x{times}" if times > 1 else str(of) for of, times in self.unfolded),
            "fold": "" if self.folds else "off",
            "metric": self.metric or "",
            "slice": "" if self.slice is None else slice_text(self.slice),
            "flow": "" if self.flow is Flow.RIGHT else self.flow,
            "asOf": self.as_of or "",
            "in": "" if self.inside is None else str(self.inside),
            "find": self.find,
            "at": "" if self.at is None else str(self.at),
        }
        return {name: text for name, text in texts.items() if text}

    @property
    def address(self) -> str:
        """The address of the page."""
        return address("lineage", self.ref, **self.query)

    def as_format(self, format: str) -> str:
        """The address of the same in another format."""
        return address("lineage", self.ref, **self.query, format=format)

    def fields(self, *without: str) -> dict[str, str]:
        """The parameters that a form has to keep when it asks for `without` itself."""
        return {name: value for name, value in self.query.items() if name not in without}


class Openings:
    """The addresses of `View.opening` for each record of a drawing: they are alike but for the record."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._opened = {(one.record, one.direction) for one in view.choice.opened}
        self._parts = {way: view.opening(_ANY, way).address.split(str(_ANY)) for way in Direction}

    def address(self, record: int, direction: Direction) -> str:
        """The address that shows more neighbours of a record."""
        parts = self._parts[direction]
        if (record, direction) in self._opened or len(parts) != _NAMED + 1:
            return self._view.opening(record, direction).address
        return str(record).join(parts)


def kinds_text(kinds: Collection[Kind]) -> str:
    """Kinds as an address has them."""
    return ",".join(kind for kind in DRAWN_KINDS if kind in kinds)


def _times(pages: int) -> str:
    return str(pages) if pages > 1 else ""


def _parts(given: Mapping[str, str], name: str) -> list[str]:
    return [part for part in given.get(name, "").split(",") if part]


def _number(given: Mapping[str, str], name: str, usual: int) -> int:
    text = given.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidInput(f"Expected a number ≥ 0, got {text[:40]}.", name)
    return int(text)


def _sequence(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InvalidInput(f"Expected the number of a record, got {text[:40]}.", name)
    return int(text)


def _opened(part: str) -> Opened:
    found = _OPENED.fullmatch(part)
    if not found:
        raise InvalidInput(f"Expected the number of a record with u for up or d for down, got {part[:40]}.", "open")
    direction = Direction.ANCESTORS if found[2] == "u" else Direction.DESCENDANTS
    return Opened(int(found[1]), direction, max(1, int(found[3] or 1)))


def _unfolded(part: str) -> tuple[int, int]:
    found = _UNFOLDED.fullmatch(part)
    if not found:
        raise InvalidInput(f"Expected the number of a folded node, got {part[:40]}.", "unfold")
    return int(found[1]), max(1, int(found[2] or 1))
