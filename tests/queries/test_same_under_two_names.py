"""What is the same under two names is compared, and renaming changes no verdict."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.model.errors import Invalid
from descentd.graph.store.memory import MemoryStore
from descentd.queries.erosion.report import assessed
from descentd.queries.governance.probes import probes
from descentd.queries.registry import Registry
from tests.support.registries import opened, send
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


LINE = [
    {"name": "m", "version": str(number), "config": {"a": number},
     "parents": [{"ref": f"model:m@{number - 1}", "relation": "FINE_TUNE"}] if number else []}
    for number in range(6)
]  # fmt: skip
ALIASES = {
    "ece": ("ece", "expected_calibration_error"),
    "auroc": ("auroc", "roc_auc"),
}


@st.composite
def spelled(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Results along a line, twice: in one spelling, and each in a spelling of its own that means the same."""
    plain: list[dict[str, Any]] = []
    renamed: list[dict[str, Any]] = []
    for number in range(6):
        for name, among in ALIASES.items():
            if not draw(st.integers(0, 4)):
                continue
            value = draw(st.sampled_from([0.1, 0.15, 0.2, 0.3]))
            made = run(number, value, name, "dataset:holdout@1#p")
            plain.append(made)
            other = copy.deepcopy(made)
            case = draw(st.sampled_from([str.lower, str.upper, str.title]))
            other["metrics"][0]["name"] = draw(st.sampled_from(among))
            other["suite"]["name"] = case(other["suite"]["name"])
            other["metrics"][0]["slice"] = [{"attribute": case("age"), "value": "65+"}]
            other["data"] = draw(st.sampled_from(["dataset:holdout@1#p", "dataset:copy@1#p"]))
            if draw(st.booleans()):
                other["suite"]["config"] = draw(st.sampled_from([{}, None]))
            renamed.append(other)
    return plain, renamed


async def _verdicts(runs: list[dict[str, Any]]) -> list[Any]:
    """What is found of each version, but for how it is spelled."""
    found: list[Any] = []
    async with opened(MemoryStore()) as registry:
        await send(registry, datasets=DATA, models=LINE, evaluations=runs)
        upto = await registry.sequence()
        for number in range(6):
            assessment, _ = await assessed(registry, (await registry.find(f"model:m@{number}", upto)).sequence, upto)
            ids = {brief.sequence: brief.ref for brief in await registry.store.briefs(list(range(1, upto + 1)))}
            found.append(
                (
                    assessment.verdict,
                    assessment.asked,
                    sorted(
                        (one.kind, ids[one.baseline], one.delta, one.p, one.q, one.e) for one in assessment.findings
                    ),
                )
            )
    return found


@given(spelled())
async def test_renaming_changes_no_verdict(runs: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    """Case, settings of nothing, aliases, and copies of the data."""
    plain, renamed = runs
    assert await _verdicts(renamed) == await _verdicts(plain)


@pytest.mark.parametrize("part", ["attribute", "value"])
async def test_outer_spaces_are_no_other_name(registry: Registry, part: str) -> None:
    """What differs from another by outer spaces alone is refused, so that it makes no series of its own."""
    await send(registry, datasets=DATA, models=MODELS, evaluations=[run(1, 0.05)])
    other = run(2, 0.15)
    other["metrics"][0]["slice"][0][part] += " "
    with pytest.raises(Invalid, match="begins or ends with a space"):
        await send(registry, evaluations=[other])


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
