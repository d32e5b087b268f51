"""`descentd demo` as its newcomer runs it: a process, a screen of text, a server that ends with Ctrl-C."""

import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from shutil import copyfile

import pytest

from tests.app.explorer.visiting import text_of, visiting
from tests.support import preloaded
from tests.support.server_process import SECONDS, Asking

COUNTS = """
query TrainedOn($population: PopulationInput!) {
  trainedOn(population: $population) { counts { verdict count } versions(first: 1) { totalCount } }
}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('demo') / 'pythia.db'}"


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "descentd.app", "demo", *options]


@pytest.fixture(scope="module")
def told(store: str) -> str:
    """What the first run says."""
    ran = preloaded.run(preloaded.SERVER, "demo", "--no-serve", "--store", store)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_the_question_is_answered_with_exact_counts_and_a_derivation_for_each_source(told: str) -> None:
    assert "4,157 records, 4,157 of them new" in told
    counts = {verdict: int(count) for count, verdict in re.findall(r"^ +(\d+)  ([A-Z_]+) ", told, re.MULTILINE)}
    assert counts == {"TRAINED": 546, "NOT_TRAINED": 0, "UNKNOWN": 16}
    others = [int(count) + 1 for count in re.findall(r"and (\d+) more versions", told)]
    assert sum(others) == counts["TRAINED"]
    derivation = """
  dataset:the-pile@2020-12#Books3
    ←INCLUDES-     dataset:the-pile@2020-12
    ←TRAINED_ON-   model:EleutherAI/pythia-70m@step1
"""
    assert derivation in told
    assert "One of those that are UNKNOWN is model:EleutherAI/pythia-70m@step0" in told


def test_it_tells_what_accuracy_was_paid_with(told: str) -> None:
    assert "in 8 of 16 chains" in told
    rows = re.findall(r"^  (pythia-\S+) +(0\.\d{3}) → (0\.\d{3}) +\+(0\.\d{3}) (\S+) +(.*)$", told, re.MULTILINE)
    assert len(rows) == 8
    assert all(float(before) < float(after) for _, before, after, *_ in rows)
    assert {task for *_, task, _ in rows} == {"lambada_openai"}
    assert ("pythia-12b", "gradually") in [(name, when) for name, *_, when in rows]


@pytest.mark.anyio
async def test_it_says_why_pages_name_the_checkpoints_between_which_a_rate_rose_that_it_calls_gradual(
    store: str, told: str, tmp_path: Path
) -> None:
    rose = " ".join(told[told.index("Gradually: since step3000") :].split())
    assert rose.startswith(
        "Gradually: since step3000 a slope explains it as well as a step. From step0 on, as on its page"
    )
    [(before, after)] = re.findall(r"pythia-12b rose between (step\d+) and (step\d+)\.", rose)
    copyfile(store.removeprefix("sqlite:///"), tmp_path / "pythia.db")
    last = "model:EleutherAI/pythia-12b@step143000"
    async with visiting(store=f"sqlite:///{tmp_path / 'pythia.db'}") as browser:
        for page in (f"/record/{last}", f"/trend/{last}?metric=pct_stereotype&slice=everybody"):
            text = text_of((await browser.get(page)).text)
            assert f"It came in between {before} and {after} : what was measured since is worse" in text


def test_it_ends_on_that_and_says_why_one_reads_of_eleven_chains_elsewhere(told: str) -> None:
    end = " ".join(told[told.index("Each chain was tested") : told.index("Gradually:")].split())
    assert end.startswith("Each chain was tested 33 times")
    assert end.endswith("by the whole rate alone, with 3 tests, it is 11 of 16 chains.")


def test_a_gate_fails_for_reasons_one_can_read(told: str) -> None:
    gate = told[told.index("May model:EleutherAI/pythia-12b@step143000 serve?  BLOCKED:") :]
    gate = gate[: gate.index("Did accuracy rise")]
    rules = dict(re.findall(r"^  (\S+) +(BLOCKED|INCOMPLETE|PASSED) ", gate, re.MULTILINE))
    assert rules == {
        "stereotype-rate": "BLOCKED",
        "no-erosion": "BLOCKED",
        "toxicity": "INCOMPLETE",
    }
    assert "Erosion is ERODED (CUMULATIVE_EROSION of pct_stereotype" in gate
    assert gate.rstrip().endswith("There is no result of toxicity_score.")


def test_it_fits_on_a_screen(told: str) -> None:
    lines = told.splitlines()
    assert len(lines) < 60
    assert all(len(line) <= 100 for line in lines[1:])  # the first names the file


def test_it_runs_again_adds_nothing_is_served_and_ends_with_ctrl_c(store: str, told: str) -> None:
    with subprocess.Popen(
        command("--port", "0", "--store", store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = threading.Timer(SECONDS, process.kill)
        deadline.start()
        assert process.stdout
        assert process.stderr
        said = ""
        while "Descent is ready at" not in said:
            line = process.stdout.readline()
            assert line, said + process.stderr.read()
            said += line
        url = said.rpartition("Descent is ready at ")[2].partition(",")[0]
        try:
            assert said.replace(", 0 of them new", ", 4,157 of them new").startswith(told)
            assert f"descent --url {url} trained-on" in said
            assert f"GraphQL is at {url}/graphql: a page to try it in a browser" in said
            opened = urllib.request.Request(f"{url}/graphql", headers={"Accept": "text/html"})
            with urllib.request.urlopen(opened) as answer:
                assert "graphiql" in answer.read().decode()
            drawing = next(line.strip() for line in said.splitlines() if "/lineage/" in line)
            assert drawing.startswith(url)
            with urllib.request.urlopen(drawing) as answer:
                page = text_of(answer.read().decode())
            assert "Lineage of EleutherAI/pythia-12b step143000" in page
            assert "EleutherAI/pythia-12b step3000 EleutherAI/pythia-12b step13000 trained further" in page
            terms = {"all": [{"attribute": "source", "values": ["Books3"]}]}
            answer = Asking(url).ask(COUNTS, population=terms)["data"]["trainedOn"]
            assert answer["versions"] == {"totalCount": 562}
            assert answer["counts"][0] == {"verdict": "TRAINED", "count": 546}
        finally:
            process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
        deadline.cancel()
    assert (process.returncode, rest, errors) == (0, "", "")


def test_it_needs_nothing_but_what_the_wheel_carries(tmp_path: Path) -> None:
    """Neither the checkout nor the folder that it is called in."""
    ran = preloaded.run(preloaded.SERVER, "demo", "--no-serve", folder=tmp_path)
    assert "sqlite:///pythia.db" in ran.stdout
    assert (tmp_path / "pythia.db").is_file()


@pytest.mark.anyio
async def test_there_is_something_to_do_in_the_browser_and_what_is_invented_says_so(
    store: str, told: str, tmp_path: Path
) -> None:
    assert "Two policies and two deployments are examples" in told
    last = "model:EleutherAI/pythia-12b@step143000"
    copyfile(store.removeprefix("sqlite:///"), tmp_path / "pythia.db")
    async with visiting(store=f"sqlite:///{tmp_path / 'pythia.db'}") as browser:
        card = text_of((await browser.get(f"/record/{last}")).text)
        assert "Be used for human-facing interactions." in card
        assert "Example: condensed from the model card at https://huggingface.co/EleutherAI/pythia-12b." in card
        serving = text_of((await browser.get("/serving")).text)
        assert serving.count("an example, invented for the demo: nobody serves this version") == 2
        deployed = text_of((await browser.get("/population?attribute=source&value=Books3")).text)
        assert "EleutherAI/pythia-6.9b step143000 learned from it" in deployed.partition("All versions")[0]
        assert "EleutherAI/pythia-12b step143000 demo" in text_of((await browser.get("/reviews")).text)
        gate = f"/gate/{last}?environment=demo"
        assert "◷ Waits for 1 person to say go" in text_of((await browser.get(gate)).text)
        sent = await browser.send(gate, "review", decision="GO", reason="Its limits are stated.", environment="demo")
        assert sent.status_code == 303
        assert "✓ Yes" in text_of((await browser.get(gate)).text)
