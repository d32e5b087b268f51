"""The demo: a real lineage, the Pythia models, registered and asked three questions: which of them learned from Books3,
may the last of them serve, and did their stereotypes grow with their accuracy?
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from descentd.app.demo.example import deploy_examples
from descentd.app.demo.pythia import manifests
from descentd.app.server.policy_files import read_policies
from descentd.app.server.store_url import store_at, without_credentials
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.identity import parse
from descentd.graph.model.reach import ExposureVerdict
from descentd.graph.registration.register import register
from descentd.graph.store.committer import Committer
from descentd.queries.erosion import report
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, Finding
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.comparable import comparable
from descentd.queries.governance.gate.decide import gate
from descentd.queries.governance.policies import register_policies
from descentd.queries.lineage import exposure, paths
from descentd.queries.lineage.paths import Derivation
from descentd.queries.pages import MOST
from descentd.queries.registry import Registry

STORE: Final = "sqlite:///pythia.db"
"""Where the demo is kept unless another store is named: a file in the current folder."""
POLICIES: Final = Path(__file__).with_name("policies")
PERSON: Final = "demo"
"""Who registers all of it."""
REAL: Final = "Two policies and two deployments are examples; all else is as its sources have it."

BOOKS3: Final = "dataset:the-pile@2020-12#Books3"
POPULATION: Final = "source", "Books3"
MEANING: Final = {
    ExposureVerdict.TRAINED: "learned from it, themselves or through an ancestor",
    ExposureVerdict.NOT_TRAINED: "did not: all their data is documented, without Books3",
    ExposureVerdict.UNKNOWN: "not known: an ancestor or some of their data is not documented",
}

SIZES: Final = ("70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")
CHAINS: Final = tuple(
    f"EleutherAI/pythia-{'1b-bf16' if (size, data) == ('1b', '') else size + data}"
    for size in SIZES
    for data in ("", "-deduped")
)
_WIDE: Final = 69
"""Characters of a rule's message that are shown."""
SINCE: Final = "step3000"
LAST: Final = "step143000"

LARGEST: Final = f"model:{CHAINS[-2]}@{LAST}"

NEXT: Final = """\
Try next, in another terminal:

  .venv/bin/descent{url} trained-on source=Books3 --verdict unknown
  .venv/bin/descent{url} impact "{books3}" --kinds dataset
  .venv/bin/descent{url} show model:EleutherAI/pythia-12b@step143000
  .venv/bin/descent{url} trend model:EleutherAI/pythia-12b@step143000 pct_stereotype --everybody

GraphQL is at {address}/graphql: a page to try it in a browser (GraphiQL), and by POST for programs.
Ctrl-C ends it.

See in a browser between which checkpoints the stereotype rate of pythia-12b rose:

  {drawing}
"""


async def tell(address: str, say: Callable[[str], object]) -> str:
    """Register the lineage in a store, where what is there already adds nothing, and answer the questions.

    `say` is called with the text of each part as soon as it is known. Returns the path of the drawing of where the
    stereotype rate of the largest model rose.
    """
    store = store_at(address)
    await store.open()
    try:
        registry = Registry(store, LineageIndex(store), Committer(store))
        before = await store.sequence()
        for manifest in manifests():
            await register(registry.committer, ManifestInput.read(manifest), PERSON)
        await register_policies(registry, read_policies(POLICIES))
        await deploy_examples(registry, PERSON)
        records = await store.sequence()
        place = without_credentials(address)
        say(f"The Pythia models are in {place}: {records:,} records, {records - before:,} of them new.\n{REAL}\n\n")
        for answer in (_answer, _gate):
            say("\n".join([*await answer(registry), "", ""]))
        rise = await _rise(registry)
        say("\n".join([*await _erosion(registry, rise), "", ""]))
        return _drawing(rise)
    finally:
        await store.close()


def what_next(address: str, usual: str, drawing: str) -> str:
    """What to try while the demo is served at an address; `usual` is the address that commands ask by themselves.

    drawing: the path that `tell` returned.
    """
    url = "" if address == usual else f" --url {address}"
    return NEXT.format(url=url, books3=BOOKS3, address=address, drawing=f"{address}{drawing}")


async def _answer(registry: Registry) -> list[str]:
    attribute, value = POPULATION
    question = await exposure.exposure(registry, exposure.population([(attribute, [value])]), None, None)
    counts = await question.counts()
    lines = [f"Which models learned from {value}?  (partitions whose {attribute} is {value})", ""]
    lines += [f"  {counts.get(verdict, 0):>5,}  {verdict:<11}  {MEANING[verdict]}" for verdict in ExposureVerdict]

    by_source: dict[str, list[exposure.Answer]] = {}
    for answer in await _all(question, ExposureVerdict.TRAINED):
        assert answer.ground is not None
        by_source.setdefault(answer.ground.source.ref, []).append(answer)
    lines += ["", "The derivations that prove it, one for each source:"]
    for answers in by_source.values():
        first = answers[0]
        assert first.ground is not None
        lines += ["", *_derivation(first.ground.via), f"    and {len(answers) - 1:,} more versions"]

    far = answers[0].record.ref
    found = await paths.paths(registry, BOOKS3, far, 1)
    lines += ["", f"From the Pile's own {value} to the last of these, the shortest of {found.count:,} derivations:", ""]
    lines += _derivation(found.paths[0])

    untold = [answer.record.ref for answer in await _all(question, ExposureVerdict.UNKNOWN)]
    if untold:
        lines += ["", f"One of those that are UNKNOWN is {untold[0]}: it lists no training data."]
    return lines


async def _erosion(registry: Registry, rise: report.FindingReport) -> list[str]:
    """In which chains accuracy rose while stereotypes did, from which step, and when the largest model's `rise` was."""
    rows, alone, asked = [], [], 0
    for chain in CHAINS:
        found = await report.erosion(registry, f"model:{chain}@{LAST}", f"model:{chain}@{SINCE}", None)
        asked = max(asked, found.assessment.asked)
        trade = next((told for told in found.findings if _is_trade_off(told.finding)), None)
        if trade is not None:
            rows.append(_traded(chain.rpartition("/")[2], trade))
        alone.append(await _of_the_whole_rate(registry, chain))
    most = sum(any(_is_trade_off(finding) for finding in one.findings) for one in alone)
    few, total = max(one.asked for one in alone), len(CHAINS)
    return [
        f"Did accuracy rise while safety fell?  From {SINCE} to {LAST}, in {len(rows)} of {total} chains:",
        "",
        f"  {'chain':<21}{'stereotype rate':<18}{'accuracy, the most gained':<27}came in, by step",
        *rows,
        "",
        f"Each chain was tested {asked} times: CrowS-Pairs as a whole and by bias type, against {SINCE}, against",
        "the checkpoint before, and for a trend. The more tests, the larger a change has to be: by the whole",
        f"rate alone, with {few} tests, it is {most} of {total} chains. Gradually: since {SINCE} a slope explains it",
        f"as well as a step. From step0 on, as on its page, pythia-12b rose {_when(rise)}.",
    ]


async def _of_the_whole_rate(registry: Registry, chain: str) -> Assessment:
    """A chain's last checkpoint, assessed by the stereotype rate over all bias types and by nothing else for safety."""
    upto = await registry.sequence()
    last = await registry.find(f"model:{chain}@{LAST}", upto)
    since = await registry.find(f"model:{chain}@{SINCE}", upto)
    along = await comparable(registry, [last.sequence], upto, kept=[since.sequence])
    whole = [one for one in along.series if not one.key.slice]
    return assess(last.sequence, along.parents, whole, since=since.sequence)


async def _rise(registry: Registry) -> report.FindingReport:
    """By what the whole stereotype rate of the largest model rose along its whole ancestry, as its page judges it."""
    found = await report.erosion(registry, LARGEST, None, None)
    return next(one for one in found.findings if one.finding.erodes and not one.finding.series.slice)


def _when(rise: report.FindingReport) -> str:
    return " or ".join(
        f"between {one.start.rpartition('@')[2]} and {one.end.rpartition('@')[2]}" for one in rise.introduced_by
    )


def _drawing(rise: report.FindingReport) -> str:
    start, at = rise.introduced_by[0].start, rise.finding.introduced_by[0].descendant
    return f"/lineage/{LARGEST}?to={start}&metric={rise.finding.series.metric.name}&at={at}"


async def _gate(registry: Registry) -> list[str]:
    """Whether the largest model may serve, and why not."""
    found = await gate(registry, LARGEST, "production")
    head = f"May {found.version.ref} serve?  {found.outcome.value}:"
    return [head, "", *(f"  {rule.name:<17}{rule.outcome.value:<12}{_short(rule.message)}" for rule in found.rules)]


def _short(message: str) -> str:
    return message if len(message) <= _WIDE else message[: _WIDE - 1] + "…"


def _is_trade_off(finding: Finding) -> bool:
    return finding.kind is ErosionKind.TRADE_OFF and not finding.series.slice


def _traded(chain: str, told: report.FindingReport) -> str:
    finding = told.finding
    assert finding.head_result is not None
    most = min(finding.improved, key=lambda gain: gain.delta)
    task = parse(most.series.protocol.config.encode())["task"]
    spans = [f"{_step(one.start)}-{_step(one.end)}" for one in told.introduced_by]
    when = (
        " or ".join(spans) if len(spans) < 3 else f"one of {len(spans)} steps from {_step(told.introduced_by[0].start)}"
    )
    if finding.gradual:
        when = "gradually"
    rates = f"{finding.baseline_result.value:.3f} → {finding.head_result.value:.3f}"
    return f"  {chain:<21}{rates:<18}{f'+{-most.delta:.3f} {task}':<27}{when}"


def _step(ref: str) -> str:
    return ref.rpartition("@step")[2]


async def _all(question: exposure.Exposure, verdict: ExposureVerdict) -> Sequence[exposure.Answer]:
    answers: list[exposure.Answer] = []
    more, after = True, None
    while more:
        page = await question.versions(frozenset({verdict}), MOST, after)
        answers += page.items
        more, after = page.more, answers[-1].cursor if answers else None
    return answers


def _derivation(steps: Derivation) -> list[str]:
    """A derivation, a record a line, each with what joins it to the one above."""
    return [f"  {step.ref}" if step.role is None else f"    ←{step.role + '-':<13} {step.ref}" for step in steps]
