"""Tools about records by themselves: finding them, reading a version, and comparing two."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import Field

from descentd.app.mcp.asking import Asking, Json
from descentd.app.mcp.cursors import Place
from descentd.app.mcp.tool import Listed, Page, Tool, own_page, rest_of, stated
from descentd.graph.inputs.base import Ref, Value
from descentd.graph.model.kinds import Kind


class SearchArguments(Page):
    """What is searched for."""

    text: Annotated[str, Field(min_length=1, max_length=1_000)]
    """A name, the beginning of a digest, or words of notes and safety profiles; a record must have all of them."""

    kinds: tuple[Kind, ...] | None = None
    """Only records of these kinds."""


_SEARCH: Final = """query ($text: String!, $kinds: [RecordKind!], $first: Int, $after: String, $asOf: DateTime) {
  search(text: $text, kinds: $kinds, first: $first, after: $after, asOf: $asOf) {
    totalCount pageInfo { hasNextPage } edges { cursor node { ref kind recordedAt recordedBy } }
  }
}"""


async def _search(asking: Asking, asked: SearchArguments, _place: Place) -> Listed:
    kinds = None if asked.kinds is None else list(asked.kinds)
    variables = {"text": asked.text, "kinds": kinds, "first": asked.size, "after": asked.cursor, "asOf": asked.as_of}
    found = (await asking.ask(_SEARCH, variables))["search"]
    return own_page(found, [edge["node"] for edge in found["edges"]])


class VersionArguments(Page):
    """Which version."""

    ref: Ref
    """The version, model:NAME@VERSION or its id."""


_EVALUATIONS: Final = 1_000
_VERSION: Final = """query ($ref: Ref!, $first: Int, $asOf: DateTime) {
  entity(ref: $ref, asOf: $asOf) { ... on ModelVersion {
    ref id name version createdAt recordedAt recordedBy retracted description
    verdict { status reasons { code message } }
    safetyProfile { id recordedAt intendedUse mustNotDo guardrails knownBiases { attribute value description }
      notes { author text } }
    retractedOrigins { ref kind }
    flags { action reason recordedBy recordedAt }
    kinIncidents { relation of { ref } incident { ref ... on Incident { title severity openedAt } } }
    vulnerabilities { ref title severity description }
    reviews { environment decision reason conditions by expiresAt valid void }
    parents { relation node { ref } }
    trainedOn { role node { ref } }
    disclosures { ref }
    interventions { kind description targets { attribute value } }
    notes { author text recordedAt }
    artifacts { uri digest size mediaType }
    sameBuild { ref }
    code { repository commit path }
    config { id parameters }
    environment { id python hardware dependencies { name version } }
  } }
  evaluations(of: $ref, first: $first, asOf: $asOf) { totalCount edges { node {
    ref evaluatedAt suite { name version } data { ref } contamination { contaminated }
    metrics { name value error n slice { attribute value } }
  } } }
}"""
_LISTS: Final = (
    ("retractedOrigins", "retracted origin"),
    ("flags", "flag"),
    ("kinIncidents", "incident of kin"),
    ("vulnerabilities", "vulnerability"),
    ("reviews", "review"),
    ("parents", "parent"),
    ("trainedOn", "training data"),
    ("disclosures", "disclosure"),
    ("interventions", "intervention"),
    ("notes", "note"),
    ("artifacts", "artifact"),
    ("sameBuild", "same build"),
)
"""Lists of a version, and what an element of each is called as an item."""


async def _version(asking: Asking, asked: VersionArguments, place: Place) -> Listed:
    variables = {"ref": asked.ref, "first": _EVALUATIONS, "asOf": place.as_of}
    found = await asking.ask(_VERSION, variables, {"of": "ref"})
    version = found["entity"]  # a version: `evaluations` refuses anything else
    named = ("ref", "id", "name", "version", "createdAt", "recordedAt", "recordedBy", "retracted")
    head = stated({name: version[name] for name in named}) | {"verdict": version["verdict"]["status"]}
    items = [*_parts(version), *_evaluations(found["evaluations"])]
    return rest_of(items, place, **head)


def _parts(version: Json) -> Iterator[Json]:
    """What is recorded and said about a version, each part an item, what people ask for most first."""
    if version["description"]:
        yield {"part": "description", "text": version["description"]}
    yield from ({"part": "reason of the verdict", **one} for one in version["verdict"]["reasons"])
    profile = version["safetyProfile"]
    yield {"part": "safety profile", **stated(profile)} if profile else {"part": "safety profile", "missing": True}
    for field, part in _LISTS:
        yield from ({"part": part, **stated(_flat(one))} for one in version[field])
    if version["code"]:
        yield {"part": "code", **stated(version["code"])}
    if version["config"]:
        yield {"part": "config", **stated(version["config"])}
    environment = version["environment"]
    if environment:
        yield {"part": "environment", **stated({**environment, "dependencies": None})}
        yield from ({"part": "dependency", **one} for one in environment["dependencies"])


def _evaluations(found: Json) -> Iterator[Json]:
    for edge in found["edges"]:
        one = edge["node"]
        metrics = [stated(metric) for metric in one["metrics"]]
        contaminated = one["contamination"]["contaminated"] or None
        yield {
            "part": "evaluation",
            **stated(_flat({**one, "metrics": metrics, "contamination": None, "contaminated": contaminated})),
        }
    if found["totalCount"] > len(found["edges"]):
        left = found["totalCount"] - len(found["edges"])
        yield {"part": "evaluations", "omitted": f"{left:,} later ones: read them with `descent evaluations`."}


def _flat(given: Json) -> Json:
    """A part in which what is but the ref of another record is that ref; of a joint (`node`) it is the part's own."""
    return {
        "ref" if name == "node" else name: value["ref"]
        if isinstance(value, dict) and value.keys() == {"ref"}
        else value
        for name, value in given.items()
    }


class DiffArguments(Page):
    """Which versions are compared."""

    base: Ref
    """The earlier version."""

    head: Ref
    """The later version."""

    attributes: tuple[Value, ...] | None = None
    """Only populations and slices of these attributes, for example `age_group`."""


_DIFF: Final = """query ($base: Ref!, $head: Ref!, $attributes: [String!], $asOf: DateTime) {
  diff(base: $base, head: $head, attributes: $attributes, asOf: $asOf) {
    relation summary tested
    interventions { kind description targets { attribute value } on { ref } }
    metrics { name suite { name version } slice { attribute value } base head delta p q verdict reason shownNotWorse }
    populations { attribute value baseShare headShare }
    changes { area field before after disclosed }
  }
}"""


async def _diff(asking: Asking, asked: DiffArguments, place: Place) -> Listed:
    attributes = None if asked.attributes is None else list(asked.attributes)
    variables = {"base": asked.base, "head": asked.head, "attributes": attributes, "asOf": place.as_of}
    found = (await asking.ask(_DIFF, variables))["diff"]
    items: list[Json] = [{"part": "summary", "text": found["summary"]}]
    for field, part in (
        ("interventions", "intervention"),
        ("metrics", "metric"),
        ("populations", "population"),
        ("changes", "change"),
    ):
        items += [{"part": part, **stated(_flat(one))} for one in found[field]]
    return rest_of(items, place, relation=found["relation"], tested=found["tested"])


TOOLS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        "search",
        "Finds records by name, by the beginning of a digest, or by words of their notes and safety profiles. The "
        "other tools take the `ref` of an item.",
        SearchArguments,
        _search,
        own_pages=True,
    ),
    Tool(
        "get_version",
        "All that is recorded about a model version, and what is said about it: verdict, safety profile, flags, "
        "reviews, weaknesses, parents, training data, artifacts, code, config, environment and evaluations, "
        "an item each.",
        VersionArguments,
        _version,
    ),
    Tool(
        "diff",
        "How two versions differ, and for whom: a summary, what was done for groups, metrics by slice with what is "
        "shown and what is not comparable, populations, and changes of data, code, config and environment.",
        DiffArguments,
        _diff,
    ),
)
