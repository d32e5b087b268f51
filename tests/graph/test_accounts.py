"""Tokens and the log of accesses: every store keeps them alike, and none takes them for part of the lineage."""

from dataclasses import replace

import pytest

from descentd.graph.model.accounts import Access, AccessRole, Token, person
from descentd.graph.model.errors import InvalidInput
from descentd.graph.store.base import Store
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.opened import InMemory, InNeo4j, InSQLite
from tests.graph.samples import registry, send

pytestmark = pytest.mark.anyio

ADA = Token("a1", b"\x01" * 32, "Ada", frozenset({AccessRole.REGISTRAR, AccessRole.REVIEWER}), 10, 2**57)
BO = Token("b2", b"\x02" * 32, "bo@example.org", frozenset({AccessRole.VIEWER}), 5)


def access(number: int, **other: object) -> Access:
    usual = Access(number, "Ada", "a1", "127.0.0.1", "/graphql", "entity", "OK", "", number)
    return replace(usual, **other)  # type: ignore[arg-type]


class AccountsContract:
    """What every store's People do. A subclass has a fixture `store`, open and empty."""

    async def test_no_token_at_first(self, store: Store) -> None:
        assert not await store.accounts.any_token()
        assert await store.accounts.tokens() == []
        assert await store.accounts.token(ADA.hash) is None

    async def test_tokens_are_found_by_the_hash_of_their_secret(self, store: Store) -> None:
        for token in (ADA, BO):
            await store.accounts.add_token(token)
        assert await store.accounts.any_token()
        assert await store.accounts.token(ADA.hash) == ADA
        assert await store.accounts.token(BO.hash) == BO
        assert await store.accounts.token(b"\x03" * 32) is None
        assert await store.accounts.tokens() == [BO, ADA]

    async def test_a_token_is_revoked_once_and_stays(self, store: Store) -> None:
        for token in (ADA, BO):
            await store.accounts.add_token(token)
        await store.accounts.revoke(["a1"], 20)
        await store.accounts.revoke(["a1", "b2", "nobody's"], 30)
        assert await store.accounts.tokens() == [replace(BO, revoked_at=30), replace(ADA, revoked_at=20)]
        assert await store.accounts.token(ADA.hash) == replace(ADA, revoked_at=20)
        assert await store.accounts.any_token()

    async def test_accesses_come_newest_first_and_in_pages(self, store: Store) -> None:
        given = [access(n) for n in range(1, 8)]
        await store.accounts.record_accesses(given[:3])
        await store.accounts.record_accesses(given[3:])
        newest = await store.accounts.accesses(None, 3)
        assert [kept for _, kept in newest] == given[:3:-1]
        rest = await store.accounts.accesses(newest[-1][0], 100)
        assert [kept for _, kept in rest] == given[3::-1]
        numbers = [number for number, _ in newest + rest]
        assert numbers == sorted(numbers, reverse=True)

    async def test_accesses_of_a_person_and_refusals(self, store: Store) -> None:
        unknown = access(1, person=None, credential=None, outcome="UNAUTHENTICATED", detail="The token has expired.")
        forbidden, bos, failed = access(2, outcome="FORBIDDEN"), access(3, person="Bo"), access(4, outcome="NOT_FOUND")
        await store.accounts.record_accesses([unknown, forbidden, bos, failed])

        async def found(person: str | None, refused: bool | None) -> list[Access]:
            return [kept for _, kept in await store.accounts.accesses(None, 10, person, refused)]

        assert await found(None, True) == [forbidden, unknown]
        assert await found(None, False) == [failed, bos]
        assert await found("Ada", None) == [failed, forbidden]
        assert await found("Ada", True) == [forbidden]
        assert await found("Nobody", None) == []

    async def test_they_are_no_part_of_the_lineage(self, store: Store) -> None:
        await send(store, registry())
        before = await verify(store)
        await store.accounts.add_token(ADA)
        await store.accounts.record_accesses([access(1)])
        after = await verify(store)
        assert after == before
        assert after.problem is None
        assert await store.resolve(["a1", "Ada"]) == {}
        assert list(await store.search(["ada"], None)) == []


class TestMemory(InMemory, AccountsContract):
    pass


class TestSQLite(InSQLite, AccountsContract):
    async def test_another_process_sees_them_at_once(self, store: SQLiteStore) -> None:
        other = SQLiteStore(store._path)
        await other.open()
        await other.accounts.add_token(ADA)
        assert await store.accounts.token(ADA.hash) == ADA
        await other.accounts.revoke([ADA.id], 20)
        assert (await store.accounts.tokens())[0].revoked_at == 20
        await other.close()

    async def test_a_file_from_before_there_were_tokens(self, store: SQLiteStore) -> None:
        store._writer.executescript(
            "DROP TABLE token; DROP TABLE access; DROP TABLE event; DROP TABLE chain; PRAGMA user_version = 1"
        )
        await store.close()
        await store.open()
        await store.accounts.add_token(ADA)
        assert await store.accounts.token(ADA.hash) == ADA


class TestNeo4j(InNeo4j, AccountsContract):
    pass


@pytest.mark.parametrize("given", ["Ada", "ada@example.org", "repo:org/models:ref:refs/heads/main", "Zoë Müller"])
def test_names_of_people(given: str) -> None:
    assert person(given) == given


def test_a_name_in_two_forms_is_one_person() -> None:
    assert person("Zoe\u0308") == person("Zo\u00eb")


@pytest.mark.parametrize("given", ["", " ", " Ada", "Ada\n", "A\x00da", "Ada\u202e", "Ａda", "x" * 201])
def test_what_is_no_name_of_a_person(given: str) -> None:
    with pytest.raises(InvalidInput):
        person(given)
