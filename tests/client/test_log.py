"""`descent export ndjson`: the whole log in a file, also when the connection is lost meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from descent import log
from descent.client import Client
from descent.errors import Forbidden, InvalidInput, Unavailable, Unintelligible, Unreachable
from descent.log import LogFileError, export_log, lines_of, log_of
from tests.client.cli import run
from tests.client.registry import Registry

LINES = [json.dumps({"sequence": i, "content": {"text": "ü\u2028" * i}}).encode() + b"\n" for i in range(1, 8)]
LINES.append(b'{"end":"descent.log.v1","sequence":7,"root":"00"}\n')
WHOLE = b"".join(LINES)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_PAUSES", (0.0,))


@pytest.fixture
def client(registry: Registry) -> Iterator[Client]:
    registry.log = LINES
    with Client(registry.url) as client:
        yield client


@pytest.mark.parametrize("size", [1, 3, 10, 10_000])
def test_lines_may_be_cut_anywhere(size: int) -> None:
    text = b"a\n\nbc\r\n" + "ü\u2028x\n".encode() + b"rest"
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert list(lines_of(chunks)) == [b"a\n", b"\n", b"bc\r\n", "ü\u2028x\n".encode()]


@pytest.mark.parametrize("announced", [True, False])
def test_a_lost_connection_is_taken_up_behind_the_last_line(
    registry: Registry, client: Client, tmp_path: Path, announced: bool
) -> None:
    registry.announced = announced
    registry.cuts = [len(LINES[0]) + 5, len(LINES[1]) + len(LINES[2]), 0, 3]
    file = tmp_path / "log.ndjson"
    assert export_log(client, file) == 7
    assert file.read_bytes() == WHOLE
    assert [path for path, _ in registry.fetched] == [f"/records?after={n}" for n in (0, 1, 3, 3, 3)]
    assert {headers["Accept"] for _, headers in registry.fetched} == {"application/x-ndjson"}
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_was_begun_is_finished_by_the_next_command(
    registry: Registry, client: Client, tmp_path: Path
) -> None:
    part = tmp_path / "log.ndjson.part"
    part.write_bytes(WHOLE[: len(LINES[0]) + len(LINES[1]) + 4])
    done = run("export", "ndjson", "--all", "-o", str(tmp_path / "log.ndjson"), registry=registry)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "log.ndjson: 7 records" in done.stderr
    assert (tmp_path / "log.ndjson").read_bytes() == WHOLE
    assert [path for path, _ in registry.fetched] == ["/records?after=1"]
    assert not part.exists()


def test_the_beginning_of_another_log_is_not_continued(registry: Registry, client: Client, tmp_path: Path) -> None:
    part = tmp_path / "log.ndjson.part"
    part.write_bytes(LINES[0] + LINES[1].replace(b"2", b"3", 1))
    with pytest.raises(LogFileError, match="beginning of another log: remove it"):
        export_log(client, tmp_path / "log.ndjson")
    assert part.exists()
    registry.problem = (400, {"detail": "Expected at most 1.", "code": "INVALID_INPUT", "field": "after"})
    with pytest.raises(InvalidInput, match="Expected at most 1"):
        export_log(client, tmp_path / "log.ndjson")


def test_what_is_lost_again_and_again_is_given_up(registry: Registry, client: Client, tmp_path: Path) -> None:
    registry.cuts = [len(LINES[0]), *[0] * 100]
    with pytest.raises(Unreachable, match="try again"):
        export_log(client, tmp_path / "log.ndjson")
    assert (tmp_path / "log.ndjson.part").read_bytes() == LINES[0]
    assert not (tmp_path / "log.ndjson").exists()
    assert len(registry.fetched) == 8


def test_nothing_is_tried_again_where_nothing_came(registry: Registry, client: Client) -> None:
    registry.problem = (503, {"detail": "The store is away.", "code": "UNAVAILABLE"})
    with pytest.raises(Unavailable, match="The store is away"):
        list(log_of(client))
    registry.problem = (403, {"detail": "Not you.", "code": "FORBIDDEN"})
    with pytest.raises(Forbidden):
        list(log_of(client))
    registry.problem = (502, {"oops": 1})
    with pytest.raises(Unintelligible, match="answered 502"):
        list(log_of(client))
    assert len(registry.fetched) == 3


@pytest.mark.parametrize(
    "line",
    [b"<html>\n", b"[]\n", b'{"sequence":3}\n', b'{"end":"descent.log.v1","sequence":9,"root":""}\n', LINES[0]],
)
def test_what_is_not_the_next_line_is_refused(registry: Registry, client: Client, line: bytes) -> None:
    registry.log = [LINES[0], line, *LINES[2:]]
    with pytest.raises(Unintelligible, match="What follows entry 1 of the log"):
        list(log_of(client))


def test_a_refusal_in_the_middle_is_reported(registry: Registry, client: Client) -> None:
    error = {"message": "The token was revoked.", "extensions": {"code": "FORBIDDEN"}}
    registry.log = [LINES[0], json.dumps({"errors": [error]}).encode() + b"\n"]
    with pytest.raises(Forbidden, match="The token was revoked"):
        list(log_of(client))


def test_to_stdout(registry: Registry, client: Client) -> None:
    done = run("export", "ndjson", "--all", registry=registry)
    assert (done.exit_code, done.stdout_bytes) == (0, WHOLE)


@pytest.mark.parametrize("words", [("ndjson",), ("ndjson", "--no-all"), ("nothing", "--all")])
def test_misuse(words: tuple[str, ...]) -> None:
    assert run("export", *words).exit_code == 2


def test_a_file_that_cannot_be_written(registry: Registry, client: Client, tmp_path: Path) -> None:
    done = run("export", "ndjson", "--all", "-o", str(tmp_path / "missing" / "log.ndjson"), registry=registry)
    assert done.exit_code == 1
    assert "cannot be written (No such file or directory)" in done.stderr
