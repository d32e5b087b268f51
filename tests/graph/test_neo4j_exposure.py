"""Exposure walked by Neo4j over random lineages, against the backward closure of each version."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from descentd.graph.model.reach import ExposureQuery, ExposureVerdict
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.graph.noted import fill
from tests.graph.test_topology_exposure import ALL, Question, questions, versions
from tests.support.effort import some_of
from tests.support.learned import check_answers, listed, vocabulary
from tests.support.neo4j_server import Neo4jServer
from tests.support.proofs import check_sources

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def store(neo4j_server: Neo4jServer) -> AsyncIterator[Neo4jStore]:
    neo4j_server.clear()
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    await store.open()
    yield store
    await store.close()


@settings(max_examples=some_of(25))
@given(questions())
async def test_the_answer_is_what_the_closure_of_each_version_says(store: Neo4jStore, question: Question) -> None:
    log, cuts, population, upto = question
    await fill(store, log, cuts)
    page = await store.exposure(ExposureQuery(population, upto, verdicts=ALL, first=1_000))
    assert sum(page.counts.values()) == page.total == len(page.items)
    found = {item.sequence: item for item in page.items}
    assert found.keys() == versions(log, upto)
    check_answers(log, found, population, upto)
    check_sources(log, found, population, upto)
    assert listed(await store.vocabulary(upto)) == listed(vocabulary(log, upto))
    if len(page.items) > 1:
        last = page.items[0]
        place = list(ExposureVerdict).index(last.verdict), 0 if last.direct else 1, last.sequence
        rest = await store.exposure(ExposureQuery(population, upto, verdicts=ALL, after=place, first=1_000))
        assert list(rest.items) == list(page.items[1:])
