"""The commands that ask: impact, trained-on, lineage, paths, search and show."""

import json
from typing import Any

import pytest

from tests.client import answers
from tests.client.cli import run
from tests.client.registry import Registry


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESCENT_URL", "DESCENT_TOKEN", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_impact(full: Registry) -> None:
    result = run("impact", answers.US, "--kinds", "model_version,deployment", "--evidence", registry=full)
    assert (result.exit_code, result.stderr) == (0, "")
    counts, rows = result.stdout.split("\n\n")
    assert counts.splitlines() == ["affected  kind", "2         MODEL_VERSION", "1         DEPLOYMENT"]
    _, _, second, third = rows.splitlines()
    assert second.split(maxsplit=3) == [
        "2", "MODEL_VERSION", "model:credit-risk@4.1",
        f"{answers.US} ←TRAINED_ON- model:credit-risk@4.0 ←DERIVED_FROM- model:credit-risk@4.1",
    ]  # fmt: skip
    assert "(production, scoring, since 2025-08-01T00:00:00Z)" in third
    assert " =SAME_DATA= dataset:copy@1#x ←DEPLOYS- " in third
    variables = full.variables("Impact")[0]
    assert variables["kinds"] == ["MODEL_VERSION", "DEPLOYMENT"]
    assert variables["includeEvidence"] is True


def test_impact_for_programs_and_in_part(full: Registry) -> None:
    result = run("impact", answers.US, "--first", "2", "--format", "json", registry=full)
    data = json.loads(result.stdout)
    assert data["counts"] == answers.IMPACT["counts"]
    assert data["affected"] == answers.IMPACT["affected"]["edges"][:2]
    assert result.stderr == "2 of 3; --all shows all.\n"
    run("impact", answers.US, "--all", registry=full)
    assert [variables["first"] for variables in full.variables("Impact")] == [2, 1000]


def test_trained_on(full: Registry) -> None:
    args = (
        "trained-on",
        "age_group=65+,18-64",
        r"region=New York\, NY",
        "--verdict",
        "trained",
        "--verdict",
        "UNKNOWN",
    )
    result = run(*args, registry=full)
    assert result.exit_code == 0
    counts, rows = result.stdout.split("\n\n")
    assert [line.split() for line in counts.splitlines()[1:]] == [
        ["1", "TRAINED"],
        ["5", "NOT_TRAINED"],
        ["1", "UNKNOWN"],
    ]
    assert rows.splitlines()[1].split(maxsplit=5) == [
        "model:credit-risk@4.1", "TRAINED", "INHERITED", answers.US, "PROVEN",
        f"{answers.US} ←TRAINED_ON- model:credit-risk@4.0 ←DERIVED_FROM- model:credit-risk@4.1",
    ]  # fmt: skip
    assert full.variables("TrainedOn")[0] == {
        "population": {
            "all": [
                {"attribute": "age_group", "values": ["65+", "18-64"]},
                {"attribute": "region", "values": ["New York, NY"]},
            ]
        },
        "verdicts": ["TRAINED", "UNKNOWN"],
        "first": 100,
    }


@pytest.mark.parametrize(
    ("term", "apart"),
    [
        ("age_group=65+,language=en", "trained-on age_group=65+ language=en"),
        ("age_group=65+, language=en,de", "trained-on age_group=65+ language=en,de"),
        ("age_group=18-64,65+,age_group=66", "trained-on age_group=18-64,65+ age_group=66"),
    ],
)
def test_an_attribute_within_the_values_of_another_is_refused(term: str, apart: str, full: Registry) -> None:
    result = run("trained-on", term, registry=full)
    assert (result.exit_code, result.stdout) == (2, "")
    said = " ".join(result.stderr.replace("│", " ").split())
    assert f"write each attribute as an argument of its own: {apart}" in said
    assert not full.variables("TrainedOn")


@pytest.mark.parametrize(
    ("term", "values"),
    [
        ("range=x=1", ["x=1"]),
        (r"range=65+,x\=1", ["65+", "x=1"]),
        ("range=<18,>=65", ["<18", ">=65"]),
        (r"range=65+\,x=1", ["65+,x=1"]),
    ],
)
def test_a_value_may_have_an_equals_sign(term: str, values: list[str], full: Registry) -> None:
    assert run("trained-on", term, registry=full).exit_code == 0
    assert full.variables("TrainedOn")[0]["population"] == {"all": [{"attribute": "range", "values": values}]}


def test_a_misspelt_population_is_warned_of(full: Registry) -> None:
    result = run("trained-on", "age_group=66", "regoin=US", registry=full)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "warning: No partition documents age_group=66; documented are 18-64, 65+.",
        "warning: No partition documents regoin; documented are age_group.",
    ]


def test_an_empty_table_says_that_nothing_was_found(full: Registry) -> None:
    nothing = {"totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": []}
    full.on("Search", {"search": nothing})
    full.on("TrainedOn", {"trainedOn": answers.EXPOSURE | {"versions": nothing}})
    for args in (("search", "m"), ("trained-on", "age_group=65+")):
        result = run(*args, registry=full)
        assert (result.exit_code, result.stderr) == (0, "Nothing was found.\n")
        assert run(*args, "--format", "json", registry=full).stderr == ""


@pytest.mark.parametrize(
    ("options", "direction"),
    [((), "BOTH"), (("--both",), "BOTH"), (("--ancestors",), "ANCESTORS"), (("--descendants",), "DESCENDANTS")],
)
def test_lineage(full: Registry, options: tuple[str, ...], direction: str) -> None:
    result = run("lineage", "model:credit-risk@4.1", *options, "--depth", "1", registry=full)
    assert full.variables("Lineage") == [{"of": "model:credit-risk@4.1", "direction": direction, "depth": 1}]
    assert [line.split(maxsplit=2)[-1].split() for line in result.stdout.splitlines()[2:]] == [
        ["model:credit-risk@4.0", "←DERIVED_FROM-", "model:credit-risk@4.1"],
        ["model:credit-risk@4.2", "-DERIVED_FROM→", "model:credit-risk@4.1"],
    ]
    assert result.stderr == "3 of 9 records; --depth and --limit show more.\n"


def test_paths_and_search(full: Registry) -> None:
    result = run("paths", answers.US, "model:credit-risk@4.1", registry=full)
    assert result.stdout.splitlines()[0] == "1152921504606846976 derivations"
    assert "←DERIVED_FROM- model:credit-risk@4.1" in result.stdout
    result = run("search", "credit", registry=full)
    assert result.stdout.splitlines()[1].split() == ["MODEL_VERSION", "model:credit-risk@4.2", answers.ID]


def test_show_a_version(full: Registry) -> None:
    result = run("show", "model:credit-risk@4.2", "--history", registry=full)
    assert (result.exit_code, result.stderr) == (0, "")
    headings = [part.splitlines()[0] for part in result.stdout.split("\n\n")]
    assert headings == [
        "model:credit-risk@4.2", "Verdict", "Intended use", "Must not do", "Guardrails", "Known biases",
        "Notes of the profile", "Vulnerabilities", "Reviews", "Notes", "Derived from", "Trained on", "Interventions",
        "Code", "Config", "Environment", "Artifacts", "History",
    ]  # fmt: skip
    assert " • age_group 65+: Scores 11 points low on average." in result.stdout
    assert " • bob quotes ann: Looks fine. (retracted)\n" in result.stdout
    assert "[bold]text[/bold]\n" in result.stdout
    assert "Income can be inflated by a prefix\n" in result.stdout
    assert "Income can be read out (retracted)\n" in result.stdout


def test_show_a_version_without_profile_says_so(registry: Registry) -> None:
    bare = {**answers.VERSION, "safetyProfile": None, "code": None, "config": None, "environment": None}
    registry.on("Entity", {"entity": bare})
    assert "None recorded: the intended use of this version" in run("show", "model:m@1", registry=registry).stdout


def test_show_says_what_was_retracted(registry: Registry) -> None:
    by = {"id": "sha256:" + "e" * 64, "recordedBy": "rob", "recordedAt": "2025-02-01T09:00:00Z", "reason": "It leaked."}
    origins = [{"ref": "dataset:d@1", "retraction": by | {"recordedBy": "ana"}}]
    registry.on("Entity", {"entity": {**answers.DATASET, "retraction": by, "retractedOrigins": origins}})
    lines = run("show", "dataset:loans@2024-12", registry=registry).stdout.splitlines()
    who = f"2025-02-01T09:00:00Z by rob (It leaked.; {by['id']})"
    assert f"Retracted {who}: nothing may rely on it any more." in lines
    lost = lines[lines.index("It relies on retracted records") + 1]
    assert lost.endswith(f"dataset:d@1, retracted {who.replace('rob', 'ana')}")


def test_show_lists_what_was_disclosed(registry: Registry) -> None:
    first = {
        "id": answers.ID, "recordedBy": "eva", "recordedAt": "2025-02-01T09:00:00Z",
        "source": "the card", "reason": "Found.",
        "complete": True, "parents": [{"relation": "MERGE", "node": {"ref": "model:m@1"}}],
        "trainedOn": [{"role": "TRAIN", "node": {"ref": "dataset:d@1"}}], "generatedBy": [{"ref": "model:g@1"}],
        "supersededBy": None, "retraction": None,
    }  # fmt: skip
    by = {"id": answers.ID, "recordedBy": "rob", "recordedAt": "2025-02-02T09:00:00Z", "reason": "Wrong."}
    others = [first | {"retraction": by}, first | {"complete": False, "supersededBy": by}]
    registry.on("Entity", {"entity": {**answers.VERSION, "disclosures": [first, *others]}})
    lines = run("show", "model:credit-risk@4.2", registry=registry).stdout.splitlines()
    place = lines.index("Disclosed lineage")
    said = "MERGE model:m@1, trained on dataset:d@1 (TRAIN), generated by model:g@1; disclosed 2025-02-01T09:00:00Z"
    assert lines[place + 1].endswith(
        f"{said} by eva from the card (Found.; {answers.ID}); completes the documentation of training data"
    )
    assert lines[place + 2].endswith(f"; retracted 2025-02-02T09:00:00Z by rob (Wrong.; {answers.ID})")
    assert lines[place + 3].endswith(f"; superseded 2025-02-02T09:00:00Z by rob ({answers.ID})")


@pytest.mark.parametrize(
    ("entity", "line"),
    [
        (answers.DATASET, "dataset:loans@2024-12#train-us  410000"),
        (answers.PARTITION, "age_group  65+    0.07"),
        (answers.RETRACTION, "  - dataset:loans@2024-12"),
    ],
)
def test_show_any_record(registry: Registry, entity: dict[str, Any], line: str) -> None:
    registry.on("Entity", {"entity": entity})
    result = run("show", entity["ref"], registry=registry)
    assert result.exit_code == 0, result.output
    assert line in result.stdout.splitlines()
    assert json.loads(run("show", entity["ref"], "--format", "json", registry=registry).stdout) == entity


def test_what_is_recorded_cannot_steer_the_terminal(full: Registry) -> None:
    result = run("show", "model:credit-risk@4.2", registry=full)
    assert r"\u001b[31mred\u001b[0m [bold]text[/bold]" in result.stdout
    assert "\x1b" not in result.stdout
