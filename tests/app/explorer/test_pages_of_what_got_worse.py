"""Pages of what got worse: by which derivations, where that is drawn, and what is one phenomenon."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from descentd.graph.model import clock
from descentd.graph.model.names import rfc3339
from tests.app.explorer.bank import LOANS, SECOND, THIRD, chain
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio


async def test_a_drawing_leads_to_what_made_its_version_worse() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.7, 0.7, *[0.6] * 6]))
        assert (await visit.get("/erosions")).status_code == 200
        page = await visit.get("/lineage/model:m@8")
        own = (
            "Its safety got worse: adversarial_accuracy. It came in between 2 and 3 : what was measured since is worse,"
        )
        assert f"{own} taken together, than what was measured before. That is not drawn." in text_of(page.text)
        [there] = [str(a["href"]) for _, a in tags(page.text, "a") if "to=model" in str(a["href"])]
        drawn = (await visit.get(there)).text
        assert "▼ safety got worse here, as far as can be told: adversarial_accuracy of 8" in text_of(drawn)
        assert own in text_of(drawn)
        assert "That is not drawn" not in text_of(drawn)
        assert there in {str(a["href"]) for _, a in tags((await visit.get("/record/model:m@8")).text, "a")}
        alone = text_of((await visit.get("/lineage/model:m@3")).text)
        assert "It came in between 2 and 3 . " in alone
        assert "That is not drawn" not in alone


async def test_a_step_that_is_marked_for_all_that_came_since_says_what_was_compared() -> None:
    """Where no step by itself shows a clear change, and all that was measured since is worse than before."""
    async with visiting() as visit:
        await visit.register(**chain([0.7, 0.7, 0.7, 0.686, 0.672, 0.672, 0.672]))
        assert (await visit.get("/erosions")).status_code == 200
        page = (await visit.get("/lineage/model:m@7?up=6")).text
        marked = [str(a["class"]) for _, a in tags(page, "path") if "blamed" in str(a.get("class"))]
        [of_the_line] = {one for one in marked if "worse" not in one}
        assert "same" in of_the_line
        text = text_of(page)
        assert "■ no clear change ▼ safety got worse here" in text
        assert "taken together, than what was measured before; this derivation alone shows no clear change" in text


async def test_all_derivations_that_may_have_done_it_are_marked_alike() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.640, 0.627, 0.609]))
        assert (await visit.get("/erosions")).status_code == 200
        page = (await visit.get("/lineage/model:m@3?up=2")).text
        lines = {str(a["class"]) for _, a in tags(page, "path") if str(a.get("class")).startswith("line")}
        assert lines == {"line same blamed unsure"}
        assert (
            text_of(page).count("▼ safety got worse here or by another derivation, the results cannot tell which") == 4
        )
        assert "It came in by one of these derivations; the results cannot tell which: 1 → 2 ; 2 → 3 ." in text_of(page)


async def test_derivations_that_are_no_one_span_are_said_in_the_list() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.64, 0.64, 0.627, 0.627, 0.609, 0.609]))
        assert "one of 2 derivations, m 2 → m 3 … m 4 → m 5" in text_of((await visit.get("/erosions")).text)
        table = (await visit.get("/erosions?format=csv")).text
        assert "model:m@2 → model:m@3; model:m@4 → model:m@5" in table


async def test_what_came_gradually_is_marked_on_no_line() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.7 - 0.02 * step for step in range(10)]))
        assert (await visit.get("/erosions")).status_code == 200
        page = (await visit.get("/lineage/model:m@10?up=9")).text
        assert "It came gradually from 1 to 10 , or in several steps" in text_of(page)
        assert not [a for _, a in tags(page, "path") if "blamed" in str(a.get("class"))]


async def test_what_got_worse_for_a_group_is_drawn_for_that_group() -> None:
    given = chain([0.7, 0.7, *[0.6] * 6])
    for evaluation in given["evaluations"]:
        metric = evaluation["metrics"][0]
        evaluation["metrics"] = [metric | {"slice": [{"attribute": "region", "value": "EU"}]}, metric | {"value": 0.7}]
    async with visiting() as visit:
        await visit.register(**given)
        assert (await visit.get("/erosions")).status_code == 200
        leads = [str(a["href"]) for _, a in tags((await visit.get("/record/model:m@8")).text, "a")]
        [there] = {one for one in leads if "to=model" in one}
        assert "slice=region%3DEU" in there
        drawn = text_of((await visit.get(there)).text)
        assert "safety got worse here" in drawn
        usual = text_of((await visit.get("/lineage/model:m@8?up=7")).text)
        assert "how adversarial_accuracy for region EU changed" in usual
        assert "safety got worse here" in usual
        above = text_of((await visit.get("/lineage/model:m@1?down=7")).text)  # which did not get worse itself
        assert "how adversarial_accuracy changed" in above
        for metric in ("", "&metric=adversarial_accuracy"):
            asked = (await visit.get(f"/lineage/model:m@8?up=7&slice=everybody{metric}")).text
            assert "how adversarial_accuracy changed" in text_of(asked)
            assert "slice=everybody" in {str(a.get("id")): str(a["href"]) for _, a in tags(asked, "a")}["turned"]
            assert chosen_group(asked) == "everybody"
        assert chosen_group((await visit.get("/lineage/model:m@8?up=7")).text) == "region=EU"


async def test_a_group_that_was_not_measured_is_named_with_those_that_were() -> None:
    given = chain([0.7, 0.6])
    for evaluation in given["evaluations"]:
        metric = evaluation["metrics"][0]
        evaluation["metrics"] = [metric, metric | {"slice": [{"attribute": "region", "value": "EU"}]}]
    async with visiting() as visit:
        await visit.register(**given)
        asked = "model:m@2?metric=adversarial_accuracy&slice=age_group=65%2B"
        page = (await visit.get(f"/lineage/{asked}")).text
        said = "adversarial_accuracy was measured for everybody; region=EU, but not for age_group=65+."
        assert f"In what is drawn {said}" in text_of(page)
        assert chosen_group(page) == "age_group=65+"
        trend = text_of((await visit.get(f"/trend/{asked}")).text)
        assert f"Along the ancestry {said}" in trend
        assert "This metric was not measured" not in trend
        measured = "model:m@2?metric=adversarial_accuracy&slice=region=EU"
        for answer in ("lineage", "trend"):
            assert "but not for" not in text_of((await visit.get(f"/{answer}/{measured}")).text)
        none = "model:m@2?metric=toxicity_score&slice=region=EU"
        assert "This metric was not measured along the ancestry." in text_of((await visit.get(f"/trend/{none}")).text)


def chosen_group(page: str) -> str:
    """The value of the group that the selector of a drawing shows."""
    _, _, select = page.partition('<select name="slice"')
    [chosen] = [a for _, a in tags(select.partition("</select>")[0], "option") if "selected" in a]
    return str(chosen["value"])


async def test_a_group_has_one_spelling_in_the_addresses_of_all_pages() -> None:
    given = chain([0.7, 0.7, *[0.6] * 6])
    group = [{"attribute": "age_group", "value": "65+"}, {"attribute": "region", "value": "EU, UK"}]
    for evaluation in given["evaluations"]:
        metric = evaluation["metrics"][0]
        evaluation["metrics"] = [metric, metric | {"slice": group}]
    async with visiting() as visit:
        await visit.register(**given)

        async def slices(page: str) -> set[str]:
            found = [parse_qs(urlsplit(str(a["href"])).query) for _, a in tags((await visit.get(page)).text, "a")]
            return {one["slice"][0] for one in found if "slice" in one}

        trend, spelt = "/trend/model:m@8?metric=adversarial_accuracy", "age_group=65+,region=EU%2C UK"
        assert await slices("/record/model:m@8") == {spelt}
        assert await slices(trend) == {"everybody", spelt}
        for page in (trend, "/lineage/model:m@8?metric=adversarial_accuracy"):
            for one in ("everybody", spelt, spelt.replace(",", ";")):
                assert (await visit.get(f"{page}&{urlencode({'slice': one})}")).status_code == 200


async def test_a_search_for_a_metric_says_on_how_many_versions_it_got_worse() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.7, 0.7, *[0.6] * 6]))
        assert (await visit.get("/erosions")).status_code == 200
        for text in ("accuracy", "adversarial rate"):
            assert "adversarial_accuracy got worse on 6 versions." in text_of(
                (await visit.get(f"/search?q={text}")).text
            )
        assert "got worse on" not in text_of((await visit.get("/search?q=toxicity")).text)
        then = rfc3339(clock.now())  # what got worse is known as of now only, and of what has not come now is shown
        assert "got worse on" not in text_of((await visit.get(f"/search?q=accuracy&asOf={then}")).text)
        assert "got worse on 6 versions" in text_of((await visit.get("/search?q=accuracy&asOf=2999-01-01")).text)


@pytest.mark.parametrize(
    ("values", "legend", "noted"),
    [
        (
            (0.7, 0.7, 0.6, 0.6),
            "Between the two dotted lines it got worse.",
            ["m 3 it got worse between m 2 and this version"],
        ),
        (
            (0.640, 0.627, 0.609),
            "In one of 2 places it got worse, each between two dotted lines.",
            [f"m {number} it may have got worse between m {number - 1} and this version" for number in (2, 3)],
        ),
        (
            [0.7 - 0.02 * step for step in range(10)],
            "Between the two dotted lines it got worse gradually.",
            ["m 10 it got worse gradually between m 1 and this version"],
        ),
        ((0.7, 0.7, 0.7), None, []),
    ],
)
async def test_a_chart_and_its_table_mark_where_it_got_worse(
    values: Sequence[float], legend: str | None, noted: Sequence[str]
) -> None:
    """By lines, a legend and words, so that nobody needs to see a colour."""
    async with visiting() as visit:
        await visit.register(**chain(values))
        page = (await visit.get(f"/trend/model:m@{len(values)}?metric=adversarial_accuracy")).text
        said = text_of(page)
        assert (
            said.count("dotted")
            == said.count("an earlier one may date the same loss otherwise")
            == (legend is not None)
        )
        assert (legend or "") in said
        assert said.count("this version") == len(noted)
        for each in noted:
            assert each in said
        assert page.count('class="span"') == page.count('class="ends"') == len(noted)


@pytest.mark.parametrize(
    ("values", "parents", "legend", "noted"),
    [
        (
            (0.66, 0.647, 0.634, 0.612),
            [2, 3],
            "In one of 3 places it got worse: 1 on the line that is drawn",
            "m 4 it may have got worse between m 2 or m 3 and this version",
        ),
        (
            (0.7, 0.7, 0.6, 0.6),
            [3, 2],
            "Where it got worse is not on the line that is drawn, but of other parents.",
            "m 4 it got worse between m 2 and this version",
        ),
    ],
)
async def test_a_chart_says_where_it_got_worse_on_another_line_than_it_draws(
    values: Sequence[float], parents: Sequence[int], legend: str, noted: str
) -> None:
    """A version that was merged has several parents, and a chart draws one line."""
    content = chain(values)
    content["models"][2]["parents"] = [{"ref": "model:m@1", "relation": "FINE_TUNE"}]
    content["models"][3]["parents"] = [{"ref": f"model:m@{parent}", "relation": "MERGE"} for parent in parents]
    async with visiting() as visit:
        await visit.register(**content)
        said = text_of((await visit.get("/trend/model:m@4?metric=adversarial_accuracy")).text)
        assert legend in said
        assert noted in said
        assert "Between the two dotted lines it got worse." not in said


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((0.640, 0.627, 0.609), "by one of these derivations; the results cannot tell which: 1 → 2 ; 2 → 3 ."),
        ([0.7 - 0.02 * step for step in range(10)], "It came gradually from 1 to 10 , or in several steps"),
    ],
)
async def test_it_names_no_single_derivation_that_the_results_cannot_name(
    values: Sequence[float], sentence: str
) -> None:
    versions = [str(number) for number, _ in enumerate(values, 1)]
    async with visiting() as visit:
        await visit.register(**chain(values))
        assert sentence in text_of((await visit.get(f"/record/model:m@{versions[-1]}")).text)
        trend = await visit.get(f"/trend/model:m@{versions[-1]}?metric=adversarial_accuracy")
        assert sentence in text_of(trend.text)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([0.7, 0.7, *[0.6] * 6], "It came in between 2 and 3 : what was measured since is worse, taken together,"),
        (
            [0.7, 0.7, 0.7, 0.65, 0.6, 0.6, 0.6],
            "by one of these derivations; the results cannot tell which: 3 → 4 ; 4 → 5 .",
        ),
        ([0.7 - 0.02 * step for step in range(10)], "It came gradually from 1 to 10 , or in several steps"),
    ],
)
async def test_a_lasting_loss_is_dated_alike_on_all_pages(values: Sequence[float], sentence: str) -> None:
    """The newest version was measured in another metric, so that nothing else is found of it."""
    newest, given = len(values) + 1, chain([*values, 0.5])
    given["evaluations"][-1]["metrics"][0]["name"] = "toxicity_score"
    async with visiting() as visit:
        await visit.register(**given)
        assert (await visit.get("/erosions")).status_code == 200
        for page in ("record", "lineage"):
            assert sentence in text_of((await visit.get(f"/{page}/model:m@{newest}")).text)


async def test_what_would_be_seen_of_a_ratio_is_a_factor() -> None:
    given = chain([0.9, 0.9])
    for one in given["evaluations"]:
        one["metrics"] = [{"name": "disparate_impact", "value": 0.9, "stderr": 0.02}]
    async with visiting() as visit:
        await visit.register(**given)
        assert re.search(r"× 1\.\d", text_of((await visit.get("/record/model:m@2")).text))


async def test_rows_of_one_metric_and_group_are_told_apart_in_every_table_of_numbers(bank: Visit) -> None:
    """By the settings of the suite, its name, its version or the data, whichever they differ by."""
    suites = [
        ({"name": "harness", "version": "1", "config": {"task": "piqa"}}, None),
        ({"name": "harness", "version": "1", "config": {"task": "sciq"}}, None),
        ({"name": "harness", "version": "2", "config": {"task": "sciq"}}, f"{LOANS}#holdout"),
    ]
    evaluations = [
        {
            "subject": subject,
            "suite": suite,
            "data": data,
            "metrics": [{"name": "f1", "value": value, "n": 900}],
        }
        for subject, value in ((SECOND, 0.5), (THIRD, 0.6))
        for suite, data in suites
    ]
    await bank.register(evaluations=evaluations)
    parts = ["harness 1 task=piqa on unnamed data", "harness 1 task=sciq on unnamed data"]
    parts.append("harness 2 task=sciq on loans@2024#holdout")
    for path, table in (
        (f"/record/{THIRD}?", "statistics"),
        (f"/record/{THIRD}?", "measured"),
        (f"/diff/{SECOND}?head={THIRD}&", "metrics"),
        (f"/trend/{THIRD}?metric=f1&", "points"),
    ):
        rows = (await bank.get(f"{path}format=csv&table={table}")).text.splitlines()
        for part in parts:
            assert any(part in row for row in rows), (table, part)
