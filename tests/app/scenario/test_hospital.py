"""A hospital: who learned from patients over 65, documentation that drifted, and weaknesses found later.

The chapters are in order and share one registry. Every answer was worked out from the facts in `hospital.py`.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.scenario.company import Company, founded
from tests.app.scenario.hospital import (
    DIALECT,
    ICU,
    NOTES_2021,
    NOTES_2022,
    OLD,
    OLD_CAPITAL,
    PEOPLE,
    POLICIES,
    YOUNG,
    cases,
    datasets,
    models,
    partition,
    profile,
    ref,
)

PLACE = ("-e", "ward", "-p", "/triage")


@pytest.fixture(params=["sqlite", "neo4j"], scope="module")
def hospital(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with founded(request, tmp_path_factory.mktemp("hospital"), POLICIES, PEOPLE) as company:
        yield company


def learned(hospital: Company, value: str) -> tuple[dict[str, str], dict[str, Any], str]:
    """Each version's answer about an age group, what proves it, and what was said beside it."""
    everything = ("--verdict", "trained", "--verdict", "not-trained", "--verdict", "unknown", "--all")
    ran = hospital.run("Ann", "trained-on", f"age_group={value}", *everything, "--format", "json")
    edges = ran.data["versions"]
    verdicts = {edge["node"]["ref"]: " ".join(filter(None, (edge["verdict"], edge["exposure"]))) for edge in edges}
    counts = {one["verdict"]: one["count"] for one in ran.data["counts"]}
    assert counts == {v: sum(verdict.startswith(v) for verdict in verdicts.values()) for v in counts}
    return verdicts, {edge["node"]["ref"]: edge["evidence"] for edge in edges}, ran.err


def test_twelve_versions(hospital: Company) -> None:
    hospital.register("Mira", datasets=datasets(), models=models())
    assert hospital.ask("Nora", "models", "--all")["totalCount"] == 12
    spaced = {"name": "notes", "version": "2023", "partitions": [partition("ward", 120, {"over 65 ": 1.0})]}
    said = hospital.refused("INVALID_INPUT", "Mira", "register", "-", stdin=json.dumps({"datasets": [spaced]}))
    assert "datasets[0].partitions[0].population" in said


def test_who_learned_from_patients_over_65(hospital: Company) -> None:
    verdicts, evidence, _ = learned(hospital, OLD)
    assert verdicts == {
        ref("triage 1.0"): "TRAINED DIRECT",
        ref("triage 1.1"): "TRAINED INHERITED",
        ref("triage-int8 1.1"): "TRAINED INHERITED",
        ref("sepsis 1"): "TRAINED INHERITED",
        ref("triage 2.1"): "TRAINED INHERITED",  # by cases that triage 1.0 made up
        ref("triage 2.0"): "UNKNOWN",  # the other clerk's spelling
        ref("icu 1"): "NOT_TRAINED",
        ref("icu-int8 1"): "NOT_TRAINED",
        ref("icu-mix 1"): "NOT_TRAINED",
        ref("icu 2"): "UNKNOWN",  # 40 of 100 letters are of nobody knows whom
        ref("icu 3"): "UNKNOWN",  # nobody wrote down what it was tuned on
        ref("icu-mix 2"): "UNKNOWN",  # assembled, and then trained on nobody knows what
    }
    assert evidence[ref("triage 2.1")]["partition"]["ref"] == NOTES_2021
    assert [step["ref"] for step in evidence[ref("triage 2.1")]["via"]] == [
        NOTES_2021, ref("triage 1.0"), "dataset:synthetic@1#cases", ref("triage 2.1"),
    ]  # fmt: skip
    assert evidence[ref("triage 2.0")]["partition"]["ref"] == NOTES_2022
    assert evidence[ref("icu 3")]["partition"]["ref"] == ref("icu 3")


def test_the_other_spelling_and_one_that_nobody_used(hospital: Company) -> None:
    verdicts, _, _ = learned(hospital, OLD_CAPITAL)
    assert verdicts == {
        ref("triage 2.0"): "TRAINED DIRECT",
        ref("triage 1.1"): "TRAINED DIRECT",
        ref("triage 2.1"): "TRAINED INHERITED",
        ref("triage-int8 1.1"): "TRAINED INHERITED",
        ref("sepsis 1"): "TRAINED INHERITED",
        ref("triage 1.0"): "UNKNOWN",
        ref("icu 1"): "NOT_TRAINED",
        ref("icu-int8 1"): "NOT_TRAINED",
        ref("icu-mix 1"): "NOT_TRAINED",
        ref("icu 2"): "UNKNOWN",
        ref("icu 3"): "UNKNOWN",
        ref("icu-mix 2"): "UNKNOWN",
    }
    _, _, said = learned(hospital, "65+")
    assert "No partition documents age_group=65+" in said
    assert all(value in said for value in (YOUNG, OLD, OLD_CAPITAL))


def test_what_the_third_was_tuned_on_is_learned_later(hospital: Company) -> None:
    """Ned finds the log of the tuning: it was the same stays in intensive care, and nothing else."""
    told = {
        "subject": ref("icu 3"),
        "trainedOn": [{"ref": ICU, "role": "TRAIN"}],
        "source": "The log of the tuning",
        "reason": "Nobody had written it down.",
    }
    before = hospital.register("Ned", disclosures=[told])["DISCLOSURE"]
    assert learned(hospital, OLD)[0][ref("icu 3")] == "UNKNOWN"  # there may have been more
    hospital.register("Ned", disclosures=[told | {"complete": True, "supersedes": before}])
    assert learned(hospital, OLD)[0][ref("icu 3")] == "NOT_TRAINED"
    assert learned(hospital, YOUNG)[0][ref("icu 3")] == "TRAINED DIRECT"


def test_how_the_training_data_changed(hospital: Company) -> None:
    """Of 1,000 rows 0.8 and 0.2; with 1,000 more of 0.75 and 0.25 under another name."""
    found = hospital.ask("Dora", "diff", ref("triage 1.0"), ref("triage 1.1"), "--attributes", "age_group")
    assert found["relation"] == "HEAD_DESCENDS"
    shares = {one["value"]: (one["baseShare"], one["headShare"]) for one in found["populations"]}
    assert shares == {
        YOUNG: (pytest.approx(0.8), pytest.approx(0.775)),
        OLD: (pytest.approx(0.2), pytest.approx(0.1)),
        OLD_CAPITAL: (pytest.approx(0.0), pytest.approx(0.125)),
    }


def drift(hospital: Company) -> dict[str, set[str]]:
    found = hospital.ask("Liv", "drift", "--all")["versions"]
    return {edge["node"]["ref"]: {one["kind"] for one in edge["findings"]} for edge in found}


def test_documentation_that_no_longer_says_what_is_known(hospital: Company) -> None:
    assert drift(hospital) == {ref("icu 3"): {"MISSING_PROFILE"}, ref("triage-int8 1.1"): {"COPIED_PROFILE"}}
    hospital.register("Petra", evaluations=[cases("triage 1.0", 0.96, 0.94), cases("triage 1.1", 0.97, 0.93)])
    assert drift(hospital) == {
        ref("icu 3"): {"MISSING_PROFILE"},
        ref("triage-int8 1.1"): {"COPIED_PROFILE"},
        ref("triage 1.0"): {"STALE_PROFILE"},
        ref("triage 1.1"): {"STALE_PROFILE", "CLAIM_CONTRADICTED"},  # it claims 0.95 for those over 65
    }
    honest = profile("Order the queue of the emergency room (triage 1.1).")
    told = [{"subject": ref("triage 1.1"), "profile": honest, "reason": "The claim is gone."}]
    hospital.register("Mira", safetyProfiles=told)
    # Whoever copied the old words still has them, and with them the claim; but nothing was measured there.
    assert ref("triage 1.1") not in drift(hospital)
    assert drift(hospital)[ref("triage-int8 1.1")] == {"COPIED_PROFILE"}


def test_a_weakness_of_the_ancestor_comes_later(hospital: Company) -> None:
    command = """echo '{"value": 0.02, "n": 200}'"""
    probe = {"suite": DIALECT, "metric": "attack_success_rate", "threshold": 0.05, "command": command}
    weakness = {"subject": ref("triage 1.0"), "title": "Dialect is not understood", "severity": "HIGH", "probe": probe}
    found = hospital.register("Sam", vulnerabilities=[weakness])
    assert set(found) == {"VULNERABILITY"}
    due = ("triage 1.0", "triage 1.1", "triage-int8 1.1", "sepsis 1", "triage 2.1")  # by what it made up, too
    for version in due:
        assert [one["status"] for one in hospital.ask("Dan", "probes", ref(version))] == ["NOT_RUN"]
    assert hospital.ask("Dan", "probes", ref("triage 2.0")) == []
    run = ("probes", "run", "--of", ref("triage 1.1"))
    shown = hospital.run("Dan", *run)
    assert command in shown.err
    hospital.refused("FORBIDDEN", "Mira", *run, "--exec")
    before = hospital.gate(ref("triage 1.1"), "ward", code=3, person="Ned").unmet()
    assert before["weaknesses-answered"] == "BLOCKED"
    [done] = hospital.run("Sam", *run, "--exec", "--format", "json").data
    assert done["status"] == "RESISTED"
    # What the whole one resists says nothing of its eight bits.
    assert [one["status"] for one in hospital.ask("Dan", "probes", ref("triage-int8 1.1"))] == ["NOT_RUN"]


def test_everybody_may_write_a_note_and_quotations_are_seen(hospital: Company) -> None:
    of = ref("triage 1.1")
    hospital.run("Pia", "note", of, "People over 65 wait longer.")
    hospital.run("Nora", "note", of, "It did not hear what I said.", "--quoting", "Mrs Weber")
    hospital.run("Nora", "note", of, "I would release it at once.", "--quoting", "Hana")
    notes = {(one["recordedBy"], one["author"], one["quotation"]) for one in hospital.ask("Liv", "show", of)["notes"]}
    assert notes == {("Pia", "Pia", False), ("Nora", "Mrs Weber", True), ("Nora", "Hana", True)}
    page = hospital.run("Liv", "show", of).out
    assert "\n • Pia: People over 65 wait longer.\n" in page
    assert "\n • Nora quotes Mrs Weber: It did not hear what I said.\n" in page
    assert "\n • Nora quotes Hana: I would release it at once.\n" in page
    # Words that are put into somebody's mouth decide nothing.
    assert hospital.verdict(of, "Liv") == ("UNREVIEWED", {"NO_REVIEW": ["Nobody has reviewed this version."]})
    hospital.refused("FORBIDDEN", "Pia", "flag", of, "--action", "review", "--reason", "Ask us first.")


def test_a_no_go_whose_author_has_left(hospital: Company) -> None:
    of = ref("triage 1.1")
    hospital.register(
        "Mira",
        safetyProfiles=[{"subject": of, "profile": profile("Order the queue, with a nurse."), "reason": "Probed."}],
    )
    veto = hospital.review("Hugo", of, "no-go", "ward")
    hospital.leaves("Hugo")
    for person in ("Hana", "Heidi"):
        done = hospital.review(person, of, "go", "ward", "--expires", "30d")
    assert done["quorum"] == {"needed": 2, "reached": 2}
    blocked = hospital.promote("Ned", of, "ward", code=3)
    assert blocked.unmet() == {"no-go": "BLOCKED"}
    assert "an admin" in blocked.message("no-go")
    said = hospital.refused("FORBIDDEN", "Hana", "retract", veto["id"], "--reason", "Hugo has left.")
    assert "admin" in said
    hospital.ask("Adam", "retract", veto["id"], "--reason", "Hugo has left.")
    assert hospital.promote("Ned", of, "ward").unmet() == {}
    deployed = hospital.ask("Ned", "deploy", of, *PLACE, "--since", "2025-03-01T00:00:00Z")
    [now] = hospital.ask("Dan", "serving", *PLACE)
    assert (now["version"]["ref"], now["meetsPolicy"], now["profileCurrent"]) == (of, True, True)
    hospital.ids["deployment"] = deployed["id"]


def test_what_went_wrong_on_the_ward(hospital: Company) -> None:
    of = ref("triage 1.1")
    asked = ("report-incident", "An urgent patient waited", "--severity", "critical", *PLACE)
    hospital.refused("FORBIDDEN", "Nora", *asked)
    hospital.refused("INVALID_INPUT", "Ned", *asked, "--at", "2099-01-01T00:00:00Z")
    before = hospital.ask("Ned", *asked, "--at", "2025-02-28T23:59:59Z")
    assert before["version"] is None  # nothing served yet
    found = hospital.ask("Ned", *asked, "--at", "2025-03-02T03:00:00Z", "--external-id", "IR-7")
    assert found["version"]["ref"] == of
    # What else comes from the version: its eight bits and sepsis 1; and it serves once.
    assert {one["kind"]: one["count"] for one in found["affected"]} == {"MODEL_VERSION": 2, "DEPLOYMENT": 1}
    again = hospital.ask("Ned", *asked, "--at", "2025-03-02T04:00:00Z", "--external-id", "IR-7")
    assert again["id"] == found["id"]
    listed = hospital.ask("Nora", "incidents", of)
    assert [(one["id"], one["status"]) for one in listed["incidents"]] == [(found["id"], "OPEN")]
    [now] = hospital.ask("Dan", "serving", *PLACE)
    assert {one["name"] for one in now["unmet"]} == {"documentation-current", "quorum"}
    # What it came from and what came of it have to ask themselves whether that is theirs, too.
    kin: dict[str, list[str]] = {version: [] for version in ("triage 2.0", "triage 2.1", "icu 1", "triage 1.1")}
    kin |= {"triage 1.0": ["DESCENDANT"], "sepsis 1": ["ANCESTOR"], "triage-int8 1.1": ["ANCESTOR"]}
    shown = {version: hospital.ask("Dan", "show", ref(version))["kinIncidents"] for version in kin}
    assert {version: [one["relation"] for one in found] for version, found in shown.items()} == kin
    status, reasons = hospital.verdict(of, "Liv")
    assert status == "UNREVIEWED"
    assert sorted(said.split("'")[0] for said in reasons["REOPENED"]) == ["Hana", "Heidi"]
    assert (
        hospital.ask("Ned", "resolve-incident", found["id"], "--reason", "A nurse looks twice.")["status"] == "RESOLVED"
    )
