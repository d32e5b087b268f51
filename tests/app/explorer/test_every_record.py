"""Each page of each record opens, whatever the registry holds."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from descent.manifest import load_manifest
from descentd.app.explorer.address import address
from descentd.graph.model.kinds import Kind
from tests.app.explorer.bank import PROFILE, SECOND, fill, manifest
from tests.app.explorer.visiting import Visit, text_of, visiting

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parents[2] / "graph" / "golden.yaml"
VIEWS = {
    Kind.MODEL_VERSION: ("record", "lineage", "impact", "trend", "gate", "diff"),
    **dict.fromkeys((Kind.DATASET, Kind.PARTITION, Kind.CODE, Kind.CONFIG), ("record", "lineage", "impact")),
}


async def golden(visit: Visit) -> None:
    """A record of every kind that a manifest can define."""
    await visit.register(**load_manifest(GOLDEN).content)


async def decided(visit: Visit) -> None:
    """Acts of people beside."""
    await fill(visit.registry)


async def dropped_bias(visit: Visit) -> None:
    """A version whose profile names no bias, after one whose profile does."""
    content = manifest()
    content["models"][1]["safetyProfile"] = PROFILE
    content["models"][2]["safetyProfile"] = {key: PROFILE[key] for key in ("intendedUse", "mustNotDo")}
    await visit.register(**content)


async def about_artifacts(visit: Visit) -> None:
    """Statements about the file of a version: its tensors, and a signature."""
    await fill(visit.registry)
    file, ref = f"sha256:{'7' * 64}", "model:m@1"
    await visit.register(
        models=[{"name": "m", "version": "1", "artifacts": [{"uri": "s3://m", "digest": file}]}],
        tensorDigests=[{"subject": ref, "artifact": file, "tensors": [{"name": "w", "digest": file, "size": 9}]}],
        signatures=[{"subject": ref, "files": [{"name": "m", "digest": file}], "key": file, "bundle": file}],
    )


@pytest.mark.parametrize("prepare", [golden, decided, dropped_bias, about_artifacts])
async def test_every_page_of_every_record_opens(prepare: Callable[[Visit], Awaitable[None]]) -> None:
    async with visiting() as visit:
        await prepare(visit)
        store = visit.registry.store
        briefs = await store.briefs(range(1, await store.sequence() + 1))
        assert len(briefs) > 10
        for brief in briefs:
            for view in VIEWS.get(brief.kind, ("record",)):
                page = await visit.get(address(view, brief.ref))
                assert page.status_code == 200, (brief.ref, text_of(page.text))


async def test_a_bias_that_is_no_longer_named_is_said() -> None:
    async with visiting() as visit:
        await dropped_bias(visit)
        said = text_of((await visit.get("/record/model:bank/scorer@2.0")).text)
        assert "None stated; bank/scorer 1.1 stated 1: Compare with bank/scorer 1.1" in said
        assert SECOND in (await visit.get("/record/model:bank/scorer@2.0")).text
