"""The worst of fewer attacks is no improvement, nor is a gap between fewer groups."""

from collections.abc import Sequence
from typing import Any

import pytest

from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

WORST = {
    "name": "worst_attack",
    "category": "ROBUSTNESS",
    "direction": "HIGHER_IS_BETTER",
    "isRate": True,
    "worstOf": ["fgsm", "pgd"],
}
PARTS = [
    {"name": n, "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True} for n in ("fgsm", "pgd")
]
GAP = {
    "name": "approval_gap",
    "category": "BIAS",
    "direction": "LOWER_IS_BETTER",
    "disparityOf": "approval",
    "disparityOver": "lang",
}
APPROVAL = {"name": "approval", "category": "BIAS", "direction": "NONE", "isRate": True}


def result(name: str, value: float, lang: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "value": value, "n": 2_000}
    return found | ({"slice": [{"attribute": "lang", "value": lang}]} if lang else {})


async def line(registry: Registry, *measured: list[dict[str, Any]], also: Sequence[dict[str, Any]] = ()) -> None:
    """Versions `m@0`, `m@1` … of one line, each with these results."""
    models = [
        {"name": "m", "version": str(i), "config": {"step": i}}
        | ({"parents": [{"ref": f"model:m@{i - 1}", "relation": "FINE_TUNE"}]} if i else {})
        for i in range(len(measured))
    ]
    suite = {"name": "s", "version": "1"}
    evaluations = [
        {"subject": f"model:m@{i}", "suite": suite, "metrics": metrics} for i, metrics in enumerate(measured)
    ]
    await send(registry, metrics=[*PARTS, WORST, APPROVAL, GAP, *also], models=models, evaluations=evaluations)


async def findings(registry: Registry, of: str) -> tuple[str, dict[tuple[str, str], str]]:
    """The verdict, and the messages by kind and metric."""
    found = await ask(registry, "Erosion", of=of)
    return found["verdict"], {(one["kind"], one["metric"]): one["message"] for one in found["findings"]}


async def difference(registry: Registry, metric: str) -> Any:
    asked = "{ metrics { name slice { value } verdict reason } }"
    rows = (await ask(registry, f'{{ diff(base: "model:m@0", head: "model:m@1") {asked} }}'))["metrics"]
    (row,) = [row for row in rows if row["name"] == metric and not row["slice"]]
    return row


async def test_leaving_the_strongest_attack_out_is_a_loss_of_coverage(registry: Registry) -> None:
    await line(registry, [result("fgsm", 0.6), result("pgd", 0.4)], [result("fgsm", 0.6)])
    verdict, found = await findings(registry, "model:m@1")
    assert verdict == "STABLE"
    assert found.keys() == {("COVERAGE_LOSS", "pgd"), ("COVERAGE_LOSS", "worst_attack")}
    assert "only of fgsm and no longer of fgsm and pgd" in found["COVERAGE_LOSS", "worst_attack"]
    row = await difference(registry, "worst_attack")
    assert row["verdict"] == "INCOMPARABLE"
    assert "other parts, of fgsm and pgd and of fgsm" in row["reason"]


async def test_leaving_a_group_out_closes_no_gap(registry: Registry) -> None:
    langs = [result("approval", value, lang) for value, lang in ((0.5, "en"), (0.4, "tr"), (0.2, "de"))]
    await line(registry, langs, langs[:2])
    verdict, found = await findings(registry, "model:m@1")
    assert verdict != "IMPROVED"
    assert "between en and tr and no longer between de, en and tr" in found["COVERAGE_LOSS", "approval_gap"]
    assert (await difference(registry, "approval_gap"))["verdict"] == "INCOMPARABLE"


async def test_the_worst_gap_between_fewer_groups_is_no_smaller_one(registry: Registry) -> None:
    langs = [result("approval", value, lang) for value, lang in ((0.5, "en"), (0.4, "tr"), (0.2, "de"))]
    widest = GAP | {"name": "widest", "disparityOf": None, "disparityOver": None, "worstOf": ["approval_gap"]}
    await line(registry, langs, langs[:2], also=[widest])
    assert (await findings(registry, "model:m@1"))[0] != "IMPROVED"
    assert (await difference(registry, "widest"))["verdict"] == "INCOMPARABLE"


async def test_what_was_always_left_out_is_compared_without(registry: Registry) -> None:
    await line(registry, [result("fgsm", 0.6)], [result("fgsm", 0.3)])
    verdict, found = await findings(registry, "model:m@1")
    assert verdict == "ERODED"
    assert ("STEP_REGRESSION", "worst_attack") in found


async def test_a_reported_worst_is_the_worst_of_all(registry: Registry) -> None:
    await line(registry, [result("worst_attack", 0.4)], [result("fgsm", 0.6), result("pgd", 0.3)])
    assert ("STEP_REGRESSION", "worst_attack") in (await findings(registry, "model:m@1"))[1]
