"""The catalogue of texts: whatever a page asks for is there, and what is there is asked for."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from descentd.app import explorer
from descentd.app.explorer.words import Words

ROOT = Path(str(files(explorer)))
ASKED = re.compile(r"""\b(?:t|words)[(\[]\s*f?["']([\w.-]+)(\{|["']( ?~)?)(?=([^)]*\bn=)?)""")


OTHERS = re.compile(r"""_word\(["'](\w+)|["']((?:record|sign_in|lineage)\.(?!html|css|js)[\w.]+)(\{|["'])""")
"""Words for the values of an enumeration, and keys that are chosen first and asked for later."""


def asked_for() -> dict[str, bool]:
    """The keys that templates and pages ask for, and whether they are beginnings of keys."""
    found: dict[str, bool] = {}
    for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.html")]:
        text = path.read_text("utf-8")
        for match in ASKED.finditer(text):
            found[match[1]] = match[2].startswith("{") or match[3] is not None
        for match in OTHERS.finditer(text):
            found[f"{match[1]}." if match[1] else match[2]] = match[1] is not None or match[3] == "{"
    return found


def test_whatever_is_asked_for_is_there() -> None:
    words = Words.of()
    for key, beginning in asked_for().items():
        if not beginning:
            assert key in words or f"{key}.other" in words, key


def test_whatever_is_there_is_asked_for() -> None:
    asked = asked_for()
    beginnings = tuple(key for key, beginning in asked.items() if beginning)
    own = {"language", "format.months", "format.day", "format.moment"}
    for key in Words.of().known:
        plain = re.sub(r"\.(one|other)$", "", key)
        assert plain in asked or key in own or key.startswith(beginnings), key


def test_texts_escape_what_is_put_into_them() -> None:
    words = Words({"format": {"months": "J"}, "a": "<b>{x}</b>", "n": {"one": "{n} dog", "other": "{n} dogs"}})
    assert words("a", x="<i>") == "<b>&lt;i&gt;</b>"
    assert [words("n", n=n) for n in (1, 2000)] == ["1 dog", "2,000 dogs"]
    with pytest.raises(KeyError):
        words("a")
    with pytest.raises(KeyError):
        words("nowhere")
