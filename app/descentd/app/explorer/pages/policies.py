"""`/policies`: what a version must show before it may serve, by environment, with what was in force before."""

from typing import Final

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.environments import environment_of
from descentd.app.explorer.table import Cell, Column, Table
from descentd.queries.governance.policies import PolicyState, policy_history

_SHOWN: Final = 50


async def _show(asked: Asked) -> View:
    states = await policy_history(asked.registry, asked.upto)
    environments = sorted({one.policy.environment for one in states})
    wanted = await environment_of(asked, environments)
    chosen = [one for one in states if wanted in (None, one.policy.environment)]
    in_force = sorted((one for one in chosen if one.in_force), key=lambda one: one.policy.environment)
    tables = [_before(asked, [one for one in reversed(chosen) if not one.in_force])]
    values = {"in_force": in_force, "environments": environments, "environment": wanted}
    return View(asked.words("policies.title"), values, tables)


def _before(asked: Asked, states: list[PolicyState]) -> Table:
    part = asked.part(states, _SHOWN)
    rows = [
        (
            Cell(one.policy.environment, asked.to("record", one.policy.id)),
            asked.day(one.entry.recorded_at),
            Cell(one.entry.recorded_by),
            Cell(", ".join(rule.name for rule in one.policy.rules)),
        )
        for one in part.items
    ]
    columns = [Column(key) for key in ("environment", "day", "person", "rules")]
    return part.table("before", columns, rows)


PAGE = Page("policies", "/policies", _show)
