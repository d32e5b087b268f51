"""The rules of docs/erosion.md against an independent implementation, from random manifests to the assessment.

Evaluations by several suites and versions of them, on slices and on data that some versions learned from, some of them
retracted: the oracle is given the results that count by the manifest alone.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.kinds import Kind
from descentd.queries.erosion.report import assessed
from descentd.queries.evaluation.series import Series
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import series_key
from tests.queries.erosion_oracle import Unknown
from tests.queries.expected_erosion import ALPHAS, asked_of, check
from tests.support.effort import some_of
from tests.support.registries import send

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("store_kind", ["memory"])]

Json = dict[str, Any]
Kept = tuple[str, str, str, str | None, tuple[tuple[str, str], ...]]
"""Of a result the metric, the suite, its version, the data, and the slice."""
METRICS: tuple[Json, ...] = (
    {"name": "low", "category": "TOXICITY", "direction": "LOWER_IS_BETTER", "isRate": True, "tolerance": 0.01},
    {"name": "near", "category": "BIAS", "direction": "TARGET", "optimum": 0.5, "isRate": True},
    {"name": "ratio", "category": "BIAS", "direction": "TARGET", "optimum": 1.0, "scale": "LOG"},
    {"name": "skill", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER", "isRate": True},
)
PARTITION = "dataset:d@1#p"
DATA = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{1:064x}"}]}
PROTOCOLS = (("a", "1", None), ("a", "2", None), ("b", "1", PARTITION))
AGES = ((), (("age", "65+"),))


@dataclass
class Manifest:
    """A random lineage m@0, m@1 … with evaluations, those to be retracted, and the results that count of the others."""

    dice: random.Random
    models: list[Json] = field(default_factory=list)
    parents: dict[int, list[int]] = field(default_factory=dict)
    learned: set[int] = field(default_factory=set)
    evaluations: list[Json] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    counting: defaultdict[Kept, dict[int, Result]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        merges, size = self.dice.random() < 0.5, self.dice.randint(3, 7)
        for version in range(size):
            recent = range(max(0, version - (3 if merges else 1)), version)
            self._model(version, self.dice.sample(recent, min(len(recent), self.dice.choice((1, 2)))))
        for protocol in PROTOCOLS:
            drift = {metric["name"]: self.dice.choice((-0.02, 0.0, 0.03)) for metric in METRICS}
            for version in range(size):
                if self.dice.random() < 0.9:
                    self._evaluation(version, protocol, drift)

    def _model(self, version: int, parents: list[int]) -> None:
        self.parents[version] = parents
        learns = self.dice.random() < 0.12
        if learns or self.learned.intersection(parents):
            self.learned.add(version)
        refs = [{"ref": f"model:m@{parent}", "relation": "MERGE"} for parent in parents]
        trained = {"trainedOn": [{"ref": PARTITION, "role": "TRAIN"}]} if learns else {}
        self.models.append({"name": "m", "version": str(version), "config": {"v": version}, "parents": refs} | trained)

    def _evaluation(self, version: int, protocol: tuple[str, str, str | None], drift: dict[str, float]) -> None:
        """One that is right, one that is wrong and retracted, or both."""
        for wrong in self.dice.choice(((False,), (False,), (False,), (True,), (True, False))):
            suite, edition, data = protocol
            given: Json = {"subject": f"model:m@{version}", "suite": {"name": suite, "version": edition}}
            results = [(metric["name"], age) for metric in METRICS for age in AGES if self.dice.random() < 0.9]
            found = {
                (name, age): self._result(name, 0.4 + drift[name] * version + 0.3 * wrong) for name, age in results
            }
            if wrong:
                self.wrong.append(len(self.evaluations))
            elif data is None or version not in self.learned:
                for (name, age), result in found.items():
                    self.counting[(name, *protocol, age)][version] = result
            metrics = [_metric(name, age, result) for (name, age), result in found.items()]
            self.evaluations.append(given | {"metrics": metrics} | ({"data": data} if data else {}))

    def _result(self, name: str, level: float) -> Result:
        if name == "ratio":
            return Result(round(level * 2 + self.dice.gauss(0, 0.05), 2), self.dice.choice((0.03, 0.06, None)))
        n = self.dice.choice((12, 40, 400, 400, 3000))
        return Result(sum(self.dice.random() < level for _ in range(n)) / n, None, n)


def _metric(name: str, age: tuple[tuple[str, str], ...], result: Result) -> Json:
    slice = [{"attribute": attribute, "value": value} for attribute, value in age]
    figures = {"stderr": result.stderr, "n": result.n}
    return {"name": name, "value": result.value, "slice": slice} | {k: v for k, v in figures.items() if v is not None}


async def registered(registry: Registry, manifest: Manifest) -> dict[int, int]:
    """The sequence of each version, once all was sent and what is wrong was retracted."""
    done = await send(registry, metrics=list(METRICS), datasets=[DATA], models=manifest.models)
    runs = []
    for evaluation in manifest.evaluations:
        sent = await send(registry, evaluations=[evaluation])
        runs += [record.id for record in sent.records if record.kind is Kind.EVALUATION]
    if manifest.wrong:
        gone = {"subjects": [runs[place] for place in manifest.wrong], "reason": "Wrong file."}
        await retract(registry, RetractionInput.read(gone), "ana")
    assert len(runs) == len(manifest.evaluations)
    assert done.created
    refs = {version: f"model:m@{version}" for version in manifest.parents}
    briefs = await registry.store.resolve(list(refs.values()))
    return {version: briefs[ref].sequence for version, ref in refs.items()}


@pytest.mark.parametrize("seed", range(some_of(60)))
async def test_what_is_assessed_is_what_counts_by_the_manifest(registry: Registry, seed: int) -> None:
    manifest = Manifest(random.Random(seed))
    at = await registered(registry, manifest)
    [data] = [brief.id for brief in (await registry.store.resolve([PARTITION])).values()]
    parents = {at[version]: [at[one] for one in named] for version, named in manifest.parents.items()}
    definitions = {metric["name"]: MetricDefinition.of(metric) for metric in METRICS}
    series = [
        Series(
            series_key(definitions[name], suite, edition, data=data if on else None, slice=age),
            {at[version]: result for version, result in results.items()},
        )
        for (name, suite, edition, on, age), results in manifest.counting.items()
    ]
    upto, judged = await registry.sequence(), 0
    for head in at.values():
        try:
            oracles = asked_of(parents, head, series)
        except Unknown:
            continue
        for alpha in ALPHAS:
            found, _ = await assessed(registry, head, upto, alpha=alpha)
            check(found, parents, oracles, alpha)
        judged += 1
    assert judged > 0
