"""The example policy for quantised builds: it asks for proof that nothing got worse, and not for silence."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from descentd.queries.governance.gate.decide import gate
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.registry import Registry
from tests.support.registries import send

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[2] / "docs" / "gate.md"


def example() -> PolicyInput:
    (text,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL) if "edge" in block
    )
    return PolicyInput.read(yaml.safe_load(text))


async def test_a_quantised_build_has_to_show_that_it_is_not_worse(registry: Registry) -> None:
    profile = {"intendedUse": "Tests.", "mustNotDo": []}
    metric = {"name": "harm_rate", "category": "TOXICITY", "direction": "LOWER_IS_BETTER", "isRate": True,
              "tolerance": 0.02}  # fmt: skip

    def build(name: str) -> dict[str, Any]:
        parents = [{"ref": "model:m@1", "relation": "QUANTIZE"}]
        return {"name": "m", "version": name, "config": {"v": name}, "parents": parents, "safetyProfile": profile}

    def run(name: str, count: int, n: int) -> dict[str, Any]:
        value = {"name": "harm_rate", "value": count / n, "n": n}
        return {"subject": f"model:m@{name}", "suite": {"name": "s", "version": "1"}, "metrics": [value]}

    await register_policies(registry, [example()])
    await send(
        registry,
        metrics=[metric],
        models=[{"name": "m", "version": "1", "config": {"v": 0}}, build("many"), build("few"), build("none")],
        evaluations=[run("1", 500, 5000), run("many", 510, 5000), run("few", 10, 100)],
    )

    async def outcomes(name: str) -> dict[str, str]:
        found = await gate(registry, f"model:m@{name}", "edge")
        return {rule.name: rule.outcome.value for rule in found.rules}

    assert await outcomes("many") == {"nothing-lasting": "PASSED", "shown-not-worse": "PASSED"}
    assert (await outcomes("few"))["shown-not-worse"] == "BLOCKED"
    assert (await outcomes("none"))["shown-not-worse"] == "INCOMPLETE"
