"""What the registry holds whose contents are exported, and how a test exports it."""

from typing import Any

from tests.client.cli import run
from tests.support.server_process import ServerProcess

VERSION, PARENT = "model:credit-risk@4.1", "model:credit-risk@4.0"
REGISTER = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
ODD = 'He said: "<b>&amp; \\ | `x` *y*"\n=1+1 \u2067☃'
POLICY = """\
environment: production
rules:
  - name: accuracy
    expression: metrics["accuracy"].exists(m, m.value > 0.0)
"""
MORE: dict[str, Any] = {
    "datasets": [
        {
            "name": "synthetic",
            "version": "1",
            "license": "proprietary",
            "generatedBy": [VERSION],
            "partitions": [{"name": "all", "digest": f"sha256:{77:064x}", "rows": 5, "uri": "s3://data/all"}],
        }
    ],
    "models": [
        {
            "name": "odd",
            "version": "1",
            "description": ODD,
            "parents": [{"ref": VERSION, "relation": "QUANTIZE"}, {"ref": PARENT, "relation": "MERGE"}],
            "trainedOn": [{"ref": "dataset:synthetic@1#all", "role": "TRAIN"}],
            "config": {"a": "=cmd", "b": [1, None]},
            "artifacts": [
                {"uri": "s3://m/a", "digest": f"sha256:{1001:064x}"},
                {"uri": "s3://m/b", "digest": f"sha256:{1002:064x}"},
            ],
            "code": {"repository": "https://git.example.org/x", "commit": "0123456789abcdef0123456789abcdef01234567"},
            "safetyProfile": {
                "intendedUse": ODD,
                "mustNotDo": ["Decline alone."],
                "guardrails": ["Scores outside 300-850 are rejected."],
                "knownBiases": [{"attribute": "age", "value": "65+", "description": "Scores are low."}],
                "notes": [{"author": "risk", "text": "Look again."}],
            },
        }
    ],
    "evaluations": [
        {
            "subject": "model:odd@1",
            "suite": {"name": "fairness", "version": "1"},
            "data": "dataset:loans@2024-12#holdout",
            "metrics": [
                {"name": "accuracy", "value": 0.5, "stderr": 0.1},
                {"name": "accuracy", "value": 0.25, "slice": [{"attribute": "age", "value": "65+"}]},
            ],
        }
    ],
}
ACTS = (
    'mutation { flag(input: { subjects: ["model:credit-risk@4.0"], action: REVIEW, reason: "r" }) { id } }',
    'mutation { promote(of: "model:odd@1", environment: "production") { id } }',
    """mutation { review(input: { subject: "model:odd@1", environment: "production", decision: NO_GO, reason: "r" })
      { id } }""",
    'mutation { promote(of: "model:odd@1", environment: "production") { id } }',
)


def exported(server: ServerProcess, *words: str, code: int = 0) -> str:
    done = run("--url", server.url, "export", *words)
    assert done.exit_code == code, done.stderr
    return done.stdout_bytes.decode() if code == 0 else done.stderr


def version(dataset: dict[str, Any]) -> str:
    return str(dataset["facets"]["version"]["datasetVersion"])
