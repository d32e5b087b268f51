"""What is proved of a log is what its leaves give, costs what is needed, and is checked by the client alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from descent.proofs import check_proof
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.merkle import consistency_proof, inclusion_proof, merkle_root
from descentd.queries.proofs import LogTree, consistency, prove
from descentd.queries.registry import Registry
from tests.graph.samples import adding, note, registry, send
from tests.support.neo4j_server import Neo4jServer
from tests.support.registries import STORES, opened, store_of
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

SIZE = 1300


@pytest.fixture(scope="module", params=STORES)
async def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    server: Neo4jServer | None = request.getfixturevalue("neo4j_server") if request.param == "neo4j" else None
    if server is not None:
        server.clear()
    async with opened(store_of(request.param, tmp_path_factory.mktemp("proofs"), server)) as found:
        await found.store.write([adding(*(note(str(number)) for number in range(SIZE)))])
        yield found


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 1023, 1024, 1025, 1279, 1280, 1299, SIZE])
async def test_proofs_are_those_of_the_leaves(filled: Registry, size: int) -> None:
    leaves = await filled.store.hashes(0, SIZE)
    for index in sorted({0, size // 3, size // 2, max(0, size - 257), size - 1}):
        [brief] = await filled.store.briefs([index + 1])
        proof = await prove(filled, brief.id, size)
        assert (proof.record, proof.leaf, proof.size) == (brief, leaves[index], size)
        assert proof.root == merkle_root(leaves[:size])
        assert proof.inclusion == inclusion_proof(index, size, lambda start, end: merkle_root(leaves[start:end]))
        assert (proof.present, proof.present_root) == (SIZE, merkle_root(leaves))
        expected = consistency_proof(size, SIZE, lambda start, end: merkle_root(leaves[start:end]))
        assert proof.consistency == await consistency(filled, size, SIZE) == expected


async def test_the_client_checks_what_is_answered(filled: Registry) -> None:
    for sequence in (1, 256, 257, 900, SIZE):
        [brief] = await filled.store.briefs([sequence])
        answer = await ask(filled, "Proof", of=brief.id)
        assert check_proof(answer).sequence == sequence
        assert check_proof(await ask(filled, "Proof", of=brief.id, size=sequence)).id == brief.id


async def test_a_proof_reads_hashes_about_its_places_and_each_full_subtree_once(tmp_path: Path) -> None:
    read: list[tuple[int, int]] = []
    async with opened(store_of("memory", tmp_path, None)) as found:
        store = found.store
        await store.write([adding(*(note(str(number)) for number in range(SIZE)))])
        hashes = store.hashes

        async def counted(after: int, limit: int) -> list[bytes]:
            read.append((after, limit))
            return await hashes(after, limit)

        store.hashes = counted  # type: ignore[method-assign]
        [first, second] = await store.briefs([1, 700])
        await prove(found, first.id)
        assert sum(limit for _, limit in read) <= 1280 + 2 * 256
        read.clear()
        await prove(found, second.id, 800)
        assert sum(limit for _, limit in read) <= 3 * 256
        await store.write([adding(*(note(f"more {number}") for number in range(300)))])
        read.clear()
        await prove(found, second.id)
        assert sum(limit for _, limit in read) <= 256 + 2 * 256
        tree = found.cache(LogTree)
        assert [len(level) for level in tree._levels] == [6, 3, 1]


async def test_it_grows_with_the_log_and_stays_the_beginning(tmp_path: Path) -> None:
    async with opened(store_of("sqlite", tmp_path, None)) as found:
        await send(found.store, registry())
        ref = "model:credit-risk@4.0"
        earlier = await ask(found, "Proof", of=ref)
        await found.store.write([adding(note("later"))])
        later = await ask(found, "Proof", of=ref, size=earlier["size"])
        assert later["root"] == earlier["root"]
        assert later["presentSize"] == earlier["size"] + 1
        check_proof(later)


@pytest.mark.parametrize(
    ("of", "size", "said"),
    [
        ("model:credit-risk@4.0", 15, "The log holds 14 records, not 15"),
        ("model:credit-risk@4.0", 1, "which a log of 1 does not hold"),
        ("model:credit-risk@4.0", 0, "which a log of 0 does not hold"),
        ("model:credit-risk@4.0", -1, "which a log of -1 does not hold"),
    ],
)
async def test_sizes_that_cannot_be(tmp_path: Path, of: str, size: int, said: str) -> None:
    async with opened(store_of("memory", tmp_path, None)) as found:
        await send(found.store, registry())
        with pytest.raises(InvalidInput, match=said) as error:
            await prove(found, of, size)
        assert error.value.field == "size"
        with pytest.raises(NotFound):
            await prove(found, "model:none@1")
