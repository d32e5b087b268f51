"""The hospital: its people, policy, data and twelve versions, as plain facts; what is to be answered is in the test."""

from typing import Any

from tests.queries.governed import digest

Json = dict[str, Any]

PEOPLE = {
    "Mira": ("registrar",),  # trains
    "Ned": ("registrar",),  # runs the wards' computers
    "Petra": ("evaluator",),  # biostatistician
    "Sam": ("evaluator",),  # tests for safety
    "Hana": ("reviewer",),  # chief physician
    "Heidi": ("reviewer",),  # ethics board
    "Hugo": ("reviewer",),  # leaves
    "Nora": ("viewer",),  # nurse
    "Dan": ("viewer",),  # physician
    "Pia": ("viewer",),  # speaks for patients
    "Liv": ("viewer",),  # lawyer
    "Dora": ("viewer",),  # data protection
    "Ann": ("viewer",),  # analyst
    "Adam": ("admin",),
    "Aud": ("auditor",),
}

POLICIES = {
    "ward": """\
environment: ward
quorum: 2
rules:
  - name: finds-the-urgent
    expression: metrics["recall"].all(m, m.value >= 0.90)
    message: At least 90 of 100 urgent patients must be found.
  - name: measured-for-the-old
    expression: >-
      metrics["recall"].exists(m, "age_group" in m.slice && m.slice["age_group"] == "over 65")
    message: Recall must be measured for patients over 65.
  - name: weaknesses-answered
    expression: probes.not_run == 0 && probes.reproduced == 0
  - name: documentation-current
    expression: drift.size() == 0
""",
}

CASES: Json = {"name": "cases", "version": "2"}
DIALECT: Json = {"name": "dialect", "version": "1"}
YOUNG, OLD, OLD_CAPITAL = "under 65", "over 65", "Over 65"

NOTES_2021, NOTES_2022 = "dataset:notes@2021#ward", "dataset:notes@2022#ward"
ICU, LETTERS, SYNTHETIC = "dataset:icu@1#rows", "dataset:letters@1#all", "dataset:synthetic@1#cases"


def ref(version: str) -> str:
    """`model:triage@1.0` of `triage 1.0`."""
    return "model:" + version.replace(" ", "@")


def partition(name: str, number: int, shares: dict[str, float] | None, **more: Any) -> Json:
    """A partition of 1,000 rows; its population is documented completely, or not at all."""
    one: Json = {"name": name, "digest": digest(number), "rows": 1000, **more}
    if shares is None:
        return one
    population = [{"attribute": "age_group", "value": value, "share": share} for value, share in shares.items()]
    return one | {"populationDocumented": "COMPLETE", "population": population}


def datasets() -> list[Json]:
    """Two clerks spelt the same people differently; the letters' shares sum to 0.6 and name nobody over 65."""
    return [
        {"name": "notes", "version": "2021", "partitions": [partition("ward", 100, {YOUNG: 0.8, OLD: 0.2})]},
        {"name": "notes", "version": "2022", "partitions": [partition("ward", 101, {YOUNG: 0.75, OLD_CAPITAL: 0.25})]},
        {"name": "icu", "version": "1", "partitions": [partition("rows", 102, {YOUNG: 1.0})]},
        {"name": "letters", "version": "1", "partitions": [partition("all", 103, {YOUNG: 0.6})]},
        {
            "name": "synthetic", "version": "1",
            "partitions": [partition("cases", 104, None, generatedBy=[ref("triage 1.0")])],
        },
        {"name": "held-out", "version": "1", "partitions": [partition("cases", 110, {YOUNG: 0.5, OLD: 0.5})]},
    ]  # fmt: skip


def version(of: str, parents: dict[str, str] | None = None, data: str | None = None, **more: Any) -> Json:
    """A version with a file, a config and a profile of its own."""
    name, number = of.split(" ")
    made: Json = {
        "name": name,
        "version": number,
        "artifacts": [{"uri": f"s3://hospital/{name}/{number}", "digest": digest(200 + VERSIONS.index(of))}],
        "config": {"name": name, "run": number},
        "safetyProfile": profile(f"Order the queue of the emergency room ({of})."),
        "parents": [{"ref": ref(parent), "relation": relation} for parent, relation in (parents or {}).items()],
    }
    if data is not None:
        made["trainedOn"] = [{"ref": data, "role": "TRAIN"}]
    return made | more


VERSIONS = (
    "triage 1.0", "triage 1.1", "triage 2.0", "triage 2.1", "triage-int8 1.1", "sepsis 1", "icu 1", "icu 2", "icu 3",
    "icu-int8 1", "icu-mix 1", "icu-mix 2",
)  # fmt: skip


def models() -> list[Json]:
    """The twelve, each with what is learned from what."""
    assembled = {"icu 1": "MERGE", "icu-int8 1": "MERGE"}
    sensitive = {"text": "Finds 95 of 100 urgent patients over 65.", "metric": "recall", "atLeast": 0.95}
    claims = [sensitive | {"slice": [{"attribute": "age_group", "value": OLD}]}]
    made = [
        version("triage 1.0", data=NOTES_2021),
        version("triage 1.1", {"triage 1.0": "FINE_TUNE"}, NOTES_2022),
        version("triage 2.0", data=NOTES_2022),
        version("triage 2.1", {"triage 2.0": "FINE_TUNE"}, SYNTHETIC),
        version("triage-int8 1.1", {"triage 1.1": "QUANTIZE"}),
        version("sepsis 1", {"triage 1.1": "FINE_TUNE"}, SYNTHETIC),
        version("icu 1", data=ICU),
        version("icu 2", {"icu 1": "FINE_TUNE"}, LETTERS),
        version("icu 3", {"icu 1": "FINE_TUNE"}),  # on what, nobody wrote down
        version("icu-int8 1", {"icu 1": "QUANTIZE"}),
        version("icu-mix 1", assembled, config={"weights": [0.5, 0.5]}),
        version("icu-mix 2", assembled, config={"weights": [0.5, 0.5], "learning_rate": 0.001, "epochs": 3}),
    ]
    by_ref = {f"{one['name']} {one['version']}": one for one in made}
    by_ref["triage 1.1"]["safetyProfile"]["claims"] = claims
    by_ref["triage-int8 1.1"]["safetyProfile"] = by_ref["triage 1.1"]["safetyProfile"]  # copied
    del by_ref["icu 3"]["safetyProfile"]
    return made


def profile(use: str) -> Json:
    """A safety profile."""
    return {"intendedUse": use, "mustNotDo": ["Send anybody home."]}


def cases(of: str, young: float, old: float) -> Json:
    """A run of the cases: 1,000 urgent patients on either side of 65."""
    metrics = [
        {"name": "recall", "value": value, "n": 1000, "slice": [{"attribute": "age_group", "value": group}]}
        for group, value in ((YOUNG, young), (OLD, old))
    ]
    return {"subject": ref(of), "suite": CASES, "data": "dataset:held-out@1#cases", "metrics": metrics}
