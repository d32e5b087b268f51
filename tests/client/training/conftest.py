"""A process of its own for each test of runs, without a launcher, a repository or earlier files."""

from pathlib import Path

import pytest

import descent
from descent import compatibility


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that no launcher started, with a folder of its own for what it keeps, outside of any repository."""
    for name in [*descent.training.ranks.VARIABLES, "DESCENT_URL", "DESCENT_TOKEN"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESCENT_STATE", str(tmp_path / "state"))
    monkeypatch.setattr("descent.training.runs.running_script", lambda: tmp_path / "train.py")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.resolve().parent))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compatibility, "_compared", {})


@pytest.fixture
def said() -> list[str]:
    return []
