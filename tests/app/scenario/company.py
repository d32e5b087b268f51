"""A company with a registry: people who act by the `descent` command line and by webhooks, with their own tokens."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent.cli import app
from descentd.app.server.cli import app as server_app
from descentd.graph.model.names import instant, rfc3339
from tests.app.kills import check_verified
from tests.app.test_survival import address
from tests.app.tokens import new_token
from tests.app.webhooks import SECRET, signed
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import ServerProcess

Json = dict[str, Any]
EXIT_BLOCKED, EXIT_INCOMPLETE = 3, 4


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code, its data, and what it said beside them."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What was written for programs."""
        return json.loads(self.out)

    def unmet(self) -> dict[str, str]:
        """The outcome of each rule that did not pass, of `gate` and `promote`."""
        return {rule["name"]: rule["outcome"] for rule in self.data["rules"] if rule["outcome"] != "PASSED"}

    def message(self, rule: str) -> str:
        """What is said of a rule."""
        [found] = [one["message"] for one in self.data["rules"] if one["name"] == rule]
        return str(found)


class Company:
    """A registry that is served, and whoever has a token of it."""

    def __init__(
        self, store: str, folder: Path, policies: Mapping[str, str], people: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.store = store
        self.policies = folder
        for name, text in policies.items():
            (folder / f"{name}.yaml").write_text(text)
        self._tokens = {person: new_token(store, person, *roles) for person, roles in people.items()}
        self._deliveries = count()
        self.server = ServerProcess(store, "--policies", str(folder), DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET]))
        self.ids: dict[str, str] = {}
        """Ids and moments that later chapters look back on."""

    def run(self, person: str, *words: str, stdin: str | None = None, code: int = 0) -> Ran:
        """Run `descent` as somebody, and assert how it ends."""
        environment = {"DESCENT_URL": self.server.url, "DESCENT_TOKEN": self._tokens[person], "NO_COLOR": "1"}
        # In this process: a Python of its own for each of some hundred commands would take most of the time.
        done = CliRunner().invoke(app, words, input=stdin, env=environment)
        assert done.exit_code == code, (words, done.stdout, done.stderr, done.exception)
        return Ran(done.exit_code, done.stdout, done.stderr)

    def ask(self, person: str, *words: str, code: int = 0) -> Any:
        """The data of a command."""
        return self.run(person, *words, "--format", "json", code=code).data

    def refused(self, error: str, person: str, *words: str, stdin: str | None = None, code: int = 1) -> str:
        """Assert that a command ends with an error of a code and records nothing; returns what it said."""
        before = self.sequence()
        ran = self.run(person, *words, stdin=stdin, code=code)
        assert f"({error})" in ran.err, ran
        assert self.sequence() == before
        return ran.err

    def register(self, person: str, **sections: Any) -> dict[str, str]:
        """Register a manifest; the ids by ref, or by kind of what has no label."""
        ran = self.run(person, "register", "-", "--format", "json", stdin=json.dumps(sections))
        return {one["ref"] if one["ref"] != one["id"] else one["kind"]: one["id"] for one in ran.data["records"]}

    def gate(self, of: str, environment: str = "production", *, code: int, person: str = "Ines") -> Ran:
        """What the gate says of a version, by its exit code."""
        return self.run(person, "gate", of, "-e", environment, "--format", "json", code=code)

    def promote(self, person: str, of: str, environment: str = "production", *, code: int = 0) -> Ran:
        """Promote, or try to: the decision is recorded either way."""
        return self.run(person, "promote", of, "-e", environment, "--format", "json", code=code)

    def review(self, person: str, of: str, decision: str = "go", environment: str = "production", *more: str) -> Json:
        """Decide on a version."""
        words = ("review", of, decision, "-e", environment, "--reason", f"{person} has read it.", *more)
        found: Json = self.ask(person, *words)
        return found

    def verdict(self, of: str, person: str = "Ada") -> tuple[str, dict[str, list[str]]]:
        """Where a version stands, and the sentences of each reason."""
        found = self.ask(person, "show", of)["verdict"]
        reasons: dict[str, list[str]] = {}
        for reason in found["reasons"]:
            reasons.setdefault(reason["code"], []).append(reason["message"])
        return found["status"], reasons

    def serves(self, endpoint: str, at: str | None = None, environment: str = "production") -> str | None:
        """The version that served at an endpoint."""
        words = ("serving", "-e", environment, "-p", endpoint, *(("--at", at) if at else ()))
        found = self.ask("Ada", *words)
        assert len(found) <= 1
        return found[0]["version"]["ref"] if found else None

    def deliver(self, address: str, body: Json) -> list[Json]:
        """Send a signed webhook; what became of each alert or report in it."""
        raw = json.dumps(body).encode()
        headers = signed(raw, f"delivery-{next(self._deliveries)}") | {"content-type": "application/json"}
        with self.server.client() as client:
            answer = client.post(f"/webhooks/{address}", content=raw, headers=headers)
        assert answer.status_code == 200, answer.text
        records: list[Json] = answer.json()["records"]
        return records

    def lay_down(self, folder: Path) -> None:
        """Put the policies of a folder in force while the server runs."""
        self._descentd("policies", "apply", str(folder), "--store", self.store)

    def leaves(self, person: str) -> None:
        """Revoke all tokens of somebody, as whoever runs the registry does."""
        listed = self._descentd("token", "list", "--store", self.store)
        theirs = [line.split()[0] for line in listed.splitlines() if person in line.split()]
        assert theirs, listed
        for token in theirs:
            self._descentd("token", "revoke", token, "--store", self.store)

    def _descentd(self, *words: str) -> str:
        done = CliRunner().invoke(server_app, list(words))
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def sequence(self) -> int:
        """How many records there are."""
        with self.server.client() as client:
            return int(client.get("/readyz").json()["sequence"])

    def moment(self) -> str:
        """A moment after everything that was recorded, and before what comes."""
        now = datetime.now(UTC)
        while datetime.now(UTC) <= now:
            pass
        return rfc3339(instant(now.isoformat()))


@contextmanager
def founded(
    request: pytest.FixtureRequest,
    folder: Path,
    policies: Mapping[str, str],
    people: Mapping[str, tuple[str, ...]],
) -> Iterator[Company]:
    """A company on the store that `request` has as its parameter, while its registry is served; then it is verified."""
    store = f"sqlite:///{folder / 'registry.db'}"
    if request.param == "neo4j":
        neo4j: Neo4jServer = request.getfixturevalue("neo4j_server")
        neo4j.clear()
        store = address(neo4j)
    (folder / "policies").mkdir()
    company = Company(store, folder / "policies", policies, people)
    with company.server:
        yield company
    check_verified(store)
