"""Retracting a record and clearing flags on the pages of records, by whoever may."""

from collections.abc import AsyncIterator

import pytest

from descentd.app.explorer.words import Words
from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import FlagInput, ReviewInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag, flags_reaching
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from tests.app.explorer.bank import FIRST, LOANS, POLICY, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, token_of, visiting

pytestmark = pytest.mark.anyio

NO = {"subject": FIRST, "environment": "production", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
BASED = {"ref": FIRST, "relation": "FINE_TUNE"}
GATE = f"/gate/{FIRST}?environment=production"


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        await register_policies(visit.registry, [read_policy(POLICY, "production.yaml")])
        yield visit


async def flagged(bank: Visit, *subjects: str, **more: object) -> str:
    """The id of a flag of rita's, a quarantine unless another is asked for."""
    given = {"subjects": list(subjects), "action": "QUARANTINE", "reason": "It leaks names.", **more}
    return (await flag(bank.registry, FlagInput.read(given), "rita")).record.id


async def reaching(bank: Visit, ref: str) -> list[str]:
    upto = await bank.registry.sequence()
    return [one.id for one in await flags_reaching(bank.registry, (await bank.registry.find(ref, upto)).sequence, upto)]


async def test_a_decision_is_retracted_on_its_own_page_to_which_the_gate_leads(bank: Visit) -> None:
    own = (await review(bank.registry, ReviewInput.read(NO), "local")).record.id
    assert f'href="/record/{own}#retract"' in (await bank.get(GATE)).text
    sent = {"reason": "I mistook it for another.", "confirmed": "yes"}
    answer = await bank.send(f"/record/{own}", "retract", **sent)
    assert answer.status_code == 303
    page = await bank.get(answer.headers["location"])
    assert "The retraction is recorded." in text_of(page.text)
    assert "✗ Retracted" in text_of(page.text)
    assert 'value="retract"' not in page.text
    assert "local said no-go" not in text_of((await bank.get(GATE)).text)


async def test_a_retraction_asks_for_a_reason_and_a_confirmation(bank: Visit) -> None:
    own = (await review(bank.registry, ReviewInput.read(NO), "local")).record.id
    for fields, why in (
        ({"confirmed": "yes"}, "A retraction needs a reason: write a sentence."),
        ({"reason": "A mistake."}, "Say that you have looked at what rests on it: tick the box."),
    ):
        answer = await bank.send(f"/record/{own}", "retract", **fields)
        assert answer.status_code == 400
        assert why in text_of(answer.text)
    assert len(await bank.registry.all_of(Kind.RETRACTION, await bank.registry.sequence())) == 0


async def test_what_nobody_retracts_says_what_to_do_instead(bank: Visit) -> None:
    [policy] = await bank.registry.all_of(Kind.POLICY, await bank.registry.sequence())
    page = (await bank.get(f"/record/{policy.record.id}")).text
    assert 'value="retract"' not in page
    assert "You cannot: it is a policy, which nobody retracts: an admin puts another in its place." in text_of(page)


async def test_whoever_registered_a_version_is_told_who_takes_back_what_others_said_of_it(bank: Visit) -> None:
    await bank.register("local", models=[{"name": "own", "version": "1", "parents": [BASED]}])
    note = {"subject": "model:own@1", "author": "rita", "text": "It is slow."}
    await bank.register("rita", notes=[note])
    [said] = await bank.registry.all_of(Kind.NOTE, await bank.registry.sequence())
    path = f"/record/{said.record.id}"
    page = await bank.get(path)
    assert 'value="retract"' not in page.text
    why = "concerns own 1, which local registered: ask another reviewer to retract it."
    assert f"You cannot: it {why}" in text_of(page.text).replace(" ,", ",")
    token = token_of((await bank.get(f"/record/{FIRST}")).text, "retract")
    sent = await bank.post(path, act="retract", token=token, reason="It is not.", confirmed="yes")
    assert sent.status_code == 403
    assert why.replace("own 1", "model:own@1") in text_of(sent.text)
    flag = await flagged(bank, FIRST, propagate=True)
    for ref in (FIRST, "model:own@1", flag):
        page = await bank.get(f"/record/{ref}")
        assert 'value="clear"' not in page.text
        assert "You cannot clear it: it reaches own 1, which local registered. Ask another reviewer." in text_of(
            page.text
        ).replace(" ,", ",")
    sent = await bank.post(path, act="clear", token=token, clears=flag, reason="It does not.", confirmed="yes")
    assert sent.status_code == 400
    assert await reaching(bank, "model:own@1") == [flag]


async def test_every_kind_of_record_is_retracted_on_its_page_and_a_retraction_too(bank: Visit) -> None:
    sent = {"reason": "A mistake.", "confirmed": "yes"}
    for ref in (FIRST, f"{LOANS}%23holdout", LOANS):
        assert (await bank.send(f"/record/{ref}", "retract", **sent)).status_code == 303
        assert "was retracted by local" in text_of((await bank.get(f"/record/{ref}")).text)
    first = (await bank.registry.all_of(Kind.RETRACTION, await bank.registry.sequence()))[0]
    assert (await bank.send(f"/record/{first.record.id}", "retract", **sent)).status_code == 303
    assert 'value="retract"' in (await bank.get(f"/record/{FIRST}")).text


async def test_what_was_retracted_says_by_whom_when_and_why(bank: Visit) -> None:
    measured = (await bank.registry.all_of(Kind.EVALUATION, await bank.registry.sequence()))[0].record.id
    fields = {"reason": "It was of another version.", "confirmed": "yes"}
    assert (await bank.send(f"/record/{measured}", "retract", **fields)).status_code == 303
    [retraction] = await bank.registry.all_of(Kind.RETRACTION, await bank.registry.sequence())
    day = Words.of().day(retraction.recorded_at)
    page = (await bank.get(f"/record/{measured}")).text
    assert f"It was retracted by local on {day}: It was of another version. The retraction" in text_of(page)
    assert f'<a href="/record/{retraction.record.id}">' in page


async def test_the_past_offers_neither_retracting_nor_clearing(bank: Visit) -> None:
    await flagged(bank, FIRST)
    await flagged(bank, LOANS)
    [entry, _] = await bank.registry.all_of(Kind.FLAG, await bank.registry.sequence())
    page = (await bank.get(f"/record/{FIRST}?entry={entry.sequence}")).headers["location"]
    said = (await bank.get(page)).text
    assert "It leaks names." in text_of(said)
    assert 'value="retract"' not in said
    assert 'value="clear"' not in said


async def test_a_flag_is_cleared_on_the_page_of_what_it_reaches(bank: Visit) -> None:
    await flagged(bank, LOANS, propagate=True)
    assert len(await reaching(bank, FIRST)) == 1
    answer = await bank.send(f"/record/{FIRST}", "clear", clears=(await reaching(bank, FIRST))[0], confirmed="yes")
    assert "Clearing needs a reason: write a sentence." in text_of(answer.text)
    page = (await bank.get(f"/record/{FIRST}")).text
    [field] = [attributes for _, attributes in tags(page, "input") if attributes.get("name") == "clears"]
    sent = {"clears": str(field["value"]), "reason": "Its copy has none.", "confirmed": "yes"}
    answer = await bank.send(f"/record/{FIRST}", "clear", **sent)
    assert answer.status_code == 303
    said = text_of((await bank.get(answer.headers["location"])).text)
    assert "Cleared for this record, and for what comes from this record alone." in said
    assert "A flag that was put on something else still stands there." in said
    assert await reaching(bank, FIRST) == []
    assert len(await reaching(bank, LOANS)) == 1


async def test_a_flag_is_cleared_for_all_that_it_was_put_on_on_its_own_page(bank: Visit) -> None:
    id = await flagged(bank, FIRST, LOANS)
    answer = await bank.send(f"/record/{id}", "clear", clears=id, reason="It was another.", confirmed="yes")
    assert answer.status_code == 303
    assert await reaching(bank, FIRST) == await reaching(bank, LOANS) == []
    page = (await bank.get(answer.headers["location"])).text
    assert "The flag is cleared for everything that it was put on." in text_of(page)
    assert "still stands" not in text_of(page)
    assert 'value="clear"' not in page


async def test_of_several_flags_those_are_cleared_that_are_chosen(bank: Visit) -> None:
    first, second = await flagged(bank, FIRST), await flagged(bank, FIRST, reason="It was trained twice.")
    answer = await bank.send(f"/record/{FIRST}", "clear", reason="It does not.", confirmed="yes")
    assert "No flag is chosen: choose those that end." in text_of(answer.text)
    sent = {"clears": first, "reason": "It does not.", "confirmed": "yes"}
    assert (await bank.send(f"/record/{FIRST}", "clear", **sent)).status_code == 303
    assert await reaching(bank, FIRST) == [second]


async def test_nobody_is_offered_a_decision_on_what_is_quarantined(bank: Visit) -> None:
    """It could only be refused; a flag that asks to look at it refuses nothing."""
    await flagged(bank, FIRST, action="REVIEW")
    assert 'value="review"' in (await bank.get(GATE)).text
    assert "Decide for production" in text_of((await bank.get(f"/record/{FIRST}")).text)
    await flagged(bank, FIRST)
    page = (await bank.get(GATE)).text
    assert 'value="review"' not in page
    assert "Nobody decides on it until the flag is cleared. Quarantined by" in text_of(page)
    assert f'href="/record/{FIRST}#flags"' in page
    assert "Decide for production" not in text_of((await bank.get(f"/record/{FIRST}")).text)
