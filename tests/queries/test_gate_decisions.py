"""Decisions of the gate: recorded, promoted by, replayed, and made again when something is recorded meanwhile."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from descentd.graph.inputs.acts import DeploymentInput, RetractionInput
from descentd.graph.model.errors import GateBlocked, InvalidInput, NotFound, Unavailable
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import perform
from descentd.graph.store.base import Reads
from descentd.graph.verify import verify
from descentd.queries.governance.gate.decide import Gate
from descentd.queries.governance.gate.decide import evaluate as asked
from descentd.queries.governance.gate.promotion import promote, replay
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.governed import (
    BIAS,
    CHILD,
    OWN,
    PROFILE,
    evaluation,
    go,
    lay_down,
    lineage,
    version,
)
from tests.support.registries import send

pytestmark = pytest.mark.anyio


async def test_a_decision_of_the_first_edition_is_replayed_by_its_rules(registry: Registry) -> None:
    """Before there was a rule for it, what was retracted could pass: such a decision stays what it was."""
    await lay_down(registry, "1 < 2")
    await send(registry, **lineage(safetyProfile=OWN))
    await retract(registry, RetractionInput.read({"subjects": [CHILD], "reason": "Wrong."}), "rita")
    version = await registry.find(CHILD, await registry.sequence())
    then = await asked(registry, version, "production", await registry.sequence(), edition=1)
    assert then.outcome.value == "PASSED"
    content = {
        "subject": version.id,
        "environment": "production",
        "outcome": "PASSED",
        "rules": [{"name": "rule-0", "outcome": "PASSED", "message": "1 < 2", "evidence": []}],
        "evidence": [],
        "sequence": then.upto,
        "by": "ada",
        "at": rfc3339(then.moment),
    }
    record = Record.of(Kind.GATE_DECISION, content)

    async def draft(reads: Reads) -> Sequence[Record]:
        return [record]

    await perform(registry.committer, "ada", draft)
    assert (await replay(registry, record.id)).same


@pytest.mark.parametrize("erosion", ["erosion", "erosion.since_serving"])
async def test_decisions_of_the_sixth_edition_are_replayed_by_the_p_that_they_saw(
    registry: Registry, erosion: str
) -> None:
    """p of the best of five is .006707 where an error of 1 stands for one of 1.01, and .006720 by the integral.

    What serves was not measured itself.
    """
    refs = [f"model:m@{number}" for number in range(1, 8)]
    serving = "model:m@9"
    first = [version("9", safetyProfile=PROFILE), version("1", serving)]
    models = [*first, *(version(f"{n}", f"model:m@{n - 1}") for n in range(2, 7))]
    errors = [1.0, 1.01, 1.01, 1.01, 1.01, 1.0, 1.0]
    results = [
        evaluation(ref, "toxicity_score", 0.1 + 0.045 * (ref == refs[-1]), stderr=error / 100)
        for ref, error in zip(refs, errors, strict=True)
    ]
    await send(registry, models=[*models, version("7", refs[5], safetyProfile=OWN)], evaluations=results)
    await lay_down(registry)
    await promote(registry, serving, "production", "ada")
    place = {"subject": serving, "environment": "production", "endpoint": "/"}
    await deploy(registry, DeploymentInput.read(place), "ada")
    rule = f'{erosion}.findings.exists(f, f.kind == "CUMULATIVE_EROSION" && f.p < 0.0067134)'
    await lay_down(registry, rule)
    head, upto = await registry.find(refs[-1], await registry.sequence()), await registry.sequence()
    then, now = [await asked(registry, head, "production", upto, edition=edition) for edition in (6, 7)]
    assert (then.outcome.value, now.outcome.value) == ("PASSED", "BLOCKED")


async def contents(registry: Registry, kind: Kind) -> list[dict[str, Any]]:
    entries = await registry.store.entries(range(1, await registry.sequence() + 1))
    return [entry.record.content for entry in entries if entry.record.kind is kind]


async def test_a_refusal_is_on_record_and_promotes_nothing(registry: Registry) -> None:
    await lay_down(registry, "1 > 2", BIAS)
    await send(registry, **lineage(safetyProfile=OWN))
    with pytest.raises(
        GateBlocked, match=r"rule-0 .blocked.: This does not hold: 1 > 2; rule-1 .incomplete.: There is no"
    ) as caught:
        await promote(registry, CHILD, "production", "ada")
    [decision] = await contents(registry, Kind.GATE_DECISION)
    assert await contents(registry, Kind.PROMOTION) == []
    details = caught.value.details
    assert details["outcome"] == decision["outcome"] == "BLOCKED"
    assert [rule["outcome"] for rule in details["rules"]] == ["BLOCKED", "INCOMPLETE"]
    found = (await registry.store.resolve([details["decision"]]))[details["decision"]]
    assert found.kind is Kind.GATE_DECISION
    assert decision["by"] == "ada"
    assert (await verify(registry.store)).problem is None


async def test_what_passes_is_promoted_with_its_decision(registry: Registry) -> None:
    policy = await lay_down(registry, 'metrics["accuracy"].all(m, m.value > 0.5)')
    done = await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    before = await registry.sequence()
    promoted = await promote(registry, CHILD, "production", "ada")
    decision, made = await registry.store.entries([before + 1, before + 2])
    assert decision.transaction == made.transaction == before + 1
    assert (made.record.id, decision.record.id) == (promoted.id, promoted.decision)
    measured = next(record.id for record in done.records if record.kind is Kind.EVALUATION)
    assert decision.record.content["evidence"] == [measured]
    assert decision.record.content["sequence"] == before
    assert decision.record.content["policyDigest"] == promoted.gate.policy.digest if promoted.gate.policy else None
    assert {(edge.role, edge.target) for edge in decision.record.edges} >= {
        (Role.CITES, policy),
        (Role.CITES, measured),
    }
    assert made.record.content["gateDecision"] == decision.record.id


async def test_a_decision_is_replayed_after_everything_changed(registry: Registry) -> None:
    await lay_down(registry, 'metrics["accuracy"].all(m, m.value > 0.5)', "drift.size() == 0", quorum=1)
    done = await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "accuracy", 0.9)])
    await go(registry, "rita")
    promoted = await promote(registry, CHILD, "production", "ada")
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.1)])
    await retract(registry, RetractionInput.read({"subjects": [done.records[-1].id], "reason": "No."}), "ada")
    await go(registry, "norm", "NO_GO")
    await lay_down(registry, "1 > 2")
    with pytest.raises(GateBlocked) as caught:
        await promote(registry, CHILD, "production", "ada")
    for id, outcome in ((promoted.decision, "PASSED"), (caught.value.details["decision"], "BLOCKED")):
        again = await replay(registry, id)
        assert again.same
        assert again.gate.outcome.value == outcome
    with pytest.raises(InvalidInput, match="name a gate decision"):
        await replay(registry, CHILD)
    with pytest.raises(NotFound):
        await replay(registry, "sha256:" + "0" * 64)


async def test_what_is_recorded_meanwhile_is_not_overlooked(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lay_down(registry, BIAS)
    await send(registry, **lineage(safetyProfile=OWN), evaluations=[evaluation(CHILD, "pct_stereotype", 0.5)])
    slipping: list[dict[str, Any]] = [
        {"evaluations": [evaluation(CHILD, "pct_stereotype", 0.9)]},
        {"models": [version("7")]},
    ]

    async def slow(*given: Any) -> Gate:
        found = await asked(*given)
        if slipping:
            await send(registry, **slipping.pop(0))
        return found

    monkeypatch.setattr("descentd.queries.governance.gate.promotion.evaluate", slow)
    with pytest.raises(GateBlocked):
        await promote(registry, CHILD, "production", "ada")
    [decision] = await contents(registry, Kind.GATE_DECISION)
    assert decision["outcome"] == "BLOCKED"
    assert slipping == []


async def test_a_registry_that_never_rests_is_given_up_on(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    await lay_down(registry, "1 < 2")
    await send(registry, **lineage(safetyProfile=OWN))

    async def slow(*given: Any) -> Gate:
        found = await asked(*given)
        await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.5, evaluator=str(time.time_ns()))])
        return found

    monkeypatch.setattr("descentd.queries.governance.gate.promotion.evaluate", slow)
    with pytest.raises(Unavailable, match="keeps changing"):
        await promote(registry, CHILD, "production", "ada")
    assert await contents(registry, Kind.GATE_DECISION) == []
