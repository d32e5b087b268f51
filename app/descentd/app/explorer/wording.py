"""Sentences of rules, decisions and assessments in the words of the pages.

Their codes are those of the API, and what a rule said is kept with the decision that was taken on it: such a sentence
cannot be made otherwise, so that its codes are put into words where people read it.
"""

import re
from typing import Final

from descentd.app.explorer.words import Words

_CODE: Final = re.compile(r"\b[Ee]rosion is [A-Z]+\b|\b[A-Z]+(?:_[A-Z]+)*\b|\bbadness\b")
_DECISION: Final = re.compile(r"(^|\bsaid |\b[Nn]o |'s )(GO|NO_GO|ABSTAIN)\b")
_ABSTAINED: Final = re.compile(r"\bsaid ABSTAIN\b")
_FLAGGED: Final = re.compile(r"\b([Ff])lagged (REVIEW|QUARANTINE|DECOMMISSION|review|quarantine|decommission)(?=: )")
_YOUNG: Final = re.compile(r"\b(?:0(?:\.\d+)?|\d(?:\.\d+)?e-\d+) days old\b")
_ONE_OF: Final = re.compile(r"\bof 1 people said\b")
_KNOWN_NOW: Final = "on what is known now"
_FINDINGS: Final = re.compile(r"(?<= and )([\d,]+) more(?=\))")
_VALUES: Final = re.compile(r"(?<= and )([\d,]+) more$")
_QUESTIONS: Final = re.compile(r" \([\d,]+ questions? (?:was|were) asked\)")
_SERIES: Final = re.compile(r"(?<= and )([\d,]+) more(?= \()")


class Wording:
    """The words for sentences of ours on one page; is_past: whether it shows the past."""

    def __init__(self, words: Words, is_past: bool) -> None:
        self._words = words
        self._is_past = is_past

    def plain(self, text: str, then: bool = False) -> str:
        """A sentence of a rule with the words of the pages in place of the codes that rules are written with.

        then: whether the rule was asked in the past; on a page of the past it was.
        """

        def in_words(code: re.Match[str]) -> str:
            name = code[0].replace(" ", "_").lower()
            return self._words[f"plain.{name}"] if f"plain.{name}" in self._words else code[0]

        counted = _FINDINGS.sub(lambda more: self._more("finding", more), text) if "rosion is " in text else text
        said = self.decided(_CODE.sub(in_words, self.flagged(counted)))
        if _KNOWN_NOW in said and (then or self._is_past):
            said = said.replace(_KNOWN_NOW, self._words["said.known_then"])
        return said[:1].upper() + said[1:] if text[:1].isupper() else said

    def saw(self, text: str) -> str:
        """What a rule saw, as `plain`, which says that it is values of which there are more."""
        young = _YOUNG.sub(self._words["said.young"], self.plain(text))
        return _VALUES.sub(lambda more: self._more("value", more), young)

    def decided(self, text: str) -> str:
        """A sentence of ours about decisions, with words in place of their codes, and `of 1 person` for one."""

        def by_word(found: re.Match[str]) -> str:
            word = self._words[f"said.{found[2]}"]
            return f"{found[1]}{word}" if found[1] else word.capitalize()

        abstained = _ABSTAINED.sub(self._words["said.abstained"], text)
        return _ONE_OF.sub(self._words["said.of_one"], _DECISION.sub(by_word, abstained))

    def flagged(self, text: str) -> str:
        """A sentence of ours about flags, with what they ask for in words."""

        def by_word(found: re.Match[str]) -> str:
            word = self._words[f"said.{found[2].upper()}"]
            return word.capitalize() if found[1] == "F" else word

        return _FLAGGED.sub(by_word, text)

    def verdict(self, text: str) -> str:
        """The summary of an assessment, which says what it counts: a metric for a group once, however it got worse.

        How many questions were asked is said where it is asked how that is known.
        """
        return _QUESTIONS.sub("", _SERIES.sub(lambda more: self._more("series", more), text, count=1), count=1)

    def _more(self, what: str, found: re.Match[str]) -> str:
        return self._words(f"more.{what}", n=int(found[1].replace(",", "")))
