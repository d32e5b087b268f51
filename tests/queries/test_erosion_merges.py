"""What is found where lines were merged: against each branch, and where the branches disagree."""

import math
from dataclasses import replace

import pytest

from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.pairs import compare
from tests.queries.ancestries import CONFLICT, CUMULATIVE, STEP, kinds, metric, one, series

# ---- steps


def test_a_step_is_against_the_nearest_measured_ancestor_of_every_branch() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [3, 2]}
    assessment = assess(4, parents, [series({1: 0.1, 2: 0.11, 4: 0.3})])
    steps = [finding for finding in assessment.findings if finding.kind is STEP]
    assert {finding.baseline for finding in steps} == {1, 2}
    assert {finding.introduced_by for finding in steps} == {(Span(1, 4),), (Span(2, 4),)}
    assert steps[0].z == pytest.approx(0.2 / math.hypot(0.01, 0.01))
    assert assessment.asked == 3, "two steps, and whether the merged lines agree"


# ---- merges


def test_merged_lines_that_disagree_are_a_warning() -> None:
    parents = {0: [], 1: [], 2: [0, 1]}
    assessment = assess(2, parents, [series({0: 0.1, 1: 0.2, 2: 0.1})])
    conflict = one(assessment, CONFLICT)
    assert (conflict.baseline, conflict.head, conflict.delta) == (0, 1, 0.1)
    assert conflict.z == pytest.approx(0.1 / math.hypot(0.01, 0.01))
    assert assessment.verdict is not ErosionVerdict.ERODED
    assert conflict.introduced_by == ()


def test_of_three_lines_the_farthest_pair_is_corrected_for_the_choice() -> None:
    parents = {0: [], 1: [], 2: [], 3: [0, 1, 2]}
    values = {0: 0.10, 1: 0.12, 2: 0.15, 3: 0.1}
    conflict = one(assess(3, parents, [series(values)]), CONFLICT)
    pair = compare(metric(), Result(0.15, 0.01), Result(0.10, 0.01))
    assert pair is not None
    assert pair.p is not None
    assert (conflict.baseline, conflict.head) == (0, 2)
    assert conflict.p == pytest.approx(1 - (1 - pair.p) ** 3)


def test_lines_of_one_parent_or_above_one_another_do_not_conflict() -> None:
    above = {0: [], 1: [0], 2: [1, 0]}
    assert CONFLICT not in kinds(assess(2, above, [series({0: 0.1, 1: 0.5, 2: 0.1})]))
    one_parent = {0: [], 1: [], 2: [0, 1], 3: [2]}
    assert CONFLICT not in kinds(assess(3, one_parent, [series({0: 0.1, 1: 0.5, 3: 0.1})]))


def test_the_line_that_brought_it_into_a_merge_is_named() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [2], 5: [3, 4], 6: [5]}
    values = {0: 0.1, 1: 0.1, 2: 0.3, 3: 0.1, 4: 0.3, 5: 0.3, 6: 0.3}
    assert one(assess(6, parents, [series(values)]), CUMULATIVE).introduced_by == (Span(0, 2),)
    roots = {0: [], 1: [], 2: [0, 1], 3: [2]}
    assert one(assess(3, roots, [series({0: 0.1, 1: 0.3, 2: 0.3, 3: 0.3})]), CUMULATIVE).introduced_by == (Span(1, 2),)


@pytest.mark.parametrize("stderr", [0.01, None])
@pytest.mark.parametrize("values", [{1: 0.1, 2: 0.5}, {1: 0.5, 2: 0.1}])
def test_that_parents_disagree_is_no_improvement_of_their_child(values: dict[int, float], stderr: float | None) -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2]}
    found = assess(3, parents, [series(values, stderr=stderr)])
    conflict = one(found, CONFLICT)
    assert (values[conflict.baseline], values[conflict.head], conflict.delta) == (0.1, 0.5, 0.4)
    assert (conflict.z is None) == (conflict.p is None) == (conflict.q is None) == (stderr is None)
    assert conflict.z is None or conflict.z > 0
    assert found.p == (None if stderr is None else 1.0), "nothing was asked that erodes"
    assert found.verdict is ErosionVerdict.UNKNOWN
    assert found.improved == ()


def test_what_erodes_comes_before_a_conflict_that_is_surer() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2]}
    given = series({1: 0.1, 2: 0.5}, stderr=0.001)
    found = assess(3, parents, [replace(given, results={**given.results, 3: Result(0.55, 0.02)})])
    conflict, steps = one(found, CONFLICT), [each for each in found.findings if each.erodes]
    assert steps
    assert conflict.q is not None
    assert all(conflict.q < step.q for step in steps if step.q is not None)
    assert found.findings.index(conflict) >= len(steps)
