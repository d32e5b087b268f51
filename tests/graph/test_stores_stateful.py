"""The state machine on every store; fewer runs on Neo4j, where each step is a few round trips."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.support.contract.stateful import StoreMachine
from tests.support.effort import some_of
from tests.support.neo4j_server import Neo4jServer


def drive(
    prepare: Callable[[], Callable[[], Store]], runs: int, steps: int, phases: Sequence[Phase] = tuple(Phase)
) -> None:
    class Machine(StoreMachine):
        pass

    Machine.prepare = staticmethod(prepare)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            phases=phases,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )


def test_memory() -> None:
    def prepare() -> Callable[[], Store]:
        one = MemoryStore()
        return lambda: one

    drive(prepare, runs=some_of(40), steps=30)


def test_sqlite(tmp_path: Path) -> None:
    numbers = count()

    def prepare() -> Callable[[], Store]:
        path = tmp_path / f"{next(numbers)}.db"
        return lambda: SQLiteStore(path)

    drive(prepare, runs=some_of(15), steps=30)


def test_neo4j(neo4j_empty: Neo4jServer) -> None:
    def prepare() -> Callable[[], Store]:
        neo4j_empty.clear()
        return lambda: Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)

    drive(prepare, runs=some_of(4), steps=15)


def test_the_machine_finds_a_store_that_forgets() -> None:
    class Forgetful(MemoryStore):
        async def close(self) -> None:
            MemoryStore.__init__(self)

    def prepare() -> Callable[[], Store]:
        one = Forgetful()
        return lambda: one

    with pytest.raises(AssertionError):
        # That it is found is enough: to make the history that shows it as short as can be took half a minute.
        drive(prepare, runs=200, steps=30, phases=[Phase.generate])
