"""A server in this process that goes on from snapshots, what it logs, and what it answers."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from structlog.testing import capture_logs

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.origin import Origin
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.registry import Registry
from tests.support import preloaded
from tests.support.saved_operations import ask

Log = list[MutableMapping[str, Any]]

MODELS = [
    {"name": "m", "version": "1", "config": {"n": 1}},
    {"name": "m", "version": "2", "config": {"n": 2}, "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
]
RESULTS = [
    {
        "subject": f"model:m@{version}",
        "suite": {"name": "s", "version": "1"},
        "metrics": [{"name": "robust_accuracy", "value": value, "n": 10_000}],
    }
    for version, value in ((1, 0.8), (2, 0.6))
]


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[tuple[Registry, Log]]:
    """The registry of a server, in this process, and what it logs."""
    app = create(settings)
    with capture_logs() as log:
        async with app.router.lifespan_context(app):
            yield app.state.registry(), log


async def assessed(registry: Registry) -> None:
    upto = await registry.sequence()
    async with asyncio.timeout(60):
        while registry.cache(Ranking).upto < upto:
            await asyncio.sleep(0)


async def answers(registry: Registry) -> tuple[Any, Any]:
    return await ask(registry, "Impact", of=["model:m@1"]), await ask(registry, "Erosions")


def events(log: Log, name: str) -> Log:
    return [entry for entry in log if entry["event"] == name]


async def written(settings: Settings) -> tuple[Any, Any]:
    """What a server answers that wrote both snapshots, and has ended."""
    async with served(settings) as (registry, _):
        await assessed(registry)
        return await answers(registry)


async def verified(*options: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(preloaded.run, preloaded.SERVER, "verify", *options)


def read_copy(path: Path, contents: str) -> tuple[Origin, dict[str, np.ndarray[Any, Any]]]:
    """The origin of a snapshot, and its columns, to be changed."""
    found = file.read(path, contents)
    assert found is not None
    return found.origin, {name: column.view().copy() for name, column in found.columns.items()}
