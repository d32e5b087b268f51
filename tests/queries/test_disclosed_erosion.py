"""Erosion follows what was disclosed: as if it had been stated from the beginning, and from its moment on only."""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import Cycle, DescentError, Invalid
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import rfc3339
from descentd.graph.retractions import find_retractions
from descentd.graph.store.memory import MemoryStore
from descentd.queries.erosion.report import assessed, erosion
from descentd.queries.evaluation.editions import CURRENT, FIRST, SECOND
from descentd.queries.governance.gate.context import EDITION, GateContext
from descentd.queries.lineage.ancestry import Ancestry, parents_of
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.effort import some_of
from tests.support.registries import opened, send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

NAMES = "abcdefg"


def ref(name: str) -> str:
    return f"model:m@{name}"


def version(name: str, parents: str = "", **more: Any) -> dict[str, Any]:
    links = [{"ref": ref(parent), "relation": "FINE_TUNE"} for parent in parents]
    return {"name": "m", "version": name, "config": {"name": name}, "parents": links} | more


def disclosure(subject: str, parents: str, **more: Any) -> dict[str, Any]:
    links = [{"ref": ref(parent), "relation": "FINE_TUNE"} for parent in parents]
    return {"subject": ref(subject), "parents": links, "source": "the card", "reason": "found"} | more


def evaluated(name: str, data: str | None = None, **values: float) -> dict[str, Any]:
    metrics = [{"name": metric, "value": value, "n": 2_000} for metric, value in values.items()]
    made = {"subject": ref(name), "suite": {"name": "s", "version": "1"}, "metrics": metrics}
    return made | ({"data": data} if data else {})


async def disclose(registry: Registry, *given: dict[str, Any]) -> str:
    done = await send(registry, disclosures=list(given))
    return next(record.id for record in done.records if record.kind is Kind.DISCLOSURE)


async def take_back(registry: Registry, id: str) -> str:
    done = await retract(registry, RetractionInput.read({"subjects": [id], "reason": "Wrong."}), "ana")
    return done.id


@dataclass
class Statement:
    """A disclosure of `parents` of `subject`, or a retraction of an earlier statement, each by its number."""

    subject: str = ""
    parents: str = ""
    supersedes: int | None = None
    retracts: int | None = None


@dataclass
class Known:
    """What is stated and disclosed, worked out from its definition."""

    own: dict[str, str] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)

    def retracted(self, number: int) -> bool:
        by = [place for place, one in enumerate(self.statements) if one.retracts == number]
        return any(not self.retracted(place) for place in by)

    def in_force(self) -> list[Statement]:
        standing = [n for n, one in enumerate(self.statements) if one.retracts is None and not self.retracted(n)]
        superseded = {self.statements[n].supersedes for n in standing}
        return [self.statements[n] for n in standing if n not in superseded]

    def parents(self) -> dict[str, str]:
        found = dict(self.own)
        for one in self.in_force():
            found[one.subject] += one.parents
        return {name: "".join(dict.fromkeys(parents)) for name, parents in found.items()}

    def cyclic(self) -> bool:
        edges = [(name, parent) for name, parents in self.parents().items() for parent in parents]
        return not nx.is_directed_acyclic_graph(nx.DiGraph(edges))


Step = tuple[int, int, int]
"""What is done, to what and with what: numbers that are folded to what there is."""

steps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99), st.integers(0, 99)), max_size=14)


async def act(registry: Registry, known: Known, ids: list[str], step: Step) -> None:
    """Do one step, and check that it is refused just where it would close a cycle."""
    kind, first, second = step
    names = sorted(known.own)
    subject, parent = names[first % len(names)], names[second % len(names)]
    open_ = [
        number
        for number, one in enumerate(known.statements)
        if one.retracts is None and all(other.supersedes != number for other in known.statements)
    ]
    if kind < 3 or not known.statements:
        known.statements.append(Statement(subject, parent))
        given = disclosure(subject, parent, reason=f"found {len(ids)}")
    elif kind == 3 and open_:
        number = open_[first % len(open_)]
        subject = known.statements[number].subject
        known.statements.append(Statement(subject, parent, supersedes=number))
        given = disclosure(subject, parent, supersedes=ids[number], reason=f"found {len(ids)}")
    else:
        known.statements.append(Statement(retracts=first % len(ids)))
        given = {}
    error = await _refusal(disclose(registry, given) if given else take_back(registry, ids[first % len(ids)]), ids)
    assert (error is not None) == known.cyclic()
    if error is not None:
        assert isinstance(error, Cycle)
        known.statements.pop()


async def _refusal(doing: Awaitable[str], ids: list[str]) -> DescentError | None:
    """What an act is refused for; the id of what it records is added where it is not."""
    try:
        ids.append(await doing)
    except Invalid as error:
        return error.problems[0]
    except DescentError as error:
        return error
    return None


async def check_parents(registry: Registry, known: dict[int, dict[str, str]]) -> None:
    """Each version has the parents that were known at each moment, with those of all its ancestors."""
    briefs = await registry.store.resolve([ref(name) for name in NAMES])
    sequence = {name: briefs[ref(name)].sequence for name in NAMES if ref(name) in briefs}
    for upto, parents in known.items():
        for name in parents:
            found = await parents_of(registry, [sequence[name]], upto)
            expected: dict[int, list[int]] = {}
            waiting = [name]
            while waiting:
                each = waiting.pop()
                expected[sequence[each]] = [sequence[parent] for parent in parents[each]]
                waiting += [parent for parent in parents[each] if sequence[parent] not in expected]
            assert {each: list(named) for each, named in found.items()} == expected


@settings(max_examples=some_of(160))
@given(st.lists(st.integers(0, 2**7), min_size=2, max_size=7) | st.just([0, 0, 0]), steps)
async def test_parents_are_those_that_were_known(chosen: list[int], steps: list[Step]) -> None:
    async with opened(MemoryStore()) as registry:
        await _history(registry, chosen, steps)


async def _history(registry: Registry, chosen: list[int], steps: list[Step]) -> None:
    known, ids, moments = Known(), list[str](), dict[int, dict[str, str]]()
    for name, mask in zip(NAMES, chosen, strict=False):
        known.own[name] = "".join(other for place, other in enumerate(sorted(known.own)) if mask >> place & 1)
        await send(registry, models=[version(name, known.own[name])])
    moments[await registry.sequence()] = known.parents()
    for step in steps:
        await act(registry, known, ids, step)
        moments[await registry.sequence()] = known.parents()
    await check_parents(registry, moments)


async def refused(doing: Awaitable[object]) -> str | None:
    """The field of the cycle that an act is refused for."""
    with pytest.raises((Cycle, Invalid)) as error:
        await doing
    one = error.value.problems[0] if isinstance(error.value, Invalid) else error.value
    assert isinstance(one, Cycle)
    return one.field


async def test_what_counts_again_closes_no_cycle(registry: Registry) -> None:
    """By the retraction of a retraction, or of what had superseded it; each is taken once nothing is in its way."""
    await send(registry, models=[version(name) for name in "abc"])
    first = await disclose(registry, disclosure("a", "b"))
    retraction = await take_back(registry, first)
    turned = await disclose(registry, disclosure("b", "a"))
    assert await refused(take_back(registry, retraction)) == "subjects"
    away = await take_back(registry, turned)
    await take_back(registry, retraction)  # the first counts again
    assert await refused(take_back(registry, away)) == "subjects"
    second = await disclose(registry, disclosure("a", "c", supersedes=first))
    await take_back(registry, away)  # and now that it is superseded, the turned one
    assert await refused(take_back(registry, second)) == "subjects"
    known = Known(dict.fromkeys("abc", ""), [Statement("a", "c"), Statement("b", "a")])
    await check_parents(registry, {await registry.sequence(): known.parents()})


async def test_what_a_retracted_one_superseded_counts_where_cycles_are_looked_for(registry: Registry) -> None:
    await send(registry, models=[version(name) for name in "abc"])
    first = await disclose(registry, disclosure("a", "b"))
    second = await disclose(registry, disclosure("a", "c", supersedes=first))
    await take_back(registry, second)
    assert await refused(disclose(registry, disclosure("b", "a"))) == "disclosures[0]"
    await disclose(registry, disclosure("c", "a"))
    assert await refused(take_back(registry, (await retractions_of(registry, second))[0])) == "subjects"


async def retractions_of(registry: Registry, id: str) -> list[str]:
    found = await find_retractions(registry.store, [id])
    return [brief.id for brief in found.by_subject[id]]


async def test_two_at_once_make_no_cycle_of_what_counts_again(registry: Registry) -> None:
    await send(registry, models=[version(name) for name in "ab"])
    first = await take_back(registry, await disclose(registry, disclosure("a", "b")))
    second = await take_back(registry, await disclose(registry, disclosure("b", "a")))
    outcomes = await asyncio.gather(take_back(registry, first), take_back(registry, second), return_exceptions=True)
    assert sorted(isinstance(one, Cycle) for one in outcomes) == [False, True]


@pytest.mark.parametrize("seed", [3, 8])
async def test_parents_are_those_that_were_known_on_each_store(registry: Registry, seed: int) -> None:
    dice = random.Random(seed)
    steps = [(dice.randrange(6), dice.randrange(100), dice.randrange(100)) for _ in range(24)]
    await _history(registry, [dice.randrange(2**7) & dice.randrange(2**7) for _ in NAMES], steps)


# ---------------------------------------------------------------- as if it had been stated


@dataclass(frozen=True)
class Lineage:
    """Parents by version; which of them are disclosed only, the order of registration, and what was measured."""

    parents: dict[str, str]
    disclosed: dict[str, str]
    order: str
    values: dict[str, tuple[float, float]]

    def stated(self, name: str) -> str:
        return "".join(parent for parent in self.parents[name] if parent not in self.disclosed[name])


@st.composite
def lineages(draw: st.DrawFn) -> Lineage:
    names = NAMES[: draw(st.integers(2, 7))]
    order = "".join(draw(st.permutations(names)))
    parents: dict[str, str] = {}
    disclosed: dict[str, str] = {}
    for place, name in enumerate(names):
        some = draw(st.lists(st.sampled_from(names[:place]), max_size=2, unique=True)) if place else []
        late = [p for p in some if order.index(p) > order.index(name) or draw(st.integers(0, 3)) == 0]
        parents[name] = "".join([p for p in some if p not in late] + late)
        disclosed[name] = "".join(late)
    rates = st.tuples(st.integers(700, 950).map(lambda n: n / 1000), st.integers(500, 900).map(lambda n: n / 1000))
    values = {name: draw(rates) for name in names if draw(st.integers(0, 5))}
    return Lineage(parents, disclosed, order, values)


async def registered(registry: Registry, lineage: Lineage, *, disclosing: bool) -> None:
    """The lineage with its disclosures, or as it would have been stated from the beginning."""
    for name in lineage.order if disclosing else sorted(lineage.parents):
        parents = lineage.stated(name) if disclosing else lineage.parents[name]
        await send(registry, models=[version(name, parents)])
    results = [
        evaluated(name, robust_accuracy=robust, accuracy=accuracy)
        for name, (robust, accuracy) in lineage.values.items()
    ]
    await send(registry, evaluations=results)
    if disclosing:
        given = [disclosure(name, parents) for name, parents in lineage.disclosed.items() if parents]
        await send(registry, disclosures=given)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with the changes of each derivation in one order."""
    for finding in answer["findings"]:
        for one in finding["introducedBy"]:
            one["changes"].sort(key=lambda change: (change["field"], repr(change)))
    return answer


async def answers(registry: Registry, lineage: Lineage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(lineage.parents):
        found[name] = _plain(await ask(registry, "Erosion", of=ref(name)))
        found[f"trend of {name}"] = await ask(registry, "Trend", of=ref(name), metric="robust_accuracy")
        if lineage.parents[name]:
            found[f"since {name}"] = _plain(
                await ask(registry, "Erosion", of=ref(name), since=ref(lineage.parents[name][-1]))
            )
    last = max(lineage.parents)
    for name in sorted(lineage.parents):
        difference = await ask(registry, "Diff", base=ref(name), head=ref(last))
        found[f"diff of {name}"] = {part: difference[part] for part in ("relation", "changes", "metrics")}
    listing = (await ask(registry, "Erosions"))["edges"]
    found["list"] = sorted((edge["node"]["ref"], edge["verdict"], repr(edge["findings"])) for edge in listing)
    return found


@settings(max_examples=some_of(120))
@given(lineages())
async def test_it_answers_as_if_it_had_been_stated(lineage: Lineage) -> None:
    async with opened(MemoryStore()) as learned, opened(MemoryStore()) as stated:
        await registered(learned, lineage, disclosing=True)
        await registered(stated, lineage, disclosing=False)
        assert await answers(learned, lineage) == await answers(stated, lineage)


_PARENTS = {"a": "", "b": "a", "c": "b", "d": "cb", "e": "d"}
BACKWARDS = Lineage(
    parents=_PARENTS,
    disclosed=_PARENTS,
    order="edcba",
    values={"a": (0.9, 0.6), "b": (0.9, 0.6), "c": (0.8, 0.7), "d": (0.79, 0.7), "e": (0.7, 0.8)},
)
"""Every version was registered before what it came from."""


async def test_it_answers_as_if_it_had_been_stated_on_each_store(registry: Registry) -> None:
    await registered(registry, BACKWARDS, disclosing=True)
    async with opened(MemoryStore()) as stated:
        await registered(stated, BACKWARDS, disclosing=False)
        assert await answers(registry, BACKWARDS) == await answers(stated, BACKWARDS)


# ---------------------------------------------------------------- what is said of it

INTRODUCED = """
query ($of: Ref!, $asOf: DateTime) { erosion(of: $of, asOf: $asOf) { verdict findings { kind introducedBy {
  from to disclosures { id source } changes { field after disclosed on } } } } }
"""


async def test_a_derivation_that_was_disclosed_is_named_with_its_disclosure(registry: Registry) -> None:
    await send(registry, models=[version("b"), version("a")])
    await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    alone = await ask(registry, "Erosion", of=ref("b"))
    before = await registry.sequence()
    assert (alone["verdict"], alone["findings"]) == ("STABLE", [])
    id = await disclose(registry, disclosure("b", "a"))
    answer = await ask(registry, INTRODUCED, of=ref("b"))
    step = next(one for one in answer["findings"] if one["kind"] == "STEP_REGRESSION")
    [by] = step["introducedBy"]
    assert (answer["verdict"], by["from"], by["to"]) == ("ERODED", ref("a"), ref("b"))
    assert by["disclosures"] == [{"id": id, "source": "the card"}]
    assert {"field": "relation", "after": "FINE_TUNE", "disclosed": True, "on": None} in by["changes"]
    moment = (await registry.store.entries([before]))[0].recorded_at
    then = await erosion(registry, ref("b"), None, None, rfc3339(moment))
    assert then.findings == []
    await take_back(registry, id)
    assert (await ask(registry, "Erosion", of=ref("b")))["findings"] == []


async def test_a_decision_of_before_is_replayed_without_what_was_disclosed(registry: Registry) -> None:
    """Gates up to edition 4 did not read disclosed parents; what they decided is evaluated again as they did."""
    await send(registry, models=[version("b"), version("a")])
    await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    await disclose(registry, disclosure("b", "a"))
    upto = await registry.sequence()
    brief = await registry.find(ref("b"), upto)
    found = [(await assessed(registry, brief.sequence, upto, edition=edition))[0] for edition in (SECOND, CURRENT)]
    assert [one.verdict for one in found] == ["STABLE", "ERODED"]
    assert [GateContext(registry, brief, "e", upto, 0, edition=number).statistics for number in (3, 4, EDITION)] == [
        FIRST,
        SECOND,
        CURRENT,
    ]


async def test_a_shorter_way_that_is_disclosed_is_another_question(registry: Registry) -> None:
    """The ancestors are the same ones, and so are all results."""
    await send(registry, models=[version("a"), version("b", "a"), version("c", "b")])
    values = {"a": 0.9, "b": 0.7, "c": 0.7}
    await send(registry, evaluations=[evaluated(name, robust_accuracy=value) for name, value in values.items()])
    kinds = [one["kind"] for one in (await ask(registry, "Erosion", of=ref("c")))["findings"]]
    assert "STEP_REGRESSION" not in kinds
    await disclose(registry, disclosure("c", "a"))
    found = (await ask(registry, "Erosion", of=ref("c")))["findings"]
    assert [one["baseline"]["ref"] for one in found if one["kind"] == "STEP_REGRESSION"] == [ref("a")]


async def test_a_cycle_of_an_older_registry_is_walked_once() -> None:
    ancestry = Ancestry(3, {3: [2], 2: [1, 3], 1: [2, 0], 0: []})
    assert ancestry.versions == [0, 1, 2, 3]
    assert dict(ancestry.parents) == {0: (), 1: (0,), 2: (1,), 3: (2,)}
    assert Ancestry(1, {1: [1]}).parents == {1: ()}


# ---------------------------------------------------------------- the list of the registry


async def listed(registry: Registry) -> list[str]:
    return [edge["node"]["ref"] for edge in (await ask(registry, "Erosions"))["edges"]]


async def afresh(registry: Registry) -> list[str]:
    return await listed(Registry(registry.store, registry.walk, registry.committer))


async def test_the_list_of_eroded_versions_follows_disclosures(registry: Registry) -> None:
    await send(registry, models=[version("c", ""), version("d", "c"), version("a"), version("b")])
    values = {"a": 0.95, "b": 0.9, "c": 0.7, "d": 0.7}
    await send(registry, evaluations=[evaluated(name, robust_accuracy=value) for name, value in values.items()])
    assert await listed(registry) == []
    first = await disclose(registry, disclosure("c", "b"))
    assert await listed(registry) == await afresh(registry)
    assert sorted(await listed(registry)) == [ref("c"), ref("d")]
    retraction = await take_back(registry, first)
    assert await listed(registry) == await afresh(registry) == []
    again = await take_back(registry, retraction)
    assert await listed(registry) == await afresh(registry)
    assert sorted(await listed(registry)) == [ref("c"), ref("d")]
    await take_back(registry, again)
    assert await listed(registry) == []
    await take_back(registry, (await registry.store.briefs([await registry.sequence()]))[0].id)
    second = await disclose(registry, disclosure("c", "a", supersedes=first))
    assert sorted(await listed(registry)) == sorted(await afresh(registry)) == [ref("c"), ref("d")]
    await take_back(registry, second)
    assert await listed(registry) == await afresh(registry)


async def test_the_list_follows_what_is_disclosed_of_data(registry: Registry) -> None:
    """What a version was evaluated on is disclosed to be a sample of what it learned from."""
    datasets = [
        {"name": name, "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{number:064x}"}]}
        for number, name in enumerate(("web", "test"))
    ]
    on, web = "dataset:test@1#p", "dataset:web@1#p"
    learned: dict[str, Any] = {"trainedOn": [{"ref": web, "role": "TRAIN"}]}
    await send(registry, datasets=datasets, models=[version("a", **learned), version("b", "a")])
    await send(registry, evaluations=[evaluated("a", on, robust_accuracy=0.9), evaluated("b", on, robust_accuracy=0.7)])
    assert await listed(registry) == [ref("b")]
    given = {"subject": on, "source": "mail", "reason": "found", "parents": [{"ref": web, "relation": "SAMPLE"}]}
    id = await disclose(registry, given)
    assert await listed(registry) == await afresh(registry) == []
    text = "query ($of: Ref!) { evaluations(of: $of) { edges { node { contamination { via { ref role back } } } } } }"
    [edge] = (await ask(registry, text, of=ref("a")))["edges"]
    assert [(one["ref"], one["role"]) for one in edge["node"]["contamination"]["via"]] == [
        (on, None),
        (id, "ABOUT"),
        (web, "DERIVED_FROM"),
        (ref("a"), "TRAINED_ON"),
    ]
    await take_back(registry, id)
    assert await listed(registry) == await afresh(registry) == [ref("b")]
    id = await disclose(
        registry, {**given, "subject": ref("a"), "parents": [], "trainedOn": [{"ref": on, "role": "TRAIN"}]}
    )
    assert await listed(registry) == await afresh(registry) == []
    await take_back(registry, id)
    assert await listed(registry) == [ref("b")]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_list_follows_whatever_is_disclosed_and_retracted(registry: Registry, seed: int) -> None:
    dice = random.Random(seed)
    known, ids = Known(), list[str]()
    for name in NAMES:
        known.own[name] = dice.choice(["", *known.own]) if known.own else ""
        await send(
            registry,
            models=[version(name, known.own[name])],
            evaluations=[evaluated(name, robust_accuracy=round(dice.uniform(0.6, 0.95), 3))],
        )
    for _ in range(14):
        await act(registry, known, ids, (dice.randrange(6), dice.randrange(100), dice.randrange(100)))
        assert await listed(registry) == await afresh(registry)


async def test_a_retraction_of_a_retracted_evaluation_is_noticed(registry: Registry) -> None:
    await send(registry, models=[version("a"), version("b", "a")])
    done = await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    assert await listed(registry) == [ref("b")]
    retraction = await take_back(registry, done.records[-1].id)
    assert await listed(registry) == []
    await take_back(registry, retraction)
    assert await listed(registry) == await afresh(registry) == [ref("b")]
