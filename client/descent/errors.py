"""What may go wrong, as users of the client see it.

```
DescentError
├── InvalidManifest                         a file that cannot be meant: found here, nothing was sent
├── Unreachable                             nobody answers at the address
├── Unintelligible                          somebody answers, but not a Descent server
├── NotProved                               what is to be proved does not follow from the proof
└── Refused                                 the registry's answer is no
    ├── InvalidInput        INVALID_INPUT
    ├── NotFound            NOT_FOUND
    ├── UnknownReference    UNKNOWN_REFERENCE
    ├── UnknownMetric       UNKNOWN_METRIC
    ├── VersionConflict     VERSION_CONFLICT
    ├── Cycle               CYCLE
    ├── GateBlocked         GATE_BLOCKED
    ├── Forbidden           FORBIDDEN
    ├── Unauthenticated     UNAUTHENTICATED
    ├── TooCostly           TOO_COSTLY
    ├── Unavailable         UNAVAILABLE
    └── Internal            INTERNAL
```
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

LIMIT = 100
"""How many problems one error reports; whoever has more has one cause for most of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    `field` is a path: as the file writes it (`models[1].trained_on[0].ref`) for what was found in a file, in GraphQL
    names (`models[1].trainedOn[0].ref`) for what the registry reports. `line` and `column` count from 1 and are known
    for YAML only.
    """

    message: str
    code: str | None = None
    field: str | None = None
    line: int | None = None
    column: int | None = None
    extensions: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)


class DescentError(Exception):
    """Base of every error that the client raises on purpose; `problems` holds at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an error needs at least one problem")
        super().__init__(" ".join(problem.message for problem in problems[:3]))
        self.problems = tuple(problems[:LIMIT])

    @classmethod
    def because(cls, message: str) -> Self:
        """Return the error for one problem that has no place in any input."""
        return cls([Problem(message)])

    @property
    def message(self) -> str:
        """What the first problem is and what to do about it."""
        return self.problems[0].message

    @property
    def code(self) -> str | None:
        """The stable code of the first problem."""
        return self.problems[0].code

    @property
    def field(self) -> str | None:
        """The part of the input that the first problem is in."""
        return self.problems[0].field


class InvalidManifest(DescentError):
    """A file that cannot be meant: found here, nothing was sent."""

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        super().__init__(problems)
        self.source = source


class Unreachable(DescentError):
    """Nobody answers at the address, or not in time."""


class Unintelligible(DescentError):
    """Somebody answers, but not in the way a Descent server does."""


class NotProved(DescentError):
    """What is to be proved does not follow from the proof: something was changed, or it is not a proof of this."""


class Refused(DescentError):
    """The registry's answer is no."""

    answers_to: ClassVar[str | None] = None


class InvalidInput(Refused):
    """What was sent cannot be meant."""

    answers_to = "INVALID_INPUT"


class NotFound(Refused):
    """The question names something that the registry does not hold."""

    answers_to = "NOT_FOUND"


class UnknownReference(Refused):
    """A manifest names something that is neither in it nor in the registry."""

    answers_to = "UNKNOWN_REFERENCE"


class UnknownMetric(Refused):
    """A metric is neither in the catalogue nor defined."""

    answers_to = "UNKNOWN_METRIC"


class VersionConflict(Refused):
    """One label, two contents; or one content under two labels of a name."""

    answers_to = "VERSION_CONFLICT"


class Cycle(Refused):
    """Something would descend from itself."""

    answers_to = "CYCLE"


class GateBlocked(Refused):
    """A policy refuses; the problem's `extensions` hold its outcome and rules."""

    answers_to = "GATE_BLOCKED"


class Forbidden(Refused):
    """The token's owner may not do this."""

    answers_to = "FORBIDDEN"


class Unauthenticated(Refused):
    """There is no token, or none that the registry knows."""

    answers_to = "UNAUTHENTICATED"


class TooCostly(Refused):
    """The question is too large to answer within the limits."""

    answers_to = "TOO_COSTLY"


class Unavailable(Refused):
    """The registry cannot reach its store at the moment."""

    answers_to = "UNAVAILABLE"


class Internal(Refused):
    """A fault of the registry; its log has the details under the id that the message names."""

    answers_to = "INTERNAL"


_BY_CODE = {kind.answers_to: kind for kind in Refused.__subclasses__()}


def refusal(problems: Sequence[Problem]) -> Refused:
    """Return the error for what a registry reported: its class is that of the first problem's code."""
    return _BY_CODE.get(problems[0].code, Refused)(problems)
