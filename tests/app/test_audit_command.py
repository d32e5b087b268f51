"""`descentd audit`: the records that are older than a rule which they break."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from descentd.app.server.cli import app
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.sqlite.store import SQLiteStore


async def put(file: Path, *records: Record) -> None:
    """Records as they were registered before a rule was made."""
    store = SQLiteStore(file)
    await store.open()

    async def draft(_reads: Reads) -> list[Record]:
        return list(records)

    await store.write([Proposal(draft, "ann")])
    await store.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


def test_it_lists_what_breaks_a_rule(file: Path) -> None:
    asyncio.run(put(file, Record.of(Kind.MODEL_VERSION, {"name": "good", "version": "1"})))
    store = f"sqlite:///{file}"
    ran = CliRunner().invoke(app, ["audit", "--store", store])
    assert (ran.exit_code, ran.stdout) == (0, "No record breaks a rule.\n")
    asyncio.run(put(file, Record.of(Kind.MODEL_VERSION, {"name": "/bad", "version": "1"})))
    ran = CliRunner().invoke(app, ["audit", "--store", store])
    assert (ran.exit_code, ran.stdout.partition(":")[0]) == (1, "2 model")
    assert "begins with '/'" in ran.stdout
    ran = CliRunner().invoke(app, ["audit", "--store", store, "--format", "json"])
    [line] = ran.stdout.splitlines()
    assert {k: v for k, v in json.loads(line).items() if k != "message"} == {
        "sequence": 2,
        "kind": "MODEL_VERSION",
        "ref": "model:/bad@1",
        "field": "name",
    }


def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["audit", "--store", f"sqlite:///{tmp_path / 'absent.db'}"])
    assert ran.exit_code == 1
    assert not (tmp_path / "absent.db").exists()
