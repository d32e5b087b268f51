"""A registry that an earlier commit wrote opens, verifies, answers the same, and goes on; see README.md."""

import contextlib
import io
import json
import re
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.differences import differences
from tests.compatibility.fixture import BOTH, STORES, Fixture, address, fixtures
from tests.compatibility.questions import ask_all, command_answers, sequence
from tests.compatibility.story import deliver
from tests.support.server_process import Asking, ServerProcess

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
SHOWN = 60
REGISTER = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created records { ref } } }"


def descentd(*arguments: str) -> str:
    """What a command of today's code writes to stdout; run in this process, since to start one takes longer."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setattr(sys, "argv", ["descentd", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("descentd.app", run_name="__main__")
    assert not ended.value.code, told.getvalue()
    return told.getvalue()


def refused(*arguments: str) -> str:
    """What a command that fails writes to stderr."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(told):
        patch.setattr(sys, "argv", ["descentd", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("descentd.app", run_name="__main__")
    assert ended.value.code == 1
    return told.getvalue()


@dataclass(frozen=True, slots=True)
class Older:
    """A copy of a registry that an earlier commit wrote, served by today's code, and all its answers at first."""

    fixture: Fixture
    kind: str
    store: str
    server: Asking
    answers: dict[str, Any]

    def register(self, person: str, manifest: Any) -> dict[str, Any]:
        token = self.fixture.given()[self.kind]["tokens"][person]
        sent = {"query": REGISTER, "variables": {"manifest": manifest}}
        with self.server.client() as client:
            answer = client.post("/graphql", json=sent, headers={"Authorization": f"Bearer {token}"}).json()
        assert "errors" not in answer, answer
        done: dict[str, Any] = answer["data"]["register"]
        return done

    def sequence(self) -> int:
        with self.server.client() as client:
            return sequence(client)


@pytest.fixture(
    scope="module", params=[(one, kind) for one in fixtures() for kind in STORES], ids=lambda one: f"{one[0]} {one[1]}"
)
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Older]:
    fixture, kind = request.param
    if kind == "sqlite":
        file = tmp_path_factory.mktemp("older") / "registry.db"
        fixture.put_sqlite(file)
        store = f"sqlite:///{file}"
    else:
        neo4j = request.getfixturevalue("neo4j_server")
        neo4j.wipe()
        fixture.put_neo4j(neo4j)
        store = address(neo4j)
        assert "run `descentd upgrade` once" in refused("verify", "--store", store)
        backup = tmp_path_factory.mktemp("backup") / "before.json.gz"
        assert "Upgraded" in descentd("upgrade", "--store", store, "--backup", str(backup))
        assert backup.stat().st_size > 10_000
        assert "nothing to upgrade" in descentd("upgrade", "--store", store, "--backup", f"{backup}.2")
    answers = command_answers(store, descentd)
    given = fixture.given()
    own = given[kind]
    secrets = json.dumps([given["secret"]])
    with ServerProcess(store, "--policies", str(fixture.policies), DESCENT_WEBHOOK_SECRETS=secrets) as server:
        answers |= ask_all(server, own["tokens"][own["reader"]], fixture.questions(own["values"]))
        yield Older(fixture, kind, store, server, answers)


def test_it_answers_the_same(older: Older) -> None:
    """Verification, tokens and deliveries too."""
    changes = {
        name: change[BOTH if BOTH in change else older.kind]
        for name, change in older.fixture.expected_changes().items()
        if change.keys() & {BOTH, older.kind}
    }
    told = differences({**older.fixture.answers(older.kind), **changes}, older.answers)
    told += [f"{len(told) - SHOWN} more"] if len(told) > SHOWN else []
    assert not told, "\n".join(
        ["Answered otherwise than by the commit that wrote it; see README.md here:", *told[:SHOWN]]
    )


def test_what_was_sent_before_adds_nothing(older: Older) -> None:
    before = older.sequence()
    given = older.fixture.given()
    for sent in given["manifests"]:
        done = older.register(sent["person"], sent["manifest"])
        assert done["created"] == 0
        assert done["records"]
    for delivery in given[older.kind]["deliveries"]:
        assert deliver(older.server, delivery)["redelivered"]
    assert older.sequence() == before


def test_it_goes_on(older: Older) -> None:
    before = older.sequence()
    parents = [{"ref": "model:credit@6", "relation": "FINE_TUNE"}]
    version = {"name": "credit", "config": {"depth": 10}, "parents": parents}
    assert {"ref": "model:credit@7"} in older.register("Ruth", {"models": [version]})["records"]
    assert older.sequence() == before + 2
    assert f"{before + 2} records are what was recorded" in descentd("verify", "--store", older.store)


@pytest.mark.parametrize("fixture", fixtures(), ids=str)
def test_changes_that_are_expected_are_told(fixture: Fixture) -> None:
    log = one_line(CHANGELOG.read_text("utf-8"))
    for name, change in fixture.expected_changes().items():
        assert all(name in fixture.answers(kind) for kind in STORES if change.keys() & {kind, BOTH}), name
        assert change["changelog"].strip()
        assert one_line(change["changelog"]) in log, name


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def test_a_number_that_another_processor_rounds_otherwise_is_the_same_answer() -> None:
    assert not differences({"q": [0.028379226398349697]}, {"q": [0.028379226398349694]})


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, 1.0), (1, True), (0.0, 1e-300), (0.5, 0.500000001), (10**15, 10**15 + 1), ("0.5", 0.5), (None, 0.0)],
)
def test_all_else_is_another_answer(before: Any, after: Any) -> None:
    assert differences([before], [after]) == [f"[0]: {before!r} -> {after!r}"]
