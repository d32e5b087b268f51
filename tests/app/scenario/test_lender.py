"""Two years of a lender: thirty versions, bad data, a rollback, and what nobody may promote.

The chapters are in order and share one registry: each begins where the one before ended. Every answer was worked out
from the facts in `lender.py`; where it is a count, the comment beside it says what is counted.
"""

import json
import math
from collections.abc import Iterator

import pytest

from tests.app.scenario.company import Company, founded
from tests.app.scenario.lender import (
    PEOPLE,
    POLICIES,
    WRONGFUL,
    alert,
    attack,
    dataset,
    fairness,
    file_of,
    models,
    ref,
)


@pytest.fixture(params=["sqlite", "neo4j"], scope="module")
def lender(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with founded(request, tmp_path_factory.mktemp("lender"), POLICIES, PEOPLE) as company:
        yield company


def test_what_served_before_there_was_a_registry(lender: Company) -> None:
    """Otto reports the newest first; the versions of the first model are registered after those of the second."""
    young, old = ("age_group", "18-64", 0.9), ("age_group", "65+", 0.1)
    data = [
        dataset("archive", "2019", "all", 100),
        dataset("applications", "2022", "train", 101, young, old),
        dataset("applications", "2023", "train", 102, young, old),
        dataset("panel", "1", "people", 110, young, old),
    ]
    lender.register("Ines", datasets=data, models=models("2.0", "2.1"))
    lender.register("Ines", models=models("1.0", "1.1"))
    place = ("-e", "production", "-p", "/score")
    claim = ("--claimed-by", "platform team", "--source")
    lender.refused("FORBIDDEN", "Paula", "deploy", ref("2.1"), *place, *claim, "memory")
    for version, since, source in (
        ("2.1", "2024-02-01T00:00:00Z", "CHG-1188"),
        ("1.0", "2022-01-10T00:00:00Z", "CHG-12"),
        ("1.1", "2023-03-01T00:00:00Z", "CHG-540"),
    ):
        done = lender.ask("Otto", "deploy", ref(version), *place, "--since", since, *claim, source)
        assert (done["version"]["ref"], done["since"]) == (ref(version), since)
    served = {
        "2022-01-09T23:59:59Z": None,
        "2022-01-10T00:00:00Z": ref("1.0"),
        "2023-02-28T23:59:59Z": ref("1.0"),
        "2023-03-01T00:00:00Z": ref("1.1"),
        "2024-01-31T23:59:59Z": ref("1.1"),
        "2024-02-01T00:00:00Z": ref("2.1"),
    }
    assert {at: lender.serves("/score", at) for at in served} == served
    assert lender.serves("/score") == ref("2.1")
    [now] = lender.ask("Paula", "serving", *place)
    assert (now["meetsPolicy"], now["profileCurrent"]) == (False, True)
    page = lender.run("Lars", "trace", *place, "--at", "2023-06-30T12:00:00Z").out
    assert page.startswith(
        "model:scorer@1.1 served at /score in production, since 2023-03-01T00:00:00Z until 2024-02-01T00:00:00Z\n"
    )
    assert "claimed by platform team, from before this registry was in use: CHG-540\n" in page
    assert "The version was not registered yet" in page
    assert "gate" not in page  # it was never asked
    assert "nobody" not in page
    shown = lender.run("Paula", "serving", *place).out
    assert "claimed by platform team, from before this registry was in use: CHG-1188" in shown
    assert "not met" not in shown


def test_the_next_version_follows_the_highest(lender: Company) -> None:
    """1.1 was registered last, and 2.1 is the highest."""
    [next_one] = models("2.2")
    del next_one["version"]
    bureau = dataset("bureau", "7", "rows", 103, ("age_group", "18-64", 1.0))
    made = lender.register("Ines", datasets=[bureau], models=[next_one])
    assert ref("2.2") in made
    lender.register("Ines", datasets=[dataset("repayments", "2024", "train", 104)], models=models("2.3", "2.4"))
    small = models("scorer-mini 1", "scorer-mini 2", "scorer-int8 2.1", "scorer-int8 2.4", "scorer-mini-int8 2")
    del small[-1]["safetyProfile"]  # Karim forgot it
    lender.register("Karim", models=small)
    again = models("scorer-int8 2.4")[0] | {"version": "2.4-final"}
    said = lender.refused("VERSION_CONFLICT", "Karim", "register", "-", stdin=manifest(models=[again]))
    assert "model:scorer-int8@2.4" in said
    listed = lender.ask("Anna", "models", "--all")
    assert listed["totalCount"] == 12  # 2.0 to 2.4, 1.0 and 1.1, and Karim's five


def test_without_evidence_only_the_sandbox_opens(lender: Company) -> None:
    root = lender.gate(ref("2.0"), code=4)
    assert root.unmet() == {
        "wrongful-declines": "INCOMPLETE",
        "every-group-measured": "INCOMPLETE",
        "quorum": "BLOCKED",
    }
    assert lender.gate(ref("2.0"), "staging", code=4).unmet() == {"useful": "INCOMPLETE", "quorum": "BLOCKED"}
    assert lender.promote("Ines", ref("2.0"), "sandbox").unmet() == {}
    assert lender.promote("Ines", ref("2.0"), "canary", code=3).unmet() == {"no-policy": "BLOCKED"}
    bare = lender.promote("Karim", "model:scorer-mini-int8@2", "sandbox", code=3)
    assert bare.unmet()["no-profile"] == "BLOCKED"
    early = lender.run("Otto", "deploy", ref("2.0"), "-e", "production", "-p", "/score", code=3)
    assert "not promoted to production" in early.err


def test_bias_and_gaps_block_whatever_the_accuracy(lender: Company) -> None:
    """From 2.2 to 2.3 accuracy rises by 0.029, and wrongful declines of people from 65 on nearly double."""
    results = [
        fairness("2.0", "2024-01-10", 0.050, 0.060, 0.850),
        fairness("2.1", "2024-01-20", 0.050, 0.062, 0.862),
        fairness("2.2", "2024-04-20", 0.048, 0.064, 0.871),
        fairness("2.3", "2024-05-20", 0.047, 0.125, 0.900),
        fairness("2.4", "2024-06-20", 0.047, None, 0.902),
    ]
    said = lender.refused("FORBIDDEN", "Ines", "register", "-", stdin=manifest(evaluations=results))
    assert "evaluator" in said
    lender.register("Eva", metrics=[WRONGFUL], evaluations=results)
    biased = lender.promote("Ines", ref("2.3"), code=3)
    assert biased.unmet() == {
        "wrongful-declines": "BLOCKED", "no-erosion": "BLOCKED", "documentation-current": "BLOCKED",
        "quorum": "BLOCKED",
    }  # fmt: skip
    assert biased.message("wrongful-declines").startswith("At most 8 in 100")
    found = lender.ask("Rob", "erosion", ref("2.3"))
    assert found["verdict"] == "ERODED"
    assert {one["kind"] for one in found["findings"]} == {
        "STEP_REGRESSION", "CUMULATIVE_EROSION", "LASTING_EROSION", "TRADE_OFF",
    }  # fmt: skip
    assert all(one["slice"] == [{"attribute": "age_group", "value": "65+"}] for one in found["findings"])
    [step] = [one for one in found["findings"] if one["kind"] == "STEP_REGRESSION"]
    error = math.sqrt(0.064 * 0.936 / 1000 + 0.125 * 0.875 / 1000)  # of the difference of two rates
    assert (step["delta"], step["z"]) == (pytest.approx(0.061), pytest.approx(0.061 / error))
    [derivation] = step["introducedBy"]
    assert (derivation["from"], derivation["to"]) == (ref("2.2"), ref("2.3"))
    # Nobody from 65 on was asked about 2.4.
    gap = lender.promote("Ines", ref("2.4"), code=3)
    assert gap.unmet() == {
        "every-group-measured": "BLOCKED", "no-erosion": "BLOCKED", "documentation-current": "BLOCKED",
        "quorum": "BLOCKED",
    }  # fmt: skip
    [lost] = [one for one in lender.ask("Rob", "erosion", ref("2.4"))["findings"] if one["kind"] == "COVERAGE_LOSS"]
    assert lost["slice"] == [{"attribute": "age_group", "value": "65+"}]
    assert lender.promote("Ines", ref("2.2"), code=3).unmet() == {
        "documentation-current": "BLOCKED", "quorum": "BLOCKED",
    }  # fmt: skip
    assert lender.gate(ref("2.4"), "staging", code=3).unmet() == {"quorum": "BLOCKED"}


def test_a_weakness_of_the_ancestor_has_to_be_answered_for(lender: Company) -> None:
    probe = {"suite": attack("2.0", "2024-01-01", 0)["suite"], "metric": "attack_success_rate", "threshold": 0.05}
    weakness = {"subject": ref("2.0"), "title": "Rounded incomes", "severity": "HIGH", "probe": probe}
    lender.register("Tom", vulnerabilities=[weakness])
    assert lender.gate(ref("2.2"), code=3).message("attacks-resisted").startswith("1 probe not run")
    lender.register("Tom", evaluations=[attack("2.0", "2024-05-02", 0.02)])
    assert [one["status"] for one in lender.ask("Tom", "probes", ref("2.2"))] == ["NOT_RUN"]
    results = [attack("2.1", "2024-05-03", 0.02), attack("2.2", "2024-05-03", 0.03), attack("2.3", "2024-05-03", 0.15)]
    lender.register("Tom", evaluations=results)
    found = {version: lender.ask("Tom", "probes", ref(version))[0]["status"] for version in ("2.1", "2.2", "2.3")}
    assert found == {"2.1": "RESISTED", "2.2": "RESISTED", "2.3": "REPRODUCED"}
    assert lender.gate(ref("2.3"), code=3).message("attacks-resisted").startswith("0 probes not run, 1 reproduced")


def confirm(lender: Company, *versions: str) -> None:
    """Ines has read the profiles again, and they stand."""
    profiles = {one["version"]: one["safetyProfile"] for one in models(*versions)}
    told = [{"subject": ref(v), "profile": profiles[v], "reason": "Read again."} for v in versions]
    lender.register("Ines", safetyProfiles=told)


def test_a_no_go_outlives_its_author(lender: Company) -> None:
    confirm(lender, "2.1", "2.2")
    assert lender.gate(ref("2.2"), code=3).unmet() == {"quorum": "BLOCKED"}
    said = lender.refused("FORBIDDEN", "Eva", "review", ref("2.2"), "go", "-e", "production", "--reason", "Fair.")
    assert "reviewer" in said
    veto = lender.review("Rene", ref("2.2"), "no-go")
    assert lender.review("Rob", ref("2.2"))["quorum"] == {"needed": 2, "reached": 1}
    done = lender.review("Rita", ref("2.2"))
    assert (done["reviewers"], done["quorum"]) == (["Rita", "Rob"], {"needed": 2, "reached": 2})
    blocked = lender.promote("Otto", ref("2.2"), code=3)
    assert blocked.unmet() == {"no-go": "BLOCKED"}
    assert "2 of 2 people said GO" in blocked.message("no-go")
    assert lender.verdict(ref("2.2"))[0] == "REJECTED"
    lift = ("retract", veto["id"], "--reason", "Rene has left.")
    lender.refused("FORBIDDEN", "Rita", *lift)
    lender.refused("FORBIDDEN", "Ada", *lift)  # Rene has not left yet
    lender.leaves("Rene")
    assert lender.gate(ref("2.2"), code=3).unmet() == {"no-go": "BLOCKED"}
    lender.refused("FORBIDDEN", "Rita", *lift)
    lender.ask("Ada", *lift)
    assert lender.promote("Otto", ref("2.2")).unmet() == {}
    for person in ("Rob", "Raj"):
        lender.review(person, ref("2.1"))
    lender.promote("Otto", ref("2.1"))
    page = lender.run("Lars", "show", ref("2.2")).out
    assert [line.split()[:4] for line in page.splitlines() if " has read it." in line] == [
        ["Rene", "production", "NO_GO", "void:"],
        ["Rob", "production", "GO", "valid"],
        ["Rita", "production", "GO", "valid"],
    ]
    # A GO for one environment is none for another.
    lender.review("Raj", ref("2.4"), "go", "staging")
    assert lender.promote("Otto", ref("2.4"), "staging").unmet() == {}
    assert lender.gate(ref("2.4"), code=3).unmet()["quorum"] == "BLOCKED"


SCORE = ("-e", "production", "-p", "/score")


def test_what_was_approved_is_deployed(lender: Company) -> None:
    words = ("deploy", ref("2.2"), *SCORE, "--since", "2024-06-01T00:00:00Z", "--artifact")
    assert "artifact" in lender.refused("INVALID_INPUT", "Otto", *words, file_of("2.3"))
    lender.ids["deployment"] = lender.ask("Otto", *words, file_of("2.2"))["id"]
    assert lender.serves("/score", "2024-05-31T23:59:59Z") == ref("2.1")
    [now] = lender.ask("Paula", "serving", *SCORE)
    assert (now["version"]["ref"], now["meetsPolicy"], now["profileCurrent"]) == (ref("2.2"), True, True)
    page = lender.run("Lars", "trace", *SCORE).out
    assert "\n • Rita: GO, Rita has read it. (" in page
    assert "\n • Rob: GO, Rob has read it. (" in page
    assert "\n • promoted by Otto (" in page
    assert "Rene" not in page


def test_alerts_find_what_served_in_whatever_order_they_come(lender: Company) -> None:
    def send(at: str, mark: str, **more: str) -> dict[str, str | None]:
        [one] = lender.deliver("alertmanager", alert(at, mark, summary="Declines doubled", **more))
        return {part: one[part] for part in ("id", "version", "status")}

    over = send("2024-07-01T08:00:00Z", "a1", over="2024-07-02T08:00:00Z")
    assert (over["version"], over["status"]) == (ref("2.2"), "RESOLVED")
    assert send("2024-07-01T08:00:00Z", "a1") == over  # the second node of the cluster, too late
    before = send("2024-04-01T00:00:00Z", "b2")
    assert (before["version"], before["status"]) == (ref("2.1"), "OPEN")
    anew = send("2024-08-01T00:00:00Z", "a1")
    assert (anew["version"], anew["status"]) == (ref("2.2"), "OPEN")
    assert anew["id"] != over["id"]
    assert send("2024-08-01T00:00:00Z", "a1") == anew
    nowhere = send("2024-08-01T00:00:00Z", "c3", endpoint="/quote")
    assert (nowhere["version"], nowhere["status"]) == (None, "OPEN")
    listed = lender.ask("Paula", "incidents")["incidents"]
    assert {one["id"]: one["status"] for one in listed} == {
        over["id"]: "RESOLVED", before["id"]: "OPEN", anew["id"]: "OPEN", nowhere["id"]: "OPEN",
    }  # fmt: skip
    [now] = lender.ask("Paula", "serving", *SCORE)
    assert {one["name"] for one in now["unmet"]} == {"nothing-open", "documentation-current", "quorum"}
    lender.refused("FORBIDDEN", "Paula", "resolve-incident", str(before["id"]), "--reason", "Over.")
    lender.ask("Otto", "resolve-incident", str(before["id"]), "--reason", "Over.", "--at", "2024-04-03T00:00:00Z")
    assert send("2024-08-01T00:00:00Z", "a1", over="2024-08-02T00:00:00Z") == anew | {"status": "RESOLVED"}
    assert lender.gate(ref("2.2"), code=3).unmet() == {"documentation-current": "BLOCKED", "quorum": "BLOCKED"}


BAD = "dataset:bureau@7#rows"
KINDS = ("--kinds", "model_version,deployment", "--all")


def reached(lender: Company) -> set[str]:
    """The versions that the bad data reach."""
    found = lender.ask("Anna", "impact", BAD, *KINDS)["affected"]
    return {edge["node"]["ref"] for edge in found if edge["node"]["kind"] == "MODEL_VERSION"}


def cdevent(kind: str, version: str, at: str) -> dict[str, object]:
    """What a delivery system says of a version, by the digest of its file."""
    context = {"version": "0.4.1", "id": f"{kind}-{at}", "source": "/cd", "type": f"dev.cdevents.service.{kind}.0.2.0"}
    content = {"environment": {"id": "production"}, "artifactId": f"pkg:oci/scorer@{file_of(version)}"}
    subject = {"id": "/score", "source": "/cd", "type": "service", "content": content}
    return {"context": context | {"timestamp": at}, "subject": subject}


def test_bad_data_are_found_and_retracted(lender: Company) -> None:
    spoilt = {ref(v) for v in ("2.2", "2.3", "2.4", "scorer-mini 2", "scorer-int8 2.4", "scorer-mini-int8 2")}
    assert reached(lender) == spoilt
    found = lender.ask("Anna", "impact", BAD, *KINDS)
    assert {one["kind"]: one["count"] for one in found["counts"]} == {"MODEL_VERSION": 6, "DEPLOYMENT": 1}
    [last] = [edge for edge in found["affected"] if edge["node"]["ref"] == ref("scorer-mini-int8 2")]
    chain = [BAD, ref("2.2"), ref("2.3"), ref("scorer-mini 2"), ref("scorer-mini-int8 2")]
    assert (last["distance"], [step["ref"] for step in last["via"]]) == (4, chain)
    lender.refused("FORBIDDEN", "Anna", "retract", BAD, "--reason", "Repayments of next year leaked in.")
    lender.ask("Rob", "retract", BAD, "--reason", "Repayments of next year leaked in.")
    status, reasons = lender.verdict(ref("2.2"))
    assert status == "UNREVIEWED"
    assert [BAD in said for said in reasons["RESTS_ON_RETRACTED"]] == [True]
    assert sorted(said.split("'")[0] for said in reasons["REOPENED"]) == ["Rita", "Rob"]
    assert all(f"{BAD}, which it came from, was retracted" in said for said in reasons["REOPENED"])
    [now] = lender.ask("Paula", "serving", *SCORE)
    assert {one["name"] for one in now["unmet"]} == {"sound-ground", "documentation-current", "quorum"}


def test_the_rollback_is_reported_and_the_order_does_not_matter(lender: Company) -> None:
    [back] = lender.deliver("cloudevents", cdevent("rolledback", "2.1", "2024-09-01T00:00:00Z"))
    assert (back["kind"], back["version"], back["status"]) == ("DEPLOYMENT", ref("2.1"), "SERVING")
    lender.deliver("cloudevents", cdevent("deployed", "2.2", "2024-08-15T00:00:00Z"))  # a restart, reported late
    served = {
        "2024-02-01T00:00:00Z": ref("2.1"),
        "2024-06-01T00:00:00Z": ref("2.2"),
        "2024-08-15T00:00:00Z": ref("2.2"),
        "2024-08-31T23:59:59Z": ref("2.2"),
        "2024-09-01T00:00:00Z": ref("2.1"),
    }
    assert {at: lender.serves("/score", at) for at in served} == served
    assert lender.serves("/score") == ref("2.1")
    # It was Rob and Raj who let it serve, though their GO holds no longer.
    page = lender.run("Lars", "trace", *SCORE).out
    assert [line[:8] for line in page.splitlines() if "; no longer valid: 1 incident" in line] == [
        " • Rob: ",
        " • Raj: ",
    ]
    assert "nobody" not in page
    done = lender.ask("Raj", "flag", BAD, "--action", "quarantine", "--propagate", "--reason", "Leaked.")
    counted = {one["kind"]: one["count"] for one in done["affected"]}
    assert counted == {"MODEL_VERSION": 6, "DEPLOYMENT": 2, "DATASET": 1}  # two reports of 2.2, and bureau@7 whole
    flagged = lender.ask("Paula", "models", "--status", "flagged", "--all")["versions"]
    assert {one["ref"] for one in flagged} == reached(lender)
    assert lender.gate(ref("2.2"), code=3).unmet()["flagged"] == "BLOCKED"
    lender.refused("GATE_BLOCKED", "Rita", "review", ref("2.2"), "go", "-e", "production", "--reason", "x", code=3)
    # From now on what serves in spite of that is an incident of its own.
    [wrong] = lender.deliver("cloudevents", cdevent("deployed", "2.2", "2024-09-02T00:00:00Z"))
    assert (wrong["kind"], wrong["version"], wrong["status"]) == ("INCIDENT", ref("2.2"), "OPEN")
    assert lender.serves("/score") == ref("2.1")


def test_a_mistaken_retraction_is_retracted(lender: Company) -> None:
    confirm(lender, "2.1")
    for person in ("Rita", "Rosa"):
        lender.review(person, ref("2.1"))
    assert lender.verdict(ref("2.1"))[0] == "APPROVED"
    meant_otherwise = ("dataset:applications@2023#train", "--reason", "Wrong one, sorry.")
    mistake = lender.ask("Rosa", "retract", *meant_otherwise)["id"]
    status, reasons = lender.verdict(ref("2.1"))
    assert (status, "APPROVED" in reasons, len(reasons["RESTS_ON_RETRACTED"])) == ("UNREVIEWED", False, 1)
    assert lender.gate(ref("2.1"), code=3).unmet() == {"sound-ground": "BLOCKED", "quorum": "BLOCKED"}
    lender.refused("FORBIDDEN", "Otto", "retract", mistake, "--reason", "A mistake.")
    lender.ask("Rita", "retract", mistake, "--reason", "The wrong dataset was meant.")
    status, reasons = lender.verdict(ref("2.1"))
    assert (status, "RESTS_ON_RETRACTED" in reasons) == ("APPROVED", False)
    assert lender.gate(ref("2.1"), code=0).unmet() == {}
    [now] = lender.ask("Paula", "serving", *SCORE)
    assert (now["version"]["ref"], now["meetsPolicy"]) == (ref("2.1"), True)


def manifest(**sections: object) -> str:
    return json.dumps(sections)
