"""Kinship: versions that share tensors, on every store, compared with what sets of digests say."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import Invalid, InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.registration.register import Registered
from descentd.graph.verify import verify
from descentd.queries.lineage.kinship import kin, kinship_warnings
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.graph.samples import digest
from tests.support.registries import opened, send, store_of

pytestmark = pytest.mark.anyio


def version(number: int, parents: Sequence[int] = ()) -> dict[str, Any]:
    derived = [{"ref": f"model:m@{parent}", "relation": "FINE_TUNE"} for parent in parents]
    return {
        "name": "m",
        "version": str(number),
        "parents": derived,
        "artifacts": [{"uri": f"s3://{number}", "digest": digest(1000 + number)}],
    }


def stated(number: int, tensors: Sequence[int], size: int = 100) -> dict[str, Any]:
    listed = [{"name": f"layer.{tensor}", "digest": digest(tensor), "size": size} for tensor in tensors]
    return {"subject": f"model:m@{number}", "artifact": digest(1000 + number), "tensors": listed}


async def found(registry: Registry, number: int, **options: Any) -> list[tuple[str, str, int, int]]:
    page = await kin(registry, f"model:m@{number}", options.pop("first", None), options.pop("after", None), **options)
    return [(one.version.ref, one.relation.value, one.shared, one.undeclared) for one, _ in page.listed.items]


async def test_kin_by_how_they_are_declared(registry: Registry) -> None:
    await send(
        registry,
        models=[version(1), version(2, [1]), version(3, [1]), version(4), version(5, [2]), version(6)],
        tensorDigests=[
            stated(1, range(10)),
            stated(2, [*range(8), 20, 21]),
            stated(3, [*range(5), 30]),
            stated(4, [*range(9), 20, 40]),
            stated(5, [*range(8), 20, 50]),
            stated(6, [60]),
        ],
    )
    assert await found(registry, 2) == [
        ("model:m@4", "UNDECLARED", 9, 1),
        ("model:m@3", "INHERITED", 5, 0),
        ("model:m@1", "ANCESTOR", 8, 0),
        ("model:m@5", "DESCENDANT", 9, 0),
    ]
    assert await found(registry, 6) == []
    page = await kin(registry, "model:m@4", None, None)
    assert (page.tensors, page.size) == (11, 1100)
    assert page.listed.items[0][0].size == 900


async def test_what_is_stated_later_retracted_or_asked_of_the_past(registry: Registry) -> None:
    await send(registry, models=[version(1), version(2)], tensorDigests=[stated(1, [1, 2, 3])])
    assert await found(registry, 2) == []
    done = await send(registry, tensorDigests=[stated(2, [2, 3, 4])])
    again = await send(registry, tensorDigests=[stated(2, [4, 3, 2])])
    assert not again.created  # a set, in whatever order it is given
    assert await found(registry, 2) == [("model:m@1", "UNDECLARED", 2, 2)]
    assert await found(registry, 1) == [("model:m@2", "UNDECLARED", 2, 2)]
    await retract(registry, RetractionInput.read({"subjects": list(done.created), "reason": "Another file."}), "ada")
    assert await found(registry, 1) == []
    assert await found(registry, 2) == []


async def test_a_disclosed_parent_is_declared(registry: Registry) -> None:
    await send(registry, models=[version(1), version(2)], tensorDigests=[stated(1, [1]), stated(2, [1])])
    assert await found(registry, 2) == [("model:m@1", "UNDECLARED", 1, 1)]
    parents = [{"ref": "model:m@1", "relation": "MERGE"}]
    await send(registry, disclosures=[{"subject": "model:m@2", "parents": parents, "source": "a", "reason": "b"}])
    assert await found(registry, 2) == [("model:m@1", "ANCESTOR", 1, 0)]
    assert await found(registry, 1) == [("model:m@2", "DESCENDANT", 1, 0)]


async def test_pages_follow_one_another(registry: Registry) -> None:
    models = [version(number) for number in range(1, 8)]
    digests = [stated(number, range(number)) for number in range(1, 8)]
    await send(registry, models=models, tensorDigests=digests)
    whole = await found(registry, 7)
    seen, after = [], None
    while True:
        page = await kin(registry, "model:m@7", 2, after)
        seen += [one.version.ref for one, _ in page.listed.items]
        if not page.listed.more:
            break
        after = page.listed.items[-1][1]
    assert seen == [ref for ref, *_ in whole] == [f"model:m@{number}" for number in range(6, 0, -1)]
    assert page.listed.total == 6


async def said(registry: Registry, done: Registered) -> list[str]:
    new = [record for record in done.records if record.id in done.created]
    return await kinship_warnings(registry, new, await registry.sequence())


async def test_a_registration_warns_of_kin_that_is_not_declared(registry: Registry) -> None:
    done = await send(registry, models=[version(1)], tensorDigests=[stated(1, range(291))])
    assert await said(registry, done) == []
    done = await send(registry, models=[version(2)], tensorDigests=[stated(2, range(3, 294))])
    [sentence] = await said(registry, done)
    assert sentence.startswith("288 of 291 tensors of model:m@2 are those of model:m@1, which is not declared")
    done = await send(registry, models=[version(3, [2])], tensorDigests=[stated(3, range(3, 294))])
    assert await said(registry, done) == []  # all of it is the parent's
    small = {**stated(4, [1000]), "tensors": [*stated(4, [1])["tensors"], *stated(4, [1000], size=10**6)["tensors"]]}
    done = await send(registry, models=[version(4)], tensorDigests=[small])
    assert await said(registry, done) == []  # 100 bytes of a million are no kinship to speak of
    more = [version(number) for number in range(5, 8)]
    await send(registry, models=more, tensorDigests=[stated(number, range(291)) for number in range(5, 8)])
    done = await send(registry, models=[version(9)], tensorDigests=[stated(9, range(291))])
    sentences = await said(registry, done)
    assert len(sentences) == 4
    assert "3 more share tensors with model:m@9: `descent kin model:m@9`" in sentences[-1]


async def test_statements_that_are_wrong_are_refused_with_their_field(registry: Registry) -> None:
    await send(registry, models=[version(1)], datasets=[{"name": "d", "version": "1"}])
    wrong = [
        stated(1, [1]) | {"artifact": digest(5)},
        stated(1, [1]) | {"subject": "model:m@9"},
        stated(1, [1]) | {"subject": "dataset:d@1"},
    ]
    with pytest.raises(Invalid) as caught:
        await send(registry, tensorDigests=wrong)
    assert [problem.field for problem in caught.value.problems] == [
        "tensorDigests[0].artifact",
        "tensorDigests[1].subject",
        "tensorDigests[2].subject",
    ]
    for tensors in ([], [stated(1, [1])["tensors"][0]] * 2, [{"name": "a", "digest": "x", "size": 1}]):
        with pytest.raises(Invalid):
            await send(registry, tensorDigests=[stated(1, [1]) | {"tensors": tensors}])
    with pytest.raises(InvalidInput, match="name a model version"):
        await kin(registry, "dataset:d@1", None, None)


LINEAGES = st.integers(2, 6).flatmap(
    lambda count: st.tuples(
        st.tuples(
            *(st.sets(st.integers(1, number), max_size=2) if number else st.just(set[int]()) for number in range(count))
        ),
        st.tuples(*(st.sets(st.integers(0, 6), max_size=5) for _ in range(count))),
    )
)


@given(lineage=LINEAGES)
async def test_kin_are_what_sets_of_digests_say(
    lineage: tuple[Sequence[set[int]], Sequence[set[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    parents, tensors = lineage
    count = len(parents)
    above: dict[int, set[int]] = {}
    for number in range(1, count + 1):
        direct = parents[number - 1]
        above[number] = direct.union(*(above[parent] for parent in direct))
    async with opened(store_of("memory", tmp_path_factory.getbasetemp(), None)) as registry:
        await send(
            registry,
            models=[version(number, sorted(parents[number - 1])) for number in above],
            tensorDigests=[stated(number, sorted(tensors[number - 1])) for number in above if tensors[number - 1]],
        )
        for number, ancestors in above.items():
            own = tensors[number - 1]
            inherited = set[int]().union(*(tensors[parent - 1] for parent in ancestors))
            expected = {}
            for other, beyond in above.items():
                shared = own & tensors[other - 1]
                if other == number or not shared:
                    continue
                undeclared = len(shared - inherited)
                relation = "UNDECLARED" if undeclared else "INHERITED"
                if other in ancestors or number in beyond:
                    relation, undeclared = ("ANCESTOR" if other in ancestors else "DESCENDANT"), 0
                expected[f"model:m@{other}"] = (relation, len(shared), undeclared)
            assert {ref: (*rest,) for ref, *rest in await found(registry, number)} == expected


async def test_a_statement_is_found_again_by_its_record(registry: Registry) -> None:
    done = await send(registry, models=[version(1)], tensorDigests=[stated(1, [1])])
    [record] = [record for record in done.records if record.kind is Kind.TENSOR_DIGESTS]
    [entry] = await registry.store.entries([(await registry.store.resolve([record.id]))[record.id].sequence])
    assert entry.record.content["artifact"] == digest(1001)
    assert (await verify(registry.store)).problem is None


async def test_a_signature_covers_every_artifact(registry: Registry) -> None:
    def signature(number: int, *digests: int) -> dict[str, Any]:
        files = [{"name": f"file-{one}", "digest": digest(one)} for one in digests]
        return {"subject": f"model:m@{number}", "files": files, "key": digest(1), "bundle": digest(2)}

    bare = {"name": "bare", "version": "1"}
    done = await send(registry, models=[version(1), bare], signatures=[signature(1, 1001, 5)])
    assert len(done.created) == 3
    again = await send(registry, signatures=[signature(1, 5, 1001)])
    assert not again.created  # a set, in whatever order it is given
    with pytest.raises(Invalid) as refused:
        await send(registry, signatures=[signature(1, 5), signature(1, 1001) | {"subject": "model:bare@1"}])
    assert [problem.field for problem in refused.value.problems] == ["signatures[0].files", "signatures[1].subject"]
    assert (await verify(registry.store)).problem is None
