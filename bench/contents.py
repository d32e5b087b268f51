"""What the members of a zoo hold: as records that name each other by id, and as manifests that name them by ref.

A member is named by its number, its sequence in the zoo's tail. A review or a deployment becomes a note, since acts
need people; a partition that says something about its population is followed by that statement.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from bench.zoo import Zoo
from descentd.graph.model.identity import Content, canonical
from descentd.graph.model.kinds import KINDS, ROLES, Kind, Role
from descentd.graph.model.reach import Documented, PopulationFact
from descentd.graph.model.records import Record

_PARTS = {Role.BUILT_FROM: "code", Role.CONFIGURED_BY: "config", Role.RAN_IN: "environment"}


def digest(number: int) -> str:
    """A digest that only this number has."""
    return "sha256:" + hashlib.sha256(b"%d" % number).hexdigest()


class Members:
    """The members of a zoo by number, with what each came from."""

    def __init__(self, zoo: Zoo) -> None:
        tail = zoo.tail
        self.size = len(tail.kinds)
        self.kinds = [KINDS[kind] for kind in tail.kinds.tolist()]
        self._edges = list(
            zip([ROLES[r] for r in tail.roles.tolist()], tail.targets.tolist(), tail.learns.tolist(), strict=True)
        )
        self._ends = tail.sources.searchsorted(range(1, self.size + 1), "right").tolist()
        self._first = dict(tail.twins.tolist())
        self.populations: dict[int, PopulationFact] = {fact.partition: fact for fact in tail.populations}
        self.dataset_of = {
            part: number
            for number in range(1, self.size + 1)
            if self.kinds[number - 1] is Kind.DATASET
            for part, _ in self.targets(number, Role.INCLUDES)
        }

    def kind(self, number: int) -> Kind:
        """The kind of a member."""
        return self.kinds[number - 1]

    def targets(self, number: int, role: Role) -> list[tuple[int, bool]]:
        """What a member came from by a role, and whether that taught it."""
        start, end = (self._ends[number - 2] if number > 1 else 0), self._ends[number - 1]
        return [(target, learns) for has, target, learns in self._edges[start:end] if has is role]

    def label(self, number: int) -> str:
        """The ref of a version, dataset or partition."""
        match self.kind(number):
            case Kind.MODEL_VERSION:
                return f"model:zoo/model-{number // 50}@{number}"
            case Kind.PARTITION:
                return f"dataset:zoo/data@{self.dataset_of.get(number, number)}#part-{number}"
            case _:
                return f"dataset:zoo/data@{number}"

    def artifact(self, number: int) -> Content:
        """The file of a version."""
        return {"uri": f"s3://zoo/{number}.safetensors", "digest": digest(number), "size": 1_000_000 + number}

    def partition(self, number: int) -> Content:
        """A partition, without what it was derived from."""
        first = self._first.get(number, number)
        return {"name": f"part-{number}", "digest": digest(first), "rows": 1_000 + number}

    def population(self, number: int) -> Content | None:
        """What is said of a partition's people, where something is."""
        fact = self.populations.get(number)
        if fact is None:
            return None
        documented = fact.documented
        if documented is Documented.NONE:
            return {"populationDocumented": documented.value}
        shares = [
            {"attribute": s.attribute, "value": s.value} | ({} if s.share is None else {"share": s.share})
            for s in fact.shares
        ]
        return {"populationDocumented": documented.value, "population": sorted(shares, key=canonical)}

    def part(self, number: int) -> Content:
        """A code, config or environment."""
        match self.kind(number):
            case Kind.CODE:
                return {
                    "repository": "https://git.example/zoo",
                    "commit": hashlib.sha1(b"%d" % number, usedforsecurity=False).hexdigest(),
                }
            case Kind.CONFIG:
                return {"learning_rate": 0.001 + number / 1e9, "batch_size": 32, "seed": number, "schedule": "cosine"}
            case _:
                packages = [{"name": "numpy", "version": "2.4.6"}, {"name": "torch", "version": f"2.{number}"}]
                return {"python": "3.13.2", "hardware": "8xH100", "dependencies": packages}

    def derivations(self, number: int, key: str, name: Callable[[int], str]) -> list[Content]:
        """What it was derived from; `key` and `name` say how others are named."""
        data = self.kind(number) is not Kind.MODEL_VERSION
        return [
            {key: name(target), "relation": "FILTER" if data else "FINE_TUNE" if learns else "MERGE"}
            for target, learns in self.targets(number, Role.DERIVED_FROM)
        ]

    def training(self, number: int, key: str, name: Callable[[int], str]) -> list[Content]:
        """The data of a version, each named under `key`, and whether the version learned from it."""
        data = self.targets(number, Role.TRAINED_ON)
        return [{key: name(target), "role": "TRAIN" if learns else "RETRIEVAL"} for target, learns in data]

    def makers(self, number: int, name: Callable[[int], str]) -> list[str]:
        """The versions that generated a dataset."""
        return [name(target) for target, _ in self.targets(number, Role.GENERATED_BY)]

    def version(self, number: int) -> Content:
        """A version, without what it came from."""
        name, _, version = self.label(number).removeprefix("model:").partition("@")
        return {"name": name, "version": version, "artifacts": [self.artifact(number)]}

    def statement(self, number: int, name: Callable[[int], str]) -> tuple[Kind, Content]:
        """An evaluation, or a note in the place of other statements, and what it is about."""
        evaluated = self.targets(number, Role.EVALUATES)
        if not evaluated:
            rests = self.targets(number, Role.DEPLOYS) or self.targets(number, Role.CITES)
            about = rests[0][0] if rests else 0
            while about and self.kind(about) is Kind.EVALUATION:
                about = next((target for target, _ in self.targets(about, Role.EVALUATES)), 0)
            return Kind.NOTE, {"subject": name(about or 5), "author": "zoo", "text": f"Looked at in round {number}."}
        metrics = [{"name": "acc", "value": number % 997 / 997, "n": 1_000}]
        content = {"subject": name(evaluated[0][0]), "suite": {"name": "harness", "version": "0.4"}, "metrics": metrics}
        for data, _ in self.targets(number, Role.EVALUATED_ON):
            content["data"] = name(data)
        return Kind.EVALUATION, content | {"evaluator": f"rig-{number}"}


def records(members: Members) -> Iterator[Record]:
    """Every member as a record, in log order, each after what it refers to."""
    ids: list[str] = [""] * (members.size + 1)

    def name(number: int) -> str:
        return ids[number]

    for number in range(1, members.size + 1):
        kind, content = _content(members, number, name)
        record = Record.of(kind, content)
        ids[number] = record.id
        yield record
        said = members.population(number) if kind is Kind.PARTITION else None
        if said:
            yield Record.of(Kind.POPULATION, said | {"subject": record.id})


def _content(members: Members, number: int, name: Callable[[int], str]) -> tuple[Kind, Content]:
    kind = members.kind(number)
    match kind:
        case Kind.CODE | Kind.ENVIRONMENT:
            return kind, members.part(number)
        case Kind.CONFIG:
            return kind, {"parameters": members.part(number)}
        case Kind.MODEL_VERSION:
            parts = {_PARTS[role]: name(part) for role in _PARTS for part, _ in members.targets(number, role)}
            training = sorted(members.training(number, "node", name), key=canonical)
            parents = members.derivations(number, "node", name)
            return kind, members.version(number) | parts | {"parents": parents, "trainedOn": training}
        case Kind.DATASET:
            partitions = sorted(name(part) for part, _ in members.targets(number, Role.INCLUDES))
            return kind, {"name": "zoo/data", "version": str(number), "partitions": partitions}
        case Kind.PARTITION:
            origins: dict[str, Any] = {
                "derivedFrom": members.derivations(number, "node", name),
                "generatedBy": members.makers(number, name),
            }
            dataset = members.label(number).partition("#")[0]
            return kind, members.partition(number) | {"dataset": dataset} | origins
        case _:
            return members.statement(number, name)


def manifests(members: Members) -> Iterator[Content]:
    """The same as manifests, a version, dataset or statement each; code, configs and environments are in versions."""
    for number in range(1, members.size + 1):
        match members.kind(number):
            case Kind.CODE | Kind.CONFIG | Kind.ENVIRONMENT:
                pass
            case Kind.MODEL_VERSION:
                parts = {
                    _PARTS[role]: members.part(part) for role in _PARTS for part, _ in members.targets(number, role)
                }
                origins = {
                    "parents": members.derivations(number, "ref", members.label),
                    "trainedOn": members.training(number, "ref", members.label),
                }
                yield {"models": [members.version(number) | parts | origins]}
            case Kind.DATASET:
                yield _dataset(members, number, [part for part, _ in members.targets(number, Role.INCLUDES)])
            case Kind.PARTITION:
                if number not in members.dataset_of:
                    yield _dataset(members, number, [number])
            case _:
                kind, content = members.statement(number, members.label)
                yield {"evaluations" if kind is Kind.EVALUATION else "notes": [content]}


def _dataset(members: Members, number: int, parts: list[int]) -> Content:
    partitions = [
        members.partition(part)
        | {
            "derivedFrom": members.derivations(part, "ref", members.label),
            "generatedBy": members.makers(part, members.label),
        }
        | (members.population(part) or {})
        for part in parts
    ]
    return {"datasets": [{"name": "zoo/data", "version": str(number), "partitions": partitions}]}
