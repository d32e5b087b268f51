"""Attacks on files: a store, a checkpoint or a dossier that somebody changed is found."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from descent.client import Client
from descent.dossier.file import check, dump, export
from descent.errors import NotProved
from descent.notes import Key
from tests.app.command_line import call
from tests.attack.attack import Run, Table
from tests.attack.target import Target
from tests.support.server_process import ServerProcess

attack = Table()

# Each is done to a copy of the store; the statements are those of somebody who has the file.
TAMPERING = {
    "an index without its rows": "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'key_of';",
    "the search index emptied": "DELETE FROM word_data WHERE id > 10;",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON record BEGIN SELECT 1; END;",
    "a view": "CREATE VIEW v AS SELECT * FROM record;",
}


def tampered(statements: str) -> Run:
    """A change of the store's file that `descentd verify` finds."""

    def run(target: Target) -> None:
        copy = _copy(target)
        with sqlite3.connect(copy) as connection:
            connection.executescript(statements)
        connection.close()
        done = call("verify", "--store", f"sqlite:///{copy}")
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr

    return run


def _copy(target: Target) -> Path:
    copy = target.folder / "copy.db"
    for old in target.folder.glob("copy.db*"):
        old.unlink()
    with sqlite3.connect(target.folder / "registry.db") as source, sqlite3.connect(copy) as to:
        source.backup(to)
    source.close()
    to.close()
    return copy


def _dossier(target: Target) -> bytes:
    with Client(target.url, token=target.tokens["vic"]) as client:
        return dump(export(client, "model:m@2", ["production"]))


def forged(change: Callable[[dict[str, object]], None]) -> Run:
    """A change of a dossier, its digest put right by whoever forged it, that is found with the registry's key."""

    def run(target: Target) -> None:
        dossier = json.loads(_dossier(target))
        change(dossier)
        del dossier["digest"]
        dossier["digest"] = "sha256:" + hashlib.sha256(dump(dossier)).hexdigest()
        try:
            check(dump(dossier), [Key.parse(str(target.key.public))])
        except NotProved:
            return
        raise AssertionError("the forged dossier was taken for genuine")

    return run


def _swap_verdict(dossier: dict[str, object]) -> None:
    text = json.dumps({part: dossier[part] for part in ("computed", "stated")})
    for verdict, other in (("PASSED", "BLOCKED"), ("STABLE", "ERODED"), ("UNKNOWN", "STABLE")):
        text = text.replace(verdict, other)
    dossier.update(json.loads(text))


def _rename(dossier: dict[str, object]) -> None:
    dossier.update(json.loads(json.dumps(dossier).replace("Decide.", "Nothing.")))


def _drop(dossier: dict[str, object]) -> None:
    assert isinstance(dossier["records"], list)
    dossier["records"].pop(0)


attack.each({f"a store with {what}": tampered(statements) for what, statements in TAMPERING.items()})
attack.each(
    {
        "a dossier in which a computed verdict was exchanged": forged(_swap_verdict),
        "a dossier in which a profile was reworded": forged(_rename),
        "a dossier without one of its records": forged(_drop),
    }
)


@attack("a dossier of which one byte changed")
def _(target: Target) -> None:
    written = _dossier(target)
    for i in range(7, len(written), len(written) // 40):
        changed = written[:i] + bytes([written[i] ^ 1]) + written[i + 1 :]
        try:
            check(changed, [Key.parse(str(target.key.public))])
        except NotProved:
            continue
        raise AssertionError(f"byte {i} was changed, and nobody noticed")


@attack("a log that was cut off is found by an older checkpoint")
def _(target: Target) -> None:
    note = target.http.get("/checkpoint").text
    kept = target.folder / "kept.checkpoint"
    kept.write_text(note, "utf-8")
    copy = _copy(target)
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)")
    connection.close()
    done = call("verify", "--store", f"sqlite:///{copy}", "--checkpoint", str(kept), "--key", str(target.key.public))
    assert done.returncode != 0, done.stdout


@attack("a table is taken away while the store is served")
def _(target: Target) -> None:
    """Clients are not told what tables there are; the log is."""
    copy = _copy(target)
    with ServerProcess(f"sqlite:///{copy}") as server:
        with sqlite3.connect(copy) as connection:
            connection.execute("DROP TABLE word")
        connection.close()
        with server.client() as client:
            headers = {"authorization": f"Bearer {target.tokens['vic']}"}
            answer = client.post("/graphql", json={"query": '{ search(text: "m") { totalCount } }'}, headers=headers)
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE", answer.text
        assert "table" not in answer.text
    assert "no such table" in json.dumps(server.log)
