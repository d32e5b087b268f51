"""Answers of a registry that holds the example manifest, as the contract shapes them."""

from typing import Any

ID = "sha256:" + "5" * 64
US = "dataset:loans@2024-12#train-us"

VERSION: dict[str, Any] = {
    "__typename": "ModelVersion",
    "id": ID,
    "ref": "model:credit-risk@4.2",
    "kind": "MODEL_VERSION",
    "recordedAt": "2025-07-20T10:00:00Z",
    "recordedBy": "alice",
    "name": "credit-risk",
    "version": "4.2",
    "createdAt": "2025-07-20T10:00:00Z",
    "parents": [{"relation": "FINE_TUNE", "node": {"ref": "model:credit-risk@4.1"}}],
    "trainedOn": [{"role": "TRAIN", "node": {"ref": US}}],
    "code": {"id": ID, "repository": "https://git.example.org/risk/credit-risk", "commit": "7b0c1d2e"},
    "config": {"id": ID, "parameters": {"learning_rate": "0.08", "depth": 7, "nested": {"a": None}}},
    "environment": {"id": ID, "python": "3.11.7", "dependencies": [{"name": "numpy", "version": "2.4.6"}]},
    "artifacts": [{"uri": "s3://models/credit-risk/4.2/weights", "digest": "sha256:" + "a" * 64, "size": None}],
    "interventions": [
        {
            "kind": "reweighing",
            "targets": [{"attribute": "age_group", "value": "65+"}],
            "description": "Training rows reweighed so that selection rates match.",
        }
    ],
    "sameBuild": [],
    "safetyProfile": {
        "id": ID,
        "intendedUse": "Rank consumer loan applications for a human underwriter.",
        "mustNotDo": ["Decline an application without human review.", "Score applicants under 18."],
        "guardrails": ["Scores outside 300-850 are rejected."],
        "knownBiases": [{"attribute": "age_group", "value": "65+", "description": "Scores 11 points low on average."}],
        "notes": [{"author": "risk-team", "text": "Sensitive to self-reported income above 400k."}],
    },
    "notes": [
        {"author": "bob", "text": "\x1b[31mred\x1b[0m [bold]text[/bold]", "recordedBy": "bob", "quotation": False},
        {"author": "ann", "text": "Looks fine.", "recordedBy": "bob", "quotation": True, "retracted": True},
    ],
    "vulnerabilities": [
        {"id": ID, "title": "Income can be inflated by a prefix", "severity": "HIGH", "retracted": False},
        {"id": ID, "title": "Income can be read out", "severity": "LOW", "retracted": True},
    ],
    "reviews": [
        {
            "id": ID,
            "environment": "production",
            "decision": "NO_GO",
            "reason": "Adversarial accuracy fell.",
            "conditions": [],
            "expiresAt": "2025-10-20T10:00:00Z",
            "valid": True,
        }
    ],
    "flags": [],
    "verdict": {"status": "REJECTED", "reasons": [{"code": "NO_GO", "message": "carol said NO_GO for production."}]},
}

RETRACTION = {
    "__typename": "Retraction",
    "id": ID,
    "ref": ID,
    "kind": "RETRACTION",
    "recordedAt": "2025-02-01T09:00:00Z",
    "recordedBy": "ana",
    "retracted": False,
    "retractedOrigins": [],
    "content": {"at": "2025-02-01T09:00:00Z", "by": "ana", "reason": "Wrong.", "subjects": ["sha256:" + "d" * 64]},
    "links": [{"role": "ABOUT", "node": {"id": "sha256:" + "d" * 64, "ref": "dataset:loans@2024-12"}}],
}
PARTITION: dict[str, Any] = {
    "__typename": "Partition",
    "id": ID,
    "ref": US,
    "kind": "PARTITION",
    "recordedAt": "2025-07-20T10:00:00Z",
    "recordedBy": "alice",
    "rows": 410000,
    "digest": "sha256:" + "1" * 64,
    "dataset": {"ref": "dataset:loans@2024-12"},
    "populationDocumented": "COMPLETE",
    "population": [{"attribute": "age_group", "value": "65+", "share": 0.07}],
    "sameData": [],
}

DATASET: dict[str, Any] = {
    "__typename": "Dataset",
    "id": ID,
    "ref": "dataset:loans@2024-12",
    "kind": "DATASET",
    "recordedAt": "2025-07-20T10:00:00Z",
    "recordedBy": "alice",
    "name": "loans",
    "version": "2024-12",
    "license": "proprietary",
    "partitions": [{"ref": US, "rows": 410000}],
}

IMPACT: dict[str, Any] = {
    "counts": [{"kind": "MODEL_VERSION", "count": 2}, {"kind": "DEPLOYMENT", "count": 1}],
    "affected": {
        "totalCount": 3,
        "pageInfo": {"hasNextPage": False, "endCursor": "c3"},
        "edges": [
            {
                "distance": 1,
                "via": [{"ref": US, "role": None}, {"ref": "model:credit-risk@4.0", "role": "TRAINED_ON"}],
                "node": {"id": ID, "ref": "model:credit-risk@4.0", "kind": "MODEL_VERSION"},
            },
            {
                "distance": 2,
                "via": [
                    {"ref": US, "role": None},
                    {"ref": "model:credit-risk@4.0", "role": "TRAINED_ON"},
                    {"ref": "model:credit-risk@4.1", "role": "DERIVED_FROM"},
                ],
                "node": {"id": ID, "ref": "model:credit-risk@4.1", "kind": "MODEL_VERSION"},
            },
            {
                "distance": 2,
                "via": [
                    {"ref": US, "role": None},
                    {"ref": "dataset:copy@1#x", "role": "SAME_DATA"},
                    {"ref": ID, "role": "DEPLOYS"},
                ],
                "node": {
                    "id": ID,
                    "ref": ID,
                    "kind": "DEPLOYMENT",
                    "environment": "production",
                    "endpoint": "scoring",
                    "since": "2025-08-01T00:00:00Z",
                    "until": None,
                    "claimed": None,
                },
            },
        ],
    },
}

EXPOSURE: dict[str, Any] = {
    "counts": [
        {"verdict": "TRAINED", "count": 1},
        {"verdict": "NOT_TRAINED", "count": 5},
        {"verdict": "UNKNOWN", "count": 1},
    ],
    "versions": {
        "totalCount": 2,
        "pageInfo": {"hasNextPage": False, "endCursor": "c2"},
        "edges": [
            {
                "verdict": "TRAINED",
                "exposure": "INHERITED",
                "evidence": {
                    "partition": {"ref": US},
                    "joint": "PROVEN",
                    "via": IMPACT["affected"]["edges"][1]["via"],
                },
                "node": {"ref": "model:credit-risk@4.1"},
            },
            {
                "verdict": "UNKNOWN",
                "exposure": None,
                "evidence": {"partition": {"ref": "model:base@1"}, "joint": None, "via": []},
                "node": {"ref": "model:base@1"},
            },
        ],
    },
}

VOCABULARY = [
    {"attribute": "age_group", "values": [{"value": "65+", "partitions": 1}, {"value": "18-64", "partitions": 1}]}
]

LINEAGE: dict[str, Any] = {
    "complete": False,
    "totalCount": 9,
    "nodes": [
        {"node": {"id": "sha256:" + "0" * 64}, "ref": "model:credit-risk@4.1", "kind": "MODEL_VERSION", "distance": 0},
        {"node": {"id": "sha256:" + "1" * 64}, "ref": "model:credit-risk@4.0", "kind": "MODEL_VERSION", "distance": 1},
        {"node": {"id": "sha256:" + "2" * 64}, "ref": "model:credit-risk@4.2", "kind": "MODEL_VERSION", "distance": 1},
    ],
    "edges": [
        {"source": "sha256:" + "0" * 64, "target": "sha256:" + "1" * 64, "role": "DERIVED_FROM"},
        {"source": "sha256:" + "2" * 64, "target": "sha256:" + "0" * 64, "role": "DERIVED_FROM"},
    ],
}

PATHS: dict[str, Any] = {
    "count": "1152921504606846976",
    "complete": False,
    "paths": [{"steps": IMPACT["affected"]["edges"][1]["via"]}],
}

HISTORY: dict[str, Any] = {
    "pageInfo": {"hasNextPage": False, "endCursor": "c1"},
    "edges": [
        {
            "node": {
                "id": ID,
                "kind": "MODEL_VERSION",
                "recordedAt": "2025-07-20T10:00:00Z",
                "recordedBy": "alice",
                "summary": "registered",
            }
        }
    ],
}

SEARCH: dict[str, Any] = {
    "totalCount": 1,
    "pageInfo": {"hasNextPage": False, "endCursor": "c1"},
    "edges": [{"node": {"id": ID, "ref": "model:credit-risk@4.2", "kind": "MODEL_VERSION"}}],
}

REGISTERED: dict[str, Any] = {
    "created": 1,
    "existing": 1,
    "records": [
        {"id": ID, "ref": "dataset:loans@2024-12", "kind": "DATASET"},
        {"id": "sha256:" + "6" * 64, "ref": "model:credit-risk@4.0", "kind": "MODEL_VERSION"},
    ],
}
