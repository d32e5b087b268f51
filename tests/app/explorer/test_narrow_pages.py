"""Pages of every kind of record on the narrowest screen, where names, digests and addresses are long."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from descent.manifest import load_manifest
from descentd.app.explorer.address import address
from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import (
    DeploymentInput,
    FlagInput,
    IncidentInput,
    ResolutionInput,
    RetractionInput,
    ReviewInput,
)
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.kinds import Kind
from descentd.graph.registration.register import register
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report, resolve
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.app.explorer.bank import LOANS, POLICY, PROFILE, THIRD, fill, manifest
from tests.app.explorer.test_every_record import GOLDEN
from tests.support.registries import opened
from tests.support.server_process import ServerProcess

LONG = "x" * 100
"""A word that nothing breaks: a digest has 71 characters."""
FILE = f"sha256:{'7' * 64}"
CROWDING = """all => all.some(cell => {
  const place = cell.closest(".wide");
  return place.scrollWidth > place.clientWidth && cell.offsetWidth > 400;
})"""
"""Whether a cell is wide while others are out of sight."""
EMPTY = """all => all.filter(section => {
  const shown = [...section.children].filter(one => one.checkVisibility() && one.innerText.trim());
  return section.checkVisibility() && !shown.some(one => !/^H\\d$/.test(one.tagName));
}).map(section => section.innerText || section.id)"""
"""Sections of which nothing is shown but a heading."""
PLACE, PERSON, LONGEST = f"place-{LONG}", f"{LONG}@example.org", f"model:{LONG}@{LONG}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """The store, and the pages of the two newest records of each kind."""
    file = tmp_path_factory.mktemp("narrow") / "registry.db"

    async def fill_it() -> list[str]:
        async with opened(SQLiteStore(file)) as registry:
            await fill(registry)
            await long_words(registry)
            briefs = await registry.store.briefs(range(1, await registry.sequence() + 1))
            by_kind: defaultdict[Kind, list[str]] = defaultdict(list)
            for brief in reversed(briefs):
                by_kind[brief.kind].append(address("record", brief.ref))
            assert by_kind.keys() == set(Kind)
            return [one for found in by_kind.values() for one in found[:2]]

    return f"sqlite:///{file}", asyncio.run(fill_it())


@pytest.fixture(scope="module")
def server(filled: tuple[str, list[str]]) -> Iterator[ServerProcess]:
    with ServerProcess(filled[0]) as running:
        yield running


async def long_words(registry: Registry) -> None:
    """Records of every kind, with long words wherever a word may stand, most of them retracted."""

    async def send(**sections: Any) -> None:
        await register(registry.committer, ManifestInput.read(sections), f"owner-{PERSON}")

    await send(**load_manifest(GOLDEN).content)
    reason = f"{LONG} because of https://example.org/{LONG}"
    bias = {"attribute": LONG, "value": LONG, "description": reason}
    profile = PROFILE | {"knownBiases": [bias], "mustNotDo": [LONG], "intendedUse": LONG, "guardrails": [LONG]}
    measured = next(one for one in manifest()["evaluations"] if one["subject"] == THIRD)
    await send(
        models=[
            {
                "name": LONG,
                "version": LONG,
                "parents": [{"ref": THIRD, "relation": "FINE_TUNE"}],
                "config": {LONG: LONG},
                "code": {"repository": f"https://example.org/{LONG}", "commit": "7" * 40},
                "artifacts": [{"uri": f"s3://{LONG}", "digest": FILE}],
                "description": LONG,
                "safetyProfile": profile,
                "interventions": [{"kind": LONG, "description": LONG, "targets": [{"attribute": LONG, "value": LONG}]}],
            }
        ],
        evaluations=[measured | {"subject": LONGEST}],
        notes=[{"subject": LONGEST, "author": LONG, "text": reason}],
        disclosures=[
            {"subject": LONGEST, "trainedOn": [{"ref": LOANS, "role": "TRAIN"}], "source": reason, "reason": reason}
        ],
        tensorDigests=[{"subject": LONGEST, "artifact": FILE, "tensors": [{"name": LONG, "digest": FILE, "size": 9}]}],
        signatures=[{"subject": LONGEST, "files": [{"name": LONG, "digest": FILE}], "key": FILE, "bundle": FILE}],
    )
    policy = POLICY.replace("environment: production", f"environment: {PLACE}").replace("0.8", "0.99")
    await register_policies(registry, [read_policy(policy, "place.yaml")], PERSON)
    no = {"subject": LONGEST, "environment": PLACE, "decision": "NO_GO", "reason": reason, "conditions": [LONG]}
    await review(registry, ReviewInput.read(no), PERSON)
    for action in ("REVIEW", "QUARANTINE"):
        given = {"subjects": [LONGEST], "action": action, "reason": reason}
        await flag(registry, FlagInput.read(given), PERSON)
    place = {"environment": PLACE, "endpoint": LONG, "claimed": {"by": LONG, "source": LONG}}
    await deploy(registry, DeploymentInput.read({"subject": LONGEST, **place}), PERSON)
    wrong = {"title": LONG, "severity": "HIGH", "subject": LONGEST, "labels": {LONG: LONG}}
    for title in (LONG, reason):
        found = await report(registry, IncidentInput.read(wrong | {"title": title}), PERSON)
    resolved = ResolutionInput.read({"incident": found.record.id, "reason": reason})
    await resolve(registry, resolved, PERSON)
    for kind in (Kind.FLAG, Kind.REVIEW, Kind.NOTE, Kind.EVALUATION, Kind.INCIDENT, Kind.SAFETY_PROFILE):
        newest = (await registry.all_of(kind, await registry.sequence()))[-1]
        given = {"subjects": [newest.record.id], "reason": reason}
        await retract(registry, RetractionInput.read(given), PERSON)


def test_no_page_is_wider_than_its_screen(
    browser: Browser, server: ServerProcess, filled: tuple[str, list[str]]
) -> None:
    page = browser.new_page(base_url=server.url, viewport={"width": 320, "height": 640})
    wide: dict[tuple[str, int], int] = {}
    crowding: list[str] = []
    printed_empty: dict[str, list[str]] = {}
    for path in (
        *filled[1],
        *(address(view, LONGEST) for view in ("lineage", "impact", "diff", "trend", "gate")),
        address("gate", LONGEST, environment=PLACE),
        address("diff", LONGEST, head=THIRD),
        address("trend", LONGEST, metric="accuracy"),
        *("/", "/serving", "/incidents?status=all", "/erosions", "/drift", "/policies", "/reviews", "/population"),
        *(f"/population?attribute={LONG}&value={LONG}", f"/search?q={LONG}", f"/record/{LONG}", f"/impact/{LOANS}"),
    ):
        page.goto(path)
        page.emulate_media(media="print")
        if empty := page.locator("section").evaluate_all(EMPTY):
            printed_empty[path] = empty
        page.emulate_media(media="screen")
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        for screen in (1280, 320):
            page.set_viewport_size({"width": screen, "height": 640})
            if (width := page.evaluate("document.documentElement.scrollWidth")) > screen:
                wide[path, screen] = width
            if screen > 320 and page.locator(".wide td").evaluate_all(CROWDING):
                crowding.append(path)
    assert wide == {}
    assert crowding == []
    assert printed_empty == {}


def test_a_caption_has_the_width_of_its_table(browser: Browser, server: ServerProcess) -> None:
    """Of tables whose rows follow each other as words do, too: a browser puts it into a column as wide as one word."""
    page = browser.new_page(base_url=server.url, viewport={"width": 360, "height": 640})
    page.goto(address("lineage", THIRD))
    caption = page.locator("table.by-row caption:not(.unseen)")
    widths = caption.evaluate_all("all => all.map(one => [one.offsetWidth, one.parentElement.offsetWidth])")
    assert len(widths) == 1
    assert all(own == whole for own, whole in widths), widths
