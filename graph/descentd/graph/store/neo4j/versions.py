"""Which versions of Neo4j keep a registry rightly: docs/operations.md has the table.

5.26.0 to 5.26.3 give relationships that one statement creates each other's types, where these are parameters: what was
BUILT_FROM is CONFIGURED_BY, and walks miss it. `keeps_labels_and_types` finds that on 5.26.0. What is in doubt is tried
when a registry is opened on a version for the first time, in a transaction that is rolled back.
"""

import re
from typing import Any, Final

from neo4j.exceptions import SessionExpired

from descentd.graph.model.errors import Unavailable
from descentd.graph.store.neo4j.connection import Connection, Run

FLOOR: Final = (5, 26, 4)
CALENDAR_FLOOR: Final = (2025, 8, 0)
"""The first of the versions that are named by year and month: 2025.07.0 does not answer the greeting of our driver."""

SURE: Final = (2026, 2, 0)
"""From here on calendar versions are taken without a trial: 2025.11 to 2026.01.3 had a fault with dynamic labels."""

_NOT_GREETED: Final = (
    "The database ends each connection before it says which version it is, as Neo4j 2025.07.0 does: upgrade it to "
    "5.26.4 or later, or to 2026.02 or later, and check that the address is that of Bolt."
)
_VERSION: Final = "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0]"
_CREATE: Final = """
UNWIND $rows AS row
CREATE (n:_Trial:$(row[0])) SET n.number = row[1]
WITH collect(n) AS created
UNWIND range(0, size(created) - 2) AS i
WITH created[i] AS a, created[i + 1] AS b, $rows[i][2] AS type
CREATE (a)-[:$(type)]->(b)
"""
_READ: Final = """
MATCH (n:_Trial)
RETURN n.number, n:_TrialA, n:_TrialB, [(n)-[e]->() | type(e)] ORDER BY n.number
"""
_ROWS: Final[list[tuple[str, int, str]]] = [
    ("_TrialA", 1, "_TRIAL_X"),
    ("_TrialB", 2, "_TRIAL_Y"),
    ("_TrialA", 3, "_TRIAL_X"),
    ("_TrialB", 4, "_TRIAL_Y"),
]


def parsed(version: str) -> tuple[int, ...]:
    """A version as numbers, (5, 26, 30) or (2026, 8, 1); empty where it is written in no known way."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def refusal(version: str) -> str | None:
    """Why a version keeps no registry, in a sentence with the remedy; None where it does, or a trial has to tell."""
    numbers = parsed(version)
    floor = CALENDAR_FLOOR if numbers and numbers[0] >= 2025 else FLOOR
    if numbers >= floor:
        return None
    return (
        f"This is Neo4j {version}, which does not keep a registry rightly: "
        "upgrade it to 5.26.4 or later, or to 2026.02 or later, before it is used."
    )


def is_in_doubt(version: str) -> bool:
    """Whether only a trial tells whether a version keeps records rightly."""
    return CALENDAR_FLOOR <= parsed(version) < SURE


async def check_version(connection: Connection) -> str:
    """The version of the server; raises Unavailable where it is known to keep no registry rightly."""
    try:
        version = str((await connection.run(_VERSION))[0][0])
    except Unavailable as error:
        if isinstance(error.__cause__, SessionExpired):
            raise Unavailable(_NOT_GREETED) from error
        raise
    if (problem := refusal(version)) is not None:
        raise Unavailable(problem)
    return version


async def try_version(connection: Connection, version: str) -> None:
    """Raise Unavailable where a trial shows that the server, which is in doubt, keeps no registry rightly."""
    if not await keeps_labels_and_types(connection):
        raise Unavailable(
            f"This Neo4j {version} mixes up labels or types that are given as parameters: "
            "upgrade it to 2026.02 or later, or to 5.26.4 or later, before it is used."
        )


async def keeps_labels_and_types(connection: Connection) -> bool:
    """Whether nodes and relationships that are created together have the label and type that each was given."""

    async def work(run: Run) -> list[Any]:
        await run(_CREATE, rows=[list(row) for row in _ROWS])
        return await run(_READ)

    return await connection.try_out(work) == [
        [number, label == "_TrialA", label == "_TrialB", [type] if number < len(_ROWS) else []]
        for label, number, type in _ROWS
    ]
