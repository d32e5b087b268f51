"""Metrics, data and versions of a fixture's registry: a line of scorers, and language models in every relation."""

from typing import Any

Json = dict[str, Any]

HOLDOUT = "dataset:loans@2024-12#holdout"
PROFILE: Json = {
    "intendedUse": "Rank consumer loans for a human underwriter.",
    "mustNotDo": ["Decline an application alone.", "Score applicants under 18."],
    "guardrails": ["Scores outside 300-850 are rejected."],
    "knownBiases": [
        {"attribute": "age_group", "value": "65+", "description": "Under-represented in training."},
        {"attribute": "region", "description": "Measured in two regions only."},
    ],
    "notes": [{"author": "risk-team", "text": "Sensitive to self-reported income above 400k."}],
}
CHAT: Json = {"intendedUse": "Answer questions about loans.", "mustNotDo": ["Give legal advice."]}


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def shares(attribute: str, **values: float | None) -> list[Json]:
    return [
        {"attribute": attribute, "value": value} | ({} if share is None else {"share": share})
        for value, share in values.items()
    ]


def group(value: str) -> list[Json]:
    return [{"attribute": "age_group", "value": value}]


def metrics() -> list[Json]:
    """Definitions of one's own: plain, with an optimum, the worst of others, and a gap between groups."""
    return [
        {"name": "psi_income", "category": "DRIFT", "direction": "LOWER_IS_BETTER", "tolerance": 0.05, "unit": "1"},
        {"name": "approval", "category": "BIAS", "direction": "TARGET", "optimum": 0.5, "isRate": True},
        {"name": "income_use", "category": "PRIVACY", "direction": "NONE", "description": "Says nothing by itself."},
        {
            "name": "worst_bias",
            "category": "BIAS",
            "direction": "LOWER_IS_BETTER",
            "worstOf": ["approval", "pct_stereotype"],
            "description": "The worse of two.",
        },
        {
            "name": "age_gap",
            "category": "BIAS",
            "direction": "LOWER_IS_BETTER",
            "disparityOf": "selection_rate",
            "disparityOver": "age_group",
        },
    ]


def datasets() -> list[Json]:
    """Data with complete, partial and no populations; derived, generated, and twins of others."""
    web = [
        {
            "name": "crawl",
            "digest": digest(101),
            "rows": 9_000_000_000,
            "uri": "s3://web/crawl",
            "populationDocumented": "COMPLETE",
            "population": [*shares("region", US=0.6, EU=0.3, IN=0.1), *shares("age_group", **{"18-64": None})],
        },
        {
            "name": "forum",
            "digest": digest(102),
            "populationDocumented": "PARTIAL",
            "population": shares("region", EU=None),
        },
        {"name": "code", "digest": digest(103), "rows": 0},
    ]
    loans = [
        {
            "name": "train-us",
            "digest": digest(111),
            "rows": 410_000,
            "populationDocumented": "COMPLETE",
            "population": [*shares("region", US=1.0), *shares("age_group", **{"18-64": 0.93, "65+": 0.07})],
        },
        {
            "name": "train-eu",
            "digest": digest(112),
            "rows": 120_000,
            "populationDocumented": "PARTIAL",
            "population": shares("region", EU=1.0),
        },
        {
            "name": "holdout",
            "digest": digest(113),
            "rows": 40_000,
            "populationDocumented": "COMPLETE",
            "population": shares("region", US=0.7, EU=0.3),
        },
    ]
    return [
        {"name": "web", "version": "2023", "license": "CC-BY-4.0", "uri": "s3://web", "partitions": web},
        {
            "name": "web-filtered",
            "version": "1",
            "description": "Without what is not fit for anybody.",
            "derivedFrom": [{"ref": "dataset:web@2023", "relation": "FILTER"}],
            "partitions": [
                {
                    "name": "clean",
                    "digest": digest(104),
                    "derivedFrom": [
                        {"ref": "dataset:web@2023#crawl", "relation": "FILTER"},
                        {"ref": "dataset:web@2023#forum", "relation": "SAMPLE"},
                    ],
                }
            ],
        },
        {"name": "loans", "version": "2024-12", "license": "proprietary", "partitions": loans},
        {"name": "loans-copy", "version": "é1", "partitions": [{"name": "us", "digest": digest(111)}]},
        {
            "name": "annotated",
            "version": "1",
            "partitions": [
                {
                    "name": "all",
                    "digest": digest(114),
                    "derivedFrom": [{"ref": HOLDOUT, "relation": "ANNOTATE"}],
                    "populationDocumented": "NONE",
                }
            ],
        },
        {
            "name": "instructions",
            "version": "1",
            "generatedBy": ["model:base@2"],
            "partitions": [
                {"name": "pairs", "digest": digest(105), "rows": 30_000},
                {"name": "rated", "digest": digest(106), "generatedBy": ["model:base@1"]},
            ],
        },
    ]


def version(name: str, number: str, build: int, *parents: tuple[str, str], **more: Any) -> Json:
    """A version with a file; parents are pairs of a ref and a relation."""
    file = {"uri": f"s3://{name}/{number}", "digest": digest(build), "size": 2**40 + build, "mediaType": "text/plain"}
    made: Json = {"name": name, "version": number, "artifacts": [file], "parents": []}
    made["parents"] = [{"ref": ref, "relation": relation} for ref, relation in parents]
    return made | more


def trained(**refs: str) -> list[Json]:
    return [{"ref": ref, "role": role.upper()} for role, ref in refs.items()]


def language_models() -> list[Json]:
    """A line of language models with every relation between versions, a diamond in it, and a twin."""
    code: Json = {"repository": "https://git.example.org/lm", "commit": "5f0c1d2e3a4b", "path": "train"}
    environment: Json = {
        "python": "3.11.7",
        "hardware": "8 × A100",
        "dependencies": [{"name": "numpy", "version": "2.4.6"}, {"name": "torch", "version": "2.10"}],
    }
    config: Json = {"learning_rate": "0.1", "depth": 6, "dropout": 0.1, "flags": [True, None, []], "nested": {"a": {}}}
    base = {"code": code, "environment": environment, "config": config, "safetyProfile": CHAT}
    return [
        version("base", "1", 1, trainedOn=trained(pretrain="dataset:web-filtered@1"), **base),
        version(
            "base", "2", 2, ("model:base@1", "CONTINUE_PRETRAIN"), trainedOn=trained(pretrain="dataset:web@2023#code")
        ),
        version("chat", "1", 3, ("model:base@2", "FINE_TUNE"), trainedOn=trained(train="dataset:instructions@1#pairs")),
        version(
            "chat",
            "2",
            4,
            ("model:chat@1", "FINE_TUNE"),
            trainedOn=trained(preference="dataset:instructions@1#rated", reward="dataset:annotated@1"),
            safetyProfile=CHAT,
        ),
        version("chat-lora", "1", 5, ("model:chat@1", "ADAPTER")),
        version("chat-merged", "1", 6, ("model:chat@2", "MERGE"), ("model:chat-lora@1", "MERGE"), safetyProfile=CHAT),
        version("chat-q4", "1", 7, ("model:chat-merged@1", "QUANTIZE"), trainedOn=trained(calibration=HOLDOUT)),
        version("chat-small", "1", 8, ("model:chat@2", "DISTILL")),
        version("chat-small", "2", 9, ("model:chat-small@1", "PRUNE")),
        version("chat-edited", "1", 10, ("model:chat@2", "EDIT")),
        version(
            "chat-rag", "1", 11, ("model:chat-q4@1", "OTHER"), trainedOn=trained(retrieval="dataset:loans@2024-12")
        ),
        {"name": "chat-mirror", "artifacts": [{"uri": "hf://mirror/chat", "digest": digest(4)}]},
        {"name": "hearsay", "version": "1", "description": "Nothing is known of how it was made."},
    ]


def credit_models() -> list[Json]:
    """A line of scorers, each fine-tuned from the one before, some with interventions."""
    environment: Json = {"python": "3.11.7", "dependencies": [{"name": "xgboost", "version": "3.2.0"}]}
    reweighed: Json = {
        "kind": "reweighing",
        "targets": [{"attribute": "age_group", "value": "65+"}, {"attribute": "region"}],
        "description": "Rows reweighed so that selection rates match.",
    }
    more: list[Json] = [
        {"trainedOn": trained(train="dataset:loans@2024-12#train-us"), "createdAt": "2025-01-15T10:00:00+02:00"},
        {"trainedOn": trained(train="dataset:loans@2024-12#train-eu")},
        {"trainedOn": trained(train="dataset:loans-copy@é1#us"), "interventions": [reweighed]},
        {"interventions": [{"kind": "pruning", "description": "Without the weakest trees."}]},
        {"createdAt": "2025-07-20T10:00:00.123456Z"},
    ]
    made = []
    for number, parts in enumerate(more, 1):
        parents = [(f"model:credit@{number - 1}", "FINE_TUNE")] if number > 1 else []
        code = {"repository": "https://git.example.org/credit", "commit": f"{number}a0c1d2e3a4b"}
        config = {"depth": 6 + number // 3, "seed": 7, "learning_rate": 0.1}
        same: Json = {"code": code, "config": config, "environment": environment, "safetyProfile": PROFILE}
        made.append(version("credit", str(number), 20 + number, *parents, **same, **parts))
    return made
