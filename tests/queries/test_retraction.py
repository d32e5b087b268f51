"""Retractions, and what any act has in common."""

from typing import Any

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import Invalid, NotFound, VersionConflict
from descentd.graph.model.kinds import Kind
from descentd.graph.retractions import retracted_ids
from descentd.graph.verify import verify
from descentd.queries.governance.profiles import profiles
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send

pytestmark = pytest.mark.anyio

DIGEST = "sha256:" + "1" * 64
SUITE = {"name": "s", "version": "1"}
LINEAGE: dict[str, Any] = {
    "datasets": [{"name": "d", "version": "1", "partitions": [{"name": "p", "digest": DIGEST}]}],
    "models": [
        {"name": "m", "version": "1", "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]},
        {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
    ],
    "evaluations": [
        {
            "subject": "model:m@2",
            "suite": {"name": "s", "version": "1"},
            "metrics": [{"name": "accuracy", "value": 0.5}],
        }
    ],
}


def retraction(*subjects: str, **more: str) -> RetractionInput:
    return RetractionInput.read({"subjects": list(subjects), "reason": "Leaked.", **more})


async def test_what_rests_on_it_is_counted(registry: Registry) -> None:
    await send(registry, **LINEAGE)
    done = await retract(registry, retraction("dataset:d@1#p"), "rita")
    assert done.affected == {Kind.DATASET: 1, Kind.MODEL_VERSION: 2, Kind.EVALUATION: 1}
    record = (await registry.store.entries([done.upto]))[0].record
    assert record.content["by"] == "rita"
    assert record.content["reason"] == "Leaked."
    brief = await registry.find("dataset:d@1#p", done.upto)
    assert await retracted_ids(registry.store, [brief.id, "sha256:" + "0" * 64], done.upto) == {brief.id}
    assert await retracted_ids(registry.store, [brief.id], done.upto - 1) == frozenset()
    assert (await verify(registry.store)).problem is None


async def test_a_repeat_is_one_act_only_with_its_key(registry: Registry) -> None:
    await send(registry, **LINEAGE)
    one = await retract(registry, retraction("model:m@1", idempotencyKey="k"), "rita")
    again = await retract(registry, retraction("model:m@1", idempotencyKey="k"), "rita")
    other = await retract(registry, retraction("model:m@1", idempotencyKey="k"), "ben")
    without = await retract(registry, retraction("model:m@1"), "rita")
    assert one.id == again.id
    assert len({one.id, other.id, without.id}) == 3
    with pytest.raises(VersionConflict, match="with other subjects"):
        await retract(registry, retraction("model:m@2", idempotencyKey="k"), "rita")


async def test_an_unknown_subject_changes_nothing(registry: Registry) -> None:
    await send(registry, **LINEAGE)
    before = await registry.sequence()
    with pytest.raises(NotFound, match="model:m@9") as caught:
        await retract(registry, retraction("model:m@1", "model:m@9"), "rita")
    assert caught.value.field == "subjects[1]"
    assert await registry.sequence() == before


def test_wrong_input_names_its_field() -> None:
    with pytest.raises(Invalid) as caught:
        RetractionInput.read({"subjects": [], "reason": " ", "because": "x"})
    assert [problem.field for problem in caught.value.problems] == ["subjects", "reason", "because"]


async def test_a_profile_that_was_retracted_can_be_said_again(registry: Registry) -> None:
    """Word for word: none is in force, so it is not what is said already."""
    profile = {"intendedUse": "Rank.", "mustNotDo": ["Decide."]}
    await send(registry, models=[{"name": "p", "version": "1", "safetyProfile": profile}])
    [version] = [await registry.find("model:p@1", await registry.sequence())]

    async def in_force() -> str | None:
        found = (await profiles(registry.store, [version.sequence], await registry.sequence()))[version.sequence]
        return found.current.record.id if found.current else None

    first = await in_force()
    assert first is not None
    statement = {"subject": "model:p@1", "profile": profile}
    assert not (await send(registry, safetyProfiles=[statement])).created
    await retract(registry, retraction(first), "rita")
    assert await in_force() is None
    assert not (await send(registry, models=[{"name": "p", "version": "1", "safetyProfile": profile}])).created
    assert await in_force() is None
    assert len((await send(registry, safetyProfiles=[statement])).created) == 1
    assert await in_force() not in (None, first)
    assert not (await send(registry, safetyProfiles=[statement])).created
