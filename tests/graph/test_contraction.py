"""What is kept of an ancestry, and what is left out between, against a walk from version to version."""

from collections.abc import Sequence

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from descentd.graph.model.kinds import EVIDENCE, Kind, Role
from descentd.graph.model.reach import Direction
from tests.graph.topologies import questions, topology_of
from tests.support.effort import some_of
from tests.support.lineages import arrows_of, edges_of, reached
from tests.support.strategies import Noted


def parents_of(log: Sequence[Noted], upto: int) -> dict[int, list[int]]:
    """The parents that each version states itself."""
    found: dict[int, list[int]] = {version: [] for version in range(1, upto + 1)}
    for source, role, target, _, disclosure in arrows_of(log, upto):
        if role is Role.DERIVED_FROM and not disclosure:
            found[source].append(target)
    return found


def matters(log: Sequence[Noted], heads: Sequence[int], upto: int) -> set[int]:
    """What is kept of whichever ancestry it is in: forks and ends, what is measured, what a disclosure joins."""
    parents = parents_of(log, upto)
    found = {version for version, named in parents.items() if len(set(named)) != 1} | set(heads)
    found |= {parent for head in heads for parent in parents[head]}
    found |= {target for _, _, target in edges_of(log, upto, EVIDENCE)}
    for source, role, target, _, disclosure in arrows_of(log, upto):
        if role is Role.DERIVED_FROM and disclosure:
            found |= {source, target}
    return found


def check(log: Sequence[Noted], cuts: Sequence[int], heads: Sequence[int], wanted: Sequence[int], upto: int) -> int:
    """How many are left out, once all is as it should be."""
    above = set(reached(log, heads, Direction.ANCESTORS, upto))
    ancestry = {one for one in above if log[one - 1].kind is Kind.MODEL_VERSION} | set(heads)
    found = topology_of(log, cuts).contraction(heads, wanted, upto)
    kept = ancestry & (matters(log, heads, upto) | set(wanted))
    assert found.versions.tolist() == sorted(ancestry)
    assert found.kept == sorted(kept)
    parents = parents_of(log, upto)
    for version in ancestry:
        passed, nearest = [], version
        while nearest not in kept:
            passed.append(nearest)
            [nearest] = set(parents[nearest])
        assert found.above(version) == (nearest, len(passed))
        assert found.left_out(version) == passed
    return len(ancestry - kept)


@settings(max_examples=some_of(300))
@given(questions(), st.data())
def test_what_is_kept_is_what_matters(
    question: tuple[list[Noted], list[int], list[int], int], data: st.DataObject
) -> None:
    log, cuts, _, upto = question
    versions = [place for place, noted in enumerate(log[:upto], 1) if noted.kind is Kind.MODEL_VERSION]
    if versions:
        heads = data.draw(st.lists(st.sampled_from(versions), min_size=1, max_size=2))
        wanted = data.draw(st.lists(st.integers(1, len(log)), max_size=2))
        left_out = check(log, cuts, heads, wanted, upto)
        event("some are left out" if left_out else "all are kept")


@pytest.mark.parametrize("length", [1, 2, 3, 100])
def test_a_chain_is_its_ends_and_what_was_measured(length: int) -> None:
    chain = [Noted(Kind.MODEL_VERSION, ((Role.DERIVED_FROM, place, True),) if place else ()) for place in range(length)]
    log = [*chain, Noted(Kind.EVALUATION, ((Role.EVALUATES, (length + 1) // 2, True),))]
    # Of four at most: the first, the one that was measured, the last and the one before it.
    assert check(log, [], [length], [], len(log)) == max(0, length - 4)
    assert check(log, [], [length], [length - 2], length) == (length - 4 if length > 4 else 0)
