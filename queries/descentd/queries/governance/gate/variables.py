"""The variables of a policy's expressions for a version; each that is named is looked up once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.identity import Content
from descentd.graph.model.names import instant
from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.cel.schema import PARTS
from descentd.queries.governance.drift import drift, is_current
from descentd.queries.governance.gate.context import GateContext, Observation
from descentd.queries.governance.gate.erosion_variables import erosion
from descentd.queries.governance.gate.lineage_variables import kin, populations, training
from descentd.queries.governance.gate.result_variables import metrics
from descentd.queries.governance.gate.rules import Bindings
from descentd.queries.governance.gate.state_variables import ancestry, flags, incidents, review, serving_there
from descentd.queries.governance.policies import Policy
from descentd.queries.governance.probes import ProbeStatus, probes_of
from descentd.queries.governance.profiles import profiles


@dataclass(frozen=True, slots=True)
class Observed:
    """What is seen, and the ids of the records behind each variable, and behind each metric."""

    seen: Bindings
    variables: Mapping[str, Observation]
    metrics: Mapping[str, Observation]

    def evidence(self, expression: Expression) -> tuple[str, ...]:
        """What an expression rests on."""
        named = [self.variables[name] for name in sorted(expression.variables) if name in self.variables]
        named += [self.metrics[name] for name in sorted(expression.metrics) if name in self.metrics]
        return tuple(dict.fromkeys(id for observation in named for id in observation.evidence))


async def observe(context: GateContext, policy: Policy | None) -> Observed:
    """Look up what is spoken of, and nothing else."""
    wanted = context.references.variables
    variables = {name: await look_up(context) for name, look_up in LOOKUPS.items() if name in wanted}
    if "review" in wanted:
        variables["review"] = await review(context, policy)
    seen: dict[str, object] = {name: observation.value for name, observation in variables.items()}
    results: Mapping[str, Observation] = {}
    if "metrics" in wanted:
        results = await metrics(
            context, await serving_there(context) if "delta_serving" in context.references.fields else ()
        )
        seen["metrics"] = {name: observation.value for name, observation in results.items()}
    return Observed(seen, variables, results)


_PARTS: Final[Mapping[str, str]] = {"created_at": "createdAt", "training_data": "trainedOn"}
"""What parts of a version are called in its content, where that is another name."""


async def _version(context: GateContext) -> Observation:
    [entry] = await context.registry.store.entries([context.version.sequence])
    content = entry.record.content
    made = instant(content["createdAt"]) if "createdAt" in content else entry.recorded_at
    return Observation(
        {
            "ref": context.version.ref,
            "name": content["name"],
            "version": content["version"],
            "interventions": [
                {"kind": one["kind"], "description": one["description"], "targets": _targets(one)}
                for one in content.get("interventions", ())
            ],
            "age_days": context.age_days(made),
            "parts": [part for part in PARTS if content.get(_PARTS.get(part, part))],
        }
    )


def _targets(intervention: Content) -> list[dict[str, Any]]:
    return [{"attribute": one["attribute"], "value": one.get("value")} for one in intervention.get("targets", ())]


async def _profile(context: GateContext) -> Observation:
    said = (await profiles(context.registry.store, [context.version.sequence], context.upto))[
        context.version.sequence
    ].current
    content = said.record.content if said else {}
    current = (
        "current" in context.references.fields
        and said is not None
        and await is_current(context.registry, context.version.sequence, context.upto)
    )
    value = {
        "present": said is not None,
        "current": current,
        "age_days": context.age_days(said.recorded_at) if said else None,
        "must_not_do": list(content.get("mustNotDo", ())),
        "guardrails": list(content.get("guardrails", ())),
        "known_biases": [{"value": None, **bias} for bias in content.get("knownBiases", ())],
    }
    return Observation(value, (said.record.id,) if said else ())


async def _probes(context: GateContext) -> Observation:
    found = await probes_of(context.registry, context.version, context.upto, context.statistics)
    counts = {status.lower(): found.count(status) for status in ProbeStatus}
    return Observation(counts, tuple(id for one in found.items for id in (one.vulnerability.record.id, *one.evidence)))


async def _drift(context: GateContext) -> Observation:
    version = context.version.sequence
    findings = (await drift(context.registry, [version], context.upto, context.statistics))[version]
    value = [{"kind": one.kind.value, "message": one.message} for one in findings]
    return Observation(value, tuple(dict.fromkeys(id for one in findings for id in one.evidence)))


LOOKUPS: Final[Mapping[str, Callable[[GateContext], Awaitable[Observation]]]] = {
    "version": _version,
    "profile": _profile,
    "erosion": erosion,
    "probes": _probes,
    "drift": _drift,
    "flags": flags,
    "incidents": incidents,
    "ancestry": ancestry,
    "training": training,
    "populations": populations,
    "kin": kin,
}
"""How each variable is looked up."""
