"""Whatever there is more of than a page shows is counted, led to, and in the CSV: nothing is left out silently."""

import csv
import html
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from descentd.app.explorer.pages import home, impact, incidents
from descentd.graph.inputs.acts import DeploymentInput, IncidentInput, ResolutionInput, RetractionInput, ReviewInput
from descentd.graph.model import clock
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Role
from descentd.graph.model.names import rfc3339
from descentd.queries.erosion.registry_report import erosion_groups
from descentd.queries.governance.record_review import review
from descentd.queries.lineage.paths import name_steps
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report, resolve
from descentd.queries.retractions import retract
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, chain, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting
from tests.queries.governed import digest

pytestmark = pytest.mark.anyio

MANY = 1_003
"""More than one question answers at a time."""


async def claim(visit: Visit, version: str, endpoint: str, since: str) -> None:
    """Record that a version served at an endpoint from a moment on, until the next claim there."""
    claimed = {"claimed": {"by": "otto", "source": "the old list"}}
    place = {"environment": "shadow", "endpoint": endpoint, "since": f"{since}T00:00:00Z"}
    await deploy(visit.registry, DeploymentInput.read({"subject": version, **place, **claimed}), "ana")


def whom(value: str) -> dict[str, object]:
    """What a partition says of who is in it."""
    return {"populationDocumented": "COMPLETE", "population": [{"attribute": "district", "value": value}]}


@pytest.fixture(scope="module")
async def crowded() -> AsyncIterator[Visit]:
    """The bank, where 1.0 serves at a thousand endpoints, and a thousand versions of which nothing is known."""
    async with visiting() as visit:
        await visit.register(**manifest())
        models = [{"name": f"found/{number}", "version": "1"} for number in range(MANY)]
        parts = [{"name": f"p{number}", "digest": digest(100 + number), **whom(f"v{number}")} for number in range(MANY)]
        await visit.register(models=models, datasets=[{"name": "people", "version": "1", "partitions": parts}])
        for number in range(MANY):
            await claim(visit, FIRST, f"e{number}", "2024-01-01")
        for number in range(3):
            await claim(visit, SECOND, f"e{number}", "2025-01-01")
        yield visit


async def rows_of(visit: Visit, address: str) -> list[list[str]]:
    """The rows of a CSV, without its headings."""
    answer = await visit.get(f"{address}{'&' if '?' in address else '?'}format=csv")
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))[1:]


async def test_what_serves_is_found_among_however_many_deployments(crowded: Visit) -> None:
    every = sorted(f"e{number}" for number in range(MANY))
    taken = ["e0", "e1", "e2"]
    served = {LOANS: every, f"{LOANS}%23train": every, FIRST: every, SECOND: taken, f"{LOANS}%23holdout": []}
    for origin, endpoints in served.items():
        assert [row[3] for row in await rows_of(crowded, f"/impact/{origin}?table=deployed")] == endpoints, origin
    page = (await crowded.get(f"/impact/{LOANS}")).text
    assert f"50 of {MANY:,}" in page


async def test_a_list_is_read_to_its_end_page_by_page_and_in_one_csv(crowded: Visit) -> None:
    """Whoever takes a CSV for the list counts its rows."""
    for path, table, total in (
        (f"/impact/{LOANS}", "affected", MANY + 6),
        (f"/impact/{LOANS}", "deployed", MANY),
        ("/serving", "serving", MANY),
        ("/", "serving", MANY),
        ("/search?q=found", "found", MANY),
        ("/drift", "drift", MANY + 2),
        ("/record", "newest", MANY + 3),
        ("/population?attribute=age_group&value=65%2B", "learned", 3),
        ("/population?attribute=age_group&value=65%2B&verdict=UNKNOWN", "learned", MANY),
        ("/population", "vocabulary", MANY + 2),
    ):
        rows = await rows_of(crowded, f"{path}{'&' if '?' in path else '?'}table={table}")
        assert (len(rows), len({tuple(row) for row in rows})) == (total, total), path
        page = text_of((await crowded.get(path)).text)
        assert total < 100 or re.search(rf"\d+ of {total:,}\b", page), path


async def test_a_csv_of_many_parts_has_its_headings_once_and_is_compressed_where_that_is_read(crowded: Visit) -> None:
    path = f"/impact/{LOANS}?table=affected&format=csv"
    plain = await crowded.get(path, **{"Accept-Encoding": "identity"})
    zipped = await crowded.get(path, **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.text == zipped.text
    assert plain.text.count("record,record says,kind,steps,how") == 1
    assert plain.headers["content-disposition"] == 'attachment; filename="impact-affected.csv"'


@pytest.fixture(scope="module")
async def noted() -> AsyncIterator[Visit]:
    """The bank, where a thousand notes are about 2.0, many decisions about 1.1, and 1.0 serves at many endpoints."""
    async with visiting() as visit:
        await visit.register(**manifest())
        notes = [{"subject": THIRD, "author": "risk team", "text": f"Remark {number}!"} for number in range(MANY)]
        await visit.register(notes=notes)
        for number in range(60):
            await claim(visit, FIRST, f"e{number:02}", f"2024-{number // 28 + 1:02}-{number % 28 + 1:02}")
            said = {"subject": SECOND, "environment": "shadow", "decision": "NO_GO", "reason": f"Look {number}!"}
            await review(visit.registry, ReviewInput.read(said), "rita")
        yield visit


async def test_a_csv_that_cannot_go_on_is_broken_off(crowded: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody takes it for whole."""
    asked: list[None] = []

    async def once(*given: Any) -> Any:
        asked.append(None)
        if len(asked) > 1:
            raise Unavailable("The store does not answer at the moment.")
        return await name_steps(*given)

    monkeypatch.setattr(impact, "name_steps", once)
    with pytest.raises(Unavailable):
        await crowded.get(f"/impact/{LOANS}?table=deployed&format=csv")
    assert len(asked) == 2


def section(page: str, name: str) -> str:
    return page.partition(f'id="{name}"')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    ("path", "name", "of", "expected"),
    [
        (f"/record/{THIRD}", "notes", r"Remark \d+!", [f"Remark {number}!" for number in reversed(range(MANY))]),
        (f"/record/{THIRD}", "history", r"Remark \d+!", [f"Remark {number}!" for number in reversed(range(MANY))]),
        (f"/record/{FIRST}", "served", r"e\d\d(?= in shadow)", [f"e{number:02}" for number in reversed(range(60))]),
        (f"/record/{SECOND}", "people", r"Look \d+!", [f"Look {number}!" for number in reversed(range(60))]),
    ],
)
async def test_a_list_of_a_card_begins_with_the_newest_and_leads_to_the_rest(
    noted: Visit, path: str, name: str, of: str, expected: list[str]
) -> None:
    first = section((await noted.get(path)).text, name)
    shown = re.findall(of, first)
    assert shown == expected[: len(shown)]
    assert 0 < len(shown) <= 50
    assert re.search(rf"\d+ of {len(expected):,}\b" if name != "history" else r"12 of 1,0\d\d\b", text_of(first))
    for _ in range(2):
        [more] = re.findall(r'<a href="([^"]+)">More</a>', first)
        assert more.endswith(f"#{name}")
        first = section((await noted.get(html.unescape(more))).text, name)
        shown += re.findall(of, first)
        assert shown == expected[: len(shown)]
        assert "From the beginning" in text_of(first)
        if len(shown) == len(expected):
            break


async def test_records_of_many_parts_show_some_at_a_time_and_have_all_in_csv(bank: Visit) -> None:
    many = 120
    groups = [{"slice": [{"attribute": "district", "value": f"d{number:03}"}]} for number in range(many)]
    metrics = [{"name": "accuracy", "value": 0.5, "n": 9, **group} for group in groups]
    people = [{"attribute": "district", "value": f"d{number:03}"} for number in range(many)]
    described = {"populationDocumented": "PARTIAL", "population": people}
    parts = [
        {"name": f"p{number:03}", "digest": digest(900 + number), **({} if number else described)}
        for number in range(many)
    ]
    files = [{"uri": f"s3://shards/{number:03}", "digest": digest(2000 + number)} for number in range(many)]
    trained = [{"ref": f"dataset:wide@1#p{number:03}", "role": "TRAIN"} for number in range(many)]
    model = {"name": "wide", "version": "1", "trainedOn": trained, "artifacts": files}
    await bank.register(datasets=[{"name": "wide", "version": "1", "partitions": parts}], models=[model])
    await bank.register(
        evaluations=[{"subject": "model:wide@1", "suite": {"name": "s", "version": "1"}, "metrics": metrics}]
    )
    [evaluation] = await bank.registry.store.briefs([await bank.registry.sequence()])
    for ref, table in (
        ("dataset:wide@1", "partitions"),
        ("dataset:wide@1%23p000", "shares"),
        (evaluation.id, "results"),
    ):
        page = text_of((await bank.get(f"/record/{ref}")).text)
        assert f"50 of {many}" in page
        assert len(await rows_of(bank, f"/record/{ref}?table={table}")) == many
    assert "d119" not in text_of((await bank.get("/record/dataset:wide@1")).text)
    assert "d119" in (await rows_of(bank, "/record/dataset:wide@1?table=partitions"))[0][3]
    card = (await bank.get("/record/model:wide@1")).text
    assert card.count("<summary>100 more</summary>") == 2
    assert "s3://shards/119" in card


async def test_the_csv_of_a_history_has_all_of_it(noted: Visit) -> None:
    rows = await rows_of(noted, f"/record/{THIRD}?table=history")
    said = [row[1] for row in rows if row[1].startswith("Note")]
    assert said == [f"Note by risk team: Remark {number}!" for number in reversed(range(MANY))]
    assert rows[-1][1].startswith("bank/scorer@2.0 registered")


async def test_a_version_that_serves_at_many_places_says_at_how_many(noted: Visit) -> None:
    page = (await noted.get(f"/record/{FIRST}")).text
    assert "It serves at 55 more endpoints." in text_of(page)
    [to] = [str(a["href"]) for _, a in tags(page, "a") if str(a.get("href")).startswith("/serving?")]
    assert "50 of 60" in text_of((await noted.get(to)).text)


async def test_a_history_has_the_beginning_of_a_long_text_and_its_record_the_whole(bank: Visit) -> None:
    long = " ".join(f"word{number}" for number in range(30_000))
    await bank.register(notes=[{"subject": FIRST, "author": "risk team", "text": long}])
    csv.field_size_limit(131_072)
    [note, *_] = await rows_of(bank, f"/record/{FIRST}?table=history")
    assert note[1].startswith("Note by risk team: word0 word1 ")
    assert note[1].endswith(" …")
    assert 150 < len(note[1]) < 210
    card = (await bank.get(f"/record/{FIRST}")).text
    assert len(card) < 100_000
    [to] = [str(a["href"]) for _, a in tags(section(card, "notes"), "a")]
    assert long in (await bank.get(to)).text


async def test_a_history_says_what_was_retracted_since_and_not_what_such_a_note_said(bank: Visit) -> None:
    await bank.register(notes=[{"subject": FIRST, "author": "risk team", "text": "It names Mrs Smith."}])
    upto = await bank.registry.sequence()
    [note] = await bank.registry.store.briefs([upto])
    links = await bank.registry.store.links(
        [(await bank.registry.find(FIRST, upto)).sequence], {Role.EVALUATES}, inward=True
    )
    [evaluation] = await bank.registry.store.briefs([links[0].source])
    before = rfc3339(clock.now())
    await retract(
        bank.registry, RetractionInput.read({"subjects": [note.id, evaluation.id], "reason": "Wrong."}), "ana"
    )
    said = [row[1:3] for row in await rows_of(bank, f"/record/{FIRST}?table=history")]
    assert said[0] == ["Note by risk team.", "retracted since"]
    assert [one for one, beside in said if one.startswith("Evaluated") and beside.startswith("retracted since")]
    assert "Smith" not in (await bank.get(f"/record/{FIRST}")).text
    assert "It names Mrs Smith." in (await bank.get(f"/record/{FIRST}?asOf={before}")).text


async def test_a_text_that_is_too_long_is_refused_with_the_limit_and_is_still_there(bank: Visit) -> None:
    """In letters that take one byte each, and in such as take nine in a form."""
    for letter in ("x", "न"):
        written = letter * 250_001
        refused = await bank.send(f"/record/{FIRST}", "note", text=written)
        assert refused.status_code == 400
        said = "The text has 250,001 characters, and a form takes at most 250,000: shorten it, or record it in parts."
        assert said in html.unescape(refused.text)
        assert written in refused.text
        assert (await bank.send(f"/record/{FIRST}", "note", text=written[1:])).status_code == 303


async def test_what_got_worse_last_is_found_among_however_much_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page looked for the newest among the gravest alone."""
    async with visiting() as visit:
        for number, after in enumerate((0.2, 0.3, 0.4, 0.6)):
            await visit.register(**chain([0.7, 0.7, *[after] * 6], f"m{number}"))
        worst = (await erosion_groups(visit.registry, None, None, None)).items
        assert "m3" not in worst[0].worst.ref
        monkeypatch.setattr(home, "MOST", 1)
        page = section((await visit.get("/")).text, "worse")
        assert "m3 2" in text_of(page)


def incidents_of(page: str) -> str:
    """What the first page says of incidents."""
    return page.partition('<h2><a href="/incidents">')[2].partition("</section>")[0]


async def test_an_open_incident_is_found_however_many_came_since(bank: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "_LOOKED_THROUGH", 4)
    monkeypatch.setattr(incidents, "_NEWEST", 3)
    place = {"severity": "LOW", "environment": "lab", "endpoint": "e"}
    for number in range(10):
        given = {"title": f"alert {number}", "externalId": str(number), **place}
        reported = await report(bank.registry, IncidentInput.read(given), "otto")
        if number not in {0, 5}:
            over = {"incident": reported.record.id, "reason": "It is over."}
            await resolve(bank.registry, ResolutionInput.read(over), "otto")
        if number == 2:
            assert "alert 0" in incidents_of((await bank.get("/")).text)
    assert [row[0] for row in await rows_of(bank, "/incidents")] == ["alert 5", "alert 0"]
    assert [row[0] for row in await rows_of(bank, "/?table=incidents")] == ["alert 5", "alert 0"]
    every = [f"alert {number}" for number in reversed(range(10))]
    assert [row[0] for row in await rows_of(bank, "/incidents?status=all")] == every
    assert "older ones were not looked through" in incidents_of((await bank.get("/")).text)
    path, found = "/incidents", []
    while path:
        page = (await bank.get(path)).text
        assert "Of 10 incidents" in text_of(page)
        found += re.findall(r"alert \d", page)
        path = next((html.unescape(to) for to in re.findall(r'<a href="([^"]+)">Older ones</a>', page)), "")
    assert found == ["alert 5", "alert 0"]
    assert (await bank.get("/incidents?after=17x")).status_code == 400


async def test_more_groups_than_one_question_answers_are_merged_and_counted_as_one_list() -> None:
    """What falls step by step is found anew by each later version, in a span of its own."""
    async with visiting() as visit:
        fall = [*[0.7] * 3, *[0.7 - 0.012 * step for step in range(9)]]
        for number in range(170):
            await visit.register(**chain(fall, f"m{number}"))
        assert (await erosion_groups(visit.registry, None, None, None)).total > 1_000
        assert len(await rows_of(visit, "/erosions")) == 170
        assert "25 of 170" in text_of((await visit.get("/erosions")).text)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((None, "65+", "18-64"), "accuracy 0.5 and 2 values of groups."),
        (("65+", None), "accuracy 0.6 and 1 value of groups."),
        (("65+", "18-64"), "accuracy 0.5 for age_group 65+ and accuracy 0.6 for age_group 18-64."),
        (("a", "b", "c", "d"), "accuracy 0.7 for age_group c and 1 more."),
        ((None,), "with s 1: accuracy 0.5."),
    ],
)
async def test_a_history_says_of_an_evaluation_that_it_has_values_of_groups(
    bank: Visit, groups: tuple[str | None, ...], said: str
) -> None:
    metrics = [
        {"name": "accuracy", "value": 0.5 + place / 10, "n": 100}
        | ({"slice": [{"attribute": "age_group", "value": group}]} if group else {})
        for place, group in enumerate(groups)
    ]
    await bank.register(evaluations=[{"subject": FIRST, "suite": {"name": "s", "version": "1"}, "metrics": metrics}])
    [newest, *_] = await rows_of(bank, f"/record/{FIRST}?table=history")
    assert newest[1].endswith(said)
