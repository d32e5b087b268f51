"""An index with restarts in between answers as one that never saw a snapshot, whatever is recorded in which order."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot.check import check, index_difference
from descentd.graph.index.snapshot.index_snapshots import CONTENTS, IndexSnapshots
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.support.contract.stateful import AsyncMachine
from tests.support.effort import some_of
from tests.support.histories import Histories
from tests.support.snapshots import answers, filled, loaded

pytestmark = pytest.mark.anyio


class Machine(AsyncMachine):
    """A registry whose server restarts, with snapshots that come, go, are damaged, or are of what is no more."""

    folder: Path
    numbers: Iterator[int]

    @initialize()
    def begin(self) -> None:
        self.path = self.folder / f"{len(list(self.folder.iterdir()))}.db"
        self.snapshot = self.path.with_name(f"{self.path.name}-index")
        self.history = Histories(0, disclosing=True)
        self.backup: Histories | None = None
        self.open()
        self.grow(6)

    def open(self) -> None:
        self.store = SQLiteStore(self.path)
        self.run(self.store.open())
        self.index = LineageIndex(self.store)
        self.reasons: list[str] = []
        self.snapshots = IndexSnapshots(self.snapshot, self.store, self.reasons.append)
        self.run(self.snapshots.restore(self.index))

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                self.run(self.store.close())
        finally:
            self._loop.close()

    @rule(transactions=st.integers(1, 12))
    def grow(self, transactions: int) -> None:
        self.run(filled(self.store, self.history, transactions))

    @rule()
    def write(self) -> None:
        assert self.run(self.snapshots.write(self.index))
        found = self.run(check(self.snapshot, CONTENTS, self.store, partial(index_difference, self.store)))
        assert found is not None
        assert found.problem is None

    @rule()
    def renew(self) -> None:
        assert self.run(self.snapshots.renew(self.index))

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.open()

    @rule()
    def back_up(self) -> None:
        self.run(self.store.close())
        shutil.copy(self.path, self.path.with_suffix(".backup"))
        self.backup = deepcopy(self.history)
        self.open()

    @rule(seed=st.integers(0, 9))
    def restore_the_backup(self, seed: int) -> None:
        """What comes after it is something else then, or the same again."""
        if self.backup is not None:
            self.history = deepcopy(self.backup)
            self.history.random.seed(seed)
            self.run(self.store.close())
            shutil.copy(self.path.with_suffix(".backup"), self.path)
            self.open()

    @rule(place=st.floats(0, 1, exclude_max=True), cut=st.booleans())
    def damage(self, place: float, cut: bool) -> None:
        """A byte of a header or a column becomes another, or the end of the file is gone, before a restart."""
        content = bytearray(self.snapshot.read_bytes()) if self.snapshot.exists() else bytearray()
        if content:  # an earlier cut may have left nothing
            self.run(self.store.close())
            at = int(place * len(content))
            content[at] ^= 0xFF
            self.snapshot.unlink()  # which others may have mapped
            self.snapshot.write_bytes(content[:at] if cut else content)
            self.open()

    @invariant()
    def answers_are_those_without_a_snapshot(self) -> None:
        if hasattr(self, "store"):
            upto = self.run(self.store.sequence())
            self.run(self.index.catch_up(upto))
            assert answers(self.index.topology) == answers(self.run(loaded(self.store)).topology)


def test_answers_with_restarts_in_between_are_those_without_snapshots(tmp_path: Path) -> None:
    machine = type("AMachine", (Machine,), {"folder": tmp_path, "numbers": count()})
    run_state_machine_as_test(machine, settings=settings(max_examples=some_of(40), stateful_step_count=12))
