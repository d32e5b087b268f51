"""The rules of entry for definitions of metrics, for pairs and for clusters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.entry_rules import entry_findings
from descentd.graph.metrics import catalogue
from descentd.graph.model.errors import Code
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.entry_rules import Rules, faults
from descentd.graph.store.base import Store
from tests.graph.entering import BASE, evaluation, problems
from tests.graph.samples import Json, send

pytestmark = pytest.mark.anyio


async def test_the_category_may_change_while_results_stay(each: Store) -> None:
    await send(each, BASE | evaluation({"name": "false_negative_rate", "value": 0.1, "n": 50}))
    entry = catalogue()["false_negative_rate"]
    own = {
        "name": entry.name,
        "category": "BIAS",
        "direction": entry.direction.value,
        "tolerance": entry.tolerance,
        "isRate": True,
        "countsAsSafety": True,
    }
    [(code, _, message)] = await problems(each, {"metrics": [own | {"direction": "HIGHER_IS_BETTER"}]})
    assert code is Code.VERSION_CONFLICT
    assert "direction" in message
    assert (await send(each, {"metrics": [own]})).created
    # What only says where the findings belong keeps the range.
    assert await problems(each, evaluation({"name": entry.name, "value": 12}))


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"minimum": 2, "maximum": 1}, "minimum"),
        ({"minimum": 1, "maximum": 1}, "minimum"),
        ({"isRate": True, "maximum": 100}, "minimum"),
        ({"direction": "TARGET", "optimum": 3, "maximum": 1}, "optimum"),
        ({"direction": "TARGET", "optimum": 0, "scale": "LOG"}, "optimum"),
    ],
)
async def test_a_definition_has_to_make_sense(memory: Store, definition: Json, field: str) -> None:
    own = {"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER"} | definition
    assert [(c, f) for c, f, _ in await problems(memory, {"metrics": [own]})] == [
        (Code.INVALID_INPUT, f"metrics[0].{field}")
    ]


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"pairedWith": [{"subject": "model:m@1", "n01": 1}]}, "either n01 and n10"),
        ({"pairedWith": [{"subject": "model:m@1"}]}, "either n01 and n10"),
        (
            {"pairedWith": [{"subject": "model:m@1", "n01": 1, "n10": 1, "differenceVariance": 0.1}]},
            "either n01 and n10",
        ),
        ({"n": 5, "pairedWith": [{"subject": "model:m@0", "n01": 3, "n10": 3}]}, "more than the 5 items"),
        ({"pairedWith": [{"subject": "model:m@1", "n01": 1, "n10": 1}]}, "paired with itself"),
        ({"pairedWith": [{"subject": "model:m@7", "n01": 1, "n10": 1}]}, "neither in this manifest nor registered"),
        ({"clusters": 4}, "give that stderr"),
        ({"clusters": 0, "stderr": 0.1}, "≥ 1"),
        ({"clusters": 4, "n": 3, "stderr": 0.1}, "at most as many clusters as items"),
    ],
)
async def test_pairs_and_clusters_have_to_make_sense(memory: Store, metric: Json, words: str) -> None:
    await send(memory, BASE)
    await send(memory, {"models": [{"name": "m", "version": "0", "config": {"a": 0}}]})
    [(_, _, message)] = await problems(memory, evaluation({"name": "accuracy", "value": 0.5} | metric))
    assert words in message


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"name": "auroc"}, {"name": "roc_auc"}, "roc_auc is given twice for one slice, as auroc too"),
        ({"name": "f1", "slice": [{"attribute": "Lang", "value": "EN"}]}, {"name": "f1"}, None),
        (
            {"name": "f1", "slice": [{"attribute": "Lang", "value": "EN"}]},
            {"name": "f1", "slice": [{"attribute": "lang", "value": "en"}]},
            "f1 is given twice for one slice, in another case",
        ),
    ],
)
async def test_one_evaluation_gives_a_metric_once(memory: Store, one: Json, other: Json, words: str | None) -> None:
    await send(memory, BASE)
    given = evaluation(one | {"value": 0.4})
    given["evaluations"][0]["metrics"].append(other | {"value": 0.9})
    found = await problems(memory, given) if words else []
    offline = entry_findings(given)
    assert [field for _, field, _ in found] == (["evaluations[0].metrics[1].name"] if words else [])
    assert [one.message for one in offline] == [message for *_, message in found]
    assert all(str(words) in message for *_, message in found)
    assert words or (await send(memory, given)).created


@pytest.mark.parametrize(
    ("name", "stderr", "words"),
    [
        ("accuracy", 0.5, None),
        ("accuracy", 1.3, "send it as a fraction, 0.013 for 1.3 percentage points"),
        ("mcc", 1.01, "at most 1, half of its range"),
        ("perplexity", 40.0, None),
    ],
)
async def test_a_standard_error_fits_the_range(memory: Store, name: str, stderr: float, words: str | None) -> None:
    await send(memory, BASE)
    given = evaluation({"name": name, "value": 1.0, "stderr": stderr})
    found = await problems(memory, given) if words else []
    assert [field for _, field, _ in found] == (["evaluations[0].metrics[0].stderr"] if words else [])
    assert [one.message for one in entry_findings(given)] == [message for *_, message in found]
    assert all(str(words) in message for *_, message in found)
    assert words or (await send(memory, given)).created


@pytest.mark.parametrize("name", ["TOXIC_FRAC", "Own", "own"])
async def test_another_case_does_not_turn_a_metric_round(each: Store, name: str) -> None:
    mine = {"name": "oWn", "category": "BIAS", "direction": "LOWER_IS_BETTER"}
    await send(each, {"metrics": [mine]})
    same = mine | {"name": name, "category": "PERFORMANCE"}
    turned = same | {"direction": "HIGHER_IS_BETTER"}
    [(code, field, message)] = await problems(each, {"metrics": [turned]})
    assert (code, field) == (Code.VERSION_CONFLICT, "metrics[0]")
    assert f"{name} is {'toxic_frac' if name == 'TOXIC_FRAC' else 'oWn'} in another case" in message
    assert (await send(each, {"metrics": [same]})).created
    both = [mine | {"name": "Other"}, turned | {"name": "other"}]
    assert [where for _, where, _ in await problems(each, {"metrics": both})] == ["metrics[1]"]


async def test_pairs_and_clusters_are_kept(each: Store) -> None:
    parents = await send(each, {"models": [{"name": "m", "version": "0", "config": {"a": 0}}]})
    [parent] = [record.id for record in parents.records if record.kind is Kind.MODEL_VERSION]
    result = {"name": "accuracy", "value": 0.5, "stderr": 0.1, "n": 40, "clusters": 4}
    pair = {"n01": 3, "n10": 5}
    done = await send(each, BASE | evaluation(result | {"pairedWith": [{"subject": "model:m@0", **pair}]}))
    [kept] = [record for record in done.records if record.kind is Kind.EVALUATION]
    assert kept.content["metrics"] == [result | {"pairedWith": [{"subject": parent, **pair}]}]


spaces = st.sampled_from([" ", "\u00a0", "\u3000", "  "])


@settings(max_examples=20)
@given(value=st.sampled_from(["Books3", "65+", "en"]), space=spaces, before=st.booleans())
def test_outer_spaces_make_no_other_group(value: str, space: str, before: bool) -> None:
    padded = space + value if before else value + space
    content = {"populationDocumented": "PARTIAL", "population": [{"attribute": "a", "value": padded}], "subject": "x"}
    found = list(faults(Record.of(Kind.POPULATION, content), Rules(catalogue().get, 0)))
    assert [fault.field for fault in found] == ["population[0].value"]
