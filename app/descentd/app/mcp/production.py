"""Tools about production: what served at a moment, and what an incident is about."""

from typing import Any, Final

from descentd.app.mcp.asking import Asking, Json
from descentd.app.mcp.cursors import Place
from descentd.app.mcp.tool import Listed, Page, Tool, rest_of, stated
from descentd.graph.inputs.base import DateTime, Name, Ref
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.queries.pages import MOST


class ServingArguments(Page):
    """Where, and when."""

    environment: Name | None = None
    """The environment; all by default."""

    endpoint: Name | None = None
    """The endpoint; all by default."""

    at: DateTime | None = None
    """The moment (RFC 3339); now by default."""


_SERVING: Final = """query ($environment: String, $endpoint: String, $at: DateTime, $asOf: DateTime) {
  serving(environment: $environment, endpoint: $endpoint, at: $at, asOf: $asOf) {
    environment endpoint since meetsPolicy profileCurrent unmet { name outcome message }
    version { ref id artifacts { digest } } deployment { ref until claimed { by source } }
  }
}"""


async def _serving(asking: Asking, asked: ServingArguments, place: Place) -> Listed:
    variables = {"environment": asked.environment, "endpoint": asked.endpoint, "at": asked.at, "asOf": place.as_of}
    found = (await asking.ask(_SERVING, variables))["serving"]
    items = []
    for one in found:
        version, deployment = one.pop("version"), one.pop("deployment")
        known = {"version": version["ref"], "id": version["id"], "deployment": deployment["ref"]}
        rest = {"artifacts": version["artifacts"], "until": deployment["until"], "claimed": deployment["claimed"]}
        items.append(stated({**known, **one, **rest}))
    return rest_of(items, place)


class IncidentArguments(Page):
    """Which incident."""

    incident: Ref | None = None
    """The incident's id. Without one, the incidents are listed, newest first."""


_INCIDENTS: Final = """query ($first: Int, $after: String, $asOf: DateTime) {
  incidents(first: $first, after: $after, asOf: $asOf) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { ref title severity status openedAt environment endpoint version { ref } } }
  }
}"""
_INCIDENT: Final = """query ($ref: Ref!, $asOf: DateTime) {
  entity(ref: $ref, asOf: $asOf) { kind ... on Incident {
    ref severity status openedAt resolvedAt environment endpoint title description labels
    cause { ref } affected { kind count }
    deployment { ref since until }
    profile { ref recordedAt intendedUse mustNotDo guardrails knownBiases { attribute value description } }
    version {
      ref verdict { status } flags { action reason } vulnerabilities { ref title severity }
      parents { relation node { ref } } trainedOn { role node { ref } }
      kinIncidents { relation of { ref } incident { ref ... on Incident { title severity openedAt } } }
    }
  } }
}"""
_SIBLINGS: Final = """query ($of: [Ref!]!, $first: Int, $asOf: DateTime) {
  impact(of: $of, filter: { serving: true }, asOf: $asOf) {
    affected(first: $first) { totalCount edges { distance node { ref } } }
  }
}"""


async def _incident(asking: Asking, asked: IncidentArguments, place: Place) -> Listed:
    if asked.incident is None:
        return rest_of(await _all(asking, place), place)
    incident = (await asking.ask(_INCIDENT, {"ref": asked.incident, "asOf": place.as_of}, {"ref": "incident"}))[
        "entity"
    ]
    if incident["kind"] != Kind.INCIDENT:
        kind = incident["kind"].lower().replace("_", " ")
        raise InvalidInput(
            f"{asked.incident} is a {kind}: give the id of an incident, or none to list them.", "incident"
        )
    items = [*_about(incident), *await _siblings(asking, incident, place)]
    head = {name: incident[name] for name in ("ref", "severity", "status", "openedAt", "resolvedAt")}
    return rest_of(items, place, **stated(head))


async def _all(asking: Asking, place: Place) -> list[Json]:
    """All incidents, the newest first."""
    found: list[Json] = []
    page: Json = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        variables = {"first": MOST, "after": page["endCursor"], "asOf": place.as_of}
        answer = (await asking.ask(_INCIDENTS, variables))["incidents"]
        found += [edge["node"] for edge in answer["edges"]]
        page = answer["pageInfo"]
    return [stated({**one, "version": one["version"] and one["version"]["ref"]}) for one in reversed(found)]


def _about(incident: Json) -> list[Json]:
    told = {name: incident[name] for name in ("title", "description", "environment", "endpoint", "labels")}
    items: list[Json] = [{"part": "report", **stated(told)}]
    version, profile = incident["version"], incident["profile"]
    if version is None:
        items.append({"part": "version", "missing": "No version is known to have served there then."})
    else:
        known = {"ref": version["ref"], "verdict": version["verdict"]["status"], "deployment": incident["deployment"]}
        items.append({"part": "version", **stated(known)})
        text = "The version had no safety profile then."
        items.append({"part": "profile then", **(stated(profile) if profile else {"missing": text})})
        items += [{"part": "flag", **one} for one in version["flags"]]
        items += [{"part": "vulnerability", **one} for one in version["vulnerabilities"]]
        items += [{"part": "parent", "relation": one["relation"], **one["node"]} for one in version["parents"]]
        items += [{"part": "training data", "role": one["role"], **one["node"]} for one in version["trainedOn"]]
        for one in version["kinIncidents"]:
            items.append(
                {"part": "incident of kin", "relation": one["relation"], "of": one["of"]["ref"], **one["incident"]}
            )
    if incident["cause"] is not None:
        items.append({"part": "cause", **incident["cause"]})
    counts = {one["kind"]: one["count"] for one in incident["affected"]}
    return [*items, {"part": "affected by the cause, or else by the version", **counts}]


async def _siblings(asking: Asking, incident: Json, place: Place) -> list[Json]:
    """The versions that serve and come from the same cause, or else from the same version."""
    of = incident["cause"] or incident["version"]
    if of is None:
        return []
    found = await asking.ask(_SIBLINGS, {"of": [of["ref"]], "first": MOST, "asOf": place.as_of})
    edges = found["impact"]["affected"]["edges"]
    return [
        {"part": "serves and comes from the same", **edge["node"], "distance": edge["distance"]}
        for edge in edges
        if incident["version"] is None or edge["node"]["ref"] != incident["version"]["ref"]
    ]


TOOLS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        "serving_at",
        "Which versions serve, or served at a moment, by environment and endpoint: whether each meets the policy in "
        "force, with the rules that it does not meet, and whether its safety profile is current.",
        ServingArguments,
        _serving,
    ),
    Tool(
        "incident_context",
        "What an incident is about: the version that served then with its safety profile as it was, what it came from, "
        "open incidents of its kin, and what else serves that comes from the same cause. Without an id: all incidents.",
        IncidentArguments,
        _incident,
    ),
)
