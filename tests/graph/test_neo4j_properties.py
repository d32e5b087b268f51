"""What analysts filter by in Neo4j: follows from content alone, is what Neo4j takes, is verified, and is upgraded."""

import math
import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j import property_names
from descentd.graph.store.neo4j.properties import KEPT, LONGEST, MOST, readable
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.verify import verify
from tests.graph.samples import adding
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

NAMES = st.text(max_size=12) | st.sampled_from(["lr", "a.b", "", "\0", "`", "n" * 400, "seq"])
VALUES = (
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
PARAMETERS = st.recursive(
    VALUES | st.text(max_size=8) | st.just("x" * 501),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
RESULTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["accuracy", "bias", "a.b"]), "value": st.floats(-1e50, 1e50)},
        optional={
            "n": st.integers(1, 2**53 - 1),
            "slice": st.lists(st.fixed_dictionaries({"attribute": NAMES, "value": NAMES}), min_size=1, max_size=2),
        },
    ),
    max_size=5,
)
SHARES = st.lists(
    st.fixed_dictionaries({"attribute": NAMES, "value": NAMES}, optional={"share": st.floats(0, 1)}), max_size=5
)
CONTENTS: Any = st.one_of(
    st.tuples(st.just(Kind.CONFIG), st.fixed_dictionaries({"parameters": st.dictionaries(NAMES, PARAMETERS)})),
    st.tuples(
        st.just(Kind.EVALUATION),
        st.fixed_dictionaries(
            {"subject": st.just("sha256:" + "0" * 64), "suite": st.just({"name": "s"}), "metrics": RESULTS}
        ),
    ),
    st.tuples(
        st.just(Kind.POPULATION),
        st.fixed_dictionaries(
            {"subject": st.just("sha256:" + "0" * 64), "populationDocumented": st.just("PARTIAL"), "population": SHARES}
        ),
    ),
)


def is_property(value: Any) -> bool:
    """Whether Neo4j can hold a value as a property."""
    if isinstance(value, list):
        kinds = {type(one) for one in value}
        return len(kinds) == 1 and all(is_property(one) and not isinstance(one, list) for one in value)
    if isinstance(value, int):
        return abs(value) < 2**63
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


@given(CONTENTS)
def test_properties_follow_from_the_content_alone(given: tuple[Kind, dict[str, Any]]) -> None:
    kind, content = given
    record = Record.of(kind, content)
    found = readable(record)
    again = readable(Record(kind, record.body))
    assert found == again
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in again.items()}
    assert all(map(is_property, found.values()))
    assert not any("\0" in name or not name for name in found)
    assert not found.keys() & set(KEPT)


@given(RESULTS)
def test_every_result_is_found_by_its_metric_and_slice(results: list[dict[str, Any]]) -> None:
    found = readable(Record.of(Kind.EVALUATION, {"subject": "sha256:" + "0" * 64, "metrics": results}))
    for result in results:
        parts = ",".join(f"{one['attribute']}={one['value']}" for one in result.get("slice", ()))
        name = f"metric.{result['name']}" + (f"[{parts}]" if parts else "")
        if "\0" not in name and len(name) <= 300:
            same = [one for one in results if one["name"] == result["name"] and one.get("slice") == result.get("slice")]
            assert found[name] in [one["value"] for one in same]
            assert isinstance(found[name], float)
    assert found.get("metrics", []) == sorted({result["name"] for result in results})


def test_what_is_long_is_bounded() -> None:
    parameters = {f"p{number}": number for number in range(2 * MOST)} | {"list": list(range(2 * LONGEST))}
    found = readable(Record.of(Kind.CONFIG, {"parameters": parameters}))
    assert len(found) == MOST
    assert found["parameters.list"] == list(range(LONGEST))


ODD = {
    "parameters": {
        "lr": 0.001,
        "epochs": 3,
        "a.b": {"c`d": True, "": "empty", "nul\0": 1, "deep": {"er": [1, 2.5]}},
        "mixed": [1, "a"],
        "none": None,
        "empty": [],
        "texts": ["ä", "b"],
        "whole": 1.0,
        "long": "x" * 501,
    }
}
SHOWN = {
    "parameters.lr": 0.001,
    "parameters.epochs": 3,
    "parameters.a.b.c`d": True,
    "parameters.a.b.": "empty",
    "parameters.a.b.deep.er": [1.0, 2.5],
    "parameters.texts": ["ä", "b"],
    "parameters.whole": 1,
}


async def test_they_are_written_verified_and_upgraded_on_neo4j(neo4j_empty: Neo4jServer, tmp_path: Path) -> None:
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()
    await store.write([adding(Record.of(Kind.CONFIG, ODD))])
    properties = "MATCH (c:Config) RETURN properties(c) AS kept"

    def kept() -> dict[str, Any]:
        with neo4j_empty.driver() as driver:
            [row], *_ = driver.execute_query(properties)
        return {name: value for name, value in row["kept"].items() if name not in KEPT}

    assert kept() == SHOWN
    assert (await verify(store)).problem is None
    with neo4j_empty.driver() as driver:
        driver.execute_query("MATCH (c:Config) SET c.`parameters.lr` = 0.002")
    assert "parameters.lr" in str((await verify(store)).problem)
    only = ", ".join(f".{name}" for name in KEPT)
    with neo4j_empty.driver() as driver:  # as the version before left it
        driver.execute_query(f"MATCH (c:Config) SET c = c {{{only}}} WITH c MATCH (l:_Log) SET l.format = 6")
    await store.close()
    with pytest.raises(Unavailable, match="run `descentd upgrade` once"):
        await store.open()
    assert await store.upgrade(tmp_path / "before.json.gz", lambda hash: hash)
    await store.open()
    assert kept() == SHOWN
    assert (await verify(store)).problem is None
    await store.close()


async def test_there_is_an_end_to_the_names_that_somebody_can_invent(
    neo4j_empty: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neo4j keeps every name of a property for ever, and has room for a number of them."""
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()

    def asked(query: str) -> list[Any]:
        with neo4j_empty.driver() as driver:
            return [row[0] for row in driver.execute_query(query)[0]]

    def kept(record: Record) -> dict[str, Any]:
        [found] = asked(f"MATCH (c:Config {{id: '{record.id}'}}) RETURN properties(c)")
        return {name: value for name, value in found.items() if name not in KEPT}

    def config(*names: str) -> Record:
        return Record.of(Kind.CONFIG, {"parameters": {f"{unique}{name}": 1 for name in names}})

    unique = secrets.token_hex(4)
    first = config("known")
    await store.write([adding(first)])
    there = len(asked("CALL db.propertyKeys() YIELD propertyKey RETURN propertyKey"))
    monkeypatch.setattr(property_names, "MOST", there + 2)
    full, later, again = config("a", "b", "c", "d", "known"), config("c", "e"), config("b", "f", "known")
    await store.write([adding(full)])
    await store.close()
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    await store.open()
    await store.write([adding(later), adding(again)])
    assert kept(full) == {f"parameters.{unique}{name}": 1 for name in ("a", "b", "known")}
    assert kept(later) == {}
    assert kept(again) == {f"parameters.{unique}{name}": 1 for name in ("b", "known")}
    assert len(asked("CALL db.propertyKeys() YIELD propertyKey RETURN propertyKey")) == there + 2
    assert [entry.record.body for entry in await store.entries([2, 3, 4])] == [full.body, later.body, again.body]
    assert (await verify(store)).problem is None
    asked(f"MATCH (c:Config {{id: '{again.id}'}}) REMOVE c.`parameters.{unique}b`")
    assert f"parameters.{unique}b" in str((await verify(store)).problem)
    await store.close()
