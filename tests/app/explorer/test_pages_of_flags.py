"""What pages say of flags: wherever something flagged is listed or decided on, by whom, when and why it is."""

import csv
import io

import pytest

from descentd.app.explorer.words import Words
from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import DeploymentInput, FlagInput, RetractionInput, ReviewInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from descentd.queries.retractions import retract
from tests.app.explorer.bank import FIRST, LOANS, POLICY, PROFILE, THIRD, fill
from tests.app.explorer.visiting import Visit, links, text_of, visiting
from tests.support.registries import send

pytestmark = pytest.mark.anyio


async def flag_it(visit: Visit, action: str, *subjects: str, propagate: bool = False) -> None:
    given = {"subjects": [*subjects], "action": action, "reason": "Its data is in doubt.", "propagate": propagate}
    await flag(visit.registry, FlagInput.read(given), "rita")


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/", "serving"),
        ("/serving?", "serving"),
        ("/population?attribute=age_group&value=65%2B", "deployed_learned"),
        ("/population?attribute=age_group&value=65%2B", "learned"),
        (f"/impact/{LOANS}?", "deployed"),
    ],
)
async def test_what_serves_although_it_is_flagged_says_so_wherever_it_is_listed(path: str, table: str) -> None:
    async def listed() -> tuple[str, list[str]]:
        rows = csv.reader(io.StringIO((await visit.get(f"{path}{mark}format=csv&table={table}")).text))
        page = text_of((await visit.get(path)).text.partition('id="flag"')[0])
        return page, [cell for row in rows for cell in row]

    mark = "&" if "?" in path else "?"
    async with visiting() as visit:
        await fill(visit.registry)
        page, cells = await listed()
        assert "⚑" not in page
        assert FIRST in cells
        await flag_it(visit, "REVIEW", FIRST)
        await flag_it(visit, "QUARANTINE", f"{LOANS}#train", propagate=True)
        page, cells = await listed()
        assert "⚑ quarantined bank/scorer 1.0" in page
        if not path.startswith("/impact"):  # which marks whatever comes from the record
            # What does not serve has its own page.
            assert page.count("⚑") == page.count("⚑ quarantined bank/scorer 1.0")
        assert {FIRST, "⚑ quarantined"} < set(cells)
        await flag_it(visit, "CLEAR", f"{LOANS}#train")
        page, cells = await listed()
        assert "⚑ flagged to be looked at bank/scorer 1.0" in page
        assert {FIRST, "⚑ flagged to be looked at"} < set(cells)


@pytest.mark.parametrize(
    ("path", "table"), [("/", "serving"), ("/serving", "serving"), (f"/impact/{LOANS}", "deployed")]
)
async def test_what_serves_although_it_is_retracted_says_so_before_its_name(bank: Visit, path: str, table: str) -> None:
    claimed = {"claimed": {"by": "The board", "source": "an example"}, "since": "2019-05-02T00:00:00Z"}
    for subject, endpoint in ((FIRST, "a"), (THIRD, "z")):
        place = {"subject": subject, "environment": "production", "endpoint": endpoint}
        await deploy(bank.registry, DeploymentInput.read(place | claimed), "ana")
    await retract(bank.registry, RetractionInput.read({"subjects": [THIRD], "reason": "Wrong."}), "rita")
    page = text_of((await bank.get(path)).text)
    assert "✗ retracted bank/scorer 2.0" in page
    assert "✗ retracted bank/scorer 1.0" not in page
    rows = list(csv.reader(io.StringIO((await bank.get(f"{path}?format=csv&table={table}")).text)))
    [said] = [row for row in rows if THIRD in row]
    assert "✗ retracted" in said
    assert path != "/" or rows[1] == said


async def test_everything_that_comes_from_a_record_says_what_is_retracted_or_flagged(bank: Visit) -> None:
    await retract(bank.registry, RetractionInput.read({"subjects": [THIRD], "reason": "Wrong."}), "rita")
    await flag_it(bank, "QUARANTINE", FIRST)
    rows = list(csv.reader(io.StringIO((await bank.get(f"/impact/{LOANS}?format=csv&table=affected")).text)))
    said = {row[0]: row[1] for row in rows}
    assert "✗ retracted" in said[THIRD]
    assert "⚑ quarantined" in said[FIRST]


async def test_data_that_comes_from_flagged_data_says_that_it_is_flagged(bank: Visit) -> None:
    filtered = {"name": "few", "version": "1", "derivedFrom": [{"ref": LOANS, "relation": "FILTER"}]}
    await send(bank.registry, datasets=[filtered])

    async def said() -> str:
        rows = csv.DictReader(io.StringIO((await bank.get(f"/impact/{LOANS}?format=csv&table=affected")).text))
        return next(row["record says"] for row in rows if row["record"] == "dataset:few@1")

    assert await said() == ""
    await flag_it(bank, "REVIEW", LOANS, propagate=True)
    assert await said() == "⚑ flagged to be looked at"
    await flag_it(bank, "CLEAR", LOANS)
    await flag_it(bank, "QUARANTINE", "dataset:few@1")
    assert await said() == "⚑ quarantined"


async def test_a_version_that_somebody_said_no_go_to_says_so_wherever_it_is_listed(bank: Visit) -> None:
    place = {"subject": FIRST, "environment": "shadow", "endpoint": "a", "since": "2019-05-02T00:00:00Z"}
    claimed = {"claimed": {"by": "The board", "source": "an example"}}
    await deploy(bank.registry, DeploymentInput.read(place | claimed), "ana")
    pages = ("/", "/serving", f"/impact/{LOANS}")
    no_go = {"subject": FIRST, "environment": "production", "decision": "NO_GO", "reason": "It is not fair."}
    said = await review(bank.registry, ReviewInput.read(no_go), "rita")
    for page in pages:
        assert "✗ no-go for production bank/scorer 1.0" in text_of((await bank.get(page)).text)
    await retract(bank.registry, RetractionInput.read({"subjects": [said.record.id], "reason": "It is fair."}), "rita")
    for page in pages:
        assert "✗ no-go" not in text_of((await bank.get(page)).text)


async def test_what_waits_and_serves_says_that_it_is_flagged(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    given = {"subject": THIRD, "environment": "production", "endpoint": "old", "since": "2019-05-02T00:00:00Z"}
    claimed = given | {"claimed": {"by": "The board", "source": "an example"}}
    await deploy(bank.registry, DeploymentInput.read(claimed), "ana")
    await flag_it(bank, "REVIEW", THIRD)
    for path in ("/", "/reviews"):
        assert "⚑ flagged to be looked at bank/scorer 2.0 production" in text_of((await bank.get(path)).text)


async def test_who_would_flag_something_sees_which_flags_reach_it(bank: Visit) -> None:
    def told(page: str) -> str:
        return text_of(page).partition("Flag it")[2].partition("The flag asks for")[0]

    assert "flagged" not in told((await bank.get(f"/impact/{FIRST}")).text)
    await flag_it(bank, "REVIEW", f"{LOANS}#train", propagate=True)
    await flag_it(bank, "QUARANTINE", FIRST)
    page = (await bank.get(f"/impact/{FIRST}")).text
    assert "It is flagged already: Flagged to be looked at, by rita on " in told(page)
    assert "Its data is in doubt. The flag stands on what this came from. The flag Quarantined by rita on " in told(
        page
    )
    ids = [entry.record.id for entry in await bank.registry.all_of(Kind.FLAG, await bank.registry.sequence())]
    assert [one for one in ids if f'<a href="/record/{one}">' in page.partition('id="flag"')[2]] == ids
    assert "uarantined" not in told((await bank.get(f"/impact/{THIRD}")).text)
    assert "It is flagged already: Flagged to be looked at" in told((await bank.get(f"/impact/{THIRD}")).text)


async def test_whatever_is_flagged_says_by_whom_and_when_and_leads_to_the_flag(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    plain = {"name": "plain", "version": "1", "config": {"a": 1}, "safetyProfile": PROFILE}
    await bank.register("ana", models=[plain])
    assert "no flag reaches it" in text_of((await bank.get("/record/model:plain@1")).text)
    assert f"/impact/{FIRST}#flag" in links((await bank.get(f"/record/{FIRST}")).text)
    given = {"subjects": [FIRST, "model:plain@1"], "action": "QUARANTINE", "reason": "It leaks names"}
    recorded = (await flag(bank.registry, FlagInput.read(given), "rita")).record
    day = Words.of().day(recorded.content["at"])
    said = f"Quarantined by rita on {day}, not to be promoted or deployed: It leaks names. The flag"
    card = (await bank.get(f"/record/{FIRST}")).text
    verdict, _, rest = text_of(card).partition("Not deployed anywhere.")
    assert f"⚑ Flagged {said}" in verdict
    assert f"Open ⚑ {said}" in rest
    assert "no flag reaches it" not in text_of((await bank.get("/record/model:plain@1")).text)
    assert "#flags" in links(card)
    assert 'id="flags"' in card
    gate = (await bank.get(f"/gate/{FIRST}?environment=production")).text
    assert f"Nobody decides on it until the flag is cleared. {said}" in text_of(gate)
    impact = (await bank.get(f"/impact/{FIRST}")).text
    assert "#flag" in links(impact)
    for page in (card, gate, impact):
        assert f"/record/{recorded.id}" in links(page)
    claimed = {"claimed": {"by": "The board", "source": "an example"}}
    place = {"subject": FIRST, "environment": "production", "endpoint": "old", "since": "2019-05-02T00:00:00Z"}
    await deploy(bank.registry, DeploymentInput.read(place | claimed), "ana")
    for path in ("/population?attribute=age_group&value=65%2B", "/serving", f"/impact/{LOANS}"):
        assert f"/record/{FIRST}#flags" in links((await bank.get(path)).text), path
