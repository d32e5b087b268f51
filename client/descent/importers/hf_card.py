"""A model card: its front matter, and what its text says in a form that can be read without guessing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.draft import Draft
from descent.importers.reading import refused, yaml_value

_FRONT: Final = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n|$)", re.DOTALL)
_TEMPLATE: Final = re.compile(r"^\s*\{\{?\s*\w+[^}]*\}?\}\s*$")
_BLOCK: Final = re.compile(r"^```[^\n`]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_MERGE: Final = re.compile(r"^(merge_method|experts):", re.MULTILINE)
_HEADING: Final = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_DATASET_KEYS: Final = ("dataset_info", "task_categories", "task_ids", "size_categories", "annotations_creators",
                        "language_creators", "source_datasets", "pretty_name")  # fmt: skip
_SUMMARY: Final = ("license", "license_name", "language", "library_name", "pipeline_tag", "tags")
_PLACED: Final = (*_SUMMARY, "base_model", "base_model_relation", "datasets", "model-index")
_UNFILLED: Final = re.compile(r"\[?more information needed\]?|\[optional\]|n/?a|tbd|todo|none", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """The front matter, the text below it, and the merge configurations that stand in the text."""

    front: At
    text: str
    merges: tuple[At, ...]


def read_card(text: str, source: str) -> Card:
    """Return a card; raises NotImported for front matter that is broken, of a dataset, or a template's."""
    found = _FRONT.match(text)
    if found is None and text.lstrip().startswith("---"):
        raise refused(
            source, "The front matter begins with --- and does not end: the file is cut off, or lacks a line ---."
        )
    if found is not None and _TEMPLATE.match(found[1]):
        raise refused(source, "This is a template whose front matter was never filled in.", None, 2)
    front = At(None, (), source) if found is None or not found[1].strip() else _front(found[1], source)
    body = text if found is None else text[found.end() :]
    if any(key in front.mapping() for key in _DATASET_KEYS):
        raise refused(source, "This is the card of a dataset; cards of models are read here.")
    return Card(front, body, tuple(_merges(body, source)))


def _front(text: str, source: str) -> At:
    try:
        front = yaml_value(text, source)
    except NotImported as error:
        # the first line of the front matter is the second of the file
        moved = [type(p)(p.message, p.code, p.field, p.line and p.line + 1, p.column) for p in error.problems]
        raise NotImported(moved, source) from error
    front.mapping()
    return front


def _merges(body: str, source: str) -> Iterator[At]:
    """Yield the mergekit configurations in the text; other blocks, and broken ones, are examples of something else."""
    for block in _BLOCK.finditer(body):
        if _MERGE.search(block[1]):
            try:
                value = yaml_value(block[1], source)
            except NotImported:
                continue
            if isinstance(value.value, dict):
                yield At(value.value, ("text",), source)


# ---------------------------------------------------------------- words


def summary(card: Card) -> str | None:
    """Return what the front matter says about licence, languages and use, in one sentence."""
    parts = []
    for key in _SUMMARY:
        texts = [str(one.value) for one in card.front.at(key).one_or_more() if isinstance(one.value, str | int | float)]
        if texts:
            parts.append(f"{key.replace('_', ' ')}: {', '.join(texts)}")
    return f"From the model card: {'; '.join(parts)}."[:4000] if parts else None


def model_name(card: Card) -> tuple[str | None, str]:
    """Return the name that the front matter gives the model, and where: `model_name`, or that of one `model-index`."""
    listed = list(card.front.at("model-index").one_or_more())
    for at in (card.front.at("model_name"), *(one.at("name") for one in listed if len(listed) == 1)):
        if isinstance(at.value, str) and at.value.strip():
            return at.value.strip(), at.place
    return None, "name"


def say_what_is_left(card: Card, draft: Draft) -> None:
    """Say which keys of the front matter nothing was made of."""
    placed = {*_PLACED, *(place for place, _ in draft.placed)}
    left = [key for key in card.front.mapping() if key not in placed]
    if left:
        draft.skip("front matter", f"No place for {', '.join(left)}.")


def safety_profile(card: Card, draft: Draft) -> dict[str, Any] | None:
    """Return the profile that a card states under the headings of the usual template.

    A profile needs an intended use and uses that are out of scope; without both there is none.
    """
    say_what_is_left(card, draft)
    sections = list(_sections(_COMMENT.sub("", card.text)))
    use = _under(sections, r"(direct|intended|primary) (intended )?uses?\b(?!.*limitations)")
    never = _under(sections, r"(out[ -]of[ -]scope|prohibited|misuse)")
    risks = _under(sections, r"(bias|risks|limitations|ethical considerations)")
    if use is None or never is None:
        if use or never or risks:
            lacks = "its intended use" if use is None else "what is out of scope"
            draft.skip("text", f"No safety profile: under the usual headings, the card does not say {lacks}.")
        return None
    items = re.findall(r"^\s*[-*+]\s+(.+)$", never, re.MULTILINE)
    profile: dict[str, Any] = {"intendedUse": use, "mustNotDo": items or [never]}
    if risks is not None:
        profile["notes"] = [{"author": "model card", "text": risks}]
    draft.placed.append(
        ("text", "safety profile: intended use, uses out of scope" + (", limitations" if risks else ""))
    )
    return profile


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield the headings of a text, each with what stands directly below it."""
    headings = list(_HEADING.finditer(text))
    for number, heading in enumerate(headings):
        end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        yield heading[2], text[heading.end() : end].strip()


def _under(sections: list[tuple[str, str]], pattern: str) -> str | None:
    for heading, text in sections:
        if re.search(pattern, heading, re.IGNORECASE) and text and not _UNFILLED.fullmatch(text.strip(" ._*[]")):
            return text[:20_000]
    return None
