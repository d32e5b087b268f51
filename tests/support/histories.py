"""Random histories of a registry: records of every walked kind, with twins, populations and evidence."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads

RELATIONS = ["FINE_TUNE", "MERGE", "QUANTIZE", "DISTILL"]
ROLES = ["PRETRAIN", "TRAIN", "RETRIEVAL"]


def adding(*records: Record, person: str = "tess") -> Proposal:
    """A proposal to add those of `records` that are not there yet."""

    async def draft(reads: Reads) -> Sequence[Record]:
        there = await reads.resolve([record.id for record in records])
        return [record for record in records if record.id not in there]

    return Proposal(draft, person)


class Histories:
    """Records drawn at random, each referring to earlier ones; the same seed gives the same history.

    `disclosing`: with configs, disclosures, and retractions of these, too.
    """

    def __init__(self, seed: int, digests: int = 12, *, disclosing: bool = False) -> None:
        self.random = random.Random(seed)
        self.digests = digests
        self.partitions: list[str] = []
        self.datasets: list[str] = []
        self.versions: list[str] = []
        self.disclosing = disclosing
        self.disclosures: list[str] = []
        self.number = 0

    def transactions(self, count: int) -> Iterator[list[Record]]:
        """`count` transactions of one or a few records."""
        makers = [self.dataset] * 4 + [self.version] * 8 + [self.population] * 4 + [self.evaluation] * 2
        makers += [self.note, self.vulnerability, self.profile, self.retraction]
        makers += [self.disclosure, self.disclosure, self.disclosure, self.retraction] if self.disclosing else []
        for _ in range(count):
            yield list(
                self.random.choice(makers if self.partitions and self.versions else [self.dataset, self.version])()
            )

    def dataset(self) -> Iterator[Record]:
        n = self._next()
        label = f"dataset:d{n}@1"
        parts = []
        for p in range(self.random.choice([0, 1, 1, 2, 3])):
            digest = f"sha256:{self.random.randrange(self.digests):064x}"
            content = {"dataset": label, "name": f"p{p}", "digest": digest, "rows": n} | self._origins()
            parts.append(Record.of(Kind.PARTITION, content))
        yield from parts
        content = {"name": f"d{n}", "version": "1", "partitions": sorted(p.id for p in parts)} | self._origins()
        whole = Record.of(Kind.DATASET, content)
        self.partitions += [p.id for p in parts]
        self.datasets.append(whole.id)
        yield whole

    def version(self) -> Iterator[Record]:
        n = self._next()
        content: dict[str, Any] = {"name": f"Modèle-{n % 7}", "version": str(n), "description": "Ein Häuschen am See"}
        if self.random.random() < 0.3:
            code = Record.of(Kind.CODE, {"uri": f"git:{n % 5}"})
            content["code"] = code.id
            if n % 5 == n:
                yield code
            else:
                del content["code"]
        if self.disclosing and self.random.random() < 0.3:
            config = Record.of(Kind.CONFIG, {"parameters": {"seed": n} | ({} if n % 2 else {"learning_rate": 0.1})})
            content["config"] = config.id
            yield config
        content["parents"] = [
            {"node": node, "relation": relation}
            for node in self._some(self.versions, [0, 1, 1, 1, 2])
            for relation in self.random.sample(RELATIONS, self.random.choice([1, 1, 2]))
        ]
        content["trainedOn"] = [
            {"node": node, "role": role}
            for node in self._some(self.partitions + self.datasets, [0, 0, 1, 1, 2])
            for role in self.random.sample(ROLES, self.random.choice([1, 1, 2]))
        ]
        content["artifacts"] = [{"name": "w", "digest": f"sha256:{n:064x}", "uri": f"s3://{n}"}]
        version = Record.of(Kind.MODEL_VERSION, content)
        self.versions.append(version.id)
        yield version

    def population(self) -> Iterator[Record]:
        listed = [
            {"attribute": attribute, "value": value, "share": share}
            if share is not None
            else {"attribute": attribute, "value": value}
            for attribute in self.random.sample(["age", "country", "language"], self.random.choice([1, 2, 3]))
            for value in self.random.sample(["a", "b", "c"], self.random.choice([1, 1, 2]))
            for share in [self.random.choice([None, 0, 0.2, 0.5, 0.8, 1])]
        ]
        documented = self.random.choice(["COMPLETE", "COMPLETE", "PARTIAL", "NONE"])
        content = {
            "subject": self.random.choice(self.partitions),
            "populationDocumented": documented,
            "n": self._next(),
        }
        yield Record.of(Kind.POPULATION, content | {"population": [] if documented == "NONE" else listed})

    def evaluation(self) -> Iterator[Record]:
        content: dict[str, Any] = {"subject": self.random.choice(self.versions), "n": self._next()}
        content["metrics"] = [{"name": name, "value": 0.5} for name in self.random.sample(["acc", "f1", "ece"], 2)]
        for data in self._some(self.partitions + self.datasets, [0, 1]):
            content["data"] = data
        yield Record.of(Kind.EVALUATION, content)

    def vulnerability(self) -> Iterator[Record]:
        content = {"subject": self.random.choice(self.versions), "title": f"Jailbreak {self._next()}"}
        yield Record.of(Kind.VULNERABILITY, content | {"probe": {"data": self.random.choice(self.partitions)}})

    def note(self) -> Iterator[Record]:
        text = f"Überprüft: naïve café {self._next()}, 国勢調査; AND not a+b"
        yield Record.of(Kind.NOTE, {"subject": self.random.choice(self.versions), "author": "Zoë", "text": text})

    def retraction(self) -> Iterator[Record]:
        of = (self.disclosing and self._next() % 2 and self.disclosures) or self.versions
        subjects = self._some(of, [1, 2])
        content = {"subjects": subjects, "by": "Zoë", "reason": f"wrong {self._next()}"}
        retraction = Record.of(Kind.RETRACTION, content)
        self.disclosures.append(retraction.id)
        yield retraction

    def disclosure(self) -> Iterator[Record]:
        """About a version, or about a dataset; a cycle may come of it."""
        content: dict[str, Any] = {"source": "mail", "reason": f"r{self._next()}", "complete": self.number % 2 == 0}
        if self.random.random() < 0.5:
            content["subject"] = self.random.choice(self.versions)
            content["parents"] = [{"node": node, "relation": "MERGE"} for node in self._some(self.versions, [0, 1])]
            content["trainedOn"] = [{"node": self.random.choice(self.partitions), "role": "TRAIN"}]
        else:
            content["subject"] = self.random.choice(self.datasets)
            content["generatedBy"] = [self.random.choice(self.versions)]
        record = Record.of(Kind.DISCLOSURE, content)
        self.disclosures.append(record.id)
        yield record

    def profile(self) -> Iterator[Record]:
        content = {"subject": self.random.choice(self.versions), "intendedUse": [f"triage {self._next()}"]}
        yield Record.of(Kind.SAFETY_PROFILE, content)

    def _origins(self) -> dict[str, Any]:
        data = self._some(self.partitions + self.datasets, [0, 0, 0, 1])
        return {
            "derivedFrom": [{"node": node, "relation": self.random.choice(["FILTER", "AUGMENT"])} for node in data],
            "generatedBy": self._some(self.versions, [0, 0, 0, 0, 1]),
        }

    def _some(self, of: list[str], counts: list[int]) -> list[str]:
        return self.random.sample(of, min(self.random.choice(counts), len(of)))

    def _next(self) -> int:
        self.number += 1
        return self.number
