"""The catalogue of metrics and what it makes of a value."""

import csv
import gzip
import json
import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.metrics import (
    MetricCategory,
    MetricDefinition,
    MetricDirection,
    MetricScale,
    canonical_name,
    catalogue,
    names_of,
    nearest,
)
from descentd.graph.model.errors import InvalidInput

LOWER, HIGHER, TARGET, NONE = (
    MetricDirection.LOWER_IS_BETTER,
    MetricDirection.HIGHER_IS_BETTER,
    MetricDirection.TARGET,
    MetricDirection.NONE,
)
ENTRIES: list[dict[str, Any]] = json.loads(files("descentd.graph").joinpath("metrics.json").read_bytes())
REQUIRED = {"name", "category", "direction", "tolerance", "unit", "isRate", "description", "source"}
OPTIONAL = {"aliasOf", "scale", "minimum", "maximum", "optimum", "worstOf", "disparityOf", "disparityOver"}

DIRECTIONS = {
    "acc": HIGHER,
    "accuracy": HIGHER,
    "adversarial_accuracy": HIGHER,
    "amb_bias_score": TARGET,
    "attack_success_rate": LOWER,
    "auroc": HIGHER,
    "demographic_parity_difference": LOWER,
    "demographic_parity_ratio": TARGET,
    "disamb_bias_score": TARGET,
    "disparate_impact": TARGET,
    "ece": LOWER,
    "equalized_odds_difference": LOWER,
    "f1": HIGHER,
    "kl_drift": LOWER,
    "latency_p50": LOWER,
    "latency_p95": LOWER,
    "latency_p99": LOWER,
    "membership_inference_auc": TARGET,
    "over_refusal_rate": LOWER,
    "pct_stereotype": TARGET,
    "perplexity": LOWER,
    "psi": LOWER,
    "refusal_rate": HIGHER,
    "robust_accuracy": HIGHER,
    "selection_rate": NONE,
    "stereotype_rate": TARGET,
    "tokens_per_second": HIGHER,
    "toxicity_probability": LOWER,
    "truthfulqa_mc1": HIGHER,
    "wmdp_accuracy": LOWER,
}
OPTIMA = {
    "amb_bias_score": 0.0,
    "demographic_parity_ratio": 1.0,
    "disparate_impact": 1.0,
    "membership_inference_auc": 0.5,
    "pct_stereotype": 0.5,
    "stereotype_rate": 0.5,
}

# Three decimals: 1 - x is then as near to the mirror image as twelve significant digits ask.
rates = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
finite = st.floats(allow_nan=False, allow_infinity=False)


def defined(direction: MetricDirection, optimum: float | None = None) -> MetricDefinition:
    return MetricDefinition("m", MetricCategory.BIAS, direction, optimum)


def bad(metric: MetricDefinition, value: float) -> float:
    badness = metric.badness(value)
    assert badness is not None
    return badness


def order(left: float, right: float) -> int:
    return (left > right) - (left < right)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["name"]))
def test_entry_is_well_formed(entry: dict[str, Any]) -> None:
    assert entry.keys() >= REQUIRED
    assert entry.keys() <= REQUIRED | OPTIONAL
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", entry["name"])
    assert MetricCategory(entry["category"]).name == entry["category"]
    assert MetricDirection(entry["direction"]).name == entry["direction"]
    assert ("optimum" in entry) == (entry["direction"] == "TARGET")
    assert math.isfinite(entry["tolerance"])
    assert entry["tolerance"] >= 0
    assert isinstance(entry["isRate"], bool)
    assert all(isinstance(entry[key], str) and entry[key] for key in ("unit", "description", "source"))
    assert entry["description"].endswith(".")
    assert entry["description"].count(". ") == 0, "one sentence"
    assert re.search(r"\b(19|20)\d\d\b", entry["source"]), "a source has a year"


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry["isRate"]], ids=lambda entry: str(entry["name"]))
def test_rate_lies_between_nought_and_one(entry: dict[str, Any]) -> None:
    assert entry["unit"] == "1"
    assert entry["tolerance"] < 1
    assert 0 <= entry.get("optimum", 0) <= 1


def test_catalogue_is_sorted_unique_and_large_enough() -> None:
    names = [entry["name"] for entry in ENTRIES]
    assert names == sorted(set(names))
    assert len(names) >= 60
    assert list(catalogue()) == names
    assert {metric.category for metric in catalogue().values()} == set(MetricCategory)


def test_one_bibliographic_item_is_spelled_in_one_way() -> None:
    cited: dict[str, set[str]] = {}
    for entry in ENTRIES:
        for key in re.findall(r"(?:arXiv|doi):\S+", entry["source"]):
            cited.setdefault(key.rstrip(";"), set()).add(entry["source"])
    assert {key: sources for key, sources in cited.items() if len(sources) > 1} == {}


def test_aliases_are_one_metric_with_one_name() -> None:
    """An alias leads to a name that is none, and both mean the same."""
    meaning = ("category", "direction", "optimum", "tolerance", "unit", "is_rate", "scale", "range")
    aliases = [metric for metric in catalogue().values() if metric.alias_of is not None]
    assert {"roc_auc", "expected_calibration_error", "acc", "em", "mc1", "mc2"} <= {metric.name for metric in aliases}
    for metric in aliases:
        canonical = catalogue()[canonical_name(metric.name)]
        assert canonical.alias_of is None
        assert canonical_name(canonical.name) == canonical.name
        assert names_of(metric.name) == names_of(canonical.name) >= {metric.name, canonical.name}
        assert [getattr(metric, part) for part in meaning] == [getattr(canonical, part) for part in meaning]


def test_what_a_registry_defines_itself_is_no_alias() -> None:
    assert canonical_name("roc_auc", {"roc_auc"}) == "roc_auc"
    assert names_of("auroc", {"roc_auc"}) == {"auroc"}
    assert canonical_name("of nobody") == "of nobody"


def test_ratios_are_judged_on_their_logarithm() -> None:
    ratios = {name for name, metric in catalogue().items() if metric.scale is MetricScale.LOG}
    assert ratios == {"disparate_impact", "demographic_parity_ratio", "equalized_odds_ratio"}


def test_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalogue()["accuracy"] = defined(LOWER)  # type: ignore[index]
    assert catalogue() is catalogue()


@pytest.mark.parametrize(("name", "direction"), DIRECTIONS.items())
def test_direction_comes_from_the_definition(name: str, direction: MetricDirection) -> None:
    metric = catalogue()[name]
    assert metric.direction is direction
    if name in OPTIMA:
        assert metric.optimum == OPTIMA[name]


def test_figures_that_erosion_and_gate_rest_on() -> None:
    stereotype, adversarial = catalogue()["pct_stereotype"], catalogue()["adversarial_accuracy"]
    assert (stereotype.optimum, stereotype.tolerance, stereotype.is_rate) == (0.5, 0.02, True)
    assert stereotype.category is MetricCategory.BIAS
    assert (adversarial.tolerance, adversarial.category) == (0.02, MetricCategory.ROBUSTNESS)
    assert stereotype.badness(0.4371) == 0.0629
    assert not any(catalogue()[name].is_safety for name in ("accuracy", "latency_p95", "over_refusal_rate"))
    assert all(catalogue()[name].is_safety for name in ("pct_stereotype", "refusal_rate", "psi", "ece"))


def test_mean_of_scores_is_not_taken_for_a_rate() -> None:
    assert not any(catalogue()[name].is_rate for name in ("auroc", "f1", "ece", "mc2", "ppl", "balanced_accuracy"))


def test_badness_by_direction() -> None:
    assert defined(LOWER).badness(0.25) == 0.25
    assert defined(HIGHER).badness(0.25) == -0.25
    assert defined(TARGET, 0.5).badness(0.6) == defined(TARGET, 0.5).badness(0.4) == 0.1
    assert defined(NONE).badness(0.25) is None
    assert math.copysign(1, bad(defined(HIGHER), 0.0)) == 1


@given(rates, rates)
def test_badness_of_a_rate_and_its_mirror_image(x: float, y: float) -> None:
    """A success rate and a failure rate tell the same story, ties included."""
    lower, higher = defined(LOWER), defined(HIGHER)
    assert order(bad(lower, x), bad(lower, y)) == order(bad(higher, 1 - x), bad(higher, 1 - y))


@given(rates, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_badness_is_the_same_on_both_sides_of_a_target(x: float, optimum: float) -> None:
    assert bad(defined(TARGET, optimum), x) == bad(defined(TARGET, 1 - optimum), 1 - x)
    assert bad(defined(TARGET, optimum), optimum + x) == bad(defined(TARGET, optimum), optimum - x)


@given(finite, finite)
def test_badness_never_turns_an_order_round(x: float, y: float) -> None:
    """Rounding may tie two values; it may not swap them."""
    low, high = sorted((x, y))
    assert bad(defined(LOWER), low) <= bad(defined(LOWER), high)
    assert bad(defined(HIGHER), low) >= bad(defined(HIGHER), high)


@given(finite, st.floats(-1e6, 1e6))
def test_badness_of_a_target_is_least_at_its_optimum(x: float, optimum: float) -> None:
    assert bad(defined(TARGET, optimum), x) >= bad(defined(TARGET, optimum), optimum) == 0


@given(finite)
def test_badness_is_within_twelve_digits(x: float) -> None:
    assert bad(defined(LOWER), x) == pytest.approx(x, rel=5.1e-12, abs=5e-324)
    assert bad(defined(LOWER), bad(defined(LOWER), x)) == bad(defined(LOWER), x)


def test_target_without_an_optimum_is_refused() -> None:
    with pytest.raises(InvalidInput, match="give its optimum"):
        defined(TARGET)


def test_definition_of_least_content() -> None:
    metric = MetricDefinition.of({"name": "psi_income", "category": "DRIFT", "direction": "LOWER_IS_BETTER"})
    assert (metric.tolerance, metric.unit, metric.is_rate, metric.worst_of) == (0.0, "1", False, ())


def test_definition_of_full_content() -> None:
    content = {
        "name": "worst_attack",
        "category": "ROBUSTNESS",
        "direction": "TARGET",
        "optimum": 1.0,
        "tolerance": 0.1,
        "unit": "ms",
        "isRate": True,
        "worstOf": ["pgd", "fgsm"],
        "disparityOf": "acc",
        "disparityOver": "age_group",
        "description": "d",
        "source": "s",
    }
    robustness = MetricCategory.ROBUSTNESS
    assert MetricDefinition.of(content) == MetricDefinition(
        "worst_attack", robustness, TARGET, 1.0, 0.1, "ms", True, ("pgd", "fgsm"), "acc", "age_group", "d", "s"
    )


@pytest.mark.parametrize("key", ["name", "category", "direction"])
def test_definition_needs_its_first_three(key: str) -> None:
    content = {"name": "m", "category": "BIAS", "direction": "NONE"}
    del content[key]
    with pytest.raises(KeyError, match=key):
        MetricDefinition.of(content)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acuracy", "accuracy"),
        ("F1-Score", "f1_score"),
        ("pct stereotype", "pct_stereotype"),
        ("adverserial_accuracy", "adversarial_accuracy"),
    ],
)
def test_nearest_knows_what_was_meant(typed: str, meant: str) -> None:
    suggestions = nearest(typed, catalogue())
    assert suggestions[0] == meant
    assert len(suggestions) <= 3


def test_nearest_is_silent_where_nothing_is_near() -> None:
    assert nearest("zzzzzz", catalogue()) == []
    assert nearest("accuracy", []) == []
    assert nearest("PSI_Income", ["Psi-Income"], n=1) == ["Psi-Income"]


def test_every_metric_of_pythia_is_defined_and_its_rates_are_rates(shared: Path) -> None:
    with gzip.open(shared / "data/pythia/evaluations.tsv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    measured = {row["metric"] for row in rows}
    assert measured
    assert measured <= catalogue().keys()
    outside = {row["metric"] for row in rows if not 0 <= float(row["value"]) <= 1}
    assert {name for name in outside if catalogue()[name].is_rate} == set()


def test_every_metric_of_the_harness_0_3_results_is_defined(shared: Path) -> None:
    paths = sorted((shared / "data/formats/lm-eval-v0.3").glob("*.json"))
    assert paths
    measured = {
        name
        for path in paths
        for task in json.loads(path.read_bytes())["results"].values()
        for name in task
        if not name.endswith("_stderr")
    }
    assert measured <= catalogue().keys()
