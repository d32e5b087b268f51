"""References within a manifest and to what is registered: unknown ones, ones of another kind, and cycles."""

import pytest

from descentd.graph.model.errors import Code
from descentd.graph.store.base import Store
from tests.graph.manifests import PROFILE, dataset, evaluation, model, parents, partition, problem, problems, profile
from tests.graph.samples import Json, digest, registry, send

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("manifest", "field"),
    [
        (model("1", parents=parents("model:nobody@1")), "models[0].parents[0].ref"),
        (model("1", parents=parents(digest(5))), "models[0].parents[0].ref"),
        (model("1", trainedOn=[{"ref": "dataset:loans@9", "role": "TRAIN"}]), "models[0].trainedOn[0].ref"),
        (dataset(derivedFrom=parents("dataset:nothing@1")), "datasets[0].derivedFrom[0].ref"),
        (dataset(generatedBy=["model:nobody@1"]), "datasets[0].generatedBy[0]"),
        (dataset(partition(generatedBy=["model:nobody@1"])), "datasets[0].partitions[0].generatedBy[0]"),
        (dataset(partition(derivedFrom=parents("dataset:a@1#p"))), "datasets[0].partitions[0].derivedFrom[0].ref"),
        (evaluation(), "evaluations[0].subject"),
        (profile(PROFILE), "safetyProfiles[0].subject"),
        ({"notes": [{"subject": "model:nobody@1", "author": "a", "text": "t"}]}, "notes[0].subject"),
        (
            {"vulnerabilities": [{"subject": "model:nobody@1", "title": "t", "severity": "LOW"}]},
            "vulnerabilities[0].subject",
        ),
        (
            {
                "populations": [
                    {
                        "subject": "dataset:a@1#p",
                        "populationDocumented": "NONE",
                        "population": [],
                        "reason": "It was lost.",
                    }
                ]
            },
            "populations[0].subject",
        ),
    ],
)
async def test_an_unknown_reference_is_named(memory: Store, manifest: Json, field: str) -> None:
    code, where, message = await problem(memory, manifest)
    assert (code, where) == (Code.UNKNOWN_REFERENCE, field)
    assert "register it first" in message


async def test_a_manifest_half_of_which_is_wrong_is_refused_whole(each: Store) -> None:
    manifest = registry()
    manifest["notes"].append({"subject": "model:nobody@1", "author": "a", "text": "t"})
    manifest["evaluations"][0]["metrics"].append({"name": "no_such_metric", "value": 1.0})
    manifest["models"][1]["parents"].append({"ref": "dataset:loans@2024-12", "relation": "MERGE"})
    found = {(one.code, one.field) for one in await problems(each, manifest)}
    assert found == {
        (Code.UNKNOWN_REFERENCE, "notes[1].subject"),
        (Code.UNKNOWN_METRIC, "evaluations[0].metrics[2].name"),
        (Code.INVALID_INPUT, "models[1].parents[1].ref"),
    }
    assert await each.sequence() == 0
    assert len((await send(each, registry())).created) > 10


@pytest.mark.parametrize(
    "manifest",
    [
        model("1", parents=parents("model:credit@1")),
        model(parents=parents("model:credit")),
        {"models": [*model("1", parents=parents("model:credit@2"))["models"]]
         + model("2", parents=parents("model:credit@1"))["models"]},
        dataset(derivedFrom=parents("dataset:loans@1")),
        dataset(partition(), derivedFrom=parents("dataset:loans@1#p")),
        dataset(partition(derivedFrom=parents("dataset:loans@1#p"))),
        dataset(partition(derivedFrom=parents("dataset:loans@1"))),
        model("1", trainedOn=[{"ref": "dataset:loans@1", "role": "TRAIN"}]) | dataset(generatedBy=["model:credit@1"]),
    ],
)  # fmt: skip
async def test_nothing_descends_from_itself(memory: Store, manifest: Json) -> None:
    code, field, message = await problem(memory, manifest)
    assert code is Code.CYCLE
    assert field.startswith(("models[", "datasets["))
    assert "would descend from itself" in message


async def test_a_label_that_is_registered_cannot_be_made_its_own_parent(each: Store) -> None:
    await send(each, model("1"))
    assert (await problem(each, model("1", parents=parents("model:credit@1"))))[0] is Code.CYCLE


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (model("1", parents=parents("dataset:loans@1")), Code.INVALID_INPUT),
        (model("1", trainedOn=[{"ref": "model:base@1", "role": "TRAIN"}]), Code.INVALID_INPUT),
        (dataset(generatedBy=["dataset:loans@1#p"], name="other"), Code.INVALID_INPUT),
        (evaluation() | {"evaluations": [evaluation()["evaluations"][0] | {"subject": "dataset:loans@1"}]}, None),
        ({"populations": [{"subject": "dataset:loans@1", "populationDocumented": "NONE", "population": [],
                           "reason": "x"}]}, Code.INVALID_INPUT),
    ],
)  # fmt: skip
async def test_a_reference_of_the_wrong_kind_is_refused(memory: Store, manifest: Json, code: Code | None) -> None:
    await send(memory, dataset(partition()) | {"models": [{"name": "base", "version": "1"}]})
    found, _, message = await problem(memory, manifest)
    assert found is (code or Code.INVALID_INPUT)
    assert "Expected a" in message
