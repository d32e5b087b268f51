"""`descent evaluations`, `trend`, `erosion`, `erosions` and `diff`: tables for people, JSON for programs."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from descent.cli import app
from descent.formatting import draw, protocols, suites
from tests.client.registry import Registry

OLD = [{"attribute": "age_group", "value": "65+"}]
SUITE = {"name": "fairness-suite", "version": "1.3", "config": None}
VERSIONS = ["model:m@1", "model:m@2"]
MESSAGE = "robust_accuracy has fallen (worse), from 0.64 on model:m@1 to 0.6 on model:m@2."


def page(*edges: dict[str, Any]) -> dict[str, Any]:
    return {"totalCount": len(edges), "pageInfo": {"hasNextPage": False, "endCursor": "c"}, "edges": list(edges)}


def evaluation(**more: Any) -> dict[str, Any]:
    metric = {
        "name": "recall",
        "value": 0.4,
        "stderr": None,
        "error": 0.0096,
        "n": 2600,
        "slice": OLD,
        "counts": True,
        "pooled": 0.4,
        "pooledWith": 0,
    }
    made = {"id": "sha256:" + "5" * 64, "evaluatedAt": None, "retracted": False, "suite": SUITE, "data": None}
    clean = {"contaminated": False, "via": []}
    return {"node": made | {"contamination": clean, "metrics": [metric]} | more}


VIA = [{"ref": "dataset:d@1#p", "role": None}, {"ref": "model:m@1", "role": "TRAINED_ON"}]
TREND = {
    "metric": {"name": "recall", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER", "optimum": None,
               "unit": "1", "tolerance": 0.01},
    "series": [
        {"suite": SUITE, "data": {"ref": "dataset:d@1#p"}, "slice": OLD,
         "points": [{"ref": ref, "distance": i, "value": 0.4 - i / 10, "newest": 0.4 - i / 5, "runs": i + 1,
                     "stderr": 0.01, "n": None, "badness": i / 10 - 0.4}
                    for i, ref in enumerate(VERSIONS)],
         "slope": 0.1, "trendP": 1.0,
         "change": {"from": {"ref": VERSIONS[0], "value": 0.4}, "to": {"ref": VERSIONS[1], "value": 0.3},
                    "delta": 0.1, "z": 7.07, "p": 1.5e-12}},
        {"suite": SUITE, "data": None, "slice": [], "points": [], "slope": None, "trendP": None, "change": None},
    ],
}  # fmt: skip
TREND |= {"leftOut": [], "slices": [{"slice": OLD}, {"slice": []}]}
TREND["series"][1]["points"] = TREND["series"][0]["points"][:1]  # type: ignore[index]
FINDING: dict[str, Any] = {
    "kind": "STEP_REGRESSION", "metric": "robust_accuracy", "message": MESSAGE, "p": 0.001, "q": 0.002, "e": None,
    "slice": [], "suite": SUITE, "data": None, "gradual": False, "delta": 0.04,
    "baseline": {"ref": VERSIONS[0], "value": 0.64}, "head": {"ref": VERSIONS[1], "value": 0.6},
    "introducedBy": [{"from": VERSIONS[0], "to": VERSIONS[1], "changes": [
        {"field": "relation", "before": None, "after": "QUANTIZE"},
        {"field": "config.depth", "before": 6, "after": 7},
        {"field": "trainedOn", "before": None, "after": "dataset:d@1"},
    ]}],
}  # fmt: skip
DIFF = {
    "relation": "HEAD_DESCENDS",
    "changes": [{"area": "CONFIG", "field": "config.depth", "before": 6, "after": None}],
    "interventions": [{"kind": "reweighing", "targets": [{"attribute": "age_group", "value": "65+"}],
                       "description": "Reweighed.", "on": {"ref": VERSIONS[1]}}],
    "populations": [{"attribute": "age_group", "value": "65+", "baseShare": 0.07, "headShare": None,
                     "undocumented": ["dataset:d@1#p"]}],
    "metrics": [{"name": "recall", "slice": OLD, "base": 0.4, "head": 0.3,
                 "baseNewest": 0.4, "headNewest": 0.3, "delta": -0.1, "p": None,
                 "q": 0.01, "paired": False, "shownNotWorse": False, "verdict": "WORSE", "reason": None,
                 "suite": SUITE, "data": None}],
    "summary": "model:m@2 descends from model:m@1.", "tested": 1, "unspoken": ["region"],
}  # fmt: skip


def run(registry: Registry, *args: str) -> Result:
    return CliRunner().invoke(app, list(args), env={"DESCENT_URL": registry.url})


def test_evaluations_say_what_does_not_count(registry: Registry) -> None:
    bad = {"retracted": True, "data": {"ref": "dataset:d@1#p"}, "contamination": {"contaminated": True, "via": VIA}}
    registry.on("Evaluations", {"evaluations": page(evaluation(), evaluation(**bad))})
    result = run(registry, "evaluations", "model:m@1")
    rows = result.stdout.splitlines()
    assert rows[1].split()[-3:] == ["0.0096", "2600", "yes"]
    assert rows[2].endswith("no: retracted, contaminated")
    assert "dataset:d@1#p ←TRAINED_ON- model:m@1" in result.stdout
    parsed = json.loads(run(registry, "evaluations", "model:m@1", "--format", "json").stdout)
    assert parsed["totalCount"] == 2


def test_an_evaluation_on_a_sample_of_what_was_learned_shows_the_way_back(registry: Registry) -> None:
    way = [{"ref": "dataset:d@1#sample", "role": None, "back": False},
           {"ref": "dataset:d@1#p", "role": "DERIVED_FROM", "back": True},
           {"ref": "model:m@1", "role": "TRAINED_ON", "back": False}]  # fmt: skip
    bad = {"data": {"ref": "dataset:d@1#sample"}, "contamination": {"contaminated": True, "via": way}}
    registry.on("Evaluations", {"evaluations": page(evaluation(**bad))})
    shown = run(registry, "evaluations", "model:m@1").stdout
    assert "dataset:d@1#sample -DERIVED_FROM→ dataset:d@1#p ←TRAINED_ON- model:m@1" in shown
    assert "back" in registry.asked[0][1]["query"]


def test_a_trend_is_drawn(registry: Registry) -> None:
    registry.on("Trend", {"trend": TREND})
    result = run(registry, "trend", "model:m@2", "recall", "--slice", "age_group=65+", "--since", "model:m@1")
    assert registry.variables("Trend") == [
        {"of": "model:m@2", "metric": "recall", "slice": OLD, "since": "model:m@1"}
    ]  # fmt: skip
    assert "recall: performance, higher is better" in result.stdout
    first, second = [line for line in result.stdout.splitlines() if "●" in line][:2]
    assert first.index("●") > second.index("●")
    assert "0.1 worse (z 7.07, p 1.5e-12)" in result.stdout
    assert "One point: no trend." in result.stdout
    run(registry, "trend", "model:m@2", "recall", "--everybody")
    assert registry.variables("Trend")[1]["slice"] == []
    assert run(registry, "trend", "model:m@2", "recall", "--slice", "65+").exit_code == 2


def test_a_trend_says_why_there_is_none(registry: Registry) -> None:
    def say(**more: Any) -> Result:
        registry.on("Trend", {"trend": {**TREND, "series": [], **more}})
        return run(registry, "trend", "model:m@2", "recall", "--slice", "lang=xx")

    assert "in other slices only: age_group=65+; everybody." in say().stderr
    assert "never measured" in say(slices=[]).stderr
    learned = {"slice": [], "suite": SUITE, "data": {"ref": "dataset:d@1#p"}, "contaminated": VERSIONS, "retracted": []}
    shown = say(leftOut=[learned])
    assert "model:m@2: everybody, fairness-suite 1.3 on dataset:d@1#p: measured on data that it" in shown.stdout
    assert "no result counts" in shown.stderr
    neutral = TREND["series"][0] | {"change": None}  # type: ignore[index]
    assert "No value is better than another" in say(series=[neutral]).stdout


def test_series_that_differ_in_settings_alone_are_told_apart(registry: Registry) -> None:
    def series(eps: int) -> dict[str, Any]:
        return TREND["series"][0] | {"suite": SUITE | {"config": {"eps": eps}}}  # type: ignore[index, no-any-return]

    registry.on("Trend", {"trend": {**TREND, "series": [series(4), series(8)]}})
    shown = run(registry, "trend", "model:m@2", "recall").stdout
    assert "age_group=65+, fairness-suite 1.3 eps=4 on dataset:d@1#p" in shown
    assert "age_group=65+, fairness-suite 1.3 eps=8 on dataset:d@1#p" in shown


def test_erosion_names_the_derivation_and_what_changed(registry: Registry) -> None:
    findings = [FINDING | {"meaning": "share of the sick who were found"}, FINDING | {"metric": "own", "meaning": ""}]
    answer = {"verdict": "ERODED", "summary": "It got worse.", "findings": findings, "series": []}
    registry.on("Erosion", {"erosion": answer})
    result = run(registry, "erosion", "model:m@2", "--alpha", "0.01")
    assert registry.variables("Erosion") == [{"of": "model:m@2", "alpha": 0.01}]
    assert result.stdout.startswith("ERODED\nIt got worse.\n")
    assert MESSAGE in result.stdout
    assert "model:m@1 → model:m@2: QUANTIZE; config.depth: 6 → 7; trainedOn: - → dataset:d@1" in result.stdout
    assert f"{FINDING['metric']}: share of the sick who were found" in result.stdout
    assert "own: its definition does not say" in result.stdout


def test_many_findings_of_a_kind_are_one_sentence_and_a_table(registry: Registry) -> None:
    gradual = FINDING | {"gradual": True, "metric": "toxicity", "introducedBy": FINDING["introducedBy"][:1]}
    lasting = FINDING | {"e": 812.0, "p": None, "q": None, "introducedBy": FINDING["introducedBy"] * 2}
    series = {"metric": "toxicity", "slice": OLD, "suite": SUITE, "data": None, "shownNotWorse": False,
              "reason": "no error is known", "detectable": 0.05}  # fmt: skip
    answer = {
        "verdict": "ERODED",
        "summary": "It got worse.",
        "findings": [FINDING, gradual, lasting],
        "series": [series],
    }
    registry.on("Erosion", {"erosion": answer})
    shown = run(registry, "erosion", "model:m@2").stdout
    assert shown.count(MESSAGE) == 1
    assert "3 series; the worst: " in shown
    assert "gradually, model:m@1 → model:m@2" in shown
    assert "e 812 one of 2 derivations" in " ".join(shown.split())
    assert "no: no error is known  0.05" in shown


def test_changes_of_a_ratio_are_factors(registry: Registry) -> None:
    ratio = FINDING | {"scale": "LOG", "delta": math.log(1.5)}
    lost = ratio | {"kind": "COVERAGE_LOSS", "delta": None}
    series: Any = {"metric": "disparate_impact", "slice": [], "suite": SUITE, "data": None, "shownNotWorse": False,
              "reason": "no error is known", "scale": "LOG", "detectable": math.log(1.12)}  # fmt: skip
    linear = series | {"metric": "toxicity", "scale": "LINEAR", "detectable": 0.05}
    unknown = series | {"metric": "demographic_parity_ratio", "detectable": None}
    answer = {
        "verdict": "ERODED",
        "summary": "It got worse.",
        "findings": [ratio] * 3 + [lost] * 3,
        "series": [series, linear, unknown],
    }
    registry.on("Erosion", {"erosion": answer})
    rows = [" ".join(line.split()) for line in run(registry, "erosion", "model:m@2").stdout.splitlines()]
    assert sum(" × 1.5 " in row for row in rows) == 3
    assert any(row.endswith("no: no error is known × 1.12") for row in rows)
    assert any(row.endswith("no: no error is known 0.05") for row in rows)
    assert any(row.endswith("no: no error is known") for row in rows)


def test_each_derivation_is_listed_once_with_what_carries_it(registry: Registry) -> None:
    serving = {"environment": "production", "endpoint": "scoring", "version": {"ref": VERSIONS[1]}}
    group = {"from": {"ref": VERSIONS[0]}, "to": {"ref": VERSIONS[1]}, "worst": {"ref": "model:m@7"}, "registryQ": 0.01,
             "candidates": [], "versionCount": 6, "findings": [FINDING], "deployments": [serving]}  # fmt: skip
    unknown = group | {"from": None, "to": None, "deployments": []}
    spans = [{"from": {"ref": f"model:m@{at}"}, "to": {"ref": f"model:m@{at + 1}"}} for at in (1, 3, 5)]
    several = unknown | {"candidates": spans}
    registry.on("ErosionGroups", {"erosionGroups": page({"node": group}, {"node": unknown}, {"node": several})})
    result = run(registry, "erosions", "--name", "m")
    lines = result.stdout.splitlines()
    assert lines[1].split()[:5] == ["model:m@1", "→", "model:m@2", "6", "production/scoring"]
    assert lines[1].split()[5:] == ["STEP_REGRESSION", "robust_accuracy", "0.001", "model:m@7"]
    assert lines[2].startswith("up to model:m@7")
    assert lines[3].startswith("one of 3: model:m@1 → model:m@2 … model:m@5 → model:m@6")
    assert MESSAGE not in result.stdout
    assert "`descent erosion model:m@7` shows all findings" in result.stderr
    assert [one["filter"] for one in registry.variables("ErosionGroups")] == [{"name": "m"}]


def test_results_that_do_not_count_say_so(registry: Registry) -> None:
    metric = evaluation()["node"]["metrics"][0]
    pooled = evaluation(metrics=[metric | {"pooled": 0.39, "pooledWith": 2}])
    without = evaluation(metrics=[metric | {"counts": False, "pooled": None}])
    rule = "recall is from 0 to 1, but 1.4 was given: check the value."
    broken = evaluation(metrics=[metric | {"counts": False, "pooled": None, "brokenRule": rule}])
    registry.on("Evaluations", {"evaluations": page(pooled, without, broken)})
    shown = run(registry, "evaluations", "model:m@2").stdout
    assert f"no: it breaks a rule that is newer than it: {rule[:-1]}\n" in shown
    assert "yes, 0.39 with 2 more" in shown
    assert "no: other results have a standard error or are newer" in shown


def test_erosions_of_the_whole_registry(registry: Registry) -> None:
    lasting = FINDING | {"kind": "LASTING_EROSION", "p": None, "q": None, "e": 812.0, "slice": OLD}
    edge = {"node": {"ref": "model:m@2"}, "verdict": "ERODED", "findings": [FINDING, lasting]}
    registry.on("Erosions", {"erosions": page(edge)})
    result = run(
        registry, "erosions", "--versions", "--category", "bias,robustness", "--kinds", "step-regression", "--name", "m"
    )
    (asked,) = registry.variables("Erosions")
    assert asked["filter"] == {"name": "m", "category": ["BIAS", "ROBUSTNESS"], "kinds": ["STEP_REGRESSION"]}
    assert result.stdout.splitlines()[1].startswith("model:m@2  STEP_REGRESSION  robust_accuracy  0.001")
    assert result.stdout.splitlines()[2].split()[1:] == [
        "LASTING_EROSION", "robust_accuracy", "e", "812", "age_group=65+"
    ]  # fmt: skip
    assert MESSAGE not in result.stdout
    assert "`descent erosion model:m@2` shows all findings" in result.stderr


@pytest.mark.parametrize("output", ["table", "json"])
def test_diff(registry: Registry, output: str) -> None:
    row: Any = DIFF["metrics"][0]  # type: ignore[index]
    answer = DIFF | {"metrics": [row, row | {"p": 0.25, "paired": True}]}
    registry.on("Diff", {"diff": answer})
    result = run(registry, "--format", output, "diff", *VERSIONS, "--attributes", "age_group, region")
    assert registry.variables("Diff")[0]["attributes"] == ["age_group", "region"]
    if output == "json":
        assert json.loads(result.stdout) == answer
        return
    assert result.stdout.startswith("model:m@2 descends from model:m@1.\n")
    assert "model:m@2: reweighing for age_group 65+: Reweighed." in result.stdout
    assert [line.split() for line in result.stdout.splitlines() if line.startswith("age_group")] == [
        ["age_group", "65+", "7", "%", "unknown", "dataset:d@1#p"]
    ]
    assert "WORSE" in result.stdout
    assert result.stdout.count("(paired)") == result.stdout.count("0.25 (paired)") == 1
    assert "mentions region" in result.stderr


def test_a_diff_tells_apart_what_differs_in_settings_alone_and_gives_reasons(registry: Registry) -> None:
    row: Any = DIFF["metrics"][0]  # type: ignore[index]
    rows = [row | {"suite": SUITE | {"config": {"eps": eps}}} for eps in (4, 8)]
    rows.append(row | {"suite": None, "verdict": "INCOMPARABLE", "reason": "only the base was measured"})
    rows.append(row | {"verdict": "SAME", "shownNotWorse": True})
    registry.on("Diff", {"diff": DIFF | {"metrics": rows}})
    shown = run(registry, "diff", *VERSIONS).stdout
    assert "fairness-suite 1.3 eps=4" in shown
    assert "fairness-suite 1.3 eps=8" in shown
    assert "no               INCOMPARABLE  only the base was measured" in shown
    assert "yes              SAME" in shown


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e3)), min_size=1),
    st.none() | st.floats(-1e6, 1e6),
)
def test_every_point_is_in_its_place(given: list[tuple[float, float | None]], optimum: float | None) -> None:
    lines = draw([{"value": value, "stderr": stderr} for value, stderr in given], optimum)
    assert {len(line) for line in lines} == {40}
    places = [line.index("●") for line in lines]
    order = sorted(range(len(given)), key=lambda i: given[i][0])
    assert [places[i] for i in order] == sorted(places)


def test_settings_are_named_where_they_tell_something_apart() -> None:
    """A suite is written in one way in a table, whatever the metric; none and empty settings are the same."""
    asked: list[dict[str, Any]] = [SUITE, {**SUITE, "config": {}}, {**SUITE, "config": []}]
    assert suites(asked) == ["fairness-suite 1.3"] * 3
    assert (
        protocols([{"metric": one, "slice": [], "suite": SUITE, "data": None} for one in ("ece", "f1")])
        == ["fairness-suite 1.3"] * 2
    )
    assert suites([*asked, {**SUITE, "config": {"shots": 5}}]) == [
        *["fairness-suite 1.3 without settings"] * 3,
        "fairness-suite 1.3 shots=5",
    ]
