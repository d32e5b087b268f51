"""The catalogue of texts: whatever a page asks for is there, and what is there is asked for."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from markupsafe import Markup

from descentd.app import explorer
from descentd.app.explorer.words import Words

ROOT = Path(str(files(explorer)))
ASKED = re.compile(r"""\b(?:t|_?words)[(\[]\s*f?["']([\w.-]+)(\{|["']( ?~)?)(?=([^)]*\bn=)?)""")


OTHERS = re.compile(r"""_word\(["'](\w+)|["']((?:record|sign_in|lineage)\.(?!html|css|js)[\w.]+)(\{|["'])""")
"""Words for the values of an enumeration, and keys that are chosen first and asked for later."""


@dataclass(frozen=True)
class Use:
    """How a key is asked for: as the beginning of keys, with a count."""

    beginning: bool
    counted: bool


def asked_for() -> dict[str, Use]:
    """The keys that templates and pages ask for."""
    found: dict[str, Use] = {}
    for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.html")]:
        text = path.read_text("utf-8")
        for match in ASKED.finditer(text):
            counted = match[4] is not None or (match[1] in found and found[match[1]].counted)
            found[match[1]] = Use(match[2].startswith("{") or match[3] is not None, counted)
        for match in OTHERS.finditer(text):
            found[f"{match[1]}." if match[1] else match[2]] = Use(match[1] is not None or match[3] == "{", False)
    return found


def test_whatever_is_asked_for_is_there() -> None:
    words = Words.of()
    for key, use in asked_for().items():
        if not use.beginning:
            assert not use.counted or (f"{key}.one" in words and f"{key}.other" in words), key
            assert use.counted or key in words or f"{key}.other" in words, key


def test_whatever_is_there_is_asked_for() -> None:
    asked = asked_for()
    beginnings = tuple(key for key, use in asked.items() if use.beginning)
    own = {"language", "format.months", "format.day", "format.moment"}
    for key in Words.of().known:
        plain = re.sub(r"\.(one|other)$", "", key)
        assert plain in asked or key in own or key.startswith(beginnings), key


def test_no_text_with_markup_is_asked_for_by_what_is_no_template() -> None:
    code = "\n".join(path.read_text("utf-8") for path in ROOT.rglob("*.py"))
    words = Words.of()
    marked = [key for key in words.known if re.search(r"<\w|&\w+;", words[key])]
    assert marked
    for key in marked:
        assert f'"{key}"' not in code, key


def test_texts_escape_what_is_put_into_them_for_templates_alone() -> None:
    words = Words({"format": {"months": "J"}, "a": "<b>{x}</b>", "n": {"one": "{n} dog", "other": "{n} dogs"}})
    assert words.markup("a", x="<i>") == "<b>&lt;i&gt;</b>"
    assert words("a", x="<i>") == "<b><i></b>", "whoever shows it escapes it"
    assert not isinstance(words("a", x=""), Markup)
    for written in (words, words.markup):
        assert [written("n", n=n) for n in (1, 2000)] == ["1 dog", "2,000 dogs"]
    with pytest.raises(KeyError):
        words("a")
    with pytest.raises(KeyError):
        words("nowhere")
