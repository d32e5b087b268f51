"""Registering many manifests at once, against registering them one after the other."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid
from descentd.graph.registration.bulk import Counts, register_each
from descentd.graph.registration.manifest_index import items, names_in
from descentd.graph.registration.register import register
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from tests.support.effort import some_of

DIGEST = "sha256:" + "0" * 64
names = st.sampled_from("aab")
versions = st.sampled_from(["1", "1", "2"])
models = st.builds("model:{}@{}".format, names, versions)
datasets = st.builds("dataset:{}@{}".format, names, versions)
data = datasets | st.builds("{}#p".format, datasets)
profiles = st.fixed_dictionaries({"intendedUse": st.sampled_from(["this", "that"]), "mustNotDo": st.just(["harm"])})

model = st.fixed_dictionaries(
    {"name": names},
    optional={
        "version": versions,
        "parents": st.lists(
            st.fixed_dictionaries({"ref": models | st.just("model:a"), "relation": st.just("MERGE")}), max_size=1
        ),
        "trainedOn": st.lists(st.fixed_dictionaries({"ref": data, "role": st.just("TRAIN")}), max_size=1),
        "config": st.fixed_dictionaries({"lr": st.integers(1, 2)}),
        "artifacts": st.just([{"uri": "w", "digest": DIGEST}]),
        "safetyProfile": profiles,
    },
)
partition = st.fixed_dictionaries(
    {"name": st.just("p"), "digest": st.just(DIGEST)},
    optional={"population": st.just([{"attribute": "age", "value": "65+", "share": 0.5}])},
)
dataset = st.fixed_dictionaries(
    {"name": names, "version": versions}, optional={"partitions": st.lists(partition, max_size=1)}
)
evaluation = st.fixed_dictionaries(
    {
        "subject": models,
        "suite": st.just({"name": "s", "version": "1"}),
        "metrics": st.sampled_from([[{"name": "accuracy", "value": 0.5}], [{"name": "own", "value": 0.5}]]),
    }
)
note = st.fixed_dictionaries({"subject": models, "author": names, "text": names})
described = st.fixed_dictionaries({"subject": models, "profile": profiles})
TENSORS = [{"name": "w", "digest": "sha256:" + "1" * 64, "size": 8}]
tensors = st.fixed_dictionaries({"subject": models, "artifact": st.just(DIGEST), "tensors": st.just(TENSORS)})
metric = st.just({"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER"})
sections = {
    "models": model,
    "datasets": dataset,
    "evaluations": evaluation,
    "notes": note,
    "safetyProfiles": described,
    "metrics": metric,
    "tensorDigests": tensors,
}
# Few to a manifest, or else one of them is always wrong and nothing can be joined.
one = st.one_of([st.fixed_dictionaries({name: st.lists(i, min_size=1, max_size=1)}) for name, i in sections.items()])
some = st.fixed_dictionaries({}, optional={name: st.lists(item, max_size=2) for name, item in sections.items()})
manifests = st.one_of(one, one, one, some)


PROFILE = {"intendedUse": "this", "mustNotDo": ["harm"]}
A_PROFILE = {"safetyProfiles": [{"subject": "model:a@1", "profile": PROFILE}]}
SUITE = {"name": "s", "version": "1"}
ACCURACY = {"name": "accuracy", "value": 0.5}
AN_EVALUATION = {"evaluations": [{"subject": "model:a@1", "suite": SUITE, "metrics": [ACCURACY]}]}


def a_model(name: str, **more: Any) -> dict[str, Any]:
    return {"models": [{"name": name, "version": "1", **more}]}


ARTIFACTS = [{"uri": "w", "digest": DIGEST}]
SIGNED = {"files": [{"name": "w", "digest": DIGEST}], "key": DIGEST, "bundle": DIGEST}
STATED = {"artifact": DIGEST, "tensors": TENSORS}


def with_statements(name: str) -> dict[str, Any]:
    """A version with statements about its artifact, in the sections that come beside it."""
    about = {"subject": f"model:{name}@1"}
    return a_model(name, artifacts=ARTIFACTS) | {"tensorDigests": [about | STATED], "signatures": [about | SIGNED]}


def shown(outcome: object) -> object:
    if isinstance(outcome, Counts):
        return outcome.created, outcome.existing
    if isinstance(outcome, Invalid):
        return [(problem.code, problem.message, problem.field) for problem in outcome.problems]
    if isinstance(outcome, DescentError):
        return [(outcome.code, outcome.message, outcome.field)]
    return outcome


async def one_after_the_other(given: list[ManifestInput]) -> tuple[list[object], set[str]]:
    store = MemoryStore()
    committer = Committer(store)
    outcomes: list[object] = []
    for manifest in given:
        try:
            done = await register(committer, manifest, "p")
            outcomes.append((len(done.created), len(done.records) - len(done.created)))
        except DescentError as error:
            outcomes.append(shown(error))
    return outcomes, await ids(store)


async def ids(store: MemoryStore) -> set[str]:
    return {brief.id for brief in await store.briefs(range(1, await store.sequence() + 1))}


@pytest.mark.anyio
@given(given=st.lists(manifests, max_size=6))
@example(given=[a_model("b", parents=[{"ref": "model:a", "relation": "MERGE"}]), a_model("a")])
@example(given=[{"models": [{"name": "a", "config": {"lr": 1}}]}, a_model("a")])
@example(given=[a_model("a", safetyProfile=PROFILE), AN_EVALUATION, A_PROFILE])
@example(given=[with_statements("a"), with_statements("b"), with_statements("b")])
@settings(max_examples=some_of(500))
async def test_the_same_is_recorded_and_told(given: list[dict[str, Any]]) -> None:
    read = [ManifestInput.read(manifest) for manifest in given]
    store = MemoryStore()
    outcomes = await register_each(Committer(store), read, "p")
    expected, expected_ids = await one_after_the_other(read)
    assert [shown(outcome) for outcome in outcomes] == expected
    assert await ids(store) == expected_ids


origins = {
    "derivedFrom": st.lists(st.fixed_dictionaries({"ref": data, "relation": st.just("FILTER")}), max_size=1),
    "generatedBy": st.lists(models, max_size=2, unique=True),
}
parts = st.fixed_dictionaries(
    {"name": st.sampled_from("pq"), "digest": st.just("sha256:" + "0" * 64)}, optional=origins
)
derived = st.fixed_dictionaries(
    {"name": names, "version": versions},
    optional={"partitions": st.lists(parts, max_size=2, unique_by=lambda part: part["name"]), **origins},
)


@given(
    given=st.fixed_dictionaries(
        {}, optional={"models": st.lists(model, max_size=3), "datasets": st.lists(derived, max_size=3)}
    )
)
def test_names_are_those_of_the_items(given: dict[str, Any]) -> None:
    manifest = ManifestInput.read(given)
    defined, referred = names_in(manifest)
    expected = list(items(manifest))
    assert defined == [item.name for item in expected]
    assert set(referred) == {ref for item in expected for _, ref in item.refs}


@pytest.mark.anyio
async def test_manifests_that_do_not_meet_share_a_transaction() -> None:
    store = MemoryStore()
    read = [ManifestInput.read({"models": [{"name": "m", "version": str(i)}]}) for i in range(1500)]
    assert await register_each(Committer(store), read, "p") == [Counts(1, 0)] * 1500
    entries = await store.entries(range(1, 1501))
    assert {entry.transaction for entry in entries} == {1, 1001}
