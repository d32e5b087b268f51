"""Each page of each record opens, whatever the registry holds."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from descent.manifest import load_manifest
from descentd.app.explorer.address import address
from descentd.graph.inputs.acts import FlagInput, IncidentInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.production.record_incident import report
from tests.app.explorer.bank import PROFILE, SECOND, fill, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parents[2] / "graph" / "golden.yaml"
BASED = {"ref": "model:base@1", "relation": "FINE_TUNE"}
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


async def test_what_names_many_records_shows_a_part_of_them_those_of_one_name_together() -> None:
    async with visiting() as visit:
        names = [f"{name}@{number}" for number in range(60) for name in ("odd", "even")]
        await visit.register(models=[dict(zip(("name", "version"), one.split("@"), strict=True)) for one in names])
        given = {"subjects": [f"model:{one}" for one in names], "action": "REVIEW", "reason": "Look."}
        found = await flag(visit.registry, FlagInput.read(given), "rita")
        address, listed = f"/record/{found.record.id}", []
        for shown in (50, 50, 20):
            page = (await visit.get(address)).text
            listed += re.findall(r"<li><a href=[^>]*>((?:odd|even) \d+)</a>", page)
            assert f"{len(listed) - shown + 1} to {len(listed)} of 120" in text_of(page)
            address = re.findall(r'href="([^"]*subjects=[0-9]+)"', page)[-1] if len(listed) < 120 else ""
        assert listed == [f"{name} {number}" for name in ("even", "odd") for number in range(60)]


async def test_an_incident_says_what_it_reaches_and_versions_show_the_newest_incidents_of_their_kin() -> None:
    async with visiting() as visit:
        siblings = [{"name": "tuned", "version": f"{n}", "parents": [BASED]} for n in range(30)]
        await visit.register(models=[{"name": "base", "version": "1"}, *siblings])
        for n in range(30):
            wrong = {"title": f"Wrong answer {n}.", "severity": "HIGH", "subject": f"model:tuned@{n}"}
            found = await report(visit.registry, IncidentInput.read(wrong | {"cause": BASED["ref"]}), "otto")
        page = (await visit.get(f"/record/{found.record.id}")).text
        assert "Reaches 30 model versions" in text_of(page)
        assert "/impact/model:base@1" in page
        first = (await visit.get("/record/model:base@1")).text
        [more] = [str(a["href"]) for _, a in tags(first, "a") if "kin=" in str(a["href"])]
        said = text_of(first) + text_of((await visit.get(more.partition("#")[0])).text)
        assert re.findall(r"came from it: Wrong answer (\d+)\.", said) == [str(n) for n in reversed(range(30))]
