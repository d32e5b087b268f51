"""What the expressions of a policy see of a version: each variable that they name, looked up once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.identity import Content
from descentd.queries.erosion.report import assessed
from descentd.queries.evaluation.evaluations import newest_results
from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.drift import DriftKind, drift
from descentd.queries.governance.gate.context import Case, Sighting
from descentd.queries.governance.gate.result_variables import metrics
from descentd.queries.governance.gate.rules import Seen
from descentd.queries.governance.gate.state_variables import ancestry, flags, incidents, review, serving_there
from descentd.queries.governance.policies import Policy
from descentd.queries.governance.probes import ProbeStatus, probes_of
from descentd.queries.governance.profiles import profiles


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen, and the ids of the records behind each variable, and behind each metric."""

    seen: Seen
    variables: Mapping[str, Sighting]
    metrics: Mapping[str, Sighting]

    def evidence(self, expression: Expression) -> tuple[str, ...]:
        """What an expression rests on."""
        named = [self.variables[name] for name in sorted(expression.variables) if name in self.variables]
        named += [self.metrics[name] for name in sorted(expression.metrics) if name in self.metrics]
        return tuple(dict.fromkeys(id for sighting in named for id in sighting.evidence))


async def see(case: Case, policy: Policy | None) -> Sight:
    """Look up what is spoken of, and nothing else."""
    wanted = case.mentioned.variables
    variables = {name: await look(case) for name, look in LOOKS.items() if name in wanted}
    if "review" in wanted:
        variables["review"] = await review(case, policy)
    seen: dict[str, object] = {name: sighting.value for name, sighting in variables.items()}
    results: Mapping[str, Sighting] = {}
    if "metrics" in wanted:
        results = await metrics(case, await serving_there(case) if "delta_serving" in case.mentioned.fields else ())
        seen["metrics"] = {name: sighting.value for name, sighting in results.items()}
    return Sight(seen, variables, results)


async def _version(case: Case) -> Sighting:
    [entry] = await case.registry.store.entries([case.version.sequence])
    content = entry.record.content
    return Sighting(
        {
            "ref": case.version.ref,
            "name": content["name"],
            "version": content["version"],
            "interventions": [
                {"kind": one["kind"], "description": one["description"], "targets": _targets(one)}
                for one in content.get("interventions", ())
            ],
        }
    )


def _targets(intervention: Content) -> list[dict[str, Any]]:
    return [{"attribute": one["attribute"], "value": one.get("value")} for one in intervention.get("targets", ())]


async def _profile(case: Case) -> Sighting:
    said = (await profiles(case.registry.store, [case.version.sequence], case.upto))[case.version.sequence].current
    content = said.record.content if said else {}
    current = "current" in case.mentioned.fields and said is not None and await _is_current(case)
    value = {
        "present": said is not None,
        "current": current,
        "must_not_do": list(content.get("mustNotDo", ())),
        "guardrails": list(content.get("guardrails", ())),
        "known_biases": [{"value": None, **bias} for bias in content.get("knownBiases", ())],
    }
    return Sighting(value, (said.record.id,) if said else ())


async def _is_current(case: Case) -> bool:
    findings = (await drift(case.registry, [case.version.sequence], case.upto))[case.version.sequence]
    return all(one.kind is not DriftKind.STALE_PROFILE for one in findings)


async def _erosion(case: Case) -> Sighting:
    found, _ = await assessed(case.registry, case.version.sequence, case.upto)
    findings = [
        {
            "kind": one.kind.value,
            "metric": one.series.metric.name,
            "category": one.series.metric.category.lower(),
            "slice": dict(one.series.slice),
            "p": one.p,
            "q": one.q,
        }
        for one in found.findings
    ]
    newest = await newest_results(case.registry, case.version.sequence, case.upto)
    evidence = sorted({one.evaluation.sequence: one.evaluation.id for one in newest.values()}.items())
    return Sighting({"verdict": found.verdict.value, "findings": findings}, tuple(id for _, id in evidence))


async def _probes(case: Case) -> Sighting:
    found = await probes_of(case.registry, case.version, case.upto)
    counts = {status.lower(): found.count(status) for status in ProbeStatus}
    return Sighting(counts, tuple(id for one in found.items for id in (one.vulnerability.record.id, *one.evidence)))


async def _drift(case: Case) -> Sighting:
    findings = (await drift(case.registry, [case.version.sequence], case.upto))[case.version.sequence]
    value = [{"kind": one.kind.value, "message": one.message} for one in findings]
    return Sighting(value, tuple(dict.fromkeys(id for one in findings for id in one.evidence)))


LOOKS: Final[Mapping[str, Callable[[Case], Awaitable[Sighting]]]] = {
    "version": _version,
    "profile": _profile,
    "erosion": _erosion,
    "probes": _probes,
    "drift": _drift,
    "flags": flags,
    "incidents": incidents,
    "ancestry": ancestry,
}
"""How each variable is looked up."""
