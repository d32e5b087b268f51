"""A registry in which one version is worse than what it came from, and snapshots of registries as small as that."""

from pathlib import Path

import pytest

from descentd.app.server import erosion_refresher
from descentd.app.server.settings import Settings
from descentd.graph.index.snapshot import index_snapshots
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.erosion import assessment_snapshots
from tests.app.snapshots.serving import MODELS, RESULTS
from tests.support.registries import opened, send


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_snapshots, "LEAST", 1)
    monkeypatch.setattr(index_snapshots, "AT_END", 1)
    monkeypatch.setattr(assessment_snapshots, "LEAST", 1)
    monkeypatch.setattr(erosion_refresher, "_EVERY", 0.0)


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a registry in which one version is worse than what it came from."""
    async with opened(SQLiteStore(tmp_path / "registry.db")) as registry:
        await send(registry, models=MODELS, evaluations=RESULTS)
    return Settings(store=f"sqlite:///{tmp_path / 'registry.db'}")
