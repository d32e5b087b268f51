"""Names that differ only by letters of look-alike scripts are reported when the second comes, and registered."""

from typing import Any

import pytest

from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads, Store
from descentd.graph.store.committer import Committer
from descentd.queries.registry import Registry
from tests.graph.samples import Json, digest, send

pytestmark = pytest.mark.anyio

ODD = str.maketrans("aeoc", "\u0430\u0435\u043e\u0441")
"""Cyrillic letters for Latin ones."""


@pytest.fixture
def each(registry: Registry) -> Store:
    return registry.store


def model(name: str, version: str = "1") -> Json:
    return {"models": [{"name": name, "version": version, "config": {"name": name, "version": version}}]}


def dataset(name: str, version: str = "1", *partitions: str) -> Json:
    parts = [{"name": part, "digest": digest(i)} for i, part in enumerate(partitions)]
    return {"datasets": [{"name": name, "version": version, **({"partitions": parts} if parts else {})}]}


def metric(name: str) -> Json:
    return {"metrics": [{"name": name, "category": "BIAS", "direction": "LOWER_IS_BETTER"}]}


PAIRS: dict[str, tuple[Json, Json, str]] = {
    "a model": (model("chat"), model("chat".translate(ODD)), "model:chat"),
    "a model, under another version": (model("chat"), model("chat".translate(ODD), "2"), "model:chat"),
    "a dataset": (dataset("web"), dataset("web".translate(ODD)), "dataset:web"),
    "a dataset, under another version": (dataset("web"), dataset("web".translate(ODD), "2024"), "dataset:web"),
    "a version": (model("m", "1a"), model("m", "1a".translate(ODD)), "model:m@1a"),
    "the version of a dataset": (dataset("d", "1a"), dataset("d", "1a".translate(ODD)), "dataset:d@1a"),
    "a metric": (metric("score"), metric("score".translate(ODD)), "metric:score"),
}


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("turned", [False, True], ids=["plain first", "odd first"])
async def test_the_second_is_reported(each: Store, case: str, turned: bool) -> None:
    first, second, plain = PAIRS[case]
    sort, colon, called = plain.partition(":")
    odd = sort + colon + (called.partition("@")[0] + "@" + called.partition("@")[2].translate(ODD)
                          if "@" in called else called.translate(ODD))  # fmt: skip
    if turned:
        first, second, plain, odd = second, first, odd, plain
    assert not (await send(each, first)).warnings
    done = await send(each, second)
    [warning] = done.warnings
    assert warning.startswith(f"{odd} looks like {plain}, ")
    assert done.created
    assert not (await send(each, second)).warnings


async def test_two_that_come_together_and_partitions_of_one_dataset(each: Store) -> None:
    both: dict[str, Any] = {"datasets": dataset("web")["datasets"] + dataset("web".translate(ODD))["datasets"]}
    [warning] = (await send(each, both)).warnings
    assert "looks like dataset:web," in warning
    [warning] = (await send(each, dataset("d", "1", "a", "a".translate(ODD)))).warnings
    assert "looks like dataset:d@1#a," in warning


async def test_a_further_version_of_either_is_not_reported(each: Store) -> None:
    for make in (model, dataset):
        await send(each, make("chat"))
        assert (await send(each, make("chat".translate(ODD)))).warnings
        assert not (await send(each, make("chat".translate(ODD), "2"))).warnings
        assert not (await send(each, make("chat", "2"))).warnings
        assert not (await send(each, make("chats", "2"))).warnings


async def test_what_is_alike_in_another_whole_is_not_reported(each: Store) -> None:
    await send(each, model("m", "1a"))
    assert not (await send(each, model("n", "1a".translate(ODD)))).warnings
    await send(each, dataset("d", "1", "a"))
    assert not (await send(each, dataset("e", "1", "a".translate(ODD)))).warnings


async def test_a_dataset_of_before_names_had_keys_is_found_by_a_version_in_common(each: Store) -> None:
    old = Record.of(Kind.DATASET, {"name": "web", "version": "1"})
    old.__dict__["keys"] = ()

    async def draft(_reads: Reads) -> list[Record]:
        return [old]

    await Committer(each).submit(Proposal(draft, "ann"))
    [warning] = (await send(each, dataset("web".translate(ODD)))).warnings
    assert "looks like dataset:web," in warning
