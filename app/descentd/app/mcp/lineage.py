"""Tools about lineage: what a record came from and led to, by which ways, and what a cause affects."""

from typing import Annotated, Any, Final

from pydantic import Field

from descentd.app.mcp.asking import Asking, Json
from descentd.app.mcp.cursors import Place
from descentd.app.mcp.tool import Listed, Page, Tool, Versions, own_page, stated
from descentd.graph.inputs.base import Count, Flag, Ref
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.lineage import MOST as MOST_NODES
from descentd.queries.lineage.lineage import Direction
from descentd.queries.pages import MOST as MOST_PATHS

_ENDS: Final = 3
"""Steps at each end of a long derivation that are told beside a record."""


class LineageArguments(Page):
    """Whose lineage."""

    of: Ref
    """The record: model:NAME@VERSION, dataset:NAME@VERSION, dataset:NAME@VERSION#PARTITION, or an id."""

    direction: Direction = Direction.BOTH
    """ANCESTORS is what it came from, DESCENDANTS what came from it, BOTH is both."""

    depth: Count | None = None
    """The largest number of derivations away; unlimited by default."""


_LINEAGE: Final = """query ($of: Ref!, $direction: Direction!, $depth: Int, $limit: Int, $asOf: DateTime) {
  lineage(of: $of, direction: $direction, depth: $depth, limit: $limit, asOf: $asOf) {
    totalCount nodes { ref kind distance node { id } } edges { source target role relation }
  }
}"""


async def _lineage(asking: Asking, asked: LineageArguments, place: Place) -> Listed:
    upto = min(MOST_NODES, place.after + asked.size)
    variables = {"of": asked.of, "direction": asked.direction, "depth": asked.depth, "limit": upto}
    found = (await asking.ask(_LINEAGE, {**variables, "asOf": place.as_of}))["lineage"]
    nodes, total = found["nodes"], found["totalCount"]
    order = {node["node"]["id"]: number for number, node in enumerate(nodes)}
    items = [{"ref": node["ref"], "kind": node["kind"], "distance": node["distance"]} for node in nodes]
    for edge in found["edges"]:
        source, target = order[edge["source"]], order[edge["target"]]
        # Beside the later of its ends, so that it is told once, and both are known by then.
        side, other = ("from", target) if source >= target else ("to", source)
        joint = {"ref": nodes[other]["ref"], "role": edge["role"], "relation": edge["relation"]}
        items[max(source, target)].setdefault(side, []).append(stated(joint))
    if total > MOST_NODES:
        asking.warnings[f"Only the nearest {MOST_NODES:,} records are listed: ask with `depth`, or of others."] = None
    return Listed(items[place.after :], total, more=len(nodes) < min(total, MOST_NODES))


class PathsArguments(Page):
    """Between which records."""

    from_: Annotated[Ref, Field(alias="from")]
    """The ancestor."""

    to: Ref
    """The descendant."""


_PATHS: Final = """query ($from: Ref!, $to: Ref!, $first: Int, $asOf: DateTime) {
  paths(from: $from, to: $to, first: $first, asOf: $asOf) { count paths { steps { ref role back } } }
}"""


async def _paths(asking: Asking, asked: PathsArguments, place: Place) -> Listed:
    first = min(MOST_PATHS, place.after + asked.size)
    variables = {"from": asked.from_, "to": asked.to, "first": max(1, first), "asOf": place.as_of}
    found = (await asking.ask(_PATHS, variables))["paths"]
    count, paths = int(found["count"]), found["paths"]
    if count > MOST_PATHS:
        asking.warnings[f"Only the first {MOST_PATHS:,} derivations are listed, the shortest."] = None
    items = [way(path["steps"], whole=True) for path in paths[place.after :]]
    # Past 2^53 many readers of JSON would round it.
    return Listed(items, count if count < 2**53 else str(count), more=len(paths) < min(count, MOST_PATHS))


class ImpactArguments(Versions):
    """Of which causes."""

    of: Annotated[tuple[Ref, ...], Field(max_length=100)]
    """The causes; everything that any of them influenced is affected."""

    kinds: tuple[Kind, ...] | None = None
    """Only records of these kinds."""

    include_evidence: Flag | None = None
    """Include evaluations of affected versions or on affected data, and the statements that cite them."""


_IMPACT: Final = """query (
  $of: [Ref!]!, $kinds: [RecordKind!], $includeEvidence: Boolean, $filter: ModelVersionFilter,
  $first: Int, $after: String, $asOf: DateTime
) {
  impact(of: $of, kinds: $kinds, includeEvidence: $includeEvidence, filter: $filter, asOf: $asOf) {
    counts { kind count }
    affected(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage }
      edges { cursor distance via { ref role back } node { ref kind ... on Deployment { environment endpoint until } } }
    }
  }
}"""


async def _impact(asking: Asking, asked: ImpactArguments, _place: Place) -> Listed:
    variables: Json = {
        "of": list(asked.of),
        "kinds": None if asked.kinds is None else list(asked.kinds),
        "includeEvidence": asked.include_evidence,
        "filter": asked.filter,
    }
    page = {"first": asked.size, "after": asked.cursor, "asOf": asked.as_of}
    found = (await asking.ask(_IMPACT, variables | page))["impact"]
    affected = found["affected"]
    items = [stated(edge["node"]) | {"distance": edge["distance"], **way(edge["via"])} for edge in affected["edges"]]
    return own_page(affected, items, counts={one["kind"]: one["count"] for one in found["counts"]})


def way(steps: list[Json], *, whole: bool = False) -> Json:
    """A derivation; of a long one, which is asked for by `paths_between`, the ends and how many steps are between."""
    told: list[Any] = [
        stated({"ref": step["ref"], "role": step["role"], "back": step["back"] or None}) for step in steps
    ]
    if len(told) > 2 * _ENDS and not whole:
        told[_ENDS:-_ENDS] = [{"leftOut": len(told) - 2 * _ENDS}]
    return {"via": told}


TOOLS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        "get_lineage",
        "The records that a record came from, and those that came from it, nearest first. Each item has the "
        "derivations that join it to items before it: `from` is what it came from, `to` what came from it.",
        LineageArguments,
        _lineage,
    ),
    Tool(
        "paths_between",
        "The derivations from an ancestor to a descendant, shortest first; `total` is their exact number.",
        PathsArguments,
        _paths,
    ),
    Tool(
        "impact",
        "Everything that some records influenced, nearest first, each with a derivation that proves it: for a dataset "
        "that turns out to be bad. `counts` are exact. With `serving` or a name: versions alone.",
        ImpactArguments,
        _impact,
        own_pages=True,
    ),
)
