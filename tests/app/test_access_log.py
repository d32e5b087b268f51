"""The log of who asked for what, and what each role may do, with running servers."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from descentd.app.auth.audit_log import AuditLog
from descentd.app.auth.tokens import hash_of, new_secret
from descentd.graph.model.accounts import Access
from descentd.graph.store.operational import Accounts
from tests.app.command_line import call
from tests.app.tokens import LOG, REGISTER, ask, code, log_of, new_token
from tests.support.server_process import ServerProcess

GOOD = new_secret()
WRONG = [
    ("an unknown one", [f"Bearer {new_secret()}"], "token is unknown"),
    ("a wrong checksum", [f"Bearer {GOOD[:-1]}{'0' if GOOD[-1] != '0' else '1'}"], "checksum is wrong"),
    ("cut short", [f"Bearer {GOOD[:-3]}"], "checksum is wrong"),
    ("another scheme", ["Basic YTpi"], "Expected Authorization: Bearer TOKEN."),
    ("no token", ["Bearer"], "Expected Authorization: Bearer TOKEN."),
    ("an empty header", [""], "Expected Authorization: Bearer TOKEN."),
    ("two words", [f"Bearer {GOOD} {GOOD}"], "nothing after the token"),
    ("not ASCII", ["Bearer d\xe9scent"], "nothing after the token"),
    ("a tab", ["Bearer descent_\tx"], "nothing after the token"),
    ("very long", ["Bearer descent_" + "x" * 40_000], "nothing after the token"),
    ("two headers", [f"Bearer {GOOD}", f"Bearer {GOOD}"], "several Authorization headers"),
    ("no scheme", [GOOD], "Expected Authorization: Bearer TOKEN."),
    ("some other service's", ["Bearer ghp_0123456789"], "not one of this registry's"),
    ("a JWT where no provider is named", ["Bearer a.b.c"], "not one of this registry's"),
]


def test_wrong_tokens_change_nothing_and_are_in_the_log(store_file: str) -> None:
    auditor = new_token(store_file, "Aud", "auditor")
    expired = new_token(store_file, "Ex", "registrar", expires="1m")
    with ServerProcess(store_file) as server, server.client() as client:
        for what, given, said in WRONG:
            headers = [(b"Authorization", one.encode("latin-1")) for one in given]
            headers.append((b"Content-Type", b"application/json"))
            body = json.dumps({"query": REGISTER % "1"}).encode()
            answer = client.post("/graphql", content=body, headers=headers)
            assert answer.status_code == 401, what
            [error] = answer.json()["errors"]
            assert error["extensions"] == {"code": "UNAUTHENTICATED"}, what
            assert said in error["message"], what
            assert answer.headers["www-authenticate"] == "Bearer"
            newest = log_of(server, auditor, first=1, refused=True)[0]
            assert (newest["detail"], newest["person"], newest["client"]) == (error["message"], None, "127.0.0.1"), what
            bulk = client.post("/bulk", content=b"{}", headers=headers)
            assert (bulk.status_code, bulk.json()["code"]) == (401, "UNAUTHENTICATED")
            assert bulk.headers["content-type"] == "application/problem+json"
        assert client.get("/readyz").json()["sequence"] == 0
        assert code(ask(server, expired, REGISTER % "1")) == "OK"


def test_an_expired_token(tmp_path: Path) -> None:
    import asyncio
    from dataclasses import replace

    from descentd.graph.store.sqlite.store import SQLiteStore

    store = f"sqlite:///{tmp_path / 'r.db'}"
    token, auditor = new_token(store, "Ex", "registrar", expires="1m"), new_token(store, "Aud", "auditor")

    async def age() -> None:
        kept = SQLiteStore(tmp_path / "r.db")
        await kept.open()
        old = await kept.accounts.token(hash_of(token))
        assert old is not None
        kept._writer.execute("UPDATE token SET expires_at = ? WHERE id = ?", (old.created_at + 1, old.id))
        assert await kept.accounts.token(old.hash) == replace(old, expires_at=old.created_at + 1)
        await kept.close()

    asyncio.run(age())
    with ServerProcess(store) as server:
        answer = ask(server, token, REGISTER % "1")
        assert answer.status_code == 401
        assert "has expired" in answer.json()["errors"][0]["message"]
        [refused] = log_of(server, auditor, refused=True)
        assert (refused["person"], refused["operation"], refused["route"]) == ("Ex", "", "/graphql")


def test_the_log_counts_and_pages(store_file: str) -> None:
    auditor, ada = new_token(store_file, "Aud", "auditor"), new_token(store_file, "Ada", "registrar")
    with ServerProcess(store_file) as server:
        for _ in range(20):
            ask(server, ada)
        for i in range(3):
            assert code(ask(server, ada, f'{{ entity(ref: "model:{i}@1") {{ id }} }}')) == "NOT_FOUND"
        server.stop()
        server.start()
        entries = log_of(server, auditor, person="Ada")
        asked = [entry for entry in entries if entry["operation"] == "populationVocabulary"]
        assert sum(entry["count"] for entry in asked) == 20
        assert sum(e["count"] for e in entries if (e["operation"], e["outcome"]) == ("entity", "NOT_FOUND")) == 3
        missed = sorted(e["detail"] for e in entries if e["outcome"] == "NOT_FOUND")
        assert [f"'model:{i}@1' is not registered" in said for i, said in enumerate(missed)] == [True, True, True]
        for _ in range(4):
            ask(server, ada, "{ accessLog { __typename } }")
        whole, pages, after = log_of(server, auditor, person="Ada"), [], None
        while True:
            page = ask(server, auditor, LOG, person="Ada", first=2, after=after).json()["data"]["accessLog"]
            pages += [edge["node"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert pages == whole
        assert [entry["at"] for entry in whole] == sorted((entry["at"] for entry in whole), reverse=True)
        wrong = ask(server, auditor, LOG, person="Bo", after=after)
        assert code(wrong) == "INVALID_INPUT"
        made = log_of(server, auditor, refused=False)[-2:]
        assert {(entry["operation"], entry["credential"]) for entry in made} == {("token create", "command line")}


def test_an_evaluator_retracts_its_own(store_file: str) -> None:
    tokens = {role: new_token(store_file, role, role) for role in ("registrar", "evaluator", "reviewer")}
    retract = 'mutation { retract(input: {subjects: ["%s"], reason: "wrong"}) { id } }'
    note = """mutation { register(manifest: {notes: [{subject: "model:m@1", author: "x", text: "t"}]}) {
      records { id kind } } }"""
    with ServerProcess(store_file) as server:
        assert code(ask(server, tokens["registrar"], REGISTER % "1")) == "OK"
        [own] = ask(server, tokens["evaluator"], note).json()["data"]["register"]["records"]
        answer = ask(server, tokens["evaluator"], retract % "model:m@1")
        assert code(answer) == "FORBIDDEN"
        assert "role reviewer" in answer.json()["errors"][0]["message"]
        assert code(ask(server, tokens["evaluator"], retract % own["id"])) == "OK"
        assert code(ask(server, tokens["reviewer"], retract % "model:m@1")) == "OK"
        assert code(ask(server, tokens["registrar"], retract % "model:m@1")) == "FORBIDDEN"


def test_everybody_notes_as_themselves_and_may_quote(store_file: str) -> None:
    tokens = {role: new_token(store_file, f"{role}@x", role) for role in ("registrar", "viewer")}
    note = """mutation ($author: String!) { register(manifest: {notes: [
      {subject: "model:m@1", author: $author, text: "t"}]}) { created } }"""
    read = """{ entity(ref: "model:m@1") { ... on ModelVersion { notes { author recordedBy quotation } } } }"""
    with ServerProcess(store_file) as server:
        ask(server, tokens["registrar"], REGISTER % "1")
        for author in ("VIEWER@x", "registrar@x"):
            assert code(ask(server, tokens["viewer"], note, author=author)) == "OK"
        assert code(ask(server, tokens["viewer"], REGISTER % "2")) == "FORBIDDEN"
        found = ask(server, tokens["viewer"], read).json()["data"]["entity"]["notes"]
    assert [(one["recordedBy"], one["author"], one["quotation"]) for one in found] == [
        ("viewer@x", "VIEWER@x", False),
        ("viewer@x", "registrar@x", True),
    ]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A registry in which two tokens were made."""
    store = f"sqlite:///{tmp_path / 'r.db'}"
    for person in ("Ada", "Bo"):
        assert call("token", "create", "--store", store, "--person", person, "--role", "viewer").returncode == 0
    return store


def test_newest_first_as_text_or_json(store: str) -> None:
    lines = call("access-log", "--store", store).stdout.splitlines()
    assert ["Bo" in lines[0], "Ada" in lines[1], len(lines)] == [True, True, 2]
    assert all(": OK: " in line and "token create" in line for line in lines)
    entries = [
        json.loads(line) for line in call("access-log", "--store", store, "--format", "json").stdout.splitlines()
    ]
    assert [(entry["operation"], entry["outcome"], entry["count"]) for entry in entries] == [
        ("token create", "OK", 1)
    ] * 2
    assert entries[0]["at"] >= entries[1]["at"]
    assert entries[0]["at"].endswith("Z")


def test_some_of_it(store: str) -> None:
    assert len(call("access-log", "--store", store, "--first", "1").stdout.splitlines()) == 1
    assert call("access-log", "--store", store, "--refused").stdout == ""
    assert call("access-log", "--store", store, "--person", "Nobody").stdout == ""
    assert len(call("access-log", "--store", store, "--accepted").stdout.splitlines()) == 2


@pytest.mark.parametrize("first", ["0", "10001", "-1"])
def test_too_few_and_too_many(store: str, first: str) -> None:
    done = call("access-log", "--store", store, "--first", first)
    assert (done.returncode, "Expected --first between 1 and 10,000" in done.stderr) == (2, True)


class SlowAccounts:
    """Accounts that have recorded something once they are told so."""

    def __init__(self) -> None:
        self.begun, self.told = asyncio.Event(), asyncio.Event()
        self.recorded: list[str] = []

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        self.begun.set()
        await self.told.wait()
        self.recorded += [access.operation for access in accesses]


@pytest.mark.anyio
async def test_whoever_reads_waits_for_what_is_being_written_too() -> None:
    accounts = SlowAccounts()
    audit_log = AuditLog(lambda: cast("Accounts", accounts))
    for operation in ("gate", "register"):
        audit_log.note(Access(1, "ana", "local", "", "/graphql", operation, "OK"))
        accounts.begun.clear()
        first = asyncio.create_task(audit_log.flush())
        await accounts.begun.wait()
        second = asyncio.create_task(audit_log.flush())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not first.done()
        assert not second.done(), "it would read a log without what was answered before"
        accounts.told.set()
        await asyncio.gather(first, second)
        assert accounts.recorded[-1] == operation
        accounts.told.clear()
    await audit_log.close()
    assert accounts.recorded == ["gate", "register"]
