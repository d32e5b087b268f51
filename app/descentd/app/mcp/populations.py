"""The tool about populations: which versions learned from one."""

from typing import Annotated, Any, Final

from pydantic import Field

from descentd.app.mcp.asking import Asking
from descentd.app.mcp.cursors import Place
from descentd.app.mcp.lineage import way
from descentd.app.mcp.tool import Listed, Tool, Versions, own_page, stated
from descentd.graph.inputs.base import Input, Value
from descentd.graph.model.reach import ExposureVerdict


class TermArguments(Input):
    """An attribute with one of several values."""

    attribute: Value
    """The attribute, for example `age_group`."""

    values: Annotated[tuple[Value, ...], Field(max_length=100)]
    """The values, as exact text; data needs one of them."""


class LearnedArguments(Versions):
    """From which population."""

    population: Annotated[tuple[TermArguments, ...], Field(max_length=20)]
    """The terms; data must have all of them."""

    verdicts: tuple[ExposureVerdict, ...] | None = None
    """The answers to list; TRAINED and UNKNOWN by default. `counts` has all three anyway."""


_LEARNED: Final = """query (
  $population: PopulationInput!, $verdicts: [ExposureVerdict!], $filter: ModelVersionFilter,
  $first: Int, $after: String, $asOf: DateTime
) {
  trainedOn(population: $population, verdicts: $verdicts, filter: $filter, asOf: $asOf) {
    counts { verdict count }
    versions(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage }
      edges { cursor verdict exposure evidence { partition { ref } joint via { ref role back } } node { ref } }
    }
  }
}"""


async def _learned(asking: Asking, asked: LearnedArguments, _place: Place) -> Listed:
    variables = {
        "population": {"all": [{"attribute": one.attribute, "values": list(one.values)} for one in asked.population]},
        "verdicts": None if asked.verdicts is None else list(asked.verdicts),
        "filter": asked.filter,
    }
    page = {"first": asked.size, "after": asked.cursor, "asOf": asked.as_of}
    found = (await asking.ask(_LEARNED, variables | page))["trainedOn"]
    items = []
    for edge in found["versions"]["edges"]:
        item = stated({"ref": edge["node"]["ref"], "verdict": edge["verdict"], "exposure": edge["exposure"]})
        evidence = edge["evidence"]
        if evidence is not None:
            item |= stated({"source": evidence["partition"]["ref"], "joint": evidence["joint"]}) | way(evidence["via"])
        items.append(item)
    return own_page(found["versions"], items, counts={one["verdict"]: one["count"] for one in found["counts"]})


TOOLS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        "who_learned_from",
        "Which versions learned from a population, themselves or by an ancestor: TRAINED, NOT_TRAINED (shown by "
        "complete documentation) or UNKNOWN (something is undocumented), each with its evidence. "
        "Never take UNKNOWN for no.",
        LearnedArguments,
        _learned,
        own_pages=True,
    ),
)
