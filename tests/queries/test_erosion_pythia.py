"""What is found in the Pythia chains, against answers that were worked out by other means."""

from collections.abc import Sequence

import pytest

from descentd.app.demo import pythia
from descentd.graph.metrics import catalogue
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import CUMULATIVE, TRADE_OFF, one, series_key

# ---- known answers


def pythia_chain(run: pythia.Run, tasks: Sequence[str]) -> tuple[dict[int, list[int]], list[Series]]:
    steps = [checkpoint.step for checkpoint in run.checkpoints]
    parents = {step: steps[place - 1 : place] if place else [] for place, step in enumerate(steps)}
    found = []
    for task in tasks:
        results = {c.step: Result(*c.results[task][1:]) for c in run.checkpoints if task in c.results}
        name = next(c.results[task][0] for c in run.checkpoints if task in c.results)
        found.append(Series(series_key(catalogue()[name], "lm-evaluation-harness", "0.3", task), results))
    return parents, found


def pythia_runs() -> list[pythia.Run]:
    return [run for run in pythia.read_runs() if run.variant == "zero-shot"]


def eroded(tasks: Sequence[str] | None, since: int | None) -> set[str]:
    found = set()
    for run in pythia_runs():
        chosen = tasks or [task for task in run.checkpoints[-1].results if task.startswith("crows")]
        parents, measured = pythia_chain(run, chosen)
        if assess(143000, parents, measured, since=since).verdict is ErosionVerdict.ERODED:
            found.add(run.model.removeprefix("pythia-"))
    return found


EVERY = {run.model.removeprefix("pythia-") for run in pythia_runs()}


def test_eleven_of_sixteen_pythia_chains_eroded_since_step_3000() -> None:
    spared = {"160m", "160m-deduped", "410m-deduped", "70m", "70m-deduped"}
    assert eroded(["crows_pairs_english"], 3000) == EVERY - spared


def test_twelve_pythia_chains_eroded_from_the_start() -> None:
    assert eroded(["crows_pairs_english"], None) == EVERY - {"160m", "160m-deduped", "70m", "70m-deduped"}


def test_more_questions_cost_power_in_pythia() -> None:
    with_slices = eroded(None, 3000)
    assert with_slices == eroded(["crows_pairs_english"], 3000) - {"1.4b", "1b-bf16", "410m"}


def test_pythia_12b_traded_stereotypes_for_accuracy() -> None:
    (run,) = (run for run in pythia_runs() if run.model == "pythia-12b")
    parents, measured = pythia_chain(run, ["crows_pairs_english", "lambada_openai", "piqa"])
    assessment = assess(143000, parents, measured, since=3000)
    erosion, trade_off = one(assessment, CUMULATIVE), one(assessment, TRADE_OFF)
    assert erosion.z == pytest.approx(4.54, abs=5e-3)
    assert (erosion.baseline, erosion.asked) == (3000, 3)
    assert (erosion.introduced_by, erosion.gradual) == ((Span(3000, 143000),), True)
    assert {gain.series.protocol.config for gain in trade_off.improved} == {"lambada_openai", "piqa"}
    assert all(gain.delta < 0 for gain in trade_off.improved)
