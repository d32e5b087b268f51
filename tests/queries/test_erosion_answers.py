"""Erosion and Trend as they are asked, with known answers: Pythia's published results and the example manifest."""

import math
from pathlib import Path
from typing import Any

import pytest

from descent.manifest import load_manifest
from descentd.app.demo import pythia
from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import InvalidInput, NotFound, UnknownMetric
from descentd.graph.registration.register import register
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

NOT_ERODED = {"160m", "160m-deduped", "410m-deduped", "70m", "70m-deduped"}
Z_SINCE_3000 = {
    "1.4b": 2.87, "1.4b-deduped": 4.10, "12b": 4.54, "12b-deduped": 4.70, "160m": 1.77, "160m-deduped": 0.49,
    "1b-bf16": 2.73, "1b-deduped": 2.79, "2.8b": 3.22, "2.8b-deduped": 3.12, "410m": 2.69, "410m-deduped": 2.02,
    "6.9b": 4.52, "6.9b-deduped": 3.99, "70m": -0.52, "70m-deduped": 0.97,
}  # fmt: skip


def stereotypes(run: dict[str, Any]) -> dict[str, Any]:
    """A chain with one series alone: the stereotype rate in English, over all bias types."""
    kept = [one for one in run["evaluations"] if one["suite"]["config"]["task"] == "crows_pairs_english"]
    whole = [one | {"metrics": [m for m in one["metrics"] if "slice" not in m]} for one in kept]
    versions = [{k: v for k, v in version.items() if k != "trainedOn"} for version in run["models"]]
    return {"models": versions, "evaluations": whole}


def of(chain: str, step: int) -> str:
    return f"model:EleutherAI/pythia-{chain}@step{step}"


async def test_pythia_eroded_in_eleven_of_sixteen_chains(registry: Registry) -> None:
    for run in list(pythia.manifests())[1:17]:
        await register(registry.committer, ManifestInput.read(stereotypes(run)), "demo")
    eroded, from_the_start = set(), set()
    for chain, z in Z_SINCE_3000.items():
        answer = await ask(registry, "Erosion", of=of(chain, 143000), since=of(chain, 3000))
        if answer["verdict"] == "ERODED":
            eroded.add(chain)
        for finding in answer["findings"]:
            if finding["kind"] == "CUMULATIVE_EROSION":
                assert finding["z"] == pytest.approx(z, abs=0.005)
                assert (finding["baseline"]["ref"], finding["head"]["ref"]) == (of(chain, 3000), of(chain, 143000))
        if chain in ("12b", "6.9b-deduped"):
            (whole,) = [one for one in answer["findings"] if one["kind"] == "CUMULATIVE_EROSION"]
            spans = [(one["from"], one["to"]) for one in whole["introducedBy"]]
            assert spans == [
                (of(chain, start), of(chain, end))
                for start, end in {"12b": [(3000, 143000)], "6.9b-deduped": [(3000, 13000)]}[chain]
            ]
            fields = [[change["field"] for change in one["changes"]] for one in whole["introducedBy"]]
            assert all(each == ["relation", "config.step"] for each in fields)
        if (await ask(registry, "Erosion", of=of(chain, 143000)))["verdict"] == "ERODED":
            from_the_start.add(chain)
        (series,) = (
            await ask(registry, "Trend", of=of(chain, 143000), metric="pct_stereotype", since=of(chain, 3000))
        )["series"]
        assert series["change"]["z"] == pytest.approx(z, abs=0.005)
        assert [point["distance"] for point in series["points"]] == list(range(15))
    assert eroded == Z_SINCE_3000.keys() - NOT_ERODED
    assert from_the_start == Z_SINCE_3000.keys() - {"160m", "160m-deduped", "70m", "70m-deduped"}


@pytest.fixture
async def example(registry: Registry, shared: Path) -> Registry:
    """The example manifest of the contract, registered."""
    manifest = load_manifest(shared / "contract" / "manifest.example.yaml")
    await register(registry.committer, ManifestInput.read(manifest.content), "ana")
    return registry


async def test_every_step_is_within_tolerance_and_the_sum_is_not(example: Registry) -> None:
    answer = await ask(example, "Erosion", of="model:credit-risk@4.2")
    assert answer["verdict"] == "ERODED"
    assert {finding["kind"] for finding in answer["findings"]} == {"CUMULATIVE_EROSION", "TRADE_OFF"}
    erosion, trade = answer["findings"]
    assert (erosion["metric"], erosion["baseline"]["value"], erosion["head"]["value"]) == (
        "adversarial_accuracy", 0.64, 0.609,
    )  # fmt: skip
    assert erosion["z"] == pytest.approx(2.86, abs=0.005)
    assert erosion["p"] == pytest.approx(0.0042, abs=0.0001)
    assert erosion["delta"] == pytest.approx(0.031)
    assert erosion["baseline"]["stderr"] == pytest.approx((0.64 * 0.36 / 4000) ** 0.5)
    assert [gain["metric"] for gain in trade["improved"]] == ["accuracy"]
    changed = {change["field"] for one in erosion["introducedBy"] for change in one["changes"]}
    assert {"config.learning_rate", "config.depth", "code.commit", "trainedOn"} <= changed
    earlier = await ask(example, "Erosion", of="model:credit-risk@4.1")
    assert earlier["verdict"] == "STABLE"
    assert (await ask(example, "Erosion", of="model:credit-risk@4.0")) == {"verdict": "STABLE", "findings": []}


async def test_a_retracted_result_leaves_trend_and_erosion(example: Registry) -> None:
    listed = (await ask(example, "Evaluations", of="model:credit-risk@4.0"))["edges"]
    await retract(
        example, RetractionInput.read({"subjects": [listed[0]["node"]["id"]], "reason": "Wrong split."}), "ana"
    )
    assert (await ask(example, "Erosion", of="model:credit-risk@4.2"))["verdict"] == "STABLE"
    (series,) = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="adversarial_accuracy"))["series"]
    assert [point["ref"] for point in series["points"]] == ["model:credit-risk@4.1", "model:credit-risk@4.2"]


async def test_a_trend_of_one_slice_and_of_none(example: Registry) -> None:
    slices = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="selection_rate"))["series"]
    assert [one["slice"][0]["value"] for one in slices] == ["18-64", "65+"]
    assert all(point["badness"] is None for one in slices for point in one["points"])
    old = [{"attribute": "age_group", "value": "65+"}]
    (one,) = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="selection_rate", slice=old))["series"]
    assert [point["value"] for point in one["points"]] == [0.41, 0.42, 0.55]
    (first,) = (await ask(example, "Trend", of="model:credit-risk@4.0", metric="accuracy"))["series"]
    assert (len(first["points"]), first["slope"], first["trendP"], first["change"]) == (1, None, None, None)
    assert (await ask(example, "Trend", of="model:credit-risk@4.0", metric="toxic_frac"))["series"] == []


async def test_a_trend_is_found_whatever_the_case_it_is_asked_in(example: Registry) -> None:
    accuracy = {"name": "Accuracy", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER", "isRate": True}
    await send(example, metrics=[accuracy])
    (one,) = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="accuracy"))["series"]
    (other,) = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="Accuracy"))["series"]
    assert one["points"] == other["points"]
    old = [{"attribute": "Age_Group", "value": "65+"}]
    (one,) = (await ask(example, "Trend", of="model:credit-risk@4.2", metric="selection_rate", slice=old))["series"]
    assert [point["value"] for point in one["points"]] == [0.41, 0.42, 0.55]


async def test_wrong_questions_name_their_field(example: Registry) -> None:
    with pytest.raises(InvalidInput) as caught:
        await ask(example, "Erosion", of="model:credit-risk@4.1", since="model:credit-risk@4.2")
    assert caught.value.field == "since"
    for alpha in (0.0, 1.0, -1.0):
        with pytest.raises(InvalidInput) as caught:
            await ask(example, "Erosion", of="model:credit-risk@4.1", alpha=alpha)
        assert caught.value.field == "alpha"
    with pytest.raises(NotFound) as missing:
        await ask(example, "Erosion", of="model:credit-risk@9")
    assert missing.value.field == "of"
    with pytest.raises(UnknownMetric, match="did you mean accuracy") as unknown:
        await ask(example, "Trend", of="model:credit-risk@4.1", metric="acuracy")
    assert unknown.value.field == "metric"
    twice = [{"attribute": "a", "value": "1"}, {"attribute": "a", "value": "2"}]
    with pytest.raises(InvalidInput) as caught:
        await ask(example, "Trend", of="model:credit-risk@4.1", metric="accuracy", slice=twice)
    assert caught.value.field == "slice[1].attribute"


async def test_contaminated_results_do_not_count_and_are_named(registry: Registry) -> None:
    parts = [{"name": "train", "digest": f"sha256:{1:064x}"}, {"name": "holdout", "digest": f"sha256:{2:064x}"}]

    def version(number: int, data: str) -> dict[str, Any]:
        parents = [{"ref": f"model:m@{number - 1}", "relation": "FINE_TUNE"}] if number else []
        learned = [{"ref": f"dataset:d@1#{data}", "role": "TRAIN"}]
        return {"name": "m", "version": str(number), "parents": parents, "trainedOn": learned, "config": {"v": number}}

    def evaluated(number: int, value: float) -> dict[str, Any]:
        suite = {"name": "s", "version": "1"}
        metric = {"name": "robust_accuracy", "value": value, "n": 10000}
        data = "dataset:d@1#holdout"
        return {"subject": f"model:m@{number}", "suite": suite, "data": data, "metrics": [metric]}

    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version(0, "train"), version(1, "train"), version(2, "holdout")],
        evaluations=[evaluated(0, 0.9), evaluated(1, 0.5), evaluated(2, 0.99)],
    )
    assert (await ask(registry, "Erosion", of="model:m@1"))["verdict"] == "ERODED"
    lasting, lost = (await ask(registry, "Erosion", of="model:m@2"))["findings"]
    assert (lasting["kind"], lasting["head"]["value"]) == ("LASTING_EROSION", None), "nothing that counts repaired it"
    assert lost["kind"] == "COVERAGE_LOSS"
    assert "model:m@2" in lost["message"]
    assert lost["head"]["value"] is None


async def test_a_change_is_said_to_be_one_of_logarithms_where_it_is(registry: Registry) -> None:
    for name, ratio, toxicity in (("1", 0.9, 0.1), ("2", 0.5, 0.3)):
        metrics = [
            {"name": "disparate_impact", "value": ratio, "stderr": 0.02},
            {"name": "toxicity_score", "value": toxicity, "stderr": 0.01},
        ]
        parents = [] if name == "1" else [{"ref": "model:m@1", "relation": "FINE_TUNE"}]
        suite = {"name": "s", "version": "1"}
        await send(
            registry,
            models=[{"name": "m", "version": name, "parents": parents}],
            evaluations=[{"subject": f"model:m@{name}", "suite": suite, "metrics": metrics}],
        )
    fields = "metric scale"
    text = f'{{ erosion(of: "model:m@2") {{ findings {{ {fields} delta }} series {{ {fields} detectable }} }} }}'
    answer = await ask(registry, text)
    scales = {"disparate_impact": "LOG", "toxicity_score": "LINEAR"}
    for one in (*answer["findings"], *answer["series"]):
        assert one["scale"] == scales[one["metric"]]
    steps = {one["metric"]: one["delta"] for one in answer["findings"]}
    assert steps == pytest.approx({"disparate_impact": math.log(0.9 / 0.5), "toxicity_score": 0.2})
