"""Rendering: Jinja2 with escaping always and nothing undefined, and the headers that every page has."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from descentd.app.explorer.address import address
from descentd.app.explorer.called import called, called_ref, linked, short
from descentd.app.explorer.lineage.losses import series_name
from descentd.app.explorer.slices import slice_text
from descentd.app.explorer.static import StaticFiles
from descentd.app.explorer.words import Words
from descentd.graph.model.characters import OVERRIDES
from descentd.graph.model.names import rfc3339
from descentd.queries.prose import ended

HEADERS: Final = {
    # Without inline script or style, eval, frames, plug-ins, and anything of another host.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    # With no-referrer browsers would send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Accept-Encoding, Cookie",
}


def environment() -> Environment:
    """The templates, which escape what they are given and refuse what is not defined."""
    made = Environment(
        loader=PackageLoader("descentd.app.explorer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_without_overrides,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return made


class Rendering:
    """The templates, with what all of them may use: `t` for texts, `address`, `static`, and filters for names."""

    def __init__(self, words: Words, static: StaticFiles) -> None:
        self.words = words
        self.static = static
        self.environment = environment()
        self.environment.globals |= {
            "t": words.markup,
            "words": words,
            "address": address,
            "linked": linked,
            "static": static.address,
            "language": words["language"],
            "zip": zip,
        }
        self.environment.filters |= {
            "called": called,
            "called_ref": called_ref,
            "short": short,
            "series_name": series_name,
            "slice_text": slice_text,
            "day": words.day,
            "moment": words.moment,
            "beginning": beginning,
            "minute": minute,
            "paragraphs": paragraphs,
            "ended": ended,
            "settings": settings,
        }

    @classmethod
    @cache
    def of(cls) -> "Rendering":
        """The one that all servers of a process share: to compile the templates takes a third of a second."""
        return cls(Words.of(), StaticFiles())

    def texts(self, template: str, values: Mapping[str, Any]) -> Iterator[str]:
        """A template with values, part by part: what is called in it is called when its turn has come."""
        return self.environment.get_template(template).generate(values)

    def compile(self) -> None:
        """Compile all templates, so that no first visitor waits for it."""
        for name in self.templates():
            self.environment.get_template(name)

    def templates(self) -> list[str]:
        """The names of all templates."""
        return self.environment.list_templates()


def _without_overrides(value: Any) -> Any:
    """What is put into a page: a character that would show what follows in the other order is shown as its code."""
    if not isinstance(value, str) or value.isascii() or OVERRIDES.search(value) is None:
        return value
    return type(value)(OVERRIDES.sub(lambda found: f"\\u{ord(found[0]):04x}", value))


def minute(moment: int) -> str:
    """A moment (microseconds since 1970 UTC) as the value of a field that takes one to the minute, in UTC."""
    return rfc3339(moment)[: len("2025-07-20T14:03")]


def paragraphs(text: str) -> Markup:
    """A text of somebody as it is, with its line breaks: never as markup, whatever is in it."""
    return Markup("<br>").join(text.split("\n")) if "\n" in text else escape(text)


def beginning(text: str, most: int = 200) -> str:
    """A text as it is, or the beginning of one that is longer than `most`, up to a space: the whole is elsewhere."""
    if len(text) <= most:
        return text
    space = text.rfind(" ", most // 2, most)
    return f"{text[: most if space < 0 else space]} …"


def settings(given: Any, most: int = 8) -> str:
    """A configuration in a line, its first parts where it has many: `learning_rate 0.08, depth 7`."""
    if not isinstance(given, dict):
        return json.dumps(given, ensure_ascii=False)
    parts = [
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in given.items()
    ]
    return ", ".join([*parts[:most], "…"] if len(parts) > most else parts)
