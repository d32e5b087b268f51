"""No number that is let in makes a question fail: answers are finite, whatever was measured."""

import json
import random
from typing import Any

import pytest

from descentd.graph.inputs.base import LARGEST
from descentd.graph.model.errors import Invalid
from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("store_kind", ["memory"])]

TINY = 1 / LARGEST
VALUES = (0.0, -0.0, 5e-324, 1e-310, TINY, 1e-20, 0.1, 0.3, 1.0, 7.5, 1e15, 1e40, LARGEST)
ERRORS = (None, 0.0, TINY, 1e-30, 0.01, 1.0, 1e30, LARGEST)
ITEMS = (None, 1, 9, 10, 1_000, 2**53 - 1)
METRICS = [
    {"name": "low", "category": "TOXICITY", "direction": "LOWER_IS_BETTER"},
    {"name": "high", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER"},
    {"name": "near", "category": "BIAS", "direction": "TARGET", "optimum": LARGEST, "tolerance": LARGEST},
    {"name": "share", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True},
    {"name": "worst", "category": "ROBUSTNESS", "direction": "LOWER_IS_BETTER", "worstOf": ["low", "other"]},
    {"name": "other", "category": "ROBUSTNESS", "direction": "LOWER_IS_BETTER"},
    {"name": "gap", "category": "BIAS", "direction": "LOWER_IS_BETTER", "disparityOf": "low", "disparityOver": "g"},
]
NAMES = ("low", "high", "near", "share", "other", "worst", "gap")


def measured(dice: random.Random) -> list[dict[str, Any]]:
    """Results of one version, with extreme numbers."""
    found = []
    for name, group in (*((name, None) for name in NAMES[:5]), ("low", "a"), ("low", "b")):
        rate = name == "share"
        value = dice.choice([0.0, 5e-324, TINY, 0.5, 1.0]) if rate else dice.choice((1, -1)) * dice.choice(VALUES)
        errors = [error for error in ERRORS if not rate or error is None or error <= 0.5]  # half the range of a rate
        one = {"name": name, "value": value, "stderr": dice.choice(errors), "n": dice.choice(ITEMS)}
        found.append(one | ({"slice": [{"attribute": "g", "value": group}]} if group else {}))
    return found


@pytest.mark.parametrize("seed", range(25))
async def test_every_answer_is_finite(registry: Registry, seed: int) -> None:
    dice = random.Random(seed)
    models = []
    for number in range(8):
        parents = dice.sample(range(number), min(number, dice.choice((1, 1, 2))))
        refs = [{"ref": f"model:m@{parent}", "relation": "MERGE"} for parent in parents]
        models.append({"name": "m", "version": str(number), "config": {"n": number}, "parents": refs})
    suite = {"name": "s", "version": "1"}
    evaluations = [{"subject": f"model:m@{n}", "suite": suite, "metrics": measured(dice)} for n in range(8)]
    await send(registry, metrics=METRICS, models=models, evaluations=evaluations)
    answers = [await ask(registry, "Erosion", of="model:m@7"), await ask(registry, "Erosions")]
    answers += [await ask(registry, "Diff", base=f"model:m@{base}", head="model:m@7") for base in (0, 6)]
    answers += [await ask(registry, "Trend", of="model:m@7", metric=name) for name in NAMES]
    answers += [await ask(registry, "Evaluations", of="model:m@7")]
    json.dumps(answers, allow_nan=False)


@pytest.mark.parametrize(
    ("part", "number"), [("value", 1e51), ("value", -1e308), ("stderr", 1e-51), ("stderr", 1e-310), ("stderr", 1e51)]
)
async def test_what_would_overflow_is_refused(registry: Registry, part: str, number: float) -> None:
    await send(registry, models=[{"name": "m", "version": "1"}])
    result = {"name": "perplexity", "value": 2.0} | {part: number}
    evaluation = {"subject": "model:m@1", "suite": {"name": "s", "version": "1"}, "metrics": [result]}
    with pytest.raises(Invalid) as caught:
        await send(registry, evaluations=[evaluation])
    assert [problem.field for problem in caught.value.problems] == [f"evaluations[0].metrics[0].{part}"]
