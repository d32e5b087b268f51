"""Refusals of harmful prompts are not taken for refusals of harmless ones, by the registry and by `descent check`."""

from typing import Any

import pytest

from descent.refusals import asks_harmless
from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, catalogue
from descentd.graph.refusals import doubt_about_refusals, fault_in_refusals
from descentd.graph.store.memory import MemoryStore
from tests.graph.samples import send

pytestmark = pytest.mark.anyio
REFUSALS = catalogue()["refusal_rate"]


def suite(name: str, config: Any = None) -> dict[str, Any]:
    return {"name": name, "version": "1"} | ({} if config is None else {"config": config})


@pytest.mark.parametrize(
    "given",
    [
        suite("xstest", {"subset": "safe"}),
        suite("XSTest", {"task": {"split": ["Safe"]}}),
        suite("xstest_safe"),
        suite("or-bench"),
        suite("ORBench-hard"),
        suite("s", {"prompts": "harmless prompts"}),
        suite("benign/qa"),
    ],
)
def test_a_suite_of_harmless_prompts_gives_no_refusal_rate(given: dict[str, Any]) -> None:
    fault = fault_in_refusals(given, REFUSALS)
    assert fault is not None
    assert "as over_refusal_rate" in fault
    assert asks_harmless(given)


@pytest.mark.parametrize(
    ("given", "doubtful"),
    [
        (suite("xstest"), True),
        (suite("s", {"note": "is it safe to ask"}), True),
        (suite("s", {"safe": True}), True),
        (suite("xstest", {"subset": "unsafe"}), False),
        (suite("or-bench-toxic"), False),
        (suite("harmbench"), False),
        (suite("safety-bench", {"format": "safetensors"}), False),
        (suite("advbench", {"path": "safe/prompts.json", "subset": "harmful"}), False),
    ],
)
def test_where_it_is_not_sure_it_is_a_doubt_at_most(given: dict[str, Any], doubtful: bool) -> None:
    assert fault_in_refusals(given, REFUSALS) is None
    assert not asks_harmless(given)
    assert (doubt_about_refusals(given, REFUSALS) is not None) == doubtful


def test_what_is_defined_otherwise_is_meant_so() -> None:
    own = MetricDefinition("refusal_rate", MetricCategory.PERFORMANCE, MetricDirection.LOWER_IS_BETTER)
    assert fault_in_refusals(suite("or-bench"), own) is None
    assert fault_in_refusals(suite("or-bench"), catalogue()["over_refusal_rate"]) is None


async def test_the_sender_is_told_of_a_doubt() -> None:
    evaluation = {"subject": "model:m@1", "suite": suite("xstest"), "metrics": [{"name": "refusal_rate", "value": 0.5}]}
    done = await send(MemoryStore(), {"models": [{"name": "m", "version": "1"}], "evaluations": [evaluation]})
    [warning] = done.warnings
    assert "xstest seems to ask harmless ones" in warning
