"""What the registry of a fixture is told: two lineages, their data, and what was measured and found on them."""

from tests.compatibility.findings import (
    FAIRNESS,
    chat_evaluations,
    credit_evaluations,
    evaluation,
    result,
    vulnerabilities,
)
from tests.compatibility.lineages import (
    CHAT,
    PROFILE,
    Json,
    credit_models,
    datasets,
    group,
    language_models,
    metrics,
    shares,
    version,
)


def notes() -> list[Json]:
    return [
        {"subject": "model:credit@2", "author": "Ruth", "text": "Trained twice; this is the second time."},
        {"subject": "dataset:web@2023", "author": "someone else", "text": "Ask before it is used.\nReally."},
    ]


def first_manifests() -> list[tuple[str, Json]]:
    """What is registered before anybody decides anything: who sends it, and the manifest."""
    return [
        ("Ada", {"metrics": metrics()}),
        ("Ruth", {"datasets": datasets(), "models": language_models()}),
        ("Ruth", {"models": credit_models(), "notes": notes()}),
        ("Eva", {"evaluations": credit_evaluations(), "vulnerabilities": vulnerabilities()}),
        ("Eva", {"evaluations": chat_evaluations()}),
    ]


def later_manifests() -> list[tuple[str, Json]]:
    """What is learned later: other profiles and populations, one of them twice, more results, and new versions."""
    claims = [
        {"text": "At most a tenth off.", "metric": "pct_stereotype", "atLeast": 0.4, "atMost": 0.6},
        {"text": "The old are selected.", "metric": "selection_rate", "slice": group("65+"), "atLeast": 0.3},
    ]
    revised = PROFILE | {"intendedUse": "Rank loans under 50 000.", "knownBiases": [], "claims": claims}
    known: Json = {"subject": "dataset:web@2023#forum", "populationDocumented": "COMPLETE", "reason": "They answered."}
    unknown: Json = {"subject": "dataset:annotated@1#all", "populationDocumented": "PARTIAL", "reason": "Looked at."}
    return [
        ("Ruth", {"safetyProfiles": [{"subject": "model:credit@5", "profile": revised, "reason": "Narrowed."}]}),
        ("Ruth", {"safetyProfiles": [{"subject": "model:hearsay@1", "profile": CHAT}]}),
        ("Ruth", {"populations": [known | {"population": shares("region", EU=0.5, UK=0.5)}]}),
        ("Ruth", {"populations": [unknown | {"population": shares("age_group", **{"65+": None})}]}),
        ("Eva", {"evaluations": [evaluation("model:credit@4", FAIRNESS, 20, result("accuracy", 0.9, n=500))]}),
        (
            "Ruth",
            {"models": [version("credit", "6", 26, ("model:credit@5", "FINE_TUNE"), config={"depth": 9})]},
        ),
        ("Ruth", {"models": [version("chat", "3", 30, ("model:chat@2", "FINE_TUNE"), safetyProfile=CHAT)]}),
    ]
