"""Reports for CI: what was checked, in JUnit's XML, in SARIF 2.1.0, and in Markdown for the summary of a job."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from descent.console import printable


class Outcome(StrEnum):
    """What came of one case."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    BLOCKED = "BLOCKED"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was checked, such as a rule of a gate, or one problem of a file.

    `rule` is the stable name of what it is about; `saw` are the values that it rests on, in words. `place` is a file or
    the address of a page, with a line and a column (from 1) where they are known.
    """

    rule: str
    outcome: Outcome
    message: str
    saw: str | None = None
    name: str = ""
    place: str | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The cases of one subject, such as a file or a version, and what came of it in one sentence."""

    subject: str
    outcome: Outcome
    sentence: str
    cases: Sequence[Case]


_MARKS: Final = {
    Outcome.PASSED: "✅",
    Outcome.FAILED: "❌",
    Outcome.BLOCKED: "⛔",
    Outcome.INCOMPLETE: "⚠️",
}
_SPECIAL: Final = "\\`*_{}[]()<>#+!|~"


def junit(reports: Iterable[Report]) -> str:
    """Return the reports as JUnit XML: a suite for each subject; what misses evidence is an error, no failure."""
    from xml.etree import ElementTree as ET  # later: no other command needs it

    root = ET.Element("testsuites", name="descent")
    for report in reports:
        failed = [case for case in report.cases if case.outcome in (Outcome.FAILED, Outcome.BLOCKED)]
        incomplete = [case for case in report.cases if case.outcome is Outcome.INCOMPLETE]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=_xml(report.subject),
            tests=str(len(report.cases)),
            failures=str(len(failed)),
            errors=str(len(incomplete)),
            skipped="0",
        )
        for case in report.cases:
            name = _xml(case.name or case.rule)
            element = ET.SubElement(suite, "testcase", classname=_xml(report.subject), name=name)
            if case.outcome is not Outcome.PASSED:
                kind = "error" if case.outcome is Outcome.INCOMPLETE else "failure"
                problem = ET.SubElement(element, kind, message=_xml(case.message), type=_xml(case.rule))
                problem.text = _xml("\n".join(filter(None, (_where(case), case.message, _saw(case)))))
            elif case.saw:
                ET.SubElement(element, "system-out").text = _xml(_saw(case))
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=False)


def sarif(reports: Iterable[Report]) -> str:
    """Return what did not pass in SARIF 2.1.0 (OASIS), as code scanning services take it."""
    from importlib import metadata

    results = [(report, case) for report in reports for case in report.cases if case.outcome is not Outcome.PASSED]
    rules = {case.rule: case for _, case in results}
    driver = {
        "name": "descent",
        "version": metadata.version("descent-client"),
        "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(report, case, list(rules).index(case.rule)) for report, case in results],
    }
    whole = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _result(report: Report, case: Case, number: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": case.rule,
        "ruleIndex": number,
        "level": "warning" if case.outcome is Outcome.INCOMPLETE else "error",
        "message": {"text": printable(" ".join(filter(None, (case.message, _saw(case)))))},
    }
    place: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": printable(case.name or report.subject)}]}
    if case.place is not None:
        uri = case.place if "://" in case.place else quote(case.place, errors="surrogateescape")
        place["physicalLocation"] = {"artifactLocation": {"uri": uri}}
        if case.line is not None:
            region = {"startLine": case.line} | ({} if case.column is None else {"startColumn": case.column})
            place["physicalLocation"]["region"] = region
    result["locations"] = [place]
    if case.saw:
        result["properties"] = {"saw": printable(case.saw)}
    return result


def markdown(reports: Iterable[Report]) -> str:
    """Return the reports in Markdown, with a table of the cases and the values that each of them rests on."""
    parts = []
    for report in reports:
        parts.append(f"### {_MARKS[report.outcome]} {_md(report.subject)}\n\n{_md(report.sentence)}\n")
        if report.cases:
            rows = [
                (
                    _md(case.name or case.rule),
                    f"{_MARKS[case.outcome]} {case.outcome}",
                    _md(case.message),
                    _md(case.saw),
                )
                for case in report.cases
            ]
            table = [("checked", "outcome", "message", "saw"), ("---",) * 4, *rows]
            parts.append("".join(f"| {' | '.join(row)} |\n" for row in table))
    return "\n".join(parts).rstrip("\n")


def _row(case: Case) -> tuple[str, ...]:
    return _md(case.name or case.rule), f"{_MARKS[case.outcome]} {case.outcome}", _md(case.message), _md(case.saw)


def _saw(case: Case) -> str:
    return f"It saw: {case.saw}" if case.saw else ""


def _where(case: Case) -> str:
    return ":".join(str(part) for part in (case.place, case.line, case.column) if part is not None)


def _xml(text: str) -> str:
    """Return text with only characters that XML 1.0 has."""
    return "".join(c if c >= " " or c in "\t\n" else f"\\u{ord(c):04x}" for c in _no_surrogates(printable(text)))


def _no_surrogates(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff" else c for c in text)


def _md(text: str | None) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = " ".join(printable(text or "").split())
    return "".join(f"&{ {'<': 'lt', '>': 'gt'}[c] };" if c in "<>" else f"\\{c}" if c in _SPECIAL else c for c in line)
