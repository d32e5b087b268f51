"""A server with the registry that is exported, and its log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.exports.registered import ACTS, MORE, POLICY, REGISTER, exported
from tests.graph.samples import registry as sample
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "production.yaml").write_text(POLICY)
    with ServerProcess(f"sqlite:///{folder / 'registry.db'}", "--policies", str(folder)) as running:
        for manifest in (sample(), MORE):
            answer = running.ask(REGISTER, manifest=manifest)
            assert "errors" not in answer, answer
        for act in ACTS:
            running.ask(act)
        yield running


@pytest.fixture(scope="module")
def log(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """The records of the registry by id."""
    lines = [json.loads(line) for line in exported(server, "ndjson", "--all").splitlines()]
    return {line["id"]: line for line in lines if "id" in line}
