"""The errors of the registry, with stable codes, as clients see them.

```
DescentError
├── InvalidInput        INVALID_INPUT       the input is invalid
├── Invalid             several of these at once (its code is the first one's)
├── NotFound            NOT_FOUND           a query or an act names something that is not there
├── UnknownReference    UNKNOWN_REFERENCE   a manifest names something that is not there
├── UnknownMetric       UNKNOWN_METRIC      neither in the catalogue nor defined
├── VersionConflict     VERSION_CONFLICT    one label, two contents
├── Cycle               CYCLE               something would descend from itself
├── GateBlocked         GATE_BLOCKED        a policy refuses
├── Forbidden           FORBIDDEN           the person may not do this
├── Unauthenticated     UNAUTHENTICATED     no person is known
├── TooCostly           TOO_COSTLY          the question is too large to answer
├── Unavailable         UNAVAILABLE         the store cannot be reached; try again
└── Internal            INTERNAL            our fault
```
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Self


class Code(StrEnum):
    """The stable codes that clients may rely on (`extensions.code` in GraphQL, `code` in RFC 9457 problems)."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    UNKNOWN_METRIC = "UNKNOWN_METRIC"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    CYCLE = "CYCLE"
    GATE_BLOCKED = "GATE_BLOCKED"
    FORBIDDEN = "FORBIDDEN"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOO_COSTLY = "TOO_COSTLY"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class DescentError(Exception):
    """Base of every error that Descent raises on purpose.

    `message` is one or two sentences that say what is wrong and what to do next; `field` is a path in GraphQL
    names (`models[1].trainedOn[0].ref`) where one part of the input is to blame.
    """

    code: Code = Code.INTERNAL

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidInput(DescentError):
    """The input is invalid."""

    code = Code.INVALID_INPUT


class NotFound(DescentError):
    """A query or an act names something that the registry does not hold."""

    code = Code.NOT_FOUND
    ref: str | None = None
    """The ref or id that is not registered, where it is one that the registry does not hold."""

    @classmethod
    def of(cls, ref: str, field: str | None, advice: str = "check its spelling, or search for it") -> Self:
        """The error for a ref or id that is not registered."""
        error = cls(f"{ref!r} is not registered: {advice}.", field)
        error.ref = ref
        return error


class UnknownReference(DescentError):
    """A manifest names something that is neither in it nor in the registry."""

    code = Code.UNKNOWN_REFERENCE


class UnknownMetric(DescentError):
    """A metric is neither in the catalogue nor defined."""

    code = Code.UNKNOWN_METRIC


class VersionConflict(DescentError):
    """One label, two contents; or one content under two labels of a name."""

    code = Code.VERSION_CONFLICT


class Cycle(DescentError):
    """Something would descend from itself."""

    code = Code.CYCLE


class GateBlocked(DescentError):
    """A policy refuses; `details` (outcome, rules, decision) go out beside the code."""

    code = Code.GATE_BLOCKED

    def __init__(self, message: str, field: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, field)
        self.details = dict(details or {})


class Forbidden(DescentError):
    """The person is known and may not do this."""

    code = Code.FORBIDDEN


class Unauthenticated(DescentError):
    """No person is known."""

    code = Code.UNAUTHENTICATED


class TooCostly(DescentError):
    """The question is too large to answer within the limits."""

    code = Code.TOO_COSTLY


class Unavailable(DescentError):
    """The store cannot be reached at the moment."""

    code = Code.UNAVAILABLE


class ReadOnly(Unavailable):
    """The store may only be read: what was asked for would be recorded."""


class Internal(DescentError):
    """A fault of ours; the log has the details under the correlation id that the message names."""

    code = Code.INTERNAL


class Invalid(DescentError):
    """Several problems in one input, reported together (at most `LIMIT` of them)."""

    LIMIT: ClassVar[int] = 100

    def __init__(self, problems: Sequence[DescentError]) -> None:
        if not problems:
            raise ValueError("Invalid needs at least one problem")
        super().__init__(" ".join(problem.message for problem in problems[:3]), problems[0].field)
        self.code = problems[0].code
        self.problems = tuple(problems[: self.LIMIT])
        self.given: object = None
        """The input that was read, where it could not be."""
