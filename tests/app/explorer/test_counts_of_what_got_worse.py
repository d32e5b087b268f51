"""What is counted of what got worse: rows of its list, metrics, findings and questions, and while it is worked out."""

import csv
import html
import io
import re
from collections.abc import Mapping
from typing import Any

import pytest

from descentd.app.explorer.pages import erosions
from descentd.app.server.policy_files import read_policy
from descentd.graph.model import clock
from descentd.graph.model.names import rfc3339
from descentd.queries.erosion.registry_report import ErosionFilter, erosion_groups
from descentd.queries.erosion.version_assessment import VersionAssessment
from descentd.queries.governance.policies import register_policies
from descentd.queries.registry import Registry
from tests.app.explorer.bank import POLICY, SECOND, THIRD, chain
from tests.app.explorer.visiting import Visit, text_of, visiting

pytestmark = pytest.mark.anyio


async def test_spans_of_one_phenomenon_share_a_row() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.7 - 0.012 * step for step in range(16)]))
        found = (await erosion_groups(visit.registry, ErosionFilter(), 100, None)).items
        assert len(found) > 1
        page = await visit.get("/erosions")
        [body] = [part.partition("</tbody>")[0] for part in page.text.split("<tbody>")[1:]]
        assert body.count("<tr>") == 1
        assert f"found between {len(found) - 1} other pairs of versions" in text_of(page.text)
        assert f"{len(found)} derivations or spans were found" in text_of(page.text)
        [row] = list(csv.DictReader(io.StringIO((await visit.get("/erosions?format=csv")).text)))
        versions = {version for one in found for version in one.versions}
        assert row["carried"] == str(len(versions))
        assert re.fullmatch(r"model:m@\d+ → model:m@\d+", row["span"])
        assert row["newest"] == found[0].worst.ref
        cells = re.findall(r"<td[^>]*>(.*?)</td>", body, re.DOTALL)
        count, _, names = cells[3].partition("<small>")
        assert count == row["carried"]
        refs = [one.ref for one in await visit.registry.store.briefs(sorted(versions))]
        assert len(refs) > 3
        assert row["carried says"] == ", ".join(refs)
        first = ", ".join(f"m {ref.partition('@')[2]}" for ref in refs[:3])
        assert names == f"{first} and {len(refs) - 3} others</small>"


async def test_the_first_page_shows_a_loss_of_a_model_once_and_says_that_the_newest_is_first() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.8, 0.8, 0.6, 0.6, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4]))
        found = (await erosion_groups(visit.registry, None, None, None)).items
        assert len(erosions.phenomena(found)) > 1
        page = (await visit.get("/")).text.partition('<section id="worse"')[2].partition("</section>")[0]
        assert page.count("<li>") == 1
        assert "The newest first" in text_of(page)


async def test_what_shares_a_row_does_not_depend_on_how_many_rows_a_page_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async with visiting() as visit:
        for number in range(6):
            fall = chain([0.7 - (0.012 + number / 1000) * step for step in range(16)], f"m{number}")
            await visit.register(**fall)
        assert len((await erosion_groups(visit.registry, None, None, None)).items) > 6
        monkeypatch.setattr(erosions, "_SHOWN", 4)
        shown: list[str] = []
        tables: set[str] = set()
        path: str | None = "/erosions"
        while path:
            page = (await visit.get(path)).text
            shown += re.findall(r'<td[^>]*><a href="/record/([^"]+)">', page)
            tables |= set(map(html.unescape, re.findall('<a class="csv" href="([^"]+)"', page)))
            path = next(map(html.unescape, re.findall('<a href="([^"]+)">More</a>', page)), None)
        assert len(shown) == len(set(shown)) == 6
        [whole] = tables
        assert [row["newest"] for row in csv.DictReader(io.StringIO((await visit.get(whole)).text))] == shown


async def test_what_was_counted_as_a_question_is_said_where_one_asks_how_it_is_known() -> None:
    async with visiting() as visit:
        await visit.register(**chain([0.7, 0.7, *[0.6] * 6]))
        await register_policies(visit.registry, [read_policy(POLICY, "production.yaml")])
        for view in ("record", "gate"):
            page = (await visit.get(f"/{view}/model:m@8")).text
            verdict = page.partition("Safety got worse</b>")[2].partition("</div>")[0]
            said, how = text_of(verdict).split(" How do you know? ")
            assert said == "Safety got worse along the ancestry: adversarial_accuracy."
            assert how.startswith(
                "3 questions were asked. Each compares one safety metric, for everybody or for a group,"
            )
        assert "question" not in text_of((await visit.get("/gate/model:m@1")).text)  # which came from no other


async def test_a_version_and_its_gate_say_what_they_count() -> None:
    """The card counts metrics and groups, the gate findings, of which one metric may have several."""
    groups = ("north", "south", "east", "west", "centre")
    async with visiting() as visit:
        registered = chain([0.7, 0.6])
        for evaluation in registered["evaluations"]:
            [result] = evaluation["metrics"]
            evaluation["metrics"] = [result | {"slice": [{"attribute": "region", "value": one}]} for one in groups]
        await visit.register(**registered)
        policy = "environment: production\nrules:\n  - name: no-erosion\n    expression: erosion.verdict != 'ERODED'\n"
        await register_policies(visit.registry, [read_policy(policy, "production.yaml")])
        card = text_of((await visit.get("/record/model:m@2")).text)
        assert "and 2 more metrics or groups." in card
        gate = text_of((await visit.get("/gate/model:m@2?environment=production")).text)
        assert "more findings, of which one metric or group can have several)" in gate


async def test_what_came_in_elsewhere_is_not_said_to_have_come_in_here() -> None:
    """A version that got worse in two places is in the row of each."""
    content = chain([0.7, 0.7, 0.6, 0.6, 0.6, 0.6])
    for evaluation, robust, early in zip(
        content["evaluations"], (0.7,) * 4 + (0.62,) * 2, (0.7,) * 2 + (0.61,) * 4, strict=True
    ):
        evaluation["metrics"] += [
            {"name": "robust_accuracy", "value": robust, "n": 4000},
            {
                "name": "adversarial_accuracy",
                "value": early,
                "n": 4000,
                "slice": [{"attribute": "age_group", "value": "65+"}],
            },
        ]
    async with visiting() as visit:
        await visit.register(**content)
        said = text_of((await visit.get("/erosions")).text)
        first, _, second = said.partition("Measured versions with this loss")[2].partition("m 4 and m 5")
        assert first.strip().startswith("m 2 and m 3")
        assert "and 1 other metric or group" in first
        assert second.strip().startswith("▼ worse robust_accuracy")
        assert "other metric" not in second


@pytest.mark.parametrize(
    ("path", "module", "looked_up_in"),
    [
        (f"/diff/{SECOND}?head={THIRD}", "diff", "app.explorer.pages.between"),
        (f"/lineage/{SECOND}", "lineage", "queries.overview.version_status"),
        ("/search?q=robustness", "search", "app.explorer.pages.search"),
    ],
)
async def test_what_is_worked_out_while_a_page_is_made_is_not_said_to_be_nothing(
    path: str, module: str, looked_up_in: str, bank: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The assessment ends just when a page has looked up what got worse, and found nothing yet."""
    done: list[bool] = []

    def worsened(registry: Registry) -> Mapping[int, VersionAssessment]:
        done.append(True)
        return {}

    monkeypatch.setattr(f"descentd.app.explorer.pages.{module}.is_assessed", lambda registry: bool(done))
    monkeypatch.setattr(f"descentd.{looked_up_in}.worsened", worsened)
    assert "still being worked out" in text_of((await bank.get(path)).text)
    assert done


async def test_while_it_is_worked_out_pages_say_so(bank: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("diff", "home", "lineage", "search"):
        monkeypatch.setattr(f"descentd.app.explorer.pages.{module}.is_assessed", lambda registry: False)
    home = (await bank.get("/")).text
    assert '<section id="worse" data-again' in home
    assert "What got worse is being worked out" in text_of(home)
    drawn = (await bank.get(f"/lineage/{SECOND}")).text
    assert '<span id="assessing" data-again>Which derivations made safety worse is still being worked out' in drawn
    then = rfc3339(clock.now())
    past = (await bank.get(f"/lineage/{SECOND}?asOf={then}")).text
    assert "still being worked out" not in past
    assert "shown as of now only" in past
    to_come = (await bank.get(f"/lineage/{SECOND}?asOf=2999-01-01")).text
    assert "still being worked out" in to_come
    assert "shown as of now only" not in to_come
    compared = (await bank.get(f"/diff/{SECOND}?head={THIRD}")).text
    assert '<div id="losses" data-again' in compared
    assert "came in between these two is still being worked out" in text_of(compared)
    past = (await bank.get(f"/diff/{SECOND}?head={THIRD}&asOf={then}")).text
    assert "data-again" not in past
    assert "came in between these two is shown as of now only" in text_of(past)
    found = (await bank.get("/search?q=robustness")).text
    assert "On how many versions a metric got worse is still being worked out" in text_of(found)
    assert "still being worked out" not in (await bank.get(f"/search?q=robustness&asOf={then}")).text
    assert "still being worked out" not in (await bank.get("/search?q=scorer")).text


async def test_a_trend_draws_first_the_groups_for_which_it_got_worse_and_leads_to_each() -> None:
    """However many groups there are: the others are drawn as far as there is room."""
    groups = [f"group {number:02}" for number in range(15)]
    lost = {"group 07", "group 13", "group 14"}

    def results(version: int) -> list[dict[str, Any]]:
        return [
            {
                "name": "adversarial_accuracy",
                "value": 0.5 if version == 2 and group in lost else 0.7,
                "n": 5_000,
                "slice": [{"attribute": "language", "value": group}],
            }
            for group in groups
        ]

    async with visiting() as visit:
        await visit.register(
            models=[
                {"name": "m", "version": "1"},
                {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
            ],
            evaluations=[
                {"subject": f"model:m@{one}", "suite": {"name": "s", "version": "1"}, "metrics": results(one)}
                for one in (1, 2)
            ],
        )
        page = (await visit.get("/trend/model:m@2?metric=adversarial_accuracy")).text
        drawn = re.findall(r'<section id="series-\d+"><h2>(.*?)</h2>', page)
        assert len(drawn) == 12
        assert drawn[:3] == [f"language {group}" for group in sorted(lost)]
        assert "▼ It got worse for: language group 07 ; language group 13 ; language group 14 ." in text_of(page)
        assert re.findall(r'href="(#series-\d+)"', page) == ["#series-1", "#series-2", "#series-3"]
        assert "It got worse for" not in text_of((await visit.get("/trend/model:m@1?metric=adversarial_accuracy")).text)
