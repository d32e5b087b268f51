"""Every page: who may see it, what it says, and that nothing that was registered is more than text on it."""

import csv
import io
import json
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from graphql import parse, print_ast
from starlette.routing import Route

from descentd.app.auth.authorization import PAGES as TABLE
from descentd.app.auth.authorization import check_page
from descentd.app.explorer.catalogue import MENU, PAGES
from descentd.graph.inputs.acts import DeploymentInput, ReviewInput
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Forbidden
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, fill
from tests.app.explorer.visiting import Visit, tags, text_of, visiting
from tests.app.test_process import with_credentials
from tests.queries.governed import digest
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio
SENT = {"PolicyOutcomes", "PolicyTrial"}
"""Operations that need the text of a policy, which is theirs to write."""


@pytest.fixture
async def registry() -> AsyncIterator[Visit]:
    """A registry without any record."""
    async with visiting() as visit:
        yield visit


def test_no_page_lacks_a_row_in_the_table_and_no_row_a_page() -> None:
    assert {page.path for page in PAGES} == TABLE.keys()
    assert len({page.name for page in PAGES}) == len(PAGES)
    assert {page.name for page in PAGES} >= set(MENU)
    for path, roles in TABLE.items():
        Route(path, lambda: None)  # a path that can be routed
        for role in AccessRole:
            if role in roles:
                check_page(path, [role])
            else:
                with pytest.raises(Forbidden):
                    check_page(path, [role])


async def test_home_says_what_there_is(bank: Visit) -> None:
    page = await bank.get("/")
    assert page.status_code == 200
    assert "3 model versions, 1 dataset, 3 evaluations" in text_of(page.text)


async def test_a_version_is_a_card(bank: Visit) -> None:
    said = text_of((await bank.get(f"/record/{THIRD}")).text)
    for sentence in (
        "bank/scorer 2.0",
        "fine-tuned from bank/scorer 1.1",
        "Must not Decline an application without a person looking at it. Score anybody under 18.",
        "▼ Safety got worse",
        "It came in between 1.1 and 2.0 : what was measured since is worse, taken together, than what was measured",
        "◷ Not decided",
        "Not deployed anywhere.",
        "age group 65+",
        "Not tested: Stated incomes above 400,000 raise the score",
        "reweighing",
    ):
        assert sentence in said, sentence


async def test_numbers_have_intervals(bank: Visit) -> None:
    rows = csv.reader(io.StringIO((await bank.get(f"/record/{THIRD}?format=csv&table=measured")).text))
    table = list(rows)
    sides = [f"{version}{end}" for version in ("1.1", "2.0") for end in ("", " low", " high")]
    assert table[0] == ["metric", "metric says", "group", "group says", *sides, "change", "change says"]
    # 0.560 ± 1.96 √(0.56 · 0.44 / 4000) = 0.0154
    [row] = [row for row in table if row[0] == "adversarial_accuracy"]
    assert [float(number) for number in row[4:11]] == pytest.approx(
        [0.627, 0.612, 0.642, 0.56, 0.5446, 0.5754, -0.067], abs=1e-4
    )
    assert row[11] == "▼ worse"
    said = text_of((await bank.get(f"/record/{THIRD}")).text)
    assert "0.627 ± 0.015 0.560 ± 0.015" in said


async def test_every_table_of_a_page_is_csv(bank: Visit) -> None:
    page = (await bank.get(f"/record/{THIRD}")).text
    links = [str(a["href"]) for _, a in tags(page, "a") if a.get("class") == "csv"]
    assert len(links) >= 3
    for link in links:
        answer = await bank.get(link)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert len(list(csv.reader(io.StringIO(answer.text)))) > 1
    unknown = await bank.get(f"/record/{THIRD}?format=csv&table=nothing")
    assert unknown.status_code == 400


async def test_the_first_page_of_an_empty_registry_says_how_to_begin(registry: Visit) -> None:
    page = text_of((await registry.get("/")).text)
    assert (
        "0 model versions, 0 datasets, 0 evaluations. Register a first model by descent register manifest.yaml" in page
    )
    assert "Nothing was evaluated yet." in page
    await registry.register(models=[{"name": "alone", "version": "1", "config": {"depth": 1}}])
    assert "Register a first model" not in text_of((await registry.get("/")).text)


async def test_a_name_with_one_wrong_word_leads_to_the_right_one_among_hundreds(registry: Visit) -> None:
    await registry.register(
        models=[
            {"name": f"org/suite-{size}", "version": f"step{step}", "config": {"size": size, "step": step}}
            for size in ("70m", "160m", "410m", "12b")
            for step in range(70)
        ]
    )
    page = await registry.get("/record/model:org/suite-12x@step3")
    first = next(str(a["href"]) for _, a in tags(page.text, "a") if str(a["href"]).startswith("/record/"))
    assert first == "/record/model:org/suite-12b@step3"


async def test_a_part_of_a_dataset_names_the_versions_that_learned_from_all_of_it(registry: Visit) -> None:
    parts = [{"name": name, "digest": digest(number)} for number, name in enumerate(("train", "holdout"))]
    await registry.register(
        datasets=[{"name": "web", "version": "1", "partitions": parts}],
        models=[
            {"name": "whole", "version": "1", "trainedOn": [{"ref": "dataset:web@1", "role": "TRAIN"}]},
            {"name": "part", "version": "1", "trainedOn": [{"ref": "dataset:web@1#train", "role": "TRAIN"}]},
        ],
    )
    used = {
        part: text_of((await registry.get(f"/record/dataset:web@1%23{part}")).text).partition("made with it")[2]
        for part in ("train", "holdout")
    }
    assert "whole 1 learned from it" in used["train"]
    assert "part 1 learned from it" in used["train"]
    assert "whole 1 learned from it" in used["holdout"]
    assert "part 1" not in used["holdout"]


async def test_a_page_can_be_of_the_past(bank: Visit) -> None:
    page = await bank.get(f"/record/{THIRD}?asOf=2001-01-01")
    assert page.status_code == 404
    assert "after the moment that you asked for, 1 January 2001, 23:59." in text_of(page.text)
    assert f"/record/{THIRD}" in [str(a["href"]) for _, a in tags(page.text, "a")]
    now = await bank.get(f"/record/{THIRD}?asOf=2999-01-01")
    assert "1 January 2999, 23:59 has not come yet: this is the registry as it is now." in text_of(now.text)
    assert "asOf=2999-01-01" in now.text  # and so do the pages that it leads to
    wrong = await bank.get(f"/record/{THIRD}?asOf=yesterday")
    assert wrong.status_code == 400


async def test_search_finds_and_leads_on(bank: Visit) -> None:
    found = await bank.get("/search?q=scorer")
    assert "3 records were found for “scorer”" in text_of(found.text)
    assert "Newest version: bank/scorer 2.0 " in text_of(found.text)
    assert (await bank.get(f"/search?q={THIRD}")).headers["location"] == f"/record/{THIRD}"
    assert (await bank.get(f"/go?ref={THIRD}")).headers["location"] == f"/record/{THIRD}"
    assert (await bank.get("/search?q=%3Cb%3E")).status_code in {200, 400}


async def test_a_note_is_written_once(bank: Visit) -> None:
    path = f"/record/{THIRD}"
    done = await bank.send(path, "note", text="Looks right to me.\nAnd to <b>others</b>.")
    assert done.status_code == 303
    page = await bank.get(done.headers["location"].partition("#")[0])
    assert "Looks right to me." in text_of(page.text)
    assert "<b>others" not in page.text
    assert "The note is recorded." in text_of(page.text)


async def test_every_record_has_a_page() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        kinds = set()
        for entry in await visit.registry.store.entries(range(1, 1 + await visit.registry.sequence())):
            page = await visit.get(f"/record/{entry.record.id}")
            assert page.status_code == 200, text_of(page.text)
            kinds.add(entry.record.kind)
            content = entry.record.content
            said = text_of(page.text)
            for part in ("title", "reason", "text", "intendedUse", "repository"):
                assert content.get(part, "") in said, (entry.record.kind, part)
        assert len(kinds) >= 15


async def test_what_is_claimed_is_shown_as_claimed() -> None:
    """What served, and what was decided, before this registry was asked; on every page that speaks of it."""
    async with visiting() as visit:
        await fill(visit.registry)
        claimed = {"by": "The board of 2019", "source": "minutes.pdf"}
        old = {"environment": "archive", "endpoint": "batch", "since": "2019-05-02T00:00:00Z"}
        given = DeploymentInput.read({"subject": SECOND, **old, "claimed": claimed})
        deployed = (await deploy(visit.registry, given, "ana")).deployment.entry.record.id
        decided = {"subject": SECOND, "environment": "archive", "decision": "GO", "reason": "Fair.", "claimed": claimed}
        went = (await review(visit.registry, ReviewInput.read(decided), "rita")).record.id
        pages = {
            "/serving": ["claimed, from before this registry: no policy was checked"],
            f"/record/{SECOND}": [
                "That is claimed, from before this registry: no policy was checked.",
                "The board of 2019 claimed: minutes.pdf, as rita recorded",
                "batch in archive, 2 May 2019 to now claimed",
            ],
            f"/record/{deployed}": ["The board of 2019 (minutes.pdf)"],
            f"/record/{went}": ["The board of 2019 (minutes.pdf)"],
            "/reviews": ["The board of 2019 claimed: minutes.pdf, as rita recorded"],
            f"/impact/{LOANS}": ["2 May 2019 claimed"],
        }
        for path, sentences in pages.items():
            said = text_of((await visit.get(path)).text)
            for sentence in sentences:
                assert sentence in said, (path, said)


async def test_an_incident_is_resolved_by_who_may() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        [incident] = await visit.registry.all_of(Kind.INCIDENT, await visit.registry.sequence())
        path = f"/record/{incident.record.id}"
        done = await visit.send(path, "resolve", reason="Reasons are sent again.")
        assert done.status_code == 303
        said = text_of((await visit.get(done.headers["location"])).text)
        assert "✓ Resolved" in said
        assert "Incident resolved by local" in said


async def test_population_impact_and_trend_answer(bank: Visit) -> None:
    asked = text_of((await bank.get("/population?attribute=age_group&value=65%2B")).text)
    assert "learned from it: 3" in asked
    near = text_of((await bank.get("/population?attribute=AGE_GROUP&value=65%2B")).text)
    assert "age_group 65+ is documented for 1 part of a dataset: it is nearly what you asked for" in near
    assert "No data documents AGE_GROUP 65+: check its spelling." in near
    assert "populationVocabulary" not in near
    alone = text_of((await bank.get("/population?value=18-64")).text)
    assert "Which versions learned from age_group 18-64?" in alone
    nowhere = text_of((await bank.get("/population?value=elderly")).text)
    assert "Which versions learned from age_group elderly?" in nowhere
    impact = text_of((await bank.get("/impact/dataset:loans@2024%23train")).text)
    assert "3 model versions." in impact
    trend = (await bank.get(f"/trend/{THIRD}?metric=selection_rate&slice=age_group=65%2B")).text
    assert trend.count("<circle") == 3
    assert "selection_rate of bank/scorer 2.0" in text_of(trend)
    assert "selection_rate" in text_of((await bank.get(f"/record/{THIRD}")).text)
    assert "selection_rate" in text_of((await bank.get(f"/trend/{THIRD}")).text)
    unknown = await bank.get(f"/trend/{THIRD}?metric=nothing_like_it")
    assert unknown.status_code == 422


async def test_graphql_is_a_page_to_browsers_with_every_saved_operation(bank: Visit) -> None:
    own = files("descent").joinpath("operations")
    client = {one.name.partition(".")[0]: parse(one.read_text("utf-8"), no_location=True) for one in own.iterdir()}
    for name, document in client.items():
        page = await bank.get(f"/graphql?operation={name}", Accept="text/html,*/*;q=0.8")
        assert page.status_code == 200
        [shown] = [a for _, a in tags(page.text, "div") if a.get("id") == "graphiql"]
        assert parse(str(shown["data-document"]), no_location=True) == document
        variables = json.loads(str(shown["data-variables"]))
        asked = {"query": shown["data-document"], "operationName": name, "variables": variables}
        if "query" in print_ast(document)[:5] and name not in {"Proof", "GateDecision", "Policies"} | SENT:
            answer = (await bank.client.post("/graphql", json=asked)).json()
            assert "errors" not in answer, (name, answer)
    assert len(client) > 30
    assert (await bank.get("/graphql?operation=Nothing", Accept="text/html")).status_code == 400
    assert (await bank.get("/graphql")).status_code == 405
    assert (await bank.get("/graphql", Accept="*/*")).status_code == 405


async def test_a_slider_leads_to_the_moment_of_an_entry(bank: Visit) -> None:
    await bank.register(notes=[{"subject": THIRD, "author": "ana", "text": "Later."}])
    last = await bank.registry.sequence()
    then = await bank.get(f"/record/{THIRD}?entry={last - 1}")
    assert then.status_code == 303
    page = await bank.get(then.headers["location"])
    assert "You are looking at the registry as of" in text_of(page.text)
    assert "Later." not in text_of(page.text)
    [slider] = [a for _, a in tags(page.text, "input") if a.get("type") == "range"]
    assert (slider["min"], slider["value"], slider["max"]) == ("1", str(last - 1), str(last))
    now = await bank.get(f"/record/{THIRD}?entry={last}&asOf=2001-01-01")
    assert now.headers["location"] == f"/record/{THIRD}"
    for wrong in ("0", "-1", "1e3", str(last + 1), "9" * 40, "%E2%85%A3"):
        assert (await bank.get(f"/record/{THIRD}?entry={wrong}")).status_code == 400


async def test_what_is_no_ref_is_searched_for(bank: Visit) -> None:
    page = await bank.get("/record/bank/scorer")
    assert page.status_code == 400
    leads = [str(a["href"]) for _, a in tags(page.text, "a")]
    assert f"/record/{THIRD}" in leads
    assert "/search?q=bank%2Fscorer" in leads


async def test_the_pages_on_neo4j(neo4j_empty: Neo4jServer) -> None:
    async with visiting(store=with_credentials(neo4j_empty)) as visit:
        await fill(visit.registry)
        for path in (
            "/",
            "/search?q=scorer",
            f"/record/{THIRD}",
            f"/record/{LOANS}",
            f"/lineage/{THIRD}",
            f"/lineage/{THIRD}?up=3&to={FIRST}&metric=adversarial_accuracy",
            f"/lineage/{THIRD}?format=svg",
            f"/trend/{THIRD}?metric=adversarial_accuracy",
            f"/diff/{FIRST}?head={THIRD}",
            f"/impact/{LOANS}",
            "/reviews",
            f"/gate/{FIRST}?environment=production",
            "/serving",
            "/incidents",
            "/erosions",
            "/drift",
            "/policies",
            "/graphql?operation=TrainedOn",
        ):
            page = await visit.get(path, Accept="text/html")
            assert page.status_code == 200, (path, text_of(page.text))
        then = await visit.get(f"/record/{FIRST}?entry=10")
        assert "as of" in text_of((await visit.get(then.headers["location"])).text)
        asked = text_of((await visit.get("/population?attribute=age_group&value=65%2B")).text)
        assert "learned from it: 3" in asked
        done = await visit.send(f"/record/{THIRD}", "note", text="On Neo4j too.")
        assert done.status_code == 303
        assert "On Neo4j too." in text_of((await visit.get(f"/record/{THIRD}")).text)
