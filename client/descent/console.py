"""Output of the command line: data to stdout, everything else to stderr.

On a terminal, tables have rules and colours and wrap long references; otherwise they are aligned text, one line for
each row, and nothing is cut off. rich is imported where it is used, so that `--help` answers sooner.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from descent.errors import DescentError, GateBlocked, Problem
from descent.names import misleads

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "TRAINED": "red", "NOT_TRAINED": "green", "UNKNOWN": "yellow",
    "GO": "green", "NO_GO": "bold red",
    "APPROVED": "green", "REJECTED": "bold red", "FLAGGED": "bold red", "UNREVIEWED": "yellow",
    "ERODED": "bold red", "STABLE": "green", "IMPROVED": "green", "WORSE": "red", "BETTER": "green",
    "PASSED": "green", "BLOCKED": "bold red", "INCOMPLETE": "yellow",
    "RESISTED": "green", "REPRODUCED": "bold red", "NOT_RUN": "yellow",
    "CRITICAL": "bold red", "HIGH": "red", "QUARANTINE": "red", "DECOMMISSION": "bold red",
    "OPEN": "red", "not met": "red", "not current": "yellow",
}  # fmt: skip
"""Colours of the words that readers look for first."""

_DIGESTS = ("id", "digest")
"""Columns of which a terminal shows only the beginning: nobody reads 64 digits, and search finds the rest."""


def printable(text: str) -> str:
    """Return text that is safe to print on a terminal: control and bidi characters are escaped."""
    return "".join(f"\\u{ord(c):04x}" if misleads(c) and c not in "\t\n" else c for c in text)


def stdout() -> "Console":
    """Return the console for data; its width is unlimited if stdout is not a terminal."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else 1_000_000)


def stderr() -> "Console":
    """Return the console for progress and errors."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, markup=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """Print data as JSON, for programs; characters that control a terminal are printed as JSON escapes."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(data, indent=2, ensure_ascii=not utf8)
    sys.stdout.write("".join(json.dumps(c)[1:-1] if misleads(c) and c != "\n" else c for c in text) + "\n")


def print_line(text: str = "", style: str = "") -> None:
    """Print one line of data."""
    from rich.text import Text

    stdout().print(Text(printable(text), style), soft_wrap=not sys.stdout.isatty())


def print_heading(text: str) -> None:
    """Print the heading of a part of a page."""
    print_line()
    print_line(text, "bold")


def print_item(text: str) -> None:
    """Print one item of a list on a page; its further lines are indented."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_row(Text(" •"), Text(printable(text)))
    stdout().print(table) if sys.stdout.isatty() else print_line(f" • {text}")


def print_pairs(pairs: Iterable[Sequence[str]]) -> None:
    """Print names with their values, one pair on each line."""
    from rich.cells import cell_len

    rows = [[f"  {printable(name)}", printable(value)] for name, value in pairs]
    width = max(cell_len(name) for name, _ in rows)
    for name, value in rows:
        print_line(f"{name}{' ' * (width - cell_len(name))}  {value}")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; None is an empty cell."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _print_aligned([list(headings), *cells])
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for position, heading in enumerate(headings):
        numeric = all(row[position].isdigit() for row in cells) and bool(cells)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        shown = [_brief(cell) if heading in _DIGESTS else cell for heading, cell in zip(headings, row, strict=True)]
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in shown))
    stdout().print(table)


def print_grouped(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table whose rows are longer than a line of a terminal: there, those with one first cell are its list."""
    if not sys.stdout.isatty():
        print_table(headings, rows)
        return
    before: object = None
    for first, *cells in rows:
        if first != before:
            print_line(str(first), "bold")
        named = zip(headings[1:], cells, strict=True)
        print_item("; ".join(f"{heading}: {cell}" for heading, cell in named if cell not in (None, "")))
        before = first


def _brief(digest: str) -> str:
    return f"{digest[:19]}…" if digest.startswith("sha256:") else digest


def _print_aligned(rows: list[list[str]]) -> None:
    from rich.cells import cell_len

    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(cell_len(row[position]) for row in rows) for position in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def derivation(via: Sequence[dict[str, Any]]) -> str:
    """Return a derivation as text, the cause first: `dataset:d@1#p ←TRAINED_ON- model:m@1`.

    An arrow points to the record that something was made from, also in a step back: `#sample -DERIVED_FROM→ #train`.
    On a terminal every step has its own line, so that long derivations stay legible.
    """
    between = "\n" if sys.stdout.isatty() else " "
    text = ""
    for step in via:
        role = step["role"]
        arrow = "" if role is None else "=SAME_DATA= " if role == "SAME_DATA" else f"←{role}- "
        arrow = f"-{role}→ " if step.get("back") else arrow
        text += (between if text else "") + arrow + step["ref"]
    return text


def several(parts: Sequence[str]) -> str:
    """Return several texts as one cell: one line for each on a terminal, otherwise with commas."""
    return ("\n" if sys.stdout.isatty() else ", ").join(parts)


def report(problem: Problem, source: str | None = None) -> None:
    """Print an error to stderr on one line: its place, its message and its code."""
    from rich.text import Text

    place = ":".join(str(part) for part in (source, problem.line, problem.column) if part is not None)
    where = "".join(f"{part}: " for part in (place, problem.field) if part)
    code = f" ({problem.code})" if problem.code else ""
    sentence = " ".join(printable(f"{where}{problem.message}").split())
    stderr().print(Text.assemble(("error: ", "bold red"), sentence, (code, "dim")))


def warn(*texts: str) -> None:
    """Print warnings to stderr; the command goes on."""
    from rich.text import Text

    for text in texts:
        stderr().print(Text.assemble(("warning: ", "yellow"), printable(text)))


def say_rest(shown: int, total: int | None) -> None:
    """Print how many rows were shown of how many, if not all were shown."""
    if total is not None and shown < total:
        say(f"{shown} of {total}; --all shows all.")


def say_if_nothing(total: int | None) -> None:
    """Print that nothing was found, if a table would be empty."""
    if total == 0:
        say("Nothing was found.")


def say(text: str) -> None:
    """Print a line of progress to stderr."""
    from rich.text import Text

    stderr().print(Text(printable(text)))


def exit_code(error: DescentError) -> int:
    """Return the exit code for an error: 3 gate blocked, 4 evidence missing, 1 anything else."""
    if not isinstance(error, GateBlocked):
        return 1
    return 4 if error.problems[0].extensions.get("outcome") == "INCOMPLETE" else 3
