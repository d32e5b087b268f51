"""The Neo4j that the tests use is the one it should be, answers, and keeps its data when it is killed."""

import os
import socket
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from neo4j import AsyncGraphDatabase

from tests.support import java
from tests.support.java import NoNeo4jError
from tests.support.neo4j_find import find
from tests.support.neo4j_java import JavaNeo4j
from tests.support.neo4j_server import URI_VARIABLE, DockerNeo4j, GivenNeo4j, Neo4jServer


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Docker nor Java."""

    def prepare(kind: type[Neo4jServer]) -> None:
        raise NoNeo4jError(f"no {kind.kind}")

    monkeypatch.setattr(DockerNeo4j, "prepare", classmethod(prepare))
    monkeypatch.setattr(JavaNeo4j, "prepare", classmethod(prepare))


@pytest.mark.usefixtures("closed")
def test_a_given_uri_comes_first_and_asks_for_nothing_else() -> None:
    found = find({URI_VARIABLE: "neo4j+s://neo4j:a%40b%2Fc@db.example:7687"})
    assert isinstance(found, GivenNeo4j)
    assert (found.uri, found.auth) == ("neo4j+s://db.example:7687", ("neo4j", "a@b/c"))


def test_a_given_uri_may_do_without_credentials() -> None:
    found = find({URI_VARIABLE: "bolt://127.0.0.1:7687"})
    assert (found.uri, found.auth) == ("bolt://127.0.0.1:7687", None)


@pytest.mark.usefixtures("closed")
def test_docker_comes_before_java_and_java_before_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoNeo4jError, match=rf"^{URI_VARIABLE} is not set; no Docker; no Java on this machine$"):
        find({})
    by_java, docker = object(), object()
    monkeypatch.setattr(JavaNeo4j, "prepare", lambda: by_java)
    assert find({}) is by_java
    monkeypatch.setattr(DockerNeo4j, "prepare", lambda: docker)
    assert find({}) is docker


def test_a_machine_without_java_or_maven_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(java, "CACHE", tmp_path)
    with pytest.raises(NoNeo4jError, match="no java"):
        java.find_java()
    with pytest.raises(NoNeo4jError, match="no mvn"):
        java.fetch_jars()


def test_a_java_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho jdk.compiler@11.0.2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(NoNeo4jError, match="17 or later"):
        java.find_java()


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for Maven, to be written there, and an empty cache."""
    monkeypatch.setattr(java, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    script = tmp_path / "mvn"
    script.touch(0o755)
    return script


def test_jars_are_fetched_once_whoever_asks(maven: Path) -> None:
    maven.write_text('#!/bin/sh\necho run >> "$(dirname "$0")/runs"\nfor last; do :; done\nmkdir "${last#*=}"\n')
    with ThreadPoolExecutor(4) as pool:
        folders = {asked.result() for asked in [pool.submit(java.fetch_jars) for _ in range(4)]}
    assert [folder.is_dir() for folder in folders] == [True]
    assert maven.with_name("runs").read_text() == "run\n"


def test_jars_that_were_fetched_in_part_do_not_count(maven: Path) -> None:
    maven.write_text('#!/bin/sh\nfor last; do :; done\nmkdir -p "${last#*=}"\necho no route to host\nexit 1\n')
    for _ in range(2):
        with pytest.raises(NoNeo4jError, match=r"mvn cannot fetch .*: no route to host"):
            java.fetch_jars()


def test_jars_are_kept_without_signatures(maven: Path) -> None:
    jar = maven.with_name("signed.jar")
    with zipfile.ZipFile(jar, "w") as file:
        file.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain: A\r\n\r\nName: A.class\r\nDigest: x\r\n")
        for name in ("META-INF/A.SF", "META-INF/A.RSA", "META-INF/services/A.SF", "A.class"):
            file.writestr(name, name)
    maven.write_text(f'#!/bin/sh\nfor last; do :; done\nmkdir "${{last#*=}}"\ncp "{jar}" "${{last#*=}}"\n')
    with zipfile.ZipFile(java.fetch_jars() / jar.name) as kept:
        assert kept.namelist() == ["META-INF/MANIFEST.MF", "META-INF/services/A.SF", "A.class"]
        assert kept.read("META-INF/MANIFEST.MF") == b"Manifest-Version: 1.0\r\nMain: A\r\n"
        assert kept.read("A.class") == b"A.class"


def test_a_given_uri_where_nobody_answers_is_an_error_not_a_skip() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RuntimeError, match=f"{URI_VARIABLE} names bolt://127.0.0.1:{port}"):
        find({URI_VARIABLE: f"bolt://127.0.0.1:{port}"}).start()


async def ask(server: Neo4jServer, cypher: str) -> object:
    async with AsyncGraphDatabase.driver(server.uri, auth=server.auth) as driver:
        records, _, _ = await driver.execute_query(cypher)
        return records[0][0] if records else None


@pytest.mark.anyio
async def test_it_answers(neo4j_server: Neo4jServer) -> None:
    assert await ask(neo4j_server, "RETURN 1") == 1


@pytest.mark.anyio
async def test_wiping_leaves_nothing(neo4j_clean: Neo4jServer) -> None:
    await ask(neo4j_clean, "CREATE CONSTRAINT `a-b` FOR (n:A) REQUIRE n.x IS UNIQUE")
    await ask(neo4j_clean, "CREATE INDEX FOR (n:B) ON n.y")
    await ask(neo4j_clean, "CREATE (:A {x: 1})-[:R]->(:B {y: 2})")
    assert not neo4j_clean.is_empty()
    neo4j_clean.wipe()
    assert neo4j_clean.is_empty()
    assert await ask(neo4j_clean, "SHOW CONSTRAINTS YIELD name RETURN count(*)") == 0
    assert await ask(neo4j_clean, "SHOW INDEXES YIELD type WHERE type <> 'LOOKUP' RETURN count(*)") == 0


@pytest.mark.kills_neo4j
@pytest.mark.anyio
async def test_data_survive_being_killed(neo4j_clean: Neo4jServer) -> None:
    if not neo4j_clean.can_be_killed:
        pytest.skip(f"the Neo4j of {URI_VARIABLE} is not ours to kill")
    await ask(neo4j_clean, "CREATE (:Kept {value: 7})")
    uri = neo4j_clean.uri
    neo4j_clean.restart()
    assert neo4j_clean.uri == uri
    assert await ask(neo4j_clean, "MATCH (n:Kept) RETURN n.value") == 7


@pytest.mark.kills_neo4j
@pytest.mark.anyio
async def test_one_that_java_runs_ends_when_its_parent_does(neo4j_clean: Neo4jServer) -> None:
    if not isinstance(neo4j_clean, JavaNeo4j):
        pytest.skip("only the one that Java runs is a child of this process")
    process = neo4j_clean.process
    assert process
    assert process.stdin
    await ask(neo4j_clean, "CREATE (:Kept)")
    process.stdin.close()
    assert process.wait(60) == 0
    neo4j_clean.restart()
    assert not neo4j_clean.is_empty()


def test_a_given_database_that_is_not_empty_is_left_alone(neo4j_clean: Neo4jServer) -> None:
    credentials = ":".join(neo4j_clean.auth) + "@" if neo4j_clean.auth else ""
    given = find({URI_VARIABLE: neo4j_clean.uri.replace("://", f"://{credentials}")})
    given.start()
    with neo4j_clean.driver() as driver:
        driver.execute_query("CREATE (:Precious)")
    with pytest.raises(RuntimeError, match="is not empty"):
        given.start()
    assert not neo4j_clean.is_empty()
    given.stop()
    assert neo4j_clean.is_empty()
