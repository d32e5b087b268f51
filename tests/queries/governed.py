"""A lineage that gates, probes and drift are asked about: a parent, a child, and data behind them."""

from typing import Any

from descentd.graph.inputs.acts import ReviewInput
from descentd.queries.governance.gate.decide import Gate, gate
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.registry import Registry

Json = dict[str, Any]
SUITE: Json = {"name": "fairness", "version": "1"}
ATTACKS: Json = {"name": "attacks", "version": "2", "config": {"k": 1}}
PROFILE: Json = {"intendedUse": "Rank loans.", "mustNotDo": ["Decline alone."]}
PARENT, CHILD = "model:m@1", "model:m@2"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def version(number: str, *parents: str, **more: Any) -> Json:
    made: Json = {"name": "m", "version": number, "artifacts": [{"uri": "s3://m", "digest": digest(int(number))}]}
    made["parents"] = [{"ref": parent, "relation": "FINE_TUNE"} for parent in parents]
    return made | more


def lineage(**child: Any) -> Json:
    """Sections of a manifest: `m@1` learned from `d@1#p`, and `m@2` is fine-tuned from it."""
    return {
        "datasets": [
            {
                "name": "d",
                "version": "1",
                "partitions": [{"name": "p", "digest": digest(100)}, {"name": "h", "digest": digest(101)}],
            }
        ],
        "models": [
            version("1", trainedOn=[{"ref": "dataset:d@1#p", "role": "TRAIN"}], safetyProfile=PROFILE),
            version("2", PARENT, **child),
        ],
    }


def evaluation(subject: str, name: str, value: float, suite: Json = SUITE, **more: Any) -> Json:
    """An evaluation with one result; `slice`, `n` and `stderr` are of the result."""
    result = {key: more.pop(key) for key in ("slice", "n", "stderr") if key in more}
    return {"subject": subject, "suite": suite, "metrics": [{"name": name, "value": value, **result}], **more}


def weakness(subject: str, title: str = "Jailbreak", **probe: Any) -> Json:
    """A weakness with a probe, or without where no part of one is given."""
    found: Json = {"subject": subject, "title": title, "severity": "HIGH"}
    return found | ({"probe": {"suite": ATTACKS, **probe}} if probe else {})


OWN = PROFILE | {"intendedUse": "Rank loans for people over 65."}
BIAS = 'metrics["pct_stereotype"].all(m, m.badness <= 0.1)'


async def lay_down(registry: Registry, *expressions: str, quorum: int = 0, environment: str = "production") -> str:
    rules = [{"name": f"rule-{i}", "expression": source} for i, source in enumerate(expressions)]
    given = {"environment": environment, "quorum": quorum, "rules": rules or [{"name": "any", "expression": "true"}]}
    [id] = await register_policies(registry, [PolicyInput.read(given)])
    return id


async def ask(registry: Registry, of: str = CHILD, as_of: str | None = None) -> Gate:
    return await gate(registry, of, "production", as_of)


async def outcomes(registry: Registry, of: str = CHILD) -> tuple[str, dict[str, str]]:
    found = await ask(registry, of)
    return found.outcome.value, {rule.name: rule.outcome.value for rule in found.rules}


async def go(registry: Registry, person: str, decision: str = "GO", of: str = CHILD) -> None:
    given = {"subject": of, "environment": "production", "decision": decision, "reason": "Read it all."}
    await review(registry, ReviewInput.read(given), person)
