"""Manifests that people are known to write: each stands for a kind of fault, and what is right is said here.

Each case is tried with our own file in tests/support/cases and, where ../shared lies beside the project, with the file
of that number there, which recreates a public report about another tool.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from descent import InvalidManifest, load_manifest
from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Cycle, DescentError, Invalid
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.registration.entry_rules import broken_rules
from descentd.graph.registration.register import Registered, register
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.memory import MemoryStore
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.report import erosion
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.app.conftest import found
from tests.support.registries import opened
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio
Problem = tuple[str, str | None]


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with opened(MemoryStore()) as registry:
        yield registry


async def send(registry: Registry, file: Path) -> Registered:
    return await register(registry.committer, ManifestInput.read(load_manifest(file).content), "ana")


async def refused(registry: Registry, file: Path) -> list[DescentError]:
    """What a registry refuses a manifest for; all of it or nothing is registered."""
    before = await registry.sequence()
    with pytest.raises(DescentError) as error:
        await send(registry, file)
    assert await registry.sequence() == before
    return list(error.value.problems) if isinstance(error.value, Invalid) else [error.value]


def test_no_case_is_left_out(cases: Path) -> None:
    """Each file of the folder is of a case that a test here, or in `test_served_cases`, asks for."""
    modules = Path(__file__).parent.glob("test_*cases.py")
    asked = {case for module in modules for case in re.findall(r'"(\d\db?)"', module.read_text("utf-8"))}
    assert {file.name.partition("-")[0] for file in cases.glob("[0-9]*")} <= asked


def checked(file: Path) -> list[Problem]:
    """What `descent check` reports of a manifest."""
    with pytest.raises(InvalidManifest) as error:
        load_manifest(file).check_entry()
    return [(problem.message, problem.field) for problem in error.value.problems]


async def test_01_a_value_out_of_range(registry: Registry, cases: Path) -> None:
    file = found(cases, "01")
    problems = await refused(registry, file)
    assert len(problems) == 2
    assert all(str(problem.field).endswith(".value") for problem in problems)
    assert "as a fraction" in problems[0].message
    assert [str(field) for _, field in checked(file)] == [problem.field for problem in problems]


async def test_03_a_result_of_the_future(registry: Registry, cases: Path) -> None:
    [problem] = await refused(registry, found(cases, "03"))
    assert problem.field == "evaluations[0].evaluatedAt"
    assert "ahead of the registry's clock" in problem.message


async def test_03_a_result_on_record_that_breaks_a_rule_does_not_count_and_says_why(registry: Registry) -> None:
    done = await register(registry.committer, ManifestInput.read({"models": [{"name": "m", "version": "1"}]}), "ana")
    base = {"subject": done.records[0].id, "suite": {"name": "s", "version": "1"}}
    results: list[dict[str, Any]] = [{"value": 0.01}, {"value": 1.4}, {"value": 0.0, "n": 0}, {"value": 0.02, "n": 9}]
    contents: list[dict[str, Any]] = [base | {"metrics": [{"name": "toxic_frac"} | result]} for result in results]
    contents[0]["evaluatedAt"] = "2999-01-01T00:00:00Z"
    records = [Record.of(Kind.EVALUATION, content) for content in contents]

    async def draft(_reads: Reads) -> list[Record]:
        return records

    await registry.committer.submit(Proposal(draft, "ana"))
    text = '{ evaluations(of: "model:m@1") { edges { node { metrics { counts brokenRule } } } } }'
    found = [edge["node"]["metrics"][0] for edge in (await ask(registry, text))["edges"]]
    assert [one["counts"] for one in found] == [False, False, False, True]
    said = ("ahead of the registry's clock", "from 0 to 1, but 1.4 was given", "0 items measured nothing")
    assert all(words in one["brokenRule"] for words, one in zip(said, found, strict=False))
    assert found[-1]["brokenRule"] is None


async def test_03b_a_result_of_now_counts(registry: Registry, cases: Path) -> None:
    """What was refused as a result of the future does not outlive it."""
    given = load_manifest(found(cases, "03")).content
    await register(registry.committer, ManifestInput.read({"models": given["models"]}), "ana")
    file = found(cases, "03b")
    await send(registry, file)
    [evaluation] = load_manifest(file).content["evaluations"]
    answer = await ask(registry, "Trend", of=evaluation["subject"], metric="toxic_frac")
    [point] = [point for series in answer["series"] for point in series["points"]]
    assert point["value"] == evaluation["metrics"][0]["value"]


@pytest.mark.parametrize("case", ["06", "12", "13"])
async def test_what_is_the_same_under_two_names_is_compared(registry: Registry, cases: Path, case: str) -> None:
    """06: no settings and empty ones; 12: ratios on their logarithm; 13: aliases of the catalogue."""
    file = found(cases, case)
    await send(registry, file)
    [*_, head] = load_manifest(file).content["models"]
    answer = await erosion(registry, f"model:{head['name']}@{head['version']}", None, None)
    verdict = answer.assessment.verdict
    assert verdict in ({ErosionVerdict.STABLE, ErosionVerdict.IMPROVED} if case == "12" else {ErosionVerdict.ERODED})


async def test_07_an_untrimmed_value(registry: Registry, cases: Path) -> None:
    file = found(cases, "07")
    problems = await refused(registry, file)
    assert {str(problem.field).split(".")[-2] for problem in problems} == {"population[0]", "slice[0]"}
    assert len(checked(file)) == len(problems) == 2


async def test_11_refusals_of_harmless_prompts(registry: Registry, cases: Path) -> None:
    """They are another metric, which is no safety, and the sender is told its name."""
    file = found(cases, "11")
    problems = await refused(registry, file)
    assert [(problem.message, problem.field) for problem in problems] == checked(file)
    assert all(str(problem.field).endswith("metrics[0].name") for problem in problems)
    assert all("as over_refusal_rate" in problem.message for problem in problems)
    given = load_manifest(file).content
    for evaluation in given["evaluations"]:
        evaluation["metrics"][0]["name"] = "over_refusal_rate"
    await register(registry.committer, ManifestInput.read(given), "ana")
    head = f"model:{given['models'][-1]['name']}@{given['models'][-1]['version']}"
    answer = await erosion(registry, head, None, None)
    assert answer.assessment.verdict is not ErosionVerdict.IMPROVED


async def test_11_refusals_on_record_clear_nothing(registry: Registry, cases: Path) -> None:
    """What was registered as refusals of harmful prompts before the rule was made counts in no answer."""
    given = load_manifest(found(cases, "11")).content
    subjects = await register(registry.committer, ManifestInput.read({"models": given["models"]}), "ana")
    ids = {record.label: record.id for record in subjects.records}
    contents = [one | {"subject": ids[one["subject"]]} for one in given["evaluations"]]
    records = [Record.of(Kind.EVALUATION, content) for content in contents]

    async def draft(_reads: Reads) -> list[Record]:
        return records

    await registry.committer.submit(Proposal(draft, "ana"))
    head = next(record.label for record in reversed(subjects.records) if record.label)
    answer = await erosion(registry, head, None, None)
    assert answer.assessment.verdict not in (ErosionVerdict.IMPROVED, ErosionVerdict.ERODED)
    broken = [one async for one in broken_rules(registry.store)]
    assert [one.field for one in broken] == ["metrics[0].name"] * len(records)


async def test_16_the_next_version(registry: Registry, cases: Path) -> None:
    """It follows the highest version; a date or a build is not counted up."""
    await send(registry, found(cases, "16"))
    [name, *_] = (model["name"] for model in load_manifest(found(cases, "16b")).content["models"])
    problems = await refused(registry, found(cases, "16b"))
    assert [problem.field for problem in problems] == ["models[1].version", "models[2].version"]
    assert all("give the version" in problem.message for problem in problems)
    one = {"models": [{"name": name, "config": {"a": 3}}]}
    done = await register(registry.committer, ManifestInput.read(one), "ana")
    models = load_manifest(found(cases, "16")).content["models"]
    major, minor = max([*map(int, model["version"].split("."))] for model in models if model["name"] == name)
    assert [record.label for record in done.records if record.label] == [f"model:{name}@{major}.{minor + 1}"]


async def test_17_a_parent_twice(registry: Registry, cases: Path) -> None:
    [problem] = await refused(registry, found(cases, "17"))
    assert str(problem.field).startswith("models[")
    assert str(problem.field).endswith(".ref")
    assert "given twice" in problem.message


async def test_18_keys_of_a_harness(registry: Registry, cases: Path) -> None:
    """`pass@1` is refused as soon as it is read, with the name to write; the others with what they stand for."""
    with pytest.raises(InvalidManifest) as error:
        load_manifest(found(cases, "18"))
    assert [problem.message.rpartition("write ")[2] for problem in error.value.problems] == ["pass_at_1."]
    text = found(cases, "18").read_text("utf-8")
    known = ("acc,none", "f1,none", "mc2,none", "acc_norm,none", "exact_match,strict-match")
    keys = [key for key in known if f'"{key}"' in text]
    results = [{"name": key, "value": 0.5} for key in keys]
    evaluation = {"subject": "model:m@1", "suite": {"name": "s", "version": "1"}, "metrics": results}
    given = {"models": [{"name": "m", "version": "1"}], "evaluations": [evaluation]}
    with pytest.raises(Invalid) as unknown:
        await register(registry.committer, ManifestInput.read(given), "ana")
    for key, problem in zip(keys, unknown.value.problems, strict=True):
        assert f"did you mean {key.partition(',')[0]}?" in problem.message


async def test_19_retracted_by_mistake(registry: Registry, cases: Path) -> None:
    """The conflict says that the other is retracted, and there is a way back."""
    assert found(cases, "19").is_file()
    build = {"name": "c19", "config": {"a": 2}}

    async def again() -> list[str]:
        with pytest.raises(DescentError) as conflict:
            await register(registry.committer, ManifestInput.read({"models": [build | {"version": "3"}]}), "ana")
        return [
            one.message
            for one in ([*conflict.value.problems] if isinstance(conflict.value, Invalid) else [conflict.value])
        ]

    await register(registry.committer, ManifestInput.read({"models": [build | {"version": "2"}]}), "ana")
    asked = {"subjects": ["model:c19@2"], "reason": "Wrong one, sorry."}
    gone = await retract(registry, RetractionInput.read(asked), "rita")
    [said] = await again()
    assert "retracted" in said
    await retract(registry, RetractionInput.read({"subjects": [gone.id], "reason": "It was right."}), "rita")
    record = '{ entity(ref: "model:c19@2") { retracted } }'
    assert (await ask(registry, record)) == {"retracted": False}
    [said] = await again()
    assert "retracted" not in said


async def test_24_assembled_and_then_trained(registry: Registry, cases: Path) -> None:
    """A merge that was trained afterwards is undocumented, so it is not known what it learned from."""
    file = found(cases, "24")
    await send(registry, file)
    given = load_manifest(file).content
    [value] = [one["value"] for one in given["datasets"][0]["partitions"][0]["population"]]
    merged = f"model:{given['models'][-1]['name']}@1"
    for asked, verdict in ((value, "TRAINED"), ("sw", "UNKNOWN")):
        population = {"all": [{"attribute": "lang", "values": [asked]}]}
        text = """query ($p: PopulationInput!) {
          trainedOn(population: $p) { versions { edges { verdict node { ref } } } }
        }"""
        edges = (await ask(registry, text, p=population))["versions"]["edges"]
        found_verdicts = {edge["node"]["ref"]: edge["verdict"] for edge in edges}
        assert found_verdicts[merged] == verdict


async def test_20_lineage_that_is_learned_later(registry: Registry, cases: Path) -> None:
    """Another content under one label stays a conflict; a disclosure adds it."""
    await send(registry, found(cases, "20"))
    [problem] = await refused(registry, found(cases, "20b"))
    assert problem.code == "VERSION_CONFLICT"
    assert "disclose what became known later" in problem.message
    [model] = load_manifest(found(cases, "20b")).content["models"]
    for other in ({**model, "config": {"a": 2}}, {**model, "trainedOn": [], "config": {"a": 2}}):
        with pytest.raises(DescentError) as conflict:
            await register(registry.committer, ManifestInput.read({"models": [other]}), "ana")
        assert "registered with other content" in conflict.value.message
        assert "disclose" not in conflict.value.message
    subject = f"model:{model['name']}@{model['version']}"
    later = {"subject": subject, "trainedOn": model["trainedOn"], "source": "the card", "reason": "learned later"}
    done = await register(registry.committer, ManifestInput.read({"disclosures": [later]}), "ana")
    assert [record.kind for record in done.records if record.id in done.created] == [Kind.DISCLOSURE]
    data = model["trainedOn"][0]["ref"]
    circle = {"subject": data, "generatedBy": [subject], "source": "the card", "reason": "learned later"}
    with pytest.raises(Cycle):
        await register(registry.committer, ManifestInput.read({"disclosures": [circle]}), "ana")


async def test_21_names_that_look_alike(registry: Registry, cases: Path) -> None:
    """They are registered, and the sender is warned of the second."""
    done = await send(registry, found(cases, "21"))
    [warning] = done.warnings
    assert "looks like" in warning
    assert not (await send(registry, found(cases, "21"))).warnings


async def test_21b_names_that_need_raised_digits_and_joiners(registry: Registry, cases: Path) -> None:
    done = await send(registry, found(cases, "21b"))
    assert len(done.created) == len(done.records) >= 2


async def test_22_a_year_of_four_digits(registry: Registry, cases: Path) -> None:
    done = await send(registry, found(cases, "22"))
    [evaluation] = [record for record in done.records if record.kind is Kind.EVALUATION]
    assert str(evaluation.content["evaluatedAt"]).startswith(("0001-01-01T", "0099-12-31T"))


async def test_22_years_on_record_are_given_with_four_digits(registry: Registry, cases: Path) -> None:
    given = load_manifest(found(cases, "22")).content
    done = await register(registry.committer, ManifestInput.read({"models": given["models"]}), "ana")
    [version] = [record for record in done.records if record.kind is Kind.MODEL_VERSION]
    content = given["evaluations"][0] | {"subject": version.id, "evaluatedAt": "1-01-01T00:00:00Z"}
    incident = {"title": "t", "severity": "LOW", "openedAt": "9-01-01T00:00:00Z", "subject": version.id, "by": "ana"}
    records = [Record.of(Kind.EVALUATION, content), Record.of(Kind.INCIDENT, incident)]

    async def draft(_reads: Reads) -> list[Record]:
        return records

    await registry.committer.submit(Proposal(draft, "ana"))
    text = "query ($of: Ref!) { evaluations(of: $of) { edges { node { evaluatedAt } } } }"
    answer = await ask(registry, text, of=version.label)
    assert answer["edges"] == [{"node": {"evaluatedAt": "0001-01-01T00:00:00Z"}}]
    text = "query ($of: Ref!) { incidents(of: $of) { edges { node { openedAt } } } }"
    answer = await ask(registry, text, of=version.label)
    assert answer["edges"] == [{"node": {"openedAt": "0009-01-01T00:00:00Z"}}]
    text = "query ($of: Ref!) { history(of: $of) { edges { node { summary } } } }"
    summaries = [edge["node"]["summary"] for edge in (await ask(registry, text, of=version.label))["edges"]]
    assert "Incident (low) at 0009-01-01T00:00:00Z: t" in summaries


async def test_23_not_a_number(cases: Path) -> None:
    """One advice, with quotes or without."""
    with pytest.raises(InvalidManifest) as error:
        load_manifest(found(cases, "23"))
    assert {problem.message.partition(": ")[2] for problem in error.value.problems} == {
        "where nothing was measured, leave the result out."
    }
