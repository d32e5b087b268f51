"""The rules of registering, one by one: identity, labels, builds, statements, references."""

import copy
from typing import Any

import pytest

from descentd.graph.model.errors import Code, DescentError, Invalid
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.registration.register import Registered
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.verify import verify
from descentd.queries.registry import Registry
from tests.graph.samples import Json, contents, digest, registry, send

pytestmark = pytest.mark.anyio

Problem = tuple[Code, str | None]


@pytest.fixture
def memory() -> Store:
    return MemoryStore()


@pytest.fixture
def each(registry: Registry) -> Store:
    """An empty store of each kind in turn."""
    return registry.store


async def problems(store: Store, manifest: Json) -> list[DescentError]:
    """What a manifest is refused for; whatever it is, it must have changed nothing."""
    before = await store.head()
    with pytest.raises(DescentError) as refused:
        await send(store, manifest)
    assert await store.head() == before
    error = refused.value
    return list(error.problems) if isinstance(error, Invalid) else [error]


async def problem(store: Store, manifest: Json) -> tuple[Code, str, str]:
    """The code, field and message of the one problem of a manifest."""
    found = await problems(store, manifest)
    assert len(found) == 1, found
    return found[0].code, str(found[0].field), found[0].message


def model(version: str | None = None, name: str = "credit", **more: Any) -> Json:
    given = {"name": name, "config": {"learning_rate": 0.1}} | ({} if version is None else {"version": version}) | more
    return {"models": [given]}


def labels(done: Registered) -> list[str]:
    return [record.label for record in done.records if record.label]


def parents(*refs: str) -> list[Json]:
    return [{"ref": ref, "relation": "FINE_TUNE"} for ref in refs]


def partition(name: str = "p", number: int = 1, **more: Any) -> Json:
    return {"name": name, "digest": digest(number), **more}


def dataset(*partitions: Json, name: str = "loans", version: str = "1", **more: Any) -> Json:
    return {"datasets": [{"name": name, "version": version, "partitions": list(partitions), **more}]}


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


PROFILE = {"intendedUse": "Rank.", "mustNotDo": ["Decline."]}
OTHER_PROFILE = {"intendedUse": "Rank and explain.", "mustNotDo": ["Decline."]}


def profile(said: Json, **more: Any) -> Json:
    return {"safetyProfiles": [{"subject": "model:credit@1", "profile": said, **more}]}


def evaluation(value: float = 0.5) -> Json:
    suite = {"name": "s", "version": "1"}
    return {
        "evaluations": [
            {"subject": "model:credit@1", "suite": suite, "metrics": [{"name": "accuracy", "value": value}]}
        ]
    }


async def supersession(store: Store, kind: Kind) -> list[tuple[str, str | None]]:
    """The ids of the statements of a kind, and what each supersedes, in log order."""
    entries = await store.entries(range(1, await store.sequence() + 1))
    statements = [entry.record for entry in entries if entry.record.kind is kind]
    return [(record.id, record.content.get("supersedes")) for record in statements]


async def test_a_later_profile_supersedes(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    assert len((await send(each, profile(OTHER_PROFILE, reason="Learned."))).created) == 1
    first, second = await supersession(each, Kind.SAFETY_PROFILE)
    assert second[1] == first[0]
    at = (await each.resolve([second[0]]))[second[0]].sequence
    links = await each.links([at], [Role.SUPERSEDES, Role.DESCRIBES], inward=False)
    assert {link.role for link in links} == {Role.SUPERSEDES, Role.DESCRIBES}
    assert not (await send(each, profile(OTHER_PROFILE, reason="Learned."))).created
    assert len((await send(each, profile(OTHER_PROFILE, reason="Otherwise."))).created) == 1
    assert len((await send(each, profile(PROFILE))).created) == 1
    chain = await supersession(each, Kind.SAFETY_PROFILE)
    assert [superseded for _, superseded in chain[1:]] == [id for id, _ in chain[:-1]]


async def test_an_embedded_profile_adds_nothing_even_if_superseded(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    await send(each, profile(OTHER_PROFILE))
    assert not (await send(each, model("1", safetyProfile=PROFILE))).created
    assert not (await send(each, model("1", safetyProfile=OTHER_PROFILE))).created
    assert not (await send(each, model("1"))).created
    new = {**PROFILE, "guardrails": ["None."]}
    assert len((await send(each, model("1", safetyProfile=new))).created) == 1
    chain = await supersession(each, Kind.SAFETY_PROFILE)
    assert chain[-1][1] == chain[-2][0]


async def test_an_equal_statement_reaffirms_only_after_evidence(each: Store) -> None:
    await send(each, model("1", safetyProfile=PROFILE))
    assert not (await send(each, profile(PROFILE))).created
    await send(each, evaluation())
    assert not (await send(each, model("1", safetyProfile=PROFILE))).created
    assert len((await send(each, profile(PROFILE))).created) == 1
    assert not (await send(each, profile(PROFILE))).created
    assert len(await supersession(each, Kind.SAFETY_PROFILE)) == 2
    weakness = {"subject": "model:credit@1", "title": "Found.", "severity": "LOW"}
    await send(each, {"vulnerabilities": [weakness]})
    assert len((await send(each, profile(PROFILE))).created) == 1
    await send(each, {"notes": [{"subject": "model:credit@1", "author": "ann", "text": "No evidence."}]})
    assert not (await send(each, profile(PROFILE))).created


async def test_evidence_in_the_same_transaction_outdates_nothing(memory: Store) -> None:
    await send(memory, model("1", safetyProfile=PROFILE) | evaluation())
    assert not (await send(memory, profile(PROFILE))).created


async def test_populations_are_statements_too(each: Store) -> None:
    young = [{"attribute": "age", "value": "18-64", "share": 0.9}]
    old = [*young, {"attribute": "age", "value": "65+", "share": 0.1}]
    await send(each, dataset(partition(population=young)))
    assert [c["populationDocumented"] for c in await contents(each, Kind.POPULATION)] == ["PARTIAL"]
    said = {"subject": "dataset:loans@1#p", "populationDocumented": "COMPLETE", "population": old, "reason": "Counted."}
    assert len((await send(each, {"populations": [said]})).created) == 1
    assert not (await send(each, {"populations": [said]})).created
    assert not (await send(each, {"populations": [said | {"population": old[::-1]}]})).created
    for known in (young, old):
        documented = "COMPLETE" if known is old else "PARTIAL"
        manifest = dataset(partition(population=known, populationDocumented=documented))
        assert not (await send(each, manifest)).created
    assert not (await send(each, dataset(partition()))).created
    chain = await supersession(each, Kind.POPULATION)
    assert chain[1][1] == chain[0][0]
    assert len(chain) == 2


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
