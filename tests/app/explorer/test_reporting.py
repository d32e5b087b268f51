"""Reporting an incident on a page: about what, once, and by who may."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from tests.app.explorer.bank import FIRST, THIRD, fill
from tests.app.explorer.visiting import Visit, tags, text_of, token_of, visiting

pytestmark = pytest.mark.anyio

TITLE = "It answered in another language"
PLACE = {"environment": "production", "endpoint": "scoring"}


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await fill(visit.registry)
        yield visit


async def incidents(visit: Visit) -> list[Entry]:
    found = await visit.registry.all_of(Kind.INCIDENT, await visit.registry.sequence())
    return [one for one in found if one.record.content["title"] == TITLE]


async def test_what_serves_at_a_place_is_what_an_incident_there_is_about(bank: Visit) -> None:
    page = (await bank.get("/incidents")).text
    offered = {attributes["value"] for _, attributes in tags(page.partition("<datalist")[2], "option")}
    assert offered == {"production", "scoring"}
    done = await bank.send("/incidents", "report", title=TITLE, severity="HIGH", description="In Dutch.", **PLACE)
    assert done.status_code == 303
    said = text_of((await bank.get(done.headers["location"])).text)
    assert TITLE in said
    assert "In Dutch." in said
    [reported] = await incidents(bank)
    [first] = (await bank.registry.store.resolve([FIRST])).values()
    assert (reported.record.content["subject"], reported.recorded_by) == (first.id, "local")
    for path in ("/incidents", "/incidents?severity=HIGH", "/", f"/record/{FIRST}"):
        assert TITLE in text_of((await bank.get(path)).text)


async def test_an_incident_is_reported_from_the_page_of_its_version_among_those_of_that(bank: Visit) -> None:
    there = f"/incidents?version={THIRD.replace(':', '%3A').replace('/', '%2F').replace('@', '%40')}"
    assert f'href="{there}#report"' in (await bank.get(f"/record/{THIRD}")).text
    [subject] = [a for _, a in tags((await bank.get(there)).text, "input") if a.get("name") == "subject"]
    assert subject["value"] == THIRD
    done = await bank.send(there, "report", title=TITLE, severity="LOW", subject=THIRD)
    assert done.status_code == 303
    assert TITLE in text_of((await bank.get(there)).text)
    assert TITLE not in text_of((await bank.get(f"/incidents?version={FIRST}")).text)


@pytest.mark.parametrize("at", ["2024-05-02T10:30", "2024-05-02T10:30:00", "2024-05-02T12:30:00+02:00"])
async def test_when_it_happened_is_in_utc_unless_it_says_otherwise(bank: Visit, at: str) -> None:
    token = token_of((await bank.get("/incidents")).text, "report")
    fields = {"act": "report", "token": token, "title": TITLE, "severity": "HIGH", "subject": FIRST, "at": at}
    assert (await bank.post("/incidents", **fields)).status_code == 303
    [reported] = await incidents(bank)
    assert instant(reported.record.content["openedAt"]) == instant("2024-05-02T10:30:00Z")


async def test_a_form_that_is_sent_twice_is_one_incident(bank: Visit) -> None:
    token = token_of((await bank.get("/incidents")).text, "report")
    fields = {"act": "report", "token": token, "title": TITLE, "severity": "HIGH", **PLACE}
    sent = [await bank.post("/incidents", **fields) for _ in range(2)]
    assert {one.headers["location"] for one in sent} == {sent[0].headers["location"]}
    assert len(await incidents(bank)) == 1
    other = await bank.post("/incidents", **fields | {"description": "In Dutch."})
    assert other.status_code == 409
    assert "This form has reported another incident" in text_of(other.text)
    assert "In Dutch." in text_of(other.text)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"title": " "}, "Nothing says what happened: write a sentence."),
        ({"title": "\u200b"}, "has nothing that can be seen"),
        ({"severity": "GRAVE"}, "GRAVE"),
        ({"subject": "model:nobody@1"}, "model:nobody@1"),
        (
            {"subject": "", "environment": ""},
            "The incident is about nothing: give subject, or environment and endpoint.",
        ),
        ({"at": "2099-01-01T00:00:00Z"}, "2099"),
        ({"at": "yesterday"}, "yesterday"),
    ],
)
async def test_what_cannot_be_reported_is_refused_and_shown_again(
    bank: Visit, wrong: dict[str, Any], message: str
) -> None:
    fields = {"title": TITLE, "severity": "HIGH", "subject": FIRST, "description": "In Dutch."} | wrong
    token = token_of((await bank.get("/incidents")).text, "report")
    refused = await bank.post("/incidents", act="report", token=token, **fields)
    assert 400 <= refused.status_code < 500
    assert message in text_of(refused.text)
    assert "In Dutch." in text_of(refused.text)
    assert await incidents(bank) == []


async def test_incidents_of_what_is_no_version_are_refused(bank: Visit) -> None:
    for version, status in (("model:nobody@1", 404), ("dataset:loans@1", 404), ("nothing", 400)):
        assert (await bank.get(f"/incidents?version={version}")).status_code == status


async def test_the_past_has_no_form(bank: Visit) -> None:
    assert 'value="report"' not in (await bank.get("/incidents?asOf=2026-01-01T00:00:00Z")).text


async def test_the_first_page_has_the_worst_that_is_open_first(bank: Visit) -> None:
    for severity in ("LOW", "CRITICAL", "LOW", "MEDIUM", "CRITICAL"):
        await bank.send("/incidents", "report", title=TITLE, severity=severity, subject=FIRST)
    home = csv.DictReader(io.StringIO((await bank.get("/?format=csv&table=incidents")).text))
    severities = [row["severity"] for row in home]
    assert severities == ["critical", "critical", "high", "medium", "low", "low"]
    shown = text_of((await bank.get("/")).text)
    assert shown.index("critical") < shown.index("medium")
