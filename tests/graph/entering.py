"""Evaluations of one version, and what a store refuses a manifest for."""

from typing import Any

import pytest

from descentd.graph.model.errors import Code, DescentError, Invalid
from descentd.graph.store.base import Store
from tests.graph.samples import Json, send

SUITE = {"name": "s", "version": "1"}
BASE: Json = {"models": [{"name": "m", "version": "1", "config": {"a": 1}}]}


async def problems(store: Store, manifest: Json) -> list[tuple[Code, str | None, str]]:
    before = await store.head()
    with pytest.raises(DescentError) as refused:
        await send(store, manifest)
    assert await store.head() == before
    error = refused.value
    found = error.problems if isinstance(error, Invalid) else [error]
    return [(problem.code, problem.field, problem.message) for problem in found]


def evaluation(*metrics: Json, **more: Any) -> Json:
    return {"evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": list(metrics), **more}]}
