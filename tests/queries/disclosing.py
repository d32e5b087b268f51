"""A small lineage in which parents are disclosed, superseded and retracted, and what is known of it at each moment."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
from hypothesis import strategies as st

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import Cycle, DescentError, Invalid
from descentd.graph.model.kinds import Kind
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send

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


RATES = st.tuples(st.integers(700, 950).map(lambda n: n / 1000), st.integers(500, 900).map(lambda n: n / 1000))
"""What a version was measured to be: robust accuracy, and accuracy."""


@dataclass(frozen=True)
class Lineage:
    """Parents by version; which of them are disclosed only, the order of registration, and what was measured."""

    parents: dict[str, str]
    disclosed: dict[str, str]
    order: str
    values: dict[str, tuple[float, float]]

    def stated(self, name: str) -> str:
        return "".join(parent for parent in self.parents[name] if parent not in self.disclosed[name])


async def registered(registry: Registry, lineage: Lineage, *, disclosing: bool = True) -> None:
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
