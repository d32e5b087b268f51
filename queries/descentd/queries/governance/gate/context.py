"""The context of a gate: the version, the environment and the moment, and the names that rules refer to."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from descentd.graph.model.records import Brief
from descentd.queries.evaluation.editions import CURRENT, FIRST, FOURTH, SECOND, THIRD
from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.policies import Policy
from descentd.queries.registry import Registry

EDITION: Final = 7
"""How a gate judges, beside what a policy says; decisions hold it, so that each is replayed as it was made.

1: what was retracted itself could pass, and so could a rule that speaks of results of which it chose none; persons were
told apart by their exact text. Decisions of that time hold no edition.
2: a GO counted on though something that the version came from was retracted after it.
3: the statistics were those of the first edition (evaluation/editions.py).
4: they were those of the second.
5: they were those of the third, and a rule passed that would not hold for every answer to what is not known:
`erosion.verdict != "ERODED"` where that is UNKNOWN, `probes.reproduced == 0` where some were not run.
6: they were those of the fourth.
"""

_DAY: Final = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True)
class References:
    """All names that some expressions refer to: nothing else needs to be looked up."""

    expressions: tuple[Expression, ...] = ()

    @cached_property
    def variables(self) -> frozenset[str]:
        """The variables that they name."""
        return frozenset().union(*(one.variables for one in self.expressions))

    @cached_property
    def metrics(self) -> frozenset[str]:
        """The metrics that they name."""
        return frozenset().union(*(one.metrics for one in self.expressions))

    @cached_property
    def populations(self) -> frozenset[tuple[str, str]]:
        """The attributes and values that they ask about."""
        return frozenset().union(*(one.populations for one in self.expressions))

    @cached_property
    def fields(self) -> frozenset[str]:
        """Whatever they may select."""
        return frozenset().union(*(one.fields for one in self.expressions))


@dataclass(frozen=True)
class GateContext:
    """A version that wants to serve in an environment, as known at a sequence; `moment` is when it is asked about.

    `moment` is in microseconds since 1970 UTC: what expires, and what serves, goes by it. `proposed` is a policy to ask
    by in place of the one in force.
    """

    registry: Registry
    version: Brief
    environment: str
    upto: int
    moment: int
    references: References = field(default_factory=References)
    edition: int = EDITION
    proposed: Policy | None = None

    @property
    def statistics(self) -> int:
        """The edition of the statistics by which results are judged."""
        if self.edition < 4:
            return FIRST
        return {4: SECOND, 5: THIRD, 6: FOURTH}.get(self.edition, CURRENT)

    def age_days(self, since: int) -> float:
        """How many days lie between a moment (microseconds since 1970 UTC) and when the gate is asked."""
        return (self.moment - since) / _DAY


@dataclass(frozen=True, slots=True)
class Observation:
    """The value of a variable, and the ids of the records that it rests on."""

    value: object
    evidence: tuple[str, ...] = ()
