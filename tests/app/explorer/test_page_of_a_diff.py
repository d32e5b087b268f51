"""The page that compares two versions: what differs in words, and the same as CSV with whole paths and values."""

import csv
import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.app.explorer.bank import FIRST, SECOND, THIRD, chain
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio


async def compared(models: list[dict[str, Any]]) -> tuple[str, str, list[list[str]]]:
    """The page, what it says, and its CSV of what changed, for the two last versions of those that are registered."""
    async with visiting() as visit:
        await visit.register(models=models)
        base, head = (f"model:{one['name']}@{one['version']}" for one in models[-2:])
        address = f"/diff/{base}?head={head}"
        page = (await visit.get(address)).text
        rows = csv.reader(io.StringIO((await visit.get(f"{address}&format=csv&table=changes")).text))
        return page, text_of(page), list(rows)


def version(number: str, *, must_not: list[str], **more: Any) -> dict[str, Any]:
    profile = {
        "intendedUse": "Rank.",
        "mustNotDo": must_not,
        "knownBiases": [{"attribute": "age", "description": f"As of {number}."}],
    }
    return {"name": "m", "version": number, "safetyProfile": profile, **more}


async def test_what_differs_is_said_in_words_and_csv_has_the_paths() -> None:
    page, text, rows = await compared(
        [
            version("1", must_not=["Decline alone.", "Score minors."], config={"depth": 7}),
            version(
                "2",
                must_not=["Decline alone.", "Infer health.", "Infer faith."],
                config={"depth": 9, "learning": {"rate.first": 0.1}},
                parents=[{"ref": "model:m@1", "relation": "FINE_TUNE"}],
                artifacts=[{"digest": "sha256:" + "a" * 64, "uri": "s3://x/weights.v2.bin"}],
            ),
        ]
    )
    assert "m 2 descends from m 1 ; they differ in settings, files, safety profile and what they came from." in text
    said = text.partition("What else changed")[2]
    assert "safetyProfile" not in said
    assert "config." not in said
    assert "Must not • Score minors. and 1 that both have • Infer health. • Infer faith. and 1 that both have" in said
    assert "Known biases 1, description As of 1. As of 2." in said
    assert "depth 7 9" in said
    assert "learning.rate.first – 0.1" in said
    assert "weights.v2.bin – aaaa…aaaa" in said
    assert "Came from – m 1" in said
    assert ("a", {"href": "/record/model:m@1"}) in tags(page.partition("What else changed")[2], "a")
    fields = {row[1]: row[2:] for row in rows}
    assert fields["safetyProfile.mustNotDo"][0] == '["Decline alone.", "Score minors."]'
    assert fields["artifacts[weights.v2.bin].digest"] == ["–", "sha256:" + "a" * 64]
    assert fields["config.learning.rate.first"] == ["–", "0.1"]


async def test_a_changed_relation_names_what_it_is_to() -> None:
    old = version("1", must_not=[])
    parents = [{"ref": "model:m@1", "relation": relation} for relation in ("FINE_TUNE", "MERGE")]
    _, text, _ = await compared(
        [
            old,
            version("2", must_not=[], config={"a": 1}, parents=parents[:1]),
            version("3", must_not=[], config={"a": 2}, parents=parents[1:]),
        ]
    )
    assert "Came from: m 1 fine-tuned merged" in text


async def test_the_summary_leaves_chances_to_where_they_are_asked_for(bank: Visit) -> None:
    page = (await bank.get(f"/diff/{FIRST}?head={THIRD}")).text
    summary = text_of(page.partition("<h1>")[2].partition("</ul>")[0])
    assert "worse adversarial_accuracy (0.64 → 0.56)" in summary
    assert ", p " not in summary
    assert (await bank.get(f"/diff/{FIRST}?head={SECOND}")).status_code == 200


async def test_what_moved_without_being_sure_is_counted_and_one_of_it_named() -> None:
    def evaluated(number: str, change: float) -> dict[str, Any]:
        metrics = [
            {
                "name": "robust_accuracy",
                "value": 0.64 - change * part,
                "n": 100,
                "slice": [{"attribute": "part", "value": str(part)}],
            }
            for part in (0, 1, 2)
        ]
        return {"subject": f"model:m@{number}", "suite": {"name": "s", "version": "1"}, "metrics": metrics}

    parents = [{"ref": "model:m@1", "relation": "FINE_TUNE"}]
    models = [version("1", must_not=[]), version("2", must_not=[], parents=parents)]
    async with visiting() as visit:
        await visit.register(models=models, evaluations=[evaluated("1", 0), evaluated("2", 0.04)])
        text = text_of((await visit.get("/diff/model:m@1?head=model:m@2")).text)
    assert (
        "Measured: no clear change in 3, of which 2 moved by more than the tolerance, but chance may explain that: "
        "most of all robust_accuracy for part 2 (0.64 → 0.56), where a change of less than 0.1933 would usually not be "
        "seen (3 rows were tested)."
    ) in text


async def test_other_versions_of_the_model_are_offered_to_compare_with(bank: Visit) -> None:
    page = (await bank.get(f"/diff/{SECOND}")).text
    offered = [str(a["href"]) for _, a in tags(page.partition("<main")[2], "a") if str(a["href"]).startswith("/diff/")]
    assert offered == [f"/diff/{base}?{urlencode({'head': head})}" for base, head in ((SECOND, THIRD), (FIRST, SECOND))]
    for address in offered:
        assert (await bank.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("values", "base", "head", "sentence"),
    [
        ([0.7, 0.7, *[0.6] * 6], 2, 3, "Between these two, safety got worse: adversarial_accuracy."),
        ([0.7, 0.7, *[0.6] * 6], 8, 1, "Between these two, safety got worse: adversarial_accuracy."),
        ([0.640, 0.627, 0.609], 1, 2, "Between these two, safety may have got worse: adversarial_accuracy."),
        ([0.640, 0.627, 0.609], 1, 2, "the results cannot tell which: 1 → 2 ; 2 → 3 . That was found of 3 ."),
        ([0.7 - 0.02 * step for step in range(10)], 4, 6, "adversarial_accuracy. It came "),
        # 4 dates it to 2 → 3 alone; 6, the newest that dates it here, knows more, and does not.
        ([0.7, 0.69, 0.66, 0.64, 0.64, 0.59, 0.59], 2, 3, "may have got worse: adversarial_accuracy."),
        ([0.7, 0.69, 0.66, 0.64, 0.64, 0.59, 0.59], 2, 3, "2 → 3 ; 3 → 4 . That was found of 6 ."),
        ([0.7, 0.7, *[0.6] * 6], 1, 2, None),
        ([0.7, 0.7, *[0.6] * 6], 4, 8, None),
    ],
)
async def test_known_losses_that_came_in_between_are_said_first(
    values: Sequence[float], base: int, head: int, sentence: str | None
) -> None:
    """Two versions beside each other may show no clear change, which is no acquittal."""
    async with visiting() as visit:
        await visit.register(**chain(values))
        assert (await visit.get("/erosions")).status_code == 200
        page = (await visit.get(f"/diff/model:m@{base}?head=model:m@{head}")).text
        first = text_of(page.partition("<h1>")[2].partition("<ul>")[0])
        if sentence is None:
            assert "worse" not in first
        else:
            assert sentence in first
