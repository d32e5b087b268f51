"""POST /bulk: a manifest a line, an answer a line."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from descentd.app.http import strict_json
from descentd.graph.model.errors import InvalidInput
from tests.app.tiny import serving
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio

HEADERS = {"Content-Type": "application/x-ndjson"}


def model(name: str, version: str = "1", **more: Any) -> dict[str, Any]:
    return {"models": [{"name": name, "version": version, **more}]}


async def send(client: httpx2.AsyncClient, lines: Sequence[bytes | dict[str, Any]]) -> list[dict[str, Any]]:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    answer = await client.post("/bulk", content=body, headers=HEADERS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_line_is_answered_in_order() -> None:
    child = model("child", parents=[{"ref": "model:base@1", "relation": "FINE_TUNE"}], config={"lr": 1})
    async with serving() as client:
        answers = await send(client, [model("base"), child, child, b"", model("base")])
        assert answers == [
            {"line": 1, "created": 1, "existing": 0},
            {"line": 2, "created": 2, "existing": 0},
            {"line": 3, "created": 0, "existing": 2},
            {"line": 5, "created": 0, "existing": 1},
        ]
        assert (await client.get("/readyz")).json()["sequence"] == 3


async def test_a_line_that_is_refused_leaves_the_others() -> None:
    lines: list[bytes | dict[str, Any]] = [
        model("a"),
        b'{"models": [{"name": "a", "name": "b"}]}',
        b"not json",
        {"modles": []},
        model("b", parents=[{"ref": "model:nowhere@1", "relation": "MERGE"}, {"ref": "x", "relation": "MERGE"}]),
        model("b", parents=[{"ref": "model:nowhere@1", "relation": "MERGE"}]),
        model("a", description="other"),
        b'{"models": [{"name": "\xff", "version": "1"}]}',
        model("c"),
    ]
    async with serving() as client:
        answers = await send(client, lines)
        sequence = (await client.get("/readyz")).json()["sequence"]
    assert [answer["line"] for answer in answers] == list(range(1, 10))
    assert [answer.get("created") for answer in answers] == [1, *[None] * 7, 1]
    codes = [(error["code"], error.get("field")) for answer in answers[1:8] for error in answer["errors"]]
    assert codes == [
        ("INVALID_INPUT", None),
        ("INVALID_INPUT", None),
        ("INVALID_INPUT", "modles"),
        ("INVALID_INPUT", "models[0].parents[1].ref"),
        ("UNKNOWN_REFERENCE", "models[0].parents[0].ref"),
        ("VERSION_CONFLICT", "models[0]"),
        ("INVALID_INPUT", None),
    ]
    assert sequence == 2


async def test_a_line_warns_of_kin_that_is_not_declared_and_came_before_it() -> None:
    def digest(number: int) -> str:
        return f"sha256:{number:064x}"

    def stated(name: str, tensors: range, **more: Any) -> dict[str, Any]:
        artifacts = [{"uri": name, "digest": digest(len(name))}]
        listed = [{"name": f"layer.{t}", "digest": digest(1000 + t), "size": 100} for t in tensors]
        about = {"subject": f"model:{name}@1", "artifact": digest(len(name)), "tensors": listed}
        return model(name, artifacts=artifacts, **more) | {"tensorDigests": [about]}

    parents = [{"ref": "model:base@1", "relation": "FINE_TUNE"}]
    lines = [stated("base", range(291)), stated("copy", range(3, 294)), stated("child", range(291), parents=parents)]
    async with serving() as client:
        base, copy, child = await send(client, [*lines])
        assert base == {"line": 1, "created": 2, "existing": 0}
        assert (copy["created"], child["created"]) == (2, 2)
        [sentence] = copy["warnings"]
        assert sentence.startswith("288 of 291 tensors of model:copy@1 are those of model:base@1, which is not decl")
        assert "warnings" not in child
        assert await send(client, [*lines]) == [{"line": i, "created": 0, "existing": 2} for i in (1, 2, 3)]


async def test_lines_that_are_registered_one_by_one_keep_their_order() -> None:
    profile = {"intendedUse": "this", "mustNotDo": ["harm"]}
    lines = [
        model("m", str(i), parents=[{"ref": f"model:m@{i - 1}", "relation": "MERGE"}] if i else [])
        | {"safetyProfiles": [{"subject": f"model:m@{i}", "profile": profile}]}
        for i in range(300)
    ]
    async with serving() as client:
        answers = await send(client, [*lines])
    assert answers == [{"line": i, "created": 2, "existing": 0} for i in range(1, 301)]


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_lines_may_be_cut_anywhere(size: int) -> None:
    body = b"".join(json.dumps(model("m", str(i))).encode() + b"\r\n" for i in range(300))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async with serving() as client:
        answer = await client.post("/bulk", content=pieces(), headers=HEADERS)
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert answers == [{"line": i, "created": 1, "existing": 0} for i in range(1, 301)]


async def test_a_line_that_is_too_long_ends_it() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield json.dumps(model("a")).encode() + b"\n"
        for _ in range(100):
            yield b" " * 1000

    async with serving(body_limit=4096) as client:
        answer = await client.post("/bulk", content=pieces(), headers=HEADERS)
        first, second = [json.loads(line) for line in answer.text.splitlines()]
        assert first == {"line": 1, "created": 1, "existing": 0}
        assert (second["line"], second["errors"][0]["code"]) == (2, "TOO_COSTLY")


@pytest.mark.parametrize(
    ("method", "headers", "status", "code"),
    [
        ("GET", {}, 405, "INVALID_INPUT"),
        ("POST", {"Content-Type": "application/json"}, 415, "INVALID_INPUT"),
        ("POST", {"Authorization": "Bearer x"}, 401, "UNAUTHENTICATED"),
    ],
)
async def test_refused(method: str, headers: dict[str, str], status: int, code: str) -> None:
    async with serving() as client:
        answer = await client.request(method, "/bulk", content=b"{}", headers=HEADERS | headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert await send(client, [model("a")]) == [{"line": 1, "created": 1, "existing": 0}]


async def test_nothing_is_answered_with_nothing() -> None:
    async with serving() as client:
        assert await send(client, []) == []


def test_a_line_is_told_all_that_is_wrong_with_it(server: ServerProcess) -> None:
    first = {"models": [{"name": "m", "version": "1"}]}
    note = {"subject": "model:m@1", "author": "ann", "text": "t"}
    wrong = {"models": [{"name": "a@b", "version": "1"}], "notes": [note, note | {"subject": "model:x@1"}]}
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (first, wrong))
    with server.client() as client:
        response = client.post("/bulk", content=body, headers={"content-type": "application/x-ndjson"})
    good, bad = [json.loads(line) for line in response.text.splitlines()]
    assert good == {"line": 1, "created": 1, "existing": 0}
    assert [error["field"] for error in bad["errors"]] == ["models[0].name", "notes[1].subject"]


texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values, values, st.sampled_from([",", ", ", " ,", "\n,"]), st.sampled_from([":", ": ", " :", "\t:"]))
def test_a_key_that_occurs_twice_is_seen_however_it_is_written(one: Any, other: Any, comma: str, colon: str) -> None:
    first, second = json.dumps(one, ensure_ascii=False), json.dumps(other, ensure_ascii=False)
    text = f'[{{"a"{colon}{first}{comma}"b":[]{comma}"a"{colon}{second}}}]'
    with pytest.raises(InvalidInput, match="'a' occurs twice"):
        strict_json.read(text.encode())


@given(st.integers(), st.sampled_from(["{}", "[{}]", "[1,{}]", "[1, {}]", '{{"a":{}}}', '{{"a": {}}}', "[\n{}]"]))
@example(2**64, "{}")
@example(-(2**70), "[1.5,{}]")
def test_integers_stay_integers(number: int, around: str) -> None:
    text = around.format(number)
    read = strict_json.read(text.encode())
    assert read == json.loads(text)
    assert "." not in repr(read).replace("1.5", "")
