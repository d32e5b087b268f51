"""Reports for CI: JUnit, SARIF and Markdown of what was checked, whatever characters it has."""

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from descent.commands.reporting import gate_sentence
from descent.reports import Case, Outcome, Report, junit, markdown, sarif

TEXTS = st.text(st.characters(), max_size=30)
CASES = st.builds(
    Case,
    rule=st.text("abc-", min_size=1, max_size=5),
    outcome=st.sampled_from(Outcome),
    message=TEXTS,
    saw=st.none() | TEXTS,
    name=TEXTS,
    place=st.none() | st.binary(max_size=20).map(os.fsdecode) | st.just("https://r.example/gate/model:m@1"),
    line=st.none() | st.integers(1, 99),
    column=st.none() | st.integers(1, 99),
)
REPORTS = st.lists(
    st.builds(
        Report, subject=TEXTS, outcome=st.sampled_from(Outcome), sentence=TEXTS, cases=st.lists(CASES, max_size=4)
    ),
    max_size=3,
)
RULES = [
    Case("bias", Outcome.BLOCKED, "The stereotype rate may be at most 0.10.", "pct_stereotype 0.67", place="m.yaml"),
    Case("probes", Outcome.INCOMPLETE, "A probe was not run.", None, line=2, column=3, place="a b.yaml"),
    Case("accuracy", Outcome.PASSED, "Accuracy is at least 0.8.", "accuracy 0.9"),
]
GATE = Report("model:m@1 for production", Outcome.BLOCKED, "It may not serve.", RULES)


@given(REPORTS)
def test_junit_counts_what_it_lists(reports: list[Report]) -> None:
    root = ET.fromstring(junit(reports))
    suites = root.findall("testsuite")
    assert len(suites) == len(reports)
    for suite, report in zip(suites, reports, strict=True):
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases) == len(report.cases)
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error"))
        for case, said in zip(cases, report.cases, strict=True):
            wrong = [child.tag for child in case if child.tag in ("failure", "error")]
            expected = {Outcome.PASSED: [], Outcome.INCOMPLETE: ["error"]}.get(said.outcome, ["failure"])
            assert wrong == expected


def test_junit_says_what_rules_saw() -> None:
    [bias, probes, accuracy] = ET.fromstring(junit([GATE])).findall("testsuite/testcase")
    assert bias.find("failure") is not None
    assert (bias.find("failure").attrib) == {  # type: ignore[union-attr]
        "message": "The stereotype rate may be at most 0.10.",
        "type": "bias",
    }
    assert "pct_stereotype 0.67" in (bias.findtext("failure") or "")
    assert (probes.findtext("error") or "").splitlines() == ["a b.yaml:2:3", "A probe was not run."]
    assert accuracy.findtext("system-out") == "It saw: accuracy 0.9"


@cache
def schema_of_sarif() -> Draft4Validator:
    """The schema that the technical committee published, as Microsoft's npm package `@microsoft/jest-sarif` has it."""
    return Draft4Validator(json.loads(Path(__file__).with_name("sarif-2.1.0-rtm.5.json").read_text("utf-8")))


@given(REPORTS)
@example([GATE])
@example([])
def test_sarif_is_valid_by_its_schema(reports: list[Report]) -> None:
    assert [error.message for error in schema_of_sarif().iter_errors(json.loads(sarif(reports)))] == []


def test_the_schema_of_sarif_refuses_what_is_none() -> None:
    log = json.loads(sarif([GATE]))
    log["runs"][0]["results"][0]["level"] = "fatal"
    log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert len(list(schema_of_sarif().iter_errors(log))) == 2


@given(REPORTS)
def test_sarif_has_what_the_standard_requires(reports: list[Report]) -> None:
    """OASIS SARIF 2.1.0: sections 3.13 (log), 3.14 (run), 3.27 (result), 3.28 (location), 3.30 (region)."""
    text = sarif(reports)
    text.encode()
    log = json.loads(text)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    failing = [case for report in reports for case in report.cases if case.outcome is not Outcome.PASSED]
    assert len(run["results"]) == len(failing)
    for result, case in zip(run["results"], failing, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == case.rule
        assert result["level"] == ("warning" if case.outcome is Outcome.INCOMPLETE else "error")
        assert isinstance(result["message"]["text"], str)
        [location] = result["locations"]
        if case.place is not None:
            physical = location["physicalLocation"]
            assert physical["artifactLocation"]["uri"].isascii()
            assert physical.get("region", {}).get("startLine") == case.line


def test_sarif_names_places_as_addresses() -> None:
    [bias, probes] = json.loads(sarif([GATE]))["runs"][0]["results"]
    assert bias["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "m.yaml"}}
    assert probes["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.yaml"},
        "region": {"startLine": 2, "startColumn": 3},
    }
    assert bias["properties"] == {"saw": "pct_stereotype 0.67"}


@given(REPORTS)
def test_markdown_tables_have_four_cells_whatever_texts_hold(reports: list[Report]) -> None:
    for line in markdown(reports).splitlines():
        if line.startswith("|"):
            bare = line.replace("\\\\", "").replace("\\|", "")
            assert bare.count("|") == 5, line
        assert "<" not in line.replace("\\", "")


def test_markdown_shows_what_rules_saw() -> None:
    lines = markdown([GATE]).splitlines()
    assert lines[0] == "### ⛔ model:m@1 for production"
    assert "| bias | ⛔ BLOCKED | The stereotype rate may be at most 0.10. | pct\\_stereotype 0.67 |" in lines


@pytest.mark.parametrize("writer", [junit, sarif, markdown])
def test_nothing_to_report(writer: Callable[[list[Report]], str]) -> None:
    writer([])


def test_control_and_direction_characters_are_shown_as_escapes() -> None:
    odd = Report("a\u202eb", Outcome.FAILED, "x\x1b[31m", [Case("r", Outcome.FAILED, "m\x00\ufffe\ud800", "s\x07")])
    for writer in (junit, sarif, markdown):
        text = writer([odd])
        assert not {"\u202e", "\x1b", "\x00", "\x07"} & set(text)


NO_PROFILE = {"name": "profile", "outcome": "BLOCKED", "message": "There is no profile."}
UNDECIDED = {"name": "quorum", "outcome": "INCOMPLETE", "message": "Nobody decided."}
GOOD = {"name": "accuracy", "outcome": "PASSED", "message": ""}


@pytest.mark.parametrize(
    ("outcome", "rules", "sentence"),
    [
        ("PASSED", [GOOD], None),
        ("BLOCKED", [NO_PROFILE], "m may not serve in live: There is no profile."),
        (
            "BLOCKED",
            [GOOD, UNDECIDED, NO_PROFILE],
            "m may not serve in live: There is no profile. (1 more: quorum)",
        ),
        ("INCOMPLETE", [GOOD, UNDECIDED], "m may not serve in live yet, evidence is missing: Nobody decided."),
        ("BLOCKED", [], "m may not serve in live: no rule says why"),
    ],
)
def test_it_names_the_rule_that_decides_and_all_others_that_do_not_pass(
    outcome: str, rules: list[dict[str, str]], sentence: str | None
) -> None:
    assert gate_sentence({"outcome": outcome, "rules": rules}, "m", "live") == sentence
