"""Others read a Neo4j: they learn no secret and no access from it, and whoever writes there makes no token by it."""

import hashlib
import json
from pathlib import Path

import httpx2
import pytest

from descentd.app.auth.token_key import FILE, TokenKey
from descentd.app.auth.tokens import hash_of, keyed, new_secret
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput
from tests.app.command_line import call
from tests.app.test_survival import address
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import Asking, ServerProcess

NEO4J = "bolt://127.0.0.1:7687"
KEY = "ab" * 32
LOG = "{ accessLog(first: 100) { edges { node { person operation outcome } } } }"


def test_a_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    key = TokenKey(Settings(store=NEO4J, folder=tmp_path))
    assert key.read() is None
    made = key.create()
    assert made is not None
    assert len(made) == 32
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert key.create() == key.read() == TokenKey(Settings(store=NEO4J, folder=tmp_path)).create() == made


def test_a_file_of_sqlite_needs_none(tmp_path: Path) -> None:
    key = TokenKey(Settings(store=f"sqlite:///{tmp_path}/r.db", folder=tmp_path, token_key=KEY))
    assert key.create() is None
    assert not (tmp_path / FILE).exists()


def test_a_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    assert TokenKey(Settings(store=NEO4J, folder=tmp_path, token_key=KEY)).create() == bytes.fromhex(KEY)
    file = tmp_path / "mounted"
    file.write_text(f"{KEY}\n")
    assert TokenKey(Settings(store=NEO4J, folder=tmp_path, token_key_file=file)).create() == bytes.fromhex(KEY)
    assert not (tmp_path / FILE).exists()
    assert KEY not in repr(Settings(store=NEO4J, token_key=KEY))


@pytest.mark.parametrize("written", ["", "ab", "x" * 64, KEY + "ab"])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, written: str) -> None:
    file = tmp_path / "mounted"
    file.write_text(written)
    with pytest.raises(InvalidInput, match="expected 64 hexadecimal digits") as refused:
        TokenKey(Settings(store=NEO4J, token_key_file=file)).read()
    assert not written or written not in refused.value.message
    with pytest.raises(InvalidInput, match="cannot be read"):
        TokenKey(Settings(store=NEO4J, token_key_file=tmp_path / "missing")).read()


def test_what_is_kept_is_an_hmac_of_the_hash_that_was_kept_before() -> None:
    secret, key = new_secret(), bytes.fromhex(KEY)
    plain = hashlib.sha256(secret.encode()).digest()
    assert hash_of(secret) == plain
    assert (
        hash_of(secret, key)
        == keyed(plain, key)
        == hashlib.sha256(
            bytes(b ^ 0x5C for b in key.ljust(64, b"\0"))
            + hashlib.sha256(bytes(b ^ 0x36 for b in key.ljust(64, b"\0")) + plain).digest()
        ).digest()
    )  # RFC 2104


def ask(url: str, secret: str) -> httpx2.Response:
    with Asking(url).client() as client:
        return client.post("/graphql", json={"query": LOG}, headers={"Authorization": f"Bearer {secret}"})


def test_readers_of_a_neo4j_learn_no_secret_and_no_access(neo4j_empty: Neo4jServer, tmp_path: Path) -> None:
    store, folder = address(neo4j_empty), str(tmp_path)
    made = call("token", "create", "--store", store, "--person", "Ada", "--role", "auditor", DESCENT_FOLDER=folder)
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    with ServerProcess(store, DESCENT_FOLDER=folder) as server:
        first = ask(server.url, secret)
        assert first.status_code == 200, first.text
        assert ask(server.url, new_secret()).status_code == 401
        # What somebody writes who can write to the database, but has not the key:
        forged = new_secret()
        with neo4j_empty.driver() as driver:
            driver.execute_query(
                "MATCH (t:_Token) CREATE (u:_Token) SET u = t {.*, id: 'x', hash: $hash}",
                hash=hash_of(forged).hex(),
            )
        assert ask(server.url, forged).status_code == 401
        with neo4j_empty.driver() as driver:
            driver.execute_query("MATCH (t:_Token {id: 'x'}) DELETE t")
    with ServerProcess(store, DESCENT_FOLDER=folder) as server:
        edges = ask(server.url, secret).json()["data"]["accessLog"]["edges"]
        seen = {(edge["node"]["person"], edge["node"]["operation"], edge["node"]["outcome"]) for edge in edges}
        assert ("Ada", "accessLog", "OK") in seen
        assert (None, "", "UNAUTHENTICATED") in seen
    with neo4j_empty.driver() as driver:
        rows = driver.execute_query("MATCH (n) WHERE NOT n:Record RETURN labels(n) AS l, properties(n) AS p").records
    kept = json.dumps([[row["l"], row["p"]] for row in rows], default=str)
    assert secret not in kept
    assert hash_of(secret).hex() not in kept
    assert "accessLog" not in kept
    assert (tmp_path / "descent-access.db").stat().st_mode & 0o777 == 0o600
    verified = call("verify", "--store", store, DESCENT_FOLDER=folder)
    assert verified.returncode == 0, verified.stdout
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    verified = call("verify", "--store", store, DESCENT_FOLDER=str(elsewhere))
    assert verified.returncode == 0, verified.stdout
    assert list(elsewhere.iterdir()) == [], "who only looks makes nothing"
    with ServerProcess(store, DESCENT_FOLDER=str(elsewhere)) as server:
        assert ask(server.url, secret).status_code == 401, "it is not known by another key"
    arguments = ("token", "create", "--store", store, "--person", "Bea", "--role", "viewer")
    refused = call(*arguments, DESCENT_FOLDER=str(elsewhere))
    assert refused.returncode == 2
    assert f"the key that they were made with is not in {elsewhere / FILE}" in refused.stderr
    assert not (elsewhere / FILE).exists()
    listed = json.loads(call("token", "list", "--store", store, "--format", "json").stdout)
    assert [token["person"] for token in listed] == ["Ada"]
    assert call("token", "revoke", listed[0]["id"], "--store", store).returncode == 0
    assert call(*arguments, DESCENT_FOLDER=str(elsewhere)).returncode == 0, "the key was lost"


def test_a_folder_that_is_missing_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"DESCENT_FOLDER\) cannot be used: Expected a folder that exists\."):
        Settings.read(folder=tmp_path / "missing")
