"""Answers that draw themselves in a notebook, and become rows, data frames and graphs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeGuard

from descent import tables
from descent.errors import InvalidInput, Problem

if TYPE_CHECKING:
    import networkx
    import pandas
    import polars

Json = dict[str, Any]


class Tabular(ABC):
    """What every answer with rows can do; a class that has it says what its items are."""

    @abstractmethod
    def _items(self) -> Iterable[Mapping[str, Any]]:
        """Return the objects that are the rows, all of them."""

    @abstractmethod
    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        """Return the objects that are there without asking the registry again, and how many there are in all."""

    def _graph(self) -> tuple[list[Json], list[tuple[str, str, Json]]]:
        """Return nodes and edges as `tables.to_networkx` takes them."""
        nodes: dict[str, Json] = {}
        edges: dict[tuple[str, str, str | None], None] = {}
        for item in self._items():
            _add_derivation(item, nodes, edges)
        return list(nodes.values()), [(source, target, {"role": role}) for source, target, role in edges]

    def rows(self) -> list[Json]:
        """Return all rows, each a dict from column to value; of a list this fetches all pages up to its limit.

        Columns are fields of GraphQL; `parents.node.ref` is the field of a nested object. Raises what every method of a
        client raises.
        """
        return tables.rows(self._items())

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame of pandas; raises MissingPackage if pandas is not installed."""
        tables.package("pandas")
        return tables.to_pandas(self.rows())

    def to_polars(self) -> "polars.DataFrame":
        """Return the rows as a data frame of Polars; raises MissingPackage if Polars is not installed."""
        tables.package("polars")
        return tables.to_polars(self.rows())

    def to_networkx(self) -> "networkx.MultiDiGraph[str]":
        """Return lineage or derivations as a graph of NetworkX, from what was derived to what it came from.

        Raises MissingPackage if NetworkX is not installed, and InvalidInput for an answer without derivations.
        """
        tables.package("networkx")
        return tables.to_networkx(*self._graph())

    def _repr_html_(self) -> str:
        """Return a table for a notebook: no script, every text escaped, and at most 100 rows."""
        items, total = self._first_items()
        return tables.to_html(tables.rows(items), total)


class Answer(dict[str, Any], Tabular):
    """An answer of the registry: a dict with the field names of GraphQL.

    Its rows are the items of the list in it (the nodes of a lineage, the nodes of a page), or itself as one row.
    """

    def _items(self) -> Iterable[Mapping[str, Any]]:
        return _listed(self)[0]

    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        return _listed(self)

    def _graph(self) -> tuple[list[Json], list[tuple[str, str, Json]]]:
        lineage = _lineage(self)
        if lineage is None:
            return super()._graph()
        refs = {_id(node): node["ref"] for node in lineage["nodes"]}
        nodes = [{name: value for name, value in node.items() if name != "node"} for node in lineage["nodes"]]
        edges = [
            (
                refs[edge["source"]],
                refs[edge["target"]],
                {k: v for k, v in edge.items() if k not in ("source", "target")},
            )
            for edge in lineage["edges"]
            if edge["source"] in refs and edge["target"] in refs
        ]
        return nodes, edges


def _listed(answer: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """Return the list in an answer and its length; one row if there is none."""
    value: Any = answer
    while True:
        for name in ("edges", "nodes"):
            found = value.get(name)
            if _is_table(found) and (name == "nodes" or all("node" in item for item in found)):
                return found, value.get("totalCount", len(found))
        inside = next(iter(value.values())) if len(value) == 1 else None
        if _is_table(inside):
            return inside, len(inside)
        if not isinstance(inside, Mapping):
            return [value], 1
        value = inside


def _is_table(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _lineage(answer: Mapping[str, Any]) -> Any:
    """Return the object in an answer that has nodes, and edges with source and target; None if there is none."""
    value: Any = answer
    while isinstance(value, Mapping):
        edges = value.get("edges")
        if _is_table(value.get("nodes")) and _is_table(edges) and all({"source", "target"} <= e.keys() for e in edges):
            return value
        value = next(iter(value.values())) if len(value) == 1 else None
    return None


def _id(node: Mapping[str, Any]) -> Any:
    inside = node.get("node")
    return inside.get("id") if isinstance(inside, Mapping) else node.get("id")


def _add_derivation(
    item: Mapping[str, Any], nodes: dict[str, Json], edges: dict[tuple[str, str, str | None], None]
) -> None:
    """Add the steps of a derivation, the cause first, to a graph; each edge once."""
    via = item.get("via")
    if not _is_table(via):
        message = "This answer has no derivations: ask for a lineage or an impact, or take rows()."
        raise InvalidInput([Problem(message)])
    for step in via:
        nodes.setdefault(step["ref"], {"ref": step["ref"]})
    end = item.get("node")
    if isinstance(end, Mapping) and "ref" in end:
        nodes[end["ref"]] = {**nodes.get(end["ref"], {}), **{k: v for k, v in end.items() if isinstance(v, str | int)}}
    for earlier, later in pairwise(via):
        source, target = (earlier, later) if later.get("back") else (later, earlier)
        edges[source["ref"], target["ref"], later["role"]] = None


def answered(value: Any) -> Any:
    """Return an object of JSON as an Answer, and anything else as it is."""
    return Answer(value) if isinstance(value, dict) else value
