"""Flags by lineage: what they reach, how they are cleared, and what a verdict makes of them."""

import contextlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from descentd.graph.inputs.acts import DeploymentInput, FlagAction, FlagInput, RetractionInput
from descentd.graph.model.errors import Forbidden, Invalid, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.store.memory import MemoryStore
from descentd.graph.verify import verify
from descentd.queries.governance.flags import flag, flags_reaching, gravest, versions_reached
from descentd.queries.governance.verdicts import VerdictStatus, in_status, verdict
from descentd.queries.production.record_deployment import deploy
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import opened, send

pytestmark = pytest.mark.anyio

ALL = frozenset(FlagAction)


def version(number: str, *parents: str, **more: Any) -> dict[str, Any]:
    derived = [{"ref": f"model:m@{parent}", "relation": "FINE_TUNE"} for parent in parents]
    return {"name": "m", "version": number, "parents": derived, **more}


async def lineage(registry: Registry) -> None:
    """1 → 2 → 4 and 1 → 3 → 4 → 5, all from one partition."""
    digest = "sha256:" + "1" * 64
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": [{"name": "p", "digest": digest}]}],
        models=[
            version("1", trainedOn=[{"ref": "dataset:d@1#p", "role": "TRAIN"}]),
            version("2", "1"),
            version("3", "1"),
            version("4", "2", "3"),
            version("5", "4"),
        ],
    )


async def flagged(registry: Registry, upto: int | None = None) -> str:
    """The numbers of the versions that some flag reaches, by the list and one by one."""
    at = await registry.sequence() if upto is None else upto
    listed = await registry.store.briefs((await versions_reached(registry, at, ALL)).tolist())
    found = sorted(brief.ref.rpartition("@")[2] for brief in listed)
    single = []
    for number in "12345":
        brief = await registry.find(f"model:m@{number}", at)
        if await flags_reaching(registry, brief.sequence, at):
            single.append(number)
    assert found == single
    return "".join(found)


def given(action: str, *subjects: str, **more: Any) -> FlagInput:
    refs = [subject if ":" in subject else f"model:m@{subject}" for subject in subjects]
    return FlagInput.read({"action": action, "subjects": refs, "reason": "Because.", **more})


async def test_a_flag_reaches_what_descends_also_what_comes_later(registry: Registry) -> None:
    await lineage(registry)
    done = await flag(registry, given("QUARANTINE", "2", propagate=True), "rita")
    assert done.affected == {Kind.MODEL_VERSION: 2}
    assert await flagged(registry) == "245"
    before = await registry.sequence()
    await send(registry, models=[version("6", "5")])
    at = await registry.sequence()
    assert await flags_reaching(registry, (await registry.find("model:m@6", at)).sequence, at)
    assert await flagged(registry, before - 1) == ""
    assert (await verify(registry.store)).problem is None


async def test_a_flag_that_does_not_propagate_stays_on_its_subjects(registry: Registry) -> None:
    await lineage(registry)
    done = await flag(registry, given("REVIEW", "2"), "rita")
    assert done.affected == {}
    assert await flagged(registry) == "2"


async def test_bad_data_flags_all_that_learned_from_it(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("DECOMMISSION", "dataset:d@1", propagate=True), "rita")
    assert await flagged(registry) == "12345"


async def test_a_clear_on_the_subject_ends_it(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("QUARANTINE", "1", "3", propagate=True), "rita")
    await flag(registry, given("CLEAR", "1"), "rita")
    assert await flagged(registry) == "345"
    await flag(registry, given("CLEAR", "3"), "rita")
    assert await flagged(registry) == ""
    await flag(registry, given("QUARANTINE", "1", propagate=True), "rita")
    assert await flagged(registry) == "12345"


async def test_a_clear_on_a_descendant_exempts_what_lies_only_below_it(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("QUARANTINE", "1", propagate=True), "rita")
    await flag(registry, given("CLEAR", "2"), "rita")
    assert await flagged(registry) == "1345"
    await flag(registry, given("CLEAR", "4"), "rita")
    assert await flagged(registry) == "13"


async def test_a_clear_that_clears_nothing_is_refused(registry: Registry) -> None:
    await lineage(registry)
    one = await flag(registry, given("QUARANTINE", "2", propagate=True), "rita")
    before = await registry.sequence()
    with pytest.raises(InvalidInput, match="nothing to clear"):
        await flag(registry, given("CLEAR", "3"), "rita")
    with pytest.raises(InvalidInput, match="not a flag that reaches"):
        await flag(registry, given("CLEAR", "3", clears=[one.record.id]), "rita")
    with pytest.raises(NotFound):
        await flag(registry, given("CLEAR", "2", clears=["sha256:" + "0" * 64]), "rita")
    with pytest.raises(NotFound, match="model:m@9"):
        await flag(registry, given("REVIEW", "2", "9"), "rita")
    assert await registry.sequence() == before


async def test_a_repeat_with_its_key_is_one_flag_even_when_it_cleared(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("QUARANTINE", "2", propagate=True), "rita")
    one = await flag(registry, given("CLEAR", "2", idempotencyKey="k"), "rita")
    again = await flag(registry, given("CLEAR", "2", idempotencyKey="k"), "rita")
    assert one.record.id == again.record.id


async def test_the_verdict_and_the_lists_by_status_agree(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("REVIEW", "2", propagate=True), "rita")
    at = await registry.sequence()
    for status in VerdictStatus:
        listed = set((await in_status(registry, frozenset({status}), at)).tolist())
        for sequence in (await registry.walk.everything(at, Kind.MODEL_VERSION)).tolist():
            found = await verdict(registry, sequence, at)
            assert (found.status is status) == (sequence in listed)
            assert found.reasons


async def test_of_several_flags_on_a_version_the_gravest_counts(registry: Registry) -> None:
    await lineage(registry)
    await flag(registry, given("REVIEW", "1", propagate=True), "rita")
    await flag(registry, given("QUARANTINE", "2", propagate=True), "rita")
    await flag(registry, given("DECOMMISSION", "4"), "rita")
    await flag(registry, given("CLEAR", "3"), "rita")
    at = await registry.sequence()
    briefs = {number: await registry.find(f"model:m@{number}", at) for number in "12345"}
    by_one: dict[str, FlagAction] = {}
    for number, brief in briefs.items():
        if reaching := await flags_reaching(registry, brief.sequence, at):
            by_one[number] = max((one.action for one in reaching), key=list(FlagAction).index)
    assert by_one == {
        "1": FlagAction.REVIEW,
        "2": FlagAction.QUARANTINE,
        "4": FlagAction.DECOMMISSION,
        "5": FlagAction.QUARANTINE,
    }
    found = await gravest(registry, briefs.values(), at)
    assert found == {briefs[number].sequence: action for number, action in by_one.items()}
    assert await gravest(registry, [briefs["4"]], at) == {briefs["4"].sequence: FlagAction.DECOMMISSION}
    assert await gravest(registry, [], at) == {}


def partition(name: str, digest: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "digest": "sha256:" + f"{digest:064x}", **more}


SUBJECTS = ("dataset:d@1", "dataset:d@1#p", "dataset:e@1", "dataset:e@1#same", *(f"model:m@{one}" for one in "1234"))
FLAGS = st.lists(
    st.tuples(
        st.sampled_from([*FlagAction]),
        st.sets(st.sampled_from(SUBJECTS), min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=6,
)


@hypothesis.given(flags=FLAGS)
async def test_the_gravest_flag_on_each_record_is_that_of_the_flags_that_reach_it(
    flags: list[tuple[FlagAction, set[str], bool]],
) -> None:
    """Of records of any kind: data and its parts, with a twin, versions, settings, and what serves."""
    async with opened(MemoryStore()) as registry:
        await send(
            registry,
            datasets=[
                {"name": "d", "version": "1", "partitions": [partition("p", 1), partition("q", 2)]},
                {
                    "name": "e",
                    "version": "1",
                    "partitions": [partition("same", 1), partition("own", 3)],
                    "derivedFrom": [{"ref": "dataset:d@1", "relation": "FILTER"}],
                },
            ],
            models=[
                version("1", trainedOn=[{"ref": "dataset:d@1#p", "role": "TRAIN"}], config={"a": 1}),
                version("2", "1", trainedOn=[{"ref": "dataset:e@1", "role": "TRAIN"}]),
                version("3", "1", config={"a": 1}),
                version("4", "2", "3"),
            ],
        )
        claimed = {"by": "otto", "source": "the old list"}
        place = {"environment": "shadow", "endpoint": "scoring", "since": "2024-01-01T00:00:00Z"}
        await deploy(registry, DeploymentInput.read({"subject": "model:m@4", **place, "claimed": claimed}), "ana")
        for action, subjects, propagates in flags:
            with contextlib.suppress(InvalidInput):  # there may be nothing to clear
                more = {"propagate": True} if propagates and action is not FlagAction.CLEAR else {}
                await flag(registry, given(action, *sorted(subjects), **more), "rita")
        at = await registry.sequence()
        briefs = await registry.store.briefs(range(1, at + 1))
        assert {Kind.PARTITION, Kind.DATASET, Kind.CONFIG, Kind.DEPLOYMENT} < {brief.kind for brief in briefs}
        reaching = {brief.sequence: await flags_reaching(registry, brief.sequence, at) for brief in briefs}
        order = list(FlagAction).index
        assert await gravest(registry, briefs, at) == {
            record: max((one.action for one in found), key=order) for record, found in reaching.items() if found
        }


async def test_a_flag_on_data_that_reaches_what_comes_from_it_reaches_the_same_data_elsewhere(
    registry: Registry,
) -> None:
    await send(
        registry,
        datasets=[
            {"name": "d", "version": "1", "partitions": [partition("p", 1)]},
            {"name": "e", "version": "1", "partitions": [partition("same", 1), partition("own", 2)]},
        ],
    )

    async def reached() -> set[str]:
        at = await registry.sequence()
        briefs = await registry.find_all(["dataset:e@1#same", "dataset:e@1#own"], at, "of")
        assert (await gravest(registry, briefs, at)).keys() == {
            brief.sequence for brief in briefs if await flags_reaching(registry, brief.sequence, at)
        }
        return {brief.ref for brief in briefs if await flags_reaching(registry, brief.sequence, at)}

    await flag(registry, given(FlagAction.QUARANTINE, "dataset:d@1#p"), "rita")
    assert await reached() == set()
    await flag(registry, given(FlagAction.QUARANTINE, "dataset:d@1#p", propagate=True), "rita")
    assert await reached() == {"dataset:e@1#same"}
    await flag(registry, given(FlagAction.CLEAR, "dataset:e@1#same"), "rita")
    assert await reached() == set()


def test_flags_that_cannot_be_meant() -> None:
    for wrong in ({"propagate": True}, {"clears": ["sha256:" + "0" * 64], "action": "REVIEW"}, {"action": "DELETE"}):
        with pytest.raises(Invalid):
            FlagInput.read({"action": "CLEAR", "subjects": ["model:m@1"], "reason": "x", **wrong})


async def test_whoever_registered_a_version_does_not_clear_flags_that_reach_it(registry: Registry) -> None:
    await send(registry, "ana", models=[version("1"), version("2", "1")])
    await send(registry, "Eve", models=[version("3", "2")])
    raised = {"subjects": ["model:m@2"], "action": "QUARANTINE", "reason": "Leaks."}
    await flag(registry, FlagInput.read(raised), "rita")
    clear = {"subjects": ["model:m@2"], "action": "CLEAR", "reason": "Fine."}
    await flag(registry, FlagInput.read(clear), "eve")  # it does not reach what she registered
    below = (await flag(registry, FlagInput.read(raised | {"propagate": True}), "rita")).record.id
    for subjects in (["model:m@2"], ["model:m@3"]):
        with pytest.raises(Forbidden, match="eve registered model:m@3") as caught:
            await flag(registry, FlagInput.read(clear | {"subjects": subjects}), "eve")
        assert caught.value.field == "subjects"
    gone = RetractionInput.read({"subjects": [below], "reason": "No."})
    with pytest.raises(Forbidden, match="model:m@3, which eve registered"):
        await retract(registry, gone, "eve")
    await retract(registry, gone, "ben")
