"""References among the records of a manifest: their form, versions that are left out, partitions, and cycles."""

import pytest

from tests.client.manifests import DIGEST, models, parent, read, refused


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("credit-risk@4.0", "is not a reference"),
        ("metric:accuracy@1", "is not a reference"),
        ("sha256:abc", "is not a reference"),
        ("model:", "has a name that is empty"),
        ("model:a@", "has a version that is empty"),
        ("model:a@1@2", 'has a version that contains "@"'),
        ("model:a@1#p", "names a partition of a model"),
        ("dataset:a@1", "names a dataset, but a model is expected"),
        ("model:a/../b@1", 'path step ".."'),
    ],
)
def test_references_are_well_formed(ref: str, hint: str) -> None:
    (problem,) = refused(models(f'name: m, version: "1", parents: [{{ref: "{ref}", relation: fine_tune}}]'))
    assert hint in problem.message
    assert problem.field == "models[0].parents[0].ref"


def test_what_is_not_in_the_manifest_is_listed_not_refused() -> None:
    text = models(f"name: m, version: '2', {parent('model:m@1')}, trained_on: [{{ref: 'dataset:d@1#p', role: train}}]")
    assert read(text).outside == ("model:m@1", "dataset:d@1#p")
    note = f"notes: [{{subject: '{DIGEST}', author: a, text: t}}]"
    assert read(note).outside == (DIGEST,)


def test_a_model_without_version_is_the_one_in_the_manifest() -> None:
    text = models("name: base, version: '1'", f"name: m, version: '1', {parent('model:base')}")
    assert read(text).outside == ()
    (problem,) = refused(
        models("name: base, version: '1'", "name: base, version: '2'", f"name: m, {parent('model:base')}")
    )
    assert (problem.field, problem.code) == ("models[2].parents[0].ref", "INVALID_INPUT")
    assert "could be any of model:base@1, model:base@2" in problem.message
    (problem,) = refused(models(f"name: m, {parent('model:base')}"))
    assert problem.code == "UNKNOWN_REFERENCE"


def test_a_partition_that_its_dataset_does_not_list() -> None:
    dataset = f"datasets: [{{name: d, version: '1', partitions: [{{name: train, digest: {DIGEST}}}]}}]\n"
    (problem,) = refused(dataset + models("name: m, trained_on: [{ref: 'dataset:d@1#trian', role: train}]"))
    assert problem.code == "UNKNOWN_REFERENCE"
    assert "did you mean train?" in problem.message


def test_one_label_has_one_content() -> None:
    (problem,) = refused(models("name: m, version: '1', config: {a: 1}", "name: m, version: '1', config: {a: 2}"))
    assert (problem.field, problem.code) == ("models[1]", "VERSION_CONFLICT")
    # the same content is the same record, whatever is said about it and in whichever order its sets are
    refs = ["{ref: 'dataset:a@1', role: train}", "{ref: 'dataset:b@1', role: train}"]
    profile = "safety_profile: {intended_use: u, must_not_do: []}"
    read(
        models(
            f"name: m, version: '1', trained_on: [{', '.join(refs)}]",
            f"name: m, version: '1', trained_on: [{', '.join(reversed(refs))}], parents: [], {profile}",
        )
    )


def test_the_same_name_in_another_normal_form_is_the_same() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    text = models(f"name: {composed}, version: '1'", f"name: m, version: '1', {parent(f'model:{decomposed}@1')}")
    assert read(text).outside == ()


@pytest.mark.parametrize(
    "text",
    [
        models(f"name: a, version: '1', {parent('model:a@1')}"),
        models(f"name: a, {parent('model:a')}"),
        models(
            f"name: a, version: '1', {parent('model:c@1')}",
            f"name: b, version: '1', {parent('model:a@1')}",
            f"name: c, version: '1', {parent('model:b@1')}",
        ),
        # a model trained on what it generated itself
        "datasets: [{name: d, version: '1', generated_by: ['model:a@1']}]\n"
        + models("name: a, version: '1', trained_on: [{ref: 'dataset:d@1', role: train}]"),
        # a partition of a dataset that is derived from it
        "datasets: [{name: d, version: '1', partitions: [{name: p, digest: "
        + DIGEST
        + ", derived_from: [{ref: 'dataset:d@1', relation: filter}]}]}]",
    ],
)
def test_nothing_descends_from_itself(text: str) -> None:
    (problem,) = refused(text)
    assert problem.code == "CYCLE"


def test_a_diamond_is_no_circle() -> None:
    text = models(
        "name: a, version: '1'",
        f"name: b, version: '1', {parent('model:a@1')}",
        f"name: c, version: '1', {parent('model:a@1')}",
        "name: d, version: '1', parents: [{ref: 'model:b@1', relation: merge}, {ref: 'model:c@1', relation: merge}]",
    )
    assert read(text).outside == ()


def test_a_long_chain_needs_no_recursion() -> None:
    chain = ["name: m, version: '0'"] + [
        f"name: m, version: '{i}', {parent(f'model:m@{i - 1}')}" for i in range(1, 3000)
    ]
    assert read(models(*reversed(chain))).outside == ()
