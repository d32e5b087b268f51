"""Answers as tables and graphs: rows for programs, data frames and graphs of other packages, HTML for notebooks.

pandas, Polars and NetworkX are imported when they are asked for; the client does not depend on them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from descent.errors import DescentError
from descent.formatting import noun

if TYPE_CHECKING:
    import networkx
    import pandas
    import polars

SHOWN: Final = 100
"""Rows of a table in a notebook."""

_LONGEST: Final = 300
"""Characters of a cell in a notebook."""

Row = dict[str, Any]


class MissingPackage(DescentError):
    """A package that an answer should be converted with is not installed; the message says how to install it."""


def rows(items: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return objects of an answer as flat rows: `node.ref` is the field `ref` of the object in the field `node`.

    An edge of a list is its node, with the fields of the edge itself before it; lists stay lists. All rows have the
    same columns in the same order, and None where a field is absent.
    """
    found = [_flat(item) for item in items]
    columns = list(dict.fromkeys(name for row in found for name in row))
    return [{name: row.get(name) for name in columns} for row in found]


def to_pandas(items: Sequence[Row]) -> "pandas.DataFrame":
    """Return rows as a data frame of pandas; raises MissingPackage."""
    frame: pandas.DataFrame = package("pandas").DataFrame(list(items))
    return frame


def to_polars(items: Sequence[Row]) -> "polars.DataFrame":
    """Return rows as a data frame of Polars, in which what is a list or object is JSON text; raises MissingPackage."""
    frame: polars.DataFrame = package("polars").DataFrame(
        [{name: _scalar(value) for name, value in row.items()} for row in items], infer_schema_length=None
    )
    return frame


def to_networkx(
    nodes: Iterable[Mapping[str, Any]], edges: Iterable[tuple[str, str, Row]]
) -> "networkx.MultiDiGraph[str]":
    """Return a graph of NetworkX, whose nodes are called by their refs; raises MissingPackage.

    Edges lead from what was derived to what it came from, and have the fields of their rows.
    """
    graph: networkx.MultiDiGraph[str] = package("networkx").MultiDiGraph()
    for node in nodes:
        graph.add_node(node["ref"], **{name: value for name, value in node.items() if name != "ref"})
    for source, target, about in edges:
        graph.add_edge(source, target, key=about.get("role"), **about)
    return graph


def to_html(items: Iterable[Row], total: int | None, caption: str = "") -> str:
    """Return rows as an HTML table without script, in which every text is escaped; at most 100 of them."""
    shown = list(islice(items, SHOWN))
    columns = list(shown[0]) if shown else []
    count = len(shown) if total is None else total
    of = f"{len(shown):,} of {count:,}" if count > len(shown) else f"{count:,}"
    head = "".join(f"<th>{_escaped(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_escaped(row[name])}</td>' for name in columns)}</tr>" for row in shown)
    title = f"{_escaped(caption)}, " if caption else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if shown else ""
    return f"<div><p>{title}{of} {noun(count, 'row', 'rows')}</p>{table}</div>"


def package(name: str) -> ModuleType:
    """Return an optional package; raises MissingPackage if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackage.because(f"{name} is not installed: `pip install {name}`.") from error


def _flat(item: Mapping[str, Any]) -> Row:
    """Return an object as one row; what is nested in it has the names on the way to it, joined by dots."""
    row: Row = {}
    waiting: list[tuple[str, Any]] = list(item.items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            inside = "" if name == "node" else f"{name}."
            waiting += [(f"{inside}{part}", member) for part, member in reversed(list(value.items()))]
        else:
            row.setdefault(name, value)
    return row


def _scalar(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _escaped(value: Any) -> str:
    if value is None:
        return ""
    from html import escape  # here, because only notebooks need it

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
