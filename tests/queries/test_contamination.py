"""Contamination both ways over random lineages, against a flood over what was registered."""

import random
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from descentd.queries.evaluation.contamination import contamination, derivations
from descentd.queries.registry import Registry
from tests.support.registries import send

pytestmark = pytest.mark.anyio


class Lineage:
    """A random manifest, and its edges from what came to what it came from."""

    def __init__(self, seed: int) -> None:
        dice = self._dice = random.Random(seed)
        self.datasets: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = []
        self.data: list[str] = []
        self.made_from: defaultdict[str, set[str]] = defaultdict(set)
        self.generated: defaultdict[str, set[str]] = defaultdict(set)
        self.trained: defaultdict[str, set[str]] = defaultdict(set)
        self.parents: defaultdict[str, set[str]] = defaultdict(set)
        self.digests: defaultdict[str, set[str]] = defaultdict(set)
        for number in range(12):
            self._dataset(f"d{number}")
            if dice.random() < 0.8:
                self._model(str(number))

    def _dataset(self, name: str) -> None:
        dice, whole = self._dice, f"dataset:{name}@1"
        origins = dice.sample(self.data, min(len(self.data), dice.choice((0, 0, 1))))
        makers = dice.sample(
            [f"model:m@{m['version']}" for m in self.models], min(len(self.models), dice.random() < 0.2)
        )
        parts = []
        for place in range(dice.choice((1, 1, 2, 3))):
            own = dice.sample(self.data, min(len(self.data), dice.choice((0, 1))))
            number = dice.randrange(40)
            part = f"{whole}#{place}"
            self.digests[str(number)].add(part)
            self.made_from[whole].add(part)
            self.made_from[part] |= {*own, *origins}
            self.generated[part] |= set(makers)
            parts.append({"name": str(place), "digest": f"sha256:{number:064x}", "derivedFrom": _derived(own)})
        if len({part["digest"] for part in parts}) < len(parts):
            parts = parts[:1]
        self.made_from[whole] = {f"{whole}#{part['name']}" for part in parts} | set(origins)
        self.generated[whole] |= set(makers)
        made = {"name": name, "version": "1", "partitions": parts, "derivedFrom": _derived(origins)}
        self.datasets.append(made | {"generatedBy": makers})
        kept = [whole, *(f"{whole}#{part['name']}" for part in parts)]
        self.data += kept
        for members in self.digests.values():
            members &= set(self.data)

    def _model(self, version: str) -> None:
        dice, ref = self._dice, f"model:m@{version}"
        parents = dice.sample(self.models, min(len(self.models), dice.choice((0, 1, 1, 2))))
        learned = dice.sample(self.data, dice.choice((0, 1, 1, 2)))
        self.parents[ref] = {f"model:m@{parent['version']}" for parent in parents}
        self.trained[ref] = set(learned)
        self.models.append(
            {"name": "m", "version": version, "config": {"v": version},
             "parents": [{"ref": one, "relation": "MERGE"} for one in sorted(self.parents[ref])],
             "trainedOn": [{"ref": one, "role": "TRAIN"} for one in learned]}
        )  # fmt: skip

    def same(self, data: Iterable[str]) -> set[str]:
        """Data with its twins."""
        found = set(data)
        return found.union(*(members for members in self.digests.values() if members & found))

    def parts(self, data: str) -> set[str]:
        return {one for one in self.made_from[data] if one.startswith(f"{data}#")}

    def influenced(self, start: set[str]) -> set[str]:
        """Everything that came from a start, and the start."""
        found, size = self.same(start), 0
        edges = [self.made_from, self.generated, self.trained, self.parents]
        while size < len(found):
            size = len(found)
            found |= {each for graph in edges for each, origins in graph.items() if origins & found}
            found = self.same(found)
        return found

    def contaminated(self, data: str) -> set[str]:
        """The versions that may not be evaluated on data."""
        found = self.influenced({data, *self.parts(data)})
        above, size = self.same({data}), 0
        while size < len(above):
            size = len(above)
            above = self.same(above.union(*(self.made_from[each] for each in above)))
        trainers = {
            version
            for version, learned in self.trained.items()
            if any({one, *self.parts(one)} & above for one in learned)
        }
        found |= self.influenced(trainers) if trainers else set()
        return {each for each in found if each.startswith("model:")}


def _derived(origins: Iterable[str]) -> list[dict[str, str]]:
    return [{"ref": origin, "relation": "SAMPLE"} for origin in origins]


@pytest.mark.parametrize("seed", range(4))
async def test_as_a_flood_finds_it(registry: Registry, seed: int) -> None:
    lineage = Lineage(seed)
    await send(registry, datasets=lineage.datasets, models=lineage.models)
    upto = await registry.sequence()
    versions = [f"model:m@{model['version']}" for model in lineage.models]
    at = {ref: brief.sequence for ref, brief in (await registry.store.resolve([*lineage.data, *versions])).items()}
    heads = [at[version] for version in versions]
    found = await contamination(registry, heads, {at[data] for data in lineage.data}, upto)
    expected = {data: lineage.contaminated(data) for data in lineage.data}
    assert {d: {v for v in versions if found.touches(at[v], at[d])} for d in lineage.data} == expected
    assert any(expected.values())
    for data in lineage.data[::5]:  # one by one the same, with a way that starts and ends where it should
        alone = await contamination(registry, heads, [at[data]], upto)
        assert {v for v in versions if alone.touches(at[v], at[data])} == expected[data]
        ways = await derivations(registry, [(head, at[data]) for head in heads], upto)
        assert {version for version, _ in ways} == {at[version] for version in expected[data]}
        names = {number: ref for ref, number in at.items()}
        for (version, _), way in ways.items():
            assert way[0].ref in {data, *lineage.parts(data)}
            assert way[-1].ref == names[version]
            for before, step in pairwise(way):
                assert _joined(lineage, *((step.ref, before.ref) if not step.back else (before.ref, step.ref)))


def _joined(lineage: Lineage, later: str, earlier: str) -> bool:
    """Whether one came from the other in one step."""
    graphs = [lineage.made_from, lineage.generated, lineage.trained, lineage.parents]
    return any(earlier in graph[later] for graph in graphs) or earlier in lineage.same({later})
