"""How the items of two versions came out counts from either side, wherever the two are compared."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from descentd.queries.erosion.report import assessed
from descentd.queries.evaluation.editions import CURRENT, THIRD
from descentd.queries.registry import Registry
from descentd.queries.statistics.comparison import Pair, Result
from descentd.queries.statistics.pairs import with_pairs_of_others
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

MCNEMAR = float(stats.chi2.sf(25**2 / 55, 1))
"""Of 55 items that came out differently, 40 one way and 15 the other."""
PAIR = {"n01": 40, "n10": 15}
TURNED = {"n01": 15, "n10": 40}


def version(name: str, *parents: str) -> dict[str, Any]:
    made_from = [{"ref": f"model:m@{parent}", "relation": "MERGE"} for parent in parents]
    return {"name": "m", "version": name, "config": {"v": name}} | ({"parents": made_from} if parents else {})


def run(name: str, value: float, paired: dict[str, dict[str, int]] | None = None) -> dict[str, Any]:
    """500 items; paired: by the name of another version, how the same items came out there."""
    metric: dict[str, Any] = {"name": "toxic_frac", "value": value, "n": 500}
    if paired:
        metric["pairedWith"] = [{"subject": f"model:m@{other}", **counts} for other, counts in paired.items()]
    return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": "1"}, "metrics": [metric]}


@pytest.mark.parametrize("first", [True, False])
async def test_merged_lines_that_disagree_are_compared_by_their_items(registry: Registry, first: bool) -> None:
    models = [version("root"), version("a", "root"), version("b", "root"), version("merged", "a", "b")]
    evaluations = [
        run("a", 0.20, None if first else {"b": TURNED}),
        run("b", 0.25, {"a": PAIR} if first else None),
    ]
    await send(registry, models=models, evaluations=evaluations)
    text = "query($of: Ref!) { erosion(of: $of) { findings { kind p paired message baseline { ref } head { ref } } } }"
    (conflict,) = (await ask(registry, text, of="model:m@merged"))["findings"]
    assert (conflict["kind"], conflict["paired"]) == ("PARENT_CONFLICT", True)
    assert (conflict["baseline"]["ref"], conflict["head"]["ref"]) == ("model:m@a", "model:m@b")
    assert conflict["p"] == pytest.approx(MCNEMAR)
    assert "compared by the items that both answered" in conflict["message"]


async def test_a_parent_that_was_run_again_beside_its_child_is_compared_by_items(registry: Registry) -> None:
    await send(registry, models=[version("1"), version("2", "1")])
    await send(registry, evaluations=[run("2", 0.25), run("1", 0.20, {"2": TURNED})])
    (step,) = (await ask(registry, '{ erosion(of: "model:m@2") { findings { kind p paired } } }'))["findings"]
    (line,) = (await ask(registry, '{ trend(of: "model:m@2", metric: "toxic_frac") { series { change { p } } } }'))[
        "series"
    ]
    (row,) = (await ask(registry, '{ diff(base: "model:m@1", head: "model:m@2") { metrics { p paired } } }'))["metrics"]
    assert (step["kind"], step["paired"], row["paired"]) == ("STEP_REGRESSION", True, True)
    assert [step["p"], line["change"]["p"], row["p"]] == pytest.approx([MCNEMAR] * 3)


async def test_a_decision_of_before_knew_pairs_from_one_side(registry: Registry) -> None:
    await send(registry, models=[version("1"), version("2", "1")])
    await send(registry, evaluations=[run("2", 0.25), run("1", 0.20, {"2": TURNED})])
    upto = await registry.sequence()
    brief = await registry.find("model:m@2", upto)
    found = [(await assessed(registry, brief.sequence, upto, edition=edition))[0] for edition in (THIRD, CURRENT)]
    assert [[finding.paired for finding in one.findings] for one in found] == [[], [True]]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 9), st.integers(0, 9))))
def test_each_of_two_versions_knows_of_a_pair_and_its_own_words_come_first(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    results = {version: Result(0.1, n=100) for version in range(5)}
    for version, other, n01, n10 in drawn:
        known = results[version]
        if version != other and known.pair_with(other) is None:
            results[version] = Result(0.1, n=100, pairs=(*known.pairs, Pair(other, n01, n10)))
    found = with_pairs_of_others(results)
    assert found.keys() == results.keys()
    for version, result in results.items():
        for other in range(6):
            own = result.pair_with(other)
            theirs = results[other].pair_with(version) if other in results else None
            expected = own or (theirs and theirs.reversed(other))
            assert found[version].pair_with(other) == expected
