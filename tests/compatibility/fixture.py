"""A folder with a registry of each store as some commit wrote it, and with what that commit answered about it."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.compatibility.neo4j_dump import dump, load
from tests.compatibility.questions import Question, Values, questions
from tests.support.neo4j_server import Neo4jServer

FOLDER: Final = Path(__file__).parent
STORES: Final = ("sqlite", "neo4j")
BOTH: Final = "both"


@dataclass(frozen=True, slots=True)
class Fixture:
    """The files of one folder.

    `given.json` holds the manifests that were sent, and for each store the tokens of people, the deliveries of webhooks
    and what the variables of questions stand for. In `answers.json` what both stores answered stands once, under
    `both`.
    """

    folder: Path

    def __str__(self) -> str:
        return self.folder.name

    @property
    def policies(self) -> Path:
        """The folder of the policies that were in force."""
        return self.folder / "policies"

    def given(self) -> dict[str, Any]:
        return self._read("given.json")

    def questions(self, values: Values) -> list[Question]:
        """All that is asked of a registry in which variables stand for `values`."""
        return list(questions((self.folder / "questions.graphql").read_text("utf-8"), values))

    def answers(self, kind: str) -> dict[str, Any]:
        """What the commit that wrote it answered."""
        found = self._read("answers.json")
        return {**found[BOTH], **found[kind]}

    def expected_changes(self) -> dict[str, Any]:
        """Questions that are answered otherwise by now, each with its `answer` and the sentence of the `changelog`."""
        return self._read("expected_changes.json")

    def expect(self, changes: Mapping[str, Any]) -> None:
        """Keep what is answered otherwise by now, on purpose."""
        self._write("expected_changes.json", dict(sorted(changes.items())))

    def write(self, given: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what was sent, and the answers of each store."""
        first, second = (answers[kind] for kind in STORES)
        both = {name: answer for name, answer in first.items() if second.get(name) == answer}
        own = {kind: {name: answers[kind][name] for name in answers[kind] if name not in both} for kind in STORES}
        self._write("given.json", given)
        self._write("answers.json", {BOTH: both, **own})
        if not (self.folder / "expected_changes.json").exists():
            self._write("expected_changes.json", {})

    def keep_sqlite(self, file: Path) -> None:
        """Keep a registry in a file that no server has open."""
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (self.folder / "registry.sqlite.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))

    def put_sqlite(self, file: Path) -> None:
        """Make a file of the registry that was kept."""
        with gzip.open(self.folder / "registry.sqlite.gz") as kept, file.open("wb") as copy:
            shutil.copyfileobj(kept, copy)

    def keep_neo4j(self, server: Neo4jServer) -> None:
        """Keep the registry in a Neo4j."""
        with server.driver() as driver:
            written = json.dumps(dump(driver), ensure_ascii=False, separators=(",", ":"))
        (self.folder / "registry.neo4j.json.gz").write_bytes(gzip.compress(written.encode(), mtime=0))

    def put_neo4j(self, server: Neo4jServer) -> None:
        """Put the registry that was kept into an empty Neo4j."""
        with server.driver() as driver:
            load(driver, self.neo4j_dump())

    def neo4j_dump(self) -> dict[str, Any]:
        with gzip.open(self.folder / "registry.neo4j.json.gz", "rt", encoding="utf-8") as kept:
            found: dict[str, Any] = json.load(kept)
        return found

    def _read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / name).read_text("utf-8"))
        return found

    def _write(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(_lines(content) + "\n", "utf-8")


def address(server: Neo4jServer) -> str:
    """The address of a Neo4j as a store."""
    user = ":".join(server.auth) + "@" if server.auth else ""
    return server.uri.replace("://", f"://{user}")


def fixtures() -> list[Fixture]:
    """All that are kept here, the oldest name first."""
    return [Fixture(file.parent) for file in sorted(FOLDER.glob("*/answers.json"))]


def _lines(content: Any, depth: int = 0) -> str:
    """JSON with a line for each entry of the outermost objects, so that a change of one answer is one line."""
    if depth < 2 and isinstance(content, dict) and content:
        inner = (f"{json.dumps(name, ensure_ascii=False)}: {_lines(one, depth + 1)}" for name, one in content.items())
        return "{\n" + ",\n".join(inner) + "\n}"
    return json.dumps(content, ensure_ascii=False)
