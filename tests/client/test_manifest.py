"""Manifests as a whole: the contract's example, JSON, names, moments, the schema itself."""

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import graphql
import pytest
import yaml
from jsonschema import Draft202012Validator

from descent import InvalidManifest, Problem, load_manifest
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.metrics import catalogue
from tests.client.manifests import DIGEST, models, parents, read, refused

SCHEMA = json.loads(resources.files("descent").joinpath("manifest.schema.json").read_text("utf-8"))


# ---------------------------------------------------------------- the example


def test_the_example_is_valid_as_it_stands(shared: Path) -> None:
    manifest = load_manifest(shared / "contract" / "manifest.example.yaml")
    assert manifest.counts() == {"metrics": 1, "datasets": 2, "models": 3, "evaluations": 3}
    assert manifest.outside == ()
    Draft202012Validator(SCHEMA).validate(manifest.content)
    first, second, third = manifest.content["models"]
    assert first["config"] == {"learning_rate": "0.1", "depth": 6, "seed": 7}
    assert first["environment"]["python"] == "3.11.7"
    assert first["createdAt"] == "2025-01-15T10:00:00Z"
    assert second["safetyProfile"] == first["safetyProfile"]
    assert third["safetyProfile"] == {**first["safetyProfile"], "knownBiases": []}
    assert third["parents"] == [{"ref": "model:credit-risk@4.1", "relation": "FINE_TUNE"}]


def test_the_example_is_the_same_from_json(shared: Path) -> None:
    manifest = load_manifest(shared / "contract" / "manifest.example.yaml")
    assert read(json.dumps(manifest.content), "json").content == manifest.content
    # and in snake_case, with the shorthands that YAML has
    plain = yaml.load((shared / "contract" / "manifest.example.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
    again = read(json.dumps({"models": plain["models"][:2], "datasets": []}), "json").content["models"]
    assert again[1]["environment"] == manifest.content["models"][1]["environment"]
    assert again[1]["trainedOn"] == manifest.content["models"][1]["trainedOn"]


BEYOND_THE_CONTRACT: dict[str, list[str]] = {
    "ManifestInput": ["tensorDigests", "signatures"],
    "CodeInput": ["diff"],
    "EvaluationInput": ["itemResults"],
    "ModelVersionInput": ["command"],
}
"""Fields that have been added, which have to be optional."""
ADDED_INPUTS = {"SignatureInput", "SignedFileInput", "TensorDigestsInput", "TensorInput"}


def test_the_schema_says_what_the_contract_says(shared: Path) -> None:
    document = graphql.parse((shared / "contract" / "inputs.graphql").read_text("utf-8"))
    declared = {node.name.value: node for node in document.definitions if hasattr(node, "name")}
    definitions = {"ManifestInput": SCHEMA, **SCHEMA["$defs"]}
    assert definitions.keys() - declared.keys() >= ADDED_INPUTS
    for name, schema in definitions.items():
        if name in ADDED_INPUTS:
            continue
        node = declared[name]
        if isinstance(node, graphql.EnumTypeDefinitionNode):
            assert schema["enum"] == [value.name.value for value in node.values or ()]
            continue
        assert isinstance(node, graphql.InputObjectTypeDefinitionNode)
        fields = {field.name.value: field.type for field in node.fields or ()}
        added = BEYOND_THE_CONTRACT.get(name, [])
        assert [field for field in schema["properties"] if field not in added] == list(fields)
        assert not set(added) & set(schema.get("required", ()))
        assert schema["additionalProperties"] is False
        assert set(schema.get("required", ())) == {
            name for name, type_ in fields.items() if isinstance(type_, graphql.NonNullTypeNode)
        }
        for key, type_ in fields.items():
            assert fits(schema["properties"][key], type_), f"{name}.{key}"


def fits(schema: dict[str, Any], type_: graphql.TypeNode) -> bool:
    if isinstance(type_, graphql.NonNullTypeNode):
        return fits(schema, type_.type)
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    if isinstance(type_, graphql.ListTypeNode):
        return schema["type"] == "array" and fits(schema["items"], type_.type)
    assert isinstance(type_, graphql.NamedTypeNode)
    expected = {
        "String": "string", "Ref": "string", "DateTime": "string", "Digest": "string",
        "Count": "integer", "Float": "number", "Boolean": "boolean", "JSON": None, "ID": "string",
    }  # fmt: skip
    name = type_.name.value
    return schema.get("type") == expected[name] if name in expected else schema["$ref"] == f"#/$defs/{name}"


# ---------------------------------------------------------------- JSON


def test_json_takes_either_spelling() -> None:
    text = '{"models": [{"name": "m", "version": "1", "%s": [{"ref": "dataset:d@1", "role": "%s"}]}]}'
    graphql_names, snake_case = (
        read(text % ("trainedOn", "TRAIN"), "json"),
        read(text % ("trained_on", "train"), "json"),
    )
    assert graphql_names.content == snake_case.content
    assert graphql_names.content["models"][0]["trainedOn"] == [{"ref": "dataset:d@1", "role": "TRAIN"}]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"models": [{"name": "m", "version": 1.10}]}', "put it in quotes"),
        ('{"models": [{"name": "m", "version": true}]}', "put it in quotes"),
        ('{"models": [{"name": "m", "config": NaN}]}', "not a finite number"),
        ('{"models": [{"name": "m", "config": {"a": -Infinity}}]}', "not a finite number"),
        ('{"models": [{"name": "m", "config": {"a": 1e400}}]}', "not a finite number"),
        ('{"models": [{"name": "m", "config": {"a": 9007199254740992}}]}', "beyond 2^53 - 1"),
        ('{"models": [{"name": "m", "config": {"a": 1, "a": 2}}]}', "given twice"),
        ('{"models": [{"name": "m", "trainedOn": [], "trained_on": []}]}', "two spellings"),
        ('{"models": [{"name": "\\ud83d"}]}', "lone surrogate"),
        ('{"models": [{"name": "m", "config": {"\\udc00": 1}}]}', "lone surrogate"),
        (
            '{"models": [{"name": "m", "parents": [{"ref": "model:b@1", "relation": "Fine_Tune"}]}]}',
            "did you mean fine_tune",
        ),
        ('{"models": [}', "not JSON"),
        ('{"models": []} {}', "not JSON"),
        ("{'models': []}", "not JSON"),
        ("[" * 100_000, "nested deeper"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("null", "The file is empty"),
        ("", "not JSON"),
        ("[]", "Expected a manifest"),
    ],
)
def test_wrong_json_is_told(text: str, hint: str) -> None:
    assert any(hint in problem.message for problem in refused(text, "json"))


def test_what_stdin_holds_is_guessed() -> None:
    pair = '{"models": [{"name": "\\ud83d\\ude00", "version": "1"}]}'
    assert read(pair, None).content["models"][0]["name"] == "\U0001f600"
    assert (
        read("{models: [{name: m, version: 1}]}", None).content == read("models: [{name: m, version: 1}]", None).content
    )


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "is empty"),
        ("x" * 201, "201 characters"),
        ("a@b", 'contains "@"'),
        ("a#b", 'contains "#"'),
        ("a\\tb", "U+0009"),
        ("a\\u202eb", "U+202E"),
        (" a", "begins or ends"),
        ("a/../b", 'path step ".."'),
        ("a/..", 'path step ".."'),
        ("a\\u200bb", "U+200B"),
        ("ﬁne", 'looks like "fine"'),
        ("model①", 'looks like "model1"'),
    ],
)
def test_names_that_mislead_are_refused(name: str, hint: str) -> None:
    assert any(hint in problem.message for problem in refused(models(f'name: "{name}", version: "1"')))
    assert any(hint in problem.message for problem in refused(models(f'name: m, version: "{name}"')))
    dataset = f'datasets: [{{name: d, version: "1", partitions: [{{name: "{name}", digest: {DIGEST}}}]}}]'
    assert any(hint in problem.message for problem in refused(dataset))


@pytest.mark.parametrize(
    "name", ["EleutherAI/pythia-12b", "step 143000", "x" * 200, "é" * 200, "e\u0301", "日本語", "a..b", "Å"]
)
def test_names_that_say_what_they_are_pass(name: str) -> None:
    assert read(models(f'name: "{name}", version: "{name}"')).content["models"][0]["name"] == name


@pytest.mark.parametrize(
    "moment",
    ["2025-01-15", "2025-01-15T10:00:00", "2025-13-15T10:00:00Z", "2025-02-30T10:00:00Z", "yesterday", "1736935200"],
)
def test_a_moment_has_date_time_and_offset(moment: str) -> None:
    (problem,) = refused(models(f"name: m, version: '1', created_at: {moment}"))
    assert "write it like 2025-01-15T10:00:00Z" in problem.message


@pytest.mark.parametrize(
    "moment", ["2025-01-15T10:00:00Z", "2025-01-15t10:00:00.123456789z", "2025-01-15T10:00:00-08:00"]
)
def test_moments_pass_as_written(moment: str) -> None:
    assert read(models(f"name: m, version: '1', created_at: {moment}")).content["models"][0]["createdAt"] == moment


@pytest.mark.parametrize("digest", ["sha256:abc", "a" * 64, "sha256:" + "A" * 64, "md5:" + "a" * 32, DIGEST + "\\n"])
def test_a_digest_is_exact(digest: str) -> None:
    (problem,) = refused(models(f'name: m, version: "1", artifacts: [{{uri: x, digest: "{digest}"}}]'))
    assert "is not a digest" in problem.message


def test_a_set_holds_nothing_twice() -> None:
    (problem,) = refused(
        models('name: m, trained_on: [{ref: "dataset:d@1", role: train}, {role: train, ref: "dataset:d@1"}]')
    )
    assert problem.field == "models[0].trained_on[1]"


# ---------------------------------------------------------------- back to the file


@pytest.mark.parametrize(
    ("field", "written", "line"),
    [
        ("models[0].trainedOn[0].ref", "models[0].trained_on[0].ref", 4),
        ("models[0].trainedOn[9].ref", "models[0].trained_on", 4),
        ("models[0].environment.dependencies[1].version", "models[0].environment.dependencies.torch", 6),
        ("models[7]", "models", 2),
        ("somewhere", None, 1),
        (None, None, None),
    ],
)
def test_what_the_registry_reports_is_found_in_the_file(
    field: str | None, written: str | None, line: int | None
) -> None:
    manifest = read(
        "models:\n"
        "- name: m\n"
        "  version: '1'\n"
        "  trained_on: [{ref: 'dataset:d@1', role: train}]\n"
        "  environment: {dependencies: {numpy: 2.4.6,\n"
        "    torch: 2.9.0}}\n"
    )
    found = manifest.in_file(Problem("m", "UNKNOWN_REFERENCE", field))
    assert (found.field, found.line) == (written, line)
    assert found.code == "UNKNOWN_REFERENCE"


# ---------------------------------------------------------------- what is new

SUITE = {"name": "s", "version": "1"}


def result(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {
        "evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": [{"name": name, "value": value, **more}]}]
    }


OWN = {"metrics": [{"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER", "maximum": 6}]}
NOBODY = {"subject": "dataset:d@1#p", "populationDocumented": "COMPLETE", "reason": "r",
          "population": [{"attribute": "a", "value": "b", "share": 0}]}  # fmt: skip
WEAKNESS = {"subject": "model:m@1", "title": "t", "severity": "LOW",
            "probe": {"suite": SUITE, "metric": "toxic_frac", "threshold": 5}}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        (result("f1", 83), "evaluations[0].metrics[0].value", "0.83 for 83 %"),
        (OWN | result("own", 7), "evaluations[0].metrics[0].value", "6 or less"),
        (result("f1", 0, n=0), "evaluations[0].metrics[0].n", "0 items"),
        ({"models": [{"name": "a", "version": "/1"}]}, "models[0].version", "begins with"),
        (parents("model:b@1", "model:c@1", "model:b@1"), "models[0].parents[2].ref", "given twice"),
        ({"populations": [NOBODY]}, "populations[0].population", "nobody is in the data"),
        ({"vulnerabilities": [WEAKNESS]}, "vulnerabilities[0].probe.threshold", "fraction"),
    ],
)
def test_a_check_applies_the_rules_for_what_is_new(content: dict[str, Any], field: str, words: str) -> None:
    manifest = read(json.dumps(content), "json")  # as it is sent: what is registered already may be so
    with pytest.raises(InvalidManifest) as refused:
        manifest.check_entry()
    [problem] = refused.value.problems
    assert (problem.field, problem.code) == (field, "INVALID_INPUT")
    assert words in problem.message


def test_ranges_are_those_of_the_catalogue() -> None:
    ranges = json.loads(resources.files("descent").joinpath("metrics.json").read_text("utf-8"))
    assert ranges.keys() == catalogue().keys()
    for name, metric in catalogue().items():
        assert (ranges[name].get("minimum", -math.inf), ranges[name].get("maximum", math.inf)) == metric.range


def test_the_schema_is_that_of_the_inputs() -> None:
    assert ManifestInput.model_json_schema(by_alias=True) == SCHEMA
