"""Nothing that was acknowledged is lost, whoever is killed, and nothing is recorded twice, however many send it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.kills import REGISTER, check_verified, kill_again_and_again, manifest
from tests.graph.samples import registry
from tests.support.effort import some_of
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import SECONDS, ServerProcess

ENTITY = "query Entity($ref: Ref!) { entity(ref: $ref) { ref } }"


def address(neo4j: Neo4jServer) -> str:
    user = ":".join(neo4j.auth) + "@" if neo4j.auth else ""
    return neo4j.uri.replace("://", f"://{user}")


@pytest.fixture(params=["sqlite", "neo4j"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "neo4j":
        return address(request.getfixturevalue("neo4j_empty"))
    return f"sqlite:///{tmp_path / 'registry.db'}"


def test_64_at_once_create_it_once(store: str) -> None:
    with ServerProcess(store, "--workers", "2") as server:
        begin = threading.Barrier(64)

        def send(_: int) -> dict[str, int]:
            begin.wait(60)
            answer: dict[str, int] = server.ask(REGISTER, manifest=registry())["data"]["register"]
            return answer

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(send, range(64)))
        with server.client() as client:
            records = client.get("/readyz").json()["sequence"]
        created = [answer["created"] for answer in answers if answer["created"]]
        assert created == [records]
        assert {answer["created"] + answer["existing"] for answer in answers} == {records}
    check_verified(store)


def test_kills_lose_nothing(tmp_path: Path) -> None:
    kills = some_of(12)
    path = tmp_path / "registry.db"
    server = ServerProcess(f"sqlite:///{path}", "--workers", "2")
    told = list(kill_again_and_again(server, lambda: SQLiteStore(path), kills=kills))
    assert len(told) == kills


def test_kills_lose_nothing_on_neo4j(neo4j_empty: Neo4jServer) -> None:
    kills = some_of(8)
    server = ServerProcess(address(neo4j_empty))
    told = list(kill_again_and_again(server, lambda: Neo4jStore(neo4j_empty.uri, neo4j_empty.auth), kills=kills))
    assert len(told) == kills


class Persistent:
    """Writers that go on while the database is away; `acknowledged` holds the refs of what was said yes to."""

    def __init__(self, server: ServerProcess) -> None:
        self.acknowledged: list[str] = []
        self.refusals = 0
        self.stopped = False
        self.ended = False
        self._server = server
        self._news = threading.Condition()

    def write(self, name: str) -> None:
        """Register one after the other, each until it is accepted, until told to stop."""
        try:
            self._write(name)
        finally:
            with self._news:
                self.ended = True
                self._news.notify_all()

    def _write(self, name: str) -> None:
        with self._server.client() as client:
            number = 0
            while not self.stopped:
                variables = {"manifest": manifest(name, number)}
                answer = client.post("/graphql", json={"query": REGISTER, "variables": variables}).json()
                with self._news:
                    if "errors" in answer:
                        code = answer["errors"][0]["extensions"]["code"]
                        # A database that has just started may take longer over its first plans than an answer may.
                        assert code in ("UNAVAILABLE", "TOO_COSTLY"), answer
                        self.refusals += code == "UNAVAILABLE"
                    else:
                        counts = answer["data"]["register"]
                        assert counts["created"] + counts["existing"] == 4, answer
                        self.acknowledged.append(f"model:{name}@{number}")
                        number += 1
                    self._news.notify_all()

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Return when that is so, which is looked at after each answer."""
        with self._news:
            assert self._news.wait_for(lambda: self.ended or done(), SECONDS)
            assert not self.ended


@contextmanager
def writing(server: ServerProcess, name: str) -> Iterator[Persistent]:
    """Four writers, which are told to stop in the end."""
    writers = Persistent(server)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(writers.write, f"{name}{i}") for i in range(4)]
        try:
            yield writers
        finally:
            writers.stopped = True
        for one in done:
            one.result()


@pytest.mark.kills_neo4j
def test_a_neo4j_that_is_down_is_waited_for_and_one_that_is_killed_loses_nothing(neo4j_empty: Neo4jServer) -> None:
    """Whoever writes or reads meanwhile is told UNAVAILABLE, and the same server goes on afterwards.

    A server that is started meanwhile is ready as soon as the database is there. One test, since a database that has
    just started is slow for half a minute.
    """
    if not neo4j_empty.can_be_killed:
        pytest.skip("this Neo4j is not ours to kill")
    store = address(neo4j_empty)
    with ServerProcess(store) as server, ExitStack() as later:
        with writing(server, "m") as writers:
            writers.wait_for(lambda: len(writers.acknowledged) >= 8)
            neo4j_empty.kill()
            try:
                late = later.enter_context(ServerProcess(store, ready=False))
                late.wait_for("store_unavailable")
                check_alive_but_unready(late)
                refused = server.ask(ENTITY, ref="model:m0@0")
                assert refused["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
                assert neo4j_empty.uri.partition("://")[2] not in str(refused)
                writers.wait_for(lambda: writers.refusals >= 4)
                before = len(writers.acknowledged)
            finally:
                neo4j_empty.start()
            late.wait_until_ready()
            with writing(late, "late") as more:
                more.wait_for(lambda: len(more.acknowledged) >= 8)
            writers.wait_for(lambda: len(writers.acknowledged) >= before + 8)
        for one in (server, late):
            for ref in (*writers.acknowledged, *more.acknowledged):
                assert one.ask(ENTITY, ref=ref)["data"]["entity"] == {"ref": ref}
    check_verified(store)


def check_alive_but_unready(server: ServerProcess) -> None:
    with server.client() as client:
        assert client.get("/livez").status_code == 200
        unready = client.get("/readyz")
        assert (unready.status_code, unready.headers["retry-after"]) == (503, "1")
        assert "retry-after" not in client.get("/livez").headers
        refused = client.post("/graphql", json={"query": ENTITY, "variables": {"ref": "model:m@1"}})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
