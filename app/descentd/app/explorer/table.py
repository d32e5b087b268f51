"""Tables: what a page shows in rows and columns, and the same as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from descentd.app.explorer.numbers import ends, exact, interval

_ACT: Final = "act"
"""The key of a column in which something may be done."""
_STYLES: Final = {
    **dict.fromkeys(("when", "day", "since", "answer", "outcome"), "short "),
    **dict.fromkeys(("why", "saw", "policy", "shown_by", "worse"), "long "),
    _ACT: "short act ",
}
"""By the key of a column, the classes of its cells."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `key` names its heading in the catalogue and in CSV. Numbers line up at the right."""

    key: str
    number: bool = False
    heading: str | None = None
    """The heading where it is no word of the catalogue, such as the name of a version."""
    estimate: bool = False
    """Whether its numbers have intervals, the ends of which are two columns of the CSV."""
    says: bool = False
    """Whether something may be said beside what machines read of it, which is a column of the CSV."""

    @property
    def acts(self) -> bool:
        """Whether something may be done in its cells, which is in sight on the narrowest screen."""
        return self.key == _ACT

    @property
    def style(self) -> str:
        """The classes of its cells: numbers line up at the right, and what is short is not broken into lines.

        Sentences are given room where a table is wider than its place.
        """
        return f"{'number ' if self.number else ''}{_STYLES.get(self.key, '')}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, where it leads, and its tone (`bad`, `good`, `open` or `soft`).

    chip: a word with the tone in front of the text; note: what is said below it in small; repeated: the text is that of
    the row above, and is shown to screen readers and in CSV only.
    """

    text: str = ""
    href: str | None = None
    tone: str = ""
    chip: str = ""
    note: str = ""
    repeated: bool = False
    chip_href: str | None = None
    """Where the word in front leads, where that is elsewhere."""
    value: str | None = None
    """What machines read in place of the text: a ref, a moment in RFC 3339, a plain number."""
    interval: tuple[float, float] | None = None
    """The ends of the interval of a number."""

    @property
    def bare(self) -> str:
        """What machines read."""
        return self.text if self.value is None else self.value

    @property
    def said(self) -> str:
        """What is said beside the text."""
        return "; ".join(part for part in (self.chip, self.note) if part)

    @property
    def plain(self) -> str:
        """All of it as a text, for CSV."""
        return " ".join(part for part in (self.chip, self.text, self.note and f"({self.note})") if part)


def count_cell(number: int | None) -> Cell:
    """How many there are; empty where that is not known."""
    return Cell() if number is None else Cell(f"{number:,}", value=str(number))


def estimate_cell(value: float, error: float | None, bounds: tuple[float, float]) -> Cell:
    """A number with its 95 % interval."""
    return Cell(interval(value, error, bounds), value=exact(value), interval=ends(value, error, bounds))


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a name that its CSV is asked for by; the caption is `table.NAME` in the catalogue.

    total: how many rows there are, where not all of them are here; more: the address of the next rows; back: that of
    the first, where others are here; start: how many are before these, None where that is not known.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]] = field(default=())
    total: int | None = None
    more: str | None = None
    back: str | None = None
    start: int | None = 0

    @property
    def by_row(self) -> bool:
        """Whether it is read row by row, as lists of records are and those where something may be done.

        On a narrow screen the cells of a row then follow each other as words do. Measured numbers are read down a
        column, and so is whatever has more numbers than words.
        """
        if any(column.acts for column in self.columns):
            return True
        numbers = sum(column.number for column in self.columns)
        return 2 * numbers <= len(self.columns) and not any(column.estimate for column in self.columns)

    def csv(self, headings: bool = True) -> str:
        """The rows as RFC 4180 has them, safe to open in a spreadsheet; `headings`: with a line of them.

        Of a cell its value is there, or else its text, alone: the ends of its interval and what is said beside it are
        columns of their own. Which there are depends on the table alone, whatever its rows are; what may be done in a
        cell is none.
        """
        out = io.StringIO()
        columns = [
            list(_written(column, cells))
            for column, cells in zip(self.columns, self._by_column(), strict=True)
            if not column.acts
        ]
        rows = list(zip(*(each for written in columns for each in written), strict=True))
        wanted = rows if headings else rows[1:]
        csv.writer(out, lineterminator="\r\n").writerows([_safe(text) for text in row] for row in wanted)
        return out.getvalue()

    def _by_column(self) -> Iterator[list[Cell]]:
        return ([row[place] for row in self.rows] for place, _ in enumerate(self.columns))


def _written(column: Column, cells: Sequence[Cell]) -> Iterator[list[str]]:
    """A column as CSV has it, with its heading: one column or several."""
    heading = column.heading or column.key
    # What is said in a column that is not known to say anything is not left out.
    yield [heading, *(cell.bare if column.says or not cell.said else cell.plain for cell in cells)]
    if column.estimate:
        for place, end in enumerate(("low", "high")):
            yield [f"{heading} {end}", *(exact(cell.interval[place]) if cell.interval else "" for cell in cells)]
    if column.says:
        yield [f"{heading} says", *(cell.said for cell in cells)]


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: numbers stay as they are."""
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def repeated(texts: Sequence[str]) -> Iterator[bool]:
    """Of each text whether it is the one before it again."""
    before: str | None = None
    for text in texts:
        yield text == before
        before = text
