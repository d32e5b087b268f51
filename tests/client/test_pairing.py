"""`descent pair`: two files of items, against scipy, statsmodels' formulas and brute force."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from descent.cli import app
from descent.errors import InvalidManifest
from descent.pairing import Item, pair_items


def lines(values: dict[str, Any], **more: dict[str, Any]) -> str:
    rows = [
        {"item": name, "value": value} | {key: given[name] for key, given in more.items() if name in given}
        for name, value in values.items()
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_right_and_wrong_items_are_counted_by_how_they_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(lines({"1": 0, "2": 1, "3": 1, "4": 0, "5": 0, "only a": 1}))
    (tmp_path / "b").write_text(lines({"5": 1, "4": 1, "3": True, "2": 0, "1": 0}))
    asked = ["pair", str(tmp_path / "a"), str(tmp_path / "b"), "--subject", "model:m@1", "--metric", "toxic_frac"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    (metric,) = json.loads(result.stdout)
    pair = {"subject": "model:m@1", "n01": 2, "n10": 1}
    assert metric == {"name": "toxic_frac", "value": 0.6, "n": 5, "paired_with": [pair]}
    assert "1 item is in one file only" in result.stderr


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 3)), min_size=2, max_size=30))
def test_errors_in_clusters_are_those_of_the_definition(drawn: list[tuple[float, float, int]]) -> None:
    before = [Item(str(i), a, (), str(c)) for i, (a, _, c) in enumerate(drawn)]
    after = [Item(str(i), b, (), str(c)) for i, (_, b, c) in enumerate(drawn)]
    (found,) = pair_items(before, after)
    a, b, c = (np.array(column) for column in zip(*drawn, strict=True))

    def variance(values: Any) -> float:
        apart = values - values.mean()
        pairs = apart[:, None] * apart[None, :] * (c[:, None] == c[None, :])
        return float(pairs.sum()) / len(values) ** 2

    assert found.stderr == pytest.approx(math.sqrt(max(0.0, variance(b))), abs=1e-7)
    assert found.variance == pytest.approx(variance(b - a), abs=1e-12)
    assert found.clusters == len(set(c.tolist()))
    assert found.value == pytest.approx(b.mean())


def test_without_clusters_the_variance_of_the_mean_difference_is_the_usual_one() -> None:
    values = {"1": (0.2, 0.5), "2": (0.4, 0.1), "3": (0.9, 0.95)}
    (found,) = pair_items(
        [Item(name, a) for name, (a, _) in values.items()], [Item(name, b) for name, (_, b) in values.items()]
    )
    differences = np.array([b - a for a, b in values.values()])
    assert found.variance == pytest.approx(differences.var() / 3)
    assert (found.n01, found.n10, found.clusters) == (None, None, None)


def test_slices_are_paired_by_themselves() -> None:
    old = (("age_group", "65+"),)
    before = [Item("1", 0), Item("1", 1, old)]
    after = [Item("1", 1), Item("1", 0, old)]
    assert [(one.slice, one.n01, one.n10) for one in pair_items(before, after)] == [((), 1, 0), (old, 0, 1)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no", "expected JSON"),
        ("[]", "expected an object"),
        ('{"item": "1", "value": 1, "weight": 2}', "expected an object"),
        ('{"item": true, "value": 1}', "a text or a whole number"),
        ('{"item": "1", "value": NaN}', "a finite number"),
        ('{"item": "1", "value": "1"}', "a finite number"),
        ('{"item": "1", "value": 1, "slice": {"a": 1}}', "attributes and texts"),
        ('{"item": "1", "value": 1, "cluster": []}', "a text or a whole number"),
    ],
)
def test_what_is_no_item_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(InvalidManifest, match=said):
        Item.read(line, "a.ndjson, line 3")


def test_an_item_twice_and_no_item_in_common_are_refused() -> None:
    with pytest.raises(InvalidManifest, match="given twice"):
        pair_items([Item("1", 0), Item("1", 1)], [Item("1", 0)])
    with pytest.raises(InvalidManifest, match="in both files"):
        pair_items([Item("1", 0)], [Item("2", 0)])
