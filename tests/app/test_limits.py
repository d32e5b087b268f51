"""What an operation costs, against putting its fragments in by hand."""

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.graphql.limits import Cost, measure

LAST = 5


def selections(fragment: int) -> st.SearchStrategy[str]:
    """Selection sets that spread only fragments of a higher number."""
    leaf = st.sampled_from(["a", "b", "x: a"] + [f"...F{i}" for i in range(fragment + 1, LAST + 1)])
    return st.recursive(
        st.lists(leaf, min_size=1, max_size=4).map(" ".join),
        lambda inner: st.lists(
            leaf
            | inner.map("c {{ {} }}".format)
            | inner.map("y: c {{ {} }}".format)
            | inner.map("... {{ {} }}".format),
            min_size=1,
            max_size=4,
        ).map(" ".join),
        max_leaves=8,
    )


documents = st.tuples(*(selections(i) for i in range(-1, LAST + 1))).map(
    lambda sets: f"{{ {sets[0]} }}" + "".join(f" fragment F{i} on T {{ {s} }}" for i, s in enumerate(sets[1:]))
)


@given(documents)
def test_a_cost_is_that_of_the_operation_with_its_fragments_put_in(text: str) -> None:
    document = parse(text)
    operation, *fragments = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    named = {f.name.value: f.selection_set for f in fragments if isinstance(f, FragmentDefinitionNode)}

    def paths(selected: SelectionSetNode) -> list[tuple[bool, ...]]:
        """For every field, whether it and those around it are aliased."""
        found: list[tuple[bool, ...]] = []
        for one in selected.selections:
            if isinstance(one, FieldNode):
                aliased = (one.alias is not None,)
                found += [
                    aliased,
                    *(aliased + rest for rest in (paths(one.selection_set) if one.selection_set else [])),
                ]
            elif isinstance(one, InlineFragmentNode):
                found += paths(one.selection_set)
            elif isinstance(one, FragmentSpreadNode):
                found += paths(named[one.name.value])
        return found

    fields = paths(operation.selection_set)
    expected = Cost(max(map(len, fields), default=0), sum(path[-1] for path in fields), len(fields))
    assert measure(document, operation) == expected
