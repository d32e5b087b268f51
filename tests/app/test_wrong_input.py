"""Each kind of wrong input gets its code and its field, changes nothing, and the next request works."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.graph.samples import digest
from tests.support.server_process import ServerProcess

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"
CONFIG = '{"models":[{"name":"m","version":"9","config":%s}]}'
NAME = '{"models":[{"name":%s,"version":"9"}]}'


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def named(name: str) -> str:
    return NAME % json.dumps(name)


def model(**more: Any) -> str:
    return json.dumps({"models": [{"name": "m", "version": "9", **more}]})


PARENT = {"relation": "FINE_TUNE"}
NOTE = {"subject": "model:m@1", "author": "ann", "text": "t"}

WRONG = [
    ("unknown field", model(colour="red"), "INVALID_INPUT", "models[0].colour"),
    ("unknown section", '{"flavours":[]}', "INVALID_INPUT", "flavours"),
    ("snake_case field", model(created_at="2025-01-15T10:00:00Z"), "INVALID_INPUT", "models[0].created_at"),
    (
        "unknown reference",
        model(parents=[PARENT | {"ref": "model:x@1"}]),
        "UNKNOWN_REFERENCE",
        "models[0].parents[0].ref",
    ),
    ("other content", '{"models":[{"name":"m","version":"1","config":{"a":2}}]}', "VERSION_CONFLICT", "models[0]"),
    ("same build", '{"models":[{"name":"m","version":"2","config":{"a":1}}]}', "VERSION_CONFLICT", "models[0]"),
    ("self-reference", model(parents=[PARENT | {"ref": "model:m@9"}]), "CYCLE", "models[0].parents[0].ref"),
    (
        "digest that is none",
        model(artifacts=[{"uri": "u", "digest": "sha256:12"}]),
        "INVALID_INPUT",
        "models[0].artifacts[0].digest",
    ),
    (
        "digest in capitals",
        model(artifacts=[{"uri": "u", "digest": digest(0xA).upper()}]),
        "INVALID_INPUT",
        "models[0].artifacts[0].digest",
    ),
    ("name with @", named("a@b"), "INVALID_INPUT", "models[0].name"),
    ("name with #", named("a#b"), "INVALID_INPUT", "models[0].name"),
    ("name with a control character", named("a\u0007b"), "INVALID_INPUT", "models[0].name"),
    ("name with NUL", named("a\0b"), "INVALID_INPUT", "models[0].name"),
    ("name with a bidi character", named("a\u202eb"), "INVALID_INPUT", "models[0].name"),
    (
        "note that turns text around",
        json.dumps({"notes": [NOTE | {"text": "a\u202eb"}]}),
        "INVALID_INPUT",
        "notes[0].text",
    ),
    ("description that turns text around", model(description="a\u202db"), "INVALID_INPUT", "models[0].description"),
    ("name with a zero-width space", named("a\u200bb"), "INVALID_INPUT", "models[0].name"),
    ("empty name", named(""), "INVALID_INPUT", "models[0].name"),
    ("blank name", named(" "), "INVALID_INPUT", "models[0].name"),
    ("path in a name", named("../etc"), "INVALID_INPUT", "models[0].name"),
    ("path inside a name", named("a/../b"), "INVALID_INPUT", "models[0].name"),
    ("full-width name", named("\uff4d\uff4f"), "INVALID_INPUT", "models[0].name"),
    ("ligature in a name", named("\ufb01le"), "INVALID_INPUT", "models[0].name"),
    ("long name", named("n" * 201), "INVALID_INPUT", "models[0].name"),
    ("NaN", CONFIG % '{"lr":NaN}', "INVALID_INPUT", None),
    ("Infinity", CONFIG % '{"lr":Infinity}', "INVALID_INPUT", None),
    ("1e400", CONFIG % '{"lr":1e400}', "INVALID_INPUT", None),
    ("integer past 2^53", CONFIG % '{"seed":9007199254740993}', "INVALID_INPUT", "models[0].config"),
    ("lone surrogate", CONFIG % '{"a":"\\ud800"}', "INVALID_INPUT", None),
    ("lone surrogate in a key", CONFIG % '{"\\udc00":1}', "INVALID_INPUT", None),
    ("duplicate keys", CONFIG % '{"a":1,"a":2}', "INVALID_INPUT", None),
    ("duplicate keys of the manifest", '{"models":[],"models":[]}', "INVALID_INPUT", None),
    ("deep config", CONFIG % deep(65), "INVALID_INPUT", "models[0].config"),
    ("very deep config", CONFIG % deep(5000), "INVALID_INPUT", None),
    ("date without a time", model(createdAt="2025-01-15"), "INVALID_INPUT", "models[0].createdAt"),
    ("date without an offset", model(createdAt="2025-01-15T10:00:00"), "INVALID_INPUT", "models[0].createdAt"),
    ("date that is none", model(createdAt="2025-02-30T10:00:00Z"), "INVALID_INPUT", "models[0].createdAt"),
    (
        "number as a text",
        model(artifacts=[{"uri": "u", "digest": digest(1), "size": "5"}]),
        "INVALID_INPUT",
        "models[0].artifacts[0].size",
    ),
    (
        "truth as a number",
        model(artifacts=[{"uri": "u", "digest": digest(1), "size": True}]),
        "INVALID_INPUT",
        "models[0].artifacts[0].size",
    ),
    (
        "negative size",
        model(artifacts=[{"uri": "u", "digest": digest(1), "size": -1}]),
        "INVALID_INPUT",
        "models[0].artifacts[0].size",
    ),
    (
        "twice in a set",
        model(artifacts=[{"uri": "u", "digest": digest(1)}] * 2),
        "INVALID_INPUT",
        "models[0].artifacts[1]",
    ),
    (
        "unknown relation",
        model(parents=[{"ref": "model:m@1", "relation": "COUSIN"}]),
        "INVALID_INPUT",
        "models[0].parents[0].relation",
    ),
    (
        "half wrong",
        json.dumps({"notes": [NOTE, NOTE | {"subject": "model:nobody@1"}]}),
        "UNKNOWN_REFERENCE",
        "notes[1].subject",
    ),
    ("a manifest that is none", "[]", "INVALID_INPUT", None),
    ("cut off", '{"models":[', "INVALID_INPUT", None),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that holds `model:m@1`."""
    file: Path = tmp_path_factory.mktemp("wrong") / "registry.db"
    with ServerProcess(f"sqlite:///{file}") as server:
        server.ask(REGISTER, manifest={"models": [{"name": "m", "version": "1", "config": {"a": 1}}]})
        yield server


@pytest.fixture(scope="module")
def client(served: ServerProcess) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


def post(client: httpx2.Client, manifest: str) -> dict[str, Any]:
    body = f'{{"query":{json.dumps(REGISTER)},"variables":{{"manifest":{manifest}}}}}'
    answer: dict[str, Any] = client.post(
        "/graphql", content=body.encode(), headers={"Content-Type": "application/json"}
    ).json()
    return answer


@pytest.mark.parametrize(("manifest", "code", "field"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_input_changes_nothing(client: httpx2.Client, manifest: str, code: str, field: str | None) -> None:
    answer = post(client, manifest)
    assert not answer.get("data")
    assert len(answer["errors"]) == 1, answer
    error = answer["errors"][0]
    assert error["extensions"]["code"] == code
    if field is not None:
        assert error["extensions"]["field"] == field
    assert "Traceback" not in str(answer)
    assert client.get("/readyz").json()["sequence"] == 2
    good = post(client, '{"models":[{"name":"m","version":"1","config":{"a":1}}]}')
    assert good["data"]["register"] == {"created": 0, "existing": 2}


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"query":"\xed\xa0\x80"}', b"{}" + b" " * 2**25])
def test_a_body_that_cannot_be_read(client: httpx2.Client, body: bytes) -> None:
    answer = client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413)
    assert answer.json()["errors"][0]["extensions"]["code"] in ("INVALID_INPUT", "TOO_COSTLY")
    assert client.get("/readyz").json()["sequence"] == 2


SEARCH = 'query ($kinds: [RecordKind!]) { search(text: "m", kinds: $kinds) { totalCount } }'
IMPACT = "query ($of: [Ref!]!) { impact(of: $of) { counts { count } } }"
VARIABLES = [
    (SEARCH, {"kinds": ["NOTHING"]}, "kinds[0]", "'NOTHING'"),
    (SEARCH, {"kinds": ["CODE", "X"]}, "kinds[1]", "'X'"),
    (IMPACT, {"of": ["model:m@1", True]}, "of[1]", "Expected text, got true."),
    (IMPACT, {"of": [{"a": None}]}, "of[0]", 'Expected text, got {"a": null}.'),
    (
        REGISTER,
        {"manifest": {"datasets": [{"name": "d", "version": "1", "partitions": [{"name": "p", "rows": False}]}]}},
        "datasets[0].partitions[0].rows",
        "Expected an integer from 0 to 2^53 - 1, got false.",
    ),
]


@pytest.mark.parametrize(("query", "variables", "field", "said"), VARIABLES)
def test_what_is_wrong_in_a_variable_is_named(
    client: httpx2.Client, query: str, variables: dict[str, Any], field: str, said: str
) -> None:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    found = {error["extensions"]["field"]: error for error in answer["errors"]}
    assert found[field]["extensions"]["code"] == "INVALID_INPUT"
    assert said in found[field]["message"]


def test_all_problems_come_at_once(client: httpx2.Client) -> None:
    result = {"name": "acuracy", "value": 0.5, "n": -1}
    evaluation = {"subject": "model:x@1", "suite": {"name": "s", "version": "1"}, "metrics": [result]}
    manifest = {"models": [{"name": "m", "version": "1", "config": {"a": 2}}], "evaluations": [evaluation]}
    for given in (manifest, manifest | {"notes": [{"subject": "model:x@1", "author": "", "text": "t"}]}):
        answer = client.post("/graphql", json={"query": REGISTER, "variables": {"manifest": given}}).json()
        found = [(error["extensions"]["code"], error["extensions"]["field"]) for error in answer["errors"]]
        assert found[:3] == [
            ("VERSION_CONFLICT", "models[0]"),
            ("INVALID_INPUT", "evaluations[0].metrics[0].n"),
            ("UNKNOWN_REFERENCE", "evaluations[0].subject"),
        ]
        assert [field for _, field in found[3:]] == (["notes[0].author"] if "notes" in given else [])


def test_what_is_just_right_is_taken(client: httpx2.Client) -> None:
    config = json.dumps({"seed": 2**53 - 1, "deep": json.loads(deep(62))})
    manifest = f'{{"models":[{{"name":"caf\\u00e9/v2 (final)","version":"1","config":{config}}}]}}'
    assert post(client, manifest)["data"]["register"]["created"] == 2
    nfd = manifest.replace("caf\\u00e9", "cafe\\u0301")
    assert post(client, nfd)["data"]["register"] == {"created": 0, "existing": 2}
