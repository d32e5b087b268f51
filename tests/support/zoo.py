"""A made-up zoo of models: 400 versions in a lineage with everything that a walk can go wrong on."""

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final

import networkx as nx

from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.records import Record

VERSIONS: Final = 400
MAKERS: Final = {"line": 30, "diamond": 10, "merge": 10, "dataset": 8, "population": 14, "judged": 26, "disclosed": 12}
"""What is made next, with its weight."""
POPULATION: Final = {"age": ("18-64", "65+"), "region": ("EU", "IN", "US", "eu")}


class Zoo:
    """Records drawn at random, each referring to earlier ones; the same seed gives the same zoo.

    Lines of fine-tuned versions branch off one another and merge, many of them in diamonds; datasets have partitions of
    which some are twins of others, or were derived or generated; statements about populations come, and come again, and
    so do disclosures. No lineage is cyclic, even where twins are taken for one.
    """

    def __init__(self, seed: int = 15, versions: int = VERSIONS) -> None:
        self._most = versions
        self._random = random.Random(seed)
        self._versions: list[str] = []
        self._partitions: dict[str, dict[str, Any]] = {}
        self._datasets: list[str] = []
        self._included: dict[str, list[str]] = {}
        self._evidence: list[str] = []
        self._codes = [Record.of(Kind.CODE, {"repository": f"git:{n}", "commit": "1"}) for n in range(4)]
        plain, training = {"merge_method": "ties"}, {"optim": {"learning_rate": 0.1}}
        self._configs = [Record.of(Kind.CONFIG, {"parameters": parameters}) for parameters in (plain, training)]
        self._disclosures: list[Record] = []
        self._made_of: nx.DiGraph[str] = nx.DiGraph()
        self._number = 0

    def transactions(self) -> Iterator[list[Record]]:
        """All records, a few at a time."""
        yield [*self._codes, *self._configs]
        while len(self._versions) < self._most:
            maker = self._random.choices(
                (
                    self._line,
                    self._diamond,
                    self._merge,
                    self._dataset,
                    self._population,
                    self._judged,
                    self._disclosed,
                ),
                tuple(MAKERS.values()),
            )[0]
            records = list(maker() if len(self._versions) > 3 else self._begin())
            self._note(records)
            if records:
                yield records

    def _note(self, records: Iterable[Record]) -> None:
        """Who came from what, twins being one."""
        for record in records:
            for subject in self._subjects(record):
                for edge in record.edges:
                    if edge.role in INFLUENCE:
                        self._made_of.add_edge(self._data(edge.target), self._data(subject))

    def _subjects(self, record: Record) -> list[str]:
        """Of whom the edges of a record tell."""
        about = [edge.target for edge in record.edges if edge.role is Role.ABOUT]
        return about if record.kind is Kind.DISCLOSURE else [record.id]

    def _data(self, id: str) -> str:
        return str(self._partitions[id]["digest"]) if id in self._partitions else id

    def _begin(self) -> Iterator[Record]:
        yield from self._dataset()
        yield self._version([])

    def _line(self) -> Iterator[Record]:
        parent = self._recent() if self._random.random() < 0.85 else None
        for _ in range(self._random.randint(1, 4)):
            child = self._version([parent] if parent else [], self._random.choice(["FINE_TUNE", "QUANTIZE", "DISTILL"]))
            parent = child.id
            yield child

    def _diamond(self) -> Iterator[Record]:
        top = self._recent()
        for _ in range(self._random.randint(1, 3)):
            sides = [self._version([top], "FINE_TUNE") for _ in range(self._random.randint(2, 3))]
            yield from sides
            foot = self._version([side.id for side in sides], "MERGE")
            yield foot
            top = foot.id

    def _merge(self) -> Iterator[Record]:
        yield self._version(self._random.sample(self._versions[-60:], 2), "MERGE")

    def _version(self, parents: list[str], relation: str = "FINE_TUNE") -> Record:
        chance = self._random
        count = chance.choice([1, 1, 2]) if not parents else chance.choice([0, 0, 0, 1])
        data = chance.sample([*self._partitions, *self._datasets], min(count, len(self._partitions)))
        role = chance.choice(["PRETRAIN", "TRAIN", "TRAIN", "RETRIEVAL"])
        content: dict[str, Any] = {"name": "m", "version": str(self._next())}
        content["parents"] = [{"node": parent, "relation": relation} for parent in parents]
        content["trainedOn"] = [{"node": node, "role": role} for node in data]
        if chance.random() < 0.3:
            content["code"] = chance.choice(self._codes).id
        if chance.random() < 0.3:
            content["config"] = chance.choice(self._configs).id
        version = Record.of(Kind.MODEL_VERSION, content)
        self._versions.append(version.id)
        return version

    def _dataset(self) -> Iterator[Record]:
        label = f"dataset:d{self._next()}@1"
        parts = [self._partition(label, f"p{n}") for n in range(self._random.choice([0, 1, 2, 2, 3]))]
        yield from parts
        content: dict[str, Any] = {"name": label[8:-2], "version": "1", "partitions": sorted(part.id for part in parts)}
        if self._datasets and self._random.random() < 0.3:
            content["derivedFrom"] = [{"node": self._random.choice(self._datasets), "relation": "SAMPLE"}]
        dataset = Record.of(Kind.DATASET, content)
        self._partitions |= {part.id: part.content for part in parts}
        self._datasets.append(dataset.id)
        self._included[dataset.id] = dataset.content.get("partitions", [])
        yield dataset

    def _partition(self, dataset: str, name: str) -> Record:
        """One with data of its own, or with those of an earlier one, which then came about in the same way."""
        if self._partitions and self._random.random() < 0.3:
            same = self._random.choice(list(self._partitions.values()))
            return Record.of(Kind.PARTITION, same | {"dataset": dataset, "name": name})
        content: dict[str, Any] = {"dataset": dataset, "name": name, "digest": f"sha256:{self._next():064x}"}
        way = self._random.random()
        if self._partitions and way < 0.25:
            content["derivedFrom"] = [{"node": self._random.choice(list(self._partitions)), "relation": "FILTER"}]
        elif self._versions and way < 0.45:
            content["generatedBy"] = [self._recent()]
        return Record.of(Kind.PARTITION, content)

    def _population(self) -> Iterator[Record]:
        chance = self._random
        documented = chance.choice(["COMPLETE", "COMPLETE", "COMPLETE", "PARTIAL"])
        listed: list[dict[str, Any]] = [
            {"attribute": attribute, "value": value, "share": chance.choice([0, 0.2, 0.5, 0.8])}
            for attribute, values in POPULATION.items()
            if chance.random() < 0.9
            for value in chance.sample(values, chance.randint(1, len(values)))
        ]
        counted = chance.random() < 0.9  # else what is listed may leave room
        for attribute in sorted({share["attribute"] for share in listed}) if counted else ():
            shares = [share for share in listed if share["attribute"] == attribute]
            shares[0]["share"] += max(0, 1 - sum(share["share"] for share in shares))
        content = {"subject": chance.choice(list(self._partitions)), "reason": f"r{self._next()}"}
        yield Record.of(Kind.POPULATION, content | {"populationDocumented": documented, "population": listed})

    def _disclosed(self) -> Iterator[Record]:
        """What an earlier version or dataset came from besides; or a retraction of such a record."""
        chance = self._random
        if self._disclosures and chance.random() < 0.3:
            retraction = {"subjects": [chance.choice(self._disclosures).id], "by": "rev", "at": f"{self._next()}"}
            self._disclosures.append(Record.of(Kind.RETRACTION, retraction))
            yield self._disclosures[-1]
            return
        for _ in range(5):
            record = self._disclosure()
            about = [self._data(subject) for subject in self._subjects(record)]
            sources = [self._data(edge.target) for edge in record.edges if edge.role in INFLUENCE]
            if not any(self._leads(one, source) for one in about for source in sources):
                self._disclosures.append(record)
                yield record
                return

    def _disclosure(self) -> Record:
        chance = self._random
        content: dict[str, Any] = {"source": "mail", "reason": f"r{self._next()}", "complete": chance.random() < 0.5}
        if self._datasets and chance.random() < 0.3:
            subject, partitions = chance.choice(list(self._included.items()))
            content |= {"generatedBy": [chance.choice(self._versions)], "partitions": partitions}
            content["parents"] = [{"node": chance.choice(self._datasets), "relation": "FILTER"}]
        else:
            subject = chance.choice(self._versions)
            parents = [{"node": chance.choice(self._versions), "relation": chance.choice(["FINE_TUNE", "MERGE"])}]
            data = [{"node": node, "role": "TRAIN"} for node in chance.sample(list(self._partitions), 1)]
            content |= {"parents": parents} if chance.random() < 0.6 else {}
            content |= {"trainedOn": data} if chance.random() < 0.5 or "parents" not in content else {}
        former = [record for record in self._disclosures if record.content.get("subject") == subject]
        if former and chance.random() < 0.5:
            content["supersedes"] = former[-1].id
        return Record.of(Kind.DISCLOSURE, content | {"subject": subject})

    def _leads(self, start: str, end: str) -> bool:
        graph = self._made_of
        return start == end or (start in graph and end in graph and nx.has_path(graph, start, end))

    def _judged(self) -> Iterator[Record]:
        """An evaluation, and now and then a review that cites it or an earlier one, or a deployment."""
        chance = self._random
        content: dict[str, Any] = {"subject": self._recent(), "metrics": [{"name": "accuracy", "value": 0.5}]}
        if chance.random() < 0.4:
            content["data"] = chance.choice([*self._partitions, *self._datasets])
        evaluation = Record.of(Kind.EVALUATION, content | {"n": self._next()})
        yield evaluation
        self._evidence.append(evaluation.id)
        act = {"subject": self._recent(), "environment": "production", "by": "ana", "at": f"{self._next()}"}
        if chance.random() < 0.4:
            review = Record.of(Kind.REVIEW, act | {"evidence": chance.sample(self._evidence[-3:], 1)})
            self._evidence.append(review.id)
            yield review
        elif chance.random() < 0.3:
            yield Record.of(Kind.DEPLOYMENT, act | {"endpoint": "/score"})

    def _recent(self) -> str:
        """A version, one of the last more likely than an old one."""
        back = int(len(self._versions) * self._random.random() ** 3)
        return self._versions[-1 - back]

    def _next(self) -> int:
        self._number += 1
        return self._number
