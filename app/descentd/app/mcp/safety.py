"""Tools about safety: whether a version got worse along its lineage, and what the gate of an environment says."""

from typing import Any, Final

from descentd.app.mcp.asking import Asking, Json
from descentd.app.mcp.cursors import Place
from descentd.app.mcp.tool import Listed, Page, Tool, rest_of, stated
from descentd.graph.inputs.base import Name, Ref

_EVIDENCE: Final = 5
"""Records of the evidence of a rule that are named."""


class ErosionArguments(Page):
    """Whose safety."""

    of: Ref
    """The version."""

    since: Ref | None = None
    """An ancestor: only what is worse than there."""


_EROSION: Final = """query ($of: Ref!, $since: Ref, $asOf: DateTime) {
  erosion(of: $of, since: $since, asOf: $asOf) {
    verdict summary asked
    findings {
      kind metric slice { attribute value } suite { name version } data { ref }
      baseline { ref value stderr } head { ref value stderr } delta p q e gradual paired
      improved { metric delta p } introducedBy { from to changes { field } } message
    }
    leftOut { metric slice { attribute value } contaminated retracted }
  }
}"""


async def _erosion(asking: Asking, asked: ErosionArguments, place: Place) -> Listed:
    variables = {"of": asked.of, "since": asked.since, "asOf": place.as_of}
    found = (await asking.ask(_EROSION, variables))["erosion"]
    items: list[Json] = [{"part": "summary", "text": found["summary"]}]
    items += [{"part": "finding", **stated(one)} for one in found["findings"]]
    items += [{"part": "left out", **stated(one)} for one in found["leftOut"]]
    return rest_of(items, place, verdict=found["verdict"], series=found["asked"])


class GateArguments(Page):
    """Which version, and where to."""

    of: Ref
    """The version."""

    environment: Name
    """The environment that it would be promoted to, for example `production`."""


_GATE: Final = """query ($of: Ref!, $environment: String!, $asOf: DateTime) {
  gate(of: $of, environment: $environment, asOf: $asOf) {
    outcome policyDigest rules { name outcome message saw evidence { ref kind } }
  }
}"""
_PASSED: Final = "PASSED"


async def _gate(asking: Asking, asked: GateArguments, place: Place) -> Listed:
    variables = {"of": asked.of, "environment": asked.environment, "asOf": place.as_of}
    found = (await asking.ask(_GATE, variables))["gate"]
    rules = sorted(found["rules"], key=lambda rule: rule["outcome"] == _PASSED)  # what blocks comes first
    return rest_of(
        [_rule(one) for one in rules],
        place,
        outcome=found["outcome"],
        **stated({"policyDigest": found["policyDigest"]}),
    )


def _rule(rule: Json) -> Json:
    more = len(rule["evidence"]) - _EVIDENCE
    evidence = [f"{one['kind']} {one['ref']}" for one in rule["evidence"][:_EVIDENCE]]
    return stated({**rule, "evidence": evidence, "moreEvidence": more if more > 0 else None})


TOOLS: Final[tuple[Tool[Any], ...]] = (
    Tool(
        "erosion",
        "Whether a version's safety got worse along its ancestry, even by small steps or while quality rose: findings "
        "with the results, how sure it is, and the derivation that introduced it. What is left out is named.",
        ErosionArguments,
        _erosion,
    ),
    Tool(
        "explain_gate",
        "Whether the gate of an environment lets a version through now, and why: each rule of its policy with what it "
        "saw and its evidence, those that do not pass first. Nothing is recorded; a GO is a person's.",
        GateArguments,
        _gate,
    ),
)
