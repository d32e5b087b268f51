"""Erosions over a whole registry: kept level with the log, the same as if all of it were assessed anew."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from descentd.graph.inputs.acts import DeploymentInput, RetractionInput
from descentd.graph.metrics import MetricCategory, catalogue
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.queries.erosion import registry_refresh, registry_report
from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.evaluation.labels import meaning_of
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

LOST = ("robust_accuracy", "adversarial_accuracy")


def version(name: str, number: int, *parents: str, data: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "version": str(number),
        "config": {"number": number, "name": name},
        "parents": [{"ref": parent, "relation": "FINE_TUNE"} for parent in parents],
        "trainedOn": [{"ref": data, "role": "TRAIN"}] if data else [],
    }


def evaluated(ref: str, data: str | None = None, **values: float) -> dict[str, Any]:
    metrics = [{"name": name, "value": value, "n": 10_000} for name, value in values.items()]
    return {"subject": ref, "suite": {"name": "s", "version": "1"}, "metrics": metrics} | (
        {"data": data} if data else {}
    )


async def chain(registry: Registry, name: str, *values: float, metric: str = "robust_accuracy") -> None:
    """Versions of a name, each derived from the one before, with one result each."""
    refs = [f"model:{name}@{i}" for i in range(len(values))]
    await send(
        registry,
        models=[version(name, i, *refs[i - 1 : i] if i else ()) for i in range(len(values))],
        evaluations=[evaluated(ref, None, **{metric: value}) for ref, value in zip(refs, values, strict=True)],
    )


async def listed(registry: Registry, **variables: Any) -> list[str]:
    return [edge["node"]["ref"] for edge in (await ask(registry, "Erosions", **variables))["edges"]]


async def afresh(registry: Registry) -> list[str]:
    """What another process answers that has just been started."""
    return await listed(Registry(registry.store, registry.walk, registry.committer))


async def test_the_worst_first_and_what_shares_a_cause_together(registry: Registry) -> None:
    await chain(registry, "steady", 0.8, 0.8, 0.8)
    await chain(registry, "slight", 0.8, 0.77)
    await chain(registry, "grave", 0.8, 0.6, 0.6)
    await chain(registry, "named_accuracy_but_low_is_good", 0.3, 0.2, metric="wmdp_accuracy")
    answer = await ask(registry, "Erosions")
    assert [edge["node"]["ref"] for edge in answer["edges"]] == ["model:grave@1", "model:grave@2", "model:slight@1"]
    assert answer["totalCount"] == 3
    assert {edge["verdict"] for edge in answer["edges"]} == {"ERODED"}
    assert all("worse" in finding["message"] for edge in answer["edges"] for finding in edge["findings"])


async def test_a_finding_says_what_its_metric_measures(registry: Registry) -> None:
    asked = "query ($of: Ref!) { erosion(of: $of) { findings { metric meaning } } }"
    await chain(registry, "known", 0.1, 0.3, metric="wmdp_accuracy")
    [meaning] = {one["meaning"] for one in (await ask(registry, asked, of="model:known@1"))["findings"]}
    assert meaning == meaning_of(catalogue()["wmdp_accuracy"]) != ""
    own = {"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER", "isRate": True}
    await send(registry, metrics=[own])
    await chain(registry, "silent", 0.1, 0.3, metric="own")
    assert {one["meaning"] for one in (await ask(registry, asked, of="model:silent@1"))["findings"]} == {""}


async def test_a_group_names_no_single_derivation_that_the_results_cannot_name(registry: Registry) -> None:
    await chain(registry, "clear", 0.8, 0.6)
    await chain(registry, "either", 0.64, 0.6275, 0.615)
    report = await ask(registry, "Erosion", of="model:either@2")
    assert len(report["findings"][0]["introducedBy"]) == 2
    groups = (await registry_report.erosion_groups(registry, None, None, None)).items
    found = {group.worst.ref: group.span and [end.ref for end in group.span] for group in groups}
    assert found["model:clear@1"] == ["model:clear@0", "model:clear@1"]
    assert found["model:either@2"] == ["model:either@0", "model:either@2"]


@pytest.mark.parametrize(
    ("spans", "ends"),
    [
        ((), None),
        ([(1, 2)], (1, 2)),
        ([(2, 3), (1, 2)], (1, 3)),
        ([(1, 3), (2, 3)], None),  # either side of a merge
        ([(1, 2), (3, 4)], None),
    ],
)
def test_where_several_derivations_lead_from_and_to(
    spans: Sequence[tuple[int, int]], ends: tuple[int, int] | None
) -> None:
    kind, category = ErosionKind.STEP_REGRESSION, MetricCategory.BIAS
    finding = FindingSummary(kind, "bias", category, (), 0.01, 0.01, None, "", tuple(Span(*span) for span in spans))
    found = finding.span
    assert found == (None if ends is None else Span(*ends))


async def test_pages_and_filters(registry: Registry) -> None:
    await chain(registry, "a", 0.8, 0.6)
    await chain(registry, "ab", 0.8, 0.65)
    await chain(registry, "b", 0.2, 0.4, metric="toxicity_probability")
    first = await ask(registry, "Erosions", first=2)
    assert first["pageInfo"]["hasNextPage"]
    second = await ask(registry, "Erosions", first=2, after=first["pageInfo"]["endCursor"])
    refs = [edge["node"]["ref"] for edge in first["edges"] + second["edges"]]
    assert sorted(refs) == ["model:a@1", "model:ab@1", "model:b@1"]
    assert await listed(registry, filter={"name": "a"}) == ["model:a@1"]
    assert sorted(await listed(registry, filter={"namePrefix": "a"})) == ["model:a@1", "model:ab@1"]
    assert await listed(registry, filter={"category": ["TOXICITY"]}) == ["model:b@1"]
    assert await listed(registry, filter={"kinds": ["MONOTONIC_TREND"]}) == []
    assert await listed(registry, filter={"kinds": ["STEP_REGRESSION"], "category": ["TOXICITY"]}) == ["model:b@1"]
    with pytest.raises(InvalidInput, match="another question"):
        await ask(registry, "Erosions", filter={"name": "a"}, after=first["pageInfo"]["endCursor"])


async def test_kept_level_with_what_arrives(registry: Registry) -> None:
    await chain(registry, "m", 0.8, 0.8)
    assert await listed(registry) == await afresh(registry) == []
    await send(registry, models=[version("m", 2, "model:m@1")])
    assert await listed(registry) == await afresh(registry) == []
    await send(registry, evaluations=[evaluated("model:m@2", robust_accuracy=0.7)])
    assert await listed(registry) == await afresh(registry) == ["model:m@2"]
    await send(registry, evaluations=[evaluated("model:m@0", robust_accuracy=0.9)])  # then the first step was the fall
    assert await listed(registry) == await afresh(registry) == ["model:m@2", "model:m@1"]
    again = (await ask(registry, "Evaluations", of="model:m@0"))["edges"][-1]["node"]["id"]
    await retract(registry, RetractionInput.read({"subjects": [again], "reason": "Another model."}), "ana")
    assert await listed(registry) == await afresh(registry) == ["model:m@2"]


async def test_a_definition_may_make_something_of_old_results(registry: Registry) -> None:
    await send(
        registry,
        models=[version("m", 0), version("m", 1, "model:m@0")],
        evaluations=[evaluated("model:m@0", acc=0.9, recall=0.9), evaluated("model:m@1", acc=0.91, recall=0.5)],
    )
    assert await listed(registry) == []
    worst = {"name": "worst", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True}
    await send(registry, metrics=[worst | {"worstOf": ["acc", "recall"]}])
    assert await listed(registry) == await afresh(registry) == ["model:m@1"]


async def test_a_metric_of_the_catalogue_may_come_to_count_as_safety(registry: Registry) -> None:
    await chain(registry, "m", 0.05, 0.15, metric="false_negative_rate")
    assert await listed(registry) == []
    same = {"direction": "LOWER_IS_BETTER", "tolerance": 0.01, "isRate": True}
    await send(
        registry,
        metrics=[{"name": "false_negative_rate", "category": "PERFORMANCE", "countsAsSafety": True, **same}],
    )
    assert await listed(registry) == await afresh(registry) == ["model:m@1"]


async def test_data_that_turns_out_to_be_the_same(registry: Registry) -> None:
    """A copy of what a version learned from is found to come from the data that it was evaluated on."""

    def data(name: str, number: int, **more: Any) -> dict[str, Any]:
        return {"name": name, "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{number:064x}"} | more]}

    on = "dataset:test@1#p"
    await send(
        registry,
        datasets=[data("test", 1), data("web", 2)],
        models=[version("m", 0), version("m", 1, "model:m@0", data="dataset:web@1#p")],
        evaluations=[evaluated("model:m@0", on, robust_accuracy=0.9), evaluated("model:m@1", on, robust_accuracy=0.5)],
    )
    assert await listed(registry) == ["model:m@1"]
    origin = {"derivedFrom": [{"ref": on, "relation": "AUGMENT"}]}
    await send(registry, datasets=[data("copy", 2, **origin)])
    assert await listed(registry) == await afresh(registry) == []


async def test_data_that_turns_out_to_be_made_from_what_was_learned(registry: Registry) -> None:
    """What versions were evaluated on is found to be a sample of what they had learned from."""

    def data(name: str, number: int, **more: Any) -> dict[str, Any]:
        return {"name": name, "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{number:064x}"} | more]}

    def comes_from(ref: str) -> dict[str, Any]:
        return {"derivedFrom": [{"ref": ref, "relation": "SAMPLE"}]}

    on = "dataset:test@1#p"
    await send(
        registry,
        datasets=[data("web", 1), data("kept", 2), data("test", 3, **comes_from("dataset:kept@1#p"))],
        models=[version("m", 0, data="dataset:web@1#p"), version("m", 1, "model:m@0"), version("m", 2, "model:m@1")],
        evaluations=[
            evaluated("model:m@0", on, robust_accuracy=0.9),
            evaluated("model:m@1", on, robust_accuracy=0.5),
            evaluated("model:m@2", on, robust_accuracy=0.5),
        ],
    )
    assert sorted(await listed(registry)) == ["model:m@1", "model:m@2"]
    await send(registry, datasets=[data("copy", 2, **comes_from("dataset:web@1#p"))])
    assert await listed(registry) == await afresh(registry) == []


async def test_whatever_the_order_of_arrival(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_refresh, "MOST", 3)
    dice = random.Random(7)
    refs: list[str] = []
    measured: set[str] = set()
    for number in range(16):
        parents = dice.sample(refs, min(len(refs), dice.choice((1, 1, 2)))) if refs and dice.random() < 0.9 else []
        refs.append(f"model:m@{number}")
        about = dice.choice(refs)
        measured.add(about)
        value = round(dice.gauss(0.8 - 0.01 * number, 0.03), 4)
        made = version("m", number, *parents)
        await send(registry, models=[made], evaluations=[evaluated(about, robust_accuracy=value)])
        if number % 5 == 4:
            listing = (await ask(registry, "Evaluations", of=about))["edges"]
            gone = {"subjects": [listing[-1]["node"]["id"]], "reason": "Wrong."}
            await retract(registry, RetractionInput.read(gone), "ana")
        if number % 4 == 0:
            assert await listed(registry) == await afresh(registry)
    found = await listed(registry)
    assert found
    for ref in measured:
        assert ((await ask(registry, "Erosion", of=ref))["verdict"] == "ERODED") == (ref in found)


async def test_what_arrives_meanwhile_waits_until_all_standings_are_of_one_moment(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_refresh, "MOST", 1)
    await chain(registry, "a", 0.8, 0.6)
    assert not await registry_refresh.advance(registry)
    then = registry.cache(Ranking).seen
    await chain(registry, "b", 0.8, 0.5)
    assert not await registry_refresh.advance(registry)
    assert registry.cache(Ranking).upto == then
    eroded = [one.assessment.version for one in registry.cache(Ranking).ranked]
    assert [brief.ref for brief in await registry.store.briefs(eroded)] == ["model:a@1"]
    while not await registry_refresh.advance(registry):
        pass
    assert registry.cache(Ranking).upto == await registry.sequence() > then
    assert await listed(registry) == await afresh(registry) == ["model:b@1", "model:a@1"]


async def test_where_it_takes_too_long_the_last_whole_moment_answers(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await chain(registry, "a", 0.8, 0.6)
    monkeypatch.setattr(registry_report, "PATIENCE", 0)
    monkeypatch.setattr(registry_refresh, "MOST", 1)
    await registry_refresh.advance(registry)
    with pytest.raises(Unavailable, match="1 of 2 are done: ask again"):
        await ask(registry, "Erosions")
    await registry_refresh.catch_up(registry)
    then = await registry.sequence()
    await chain(registry, "b", 0.8, 0.5)
    late = await registry_report.erosions(registry, None, None, None)
    assert ([one.record.ref for one in late.items], late.upto) == (["model:a@1"], then)
    monkeypatch.undo()
    assert await listed(registry) == ["model:b@1", "model:a@1"]


async def test_each_derivation_is_a_group_with_what_carries_it_and_where_it_serves(registry: Registry) -> None:
    await chain(registry, "grave", 0.8, 0.6, 0.6, 0.6)
    await chain(registry, "slight", 0.8, 0.77)
    await chain(registry, "steady", 0.8, 0.8)
    given = {"subject": "model:grave@3", "environment": "production", "endpoint": "scoring",
             "claimed": {"by": "ana", "source": "the runbook"}}  # fmt: skip
    await deploy(registry, DeploymentInput.read(given), "ana")
    found = await ask(registry, "ErosionGroups")
    assert found["totalCount"] == 2
    grave, slight = (edge["node"] for edge in found["edges"])
    assert grave["candidates"] == []
    assert (grave["from"]["ref"], grave["to"]["ref"]) == ("model:grave@0", "model:grave@1")
    assert (grave["versionCount"], grave["findings"][0]["metric"]) == (3, "robust_accuracy")
    assert [(one["environment"], one["version"]["ref"]) for one in grave["deployments"]] == [
        ("production", "model:grave@3")
    ]
    assert (slight["versionCount"], slight["worst"]["ref"], slight["deployments"]) == (1, "model:slight@1", [])
    first = await ask(registry, "ErosionGroups", first=1)
    assert first["pageInfo"]["hasNextPage"]
    rest = await ask(registry, "ErosionGroups", first=1, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["worst"]["ref"] for edge in rest["edges"]] == ["model:slight@1"]
    assert (await ask(registry, "ErosionGroups", filter={"name": "steady"}))["totalCount"] == 0


async def test_a_group_has_the_derivations_of_which_one_did_it_where_they_are_no_one_span(registry: Registry) -> None:
    values = (0.64, 0.64, 0.627, 0.627, 0.609, 0.609)
    refs = [f"model:torn@{i}" for i, _ in enumerate(values)]
    results = [evaluated(ref, None, robust_accuracy=value) for ref, value in zip(refs, values, strict=True)]
    for one in results:
        one["metrics"][0]["n"] = 4_000
    models = [version("torn", i, *refs[i - 1 : i] if i else ()) for i, _ in enumerate(values)]
    await send(registry, models=models, evaluations=results)
    torn = (await ask(registry, "ErosionGroups"))["edges"][0]["node"]
    assert (torn["from"], torn["to"]) == (None, None)
    spans = [(one["from"]["ref"], one["to"]["ref"]) for one in torn["candidates"]]
    assert spans == [("model:torn@1", "model:torn@2"), ("model:torn@3", "model:torn@4")]


async def test_each_loss_is_in_the_group_of_what_brought_it_in(registry: Registry) -> None:
    """Each finding of each version once, whichever of its losses is the gravest."""
    dice = random.Random(7)
    for name in ("a", "b", "c", "d"):
        falls = [{metric: dice.choice((0, 0, 0, 0.03, 0.08)) for metric in LOST} for _ in range(6)]
        values = [{metric: 0.8 - sum(fall[metric] for fall in falls[:i]) for metric in LOST} for i in range(6)]
        refs = [f"model:{name}@{i}" for i in range(6)]
        models = [version(name, i, *refs[i - 1 : i] if i else ()) for i in range(6)]
        results = [evaluated(ref, None, **value) for ref, value in zip(refs, values, strict=True)]
        await send(registry, models=models, evaluations=results)
    listed = (await registry_report.erosions(registry, None, None, None)).items
    groups = (await registry_report.erosion_groups(registry, None, None, None)).items
    expected = {(one.record.sequence, found.spans[:1]) for one in listed for found in one.findings if found.spans}
    assert len({spans for _, spans in expected}) > len({version for version, _ in expected}) / 2 > 4
    assert {(one, group.findings[0].spans[:1]) for group in groups for one in group.versions} == expected
    assert all(found.spans[:1] == group.findings[0].spans[:1] for group in groups for found in group.findings)
    assert len({group.findings[0].spans[:1] for group in groups}) == len(groups)
    second = await registry_report.erosion_groups(registry, None, None, groups[0].cursor)
    assert [one.cursor for one in second.items] == [one.cursor for one in groups[1:]]


async def test_a_list_of_versions_says_what_lasts(registry: Registry) -> None:
    await chain(registry, "grave", 0.8, 0.6, 0.6)
    text = "query { erosions(filter: {kinds: [LASTING_EROSION]}) { edges { node { ref } findings { kind p e } } } }"
    edges = (await ask(registry, text))["edges"]
    assert {edge["node"]["ref"] for edge in edges} == {"model:grave@1", "model:grave@2"}
    assert all(one["p"] is None and one["e"] >= 20 for edge in edges for one in edge["findings"])
    text = 'query { erosion(of: "model:grave@2") { findings { kind lasting { start latest } } } }'
    since = {one["kind"]: one["lasting"] for one in (await ask(registry, text))["findings"]}
    assert since["LASTING_EROSION"] == {"start": "model:grave@1", "latest": "model:grave@2"}
    assert [kind for kind, lasting in since.items() if lasting is not None] == ["LASTING_EROSION"]
