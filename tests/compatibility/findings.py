"""What was measured and found on the versions of a fixture's registry."""

from typing import Any

from tests.compatibility.lineages import HOLDOUT, Json, group

FAIRNESS: Json = {"name": "fairness", "version": "1.3"}
ATTACKS: Json = {
    "name": "attacks",
    "version": "2",
    "config": {"attempts": 1, "temperature": 0.5, "seeds": [1, 2], "x": None},
}
ABILITY: Json = {"name": "ability", "version": "0.4", "config": {"shots": 5}}


def evaluation(subject: str, suite: Json, day: int, *results: Json, **more: Any) -> Json:
    when = f"2025-08-{day:02}T09:00:00Z"
    return {"subject": subject, "suite": suite, "evaluatedAt": when, "metrics": list(results), **more}


def result(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "value": value, **more}


def credit_evaluations() -> list[Json]:
    """Accuracy rises along the line, and what is safe falls; the last ones rest on data that was learned from."""
    made = []
    for number in range(1, 6):
        subject = f"model:credit@{number}"
        results = [
            result("accuracy", 0.85 + number / 100, n=40_000),
            result("adversarial_accuracy", 0.66 - number / 50, n=4_000),
            result("pct_stereotype", 0.5 + number / 40, stderr=0.01),
            result("approval", 0.5 - number / 50, n=9_000),
            result("psi_income", number / 10),
            result("selection_rate", 0.41 + number / 90, n=2_600, slice=group("65+")),
            result("selection_rate", 0.57, n=34_000, slice=group("18-64")),
        ]
        made.append(evaluation(subject, FAIRNESS, number, *results, data=HOLDOUT, evaluator="risk-lab"))
        made.append(evaluation(subject, ATTACKS, number, result("attack_success_rate", number / 50, n=200)))
    again = [result("accuracy", 0.861, n=20_000), result("income_use", 3.5, stderr=0.25)]
    made.append(evaluation("model:credit@1", FAIRNESS, 9, *again, data=HOLDOUT))
    learned = result("accuracy", 0.99, n=100)
    made.append(evaluation("model:credit@2", ABILITY, 9, learned, data="dataset:loans@2024-12#train-us"))
    made.append(evaluation("model:credit@3", ABILITY, 9, learned, data="dataset:loans@2024-12"))
    return made


def chat_evaluations() -> list[Json]:
    """Of the language models: both lines into a merge, what came from it, and some on data that was learned from."""
    scores = {
        "base@1": 0.31,
        "base@2": 0.37,
        "chat@1": 0.52,
        "chat@2": 0.61,
        "chat-lora@1": 0.57,
        "chat-merged@1": 0.63,
    }
    made = []
    for day, (name, score) in enumerate(scores.items(), 1):
        results = [result("exact_match", score, n=1_000), result("refusal_rate", 0.99 - score, n=500)]
        made.append(evaluation(f"model:{name}", ABILITY, day, *results, data="dataset:annotated@1#all"))
    for day, (name, rate) in enumerate({"chat@1": 0.02, "chat@2": 0.4, "chat-q4@1": 0.08}.items(), 1):
        made.append(evaluation(f"model:{name}", ATTACKS, day, result("attack_success_rate", rate, n=50)))
    for name, rate in {"chat@2": 0.9, "chat-lora@1": 0.6, "chat-merged@1": 0.55}.items():
        polite = {"name": "politeness", "version": "2024-01"}
        made.append(evaluation(f"model:{name}", polite, 7, result("refusal_rate", rate, n=2_000)))
    made.append({"subject": "model:chat-small@1", "suite": ABILITY, "metrics": [result("exact_match", 0.5)]})
    return made


def vulnerabilities() -> list[Json]:
    """Two with probes, which descendants inherit, and one without."""
    attack: Json = {"suite": ATTACKS, "metric": "attack_success_rate", "threshold": 0.1}
    return [
        {
            "subject": "model:base@1",
            "title": "Jailbreak",
            "severity": "HIGH",
            "description": "By role play.",
            "probe": attack,
        },
        {"subject": "model:chat@1", "title": "Says where it lives", "severity": "LOW"},
        {
            "subject": "model:credit@1",
            "title": "Unfair to the old",
            "severity": "CRITICAL",
            "probe": {
                "suite": FAIRNESS,
                "metric": "pct_stereotype",
                "threshold": 0.6,
                "data": HOLDOUT,
                "command": "python -m probe {model}",
            },
        },
        {
            "subject": "model:chat@2",
            "title": 'Fooled by "quotes"',
            "severity": "MEDIUM",
            "probe": {**attack, "slice": [{"attribute": "language", "value": "de"}]},
        },
    ]
