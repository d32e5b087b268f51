"""Checkpoints never contradict each other, and hold the registry to what it was."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.signed_note import (
    SigningKey,
)
from descentd.app.checkpoints.signer import Signer
from descentd.app.checkpoints.writer import CheckpointWriter
from descentd.graph.model.errors import Unavailable
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from descentd.queries.proofs import LogTree
from tests.graph.samples import adding, note, registry, send
from tests.support import preloaded
from tests.support.registries import opened
from tests.support.server_process import ServerProcess

NAME = "example.org/registry"
KEY, OTHER = SigningKey.generate(NAME), SigningKey.generate(NAME)


# Signing


@pytest.mark.anyio
async def test_what_is_signed_is_the_head_and_continues_what_was_signed(tmp_path: Path) -> None:
    store, folders = MemoryStore(), [tmp_path / "one", tmp_path / "two"]
    signer = Signer(KEY, (), folders)
    empty, _ = open_checkpoint(await signer.write(store, LogTree()), [KEY.public])
    assert (empty.size, empty.root) == (0, (await store.head()).frontier.root())
    for size in (3, 260, 600):
        have = await store.sequence()
        await store.write([adding(*(note(str(number)) for number in range(have, size)))])
        written = await signer.write(store, LogTree())
        found, _ = open_checkpoint(written, [KEY.public])
        assert found == Checkpoint(NAME, size, (await store.head()).frontier.root())
        for folder in folders:
            assert (folder / "checkpoint").read_text("utf-8") == written
            assert (folder / f"checkpoint.{size}").read_text("utf-8") == written
        assert await signer.write(store, LogTree(), 1) == ""
    assert sorted(path.name for path in folders[1].iterdir()) == [
        "checkpoint",
        *(f"checkpoint.{size}" for size in (0, 260, 3, 600)),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("size", [2, 5, 9])
async def test_no_log_is_signed_that_does_not_continue_the_last_one(tmp_path: Path, size: int) -> None:
    store, other = MemoryStore(), MemoryStore()
    await store.write([adding(*(note(str(number)) for number in range(5)))])
    await Signer(KEY, (), [tmp_path]).write(store, LogTree())
    await other.write([adding(*(note(f"other {number}") for number in range(size)))])
    before = (tmp_path / "checkpoint").read_text("utf-8")
    with pytest.raises(Unavailable, match="does not continue the last checkpoint"):
        await Signer(KEY, (), [tmp_path]).write(other, LogTree())
    assert (tmp_path / "checkpoint").read_text("utf-8") == before


@pytest.mark.anyio
async def test_keys_are_rotated_and_old_checkpoints_stay_verifiable(tmp_path: Path) -> None:
    store = MemoryStore()
    await store.write([adding(note("one"))])
    old = await Signer(OTHER, (), [tmp_path]).write(store, LogTree())
    await store.write([adding(note("two"))])
    with pytest.raises(Unavailable, match="DESCENT_CHECKPOINT_KEYS"):
        await Signer(KEY, (), [tmp_path]).write(store, LogTree())
    new = await Signer(KEY, [OTHER.public], [tmp_path]).write(store, LogTree())
    keys = [KEY.public, OTHER.public]
    known = [open_checkpoint(each, keys)[0] for each in (old, new)]
    assert [checkpoint.size for checkpoint in known] == [1, 2]
    assert (await verify(store, None, [(c.size, c.root) for c in known])).problem is None


# Verifying a store against checkpoints


@pytest.mark.anyio
async def test_a_store_is_held_to_every_size_that_it_had() -> None:
    store, roots = MemoryStore(), []
    for number in range(20):
        head = await store.head()
        roots.append((head.sequence, head.frontier.root()))
        await store.write([adding(note(str(number)))])
    assert (await verify(store, None, roots)).problem is None
    for size, root in roots:
        problem = (await verify(store, None, [(size, bytes(32))])).problem
        assert f"its first {size} entries have the root {root.hex()}" in str(problem)
        both = await verify(store, None, [(size, root), (size, bytes(32))])
        assert "was rewritten" in str(both.problem)
    assert "has 20 entries, but the checkpoint has 21" in str((await verify(store, None, [(21, bytes(32))])).problem)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(preloaded.SERVER, *command, environment=environment)


async def fill(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await send(store, registry())
    await store.close()


async def rewrite(path: Path) -> None:
    """What somebody does who has the file and the code: another history, right in itself."""
    path.unlink()
    await fill(path)
    store = SQLiteStore(path)
    await store.open()
    await store.write([adding(note("after"))])
    await store.close()


def cut(path: Path) -> None:
    """Take the last records away, and put all that follows from them right."""
    import anyio

    from descentd.graph.model.merkle import Frontier

    with closing(sqlite3.connect(path)) as db, db:
        last = db.execute("SELECT max(seq) FROM record").fetchone()[0] - 2
        for table, column in (("record", "seq"), ("body", "seq"), ("edge", "src"), ("key", "seq"), ("word", "rowid")):
            db.execute(f"DELETE FROM {table} WHERE {column} > ?", (last,))
        frontier = Frontier().append(row[0] for row in db.execute("SELECT hash FROM record ORDER BY seq"))
        db.execute("UPDATE head SET seq = ?, frontier = ?", (last, frontier.dump()))
    assert anyio.run(_problem, path) is None


async def _problem(path: Path) -> str | None:
    store = SQLiteStore(path)
    await store.open()
    try:
        return (await verify(store)).problem
    finally:
        await store.close()


def test_the_command_line_finds_truncation_and_rewriting_also_after_growth(tmp_path: Path) -> None:
    import anyio

    path, key, file = tmp_path / "r.db", tmp_path / "key", tmp_path / "checkpoint"
    store = f"sqlite:///{path}"
    anyio.run(fill, path)
    made = run("keygen", "--name", NAME, "--output", str(key))
    assert (made.returncode, key.stat().st_mode & 0o777) == (0, 0o600)
    assert run("keygen", "--name", NAME, "--output", str(key)).returncode == 2
    signed = run("checkpoint", "--store", store, DESCENT_SIGNING_KEY_FILE=str(key))
    assert signed.returncode == 0, signed.stderr
    file.write_text(signed.stdout, "utf-8")

    def verified(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return run("verify", "--store", store, "--checkpoint", str(file), *options, **environment)

    assert verified("--key", made.stdout.strip()).returncode == 0
    assert verified(DESCENT_SIGNING_KEY=key.read_text("utf-8").strip()).returncode == 0
    assert verified().returncode == 2
    assert verified("--key", str(OTHER.public)).returncode == 2
    grown = anyio.run(grow, path)
    assert grown > 14
    assert verified("--key", made.stdout.strip()).returncode == 0
    anyio.run(rewrite, path)
    found = verified("--key", made.stdout.strip())
    assert (found.returncode, "was rewritten" in found.stdout) == (1, True)
    assert found.stdout.endswith(" records were compared before that and consistent with each other.\n")
    path.unlink()
    anyio.run(fill, path)
    again = run("checkpoint", "--store", store, DESCENT_SIGNING_KEY_FILE=str(key))
    file.write_text(again.stdout, "utf-8")
    cut(path)
    found = verified("--key", made.stdout.strip())
    assert (found.returncode, "was cut off" in found.stdout) == (1, True)


async def grow(path: Path) -> int:
    store = SQLiteStore(path)
    await store.open()
    await store.write([adding(note("after"))])
    size = await store.sequence()
    await store.close()
    return size


# Serving


def test_a_server_signs_and_writes_every_n_records_and_at_its_end(tmp_path: Path) -> None:
    folders = (tmp_path / "c", tmp_path / "copy")
    query = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
    with ServerProcess(
        f"sqlite:///{tmp_path / 'r.db'}",
        DESCENT_CHECKPOINTS=str(folders[0]),
        DESCENT_CHECKPOINTS_COPY=str(folders[1]),
        DESCENT_SIGNING_KEY=KEY.dump(),
        DESCENT_CHECKPOINT_EVERY="1000000",
    ) as server:
        server.ask(query, manifest={"models": [{"name": "m", "version": "1"}]})
        with server.client() as client:
            answer = client.get("/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        found, _ = open_checkpoint(answer.text, [KEY.public])
        assert found.size == 1
        assert server.stop() == 0
        assert KEY.dump() not in json.dumps(server.log)
    for folder in folders:
        assert open_checkpoint((folder / "checkpoint").read_text("utf-8"), [KEY.public])[0] == found


@pytest.mark.anyio
async def test_one_is_written_when_as_many_entries_came_as_are_asked_for(tmp_path: Path) -> None:
    async with opened(MemoryStore()) as found:
        writer = CheckpointWriter(Signer(KEY, (), [tmp_path]), lambda: found, 5, writes=True)
        for number in range(12):
            await found.store.write([adding(note(str(number)))])
            await writer._write(5)
    written = sorted(path.name for path in tmp_path.glob("checkpoint*"))
    assert written == ["checkpoint", "checkpoint.10", "checkpoint.5"]


def test_a_server_without_a_key_has_no_checkpoint(server: ServerProcess) -> None:
    with server.client() as client:
        answer = client.get("/checkpoint")
    assert answer.status_code == 404
    assert "DESCENT_SIGNING_KEY_FILE" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DESCENT_SIGNING_KEY": "PRIVATE+KEY+secret"}, "The signing key cannot be read"),
        ({"DESCENT_SIGNING_KEY_FILE": "/nowhere"}, "The file of the signing key cannot be read"),
        ({"DESCENT_CHECKPOINTS": "/tmp"}, "cannot be signed without a key"),
        ({"DESCENT_SIGNING_KEY": KEY.dump(), "DESCENT_CHECKPOINT_KEYS": '["x"]'}, "not a public key"),
    ],
)
def test_keys_that_cannot_be_used_end_the_start(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    done = run("serve", "--port", "0", "--store", f"sqlite:///{tmp_path / 'r.db'}", **environment)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "secret" not in done.stderr
