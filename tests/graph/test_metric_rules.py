"""The rules of entry for definitions of metrics, for pairs and for clusters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
