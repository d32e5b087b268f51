"""What people write is shown as they wrote it, once, wherever pages and their tables as CSV repeat it."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import DeploymentInput, FlagInput, IncidentInput, ReviewInput
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report
from tests.app.explorer.bank import FIRST, LOANS, POLICY, SECOND, fill
from tests.app.explorer.visiting import Visit, tags, visiting

pytestmark = pytest.mark.anyio

WRITTEN = "<b>only</b> behind a human & never \"to\" 'minors'"
PLACE = "R&D <lab>"
NAME = "model:<i>a&b</i>@1"


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    """In which everything that may be written is, by everybody who may write it."""
    async with visiting() as visit:
        registry = visit.registry
        await fill(registry)
        await visit.register(
            models=[{"name": "<i>a&b</i>", "version": "1", "parents": [{"ref": FIRST, "relation": "MERGE"}]}],
            notes=[{"subject": FIRST, "author": WRITTEN, "text": WRITTEN}],
        )
        policy = POLICY.replace("environment: production", f'environment: "{PLACE}"').replace("quorum: 1", "quorum: 2")
        await register_policies(registry, [read_policy(policy, "lab.yaml")])
        said: dict[str, Any] = {"environment": PLACE, "reason": WRITTEN, "conditions": [WRITTEN]}
        for subject in (FIRST, SECOND):
            await review(registry, ReviewInput.read(said | {"subject": subject, "decision": "GO"}), "rita & co")
        claimed = {"by": WRITTEN, "source": WRITTEN}
        no = {"subject": FIRST, "decision": "NO_GO", "claimed": claimed}
        await review(registry, ReviewInput.read(said | no), "rita & co")
        place = {"environment": PLACE, "endpoint": WRITTEN}
        await deploy(registry, DeploymentInput.read({"subject": NAME, "claimed": claimed, **place}), "ana")
        wrong = {"title": WRITTEN, "severity": "HIGH", "cause": f"{LOANS}#holdout", **place}
        await report(registry, IncidentInput.read(wrong), "otto")
        await flag(registry, FlagInput.read({"subjects": [NAME], "action": "REVIEW", "reason": WRITTEN}), "rita & co")
        yield visit


PAGES = (
    *("/", "/serving", "/reviews", "/incidents", "/drift", "/erosions", "/policies", "/population"),
    *(f"/{view}/{ref}" for view in ("record", "lineage", "impact") for ref in (FIRST, NAME, LOANS)),
    *(f"/gate/{FIRST}?environment=R%26D%20%3Clab%3E", f"/diff/{FIRST}?head={SECOND}", f"/diff/{FIRST}?head={NAME}"),
    *(f"/trend/{FIRST}?metric=accuracy", "/search?q=human", "/search?q=a%26b", "/lineage", "/gate/" + FIRST),
)


async def test_what_is_written_is_escaped_once(bank: Visit) -> None:
    """Escaped twice it would be read as `&amp;`, and never it would be run."""
    seen, files = 0, 0
    found = [f"/record/{entry.record.id}" for entry in await bank.registry.store.entries(range(1, 60))]
    for path in (*PAGES, *found):
        page = (await bank.get(path)).text
        assert not tags(page, "b") or "<b>only" not in page, path
        assert not re.search(r"&amp;(lt|gt|amp|quot|#\d+);", page), path
        seen += WRITTEN in unescape(page)
        for address in {str(a["href"]) for _, a in tags(page, "a") if "format=csv" in str(a.get("href"))}:
            csv = (await bank.get(address)).text
            assert not re.search(r"&(lt|gt|amp|quot|#\d+);", csv), address
            files += WRITTEN.replace('"', '""') in csv
    assert seen > 10
    assert files > 3
