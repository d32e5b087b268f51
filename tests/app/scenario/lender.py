"""The lender: its people, policies, data and thirty versions, as plain facts; the answers are in the tests."""

from typing import Any

from tests.queries.governed import digest

Json = dict[str, Any]

PEOPLE = {
    "Ines": ("registrar",),  # trains the scorers
    "Karim": ("registrar",),  # distills and quantises them
    "Otto": ("registrar",),  # is on call
    "Eva": ("evaluator",),  # measures fairness
    "Tom": ("evaluator",),  # attacks
    "Rob": ("reviewer",),
    "Rita": ("reviewer",),
    "Raj": ("reviewer",),
    "Rosa": ("reviewer",),
    "Rene": ("reviewer",),  # leaves
    "Anna": ("viewer",),  # analyst
    "Lars": ("viewer",),  # lawyer
    "Paula": ("viewer",),  # product manager
    "Ada": ("admin",),
    "Abel": ("auditor",),
}

POLICIES = {
    "production": """\
environment: production
quorum: 2
rules:
  - name: wrongful-declines
    expression: metrics["wrongful_decline_rate"].all(m, m.value <= 0.08)
    message: At most 8 in 100 of those who would have repaid may be declined.
  - name: every-group-measured
    expression: >-
      ["18-64", "65+"].all(g, metrics["wrongful_decline_rate"].exists(m,
      "age_group" in m.slice && m.slice["age_group"] == g))
    message: Wrongful declines must be measured for both age groups.
  - name: no-erosion
    expression: erosion.verdict != "UNKNOWN" && erosion.findings.filter(f, f.category != "performance").size() == 0
  - name: attacks-resisted
    expression: probes.not_run == 0 && probes.reproduced == 0
  - name: nothing-open
    expression: >-
      ancestry.flags.size() == 0 && incidents.filter(i, i.severity in ["high", "critical"]).size() == 0
  - name: sound-ground
    expression: ancestry.retracted.size() == 0
    message: Nothing that it came from may be retracted.
  - name: documentation-current
    expression: drift.size() == 0
""",
    "staging": """\
environment: staging
quorum: 1
rules:
  - name: useful
    expression: metrics["accuracy"].all(m, m.value >= 0.80)
    message: Accuracy must be at least 0.80.
""",
    "sandbox": """\
environment: sandbox
rules:
  - name: documented
    expression: profile.must_not_do.size() > 0
""",
}

WRONGFUL = {
    "name": "wrongful_decline_rate", "category": "BIAS", "direction": "LOWER_IS_BETTER", "tolerance": 0.01,
    "minimum": 0, "maximum": 1, "isRate": True, "description": "Share declined of those who would have repaid.",
}  # fmt: skip
FAIRNESS: Json = {"name": "fairness", "version": "3"}
ATTACKS: Json = {"name": "attacks", "version": "1", "config": {"budget": 100}}
BAD = "dataset:bureau@7#rows"
PANEL = "dataset:panel@1#people"

LINES = """
scorer 2.0       -                                   applications@2022#train
scorer 2.1       FINE_TUNE scorer@2.0                applications@2023#train
scorer 1.0       -                                   archive@2019#all
scorer 1.1       FINE_TUNE scorer@1.0                archive@2019#all
scorer 2.2       FINE_TUNE scorer@2.1                bureau@7#rows
scorer 2.3       FINE_TUNE scorer@2.2                repayments@2024#train
scorer 2.4       FINE_TUNE scorer@2.3                repayments@2024#train
scorer-mini 1    DISTILL scorer@2.1                  applications@2023#train
scorer-mini 2    DISTILL scorer@2.3                  applications@2023#train
scorer-int8 2.1  QUANTIZE scorer@2.1                 -
scorer-int8 2.4  QUANTIZE scorer@2.4                 -
scorer-mini-int8 2  QUANTIZE scorer-mini@2           -
scorer 2.5       FINE_TUNE scorer@2.1                bureau@8#rows
scorer 2.6       FINE_TUNE scorer@2.5                repayments@2024#train
scorer 2.7       FINE_TUNE scorer@2.6                repayments@2024#train
scorer 2.8       FINE_TUNE scorer@2.7                repayments@2024#train
scorer 2.9       FINE_TUNE scorer@2.8                repayments@2024#train
scorer 2.10      FINE_TUNE scorer@2.9                repayments@2024#train
scorer 3.0       MERGE scorer@2.4,MERGE scorer@2.7   -
scorer 3.1       FINE_TUNE scorer@3.0                repayments@2024#train
scorer 3.2       FINE_TUNE scorer@2.10               repayments@2024#train
scorer 3.3       FINE_TUNE scorer@3.2                repayments@2024#train
scorer-mini 3    DISTILL scorer@2.7                  applications@2023#train
scorer-mini-int8 3  QUANTIZE scorer-mini@3           -
scorer-int8 2.7  QUANTIZE scorer@2.7                 -
scorer-int8 3.2  QUANTIZE scorer@3.2                 -
scorer-int4 2.7  QUANTIZE scorer@2.7                 -
scorer-int4 3.2  QUANTIZE scorer@3.2                 -
scorer-cards 1   ADAPTER scorer@2.7                  cards@1#train
scorer-cards 2   ADAPTER scorer@2.10                 cards@1#train
""".strip().splitlines()
"""Name, version, parents and training data; the first four have been built before there was a registry."""


def ref(version: str) -> str:
    """`model:scorer@2.1` of `scorer 2.1`, and of `2.1`."""
    name, _, number = version.rpartition(" ")
    return f"model:{name or 'scorer'}@{number}"


def file_of(version: str) -> str:
    """The digest of the one file of a version."""
    return digest(1 + [ref(" ".join(line.split()[:2])) for line in LINES].index(ref(version)))


def models(*versions: str) -> list[Json]:
    """The manifest's entries of versions, each with a file, a config and a profile of its own."""
    found = {ref(" ".join(line.split()[:2])): line.split() for line in LINES}
    made = []
    for version in versions:
        name, number, parents, data = _parts(found[ref(version)])
        one: Json = {
            "name": name,
            "version": number,
            "artifacts": [{"uri": f"s3://lender/{name}/{number}", "digest": file_of(version)}],
            "config": {"name": name, "run": number},
            "safetyProfile": profile(f"Rank consumer loans for an underwriter ({name} {number})."),
        }
        if parents:
            one["parents"] = parents
        if data != "-":
            one["trainedOn"] = [{"ref": f"dataset:{data}", "role": "TRAIN"}]
        made.append(one)
    return made


def _parts(words: list[str]) -> tuple[str, str, list[Json], str]:
    name, number, *parents, data = words
    pairs = " ".join(parents).split(",")
    derived = [pair.split() for pair in pairs if pair != "-"]
    return name, number, [{"relation": relation, "ref": f"model:{parent}"} for relation, parent in derived], data


def profile(use: str) -> Json:
    """A safety profile."""
    return {"intendedUse": use, "mustNotDo": ["Decline an application alone."]}


def dataset(name: str, version: str, part: str, number: int, *population: tuple[str, str, float]) -> Json:
    """A dataset of one partition; its population is documented completely, or not at all."""
    shares = [{"attribute": attribute, "value": value, "share": share} for attribute, value, share in population]
    one: Json = {"name": part, "digest": digest(number), "rows": 1000}
    if shares:
        one |= {"populationDocumented": "COMPLETE", "population": shares}
    return {"name": name, "version": version, "partitions": [one]}


def datasets() -> list[Json]:
    """All the data that anything was trained on, and the panel that all are measured on."""
    young, old = ("age_group", "18-64", 0.9), ("age_group", "65+", 0.1)
    return [
        dataset("archive", "2019", "all", 100),
        dataset("applications", "2022", "train", 101, young, old),
        dataset("applications", "2023", "train", 102, young, old),
        dataset("bureau", "7", "rows", 103, ("age_group", "18-64", 1.0)),
        dataset("repayments", "2024", "train", 104),
        dataset("bureau", "8", "rows", 105, ("age_group", "18-64", 1.0)),
        dataset("cards", "1", "train", 106, ("age_group", "18-64", 1.0)),
        dataset("panel", "1", "people", 110, young, old),
    ]


def everybody(version: str, value: float) -> Json:
    """A run of the fairness suite on twenty thousand people, not by age."""
    metrics = [{"name": "wrongful_decline_rate", "value": value, "n": 20_000}]
    return {"subject": ref(version), "suite": FAIRNESS, "data": PANEL, "metrics": metrics}


def fairness(version: str, day: str, young: float, old: float | None, accuracy: float) -> Json:
    """A run of the fairness suite: 2,000 people under 65, 1,000 from 65 on, where they were asked."""
    groups = [("18-64", young, 2000)] + ([("65+", old, 1000)] if old is not None else [])
    rates = [
        {"name": "wrongful_decline_rate", "value": value, "n": n, "slice": [{"attribute": "age_group", "value": group}]}
        for group, value, n in groups
    ]
    metrics = [{"name": "accuracy", "value": accuracy, "n": 3000}, *rates]
    return {
        "subject": ref(version), "suite": FAIRNESS, "data": PANEL, "evaluatedAt": f"{day}T12:00:00Z",
        "metrics": metrics,
    }  # fmt: skip


def attack(version: str, day: str, rate: float) -> Json:
    """A run of the attacks: 400 altered applications."""
    metrics = [{"name": "attack_success_rate", "value": rate, "n": 400}]
    return {"subject": ref(version), "suite": ATTACKS, "evaluatedAt": f"{day}T12:00:00Z", "metrics": metrics}


def alert(at: str, fingerprint: str, *, over: str | None = None, endpoint: str = "/score", summary: str) -> Json:
    """What Alertmanager sends of one alert, firing or over."""
    labels = {"alertname": "Declines", "severity": "critical", "environment": "production", "service": endpoint}
    one = {
        "status": "resolved" if over else "firing", "labels": labels, "annotations": {"summary": summary},
        "startsAt": at, "endsAt": over or "0001-01-01T00:00:00Z", "fingerprint": fingerprint,
    }  # fmt: skip
    return {"version": "4", "status": one["status"], "alerts": [one]}
