"""YAML as the contract reads it: traps that other readers fall into."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from descent import InvalidManifest, parse_manifest

MAX = 2**53 - 1


def content(text: str) -> dict[str, Any]:
    return parse_manifest(text.encode(), "m.yaml", "yaml").content


def config(text: str) -> Any:
    return content(f"models: [{{name: m, version: '1', config: {{x: {text}}}}}]")["models"][0]["config"]["x"]


def problems(text: str | bytes) -> list[tuple[str | None, str]]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(data, "m.yaml", "yaml")
    return [(problem.field, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "written",
    [
        "NO",
        "yes",
        "on",
        "1.10",
        "010",
        "0x1F",
        "1e3",
        "12:30",
        "2025-01-15",
        "2025-01-15T10:00:00Z",
        "true",
        ".inf",
        "1_000",
    ],
)
def test_text_is_taken_as_written(written: str) -> None:
    assert content(f"models: [{{name: m, version: {written}}}]")["models"][0]["version"] == written


@pytest.mark.parametrize("written", ["null", "~", "Null", "NULL", ""])
def test_null_is_the_same_as_leaving_an_optional_text_out(written: str) -> None:
    assert content(f"models: [{{name: m, version: '1', description: {written}}}]") == content(
        "models: [{name: m, version: '1'}]"
    )


def test_text_that_spells_null_can_be_meant() -> None:
    assert content("models: [{name: m, version: 'null'}]")["models"][0]["version"] == "null"
    assert content("models: [{name: m, version: !!str null}]")["models"][0]["version"] == "null"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
        ("0", 0), ("-0", 0), ("007", 7), ("010", 10), ("+12", 12), ("0x1F", 31), ("0o17", 15), ("0b11", "0b11"),
        ("1_000", "1_000"), ("12:30:45", "12:30:45"), ("190:20:30.15", "190:20:30.15"),
        ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("1E-2", 0.01), ("-1.5e+3", -1500.0), ("1.0", 1.0), ("0.1", 0.1),
        ("null", None), ("~", None), ("Null", None), ("NULL", None), ("", None), ("nULL", "nULL"),
        ("2025-01-15", "2025-01-15"), ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00Z"), ("=", "="), ("<<", "<<"),
        ("'1'", "1"), ('"true"', "true"), ("'null'", "null"), ("!!str 1", "1"), ("! 1", "1"),
        ("!!int '5'", 5), ("!!float 1", 1.0), ("!!bool 'true'", True), ("!!null ''", None),
        (str(MAX), MAX), (f"-{MAX}", -MAX), ("1e20", 1e20), ("[]", []), ("{}", {}), ("[null, 1, a]", [None, 1, "a"]),
        ("{a_b: 1, aB: 2, yes: 3, 1: 4, null: 5}", {"a_b": 1, "aB": 2, "yes": 3, "1": 4, "null": 5}),
        ('"\\U0001F600 \\x00"', "\U0001f600 \x00"), ("|-\n    a\n    b", "a\nb"),
    ],
)  # fmt: skip
def test_config_follows_the_core_schema(written: str, value: Any) -> None:
    # a block scalar needs lines of its own
    text = f"models:\n- name: m\n  version: '1'\n  config:\n   x: {written}"
    found = content(text)["models"][0]["config"]["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        (".inf", "not a finite number"),
        ("-.INF", "not a finite number"),
        (".nan", "not a finite number"),
        ("1e400", "not a finite number"),
        (str(MAX + 1), "beyond 2^53 - 1"),
        (f"-{MAX + 1}", "beyond 2^53 - 1"),
        ("0x20000000000000", "beyond 2^53 - 1"),
        ("9" * 5000, "beyond 2^53 - 1"),
        ("!!int abc", "is tagged !!int"),
        ("!!bool yes", "is tagged !!bool"),
        ("!!timestamp 2025-01-15", "has no meaning"),
        ("!!binary aGk=", "has no meaning"),
        ("!!set {a}", "has no meaning"),
        ("!!python/object/apply:os.system [ls]", "has no meaning"),
        ("!foo bar", "has no meaning"),
        ("{[a]: 1}", "A key must be text"),
        ("{{a: 1}: 1}", "A key must be text"),
    ],
)
def test_config_refuses_what_has_no_exact_json(written: str, hint: str) -> None:
    assert any(
        hint in message for _, message in problems(f"models: [{{name: m, version: '1', config: {{x: {written}}}}}]")
    )


def test_every_problem_of_a_config_is_found() -> None:
    text = "models: [{name: m, version: '1', config: {a: .inf, b: [1, .nan], c: {d: 1e999}}}]"
    paths = [path for path, _ in problems(text)]
    assert paths == ["models[0].config.a", "models[0].config.b[1]", "models[0].config.c.d"]


@pytest.mark.parametrize(
    ("written", "value"),
    [("410000", 410000), ("0x10", 16), ("0o10", 8), ("010", 10), ("+5", 5), ("0", 0)],
)
def test_a_count_is_a_core_integer(written: str, value: int) -> None:
    digest = "sha256:" + "a" * 64
    text = f"datasets: [{{name: d, version: '1', partitions: [{{name: p, digest: '{digest}', rows: {written}}}]}}]"
    assert content(text)["datasets"][0]["partitions"][0]["rows"] == value


@pytest.mark.parametrize("written", ["1.5", "1e3", "-1", "'5'", "1_000", "12:30", "yes", "[1]", str(MAX + 1)])
def test_a_count_is_nothing_else(written: str) -> None:
    digest = "sha256:" + "a" * 64
    text = f"datasets: [{{name: d, version: '1', partitions: [{{name: p, digest: '{digest}', rows: {written}}}]}}]"
    ((path, _),) = problems(text)
    assert path == "datasets[0].partitions[0].rows"


def test_shorthand_keeps_keys_and_values_as_written() -> None:
    text = """
    models: [{name: m, version: '1', environment: {dependencies: {numpy: 2.4.6, My_Package: 1.10}}}]
    evaluations:
    - subject: model:m@1
      suite: {name: s, version: 1.0}
      metrics: [{name: accuracy, value: 1, slice: {age_group: 65+, isMember: yes, since: 2025-01-15}}]
    """
    found = content(text)
    assert found["models"][0]["environment"]["dependencies"] == [
        {"name": "numpy", "version": "2.4.6"},
        {"name": "My_Package", "version": "1.10"},
    ]
    assert found["evaluations"][0]["suite"] == {"name": "s", "version": "1.0"}
    assert found["evaluations"][0]["metrics"][0]["slice"] == [
        {"attribute": "age_group", "value": "65+"},
        {"attribute": "isMember", "value": "yes"},
        {"attribute": "since", "value": "2025-01-15"},
    ]


def test_merge_keys() -> None:
    text = """
    models:
    - &first {name: m, version: '1', config: &base {depth: 6, nested: {a: 1}, seed: 7}}
    - {<<: *first, version: '2', config: {<<: *base, depth: 7}}
    - {<<: [{version: '3'}, *first]}
    """
    first, second, third = content(text)["models"]
    assert first["config"] == {"depth": 6, "nested": {"a": 1}, "seed": 7}
    assert second == {"name": "m", "version": "2", "config": {"depth": 7, "nested": {"a": 1}, "seed": 7}}
    assert third == {**first, "version": "3"}


def test_a_merge_key_in_quotes_is_a_key() -> None:
    assert config("{'<<': 1}") == {"<<": 1}


def test_the_place_of_a_problem_is_its_line_and_column() -> None:
    text = b"models:\n- name: m\n  version: '1'\n  trained_onn: []\n"
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(text, "m.yaml")
    problem = caught.value.problems[0]
    assert (problem.field, problem.line, problem.column) == ("models[0].trained_onn", 4, 3)
    assert problem.message == 'There is no "trained_onn" in a model version; did you mean trained_on?'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "The file is empty"),
        ("---\n", "The file is empty"),
        ("# only a remark\n", "The file is empty"),
        ("models: []\n---\nmodels: []", "more than one YAML document"),
        ("- 1", "Expected a manifest"),
        ("models", "Expected a manifest"),
        ("models: {}", "Expected a list"),
        ("models: [1]", "Expected a model version"),
        ("models: [{name: [a]}]", "must be text, not a list"),
        ("models: [{name: !!int 5}]", "put it in quotes"),
        ("models: []\nmodels: []", "given twice"),
        ("models: [{name: a, 'name': b}]", "given twice"),
        ("models: [{name: a, config: {a: 1, a: 2}}]", "given twice"),
        ("models: [{name: a, config: {a: {b: 1, b: 1}}}]", "given twice"),
        ("models: [{<<: 5, name: a}]", "needs a mapping"),
        ("models: [*nothing]", "There is no anchor &nothing"),
        ("models: &a [*a]", "inside the node that it refers to"),
        ("models: [", "This is not YAML"),
        ("models:\n\t- a", "This is not YAML"),
        ("a: \x07", "U+0007"),
        ('models: [{name: "\\ud800"}]', "This is not YAML"),
        (b"models: [{name: \xff}]", "not UTF-8"),
        ("models: []".encode("utf-16"), "not UTF-8"),
        ("models: " + "[" * 100_000, "nested deeper than 128"),
        ("models: " + "{a: " * 100_000, "nested deeper than 128"),
        ("x: &x\n" + "".join(" " * i + "a:\n" for i in range(1, 200)), "nested deeper than 128"),
        ("models: [{name: a, trainedOn: []}]", "did you mean trained_on"),
        ("metrics: [{name: a, category: DRIFT, direction: none}]", "did you mean drift"),
        ("metrics: [{name: a, category: drift, direction: none, is_rate: yes}]", "must be true or false"),
        ("metrics: [{name: a, category: drift, direction: none, tolerance: '0.5'}]", "without quotes"),
        ("metrics: [{name: a, category: drift, direction: none, tolerance: .inf}]", "Expected a finite number"),
        (
            "evaluations: [{subject: model:a@1, suite: {name: s, version: ~}, metrics: []}]",
            "needs version, which is null",
        ),
        ("datasets: [{name: d}]", "needs version, which is missing"),
        ("models: [{name: m, trained_on: [{ref: 'data:d@1'}]}]", "A training input needs role, which is missing"),
    ],
)
def test_wrong_input_is_told(text: str | bytes, hint: str) -> None:
    assert any(hint in message for _, message in problems(text))


def test_aliases_that_explode_are_counted_not_expanded() -> None:
    laughs = "\n".join(f"b{i + 1}: &b{i + 1} [{', '.join([f'*b{i}'] * 10)}]" for i in range(30))
    assert any("more than 1,000,000 values" in message for _, message in problems(f"b0: &b0 [lol]\n{laughs}"))


def test_aliases_do_not_hide_depth() -> None:
    chain = "\n".join(f"a{i + 1}: &a{i + 1} [*a{i}]" for i in range(200))
    assert any("nested deeper" in message for _, message in problems(f"a0: &a0 []\n{chain}"))


@pytest.mark.parametrize(("depth", "fits"), [(63, True), (64, False)])
def test_a_config_is_64_levels_deep(depth: int, fits: bool) -> None:
    text = "models: [{name: m, version: '1', config: {a: " + "[" * depth + "]" * depth + "}}]"
    if fits:
        assert content(text)
    else:
        assert any("at most 64 levels" in message for _, message in problems(text))


def test_at_most_a_hundred_problems() -> None:
    assert len(problems("models: [" + "{}, " * 500 + "]")) == 100


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse_manifest(b"\xef\xbb\xbfmodels: []", "m.yaml").content == {"models": []}


def test_explicit_defaults_are_left_out() -> None:
    assert content("models:\ndatasets: ~\nnotes: null") == {}


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
CONFIGS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-MAX, MAX) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=4,
)


class Quoting(yaml.SafeDumper):
    """PyYAML writes YAML 1.1, where 0o17 and 1e3 are plain text; quotes mean the same in both."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@given(CONFIGS)
def test_a_config_comes_back_from_yaml(value: dict[str, Any]) -> None:
    written = yaml.dump(
        {"models": [{"name": "m", "version": "1", "config": value}]}, Dumper=Quoting, allow_unicode=False
    )
    found = content(written)["models"][0]["config"]
    assert same(found, value)


@given(CONFIGS)
def test_a_config_comes_back_from_json(value: dict[str, Any]) -> None:
    written = json.dumps({"models": [{"name": "m", "version": "1", "config": value}]}).encode()
    assert same(parse_manifest(written, "m.json").content["models"][0]["config"], value)


def same(left: Any, right: Any) -> bool:
    """Equal, with 1, 1.0 and true told apart."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return type(left) is type(right) and bool(left == right)


@given(st.text(st.characters(codec="utf-8"), max_size=200) | st.binary(max_size=200))
def test_nothing_but_a_sentence_comes_of_garbage(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    with suppress(InvalidManifest):
        parse_manifest(data, "m")
