"""The gate: what is let in, what is not, and that nothing missing ever is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from descentd.graph.inputs.acts import DeploymentInput, FlagInput, IncidentInput, RetractionInput
from descentd.graph.model.errors import Forbidden, GateBlocked, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.governance.gate.decide import gate
from descentd.queries.governance.gate.promotion import promote, replay
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.governed import (
    BIAS,
    CHILD,
    OWN,
    PARENT,
    SUITE,
    ask,
    evaluation,
    go,
    lay_down,
    lineage,
    outcomes,
    weakness,
)
from tests.support.registries import send

pytestmark = pytest.mark.anyio


async def test_a_version_that_shows_everything_passes(registry: Registry) -> None:
    policy = await lay_down(registry, BIAS, 'metrics["accuracy"].all(m, m.n >= 100)', "drift.size() == 0", quorum=1)
    results = [evaluation(CHILD, "pct_stereotype", 0.45), evaluation(CHILD, "accuracy", 0.9, n=100)]
    done = await send(registry, **lineage(safetyProfile=OWN), evaluations=results)
    await go(registry, "rita")
    found = await ask(registry)
    assert found.outcome.value == "PASSED"
    assert found.policy
    assert found.policy.id == policy
    assert [rule.name for rule in found.rules] == ["rule-0", "rule-1", "rule-2", "quorum"]
    measured = {record.id for record in done.records if record.kind is Kind.EVALUATION}
    assert {id for rule in found.rules[:2] for id in rule.evidence} == measured
    assert (await ask(registry)).evidence == found.evidence


async def test_bias_over_its_limit_blocks_whatever_the_accuracy(registry: Registry) -> None:
    await lay_down(registry, 'metrics["accuracy"].all(m, m.value > 0.5)', BIAS)
    results = [evaluation(CHILD, "pct_stereotype", 0.7), evaluation(CHILD, "accuracy", 1.0)]
    await send(registry, **lineage(safetyProfile=OWN), evaluations=results)
    assert await outcomes(registry) == ("BLOCKED", {"rule-0": "PASSED", "rule-1": "BLOCKED"})


async def test_what_was_never_measured_is_incomplete(registry: Registry) -> None:
    await lay_down(registry, f'!("pct_stereotype" in metrics) || {BIAS}')
    await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    found = await ask(registry)
    assert found.outcome.value == "INCOMPLETE"
    assert found.rules[0].message == "There is no result of pct_stereotype."
    done = await send(registry, evaluations=[evaluation(CHILD, "pct_stereotype", 0.5)])
    assert (await ask(registry)).outcome.value == "PASSED"
    gone = RetractionInput.read({"subjects": [done.records[0].id], "reason": "Wrong data."})
    await retract(registry, gone, "ada")
    found = await ask(registry)
    assert found.outcome.value == "INCOMPLETE"
    assert found.rules[0].message == "What was measured of pct_stereotype was retracted."
    assert found.rules[0].evidence == (done.records[0].id,)


async def test_what_was_retracted_is_let_in_nowhere(registry: Registry) -> None:
    await lay_down(registry, "1 < 2")
    await send(registry, **lineage(safetyProfile=OWN))
    promoted = await promote(registry, CHILD, "production", "ada")
    wrong = RetractionInput.read({"subjects": [CHILD], "reason": "Its labels were shuffled."})
    done = await retract(registry, wrong, "rita")
    found = await ask(registry)
    assert found.outcome.value == "BLOCKED"
    first = found.rules[0]
    assert (first.name, first.evidence) == ("retracted", (done.id,))
    assert first.message == f"{CHILD} was retracted by rita: Its labels were shuffled."
    before = await registry.sequence()
    with pytest.raises(GateBlocked, match="was retracted by rita"):
        await go(registry, "rita")
    place = {"environment": "production", "endpoint": "/score"}
    with pytest.raises(GateBlocked, match="was retracted by rita"):
        await deploy(registry, DeploymentInput.read({"subject": CHILD, **place}), "ada")
    assert await registry.sequence() == before
    with pytest.raises(GateBlocked, match="was retracted by rita"):
        await promote(registry, CHILD, "production", "ada")
    again = await replay(registry, promoted.decision)
    assert (again.gate.outcome.value, again.same) == ("PASSED", True)
    await go(registry, "rita", "NO_GO")


async def test_what_is_refused_says_why_in_words(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=OWN))
    assert (await ask(registry)).rules[0].message == (
        "There is no policy for production: write one, and start the server with --policies FOLDER."
    )
    await lay_down(registry, "drift.size() == 0", quorum=1)
    assert (await gate(registry, CHILD, "Production")).rules[0].message.endswith("did you mean production.")
    await go(registry, "rita")
    await promote(registry, CHILD, "production", "ada")
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    drift, people = (await ask(registry)).rules
    assert drift.message == "1 evaluation came after the safety profile: read it again, and confirm or revise it."
    assert people.message == (
        "0 of 1 person said GO on what is known now; rita's no longer holds: 1 evaluation came after it."
    )
    given = {"subject": CHILD, "environment": "production", "endpoint": "/score"}
    with pytest.raises(GateBlocked) as caught:
        await deploy(registry, DeploymentInput.read(given), "ada")
    assert caught.value.field == "subject"


async def test_what_stands_for_good_is_retracted_by_nobody(registry: Registry) -> None:
    policy = await lay_down(registry, "1 < 2")
    await send(registry, **lineage(safetyProfile=OWN))
    promoted = await promote(registry, CHILD, "production", "ada")
    place = {"environment": "production", "endpoint": "/score"}
    deployed = await deploy(registry, DeploymentInput.read({"subject": CHILD, **place}), "ada")
    before = await registry.sequence()
    for id in (policy, promoted.decision, deployed.deployment.entry.record.id):
        with pytest.raises(Forbidden, match="nobody retracts"):
            await retract(registry, RetractionInput.read({"subjects": [id], "reason": "No."}), "descentd")
    assert await registry.sequence() == before
    assert (await ask(registry)).policy is not None


async def test_what_rests_on_retracted_data_says_so(registry: Registry) -> None:
    await lay_down(registry, "ancestry.retracted.size() == 0")
    await send(registry, **lineage(safetyProfile=OWN))
    assert (await outcomes(registry))[0] == "PASSED"
    done = await retract(registry, RetractionInput.read({"subjects": ["dataset:d@1"], "reason": "Leaked."}), "rita")
    for ref in (PARENT, CHILD):
        found = await ask(registry, ref)
        [rule] = found.rules
        assert (found.outcome.value, rule.outcome.value, rule.evidence) == ("BLOCKED", "BLOCKED", (done.id,))
        assert rule.message == "It came from dataset:d@1, which was retracted: Leaked."
    await lay_down(registry, 'ancestry.retracted.all(r, r.ref != "dataset:d@1" && r.reason != "" && r.id != "")')
    assert (await outcomes(registry))[0] == "BLOCKED"
    await lay_down(registry, "ancestry.flags.size() == 0")
    assert (await outcomes(registry))[0] == "PASSED"


async def test_precedence(registry: Registry) -> None:
    await send(registry, **lineage())
    assert await outcomes(registry) == ("BLOCKED", {"no-policy": "BLOCKED", "no-profile": "BLOCKED"})
    await lay_down(registry, BIAS, "1 > 2", quorum=1)
    names = {"no-profile": "BLOCKED", "rule-0": "INCOMPLETE", "rule-1": "BLOCKED", "quorum": "BLOCKED"}
    assert await outcomes(registry) == ("BLOCKED", names)
    await lay_down(registry, BIAS)
    assert await outcomes(registry) == ("BLOCKED", {"no-profile": "BLOCKED", "rule-0": "INCOMPLETE"})
    await send(registry, safetyProfiles=[{"subject": CHILD, "profile": OWN}])
    assert await outcomes(registry) == ("INCOMPLETE", {"rule-0": "INCOMPLETE"})
    await lay_down(registry, BIAS, "1 > 2")
    assert (await outcomes(registry))[0] == "BLOCKED"
    await lay_down(registry, BIAS, quorum=1)
    assert await outcomes(registry) == ("INCOMPLETE", {"rule-0": "INCOMPLETE", "quorum": "BLOCKED"})
    await lay_down(registry, "1 < 2", quorum=1)
    assert await outcomes(registry) == ("BLOCKED", {"rule-0": "PASSED", "quorum": "BLOCKED"})
    await go(registry, "rita")
    assert await outcomes(registry) == ("PASSED", {"rule-0": "PASSED", "quorum": "PASSED"})
    await go(registry, "norm", "NO_GO")
    assert (await outcomes(registry))[0] == "BLOCKED"
    assert (await outcomes(registry))[1]["no-go"] == "BLOCKED"


@pytest.mark.parametrize(
    ("action", "outcome"), [("REVIEW", "PASSED"), ("QUARANTINE", "BLOCKED"), ("DECOMMISSION", "BLOCKED")]
)
async def test_a_flag_on_an_ancestor_blocks_what_it_reaches(registry: Registry, action: str, outcome: str) -> None:
    await lay_down(registry, "1 < 2")
    await send(registry, **lineage(safetyProfile=OWN))
    given = {"subjects": ["dataset:d@1#p"], "action": action, "reason": "Leaked.", "propagate": True}
    await flag(registry, FlagInput.read(given), "ada")
    assert (await outcomes(registry))[0] == outcome
    await flag(registry, FlagInput.read({"subjects": [CHILD], "action": "CLEAR", "reason": "Checked."}), "ada")
    assert (await outcomes(registry))[0] == "PASSED"


async def test_what_expressions_see(registry: Registry) -> None:
    old = [{"attribute": "age_group", "value": "65+"}]
    results = [
        evaluation(CHILD, "accuracy", 0.9, n=400, slice=old, data="dataset:d@1#h"),
        evaluation(CHILD, "pct_stereotype", 0.6, data="dataset:d@1#p", stderr=0.02),
        evaluation(PARENT, "accuracy", 0.1),
    ]
    intervention = {"kind": "reweighing", "description": "By age.", "targets": [{"attribute": "age_group"}]}
    documented = [weakness(PARENT, metric="accuracy", threshold=0.5), weakness(CHILD, "Own")]
    profile = OWN | {"knownBiases": [{"attribute": "age_group", "description": "Low."}], "guardrails": ["A filter."]}
    child = {"safetyProfile": profile, "interventions": [intervention]}
    await send(registry, **lineage(**child), evaluations=results, vulnerabilities=documented)
    given = {"title": "Complaints", "severity": "CRITICAL", "subject": CHILD}
    await report(registry, IncidentInput.read(given), "olga")
    odd = {"subjects": [PARENT], "action": "REVIEW", "reason": "Odd."}
    await flag(registry, FlagInput.read(odd), "ada")
    holds = [
        f'version.ref == "{CHILD}" && version.name == "m" && version.version == "2"',
        'version.interventions[0].kind == "reweighing" && version.interventions[0].targets[0].value == null',
        'profile.present && profile.must_not_do == ["Decline alone."] && profile.guardrails.size() == 1',
        'profile.known_biases[0].attribute == "age_group" && !profile.current',
        'metrics["accuracy"].size() == 1 && metrics["accuracy"][0].slice["age_group"] == "65+"',
        'metrics["accuracy"].all(m, m.value == 0.9 && m.badness == -0.9 && m.n == 400)',
        'metrics["accuracy"].all(m, m.stderr > 0.0149 && m.stderr < 0.0151 && m.delta_serving == null)',
        'metrics["accuracy"].all(m, m.data == "dataset:d@1#h" && m.suite == "fairness" && m.suite_version == "1")',
        'metrics["accuracy"].all(m, !m.contaminated) && metrics["pct_stereotype"].all(m, m.contaminated)',
        'metrics["pct_stereotype"].all(m, m.stderr == 0.02 && m.badness == 0.1 && m.n == null)',
        'erosion.verdict == "UNKNOWN" && erosion.findings.size() >= 0',
        "probes.not_run == 1 && probes.resisted == 0 && probes.reproduced == 0",
        "review.go == 1 && review.no_go == 0 && review.quorum_reached",
        'flags.size() == 0 && ancestry.flags[0].action == "REVIEW" && ancestry.flags[0].reason == "Odd."',
        'ancestry.vulnerabilities.size() == 1 && ancestry.vulnerabilities[0].severity == "high"',
        'incidents[0].severity == "critical" && incidents[0].title == "Complaints"',
        'drift.exists(d, d.kind == "STALE_PROFILE") && drift[0].message != ""',
    ]
    await lay_down(registry, *holds)
    await go(registry, "rita")
    found = await ask(registry)
    for source, rule in zip(holds, found.rules, strict=True):
        assert rule.outcome.value == "PASSED", (source, rule.message)
    kinds = {brief.kind for brief in (await registry.store.resolve(found.evidence)).values()}
    assert kinds == {Kind.SAFETY_PROFILE, Kind.EVALUATION, Kind.VULNERABILITY, Kind.INCIDENT, Kind.FLAG, Kind.REVIEW}


async def test_results_on_unnamed_data_are_not_known_to_be_clean(registry: Registry) -> None:
    await lay_down(registry, 'metrics["accuracy"].all(m, !m.contaminated)')
    await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    assert (await outcomes(registry))[0] == "INCOMPLETE"


async def test_the_example_of_the_contract_at_work(registry: Registry, shared: Path) -> None:
    text = (shared / "contract" / "policy.example.yaml").read_text()
    await register_policies(registry, [PolicyInput.read(yaml.safe_load(text))])
    groups = [
        {"name": "selection_rate", "value": 0.5, "n": 900, "slice": [{"attribute": "age_group", "value": group}]}
        for group in ("18-64", "65+")
    ]
    both = [evaluation(ref, "pct_stereotype", 0.52, stderr=0.01) | {"data": "dataset:d@1#h"} for ref in (PARENT, CHILD)]
    rates = {"subject": CHILD, "suite": SUITE, "metrics": groups}
    await send(registry, **lineage(safetyProfile=OWN), evaluations=[*both, rates])
    assert await outcomes(registry) == (
        "BLOCKED",
        {
            "stereotype-rate": "PASSED",
            "every-group-measured": "PASSED",
            "no-erosion": "PASSED",
            "probes-run": "PASSED",
            "nothing-open": "PASSED",
            "documentation-current": "PASSED",
            "quorum": "BLOCKED",
        },
    )
    await go(registry, "rita")
    await go(registry, "rob")
    assert (await outcomes(registry))[0] == "PASSED"
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    found = await outcomes(registry)
    assert found[1]["quorum"] == found[1]["documentation-current"] == "BLOCKED"


async def test_what_serves_is_what_a_version_is_compared_with(registry: Registry) -> None:
    await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(PARENT, "accuracy", 0.9)])
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.85)])
    await lay_down(registry, 'metrics["accuracy"].all(m, m.delta_serving == null || m.delta_serving < 0.04)')
    assert (await outcomes(registry))[0] == "PASSED"
    await promote(registry, PARENT, "production", "ada")
    given = {"subject": PARENT, "environment": "production", "endpoint": "/score"}
    await deploy(registry, DeploymentInput.read(given), "ada")
    assert (await outcomes(registry))[0] == "BLOCKED"
    assert (await outcomes(registry, PARENT))[0] == "PASSED"


async def test_only_versions_have_a_gate(registry: Registry) -> None:
    await send(registry, **lineage())
    with pytest.raises(NotFound):
        await gate(registry, "model:m@9", "production")
    with pytest.raises(InvalidInput):
        await gate(registry, "dataset:d@1", "production")
    with pytest.raises(InvalidInput):
        await gate(registry, CHILD, "pro@duction")


DOCUMENT = Path(__file__).parents[2] / "docs" / "gate.md"


def example() -> PolicyInput:
    (text,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL) if "edge" in block
    )
    return PolicyInput.read(yaml.safe_load(text))


async def test_a_quantised_build_has_to_show_that_it_is_not_worse(registry: Registry) -> None:
    profile = {"intendedUse": "Tests.", "mustNotDo": []}
    metric = {"name": "harm_rate", "category": "TOXICITY", "direction": "LOWER_IS_BETTER", "isRate": True,
              "tolerance": 0.02}  # fmt: skip

    def build(name: str) -> dict[str, Any]:
        parents = [{"ref": "model:m@1", "relation": "QUANTIZE"}]
        return {"name": "m", "version": name, "config": {"v": name}, "parents": parents, "safetyProfile": profile}

    def run(name: str, count: int, n: int) -> dict[str, Any]:
        value = {"name": "harm_rate", "value": count / n, "n": n}
        return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": "1"}, "metrics": [value]}

    await register_policies(registry, [example()])
    await send(
        registry,
        metrics=[metric],
        models=[{"name": "m", "version": "1", "config": {"v": 0}}, build("many"), build("few"), build("none")],
        evaluations=[run("1", 500, 5000), run("many", 510, 5000), run("few", 10, 100)],
    )

    async def outcomes(name: str) -> dict[str, str]:
        found = await gate(registry, f"model:m@{name}", "edge")
        return {rule.name: rule.outcome.value for rule in found.rules}

    assert await outcomes("many") == {"nothing-lasting": "PASSED", "shown-not-worse": "PASSED"}
    assert (await outcomes("few"))["shown-not-worse"] == "BLOCKED"
    assert (await outcomes("none"))["shown-not-worse"] == "INCOMPLETE"
