"""A list read page by page is a list of one moment, and so is what stands beside its pages."""

from importlib.resources import files
from typing import Any

import pytest

from descentd.app.auth.authorization import READERS
from descentd.app.graphql.context import Context
from descentd.app.graphql.schema.root import schema
from descentd.graph.model.errors import InvalidInput
from descentd.queries.registry import Registry
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

POPULATION = {"all": [{"attribute": "age_group", "values": ["65+"]}]}
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "Impact": ("affected", {"of": ["model:m@0"]}),
    "TrainedOn": ("versions", {"population": POPULATION}),
}


async def children(registry: Registry, *numbers: int) -> None:
    parents = [{"ref": "model:m@0", "relation": "FINE_TUNE"}]
    models = [{"name": "m", "version": str(n), "config": {"n": n}, "parents": parents} for n in numbers]
    await send(registry, models=models)


async def asked(registry: Registry, operation: str, variables: dict[str, Any]) -> tuple[Any, int | None]:
    """What an operation answers, and the sequence that it was computed at."""
    query = files("descent").joinpath("operations", f"{operation}.graphql").read_text("utf-8")
    at = Context(registry, "ana", READERS)
    result = await schema.execute(query, variable_values=variables, context_value=at)
    assert not result.errors
    assert result.data is not None
    (answer,) = result.data.values()
    return answer, at.sequence


@pytest.mark.parametrize("operation", QUESTIONS)
async def test_counts_are_of_the_moment_of_the_pages(registry: Registry, operation: str) -> None:
    pages, variables = QUESTIONS[operation]
    await send(registry, models=[{"name": "m", "version": "0"}])
    await children(registry, 1, 2, 3)
    first, then = await asked(registry, operation, variables | {"first": 2})
    await children(registry, 4, 5)
    rest = variables | {"first": 2, "after": first[pages]["pageInfo"]["endCursor"]}
    second, later = await asked(registry, operation, rest)
    assert (second["counts"], later) == (first["counts"], then)
    assert second[pages]["totalCount"] == first[pages]["totalCount"]
    fresh, now = await asked(registry, operation, variables)
    assert fresh["counts"] != first["counts"]
    assert (now or 0) > (then or 0)


async def test_pages_of_several_moments_are_not_asked_for_together(registry: Registry) -> None:
    await send(registry, models=[{"name": "m", "version": "0"}])
    await children(registry, 1, 2)
    cursors = []
    for number in (3, 4):
        page = await ask(registry, "Impact", of=["model:m@0"], first=1)
        cursors.append(page["affected"]["pageInfo"]["endCursor"])
        await children(registry, number)
    fields = " ".join(f'p{n}: affected(after: "{cursor}") {{ totalCount }}' for n, cursor in enumerate(cursors))
    with pytest.raises(InvalidInput, match="different moments"):
        await ask(registry, f'{{ impact(of: ["model:m@0"]) {{ ...pages }} }} fragment pages on Impact {{ {fields} }}')
    page = f'counts {{ count }} affected(after: "{cursors[0]}") {{ totalCount }}'
    answer = await ask(registry, f'{{ impact(of: ["model:m@0"]) {{ ... on Impact {{ {page} }} }} }}')
    assert answer == {"counts": [{"count": 2}], "affected": {"totalCount": 2}}
