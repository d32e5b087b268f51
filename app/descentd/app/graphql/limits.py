"""How large a GraphQL operation may be, found out before it is validated or run."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from descentd.app.server.settings import Settings
from descentd.graph.model.errors import TooCostly

_LARGEST: Final = 10_000
"""The largest page that any field has."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection set amounts to once its fragments are put in: levels, aliases and fields."""

    depth: int = 0
    aliases: int = 0
    selections: int = 0

    def __add__(self, other: Self) -> "Cost":
        return Cost(max(self.depth, other.depth), self.aliases + other.aliases, self.selections + other.selections)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is answered."""

    depth: int
    aliases: int
    selections: int
    tokens: int
    cost: int
    fields: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that are set."""
        return cls(
            settings.max_depth,
            settings.max_aliases,
            settings.max_selections,
            settings.max_tokens,
            settings.max_cost,
            settings.max_fields,
        )

    def check(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        """Raise TooCostly where an operation of a document is past a limit.

        Takes time in proportion to the document, however often its fragments are spread. Fragments that spread each
        other in a circle pass: they are invalid, which validation says better.
        """
        try:
            cost = measure(document, operation)
        except CycleError:
            return
        for what, value, most in (
            ("is {} levels deep", cost.depth, self.depth),
            ("has {} aliases", cost.aliases, self.aliases),
            ("has {} fields, with fragments expanded", cost.selections, self.selections),
        ):
            if value > most:
                shown = value if value < 10**9 else "over 10^9"
                raise TooCostly(
                    f"The operation {what.format(shown)}, and at most {most} are allowed: ask for less at once."
                )

    def check_cost(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> None:
        """Raise TooCostly where the page sizes of an operation that passed `check`, multiplied, are past the limit."""
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        defaults = {
            one.variable.name.value: int(one.default_value.value)
            for one in operation.variable_definitions or ()
            if isinstance(one.default_value, IntValueNode)
        }
        found = estimate(operation.selection_set, fragments, {**defaults, **variables})
        if found > self.cost:
            raise TooCostly(
                f"The operation may cost {found} by its page sizes and questions, and at most {self.cost} is allowed: "
                "ask for smaller pages, or for less at once."
            )


WEIGHTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("trainedOn", "documentationDrift", "erosion", "diff", "gate", "serving"), 2_500),
    **dict.fromkeys(("impact", "paths", "trend", "erosions", "probes", "search", "populationVocabulary"), 500),
    "verdict": 20,
}
"""What a question costs beside the objects of its answer, each of which costs 1."""
_USUAL: Final[Mapping[str, int]] = {
    **dict.fromkeys(("modelVersions", "search", "affected", "versions", "evaluations", "erosions"), 100),
    **dict.fromkeys(("documentationDrift", "incidents", "history", "accessLog"), 100),
    "lineage": 500,
}
"""The page sizes of fields where none is given."""


LISTS: Final = frozenset(
    (
        *("parents", "trainedOn", "sameBuild", "sameData", "partitions", "links", "disclosures", "retractedOrigins"),
        *("notes", "vulnerabilities", "reviews", "flags", "openIncidents", "kinIncidents", "rules", "evidence"),
        "generatedBy",
    )
)
"""Fields of records whose answer is a list without page sizes that leads to further ones, as parents of parents."""
_SEVERAL: Final = 8
"""How many elements such a list counts as below another. The first counts once: mostly it is short."""


def estimate(
    selected: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    *,
    below_list: bool | None = None,
) -> int:
    """What a selection set may cost: its objects, as many as its page sizes multiply to, and its questions.

    below_list: whether it is of elements of one of `LISTS`; None for the fields of an operation, which are questions.
    """
    total = 0
    for selection in selected.selections:
        match selection:
            case FieldNode(name=name, selection_set=below):
                listed = name.value in LISTS and below_list is not None
                total += 0 if listed else WEIGHTS.get(name.value, 0)
                if below is not None:
                    number = _SEVERAL if listed and below_list else _page_size(selection, variables)
                    inner = estimate(below, fragments, variables, below_list=bool(below_list) or listed)
                    total += number * (1 + inner)
            case InlineFragmentNode(selection_set=below):
                total += estimate(below, fragments, variables, below_list=below_list)
            case FragmentSpreadNode(name=name) if name.value in fragments:
                total += estimate(fragments[name.value].selection_set, fragments, variables, below_list=below_list)
    return total


def _page_size(field: FieldNode, variables: Mapping[str, Any]) -> int:
    """How many items a field is asked for; what is out of range is refused later, and costs a page here."""
    for argument in field.arguments or ():
        if argument.name.value == "refs":
            return _length(argument.value, variables)
        if argument.name.value in ("first", "limit"):
            given: Any = None
            if isinstance(argument.value, IntValueNode):
                given = int(argument.value.value)
            elif isinstance(argument.value, VariableNode):
                given = variables.get(argument.value.name.value)
            if isinstance(given, int) and 0 < given <= _LARGEST:
                return given
    return _USUAL.get(field.name.value, 1)


def _length(value: ValueNode, variables: Mapping[str, Any]) -> int:
    """How many elements a list has, at least 1; what is no list is one element."""
    if isinstance(value, ListValueNode):
        return max(1, len(value.values))
    given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return max(1, len(given)) if isinstance(given, list) else 1


class Shares:
    """Lets each person run so many operations at a time; further ones wait, in order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def of(self, person: str) -> AsyncIterator[None]:
        """Runs its body once the person's share allows it."""
        semaphore, users = self._held.get(person) or (asyncio.Semaphore(self._size), 0)
        self._held[person] = semaphore, users + 1
        try:
            async with semaphore:
                yield
        finally:
            _, users = self._held[person]
            if users == 1:
                del self._held[person]
            else:
                self._held[person] = semaphore, users - 1


def measure(document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
    """What an operation costs; raises CycleError where its fragments spread each other in a circle."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    needs = {name: set(_spreads(fragment.selection_set)) for name, fragment in fragments.items()}
    costs: dict[str, Cost] = {}
    for name in TopologicalSorter(needs).static_order():
        fragment = fragments.get(name)
        costs[name] = _cost(fragment.selection_set, costs) if fragment else Cost()
    return _cost(operation.selection_set, costs)


def _cost(selected: SelectionSetNode, fragments: dict[str, Cost]) -> Cost:
    total = Cost()
    for selection in selected.selections:
        match selection:
            case FieldNode(selection_set=below, alias=alias):
                inner = _cost(below, fragments) if below else Cost()
                total += Cost(inner.depth + 1, inner.aliases + (alias is not None), inner.selections + 1)
            case InlineFragmentNode(selection_set=below):
                total += _cost(below, fragments)
            case FragmentSpreadNode(name=name):
                total += fragments.get(name.value, Cost())
    return total


def _spreads(selected: SelectionSetNode) -> Iterator[str]:
    waiting: list[SelectionSetNode] = [selected]
    while waiting:
        selections: Sequence[object] = waiting.pop().selections
        for selection in selections:
            match selection:
                case FragmentSpreadNode(name=name):
                    yield name.value
                case FieldNode(selection_set=below) | InlineFragmentNode(selection_set=below) if below:
                    waiting.append(below)
