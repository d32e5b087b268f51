"""Plain texts are told without our checks, which must leave each of them as it is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.inputs import acts, plain
from descentd.graph.inputs.base import Digest, Id, Input, Name, Prose, Ref, Value
from descentd.graph.inputs.evaluations import MetricName
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.inputs.plain import Plain
from descentd.graph.model.errors import Invalid
from tests.support.effort import some_of


class Texts(Input):
    """A text of each kind."""

    name: Name | None = None
    value: Value | None = None
    prose: Prose | None = None
    ref: Ref | None = None
    digest: Digest | None = None
    id: Id | None = None
    metric: MetricName | None = None


KINDS: dict[str, Any] = {"name": Name, "value": Value, "prose": Prose, "ref": Ref, "digest": Digest, "id": Id}
KINDS["metric"] = MetricName
FIELDS = sorted(KINDS)
ANY = st.text(max_size=300)
LIKELY = st.text(st.sampled_from("abAB09_-./@#: \t\n~!é²\u200d\u202e"), max_size=12)
REFS = st.builds("{}:{}@{}{}".format, st.sampled_from(["model", "dataset", "metric"]), LIKELY, LIKELY, LIKELY)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{62,66}\n?", fullmatch=True)
LONG = st.builds(lambda text, n: text * n, st.sampled_from(["a", "a/", "é", " "]), st.integers(150, 1100))


def read_exactly(given: dict[str, Any]) -> Input | list[tuple[str, str | None]]:
    try:
        return Texts.model_validate(given)
    except ValueError:
        return []


def read(given: dict[str, Any]) -> Input | list[tuple[str, str | None]]:
    try:
        return Texts.read(given)
    except Invalid:
        return []


@given(st.sampled_from(FIELDS), ANY | LIKELY | REFS | DIGESTS | LONG | st.from_regex(r"[0-9A-Za-z_./-]{1,20}"))
@settings(max_examples=some_of(2000))
def test_what_is_read_is_what_the_checks_make_of_it(field: str, text: str) -> None:
    assert read({field: text}) == read_exactly({field: text})


@pytest.mark.parametrize("field", FIELDS)
@given(data=st.data())
def test_plain_texts_pass_the_checks_unchanged(field: str, data: st.DataObject) -> None:
    [own] = [part for part in KINDS[field].__metadata__ if isinstance(part, Plain)]
    text = data.draw(st.from_regex(re.compile(own.pattern, re.ASCII)))[: own.longest]
    if re.search(own.pattern, text) and not text.endswith("\n"):  # `$` is before it in Python's patterns alone
        assert getattr(Texts.model_validate({field: text}), field) == text


@pytest.mark.parametrize("wrong", [1, None, [], True, 0.5, {"a": "b"}])
def test_what_is_no_text_is_refused(wrong: object) -> None:
    with pytest.raises(Invalid) as refused:
        ManifestInput.read({"models": [{"name": wrong, "version": "1"}]})
    assert [problem.field for problem in refused.value.problems] == ["models[0].name"]


BLANK = "\u200b\u200d\u2060\ufeff\u2800\u3164\u115f\u00ad\u2028\u202e\u3000\u00a0\U000e0020\x00\x1b \t\r\n"


@given(st.text(st.sampled_from(BLANK), min_size=1))
def test_a_text_in_which_nothing_can_be_seen_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Texts.read({"prose": text})
    [problem] = refused.value.problems
    assert problem.message.endswith(": write a sentence or leave the field out.")
    assert Texts.read({"prose": f"{text}\u0939{text}"}).prose == f"{text}\u0939{text}"


def kinds_of_inputs(kind: type[Input] = Input) -> Iterator[type[Input]]:
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of_inputs(one)


STATEMENTS = sorted(
    {
        (kind, field.alias or name)
        for kind in kinds_of_inputs()
        if kind.__module__ == acts.__name__
        for name, field in kind.model_fields.items()
        if repr(plain.PROSE) in f"{field.annotation} {field.metadata}"
    },
    key=str,
)


def test_the_texts_of_all_acts_are_found() -> None:
    found = {(kind.__name__, field) for kind, field in STATEMENTS}
    assert {(f"{act}Input", "reason") for act in ("Flag", "Retraction", "Resolution", "EndDeployment")} <= found
    assert {("ReviewInput", "reason"), ("ReviewInput", "conditions"), ("ClaimedInput", "source")} <= found
    assert {("IncidentInput", "title"), ("IncidentInput", "description")} <= found


@pytest.mark.parametrize(("kind", "field"), STATEMENTS)
@pytest.mark.parametrize("character", ["\u202d", "\u202e"])
def test_no_text_turns_around_how_what_follows_is_shown(kind: type[Input], field: str, character: str) -> None:
    found: dict[str, str] = {}
    for text in (f"a{character}b", [f"a{character}b"]):
        with pytest.raises(Invalid) as refused:
            kind.read({field: text})
        found |= {problem.message: problem.field or "" for problem in refused.value.problems}
    place = found[f"The text contains the invisible character U+{ord(character):04X}: leave it out."]
    assert place.partition("[")[0] == field


@pytest.mark.parametrize(
    "text",
    [
        "\u05e9\u05dc\u05d5\u05dd (a) \u200f!",
        "\u2067\u0639\u0631\u2069 b",
        "\U0001f469\u200d\U0001f4bb \u2764\ufe0f",
        "a\u00adb\n\tc",
    ],
)
def test_texts_of_all_scripts_are_taken(text: str) -> None:
    assert Texts.read({"prose": text}).prose == text
