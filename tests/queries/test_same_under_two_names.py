"""What is the same under two names is compared, and renaming changes no verdict."""

from typing import Any

import pytest

from descentd.queries.erosion.report import assessed
from descentd.queries.governance.probes import probes
from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

PARTS = [{"name": "p", "digest": f"sha256:{7:064x}"}]
DATA = [{"name": name, "version": "1", "partitions": PARTS} for name in ("holdout", "copy")]
MODELS = [
    {"name": "m", "version": "1", "config": {"a": 1}},
    {"name": "m", "version": "2", "config": {"a": 2}, "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]},
]


def run(version: int, value: float, name: str = "ece", data: str | None = None, **suite: Any) -> dict[str, Any]:
    metric = {"name": name, "value": value, "stderr": 0.004, "slice": [{"attribute": "age", "value": "65+"}]}
    made: dict[str, Any] = {
        "subject": f"model:m@{version}", "suite": {"name": "s", "version": "1"} | suite, "metrics": [metric]
    }  # fmt: skip
    return made | ({"data": data} if data else {})


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"name": "ece"}, {"name": "expected_calibration_error"}),
    ({"config": {}}, {}),
    ({"suite_name": "S"}, {}),
    ({"data": "dataset:holdout@1#p"}, {"data": "dataset:copy@1#p"}),
]


def under(version: int, value: float, given: dict[str, Any]) -> dict[str, Any]:
    made = run(version, value, given.get("name", "ece"), given.get("data"))
    made["suite"] |= {"config": given["config"]} if "config" in given else {}
    made["suite"] |= {"name": given["suite_name"]} if "suite_name" in given else {}
    return made


@pytest.mark.parametrize(("before", "after"), SAME)
async def test_what_is_the_same_is_one_series(
    registry: Registry, before: dict[str, Any], after: dict[str, Any]
) -> None:
    runs = [under(1, 0.05, before), under(2, 0.15, after)]
    await send(registry, datasets=DATA, models=MODELS, evaluations=runs)
    answer = await ask(registry, "Erosion", of="model:m@2")
    assert answer["verdict"] == "ERODED"
    assert [one["kind"] for one in answer["findings"]] == ["STEP_REGRESSION", "LASTING_EROSION"]
    (row,) = (await ask(registry, "Diff", base="model:m@1", head="model:m@2"))["metrics"]
    assert row["verdict"] == "WORSE"


async def test_a_decision_of_the_first_edition_told_them_apart(registry: Registry) -> None:
    runs = [run(1, 0.05), run(2, 0.15, "expected_calibration_error")]
    await send(registry, models=MODELS, evaluations=runs)
    upto = await registry.sequence()
    version = await registry.find("model:m@2", upto)
    found, _ = await assessed(registry, version.sequence, upto, edition=1)
    assert found.verdict == "UNKNOWN"


async def test_a_probe_is_answered_on_the_same_data_by_an_alias(registry: Registry) -> None:
    probe = {"suite": {"name": "s", "version": "1", "config": {}}, "data": "dataset:copy@1#p", "metric": "ece",
             "threshold": 0.1, "slice": [{"attribute": "age", "value": "65+"}]}  # fmt: skip
    weakness = {"subject": "model:m@1", "title": "Overconfident", "severity": "HIGH", "probe": probe}
    answer = run(2, 0.05, "expected_calibration_error", "dataset:holdout@1#p")
    await send(registry, datasets=DATA, models=MODELS, vulnerabilities=[weakness], evaluations=[answer])
    assert [one.status for one in (await probes(registry, "model:m@2")).items] == ["RESISTED"]
