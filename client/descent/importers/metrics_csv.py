"""A long table of results in CSV, one result a row: what Fairlearn, AIF360 and Evidently give once it is melted.

Columns, in any order and case: `metric` and `value` always; `version`, `suite`, `suite_version`, `group`, `n`,
`stderr`, `clusters`, `data`, `evaluated_at`, `evaluator` where there are any; `group:ATTRIBUTE` for a group by one
attribute.

- `version` is NAME@VERSION, or the version with `--model NAME`; without it `--model NAME@VERSION` is for all rows.
- `suite` is NAME@VERSION, or the name with `suite_version`.
- `group` is empty (or `overall`) for all rows together, or `age_group=65+`, several with `;`: `age_group=65+;sex=F`.

Rows of one version, suite, data, moment and evaluator are one evaluation.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from descent.errors import LIMIT, NotImported, Problem
from descent.formatting import noun
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.metrics import NotPlaced, outside_range
from descent.importers.moments import moment_as_utc
from descent.importers.reading import Sources, read_text, refused
from descent.names import Ref, fault_in_name, fault_in_new_name

_REQUIRED: Final = ("metric", "value")
_COLUMNS: Final = (*_REQUIRED, "version", "suite", "suite_version", "group", "n", "stderr", "clusters", "data",
                   "evaluated_at", "evaluator")  # fmt: skip
_ALSO: Final = {"variable": "metric", "metric_name": "metric", "model_version": "version", "subject": "version",
                "count": "n", "standard_error": "stderr", "std_error": "stderr", "dataset": "data"}  # fmt: skip
"""Other names of columns; `variable` is what pandas calls it when it melts a table."""

_GROUP: Final = "group:"
_DELIMITERS: Final = (",", ";", "\t", "|")
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NOT_MEASURED: Final = {"", "nan", "na", "n/a", "none", "null", "inf", "-inf", "infinity", "-infinity"}
_T = TypeVar("_T")


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each table."""
    for file in sources.files(path, (".csv", ".tsv", ".csv.gz", ".tsv.gz")):
        yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluations in a table; raises NotImported with all that is wrong in any of its rows."""
    draft = Draft(unit.source)
    tables: dict[tuple[str, ...], _Evaluation] = {}
    problems: list[Problem] = []
    shared: dict[tuple[str, ...], list[Problem]] = {}
    first: dict[tuple[object, ...], _Row] = {}
    for row in _rows(read_text(unit.files[0]), unit.source, problems):
        key, before = row.key(), len(problems)
        if key not in shared:
            shared[key] = _Evaluation(row).problems(context)
        problems += [replace(one, line=row.line, field=one.field or "version") for one in shared[key]]
        given = row.given(draft, context, problems)
        if given is None or len(problems) > before:
            continue
        result = (key, given.name, tuple(sorted((given.slice or {}).items())))
        if (earlier := first.setdefault(result, row)) is not row:
            if earlier.cells != row.cells:
                message = f"Line {earlier.line} gives another value for the same result."
                problems += row.fault("metric", message).problems
            continue
        tables.setdefault(key, _Evaluation(row)).given.append(given)
    if problems:
        raise NotImported(_bounded(problems), unit.source)
    for table in tables.values():
        table.add(draft, context)
    return draft


def _bounded(problems: list[Problem]) -> list[Problem]:
    """Return the problems; of more than an error can hold, the last says how many more there are, and to which line."""
    if len(problems) <= LIMIT:
        return problems
    more = f"{len(problems) - LIMIT + 1:,} more cells or rows are wrong, up to line {problems[-1].line}."
    return [*problems[: LIMIT - 1], Problem(more, None, None, problems[LIMIT - 1].line)]


def _attempt(read: Callable[[], _T], problems: list[Problem]) -> _T | None:
    """Return what is read; None if it cannot be read, and why is added to the problems."""
    try:
        return read()
    except NotImported as error:
        problems += error.problems
        return None


@dataclass(slots=True)
class _Row:
    """A row of the table: its cells by column, without outer spaces."""

    source: str
    line: int
    cells: dict[str, str]

    def cell(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def at(self, column: str) -> At:
        return At(self.cell(column), (column,), self.source, self.line)

    def fault(self, column: str, message: str) -> NotImported:
        return NotImported([Problem(message, None, column, self.line)], self.source)

    def key(self) -> tuple[str, ...]:
        """Return what makes rows one evaluation."""
        columns = ("version", "suite", "suite_version", "data", "evaluated_at", "evaluator")
        return tuple(self.cell(column) or "" for column in columns)

    def given(self, draft: Draft, context: Context, problems: list[Problem]) -> Given | None:
        """Return the result; None where nothing was measured, which the draft then says, or where a cell is wrong.

        Each cell that is wrong is added to the problems.
        """
        before = len(problems)
        name, value = self.cell("metric"), self.cells["value"]
        name = name and name.removesuffix("()")  # as ids of Evidently have it
        if name is None:
            problems += self.fault("metric", "The metric has no name.").problems
        measured = self.measured("value")
        number = _attempt(lambda: self.value(name, context), problems) if measured else None
        n = _attempt(lambda: self.whole("n"), problems)
        clusters = _attempt(lambda: self.whole("clusters"), problems)
        stderr = _attempt(self.stderr, problems)
        group = _attempt(self.slice, problems)
        if name is None or len(problems) > before:
            return None
        if not measured or n == 0:
            why = "n is 0" if measured else f"no value ({value or 'empty'})"
            draft.skip(f"line {self.line}", f"{name}: {why}, so nothing was measured.")
            return None
        at = At(number, (), self.source, self.line)
        return Given(name, at, stderr, n, clusters if stderr is not None else None, group or None)

    def value(self, name: str | None, context: Context) -> float:
        """Return the value, which is in the range of the metric if that is known."""
        number = self.number("value")
        if name is None:
            return number
        try:
            metric = context.table.find(name, (self.cell("suite") or "").partition("@")[0])
        except NotPlaced:  # which is said of the whole result
            return number
        if fault := outside_range(metric, number * metric.factor):
            raise self.fault("value", fault)
        return number

    def stderr(self) -> float | None:
        stderr = self.number("stderr") if self.measured("stderr") else None
        if stderr is not None and stderr < 0:
            raise self.fault("stderr", f"Expected a number ≥ 0, got {self.cell('stderr')}.")
        return stderr

    def measured(self, column: str) -> bool:
        return self.cells.get(column, "").lower() not in _NOT_MEASURED

    def number(self, column: str) -> float:
        text = self.cells[column]
        if not _NUMBER.fullmatch(text):
            hint = ""
            if text.endswith("%"):
                hint = ": write a percentage as a fraction, 0.12 for 12%"
            elif re.fullmatch(r"[-+]?\d+,\d+", text):
                hint = ": write a decimal point"
            raise self.fault(column, f'Expected a number, got "{text}"{hint}.')
        value = float(text)
        if not math.isfinite(value):
            raise self.fault(column, f"Expected a finite number, got {text}.")
        return value

    def whole(self, column: str) -> int | None:
        if not self.measured(column):
            return None
        value = self.number(column)
        if value != int(value) or value < 0:
            raise self.fault(column, f"Expected a whole number ≥ 0, got {self.cell(column)}.")
        return int(value)

    def slice(self) -> dict[str, str]:
        """Return the group: its attributes and values."""
        found: dict[str, str] = {}
        text = self.cell("group") or ""
        for part in (one.strip() for one in text.split(";")) if text.lower() != "overall" else ():
            if not part:
                continue
            attribute, equals, value = (one.strip() for one in part.partition("="))
            if not (attribute and equals and value):
                raise self.fault("group", f'"{part}" does not say of which attribute: write it as age_group={part}.')
            self._into(found, attribute, value, "group")
        for column, value in self.cells.items():
            if column.startswith(_GROUP) and value:
                self._into(found, column.removeprefix(_GROUP).strip(), value, column)
        return found

    def _into(self, found: dict[str, str], attribute: str, value: str, column: str) -> None:
        if found.setdefault(attribute, value) != value:
            raise self.fault(column, f"{attribute} is {found[attribute]} and {value} in one group.")


@dataclass(slots=True)
class _Evaluation:
    """The results of one version by one suite, with the first of their rows."""

    row: _Row
    given: list[Given] = field(default_factory=list)

    def add(self, draft: Draft, context: Context) -> None:
        row = self.row
        suite = self._suite(draft)
        evaluation: dict[str, Any] = {
            "subject": self._subject(draft, context),
            "suite": suite,
            "data": self._data(),
            "evaluatedAt": moment_as_utc(row.at("evaluated_at"), draft),
            "evaluator": row.cell("evaluator"),
            "metrics": context.results(draft, self.given, suite["name"]),
        }
        draft.evaluation(evaluation, f"line {row.line}" if len(self.given) == 1 else f"line {row.line} and others")

    def problems(self, context: Context) -> list[Problem]:
        """Return what is wrong with the version, the suite and the data that the rows name."""
        found: list[Problem] = []
        draft = Draft(self.row.source)
        _attempt(lambda: self._subject(draft, context), found)
        _attempt(lambda: self._suite(draft), found)
        _attempt(self._data, found)
        return found

    def _suite(self, draft: Draft) -> dict[str, Any]:
        row = self.row
        name, _, version = (row.cell("suite") or "").partition("@")
        version = version or row.cell("suite_version") or ""
        if not name:
            raise refused(row.source, "The row has no suite: name what measured it.", "suite", row.line)
        if not version:
            draft.skip(f"line {row.line}", f"The suite {name} has no version: it is recorded as {UNSTATED}.")
        for what, part in (("name", name), ("version", version or UNSTATED)):
            if fault := fault_in_name(part) or fault_in_new_name(part):
                raise refused(row.source, f'The {what} "{part}" of the suite {fault}.', "suite", row.line)
        return {"name": name, "version": version or UNSTATED}

    def _subject(self, draft: Draft, context: Context) -> str:
        row = self.row
        written = row.cell("version")
        if written is None:
            return context.subject(draft, None, None)
        stated, at, revision = written.removeprefix("model:").partition("@")
        if at:
            return context.subject(draft, At(stated, ("version",), row.source, row.line), revision)
        if context.model is None:
            hint = "write NAME@VERSION, or give --model NAME"
            raise refused(row.source, f'"{written}" is a version without a name: {hint}.', "version", row.line)
        if context.model[1] not in (None, written):
            message = (
                f"The version is {written}, but --model names {context.model[1]}: give --model {context.model[0]}."
            )
            raise refused(row.source, message, "version", row.line)
        return context.subject(draft, At(context.model[0], ("version",), row.source, row.line), written)

    def _data(self) -> str | None:
        data = self.row.cell("data")
        if data is None:
            return None
        ref = data if data.startswith(("dataset:", "sha256:")) else f"dataset:{data}"
        try:
            Ref.parse(ref)
        except ValueError as error:
            raise refused(self.row.source, f'"{data}" {error}.', "data", self.row.line) from error
        return ref


# ---------------------------------------------------------------- the table


def _rows(text: str, source: str, problems: list[Problem]) -> Iterator[_Row]:
    """Yield the rows; those that have more or fewer cells than the header are added to the problems.

    The delimiter is the one by which the first line names the columns.
    """
    lines = text.splitlines(keepends=True)
    skipped = next((i for i, line in enumerate(lines) if line.strip() and not line.lower().startswith("sep=")), None)
    if skipped is None:
        raise refused(source, "The file is empty.")
    delimiter = max(_DELIMITERS, key=lambda one: len(_known(next(csv.reader([lines[skipped]], delimiter=one), []))))
    reader = csv.reader(io.StringIO("".join(lines[skipped:]), newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        columns = _columns(header, source, skipped + 1)
        for cells in reader:
            line = skipped + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                cell = noun(len(cells), "cell", "cells")
                message = f"The row has {len(cells)} {cell}, and the header names {len(header)} columns."
                problems.append(Problem(message, None, None, line))
                continue
            yield _Row(source, line, {c: cell.strip() for c, cell in zip(columns, cells, strict=True) if c})
    except csv.Error as error:
        problems.append(Problem(f"This is not valid CSV: {error}.", None, None, skipped + reader.line_num))


def _known(header: list[str]) -> set[str]:
    names = {_column(name) for name in header}
    return {name for name in names if name in _COLUMNS or name.startswith(_GROUP)}


def _column(name: str) -> str:
    """Return the name of a column: in lower case but for the attribute of a group."""
    prefix, colon, attribute = name.strip().partition(":")
    plain = prefix.strip().lower().replace(" ", "_").replace("-", "_")
    return f"{plain}:{attribute.strip()}" if colon and plain == "group" else _ALSO.get(plain, plain)


def _columns(header: list[str], source: str, line: int) -> list[str]:
    columns = [_column(name) for name in header]
    if missing := [name for name in _REQUIRED if name not in columns]:
        named = ", ".join(header)[:200]
        message = f"The table has no column {' and no column '.join(missing)}; it has {named}."
        raise refused(source, message, None, line)
    for position, name in enumerate(columns):
        if name and name in columns[:position]:
            raise refused(source, f"The column {name} is there twice.", None, line)
        if name and name not in _COLUMNS and not name.startswith(_GROUP):
            known = ", ".join(_COLUMNS)
            message = f'There is no column "{header[position]}"; a table may have {known} and group:ATTRIBUTE.'
            raise refused(source, message, None, line)
    return columns
