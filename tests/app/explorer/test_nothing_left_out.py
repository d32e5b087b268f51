"""Whatever there is more of than a page shows is counted, led to, and in the CSV: nothing is left out silently."""

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest

from descentd.graph.inputs.acts import DeploymentInput
from descentd.queries.production.record_deployment import deploy
from tests.app.explorer.bank import FIRST, LOANS, SECOND, manifest
from tests.app.explorer.visiting import Visit, text_of, visiting
from tests.queries.governed import digest

pytestmark = pytest.mark.anyio

MANY = 1_003
"""More than one question answers at a time."""


async def claim(visit: Visit, version: str, endpoint: str, since: str) -> None:
    """Record that a version served at an endpoint from a moment on, until the next claim there."""
    claimed = {"claimed": {"by": "otto", "source": "the old list"}}
    place = {"environment": "shadow", "endpoint": endpoint, "since": f"{since}T00:00:00Z"}
    await deploy(visit.registry, DeploymentInput.read({"subject": version, **place, **claimed}), "ana")


def whom(value: str) -> dict[str, object]:
    """What a partition says of who is in it."""
    return {"populationDocumented": "COMPLETE", "population": [{"attribute": "district", "value": value}]}


@pytest.fixture(scope="module")
async def crowded() -> AsyncIterator[Visit]:
    """The bank, where 1.0 serves at a thousand endpoints, and a thousand versions of which nothing is known."""
    async with visiting() as visit:
        await visit.register(**manifest())
        models = [{"name": f"found/{number}", "version": "1"} for number in range(MANY)]
        parts = [{"name": f"p{number}", "digest": digest(100 + number), **whom(f"v{number}")} for number in range(MANY)]
        await visit.register(models=models, datasets=[{"name": "people", "version": "1", "partitions": parts}])
        for number in range(MANY):
            await claim(visit, FIRST, f"e{number}", "2024-01-01")
        for number in range(3):
            await claim(visit, SECOND, f"e{number}", "2025-01-01")
        yield visit


async def rows_of(visit: Visit, address: str) -> list[list[str]]:
    """The rows of a CSV, without its headings."""
    answer = await visit.get(f"{address}{'&' if '?' in address else '?'}format=csv")
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))[1:]


async def test_what_serves_is_found_among_however_many_deployments(crowded: Visit) -> None:
    every = sorted(f"e{number}" for number in range(MANY))
    taken = ["e0", "e1", "e2"]
    served = {LOANS: every, f"{LOANS}%23train": every, FIRST: every, SECOND: taken, f"{LOANS}%23holdout": []}
    for origin, endpoints in served.items():
        assert [row[3] for row in await rows_of(crowded, f"/impact/{origin}?table=deployed")] == endpoints, origin
    page = (await crowded.get(f"/impact/{LOANS}")).text
    assert f"50 of {MANY:,}" in page


async def test_a_list_is_read_to_its_end_page_by_page_and_in_one_csv(crowded: Visit) -> None:
    """Whoever takes a CSV for the list counts its rows."""
    for path, table, total in (
        (f"/impact/{LOANS}", "affected", MANY + 6),
        (f"/impact/{LOANS}", "deployed", MANY),
        ("/serving", "serving", MANY),
        ("/", "serving", MANY),
        ("/search?q=found", "found", MANY),
        ("/drift", "drift", MANY + 2),
        ("/record", "newest", MANY + 3),
        ("/population?attribute=age_group&value=65%2B", "learned", 3),
        ("/population?attribute=age_group&value=65%2B&verdict=UNKNOWN", "learned", MANY),
        ("/population", "vocabulary", MANY + 2),
    ):
        rows = await rows_of(crowded, f"{path}{'&' if '?' in path else '?'}table={table}")
        assert (len(rows), len({tuple(row) for row in rows})) == (total, total), path
        page = text_of((await crowded.get(path)).text)
        assert total < 100 or re.search(rf"\d+ of {total:,}\b", page), path


async def test_a_csv_of_many_parts_has_its_headings_once_and_is_compressed_where_that_is_read(crowded: Visit) -> None:
    path = f"/impact/{LOANS}?table=affected&format=csv"
    plain = await crowded.get(path, **{"Accept-Encoding": "identity"})
    zipped = await crowded.get(path, **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.text == zipped.text
    assert plain.text.count("record,kind,steps,how") == 1
    assert plain.headers["content-disposition"] == 'attachment; filename="impact-affected.csv"'
