"""Signed notes about chains, retention, and several processes that sign for one registry."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from descentd.app.checkpoints.chain_notes import (
    ChainHeads,
    closed_by,
    closing_text,
    is_chain_heads,
    open_chain_heads,
)
from descentd.app.checkpoints.checkpoint import open_checkpoint
from descentd.app.checkpoints.signed_note import SigningKey
from descentd.app.checkpoints.signer import Signer
from descentd.app.server.retention import DAY, Retention, retentions
from descentd.app.server.settings import Settings
from descentd.graph.model.chain import Chain, beginning
from descentd.graph.model.clock import now
from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.pruning import prune
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from descentd.queries.proofs import LogTree
from tests.app.command_line import call
from tests.graph.beside import access, fill
from tests.graph.samples import adding, note
from tests.support.registries import opened
from tests.support.server_process import ServerProcess

NAME = "example.org/registry"
KEY, OTHER = SigningKey.generate(NAME), SigningKey.generate(NAME)
HEADS = ChainHeads(NAME, (7, bytes(range(32))), {chain: (n, bytes([n]) * 32) for n, chain in enumerate(Chain)})


def test_the_text_of_a_note() -> None:
    assert HEADS.text == (
        "descent.chains.v1\n"
        "example.org/registry\n"
        "records 7 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "accesses 0 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "tokens 1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
        "arrivals 2 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
        "deliveries 3 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n"
    )
    assert HEADS.total == 6
    written = KEY.sign(HEADS.text)
    assert is_chain_heads(written)
    assert open_chain_heads(written, [OTHER.public, KEY.public]) == HEADS
    with pytest.raises(InvalidInput):
        open_chain_heads(written, [OTHER.public])
    with pytest.raises(InvalidInput, match="not a checkpoint"):
        open_checkpoint(written, [KEY.public])
    alien = SigningKey.generate("example.org/other")
    with pytest.raises(InvalidInput, match="none of the given keys of that name"):
        open_chain_heads(alien.sign(HEADS.text), [alien.public])


@pytest.mark.parametrize(
    "text",
    [
        "descent.chains.v1\n",
        HEADS.text.replace("descent.chains.v1", "descent.chains.v2"),
        HEADS.text.replace("tokens 1", "tokens 01"),
        HEADS.text.replace("tokens 1", "tokens -1"),
        HEADS.text.replace("tokens 1", "token 1"),
        HEADS.text.replace("tokens 1", "accesses 1"),
        HEADS.text.replace("AQE=", "AQF="),
        HEADS.text + "more 1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n",
        HEADS.text.rpartition("deliveries")[0],
    ],
)
def test_what_is_no_note_about_chains(text: str) -> None:
    if text == HEADS.text.replace("AQE=", "AQF="):  # Base64 that no encoder writes, of the same bytes
        assert ChainHeads.parse(text) == HEADS
        return
    with pytest.raises(InvalidInput):
        ChainHeads.parse(text)


def test_a_note_closes_only_what_it_says() -> None:
    fault = closed_by([KEY.public])
    hash = beginning(Chain.ACCESSES)
    right = KEY.sign(closing_text(NAME, Chain.ACCESSES, 5, hash))
    assert fault(Chain.ACCESSES, 5, hash, right) is None
    assert "without a signed note" in str(fault(Chain.ACCESSES, 5, hash, ""))
    for chain, number, digest in (
        (Chain.ARRIVALS, 5, hash),
        (Chain.ACCESSES, 6, hash),
        (Chain.ACCESSES, 5, bytes(32)),
    ):
        assert fault(chain, number, digest, right) == "the note that closes them is about others"
    assert "not signed as it must be" in str(closed_by([OTHER.public])(Chain.ACCESSES, 5, hash, right))
    assert "not signed as it must be" in str(fault(Chain.ACCESSES, 5, hash, right.replace(" 5 ", " 6 ")))


@pytest.mark.anyio
async def test_no_chains_are_signed_that_do_not_continue_the_last_note(tmp_path: Path) -> None:
    store = MemoryStore()
    await fill(store)
    signer = Signer(KEY, (), [tmp_path])
    written = await signer.write_chains(store)
    assert open_chain_heads(written, [KEY.public]).total == 18
    assert (tmp_path / "chains").read_text("utf-8") == (tmp_path / "chains.18").read_text("utf-8") == written
    assert await signer.write_chains(store, 1) == ""
    await store.accounts.record_accesses([access(4)])
    assert await signer.write_chains(store, 2) == ""
    assert await signer.write_chains(store, 1) != ""
    # After others were forgotten it goes on, where a note closes them, and after everything was forgotten, too.
    assert await prune(store, Chain.ACCESSES, 4_000_000, signer.close) == 3
    await signer.write_chains(store)
    await store.accounts.record_accesses([access(5)])
    assert await prune(store, Chain.ACCESSES, now(), signer.close) == 2
    await signer.write_chains(store)
    await store.accounts.record_accesses([access(6), access(7)])
    await signer.write_chains(store)
    assert await prune(store, Chain.ACCESSES, now(), lambda *_: "") == 2
    await signer.write_chains(store)  # for it is the base that was signed before
    await store.accounts.record_accesses([access(8)])
    assert await prune(store, Chain.ACCESSES, now(), lambda *_: "") == 1
    with pytest.raises(Unavailable, match="without a signed note"):
        await signer.write_chains(store)
    other = MemoryStore()
    with pytest.raises(Unavailable, match="does not continue the last signed note"):
        await Signer(KEY, (), [tmp_path]).write_chains(other)
    with pytest.raises(Unavailable, match="is not signed by this registry"):
        await Signer(OTHER, (), [tmp_path]).write_chains(store)


async def fill_file(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    await fill(store)
    await store.close()


def test_the_command_line_signs_chains_prunes_and_holds_the_store_to_both(tmp_path: Path) -> None:
    path, file = tmp_path / "r.db", tmp_path / "chains"
    anyio.run(fill_file, path)
    store, key = f"sqlite:///{path}", {"DESCENT_SIGNING_KEY": KEY.dump()}
    signed = call("checkpoint", "--chains", "--store", store, **key)
    assert signed.returncode == 0, signed.stderr
    file.write_text(signed.stdout, "utf-8")
    assert "are kept 365 days" in call("prune", "--dry-run", "--store", store).stdout
    assert "are kept 1 day." in call("prune", "--dry-run", "--store", store, DESCENT_RETAIN_ACCESS_LOG="1").stdout

    def verified(*options: str) -> str:
        done = call("verify", "--store", store, "--key", str(KEY.public), *options)
        assert done.returncode == int("are what was recorded" not in done.stdout), done.stderr
        return done.stdout

    assert "are what was recorded" in verified("--checkpoint", str(file))
    pruned = call("prune", "--store", store, DESCENT_RETAIN_DELIVERIES="0")
    assert pruned.stdout == "Forgot 3 entries of the access log.\nForgot 0 entries of the log of arrivals.\n"
    assert "without a signed note, for which `descentd prune` needs" in verified()
    assert call("prune", "--store", store, **key).returncode == 0
    assert "are what was recorded" in verified("--checkpoint", str(file))
    assert anyio.run(accesses, path)[0] == ("prune", "accesses 0, arrivals 0, deliveries 0")


async def accesses(path: Path) -> list[tuple[str, str]]:
    store = SQLiteStore(path)
    await store.open()
    found = await store.accounts.accesses(None, 10)
    await store.close()
    return [(one.operation, one.detail) for _, one in found]


def test_days_that_are_set() -> None:
    assert retentions(Settings()) == {Chain.ACCESSES: 365, Chain.ARRIVALS: 30, Chain.DELIVERIES: 90}
    assert retentions(Settings(retain_access_log=0, retain_arrivals=7, retain_deliveries=0)) == {Chain.ARRIVALS: 7}
    with pytest.raises(InvalidInput, match="retain-arrivals"):
        Settings.read(retain_arrivals=-1)


@pytest.mark.anyio
async def test_a_server_forgets_by_itself(tmp_path: Path) -> None:
    store = MemoryStore()
    await fill(store)
    signer = Signer(KEY, (), [tmp_path])
    async with opened(store) as registry:
        recent = access(now() // 1_000_000 - DAY // 1_000_000 * 300)
        await store.accounts.record_accesses([recent])
        retention = Retention(Settings(), lambda: registry, signer)
        retention.start()
        async with asyncio.timeout(60):
            while len(await store.accounts.accesses(None, 9)) > 1:
                await asyncio.sleep(0)
        await retention.stop()
        assert [kept for _, kept in await store.accounts.accesses(None, 9)] == [recent]
        assert (await verify(store, closed=signer.closed)).problem is None


# Several that sign


@pytest.mark.anyio
async def test_each_size_is_written_once_whoever_writes(tmp_path: Path) -> None:
    path, folder = tmp_path / "r.db", tmp_path / "checkpoints"
    stores = [SQLiteStore(path) for _ in range(3)]
    for store in stores:
        await store.open()
    seen: list[tuple[int, int]] = []

    async def sign(store: SQLiteStore) -> None:
        signer, tree = Signer(KEY, (), [folder]), LogTree()
        for number in range(12):
            written = await signer.write(store, tree, 3)
            if written:
                size = open_checkpoint(written, [KEY.public])[0].size
                seen.append((size, open_checkpoint((folder / "checkpoint").read_text(), [KEY.public])[0].size))
            await store.write([adding(note(f"{id(store)} {number}"))])
            await signer.write_chains(store, 1)

    await asyncio.gather(*map(sign, stores))
    sizes = [size for size, _ in seen]
    assert len(sizes) == len(set(sizes)) > 3
    assert sizes == sorted(sizes)  # the latest never goes back
    assert all(later >= size for size, later in seen)
    roots = [open_checkpoint(file.read_text(), [KEY.public])[0] for file in folder.glob("checkpoint.*")]
    assert sorted(one.size for one in roots) == sorted(sizes)
    assert (await verify(stores[0], None, [(one.size, one.root) for one in roots])).problem is None
    for store in stores:
        await store.close()


def test_two_servers_with_workers_and_a_command_sign_one_registry(tmp_path: Path) -> None:
    """Each size has one root, whoever signs it, and all are of the log as it is in the end."""
    path, folder = tmp_path / "r.db", tmp_path / "checkpoints"
    store = f"sqlite:///{path}"
    settings: dict[str, Any] = {
        "DESCENT_SIGNING_KEY": KEY.dump(),
        "DESCENT_CHECKPOINTS": str(folder),
        "DESCENT_CHECKPOINT_EVERY": "5",
    }
    query = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
    roots: dict[int, set[str]] = {}

    def take(written: str) -> None:
        found = open_checkpoint(written, [KEY.public])[0]
        roots.setdefault(found.size, set()).add(found.root.hex())

    with (
        ServerProcess(store, "--workers", "2", **settings) as one,
        ServerProcess(store, **settings) as other,
        ThreadPoolExecutor(4) as pool,
    ):

        def register(number: int) -> None:
            server = (one, other)[number % 2]
            manifest: dict[str, Any] = {"models": [{"name": "m", "version": str(number)}]}
            assert server.ask(query, manifest=manifest)["data"]["register"]["created"] == 1
            with server.client() as client:
                take(client.get("/checkpoint").text)

        done = pool.map(register, range(24))
        signed = call("checkpoint", "--store", store, **settings)
        assert signed.returncode == 0, signed.stderr
        take(signed.stdout)
        assert len(list(done)) == 24
    for file in folder.glob("checkpoint.*"):
        take(file.read_text("utf-8"))
    assert {len(each) for each in roots.values()} == {1}
    assert max(roots) == 24
    latest = open_checkpoint((folder / "checkpoint").read_text("utf-8"), [KEY.public])[0]
    assert latest.size == 24
    files = [option for file in folder.glob("*.*") if file.name[0] == "c" for option in ("--checkpoint", str(file))]
    checked = call("verify", "--store", store, "--key", str(KEY.public), *files)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (folder / "chains").exists()
