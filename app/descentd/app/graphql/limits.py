"""How large a GraphQL operation may be, found out before it is validated or run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from descentd.app.server.settings import Settings
from descentd.graph.model.errors import TooCostly


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

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that are set."""
        return cls(settings.max_depth, settings.max_aliases, settings.max_selections, settings.max_tokens)

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
            ("has {} fields, with fragments put in", cost.selections, self.selections),
        ):
            if value > most:
                shown = value if value < 10**9 else "over 10^9"
                raise TooCostly(f"The operation {what.format(shown)}, and {most} are answered: ask for less at once.")


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
