"""Parts of manifests, and the problems that a store refuses one for."""

from typing import Any

import pytest

from descentd.graph.model.errors import Code, DescentError, Invalid
from descentd.graph.registration.register import Registered
from descentd.graph.store.base import Store
from tests.graph.samples import Json, digest, send

Problem = tuple[Code, str | None]


async def problems(store: Store, manifest: Json) -> list[DescentError]:
    """What a manifest is refused for; whatever it is, it must have changed nothing."""
    before = await store.head()
    with pytest.raises(DescentError) as refused:
        await send(store, manifest)
    assert await store.head() == before
    error = refused.value
    return list(error.problems) if isinstance(error, Invalid) else [error]


async def problem(store: Store, manifest: Json) -> tuple[Code, str, str]:
    """The code, field and message of the one problem of a manifest."""
    found = await problems(store, manifest)
    assert len(found) == 1, found
    return found[0].code, str(found[0].field), found[0].message


def model(version: str | None = None, name: str = "credit", **more: Any) -> Json:
    given = {"name": name, "config": {"learning_rate": 0.1}} | ({} if version is None else {"version": version}) | more
    return {"models": [given]}


def labels(done: Registered) -> list[str]:
    return [record.label for record in done.records if record.label]


def parents(*refs: str) -> list[Json]:
    return [{"ref": ref, "relation": "FINE_TUNE"} for ref in refs]


def partition(name: str = "p", number: int = 1, **more: Any) -> Json:
    return {"name": name, "digest": digest(number), **more}


def dataset(*partitions: Json, name: str = "loans", version: str = "1", **more: Any) -> Json:
    return {"datasets": [{"name": name, "version": version, "partitions": list(partitions), **more}]}


PROFILE = {"intendedUse": "Rank.", "mustNotDo": ["Decline."]}


def profile(said: Json, **more: Any) -> Json:
    return {"safetyProfiles": [{"subject": "model:credit@1", "profile": said, **more}]}


def evaluation(value: float = 0.5) -> Json:
    suite = {"name": "s", "version": "1"}
    return {
        "evaluations": [
            {"subject": "model:credit@1", "suite": suite, "metrics": [{"name": "accuracy", "value": value}]}
        ]
    }
