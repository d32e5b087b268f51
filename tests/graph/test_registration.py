"""The rules of registering, one by one: identity, labels, builds, next versions."""

import copy

import pytest

from descentd.graph.model.errors import Code, Invalid
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.store.base import Store
from descentd.graph.verify import verify
from tests.graph.manifests import dataset, evaluation, labels, model, parents, partition, problem, problems
from tests.graph.samples import Json, contents, digest, registry, send

pytestmark = pytest.mark.anyio


async def test_the_same_adds_nothing_however_it_is_written(each: Store) -> None:
    first = await send(each, registry(), "ann")
    assert len(first.created) == len(first.records) == await each.sequence()
    turned: Json = dict(reversed(registry().items()))
    turned["models"].reverse()
    turned["models"][0]["description"] = None
    turned["datasets"][0]["derivedFrom"] = []
    turned["models"][1]["createdAt"] = "2025-01-15T11:00:00.000+01:00"
    turned["models"][1]["config"] = {"depth": 6, "learning_rate": 0.1}
    second = await send(each, turned, "bob")
    assert not second.created
    assert {record.id for record in second.records} == {record.id for record in first.records}
    assert {entry.recorded_by for entry in await each.entries(range(1, await each.sequence() + 1))} == {"ann"}
    assert (await verify(each)).problem is None


async def test_partitions_keep_their_order(each: Store) -> None:
    names = ["c", "a", "d", "b"]
    done = await send(each, dataset(*(partition(name, ord(name)) for name in names)))
    [whole] = [record for record in done.records if record.kind is Kind.DATASET]
    parts = [record for record in done.records if record.kind is Kind.PARTITION]
    assert [record.content["name"] for record in parts] == names
    assert whole.content["partitions"] == [record.id for record in parts]
    code, field, message = await problem(each, dataset(*(partition(name, ord(name)) for name in sorted(names))))
    assert (code, field) == (Code.VERSION_CONFLICT, "datasets[0]")
    assert "partitions: c, a, d, b → a, b, c, d" in message


async def test_every_problem_of_a_record_is_named(each: Store) -> None:
    wrong = model(
        "1",
        parents=[{"ref": ref, "relation": "MERGE"} for ref in ("model:no@1", "model:no@2")],
        trainedOn=[{"ref": "dataset:no@3", "role": "TRAIN"}],
    )
    with pytest.raises(Invalid) as caught:
        await send(each, wrong)
    assert [problem.field for problem in caught.value.problems] == [
        "models[0].parents[0].ref",
        "models[0].parents[1].ref",
        "models[0].trainedOn[0].ref",
    ]


async def test_data_given_twice_by_two_of_its_names_is_refused(each: Store) -> None:
    done = await send(each, dataset(partition()))
    [part] = [record for record in done.records if record.kind is Kind.PARTITION]
    twice = [{"ref": ref, "role": "TRAIN"} for ref in (part.id, "dataset:loans@1#p")]
    code, field, _ = await problem(each, model("1", trainedOn=twice))
    assert (code, field) == (Code.INVALID_INPUT, "models[0].trainedOn[1]")


async def test_large_floats_are_floats_and_verify_takes_them(each: Store) -> None:
    config = {"max_tokens": 1e16, "least": -1e18, "edge": float(2**53), "more": 1e21, "whole": 2**53 - 1}
    done = await send(each, model("1", config=config))
    assert (await verify(each)).problem is None
    [kept] = [entry.record.content for entry in await each.entries([1, 2]) if entry.record.kind is Kind.CONFIG]
    assert kept["parameters"] == config
    assert {name: type(value) for name, value in kept["parameters"].items()} == {
        name: type(value) for name, value in config.items()
    }
    assert not (await send(each, model("1", config=kept["parameters"]))).created
    assert done.created


async def test_moments_that_no_calendar_holds_are_refused(each: Store) -> None:
    for given in ("9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"):
        with pytest.raises(Invalid) as caught:
            await send(each, model("1", createdAt=given))
        assert caught.value.problems[0].field == "models[0].createdAt"


async def test_a_next_version_that_is_too_long_is_refused(each: Store) -> None:
    await send(each, model("9" * 200))
    code, field, message = await problem(each, model(None, config={"learning_rate": 9}))
    assert (code, field) == (Code.INVALID_INPUT, "models[0]")
    assert "longer than 200" in message


async def test_every_kind_that_a_manifest_holds_is_stored(each: Store) -> None:
    await send(each, registry())
    briefs = await each.briefs(range(1, await each.sequence() + 1))
    statements = {Kind.EVALUATION, Kind.SAFETY_PROFILE, Kind.POPULATION, Kind.VULNERABILITY, Kind.NOTE}
    things = {Kind.DATASET, Kind.PARTITION, Kind.CODE, Kind.CONFIG, Kind.ENVIRONMENT, Kind.MODEL_VERSION}
    assert {brief.kind for brief in briefs} == statements | things | {Kind.METRIC_DEFINITION}


async def test_a_label_with_other_content_names_what_differs(each: Store) -> None:
    await send(each, model("4.2", artifacts=[{"uri": "s3://a", "digest": digest(1)}]))
    changed = model("4.2", config={"learning_rate": 0.08, "seed": 7}, description="Newer.")
    code, field, message = await problem(each, changed)
    assert (code, field) == (Code.VERSION_CONFLICT, "models[0]")
    for difference in ("config.learning_rate: 0.1 → 0.08", "config.seed: nothing → 7", "description: nothing → Newer."):
        assert difference in message
    assert "model:credit@4.2" in message
    assert "artifacts" in message


async def test_what_differs_in_other_records_is_named_by_ref(memory: Store) -> None:
    await send(memory, {**dataset(partition("p", 1), partition("q", 2)), "metrics": registry()["metrics"]})
    learned = [{"ref": "dataset:loans@1#p", "role": "TRAIN"}]
    await send(memory, model("1", trainedOn=learned, code={"repository": "r", "commit": "a"}))
    learned = [{"ref": "dataset:loans@1#q", "role": "TRAIN"}]
    message = (await problem(memory, model("1", trainedOn=learned, code={"repository": "r", "commit": "b"})))[2]
    assert "trainedOn[0].node: dataset:loans@1#p → dataset:loans@1#q" in message
    assert "code.commit: a → b" in message
    code, field, message = await problem(memory, dataset(partition("p", 1, rows=5), partition("q", 2)))
    assert (code, field) == (Code.VERSION_CONFLICT, "datasets[0]")
    assert "partitions.p.rows: nothing → 5" in message
    code, field, message = await problem(memory, {"metrics": [{**registry()["metrics"][0], "tolerance": 0.1}]})
    assert (code, field) == (Code.VERSION_CONFLICT, "metrics[0]")
    assert "tolerance: 0.05 → 0.1" in message


async def test_no_partition_is_added_to_a_dataset_later(memory: Store) -> None:
    await send(memory, dataset(partition("p", 1)))
    code, _, message = await problem(memory, dataset(partition("p", 1), partition("q", 2)))
    assert code is Code.VERSION_CONFLICT
    assert "partitions.q.digest" in message


async def test_one_build_has_one_label_within_a_name(each: Store) -> None:
    await send(each, model("4.1", artifacts=[{"uri": "s3://a", "digest": digest(1), "mediaType": "x"}]))
    again = model(
        "4.2",
        artifacts=[{"uri": "s3://elsewhere", "digest": digest(1)}],
        createdAt="2025-01-15T10:00:00Z",
        description="The same.",
    )
    code, field, message = await problem(each, again)
    assert (code, field) == (Code.VERSION_CONFLICT, "models[0]")
    assert "nothing changed" in message
    assert "4.1" in message
    again["models"][0]["name"] = "other"
    assert len((await send(each, again)).created) == 1


async def test_one_build_twice_in_a_manifest_is_a_conflict(memory: Store) -> None:
    found = await problem(memory, {"models": [*model("1")["models"], *model("2")["models"]]})
    assert found[:2] == (Code.VERSION_CONFLICT, "models[1]")


async def test_a_base_model_known_by_name_only_is_not_compared(memory: Store) -> None:
    for version in ("1", "2"):
        assert len((await send(memory, {"models": [{"name": "base", "version": version}]})).created) == 1
    code, field, message = await problem(memory, {"models": [{"name": "base"}]})
    assert (code, field) == (Code.INVALID_INPUT, "models[0].version")
    assert "give its version" in message


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ([], "1"),
        (["4.2"], "4.3"),
        (["4.9"], "4.10"),
        (["4.09"], "4.10"),
        (["v1-rc9b"], "v1-rc10b"),
        (["first"], "first.1"),
        (["4.3", "4.2"], "4.4"),
        (["4.2", "4.3", "4.2x"], "4.4"),
        (["4.2", "3.9"], "4.3"),
        (["4.3-rc1"], "4.3-rc2"),
        (["4.3-rc1", "4.3"], "4.4"),
        (["4.3", "4.3-rc1", "4.3.1-rc1"], "4.3.1-rc2"),
        (["final", "2", "10", "9"], "11"),
        (["2024-13"], "2024-14"),
        (["step143000", "step3000"], "step143001"),
        (["20251301"], "20251302"),
        (["99999999999999999999"], "100000000000000000000"),
        (["1.٣"], "2.٣"),
    ],
)
async def test_the_next_version_by_itself(memory: Store, registered: list[str], expected: str) -> None:
    for number, version in enumerate(registered):
        await send(memory, model(version, config={"n": number}))
    done = await send(memory, model())
    assert labels(done) == [f"model:credit@{expected}"]
    assert len(done.created) == 2
    again = await send(memory, model())
    assert not again.created
    assert labels(again) == labels(done)


@pytest.mark.parametrize(
    ("registered", "why"),
    [
        (["2024-12-31"], "is a date"),
        (["2024-12"], "is a date"),
        (["v2024.12.31"], "is a date"),
        (["20241231"], "is a date"),
        (["2024-12-31T10-00"], "is a date"),
        (["1.9", "2024-12-31", "2.0"], "is a date"),
        (["1.2.3+abc123f"], "names a build after its +"),
        (["1.2.3+5"], "names a build after its +"),
        (["5f0c1d2e3a4b"], "looks like a commit"),
    ],
)
async def test_a_date_or_a_build_is_not_counted_up(each: Store, registered: list[str], why: str) -> None:
    for number, version in enumerate(registered):
        await send(each, model(version, config={"n": number}))
    code, field, message = await problem(each, model(config={"n": 9}))
    assert (code, field) == (Code.INVALID_INPUT, "models[0].version")
    assert why in message
    assert "give the version" in message


async def test_data_alone_identifies_no_build(each: Store) -> None:
    await send(each, dataset(partition()))
    learned = {"trainedOn": [{"ref": "dataset:loans@1#p", "role": "TRAIN"}]}
    for version in ("1", "2"):  # two models of which only the data is known
        assert len((await send(each, {"models": [{"name": "base", "version": version, **learned}]})).created) == 1
    code, field, message = await problem(each, {"models": [{"name": "base", **learned}]})
    assert (code, field) == (Code.INVALID_INPUT, "models[0].version")
    assert "give its version" in message


async def test_the_next_version_on_every_store(each: Store) -> None:
    for number, expected in enumerate(("1", "2", "3")):
        assert labels(await send(each, model(config={"n": number}))) == [f"model:credit@{expected}"]
    assert labels(await send(each, model(config={"n": 1}))) == ["model:credit@2"]


async def test_without_a_label_the_version_that_exists_is_returned(memory: Store) -> None:
    await send(memory, model("4.1"))
    await send(memory, model("4.2", config={"n": 1}))
    done = await send(memory, model(description="Said otherwise."))
    assert not done.created
    assert labels(done) == ["model:credit@4.1"]


async def test_versions_without_labels_in_one_manifest_take_turns(memory: Store) -> None:
    given = [
        {"name": "credit", "config": {"n": 1}},
        {"name": "credit", "version": "2", "config": {"n": 2}},
        {"name": "credit", "config": {"n": 3}},
    ]
    done = await send(memory, {"models": given})
    assert sorted(labels(done)) == ["model:credit@1", "model:credit@2", "model:credit@3"]


async def test_a_reference_without_a_version_is_the_one_of_the_manifest(memory: Store) -> None:
    manifest = model() | {"notes": [{"subject": "model:credit", "author": "ann", "text": "Checked."}]}
    done = await send(memory, manifest)
    version = next(record for record in done.records if record.kind is Kind.MODEL_VERSION)
    assert (await contents(memory, Kind.NOTE))[0]["subject"] == version.id
    code, field, _ = await problem(memory, {"notes": [{"subject": "model:credit", "author": "ann", "text": "x"}]})
    assert (code, field) == (Code.INVALID_INPUT, "notes[0].subject")
    two = {"models": [*model("8", config={"n": 8})["models"], *model("9", config={"n": 9})["models"]]}
    two["notes"] = [{"subject": "model:credit", "author": "ann", "text": "x"}]
    assert (await problem(memory, two))[:2] == (Code.INVALID_INPUT, "notes[0].subject")


async def test_what_holds_for_a_dataset_holds_for_its_partitions(each: Store) -> None:
    await send(each, {"models": [{"name": "maker", "version": "1"}]} | dataset(partition("p", 1), name="raw"))
    made = dataset(
        partition("q", 2), generatedBy=["model:maker@1"], derivedFrom=[{"ref": "dataset:raw@1#p", "relation": "FILTER"}]
    )
    await send(each, made)
    at = (await each.resolve(["dataset:loans@1#q"]))["dataset:loans@1#q"].sequence
    links = await each.links([at], list(Role), inward=False)
    assert [link.role for link in links] == [Role.DERIVED_FROM, Role.GENERATED_BY]


async def test_the_same_partition_twice_in_a_dataset_is_refused(memory: Store) -> None:
    assert (await problem(memory, dataset(partition(), partition())))[0] is Code.INVALID_INPUT
    assert (await problem(memory, dataset(partition("p", 1), partition("p", 2))))[0] is Code.INVALID_INPUT


async def test_an_entity_twice_in_a_manifest(memory: Store) -> None:
    twice = {"models": model("1")["models"] * 2}
    assert len((await send(memory, twice)).created) == 2
    other = {"models": [*model("2", config={"n": 1})["models"], *model("2", config={"n": 2})["models"]]}
    code, field, message = await problem(memory, other)
    assert (code, field) == (Code.VERSION_CONFLICT, "models[1]")
    assert "twice with different content" in message


async def test_null_absent_and_empty_are_one_but_not_inside_a_config(memory: Store) -> None:
    await send(memory, model("1", description=None, parents=[], trainedOn=None, interventions=[]))
    assert not (await send(memory, model("1"))).created
    await send(memory, model("2", config={"a": None, "b": []}))
    assert (await problem(memory, model("2", config={"a": None})))[0] is Code.VERSION_CONFLICT


async def test_order_counts_where_it_is_said_to(memory: Store) -> None:
    await send(memory, {"models": [{"name": n, "version": "1"} for n in ("a", "b")]})
    await send(memory, model("1", parents=parents("model:a@1", "model:b@1")))
    code, _, message = await problem(memory, model("1", parents=parents("model:b@1", "model:a@1")))
    assert code is Code.VERSION_CONFLICT
    assert "parents[0].node: model:a@1 → model:b@1" in message


async def test_names_in_nfd_are_the_same_names(each: Store) -> None:
    await send(each, model("1", name="cafe\u0301"))
    assert not (await send(each, model("1", name="caf\u00e9"))).created
    assert set(await each.resolve(["model:caf\u00e9@1"])) == {"model:caf\u00e9@1"}
    child = model("1", name="child", parents=parents("model:cafe\u0301@1"))
    assert len((await send(each, child)).created) == 1


async def test_a_rate_outside_of_what_it_can_be(memory: Store) -> None:
    await send(memory, model("1"))
    code, field, _ = await problem(memory, evaluation(87.1))
    assert (code, field) == (Code.INVALID_INPUT, "evaluations[0].metrics[0].value")


async def test_records_are_never_changed_by_what_comes_later(each: Store) -> None:
    await send(each, registry())
    before = copy.copy(await each.entries(range(1, await each.sequence() + 1)))
    await send(each, {"notes": [{"subject": "model:credit-risk@4.0", "author": "ann", "text": "Later."}]})
    await problems(each, {"models": [{"name": "credit-risk", "version": "4.0"}]})
    after = await each.entries(range(1, await each.sequence() + 1))
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
