"""A long tail, read as packed numbers, says what a short one says record by record."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from descentd.graph.model.kinds import UNTRAINED, Kind
from descentd.graph.model.reach import Tail
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.sqlite.store import SQLiteStore

RELATIONS = ["FINE_TUNE", *sorted(UNTRAINED)]
picks = st.tuples(st.integers(0, 99), st.sampled_from(RELATIONS))
versions = st.lists(
    st.tuples(
        st.lists(picks, max_size=4),
        st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["TRAIN", "RETRIEVAL"])), max_size=3),
    ),
    min_size=1,
    max_size=12,
)


def lineage(given: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]) -> list[Record]:
    partitions = [
        Record.of(Kind.PARTITION, {"name": str(n), "dataset": "dataset:d@1", "digest": f"sha256:{n % 3:064}"})
        for n in range(5)
    ]
    said = [
        Record.of(
            Kind.POPULATION,
            {
                "subject": partition.id,
                "populationDocumented": "COMPLETE",
                "population": [
                    {"attribute": "age", "value": "65+", "share": n / 8},
                    {"attribute": "age", "value": "x"},
                ],
            },
        )
        for n, partition in enumerate(partitions)
    ]
    whole = Record.of(
        Kind.DATASET, {"name": "d", "version": "1", "partitions": sorted(partition.id for partition in partitions)}
    )
    made: list[Record] = []
    for number, (parents, data) in enumerate(given):
        content = {
            "name": "m",
            "version": str(number),
            "parents": [{"node": made[p % number].id, "relation": relation} for p, relation in parents if number],
            "trainedOn": [{"node": partitions[d % 5].id, "role": role} for d, role in data],
        }
        made.append(Record.of(Kind.MODEL_VERSION, content))
    results = [
        Record.of(Kind.EVALUATION, {"subject": version.id, "metrics": [{"name": "acc", "value": 1}]})
        for version in made
    ]
    return [*partitions, *said, whole, *made, *results]


def same(one: Tail, other: Tail) -> bool:
    def edges(tail: Tail) -> list[tuple[int, ...]]:
        columns = (tail.sources, tail.roles, tail.targets, tail.learns)
        return sorted(zip(*(column.tolist() for column in columns), strict=True))

    return (
        one.after == other.after
        and np.array_equal(one.kinds, other.kinds)
        and edges(one) == edges(other)
        and np.array_equal(one.twins, other.twins)
        and list(one.populations) == list(other.populations)
    )


@pytest.mark.anyio
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(versions)
async def test_packed_and_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("tail")
    store = SQLiteStore(folder / "a.db")
    await store.open()

    async def draft(_reads: Reads) -> list[Record]:
        return lineage(given)

    assert await store.write([Proposal(draft, "x")]) == [None]
    last = await store.sequence()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("descentd.graph.store.sqlite.reads._SPAN", 7)
        for after in (0, 3, last - 1, last):
            if after < last:
                assert same(store._long_tail(after, last), store._short_tail(after))
    await store.close()
