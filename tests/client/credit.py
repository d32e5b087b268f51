"""A small lineage of credit models, of which dossiers are made: data with populations, a parent, a child, results."""

from typing import Any

BASE, SUBJECT = "model:credit@1", "model:credit@2"


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def version(number: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "credit",
        "version": number,
        "artifacts": [{"uri": "s3://m", "digest": digest(int(number))}],
        **more,
    }


def evaluation(subject: str) -> dict[str, Any]:
    return {
        "subject": subject,
        "suite": {"name": "holdout", "version": "1"},
        "data": "dataset:loans@1#holdout",
        "metrics": [
            {"name": "accuracy", "value": 0.9, "stderr": 0.01, "n": 900},
            {"name": "selection_rate", "value": 0.4, "slice": [{"attribute": "age_group", "value": "18-64"}]},
            {"name": "selection_rate", "value": 0.25, "slice": [{"attribute": "age_group", "value": "65+"}]},
        ],
    }


def manifest() -> dict[str, Any]:
    population = {
        "population": [{"attribute": "region", "value": "EU", "share": 1}],
        "populationDocumented": "COMPLETE",
    }
    partitions = [
        {"name": "train", "digest": digest(101), **population},
        {"name": "holdout", "digest": digest(102)},
    ]
    profile = {"intendedUse": "Rank <b>loans</b> & nothing else.", "mustNotDo": ["Decline alone."]}
    trained = [{"ref": "dataset:loans@1#train", "role": "TRAIN"}]
    return {
        "datasets": [{"name": "loans", "version": "1", "partitions": partitions}, {"name": "other", "version": "1"}],
        "models": [
            version("1", trainedOn=trained),
            version("2", parents=[{"ref": BASE, "relation": "FINE_TUNE"}], trainedOn=trained, safetyProfile=profile),
            version("3", parents=[{"ref": SUBJECT, "relation": "FINE_TUNE"}]),
        ],
        "evaluations": [evaluation(BASE), evaluation(SUBJECT), evaluation("model:credit@3")],
        "notes": [{"subject": SUBJECT, "author": "ann", "text": "Looks fine."}],
    }
