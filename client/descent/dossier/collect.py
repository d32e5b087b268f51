"""Collecting the records of a version's dossier, and the proof of each.

A dossier contains the version, the statements about it, and all records that these come from or cite. Of other versions
and of data it contains the statements that document them or retract them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from descent.client import Client
from descent.transport import Json

MOST = 2000
"""The most records of one dossier; how many are left out is said."""

_FOLLOWED = {
    "DERIVED_FROM", "TRAINED_ON", "INCLUDES", "GENERATED_BY", "BUILT_FROM", "CONFIGURED_BY", "RAN_IN",
    "EVALUATED_ON", "CITES", "SUPERSEDES",
}  # fmt: skip
_STANDING = {"RETRACTION", "FLAG", "DISCLOSURE"}
_STATEMENTS = {
    "MODEL_VERSION": {"EVALUATION", "VULNERABILITY", *_STANDING},
    "DATASET": {"POPULATION", *_STANDING},
    "PARTITION": {"POPULATION", *_STANDING},
}
"""The kinds of statement that are collected about other records; about statements, only retractions."""

_BESIDE = {"RETRACTION", "INCIDENT", "DEPLOYMENT", "FLAG"}
_WITHOUT_HISTORY = {"CODE", "CONFIG", "ENVIRONMENT", "METRIC_DEFINITION", "POPULATION", "DISCLOSURE"}

_LINKS = "kind links { role node { id kind } }"
_HISTORY = "pageInfo { hasNextPage } edges { node { id kind } }"
_PROOF = "record { id ref kind } entry body leaf index size root inclusion"


def collect(client: Client, subject: str) -> tuple[dict[str, str], bool]:
    """Return the ids and kinds of the records of a version's dossier, and whether they are all."""
    found: dict[str, str] = {}
    waiting = {subject: "MODEL_VERSION"}
    while waiting and len(found) < MOST:
        found |= waiting
        linked = client.batch("entity", "ref", list(waiting), _LINKS)
        new = {link["node"]["id"]: link["node"]["kind"] for each in linked for link in each["links"] if _follows(link)}
        asked = [id for id, kind in waiting.items() if kind not in _WITHOUT_HISTORY]
        for id, page in zip(asked, client.batch("history", "of", asked, _HISTORY, "first: 100"), strict=True):
            wanted = _wanted(waiting[id], about=id == subject)
            new |= {node["id"]: node["kind"] for node in _events(client, id, page) if node["kind"] in wanted}
        waiting = {id: kind for id, kind in new.items() if id not in found}
    return dict(list(found.items())[:MOST]), not waiting and len(found) <= MOST


def prove(client: Client, ids: Sequence[str], size: int | None) -> list[Json]:
    """Return the proofs of records in the log of `size` entries, in the order of the log."""
    argument = "" if size is None else f"size: {size}"
    return sorted(client.batch("proof", "of", ids, _PROOF, argument), key=lambda proof: int(proof["index"]))


def _follows(link: Json) -> bool:
    return link["role"] in _FOLLOWED


def _wanted(kind: str, *, about: bool) -> set[str]:
    if about:
        return {
            "EVALUATION", "SAFETY_PROFILE", "VULNERABILITY", "NOTE", "GATE_DECISION", "REVIEW", "PROMOTION",
            "DEPLOYMENT", "INCIDENT", "FLAG", "RETRACTION", "DISCLOSURE",
        }  # fmt: skip
    return _STATEMENTS.get(kind, _BESIDE)


def _events(client: Client, id: str, page: Json) -> Iterable[dict[str, Any]]:
    edges = client.history(id, limit=None) if page["pageInfo"]["hasNextPage"] else page["edges"]
    return (edge["node"] for edge in edges)
