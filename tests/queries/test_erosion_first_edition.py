"""Decisions of before the second edition of the statistics are evaluated again by the rules that they were made by."""

import json
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.graph.model import clock
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.first_edition import assess_by_first_edition
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.report import assessed
from descentd.queries.evaluation.editions import CURRENT, FIRST
from descentd.queries.evaluation.series import Series
from descentd.queries.governance.gate.decide import evaluate
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import series_key
from tests.support.registries import send

CASES = json.loads(Path(__file__).with_name("first_edition.json").read_text("utf-8"))
"""Random lineages with what the code of the first edition answered."""


def series_of(given: dict[str, Any]) -> Series:
    direction = MetricDirection(given["direction"])
    optimum = 0.5 if direction is MetricDirection.TARGET else None
    metric = MetricDefinition(
        given["metric"], MetricCategory(given["category"]), direction, optimum, given["tolerance"]
    )
    results = {int(version): Result(*result) for version, result in given["results"].items()}
    return Series(series_key(metric, "s", given["version"]), results, frozenset(given["left_out"]))


@pytest.mark.parametrize("case", CASES)
def test_the_former_answers_are_given_again(case: dict[str, Any]) -> None:
    parents = dict(enumerate(case["parents"]))
    found = assess_by_first_edition(len(parents) - 1, parents, [series_of(one) for one in case["series"]])
    assert (found.verdict, found.asked) == (case["verdict"], case["asked"])
    findings = [
        [one.kind, one.series.metric.name, one.baseline, one.head, one.delta, one.z, one.p, one.q]
        for one in found.findings
    ]
    assert len(findings) == len(case["findings"])
    for one, expected in zip(sorted(findings, key=repr), case["findings"], strict=True):
        assert one[:4] == expected[:4]
        assert one[4:] == [None if number is None else pytest.approx(number, rel=1e-8) for number in expected[4:]]


POLICY = {
    "environment": "production",
    "quorum": 0,
    "rules": [{"name": "no-erosion", "expression": 'erosion.verdict == "STABLE"'},
              {"name": "toxicity", "expression": 'metrics["toxic_frac"].all(m, m.value <= 0.15)'}],
}  # fmt: skip


@pytest.mark.anyio
async def test_a_gate_of_a_former_edition_judges_by_the_newest_result_alone(registry: Registry) -> None:
    profile = {"intendedUse": "Tests.", "mustNotDo": []}
    models = [{"name": "m", "version": "1", "config": {"v": 1}},
              {"name": "m", "version": "2", "config": {"v": 2}, "safetyProfile": profile,
               "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]}]  # fmt: skip

    def run(version: int, value: float, n: int, when: str) -> dict[str, Any]:
        metric = {"name": "toxic_frac", "value": value, "n": n}
        suite = {"name": "s", "version": "1"}
        return {"subject": f"model:m@{version}", "suite": suite, "evaluatedAt": when, "metrics": [metric]}

    runs = [run(1, 0.1, 5000, "2025-01-01T00:00:00Z"), run(2, 0.2, 5000, "2025-01-02T00:00:00Z")]
    await send(registry, models=models, evaluations=[*runs, run(2, 0.1, 10, "2025-01-03T00:00:00Z")])
    await register_policies(registry, [PolicyInput.read(POLICY)])
    upto = await registry.sequence()
    version = await registry.find("model:m@2", upto)

    async def outcomes(edition: int) -> dict[str, str]:
        gate = await evaluate(registry, version, "production", upto, clock.now(), edition)
        return {rule.name: rule.outcome.value for rule in gate.rules}

    former, now = await outcomes(3), await outcomes(4)
    assert (former["no-erosion"], former["toxicity"]) == ("PASSED", "PASSED")
    assert (now["no-erosion"], now["toxicity"]) == ("BLOCKED", "BLOCKED")


@pytest.mark.anyio
async def test_a_trend_of_the_order_alone_eroded_in_the_first_edition(registry: Registry) -> None:
    """Eight results that rise by less than an error each: since then the end points have to differ as well."""
    models, evaluations = [], []
    for number in range(8):
        parents = [{"ref": f"model:m@{number - 1}", "relation": "FINE_TUNE"}] if number else []
        models.append({"name": "m", "version": f"{number}", "config": {"v": number}, "parents": parents})
        metric = {"name": "toxic_frac", "value": round(0.1 + 0.004 * number, 3), "n": 250}
        suite = {"name": "s", "version": "1"}
        evaluations.append({"subject": f"model:m@{number}", "suite": suite, "metrics": [metric]})
    await send(registry, models=models, evaluations=evaluations)
    upto = await registry.sequence()
    head = (await registry.find("model:m@7", upto)).sequence
    former, now = [(await assessed(registry, head, upto, edition=edition))[0] for edition in (FIRST, CURRENT)]
    assert (former.verdict, now.verdict) == (ErosionVerdict.ERODED, ErosionVerdict.STABLE)
    assert [one.kind for one in former.findings] == [ErosionKind.MONOTONIC_TREND]
