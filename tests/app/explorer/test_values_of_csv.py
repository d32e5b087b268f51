"""CSV of the pages: every column has bare values, and what is said beside them is in another one."""

import csv
import io
import re
from collections import defaultdict
from urllib.parse import urlsplit

import pytest

from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.inputs.acts import FlagInput, ReviewInput
from descentd.queries.governance.flags import flag
from descentd.queries.governance.record_review import review
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD
from tests.app.explorer.visiting import Visit, links

pytestmark = pytest.mark.anyio

PAGES = (
    *("/", "/serving", "/reviews", "/incidents?status=all", "/drift", "/erosions", "/policies", "/population"),
    *(f"/record/{one}" for one in (FIRST, SECOND, THIRD, LOANS)),
    *(f"/gate/{FIRST}?environment=production", f"/impact/{LOANS}", "/population?attribute=age_group&value=65%2B"),
    *(f"/diff/{FIRST}?head={THIRD}", f"/trend/{THIRD}?metric=accuracy"),
)
BARE = {
    **dict.fromkeys(("environment", "endpoint"), "production|shadow|scoring"),
    **dict.fromkeys(("outcome", "policy"), "PASSED|BLOCKED|INCOMPLETE|CLAIMED"),
    "decision": "GO|NO_GO|ABSTAIN",
    **dict.fromkeys(("profile", "missing"), "CURRENT|REWRITTEN|[A-Z_;]+"),
    "metric": "[a-z0-9_]+",
    "answer": "TRAINED|NOT_TRAINED|UNKNOWN",
    "said_go": r"\d+/\d+",
    "counts": "yes|no",
    "status": "OPEN|OVER|RETRACTED",
}
"""What values of a column look like, by its heading."""


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_columns_of_codes_and_names_have_nothing_else(governed: Visit) -> None:
    registry = governed.registry
    go = {"subject": FIRST, "environment": "shadow", "decision": "GO", "reason": "Fair.", "conditions": ["Look again."]}
    await review(registry, ReviewInput.read(go | {"claimed": {"by": "The board", "source": "minutes"}}), "rita")
    await flag(registry, FlagInput.read({"subjects": [FIRST], "action": "REVIEW", "reason": "Look."}), "rita")
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        found = {one for one in links((await governed.get(page)).text) if "format=csv" in one}
        for address in sorted(found, key=lambda one: urlsplit(one).query):
            for row in read((await governed.get(address)).text):
                assert "act" not in row, address
                for heading, value in row.items():
                    if heading in BARE and value:
                        assert re.fullmatch(BARE[heading], value), (address, heading, value)
                        seen[heading].add(value)
    assert seen.keys() == BARE.keys()
    [serves] = [row for row in read((await governed.get("/serving?format=csv")).text) if row["environment"] == "shadow"]
    assert (serves["policy"], serves["policy says"]) == ("CLAIMED", "the old list")
    decisions = read((await governed.get("/reviews?format=csv&table=decisions")).text)
    assert (decisions[0]["why"], decisions[0]["why says"]) == ("Fair.", "On condition that: Look again.")


def test_what_may_be_done_is_no_value_and_nothing_that_is_said_is_left_out() -> None:
    columns = [Column("version", says=True), Column("how"), Column("act")]
    rows = [
        (Cell("m 1", value="model:m@1", chip="flagged", note="as of now"), Cell("tuned", note="twice"), Cell("Decide")),
        (Cell("m 2"), Cell("merged"), Cell("Decide")),
    ]
    written = read(Table("some", columns, rows).csv())
    assert written == [
        {"version": "model:m@1", "version says": "flagged; as of now", "how": "tuned (twice)"},
        {"version": "m 2", "version says": "", "how": "merged"},
    ]
