"""`descentd access-log` lists who asked for what."""

import json
from pathlib import Path

import pytest

from tests.app.command_line import call


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A registry in which two tokens were made."""
    store = f"sqlite:///{tmp_path / 'r.db'}"
    for person in ("Ada", "Bo"):
        assert call("token", "create", "--store", store, "--person", person, "--role", "viewer").returncode == 0
    return store


def test_newest_first_as_text_or_json(store: str) -> None:
    lines = call("access-log", "--store", store).stdout.splitlines()
    assert ["Bo" in lines[0], "Ada" in lines[1], len(lines)] == [True, True, 2]
    assert all(": OK: " in line and "token create" in line for line in lines)
    entries = [
        json.loads(line) for line in call("access-log", "--store", store, "--format", "json").stdout.splitlines()
    ]
    assert [(entry["operation"], entry["outcome"], entry["count"]) for entry in entries] == [
        ("token create", "OK", 1)
    ] * 2
    assert entries[0]["at"] >= entries[1]["at"]
    assert entries[0]["at"].endswith("Z")


def test_some_of_it(store: str) -> None:
    assert len(call("access-log", "--store", store, "--first", "1").stdout.splitlines()) == 1
    assert call("access-log", "--store", store, "--refused").stdout == ""
    assert call("access-log", "--store", store, "--person", "Nobody").stdout == ""
    assert len(call("access-log", "--store", store, "--accepted").stdout.splitlines()) == 2


@pytest.mark.parametrize("first", ["0", "10001", "-1"])
def test_too_few_and_too_many(store: str, first: str) -> None:
    done = call("access-log", "--store", store, "--first", first)
    assert (done.returncode, "Expected --first between 1 and 10,000" in done.stderr) == (2, True)
