"""How two versions differ, for whom, and what was done about it."""

import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from descent.manifest import load_manifest
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import NotFound
from descentd.graph.registration.register import register
from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


def part(
    name: str, number: int, rows: int | None, *shares: tuple[str, str, float | None], **more: Any
) -> dict[str, Any]:
    population = [{"attribute": a, "value": v} | ({} if share is None else {"share": share}) for a, v, share in shares]
    made: dict[str, Any] = {"name": name, "digest": f"sha256:{number:064x}", "population": population, **more}
    return made if rows is None else made | {"rows": rows}


def version(name: str, *parents: str, data: str | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "m", "version": name, "config": {"v": name}, **more}
    made["parents"] = [{"ref": f"model:m@{parent}", "relation": "FINE_TUNE"} for parent in parents]
    made["trainedOn"] = [{"ref": data, "role": "TRAIN"}] if data else []
    return made


def evaluated(name: str, suite: str, *metrics: dict[str, Any]) -> dict[str, Any]:
    return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": suite}, "metrics": list(metrics)}


async def diff(registry: Registry, base: str, head: str, *attributes: str) -> Any:
    return await ask(
        registry, "Diff", base=f"model:m@{base}", head=f"model:m@{head}", attributes=list(attributes) or None
    )


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=\.)\s", text)


async def test_relations(registry: Registry) -> None:
    models = [version("root"), version("a", "root"), version("b", "root"), version("ab", "a", "b"), version("other")]
    await send(registry, models=models)
    for base, head, relation in (
        ("root", "ab", "HEAD_DESCENDS"), ("ab", "a", "BASE_DESCENDS"), ("a", "b", "SIBLINGS"),
        ("a", "other", "UNRELATED"), ("a", "a", "SAME"),
    ):  # fmt: skip
        answer = await diff(registry, base, head)
        assert answer["relation"] == relation
        assert len(sentences(answer["summary"])) <= 5
    assert (await diff(registry, "a", "a"))["changes"] == []
    with pytest.raises(NotFound) as caught:
        await diff(registry, "a", "c")
    assert caught.value.field == "head"


async def test_shares_count_what_was_inherited_by_rows(registry: Registry) -> None:
    parts = [
        part("old", 1, 900, ("age", "65+", 0.1), ("age", "18-64", 0.9), populationDocumented="COMPLETE"),
        part("new", 2, 100, ("age", "65+", 1.0), populationDocumented="PARTIAL"),
        part("twin", 1, 900),
        part("uncounted", 3, None, ("age", "65+", 0.5), populationDocumented="COMPLETE"),
        part("silent", 4, 50),
    ]
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[
            version("1", data="dataset:d@1#old"),
            version("2", "1", data="dataset:d@1#new"),
            version("3", "2", data="dataset:d@1#twin"),
            version("4", "2", data="dataset:d@1#uncounted"),
            version("5", "2", data="dataset:d@1#silent"),
            version("6"),
        ],
    )

    async def share(head: str, value: str) -> Any:
        found = (await diff(registry, "1", head, "age"))["populations"]
        return next(row["headShare"] for row in found if row["value"] == value)

    rows = (await diff(registry, "1", "2", "age"))["populations"]
    assert [(row["value"], row["baseShare"]) for row in rows] == [("18-64", 0.9), ("65+", 0.1)]
    assert await share("2", "65+") == pytest.approx((90 + 100) / 1000)
    assert await share("2", "18-64") == pytest.approx(810 / 1000)
    assert await share("3", "65+") == pytest.approx(0.19)  # the same data once more adds nothing
    assert await share("4", "65+") is None  # nobody counted its rows
    assert await share("5", "65+") is None  # it does not say
    assert await share("6", "65+") is None  # it learned from something
    assert "not known" in (await diff(registry, "1", "5", "age"))["summary"]


async def test_metrics_are_judged_within_tolerance_and_error(registry: Registry) -> None:
    old = [{"attribute": "age", "value": "65+"}]
    both = (
        ("accuracy", 0.80, 0.85, 10_000, "BETTER"),
        ("adversarial_accuracy", 0.64, 0.60, 10_000, "WORSE"),
        ("attack_success_rate", 0.40, 0.34, 10_000, "BETTER"),
        ("wmdp_accuracy", 0.30, 0.40, 10_000, "WORSE"),
        ("robust_accuracy", 0.64, 0.60, 100, "SAME"),
        ("recall", 0.80, 0.805, 1_000_000, "SAME"),
        ("selection_rate", 0.40, 0.50, 10_000, "INCOMPARABLE"),
    )
    before = [{"name": name, "value": value, "n": n} for name, value, _, n, _ in both]
    after = [{"name": name, "value": value, "n": n} for name, _, value, n, _ in both]
    before.append({"name": "f1", "value": 0.5, "slice": old})
    after.append({"name": "precision", "value": 0.5})
    await send(
        registry,
        models=[version("1"), version("2", "1")],
        evaluations=[
            evaluated("1", "1", *before),
            evaluated("2", "1", *after),
            evaluated("1", "2", {"name": "psi", "value": 0.1}),
            evaluated("2", "3", {"name": "psi", "value": 0.1}),
        ],
    )
    answer = await diff(registry, "1", "2")
    verdicts = {row["name"]: row["verdict"] for row in answer["metrics"]}
    assert verdicts == {name: verdict for name, *_, verdict in both} | dict.fromkeys(
        ("f1", "precision", "psi"), "INCOMPARABLE"
    )
    order = [row["verdict"] == "INCOMPARABLE" for row in answer["metrics"]]
    assert order == sorted(order)
    rates = {row["name"]: row["delta"] for row in answer["metrics"]}
    assert (rates["accuracy"], rates["adversarial_accuracy"], rates["psi"]) == (0.05, -0.04, None)
    assert "other versions of s, 2 and 3" in answer["summary"]
    assert [row["name"] for row in (await diff(registry, "1", "2", "age"))["metrics"]] == ["f1"]


async def test_interventions_between_with_the_version_that_they_were_on(registry: Registry) -> None:
    def done(kind: str) -> list[dict[str, Any]]:
        return [{"kind": kind, "targets": [{"attribute": "age", "value": "65+"}], "description": "Reweighed. Twice."}]

    models = [
        version("1", interventions=done("first")),
        version("2", "1", interventions=done("second")),
        version("3", "2"),
        version("side", "1", interventions=done("side")),
        version("4", "3", "side"),
    ]
    await send(registry, models=models)
    assert [(i["kind"], i["on"]["ref"]) for i in (await diff(registry, "1", "3"))["interventions"]] == [
        ("second", "model:m@2")
    ]
    assert {i["kind"] for i in (await diff(registry, "1", "4"))["interventions"]} == {"second", "side"}
    assert (await diff(registry, "3", "3"))["interventions"] == []
    told = (await diff(registry, "1", "3", "age"))["summary"]
    assert "second for age 65+ in model:m@2" in told
    assert len(sentences(told)) <= 5


async def test_a_part_on_one_side_alone_has_no_nameless_field(registry: Registry) -> None:
    code = {"repository": "https://example.org/r", "commit": "c" * 40}
    models = [version("1", config={"opt": {}, "steps": []}), version("2", "1", code=code, config={"opt": {"lr": 1}})]
    await send(registry, models=models)
    changes = (await diff(registry, "1", "2"))["changes"]
    assert {one["field"]: (one["before"], one["after"]) for one in changes if one["area"] != "PARENT"} == {
        "code.commit": (None, "c" * 40), "code.repository": (None, "https://example.org/r"),
        "config.opt.lr": (None, 1), "config.steps": ([], None),
    }  # fmt: skip


async def test_the_summary_names_the_gravest_first_and_safety_before_performance(registry: Registry) -> None:
    def measured(values: dict[str, float]) -> list[dict[str, Any]]:
        return [{"name": name, "value": value, "stderr": 0.005} for name, value in values.items()]

    performance = ("accuracy", "auroc", "balanced_accuracy", "f1", "recall", "precision")
    before = dict.fromkeys(performance, 0.9) | {"toxicity_score": 0.01, "adversarial_accuracy": 0.9}
    after = dict.fromkeys(performance, 0.5) | {"toxicity_score": 0.6, "adversarial_accuracy": 0.85}
    await send(
        registry,
        models=[version("1"), version("2", "1")],
        evaluations=[evaluated("1", "1", *measured(before)), evaluated("2", "1", *measured(after))],
    )
    told = (await diff(registry, "1", "2"))["summary"]
    assert "worse toxicity_score (0.01 → 0.6, p below 1e-300)" in told
    assert told.index("adversarial_accuracy") < told.index("accuracy (0.9 → 0.5")
    assert "and 4 more" in told


ROWS = """
query($base: Ref!, $head: Ref!) {
  diff(base: $base, head: $head) {
    summary
    metrics { name base head verdict reason suite { name config } data { ref } }
    populations { value headShare undocumented }
  }
}
"""


async def test_what_does_not_count_names_the_version_and_the_data(registry: Registry) -> None:
    data = {"name": "d", "version": "1", "partitions": [part("p", 1, 10)]}
    run = evaluated("1", "1", {"name": "robust_accuracy", "value": 0.6, "n": 2000}) | {"data": "dataset:d@1#p"}
    again = evaluated("2", "1", {"name": "robust_accuracy", "value": 0.4, "n": 2000}) | {"data": "dataset:d@1#p"}
    await send(
        registry,
        datasets=[data],
        models=[version("1"), version("2", "1", data="dataset:d@1#p"), version("3", "2")],
        evaluations=[run, again, again | {"subject": "model:m@3"}],
    )
    told = (await diff(registry, "1", "2"))["summary"]
    why = "evaluated on what it, or an ancestor, learned from, dataset:d@1#p)"
    assert f"robust_accuracy (0.6 → does not count: model:m@2 was {why}" in told
    told = (await diff(registry, "2", "3"))["summary"]
    assert "robust_accuracy (model:m@2 and model:m@3 were evaluated on what they, or an ancestor, learned from" in told
    assert "not measured" not in told
    (row,) = (await ask(registry, ROWS, base="model:m@1", head="model:m@2"))["metrics"]
    assert row["data"] == {"ref": "dataset:d@1#p"}


async def test_rows_that_differ_in_settings_alone_are_told_apart(registry: Registry) -> None:
    def run(name: str, eps: int, value: float) -> dict[str, Any]:
        metrics = [{"name": "robust_accuracy", "value": value, "n": 1000}]
        return evaluated(name, "1", *metrics) | {"suite": {"name": "pgd", "version": "1", "config": {"eps": eps}}}

    runs = [run("1", 4, 0.6), run("1", 8, 0.5), run("2", 4, 0.7), run("2", 8, 0.3), run("3", 16, 0.1)]
    await send(registry, models=[version("1"), version("2", "1"), version("3", "2")], evaluations=runs)
    answer = await ask(registry, ROWS, base="model:m@1", head="model:m@2")
    assert "worse robust_accuracy (pgd eps=8) (0.5 → 0.3" in answer["summary"]
    assert "better robust_accuracy (pgd eps=4) (0.6 → 0.7" in answer["summary"]
    assert [row["suite"]["config"] for row in answer["metrics"]] == [{"eps": 4}, {"eps": 8}]
    (row,) = (await ask(registry, ROWS, base="model:m@2", head="model:m@3"))["metrics"]
    assert row["suite"] is None
    assert row["reason"] == "measured with other settings, pgd eps=4 and pgd eps=16"


async def test_same_beyond_the_tolerance_says_what_could_have_been_seen(registry: Registry) -> None:
    rates = [[{"name": "robust_accuracy", "value": value, "n": 100}] for value in (0.64, 0.56)]
    neutral = {"name": "selection_rate", "value": 0.4, "n": 100}
    await send(
        registry,
        models=[version("1"), version("2", "1")],
        evaluations=[evaluated("1", "1", *rates[0], neutral), evaluated("2", "1", *rates[1], neutral)],
    )
    answer = await ask(registry, ROWS, base="model:m@1", head="model:m@2")
    same, other = answer["metrics"]
    assert (same["verdict"], other["verdict"]) == ("SAME", "INCOMPARABLE")
    assert "less than 0.1933 would usually not have been seen" in same["reason"]
    assert "no value of this metric is good in itself" in other["reason"]
    assert (
        "no clear change in 1, which moved by more than the tolerance, but chance may explain that" in answer["summary"]
    )
    assert "that: robust_accuracy (0.64 → 0.56" in answer["summary"]
    assert ", where a change of less than 0.1933 would usually not be seen (1 row was tested)." in answer["summary"]


async def test_a_share_that_is_not_known_names_what_does_not_say(registry: Registry) -> None:
    parts = [
        part("told", 1, 100, ("age", "65+", 0.1), populationDocumented="COMPLETE"),
        part("silent", 2, 100),
    ]
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("1", data="dataset:d@1#told"), version("2", "1", data="dataset:d@1#silent")],
    )
    answer = await ask(registry, ROWS, base="model:m@1", head="model:m@2")
    assert answer["populations"] == [{"value": "65+", "headShare": None, "undocumented": ["dataset:d@1#silent"]}]
    assert "dataset:d@1#silent does not say" in answer["summary"]


async def test_attributes_of_which_nothing_speaks_are_named(registry: Registry) -> None:
    runs = [
        evaluated(name, "1", {"name": "f1", "value": 0.5, "slice": [{"attribute": "age", "value": "65+"}]})
        for name in "12"
    ]
    await send(registry, models=[version("1"), version("2", "1")], evaluations=runs)
    asked = 'query { diff(base: "model:m@1", head: "model:m@2", attributes: ["age", "aeg"]) { unspoken } }'
    assert await ask(registry, asked) == {"unspoken": ["aeg"]}


async def test_the_example(registry: Registry, shared: Path) -> None:
    manifest = load_manifest(shared / "contract" / "manifest.example.yaml")
    await register(registry.committer, ManifestInput.read(manifest.content), "ana")
    refs = {"base": "model:credit-risk@4.1", "head": "model:credit-risk@4.2"}
    answer = await ask(registry, "Diff", **refs)
    changes = {(one["area"], one["field"]): (one["before"], one["after"]) for one in answer["changes"]}
    assert changes["CONFIG", "config.learning_rate"] == ("0.1", "0.08")
    assert changes["CONFIG", "config.depth"] == (6, 7)
    assert changes["PROFILE", "safetyProfile.knownBiases[0].value"] == ("65+", None)
    assert {area for area, _ in changes} == {"CODE", "CONFIG", "DATA", "ARTIFACT", "PROFILE", "PARENT"}
    assert all(row["baseShare"] is None for row in answer["populations"])  # the synthetic rows say nothing of anybody
    about = await ask(registry, "Diff", attributes=["age_group"], **refs)
    assert {row["attribute"] for row in about["populations"]} == {"age_group"}
    assert [(row["slice"][0]["value"], row["base"], row["head"], row["delta"]) for row in about["metrics"]] == [
        ("18-64", 0.57, 0.57, 0.0), ("65+", 0.42, 0.55, 0.13),
    ]  # fmt: skip
    assert "reweighing for age_group 65+" in about["summary"]
    assert len(sentences(about["summary"])) <= 5


async def test_rows_are_counted_paired_and_shown_not_to_be_worse(registry: Registry) -> None:
    models = [version("1"), version("2", "1")]
    pair = {"subject": "model:m@1", "n01": 40, "n10": 15}

    def run(name: str, *metrics: dict[str, Any]) -> dict[str, Any]:
        return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": "1"}, "metrics": list(metrics)}

    before = [{"name": "toxic_frac", "value": 0.2, "n": 500}, {"name": "robust_accuracy", "value": 0.8, "n": 50_000}]
    after = [{"name": "toxic_frac", "value": 0.25, "n": 500, "pairedWith": [pair]},
             {"name": "robust_accuracy", "value": 0.8, "n": 50_000}]  # fmt: skip
    await send(registry, models=models, evaluations=[run("1", *before), run("2", *after)])
    text = """query($base: Ref!, $head: Ref!) { diff(base: $base, head: $head) {
        tested metrics { name p q paired shownNotWorse verdict } } }"""
    for base, head, verdict in (("1", "2", "WORSE"), ("2", "1", "BETTER")):
        answer = await ask(registry, text, base=f"model:m@{base}", head=f"model:m@{head}")
        rows = {row["name"]: row for row in answer["metrics"]}
        assert answer["tested"] == 2
        assert (rows["toxic_frac"]["paired"], rows["toxic_frac"]["verdict"]) == (True, verdict)
        assert rows["toxic_frac"]["p"] == pytest.approx(stats.chi2.sf(25**2 / 55, 1))
        assert rows["toxic_frac"]["q"] == pytest.approx(2 * rows["toxic_frac"]["p"])
        assert rows["robust_accuracy"]["shownNotWorse"]


async def test_the_newest_result_stands_beside_what_several_come_to(registry: Registry) -> None:
    def run(name: str, value: float) -> dict[str, Any]:
        measured = [{"name": "toxic_frac", "value": value, "n": 500}]
        return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": "1"}, "metrics": measured}

    await send(registry, models=[version("1"), version("2", "1")], evaluations=[run("1", 0.1)])
    for value in (0.2, 0.4):
        await send(registry, evaluations=[run("2", value)])
    text = '{ diff(base: "model:m@1", head: "model:m@2") { metrics { base baseNewest head headNewest } } }'
    (row,) = (await ask(registry, text))["metrics"]
    assert (row["base"], row["baseNewest"], row["headNewest"]) == (0.1, 0.1, 0.4)
    assert row["head"] == pytest.approx(0.3)
