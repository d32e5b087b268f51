"""Manifests and records that tests of the graph layer begin with."""

from collections.abc import Sequence
from typing import Any

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.register import Registered, register
from descentd.graph.store.base import Proposal, Reads, Store
from descentd.graph.store.committer import Committer

Json = dict[str, Any]


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def note(text: str, **content: Any) -> Record:
    """A record without edges: a subject that is not there is never looked up."""
    return Record.of(Kind.CODE, {"repository": text, "commit": "1", **content})


def registry() -> Json:
    """A manifest with a record of every kind that a manifest can define."""
    return {
        "metrics": [{"name": "psi_income", "category": "DRIFT", "direction": "LOWER_IS_BETTER", "tolerance": 0.05}],
        "datasets": [
            {
                "name": "loans",
                "version": "2024-12",
                "partitions": [
                    {
                        "name": "train",
                        "digest": digest(1),
                        "rows": 410000,
                        "populationDocumented": "COMPLETE",
                        "population": [{"attribute": "region", "value": "US", "share": 1.0}],
                    },
                    {"name": "holdout", "digest": digest(2)},
                ],
            }
        ],
        "models": [
            {
                "name": "credit-risk",
                "version": "4.0",
                "createdAt": "2025-01-15T10:00:00Z",
                "artifacts": [{"uri": "s3://models/4.0", "digest": digest(10), "size": 10}],
                "trainedOn": [{"ref": "dataset:loans@2024-12#train", "role": "TRAIN"}],
                "code": {"repository": "https://git.example.org/credit-risk", "commit": "5f0c"},
                "config": {"learning_rate": 0.1, "depth": 6},
                "environment": {"python": "3.11.7", "dependencies": [{"name": "numpy", "version": "2.4.6"}]},
                "safetyProfile": {"intendedUse": "Rank applications.", "mustNotDo": ["Decline alone."]},
            },
            {
                "name": "credit-risk",
                "version": "4.1",
                "parents": [{"ref": "model:credit-risk@4.0", "relation": "FINE_TUNE"}],
                "trainedOn": [{"ref": "dataset:loans@2024-12", "role": "TRAIN"}],
                "artifacts": [{"uri": "s3://models/4.1", "digest": digest(11)}],
            },
        ],
        "evaluations": [
            {
                "subject": "model:credit-risk@4.0",
                "suite": {"name": "fairness", "version": "1"},
                "data": "dataset:loans@2024-12#holdout",
                "evaluatedAt": "2025-01-16T09:00:00Z",
                "metrics": [{"name": "accuracy", "value": 0.871, "n": 40000}, {"name": "psi_income", "value": 0.1}],
            }
        ],
        "vulnerabilities": [
            {
                "subject": "model:credit-risk@4.0",
                "title": "Income inflation",
                "severity": "HIGH",
                "probe": {
                    "suite": {"name": "attacks", "version": "1"},
                    "metric": "accuracy",
                    "threshold": 0.8,
                    "data": "dataset:loans@2024-12#holdout",
                },
            }
        ],
        "notes": [{"subject": "model:credit-risk@4.1", "author": "risk-team", "text": "Größe of the file checked."}],
    }


async def send(store: Store, manifest: Json, person: str = "tess") -> Registered:
    """Register a manifest from its wire shape."""
    return await register(Committer(store), ManifestInput.read(manifest), person)


def adding(*records: Record, person: str = "tess") -> Proposal:
    """A proposal that adds those of `records` that are not there."""

    async def draft(reads: Reads) -> Sequence[Record]:
        known = await reads.resolve([record.id for record in records])
        return [record for record in records if record.id not in known]

    return Proposal(draft, person)


async def contents(store: Store, kind: Kind) -> list[Content]:
    """The contents of all records of a kind, in log order."""
    entries = await store.entries(range(1, await store.sequence() + 1))
    return [entry.record.content for entry in entries if entry.record.kind is kind]
