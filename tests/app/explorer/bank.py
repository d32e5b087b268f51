"""A bank's registry, small enough to know by heart: three versions of a scorer, one of which got worse for a group."""

from collections.abc import Sequence
from typing import Any

from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import DeploymentInput, FlagInput, IncidentInput, ReviewInput
from descentd.queries.governance.flags import flag
from descentd.queries.governance.gate.promotion import promote
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report
from descentd.queries.registry import Registry
from tests.queries.governed import digest
from tests.support.registries import send

Json = dict[str, Any]

SCORER = "model:bank/scorer@{}"
FIRST, SECOND, THIRD = (SCORER.format(number) for number in ("1.0", "1.1", "2.0"))
LOANS = "dataset:loans@2024"
PROFILE: Json = {
    "intendedUse": "Rank applications for a human underwriter.",
    "mustNotDo": ["Decline an application without a person looking at it.", "Score anybody under 18."],
    "guardrails": ["Every decline carries its reasons."],
    "knownBiases": [{"attribute": "age_group", "value": "65+", "description": "Scores 11 points low."}],
    "notes": [{"author": "risk team", "text": "Sensitive to incomes that people state themselves."}],
}
POLICY = """\
environment: production
quorum: 1
rules:
  - name: accurate
    expression: metrics["accuracy"].all(m, m.value >= 0.8)
    message: Accuracy must be at least 0.8.
"""


def manifest() -> Json:
    """Everything that is registered before anybody decides."""
    return {
        "datasets": [
            {
                "name": "loans",
                "version": "2024",
                "license": "proprietary",
                "partitions": [
                    {
                        "name": "train",
                        "digest": digest(1),
                        "rows": 410_000,
                        "populationDocumented": "COMPLETE",
                        "population": [
                            {"attribute": "age_group", "value": "18-64", "share": 0.93},
                            {"attribute": "age_group", "value": "65+", "share": 0.07},
                        ],
                    },
                    {"name": "holdout", "digest": digest(2), "rows": 40_000},
                ],
            }
        ],
        "models": [_version("1.0"), _version("1.1", FIRST), _version("2.0", SECOND, interventions=[_REWEIGHING])],
        "evaluations": [
            _evaluation(FIRST, 0.871, 0.640, 0.41),
            _evaluation(SECOND, 0.883, 0.627, 0.42),
            _evaluation(THIRD, 0.894, 0.560, 0.55),
        ],
        "vulnerabilities": [
            {
                "subject": FIRST,
                "title": "Stated incomes above 400,000 raise the score",
                "severity": "HIGH",
                "probe": {
                    "suite": {"name": "attacks", "version": "1"},
                    "metric": "attack_success_rate",
                    "threshold": 0.1,
                },
            }
        ],
    }


_REWEIGHING: Json = {
    "kind": "reweighing",
    "targets": [{"attribute": "age_group", "value": "65+"}],
    "description": "Training rows reweighed so that selection rates match.",
}


def _version(number: str, *parents: str, **more: Any) -> Json:
    return {
        "name": "bank/scorer",
        "version": number,
        "createdAt": "2025-01-15T10:00:00Z",
        "artifacts": [{"uri": f"s3://scorer/{number}", "digest": digest(int(number.replace(".", "")))}],
        "parents": [{"ref": parent, "relation": "FINE_TUNE"} for parent in parents],
        "trainedOn": [{"ref": f"{LOANS}#train", "role": "TRAIN"}],
        "code": {"repository": "https://git.example/scorer", "commit": "5f0c1d2e" + number},
        "config": {"depth": 6, "seed": 7, "number": number},
        "safetyProfile": PROFILE,
        **more,
    }


def _evaluation(subject: str, accuracy: float, adversarial: float, selected: float) -> Json:
    return {
        "subject": subject,
        "suite": {"name": "fairness", "version": "1.3"},
        "data": f"{LOANS}#holdout",
        "metrics": [
            {"name": "accuracy", "value": accuracy, "n": 40_000},
            {"name": "adversarial_accuracy", "value": adversarial, "n": 4_000},
            {
                "name": "selection_rate",
                "value": selected,
                "n": 2_600,
                "slice": [{"attribute": "age_group", "value": "65+"}],
            },
            {
                "name": "selection_rate",
                "value": 0.57,
                "n": 34_000,
                "slice": [{"attribute": "age_group", "value": "18-64"}],
            },
        ],
    }


async def fill(registry: Registry) -> None:
    """Register everything, and let people decide: 1.0 serves and had an incident, 1.1 was refused, 2.0 waits."""
    await send(registry, **manifest())
    await register_policies(registry, [read_policy(POLICY, "production.yaml")])
    place = {"environment": "production", "endpoint": "scoring"}
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    await review(registry, ReviewInput.read(go | {"conditions": ["Look again in spring."]}), "rita")
    await promote(registry, FIRST, "production", "ana")
    await deploy(registry, DeploymentInput.read({"subject": FIRST, **place}), "ana")
    no = {"subject": SECOND, "environment": "production", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
    await review(registry, ReviewInput.read(no), "rob")
    wrong = {"title": "Declined applications without reasons", "severity": "HIGH", **place}
    await report(registry, IncidentInput.read(wrong), "otto")
    await flag(
        registry,
        FlagInput.read({"subjects": [f"{LOANS}#holdout"], "action": "REVIEW", "reason": "Ask where it is from."}),
        "rita",
    )
    await send(
        registry, "lars", notes=[{"subject": THIRD, "author": "risk team", "text": "Ask for a test of appeals."}]
    )


def chain(values: Sequence[float], name: str = "m") -> Json:
    """Versions 1, 2, … of one model, each fine-tuned from the one before and evaluated once."""
    versions = [str(number) for number, _ in enumerate(values, 1)]
    return {
        "models": [
            {"name": name, "version": version, "config": {"step": version}, "parents": parents}
            for version, parents in zip(
                versions,
                [[], *([{"ref": f"model:{name}@{before}", "relation": "FINE_TUNE"}] for before in versions)],
                strict=False,
            )
        ],
        "evaluations": [
            {
                "subject": f"model:{name}@{version}",
                "suite": {"name": "s", "version": "1"},
                "evaluatedAt": "2025-01-01T00:00:00Z",
                "metrics": [{"name": "adversarial_accuracy", "value": value, "n": 4000}],
            }
            for version, value in zip(versions, values, strict=True)
        ],
    }
