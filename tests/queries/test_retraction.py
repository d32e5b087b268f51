"""Retractions, and what any act has in common."""

from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.inputs.acts import RetractionInput, ReviewInput
from descentd.graph.model.accounts import Token
from descentd.graph.model.errors import Forbidden, Invalid, NotFound, VersionConflict
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.graph.retractions import Retractions, retracted_ids
from descentd.graph.verify import verify
from descentd.queries.governance.profiles import profiles
from descentd.queries.governance.record_review import review
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract, retracted_entities, why_not_retracted
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


async def test_what_answers_go_by_whatever_is_retracted_is_not_retracted(registry: Registry) -> None:
    defined = {"name": "own", "category": "TOXICITY", "direction": "LOWER_IS_BETTER", "tolerance": 0.01}
    documented = {"populationDocumented": "COMPLETE", "population": [{"attribute": "age_group", "value": "18-64"}]}
    await send(registry, metrics=[defined], **LINEAGE)
    await send(registry, populations=[{"subject": "dataset:d@1#p", "reason": "Counted.", **documented}])
    upto = await registry.sequence()
    for kind, advice in ((Kind.POPULATION, "anew, which supersedes it"), (Kind.METRIC_DEFINITION, "another metric")):
        [sequence] = await registry.walk.everything(upto, kind)
        [brief] = await registry.store.briefs([int(sequence)])
        with pytest.raises(Forbidden, match=f"which nobody retracts: .*{advice}"):
            await retract(registry, retraction(brief.id), "rita")
    assert await registry.sequence() == upto


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


async def test_a_retraction_may_be_retracted_and_its_subject_stands_again(registry: Registry) -> None:
    await send(registry, "ana", **LINEAGE)
    first = await retract(registry, retraction("dataset:d@1#p"), "rita")
    partition = await registry.find("dataset:d@1#p", first.upto)
    with pytest.raises(Forbidden, match="needs the role reviewer"):
        await retract(registry, retraction(first.id), "eve", own=True)
    second = await retract(registry, retraction(first.id), "rita", own=True)
    assert await retracted_ids(registry.store, [partition.id, first.id], first.upto) == {partition.id}
    assert await retracted_ids(registry.store, [partition.id, first.id], second.upto) == {first.id}
    third = await retract(registry, retraction(second.id), "ben")
    assert await retracted_ids(registry.store, [partition.id], third.upto) == {partition.id}
    assert [one.id for one in await retracted_entities(registry, third.upto)] == [first.id]
    again = await retract(registry, retraction("dataset:d@1#p"), "ben")
    assert [one.id for one in await retracted_entities(registry, again.upto)] == [first.id]
    await retract(registry, retraction(third.id), "ben")
    assert [one.id for one in await retracted_entities(registry, await registry.sequence())] == [again.id]
    assert (await verify(registry.store)).problem is None


@given(st.data())
def test_what_is_retracted_is_what_following_each_retraction_says(data: st.DataObject) -> None:
    """An oracle by the definition: a record is retracted by any retraction of it that is not retracted itself."""
    subjects: dict[int, set[int]] = {}
    for number in range(3, data.draw(st.integers(4, 12))):
        subjects[number] = data.draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=3))

    def is_retracted(record: int, at: int) -> bool:
        return any(record in of and one <= at and not is_retracted(one, at) for one, of in subjects.items())

    by_subject = {
        str(record): [Brief(one, Kind.RETRACTION, str(one), None) for one, of in subjects.items() if record in of]
        for record in range(12)
    }
    for at in range(12):
        found = Retractions(by_subject).at(at)
        assert {int(id) for id in found} == {record for record in range(12) if is_retracted(record, at)}


async def test_whoever_registered_a_version_does_not_retract_what_others_said_of_it(registry: Registry) -> None:
    """Eve, registrar and reviewer, would take the bad result away and promote alone."""
    await send(registry, "ana", **{part: LINEAGE[part] for part in ("datasets",)}, models=LINEAGE["models"][:1])
    await send(registry, "Eve", models=LINEAGE["models"][1:])
    [bad] = (await send(registry, "otto", evaluations=LINEAGE["evaluations"])).created
    jailbreak = {"subject": "model:m@1", "title": "Jailbreak", "severity": "HIGH"}
    [weak] = (await send(registry, "otto", vulnerabilities=[jailbreak])).created
    lost = await retract(registry, retraction("dataset:d@1#p"), "rita")
    gone = await retract(registry, retraction(bad), "otto", own=True)
    before = await registry.sequence()
    for id in (bad, weak, lost.id, gone.id):
        with pytest.raises(Forbidden, match="concerns model:m@2, which eve registered: ask another reviewer") as caught:
            await retract(registry, retraction(id), "eve")
        assert caught.value.field == "subjects[0]"
    assert await registry.sequence() == before
    note = {"subject": "model:m@2", "author": "eve", "text": "Mine."}
    [own] = (await send(registry, "eve", notes=[note])).created
    await retract(registry, retraction(own), "eve")
    await retract(registry, retraction(weak), "rita")
    await retract(registry, retraction("model:m@2"), "eve")


async def test_what_is_said_before_is_what_is_refused(registry: Registry) -> None:
    """Of every record to everybody, so that a form is offered to whom it is accepted from."""
    await send(registry, "ana", datasets=LINEAGE["datasets"], models=LINEAGE["models"][:1])
    await send(registry, "eve", models=LINEAGE["models"][1:])
    await send(registry, "otto", evaluations=LINEAGE["evaluations"])
    await send(registry, "otto", vulnerabilities=[{"subject": "model:m@1", "title": "Jailbreak", "severity": "HIGH"}])
    await send(registry, "eve", notes=[{"subject": "model:m@2", "author": "eve", "text": "Mine."}])
    asked = {"subject": "model:m@2", "environment": "production", "decision": "NO_GO", "reason": "No."}
    await review(registry, ReviewInput.read(asked), "rita")
    await retract(registry, retraction("dataset:d@1#p"), "rita")
    entries = await registry.store.entries(range(1, await registry.sequence() + 1))
    told: Counter[bool] = Counter()
    for person, own, entry in product(("ana", "eve", "otto", "rita"), (False, True), entries):
        why = await why_not_retracted(registry, entry, person, await registry.sequence(), own=own)
        told[why is None] += 1
        if why is None:
            await retract(registry, retraction(entry.record.id), person, own=own)
        else:
            with pytest.raises(Forbidden) as refused:
                await retract(registry, retraction(entry.record.id), person, own=own)
            assert refused.value.message.endswith(f" {why}.")
    assert min(told[True], told[False]) > len(entries)


async def test_an_admin_retracts_the_review_of_somebody_who_has_left(registry: Registry) -> None:
    await send(registry, "ana", **LINEAGE)
    asked = {"subject": "model:m@2", "environment": "production", "decision": "NO_GO", "reason": "No."}
    veto = (await review(registry, ReviewInput.read(asked), "rita")).record.id
    await registry.store.accounts.add_token(Token("t", b"h" * 32, "Rita", frozenset(), created_at=1))
    with pytest.raises(Forbidden, match="or an admin once they hold no valid token"):
        await retract(registry, retraction(veto), "ada", own=True, admin=True)
    await registry.store.accounts.revoke(["t"], 2)
    with pytest.raises(Forbidden):
        await retract(registry, retraction(veto), "ben")
    await retract(registry, retraction(veto), "ada", own=True, admin=True)
    assert await retracted_ids(registry.store, [veto], await registry.sequence()) == {veto}


async def test_nobody_revives_a_review_that_its_author_took_back(registry: Registry) -> None:
    await send(registry, "ana", **LINEAGE)
    asked = {"subject": "model:m@2", "environment": "production", "decision": "GO", "reason": "Yes."}
    go = (await review(registry, ReviewInput.read(asked), "rita")).record.id
    back = await retract(registry, retraction(go), "rita")
    with pytest.raises(Forbidden, match="retracts a decision of rita"):
        await retract(registry, retraction(back.id), "ben")
    await retract(registry, retraction(back.id), "rita")
    assert await retracted_ids(registry.store, [go], await registry.sequence()) == frozenset()


async def test_a_build_that_is_retracted_is_a_conflict_that_says_so(registry: Registry) -> None:
    wrong = {"name": "c19", "config": {"a": 2}}
    await send(registry, models=[wrong | {"version": "2"}])
    done = await retract(registry, retraction("model:c19@2"), "rita")
    with pytest.raises(Invalid, match=f"model:c19@2 is retracted: .* the retraction {done.id}"):
        await send(registry, models=[wrong | {"version": "3"}])
    await retract(registry, retraction(done.id), "rita")
    with pytest.raises(Invalid, match="refer to model:c19@2"):
        await send(registry, models=[wrong | {"version": "3"}])


async def test_what_another_retraction_says_too_is_warned_of(registry: Registry) -> None:
    await send(registry, **LINEAGE)
    first = await retract(registry, retraction("model:m@1", "dataset:d@1#p"), "rita")
    assert not first.warnings
    second = await retract(registry, retraction("model:m@1"), "remo")
    assert list(second.warnings) == [f"model:m@1 was retracted already by rita, {first.id}: Leaked."]
    undone = await retract(registry, retraction(first.id), "rita")
    assert list(undone.warnings) == [
        f"model:m@1 is still retracted by remo, {second.id}: if that was a mistake, retract it too."
    ]
    assert not (await retract(registry, retraction(second.id), "rita")).warnings
    assert await retracted_entities(registry, await registry.sequence()) == []
    again = await retract(registry, retraction(undone.id), "rita")
    assert list(again.warnings) == []
    standing = await retracted_entities(registry, await registry.sequence())
    assert sorted(one.of.ref for one in standing) == ["dataset:d@1#p", "model:m@1"]


async def test_what_is_sent_again_though_it_is_retracted_is_warned_of(registry: Registry) -> None:
    """By its number, or as the version that a build without one is."""
    build = {"name": "built", "config": {"a": 1}}
    await send(registry, **LINEAGE)
    await send(registry, models=[build | {"version": "1"}])
    done = await retract(registry, retraction("model:built@1", "dataset:d@1#p"), "rita")
    for again in ([build | {"version": "1"}], [build]):
        sent = await send(registry, models=again)
        assert not sent.created
        [warning] = sent.warnings
        assert warning.startswith("model:built@1 is registered already and is retracted: if that was a mistake")
        assert done.id in warning
    assert [one.split()[0] for one in (await send(registry, **LINEAGE)).warnings] == ["dataset:d@1#p"]
    await retract(registry, retraction(done.id), "rita")
    assert not (await send(registry, models=[build])).warnings
