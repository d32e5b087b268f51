"""Lists of pages: where their headings lead, how they go on and back, and what their rows say beside the names."""

import csv
import html
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from descentd.app.explorer.pages import incidents
from descentd.graph.inputs.acts import EndDeploymentInput, FlagInput, IncidentInput, ResolutionInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.production.record_deployment import end
from descentd.queries.production.record_incident import report, resolve
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, fill, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting
from tests.queries.governed import digest

pytestmark = pytest.mark.anyio


@pytest.fixture
async def registry() -> AsyncIterator[Visit]:
    """A registry without any record."""
    async with visiting() as visit:
        yield visit


async def test_headings_of_the_first_page_lead_to_their_lists(bank: Visit) -> None:
    page = (await bank.get("/")).text
    leads = re.findall(r'<h2><a href="([^"]+)">', page)
    assert leads == ["/reviews", "/serving", "/incidents", "/erosions", "/drift"]


async def test_the_columns_of_a_csv_are_the_same_whatever_rows_it_has(registry: Visit) -> None:
    """So that whoever reads it by their names finds them."""
    learned = "population?attribute=age_group&value=65%2B&"
    tables = [
        *[f"?table={name}" for name in ("serving", "incidents", "mine", "due", "undocumented")],
        *[f"reviews?table={name}" for name in ("mine", "others", "decisions")],
        *[f"{learned}table={name}" for name in ("learned", "deployed_learned")],
        *[f"{page}?" for page in ("serving", "incidents", "erosions", "drift", "policies", "population")],
        *[f"impact/{LOANS}?table={name}" for name in ("deployed", "affected")],
        f"trend/{THIRD}?metric=accuracy",
        f"diff/{FIRST}?table=metrics&head={THIRD}",
    ]

    async def headings(table: str) -> list[str]:
        return next(csv.reader(io.StringIO((await registry.get(f"/{table}&format=csv")).text)))

    found = {table: [await headings(table)] for table in tables if "/" not in table}
    parts = manifest()
    await registry.register(datasets=parts["datasets"], models=parts["models"])
    for table in tables:
        found.setdefault(table, []).append(await headings(table))
    async with visiting() as visit:
        registry = visit
        await fill(visit.registry)
        sent = {"subjects": [LOANS], "action": "QUARANTINE", "reason": "It leaks names.", "propagate": True}
        await flag(visit.registry, FlagInput.read(sent), "rita")
        for table in tables:
            found[table].append(await headings(table))
    assert {table: all_ for table, all_ in found.items() if any(one != all_[-1] for one in all_)} == {}
    [diff] = [headings[-1] for table, headings in found.items() if table.startswith("diff")]
    assert diff[-2:] == ["change", "change says"]


async def test_profiles_that_are_not_current_are_called_that_wherever_they_are_listed(bank: Visit) -> None:
    page = (await bank.get("/drift")).text
    assert '<a href="/drift" aria-current="page">Profiles not current</a>' in page
    assert re.findall("<h1>(.*?)</h1>", page) == ["Safety profiles that are not current"]
    async with visiting() as visit:
        await fill(visit.registry)
        for path in ("/", "/serving"):
            served = (await visit.get(path)).text
            assert '<th scope="col">Safety profile</th>' in served
            assert "Documentation" not in served


async def test_long_lists_go_on_and_lead_back(registry: Visit) -> None:
    """However they are counted off, they say which of how many rows they show."""
    web = {"name": "web", "version": "1", "partitions": [{"name": "train", "digest": digest(1)}]}
    data = [{"ref": "dataset:web@1", "role": "TRAIN"}]
    models = [{"name": "m", "version": str(number), "config": number, "trainedOn": data} for number in range(120)]
    await registry.register(datasets=[web], models=[{**one, "config": {"seed": one["config"]}} for one in models])
    for path in (
        "/record/dataset:web@1%23train",
        "/search?q=m",
        "/drift",
        "/population?attribute=a&value=b&verdict=UNKNOWN",
    ):
        seen: list[str] = []
        address = path
        for shown in (50, 50, 20):
            page = (await registry.get(address)).text
            assert f"{len(seen) + 1} to {len(seen) + shown} of 120" in text_of(page), address
            named = re.findall(r'<td class=""[^>]*><a href="/record/(model:m@\d+)">', page)
            assert len(named) == shown
            seen += named
            links = {text: html.unescape(href) for href, text in re.findall(r'<a href="([^"]+)">([^<]+)</a>', page)}
            assert ("From the beginning" in links) == (address != path)
            assert links.get("From the beginning", path) == path
            address = links.get("More", "")
        assert address == ""
        assert len(set(seen)) == 120
    wrong = await registry.get("/record/dataset:web@1%23train?after=-1")
    assert wrong.status_code == 400


async def test_lists_are_filtered_and_say_where_nothing_is_left(bank: Visit) -> None:
    model = {"name": "other", "version": "1", "config": {"a": 1}}
    await bank.register(models=[model], safetyProfiles=[])
    for path, shown, hidden in (
        ("/drift?kind=MISSING_PROFILE", "other 1", "bank/scorer 1.0"),
        ("/drift?name=other", "other 1", "bank/scorer 1.1"),
        ("/search?q=scorer&kind=INCIDENT", "Nothing was found", "Model version bank"),
        ("/search?q=scorer&kind=MODEL_VERSION", "bank/scorer 2.0", "Safety profile "),
    ):
        main = text_of((await bank.get(path)).text.partition("<tbody>")[2] or (await bank.get(path)).text)
        assert shown in main
        assert hidden not in main
    for path in (
        "/serving?name=nobody",
        "/drift?kind=CLAIM_CONTRADICTED",
        "/incidents?severity=LOW",
        "/drift?name=nobody",
        "/erosions?name=nobody",
    ):
        assert "Nothing is like that" in text_of((await bank.get(path)).text)
    for path in ("/drift?kind=OLD", "/search?q=scorer&kind=OLD", "/erosions?kind=OLD"):
        refused = await bank.get(path)
        assert refused.status_code == 400
        assert "There is no kind &#39;OLD&#39;" in refused.text
    assert "There is no severity &#39;BAD&#39;" in (await bank.get("/incidents?severity=BAD")).text


async def test_incidents_go_on_and_are_filtered(registry: Visit) -> None:
    for number in range(60):
        severity = "HIGH" if number % 2 else "LOW"
        alert = {
            "title": f"alert {number:02}",
            "severity": severity,
            "environment": f"env{number % 3}",
            "endpoint": "e",
        }
        await report(registry.registry, IncidentInput.read({**alert, "externalId": str(number)}), "otto")

    async def listed(path: str) -> list[str]:
        rows = csv.reader(io.StringIO((await registry.get(f"{path}format=csv")).text))
        return [row[0] for row in rows][1:]

    every = [f"alert {number:02}" for number in reversed(range(60))]
    assert await listed("/incidents?") == every
    assert await listed("/incidents?severity=HIGH&") == [one for one in every if int(one[-2:]) % 2]
    assert await listed("/incidents?environment=env1&") == [one for one in every if int(one[-2:]) % 3 == 1]
    first = (await registry.get("/incidents")).text
    assert "50 of 60" in first
    [more] = re.findall(r'<a href="([^"]+)">More</a>', first)
    second = (await registry.get(more)).text
    assert [text for text in every if text in first] == every[:50]
    assert [text for text in every if text in second] == every[50:]
    assert "From the beginning" in second


async def test_an_environment_whose_incidents_are_over_is_still_one(
    registry: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("edge", "lab", "shop"):
        alert = {"title": f"alert of {name}", "severity": "LOW", "environment": name, "endpoint": "e"}
        found = await report(registry.registry, IncidentInput.read({**alert, "externalId": name}), "otto")
        if name == "edge":
            over = {"incident": found.record.id, "reason": "It is over."}
            await resolve(registry.registry, ResolutionInput.read(over), "otto")
    for few in (False, True):
        if few:
            monkeypatch.setattr(incidents, "_LOOKED_THROUGH", 2)
        page = await registry.get("/incidents?environment=edge")
        assert page.status_code == 200
        assert "Nothing is like that" in text_of(page.text)
        assert "<option selected>edge</option>" in page.text
        every = text_of((await registry.get("/incidents?environment=edge&status=all")).text)
        assert ("alert of edge" in every) == (not few)
        assert (await registry.get("/incidents?environment=nowhere")).status_code == (200 if few else 400)
    past = await registry.get("/incidents?environment=shop&asOf=2001-01-01")
    assert past.status_code == 200


async def test_evaluations_that_differ_by_settings_differ_in_the_history(registry: Visit) -> None:
    model = {"name": "m", "version": "1", "config": {"a": 1}}
    evaluations = [
        {
            "subject": "model:m@1",
            "suite": {"name": "harness", "version": "1", "config": {"task": task}},
            "metrics": [{"name": "accuracy", "value": 0.5, "n": 100}],
        }
        for task in ("piqa", "sciq")
    ]
    await registry.register(models=[model], evaluations=evaluations)
    said = text_of((await registry.get("/record/model:m@1")).text).partition("What happened to it")[2]
    assert "Evaluated with harness 1: accuracy 0.5. task piqa" in said
    assert "Evaluated with harness 1: accuracy 0.5. task sciq" in said


async def test_what_comes_by_way_of_a_whole_dataset_says_so(registry: Visit) -> None:
    def data(name: str, first: int, derived: bool) -> dict[str, Any]:
        parts = [
            {
                "name": part,
                "digest": digest(first + number),
                "derivedFrom": [{"ref": f"dataset:web@1#{part}", "relation": "FILTER"}] if derived else [],
            }
            for number, part in enumerate(("books", "code"))
        ]
        whole = [{"ref": "dataset:web@1", "relation": "FILTER"}] if derived else []
        return {"name": name, "version": "1", "partitions": parts, "derivedFrom": whole}

    await registry.register(datasets=[data("web", 1, derived=False)])
    await registry.register(datasets=[data("clean", 3, derived=True)])
    text = (await registry.get("/impact/dataset:web@1%23books?format=csv&table=affected")).text
    said = {row["record"]: row["how says"] for row in csv.DictReader(io.StringIO(text))}
    note = "by way of the whole of web 1: which of its parts it came from is not recorded"
    assert said["dataset:clean@1#code"] == note
    assert said["dataset:clean@1#books"] == ""
    assert said["dataset:clean@1"] == ""


async def test_who_is_in_a_part_leads_to_all_that_learned_from_them(bank: Visit) -> None:
    page = (await bank.get("/record/dataset:loans@2024%23train")).text
    [to] = [str(a["href"]) for _, a in tags(page, "a") if "value=65" in str(a.get("href"))]
    assert to == "/population?attribute=age_group&value=65%2B"
    assert "Which versions learned from age_group 65+?" in text_of((await bank.get(to)).text)


async def test_what_comes_from_something_is_counted_once_for_all(bank: Visit) -> None:
    await fill(bank.registry)
    page = text_of((await bank.get(f"/impact/{LOANS}")).text)
    rows = list(csv.reader(io.StringIO((await bank.get(f"/impact/{LOANS}?format=csv&table=affected")).text)))[1:]
    assert "3 model versions, 1 deployment." in page
    assert sorted(row[2] for row in rows) == ["Deployment", *["Model version"] * 3]
    assert "I have looked at what it reaches (4 records)" in page


async def test_what_happened_is_told_without_codes(bank: Visit) -> None:
    await fill(bank.registry)
    for kind, said in (
        ("GATE_DECISION", r"The gate of production said yes\."),
        ("FLAG", r"Flagged to be looked at by rita: Ask where it is from\."),
        ("DEPLOYMENT", r"Deployed at scoring in production by ana as of \d+ \w+ \d{4}, \d\d:\d\d UTC\."),
        ("INCIDENT", r"Incident \(high\) at \d+ \w+ \d{4}, \d\d:\d\d UTC: Declined applications without reasons"),
    ):
        [sequence] = (await bank.registry.walk.everything(await bank.registry.sequence(), Kind(kind)))[:1].tolist()
        [brief] = await bank.registry.store.briefs([sequence])
        assert re.search(said, text_of((await bank.get(f"/record/{brief.id}")).text)), kind


async def test_csv_is_for_machines_with_refs_moments_and_plain_numbers(bank: Visit) -> None:
    """In every table of these pages; what is said beside them has a column of its own."""
    await fill(bank.registry)

    async def rows(path: str, table: str) -> list[dict[str, str]]:
        mark = "&" if "?" in path else "?"
        return list(csv.DictReader(io.StringIO((await bank.get(f"{path}{mark}format=csv&table={table}")).text)))

    places = {
        "/": "serving",
        "/serving": "serving",
        "/incidents": "incidents",
        "/reviews": "decisions",
        "/drift": "drift",
        f"/impact/{LOANS}": "deployed",
        f"/trend/{THIRD}?metric=accuracy": "points",
    }
    refs = {FIRST, SECOND, THIRD}
    for path, table in places.items():
        found = await rows(path, table)
        assert found, path
        for row in found:
            assert row["version"] in refs, path
            for moment in {"since", "day", "opened", "when"} & row.keys():
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", row[moment]), (path, moment)
    [one, *_] = await rows(f"/record/{LOANS}", "partitions")
    assert (one["rows"], one["partition"]) in {("410000", f"{LOANS}#train"), ("40000", f"{LOANS}#holdout")}
    measured = await rows(f"/record/{THIRD}", "measured")
    assert [row["metric"] for row in measured].count("selection_rate") == 2
    assert all(row["metric says"].endswith("; fairness 1.3 on loans@2024#holdout") for row in measured)
    for row in await rows(f"/trend/{THIRD}?metric=accuracy", "points"):
        assert float(row["value low"]) < float(row["value"]) < float(row["value high"])
        assert row["items"] == "40000"


async def test_what_ends_a_statement_is_in_its_history(bank: Visit) -> None:
    """Of an incident that was resolved, a deployment that ended, and a flag that was cleared."""
    await fill(bank.registry)

    async def first(kind: Kind) -> str:
        [sequence] = (await bank.registry.walk.everything(await bank.registry.sequence(), kind))[:1].tolist()
        [brief] = await bank.registry.store.briefs([sequence])
        return brief.id

    incident, deployment, flagged = await first(Kind.INCIDENT), await first(Kind.DEPLOYMENT), await first(Kind.FLAG)
    given = {"incident": incident, "reason": "Reasons are written again."}
    await resolve(bank.registry, ResolutionInput.read(given), "otto")
    place = {"environment": "production", "endpoint": "scoring", "reason": "The season is over."}
    await end(bank.registry, EndDeploymentInput.read(place), "ana")
    cleared = {"subjects": [f"{LOANS}#holdout"], "action": "CLEAR", "reason": "It was asked."}
    await flag(bank.registry, FlagInput.read(cleared), "rob")
    for id, said, person in (
        (incident, r"Incident resolved by otto as of .* UTC: Reasons are written again\.", "otto"),
        (deployment, r"Ended at scoring in production by ana as of .* UTC: The season is over\.", "ana"),
        (flagged, r"Flags cleared by rob: It was asked\.", "rob"),
    ):
        text = (await bank.get(f"/record/{id}?format=csv&table=history")).text
        newest, _ = csv.DictReader(io.StringIO(text))
        assert newest["person"] == person
        assert re.search(said, newest["what"])


async def test_before_anything_was_documented_nobody_is_told_to_check_a_spelling(bank: Visit) -> None:
    await fill(bank.registry)
    path = "/population?attribute=age_group&value=65%2B"
    then = text_of((await bank.get(f"{path}&asOf=2001-01-01")).text)
    assert "check its spelling" not in then
    assert "As of then no data documents age_group 65+: that came later, or is spelled otherwise." in then
    assert "this is known" not in then
    assert "Nothing is serving, as far as this registry knows." in then
    wrong = text_of((await bank.get("/population?attribute=age_group&value=nobody")).text)
    assert "No data documents age_group nobody: check its spelling." in wrong
    async with visiting() as visit:
        empty = text_of((await visit.get(path)).text)
        assert "No data documents who is in it." in empty
        assert "spelling" not in empty
        assert "Nothing is serving, as far as this registry knows." in empty
