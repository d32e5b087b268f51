"""The errors that the client raises.

```
DescentError
├── InvalidManifest                         a file is invalid: found by the client, nothing was sent
├── NotImported                             another tool's file cannot be imported; nothing of it was sent
├── Unreachable                             no server answers at the address
│   └── NotInTime                           there is a server, and it does not answer in time
├── Unintelligible                          the server that answers is not a Descent server
├── NotProved                               a proof does not prove what it should
└── Refused                                 the registry refuses
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
"""The most problems that one error reports; more of them mostly have a single cause."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One problem and its place.

    `field` is a path: with the keys of the file (`models[1].trained_on[0].ref`) if the client found it in a file, with
    GraphQL names (`models[1].trainedOn[0].ref`) if the registry reports it. `line` and `column` start at 1; they are
    None for anything but YAML.
    """

    message: str
    code: str | None = None
    field: str | None = None
    line: int | None = None
    column: int | None = None
    extensions: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)


class DescentError(Exception):
    """Base of all errors that the client raises on purpose; `problems` has at least one element."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an error needs at least one problem")
        super().__init__(" ".join(problem.message for problem in problems[:3]))
        self.problems = tuple(problems[:LIMIT])

    @classmethod
    def because(cls, message: str) -> Self:
        """Return the error for one problem that belongs to no field of an input."""
        return cls([Problem(message)])

    @property
    def message(self) -> str:
        """What the first problem is, and what to do about it."""
        return self.problems[0].message

    @property
    def code(self) -> str | None:
        """The stable code of the first problem."""
        return self.problems[0].code

    @property
    def field(self) -> str | None:
        """The path of the input field that the first problem is in; None if there is none."""
        return self.problems[0].field


class InvalidManifest(DescentError):
    """A file is invalid: the client found it, nothing was sent."""

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        super().__init__(problems)
        self.source = source


class NotImported(DescentError):
    """A file of another tool cannot be imported; nothing of it was sent."""

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        super().__init__(problems)
        self.source = source


class Unreachable(DescentError):
    """No server answers at the address, or not in time."""


class NotInTime(Unreachable):
    """The server does not answer in time."""


class Unintelligible(DescentError):
    """The server that answers is not a Descent server, or breaks its protocol."""


class NotProved(DescentError):
    """A proof does not prove what it should: something was changed, or the proof belongs to something else."""


class Refused(DescentError):
    """The registry refuses a request."""

    answers_to: ClassVar[str | None] = None


class InvalidInput(Refused):
    """The request is invalid."""

    answers_to = "INVALID_INPUT"


class NotFound(Refused):
    """The request names a record that the registry does not have."""

    answers_to = "NOT_FOUND"


class UnknownReference(Refused):
    """A manifest names something that is neither in it nor in the registry."""

    answers_to = "UNKNOWN_REFERENCE"


class UnknownMetric(Refused):
    """A metric is neither in the catalogue nor defined in the manifest or the registry."""

    answers_to = "UNKNOWN_METRIC"


class VersionConflict(Refused):
    """A label is registered with other content, or the same build under another label of the same name."""

    answers_to = "VERSION_CONFLICT"


class Cycle(Refused):
    """A record would be derived from itself."""

    answers_to = "CYCLE"


class GateBlocked(Refused):
    """A gate refuses; the problem's `extensions` have the outcome and the rules."""

    answers_to = "GATE_BLOCKED"


class Forbidden(Refused):
    """The owner of the token may not do this."""

    answers_to = "FORBIDDEN"


class Unauthenticated(Refused):
    """The request has no token, or one that is not valid."""

    answers_to = "UNAUTHENTICATED"


class TooCostly(Refused):
    """The answer would exceed the registry's limits."""

    answers_to = "TOO_COSTLY"


class Unavailable(Refused):
    """The registry cannot reach its store at the moment."""

    answers_to = "UNAVAILABLE"


class Internal(Refused):
    """A fault of the registry; its log has the details under the correlation id in the message."""

    answers_to = "INTERNAL"


_BY_CODE = {kind.answers_to: kind for kind in Refused.__subclasses__()}


def refusal(problems: Sequence[Problem]) -> Refused:
    """Return the error for the problems that a registry reported; its class belongs to the code of the first."""
    return _BY_CODE.get(problems[0].code, Refused)(problems)
