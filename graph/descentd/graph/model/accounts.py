"""Accounts: persons with their roles and tokens, and entries of the access log.

None of it is part of the lineage: it is kept beside the log of records, and no record's content names it.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from descentd.graph.model.characters import first_unseen, mixes_scripts, without_unseen
from descentd.graph.model.errors import Code, InvalidInput
from descentd.graph.model.names import LONGEST, text

SERVER: Final = "descentd"
"""The person who records the policies that a server reads from files."""


class AccessRole(StrEnum):
    """What somebody may do. Everyone with a token reads; a token holds the union of its roles."""

    VIEWER = "viewer"
    REGISTRAR = "registrar"
    EVALUATOR = "evaluator"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    AUDITOR = "auditor"


REFUSALS: Final = frozenset({Code.UNAUTHENTICATED.value, Code.FORBIDDEN.value})
"""Outcomes of an access that was not let through."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: its secret's SHA-256, and whose it is. Times are microseconds since 1970 UTC.

    `id` names it to people; it tells nothing about the secret.
    """

    id: str
    hash: bytes
    person: str
    roles: frozenset[AccessRole]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def fault(self, now: int) -> str | None:
        """Why it is not good any more at a moment; None while it is."""
        if self.revoked_at is not None:
            return "has been revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "has expired"
        return None


@dataclass(frozen=True, slots=True)
class Access:
    """One or, where `count` is more, several equal accesses within a second; `at` is the first one's moment.

    `person` and `credential` (a token's id, `oidc`, `oidc JOB`, `local`, `command line`) are None where nobody is
    known; `outcome` is OK or the code of the error that was answered, `detail` says more of refusals and of commands.
    """

    at: int
    person: str | None
    credential: str | None
    client: str
    route: str
    operation: str
    outcome: str
    detail: str = ""
    count: int = 1

    @property
    def refused(self) -> bool:
        """Whether it was not let through."""
        return self.outcome in REFUSALS


def person_key(person: str) -> str:
    """What persons are compared and counted by: the same for all ways to write one (case folded, NFKC, visible)."""
    folded = unicodedata.normalize("NFKC", without_unseen(person)).casefold()
    return unicodedata.normalize("NFKC", folded)


def person(given: str) -> str:
    """`given` as a person's name may be written, in NFC; `@` is accepted, unlike in the names of entities.

    Raises InvalidInput where it is empty or has outer spaces, is longer than 200 characters, has `..` as a part, or
    contains control, direction or unseen characters, letters of several scripts, or what NFKC would change.
    """
    normal = text(given, "person's name")
    if fault := fault_in_person(normal):
        raise InvalidInput(f"The person's name {normal!r} {fault}.")
    return normal


def fault_in_person(normal: str) -> str | None:
    """What is wrong with a person's name that `text` accepted; None where it is fine."""
    if normal != normal.strip():
        return "begins or ends with a space: trim it"
    if len(normal) > LONGEST:
        return f"has {len(normal)} characters: shorten it to {LONGEST}"
    if ".." in normal.split("/"):
        return "contains '../': write it without path steps"
    if (unseen := first_unseen(normal)) is not None:
        return f"contains U+{ord(unseen):04X}, which cannot be seen: leave it out"
    if not unicodedata.is_normalized("NFKC", normal):
        return f"has characters that only look like others: write it as {unicodedata.normalize('NFKC', normal)!r}"
    if any(mixes_scripts(part) for part in normal.split("@")):
        return "mixes letters of several scripts, which may look alike: write it in one script"
    return None
