"""The ten questions of docs/graph-model.md, asked of a real Neo4j that holds a bank's registry."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.app.explorer.bank import FIRST, LOANS, SECOND, THIRD, fill
from tests.support.neo4j_server import Neo4jServer
from tests.support.registries import opened

DOCUMENT = Path(__file__).parents[2] / "docs" / "graph-model.md"
QUESTIONS = re.findall(r"^(\d+)\. .+?\n\n```cypher\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
ANSWERS: list[list[list[Any]]] = [
    [[THIRD, 0.56]],
    [[FIRST, 0.41], [SECOND, 0.42], [THIRD, 0.55]],
    [
        ["metric.accuracy", 3],
        ["metric.adversarial_accuracy", 3],
        ["metric.selection_rate[age_group=18-64]", 3],
        ["metric.selection_rate[age_group=65+]", 3],
    ],
    [[FIRST], [SECOND], [THIRD]],
    [[f"{LOANS}#train", 0.07]],
    [[FIRST], [SECOND], [THIRD]],
    [["production", "scoring", FIRST]],
    [["5f0c1d2e1.0", [FIRST]], ["5f0c1d2e1.1", [SECOND]], ["5f0c1d2e2.0", [THIRD]]],
    [[FIRST], [SECOND], [THIRD]],
    [[FIRST, SECOND], [SECOND, THIRD]],
]


@pytest.fixture(scope="module")
def neo4j_bank(neo4j_server: Neo4jServer) -> Neo4jServer:
    neo4j_server.clear()

    async def fill_it() -> None:
        async with opened(Neo4jStore(neo4j_server.uri, neo4j_server.auth)) as registry:
            await fill(registry)
            assert (await verify(registry.store)).problem is None

    asyncio.run(fill_it())
    return neo4j_server


def test_there_are_ten_questions() -> None:
    assert [int(number) for number, _ in QUESTIONS] == list(range(1, 11))


@pytest.mark.parametrize("number", range(1, 11))
def test_a_question_is_answered_on_neo4j(neo4j_bank: Neo4jServer, number: int) -> None:
    with neo4j_bank.driver() as driver:
        rows, *_ = driver.execute_query(QUESTIONS[number - 1][1])
    assert [list(row.values()) for row in rows] == ANSWERS[number - 1]
