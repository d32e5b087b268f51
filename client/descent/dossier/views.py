"""Views of a dossier by the clauses of a regulation: what is recorded, what is declared, and what is not in a registry.

A view is a data file: clauses, the sections of a dossier that answer each, and who has what no section answers.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from descent.errors import InvalidInput, Problem

Json = dict[str, Any]
SUFFIX = ".yaml"
DEFAULT = "eu-ai-act-annex-iv"

RECORDED, DECLARED, MISSING, NOT_HELD = "recorded", "declared", "held here, but not recorded", "not held here"


def names() -> list[str]:
    """Return the names of all views."""
    return sorted(file.name.removesuffix(SUFFIX) for file in _folder().iterdir() if file.name.endswith(SUFFIX))


@cache
def view(name: str) -> Json:
    """Return a view; raises InvalidInput where there is none of that name."""
    if name not in names():
        message = f"There is no view {name}. The views are {', '.join(names())}."
        raise InvalidInput([Problem(message, "INVALID_INPUT", "view")])
    import yaml  # here, because most commands read no view

    found: Json = yaml.safe_load(_folder().joinpath(name + SUFFIX).read_text("utf-8"))
    return found


def rows(name: str, dossier: Mapping[str, Any]) -> list[Json]:
    """Return for each clause of a view its text, its state, the sections that answer it, and who has the rest."""
    return [_row(clause, dossier) for clause in view(name)["clauses"]]


def _row(clause: Json, dossier: Mapping[str, Any]) -> Json:
    recorded = [part for part in clause.get("recorded", ()) if _there(dossier, part)]
    declared = [part for part in clause.get("declared", ()) if _there(dossier, part)]
    if recorded or declared:
        state = RECORDED if recorded else DECLARED
    else:
        state = MISSING if clause.get("recorded") or clause.get("declared") else NOT_HELD
    return {
        "clause": clause["clause"],
        "about": clause["about"],
        "state": state,
        "sections": recorded + declared,
        "owner": clause.get("owner"),
    }


def _there(dossier: Mapping[str, Any], path: str) -> bool:
    value: Any = dossier
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return bool(value)


def _folder() -> Any:
    return resources.files("descent.dossier").joinpath("frameworks")
