"""A value of another kind anywhere in a file is imported or refused with a reason: nothing else goes wrong."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.importers import importer
from descent.importers.draft import Context
from descent.importers.metrics import MetricTable
from descent.importers.runner import Run
from tests.client.importers import (
    test_croissant,
    test_cyclonedx,
    test_dvc,
    test_eee,
    test_garak,
    test_helm,
    test_openlineage,
)
from tests.client.importers.imports import write
from tests.support.effort import some_of

MODEL = {"datasetType": {"datasetType": "MODEL"}, "version": {"datasetVersion": "3"}}
EXAMPLES: dict[str, dict[str, Any]] = {
    "garak": {
        "x.report.jsonl": [
            test_garak.SETUP,
            test_garak.INIT,
            test_garak.attempt("a.B", "c.D", 1.0, None),
            test_garak.counts("a.B", "c.D", 0, 1, fails=1, nones=1, intents={"S": {"passed": 0, "total_evaluated": 1}}),
            test_garak.END,
        ]
    },
    "openlineage": {
        "e.jsonl": [
            *test_openlineage.PIPELINE[:2],
            test_openlineage.event("m", "COMPLETE", "2025", outputs=[test_openlineage.data("m", **MODEL)]),  # type: ignore[arg-type]
        ]
    },
    "croissant": {"c.json": test_croissant.dataset(inLanguage="en", **{"rai:dataBiases": ["x"]})},
    "eee": {"e.json": test_eee.log(test_eee.result())},
    "helm": {"run_spec.json": test_helm.SPEC, "stats.json": test_helm.STATS},
    "cyclonedx": {"b.json": test_cyclonedx.bom()},
    "dvc": {"dvc.lock": yaml.safe_load(test_dvc.LOCK), "dvc.yaml": yaml.safe_load(test_dvc.DESIGN)},
}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        1e400,
        float("nan"),
        2**70,
        "",
        " ",
        "text",
        "a@b",
        "../x",
        "\u202e",
        [],
        [[]],
        [None],
        {},
        {"a": 1},
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


def damaged(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    result = copy.deepcopy(value)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = odd
    return result


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=some_of(150))
@given(draw=st.data())
def test_an_odd_value_does_no_harm(name: str, draw: st.DataObject) -> None:
    files = EXAMPLES[name]
    file = draw.draw(st.sampled_from(sorted(files)))
    path = draw.draw(st.sampled_from(sorted(places(files[file]), key=repr)))
    content = damaged(files[file], path, draw.draw(ODD))
    with TemporaryDirectory() as folder:
        for other, given_ in files.items():
            written = content if other == file else given_
            lines = other.endswith(".jsonl") and isinstance(written, list)
            text = "".join(json.dumps(one) + "\n" for one in written) if lines else json.dumps(written)
            write(Path(folder) / other, text)
        run = Run(importer(name), Context(MetricTable(name), None if name == "croissant" else ("m", "1")))
        for outcome in run.outcomes([folder]):
            assert outcome.problems or outcome.draft is not None
            assert all(problem.message for problem in outcome.problems)
