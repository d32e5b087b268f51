"""All that is wrong with a manifest is told at once, in its order, whatever kind of wrong it is."""

from typing import Any

import pytest

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Code, Invalid
from descentd.graph.registration.register import with_all_problems
from descentd.queries.registry import Registry
from tests.support.registries import send

pytestmark = pytest.mark.anyio

SUITE = {"name": "s", "version": "1"}
METRIC = {"category": "BIAS", "direction": "TARGET"}


def model(version: str, **more: Any) -> dict[str, Any]:
    return {"name": "m", "version": version, "config": {"v": version}} | more


async def problems(registry: Registry, manifest: dict[str, Any]) -> list[tuple[Code, str | None]]:
    with pytest.raises(Invalid) as caught:
        ManifestInput.read(manifest)
    found = await with_all_problems(registry.store, caught.value)
    assert found.code == found.problems[0].code
    return [(problem.code, problem.field) for problem in found.problems]


async def test_of_every_kind_in_the_order_of_the_manifest(registry: Registry) -> None:
    await send(registry, models=[model("1")])
    before = await registry.sequence()
    found = await problems(
        registry,
        {
            "colour": "red",
            "notes": [{"subject": "model:m@7", "author": "ann", "text": "t"}, {"subject": "model:m@1"}],
            "evaluations": [
                {
                    "subject": "model:m@7",
                    "data": "dataset:d@1",
                    "suite": SUITE,
                    "metrics": [{"name": "acuracy", "value": 0.5}, {"name": "accuracy", "value": 0.5, "n": -1}],
                }
            ],
            "models": [model("a@b"), model("1", config={"v": 2}), model("3", parents=[{"ref": "model:x@1"}])],
            "metrics": [METRIC | {"name": "near", "optimum": "half"}, METRIC | {"name": "far"}],
        },
    )
    assert found == [
        (Code.INVALID_INPUT, "metrics[0].optimum"),
        (Code.INVALID_INPUT, "metrics[1].optimum"),
        (Code.INVALID_INPUT, "models[0].version"),
        (Code.VERSION_CONFLICT, "models[1]"),
        (Code.INVALID_INPUT, "models[2].parents[0].relation"),
        (Code.UNKNOWN_REFERENCE, "evaluations[0].data"),
        (Code.UNKNOWN_METRIC, "evaluations[0].metrics[0].name"),
        (Code.INVALID_INPUT, "evaluations[0].metrics[1].n"),
        (Code.UNKNOWN_REFERENCE, "evaluations[0].subject"),
        (Code.UNKNOWN_REFERENCE, "notes[0].subject"),
        (Code.INVALID_INPUT, "notes[1].author"),
        (Code.INVALID_INPUT, "notes[1].text"),
        (Code.INVALID_INPUT, "colour"),
    ]
    assert await registry.sequence() == before


async def test_what_rests_on_something_wrong_is_not_wrong_too(registry: Registry) -> None:
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": "none"}]}
    parents = [{"ref": "model:m@1", "relation": "MERGE"}]
    taught = model("3", trainedOn=[{"ref": "dataset:d@1#p", "role": "TRAIN"}, {"ref": "dataset:d@1", "role": "TRAIN"}])
    results = [{"name": "near", "value": 0.5}]
    found = await problems(
        registry,
        {
            "metrics": [METRIC | {"name": "near", "optimum": "half"}],
            "datasets": [data],
            "models": [
                model("1", createdAt="yesterday"),
                {"name": "other", "version": "2", "parents": parents},
                taught,
            ],
            "evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": results}],
        },
    )
    assert [field for _, field in found] == [
        "metrics[0].optimum",
        "datasets[0].partitions[0].digest",
        "models[0].createdAt",
    ]


@pytest.mark.parametrize("store_kind", ["memory"])
@pytest.mark.parametrize("manifest", [None, [], "text", {"models": 1}, {"models": [None, 1, []]}, {"models": {"a": 1}}])
async def test_what_is_no_manifest_at_all(registry: Registry, manifest: Any) -> None:
    assert await problems(registry, manifest)
    assert await registry.sequence() == 0


@pytest.mark.parametrize("store_kind", ["memory"])
async def test_a_hundred_at_most(registry: Registry) -> None:
    notes = [{"subject": f"model:m@{n}", "author": "ann", "text": "t"} for n in range(150)]
    found = await problems(registry, {"notes": [*notes, {"subject": 1}]})
    assert len(found) == 100
    assert found[99] == (Code.UNKNOWN_REFERENCE, "notes[99].subject")
