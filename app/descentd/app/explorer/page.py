"""What a page is: where it is, what it shows, and what may be done there."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup
from starlette.responses import Response

from descentd.app.auth.authentication import Principal
from descentd.app.auth.authorization import may
from descentd.app.explorer.address import address
from descentd.app.explorer.called import called, called_ref, linked
from descentd.app.explorer.forms import TOKEN
from descentd.app.explorer.table import Cell, Column, Table
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.app.explorer.wording import Wording
from descentd.app.explorer.words import Words
from descentd.graph.metrics import nearest
from descentd.graph.model.errors import DescentError, Internal, InvalidInput, ReadOnly, Unavailable
from descentd.graph.model.kinds import DATA, VERSION, Kind
from descentd.graph.model.records import Brief
from descentd.queries.pages import MOST
from descentd.queries.registry import Registry

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

NAMED: Final = VERSION | DATA
"""The kinds of record that people name."""

_WRITTEN: Final = ("text", "reason", "conditions", "author", "title", "description")
"""The fields of forms that somebody writes in."""
_DIGITS: Final = 9
_OF_ALL: Final = ("after", "asOf", "format", "table")
"""The parameters that every page has."""
_LIKENESS: Final = 0.75
"""From which on a name is another one that is spelled wrong, up to 1."""
_LONGEST: Final = 80
"""Characters of what is not known that are repeated."""
_REF_AT_END: Final = "/{ref:path}"

_REF: Final = r"(?:model|dataset):[^\s;,()]+@[^\s;,()]*[^\s;,().:]"
"""A ref within a sentence, without spaces in its names and without the full stop or colon that follows it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent and was not done: which act, what was filled in, and why not.

    known: whether it is known that nothing was recorded, which it is not where the store went away meanwhile.
    """

    act: str
    fields: Mapping[str, str]
    problem: DescentError
    known: bool = True

    @property
    def written(self) -> Sequence[str]:
        """The texts that somebody wrote, to be shown again where there is no form for them."""
        return [self.fields[name] for name in _WRITTEN if self.fields.get(name)]

    @property
    def may_be_sent_again(self) -> bool:
        """Whether the same form may be sent again, token and all: what it asks for is recorded once, however often."""
        away = isinstance(self.problem, Unavailable | Internal) and not isinstance(self.problem, ReadOnly)
        return away and TOKEN in self.fields


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some items of a list of `total`, after `start` others; `more` leads to the next ones, `back` to the first.

    total: None where not all of the list was looked through.
    """

    items: Sequence[T]
    total: int | None
    more: str | None = None
    back: str | None = None
    start: int = 0

    def table(self, name: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Table:
        """The table of a list, of which `rows` say the items."""
        return Table(name, columns, rows, self.total, self.more, self.back, self.start)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a page.

    ref: the rest of the path, "" where the page has none; upto: the sequence that it is asked at; moment: what `as_of`
    means (microseconds since 1970 UTC), None for now; given: the moment that its address asks for, None where it asks
    for none, which is not shown by a page that can only show now, nor before it has come; path: the page's own address
    without its query.
    """

    registry: Registry
    principal: Principal
    words: Words
    path: str
    ref: str
    query: Mapping[str, str]
    as_of: str | None
    upto: int
    moment: int | None
    given: int | None = None
    sent: Sent | None = None

    @property
    def is_past(self) -> bool:
        """Whether the past is shown: of a moment to come, now is."""
        return self.moment is not None

    def may(self, field: str) -> bool:
        """Whether whoever asks may do what a root field of the schema does, by their roles."""
        return may(field, self.principal.roles)

    @property
    def filtered(self) -> bool:
        """Whether a list is narrowed by something that is asked for."""
        return bool(self.query.keys() & {"name", "environment", "kind", "category", "severity", "version"})

    @property
    def wording(self) -> Wording:
        """How sentences of rules, decisions and assessments are said on this page."""
        return Wording(self.words, self.is_past)

    def record(self, record: Brief, tone: str = "", chip: str = "", note: str = "") -> Cell:
        """A cell that leads to a record, under its name; in CSV it is its ref."""
        return Cell(called(record), self.to("record", record.ref), tone, chip, note, value=record.ref)

    def day(self, moment: int | str, note: str = "") -> Cell:
        """A cell of the day of a moment; in CSV it is the moment in RFC 3339."""
        return Cell(self.words.day(moment), note=note, value=self.words.exact(moment))

    def moment_cell(self, moment: int | str) -> Cell:
        """The same to the minute."""
        return Cell(self.words.moment(moment), value=self.words.exact(moment))

    @property
    def for_csv(self) -> bool:
        """Whether a table is asked for as CSV, which has all of its rows."""
        return self.query.get("format") == "csv"

    def most(self, shown: int) -> int:
        """How many rows of a list are asked for at once: those that a page shows, and for CSV as many as there may be.

        CSV goes on where a table says that there is more, so that every list is to say it.
        """
        return MOST if self.for_csv else shown

    def first(self, items: Sequence[T], shown: int, more: str | None = None) -> Part[T]:
        """The first of a list of which the page at `more` has the rest, and for CSV all of it."""
        if self.for_csv or len(items) <= shown:
            return Part(items, len(items))
        return Part(items[:shown], len(items), more)

    def following(self, more: str | None) -> "Asked | None":
        """The request for the next rows of a table; None where there are none, or where they are on another page."""
        path, _, query = (more or "").partition("?")
        return replace(self, query=dict(parse_qsl(query))) if more and path == self.path else None

    def to(self, view: str, ref: str = "", /, **query: str | None) -> str:
        """The address of another page as of the same moment."""
        as_of = self.query.get("asOf")
        return address(view, ref, **query, asOf=as_of) if query or as_of else address(view, ref)

    def sentence(self, text: str, refs: Collection[str] = (), of: str = "") -> Markup:
        """A sentence of ours in which refs lead to their records, under their names.

        refs: those that may be in it, where a name with spaces could be; others are recognised by their form. of: the
        version whose page it is on, beside which others of its model are called by their numbers.
        """
        named = sorted((ref for ref in refs if ref in text), key=len, reverse=True)
        known = "|".join([*map(re.escape, named), _REF])
        return Markup("").join(
            linked(self.to("record", part), part, of) if place % 2 else part
            for place, part in enumerate(re.split(f"({known})", text))
        )

    def named(self, text: str) -> str:
        """A sentence of ours with what records are called in place of refs, where it cannot lead to them."""
        return re.sub(_REF, lambda found: called_ref(found[0]), text)

    def one_of(self, kinds: type[E], name: str) -> E | None:
        """The one of an enumeration that a parameter names, which the choices of the page hold; None for none."""
        return kinds(self.query[name]) if name in self.query else None

    def back(self, name: str = "after") -> str | None:
        """The address of the first rows of a list of which later ones are shown."""
        return self.again(**{name: None}) if name in self.query else None

    def cursor(self, name: str = "after") -> str | None:
        """Where a list goes on, None from its beginning: its address has the cursor after how many rows are before."""
        return self.query[name].rpartition(":")[2] if name in self.query else None

    def listed(
        self,
        name: str,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        total: int,
        cursor: str | None,
        after: str = "after",
    ) -> Table:
        """The table of a list that goes on at a cursor, None where it ends, to which `after` leads in its address.

        The address has how many rows are before, too; one that does not say it is taken as well.
        """
        given = self.query[after].rpartition(":")[0] if after in self.query else "0"
        start = int(given) if given.isascii() and given.isdigit() and len(given) <= _DIGITS else None
        onward = cursor if start is None else f"{start + len(rows)}:{cursor}"
        more = None if cursor is None else self.again(**{after: onward})
        return Table(name, columns, rows, total, more, self.back(after), start)

    def part(self, items: Sequence[T], shown: int, name: str = "after") -> Part[T]:
        """The items of a list that are asked for: as many as a page shows, after as many as the query says by `name`.

        Raises InvalidInput where it says no number.
        """
        given = self.query.get(name, "0")
        if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
            raise InvalidInput(f"Expected in {name} how many rows to leave out, such as 50: open the page again.", name)
        begin = int(given)
        end = begin + self.most(shown)
        more = self.again(**{name: str(end)}) if end < len(items) else None
        return Part(items[begin:end], len(items), more, self.back(name), begin)

    def part_of_block(self, items: Sequence[T], shown: int, name: str, cursor: str | None) -> Part[T]:
        """The same of a block of a longer list; cursor: where the next block begins, None where there is none.

        Within a block its own parameter leads on, and from block to block that of cursors.
        """
        part = self.part(items, shown, name)
        further = None if cursor is None else self.again(after=cursor, **{name: None})
        back = self.again(after=None, **{name: None}) if self.query.keys() & {"after", name} else None
        is_whole = cursor is None and "after" not in self.query
        return replace(part, total=part.total if is_whole else None, more=part.more or further, back=back)

    def again(self, /, **query: str | None) -> str:
        """The address of this page with another query; what is None is left out of it."""
        given = {name: value for name, value in {**self.query, **query}.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows: its title, the values of its template and its tables, by which CSV is asked for."""

    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    template: str | None = None
    """The template where it is not the one of the page's name."""
    in_pieces: bool = False
    """Whether it is sent while it is made, since it takes long; its values are functions, which raise nothing."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that may be done on a page: `name` is in its form, `field` the root field of the schema that does it.

    do: does it, by what was filled in, and returns the address that shows it.
    """

    name: str
    field: str
    do: Callable[[Asked, Mapping[str, str]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: `path` is its route, `show` answers it, `acts` are what may be done there.

    as_of: whether it can be asked about the past; the others say that they show now; choices: what the parameters of
    its address may say that have a vocabulary, whatever else is asked; takes: the names of its other parameters, but
    those of all pages and of its lists; kinds: of the records that it can be about.
    """

    name: str
    path: str
    show: Callable[[Asked], Awaitable[View | Response]]
    acts: Sequence[Act] = ()
    as_of: bool = True
    choices: Mapping[str, Vocabulary] = field(default_factory=dict)
    takes: Sequence[str] = ()
    kinds: frozenset[Kind] = NAMED

    @property
    def routes(self) -> Sequence[str]:
        """Its route and, where that ends with a ref, the one without: there records are offered to choose from."""
        bare = self.path.removesuffix(_REF_AT_END)
        return [self.path] if bare == self.path else [self.path, bare]

    @property
    def of_record(self) -> bool:
        """Whether it is about a record, which its address names."""
        return self.path.endswith(_REF_AT_END)

    def check(self, query: Mapping[str, str]) -> None:
        """Raise InvalidInput where a parameter says what it cannot, or is spelled otherwise than one that there is.

        A filter that is not applied would say of what it hides that there is none. What is like no parameter is left
        alone: those who pass addresses on add some of their own.
        """
        known = {*self.choices, *self.takes, *_OF_ALL}
        for name in query.keys() - known:
            if meant := nearest(name, known, 1, _LIKENESS):
                raise InvalidInput(f"There is no parameter {name[:_LONGEST]!r}: did you mean {meant[0]}?", name)
        for name, choice in self.choices.items():
            if name in query:
                choice.check(name, query[name])

    def act(self, name: str) -> Act | None:
        """The act with a name."""
        return next((act for act in self.acts if act.name == name), None)
