"""The words of the pages: one catalogue of texts a language, looked up by keys such as `record.must_not`."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup

from descentd.graph.model.names import instant, rfc3339

LANGUAGE: Final = "en"


class Words:
    """The texts of one language. One for a template alone may hold markup of ours."""

    def __init__(self, texts: Mapping[str, Any]) -> None:
        self._texts = dict(_flat(texts))
        self._months = self["format.months"].split()

    @classmethod
    @cache
    def of(cls, language: str = LANGUAGE) -> "Words":
        """The catalogue of a language, which is read once."""
        catalogue = files("descentd.app.explorer").joinpath("texts", f"{language}.toml")
        return cls(tomllib.loads(catalogue.read_text(encoding="utf-8")))

    def __getitem__(self, key: str) -> str:
        """A text as it is in the catalogue; raises KeyError."""
        return self._texts[key]

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    @property
    def known(self) -> Collection[str]:
        """The keys of all texts."""
        return self._texts.keys()

    def __call__(self, key: str, n: int | None = None, **values: object) -> str:
        """A text with values in its braces, `{name}`, to be escaped where it is shown; raises KeyError.

        n: how many there are, which chooses between `KEY.one` and `KEY.other` and is written in place of `{n}`.
        """
        return self._text(key, n).format(**_counted(n), **values)

    def markup(self, key: str, n: int | None = None, **values: object) -> Markup:
        """The same for a template: what is put into it is escaped, where it is no markup of ours."""
        return Markup(self._text(key, n)).format(**_counted(n), **values)  # noqa: S704 - texts are ours

    def _text(self, key: str, n: int | None) -> str:
        return self._texts[key if n is None else f"{key}.{'one' if n == 1 else 'other'}"]

    def exact(self, moment: int | str) -> str:
        """A moment in UTC as machines read it, in RFC 3339: `2025-07-20T14:03:00Z`."""
        return rfc3339(moment if isinstance(moment, int) else instant(moment))

    def day(self, moment: int | str) -> str:
        """A moment (microseconds since 1970 UTC, or RFC 3339) as a day: `20 July 2025`."""
        at = _datetime(moment)
        return self["format.day"].format(day=at.day, month=self._months[at.month - 1], year=at.year)

    def moment(self, moment: int | str) -> str:
        """A moment to the minute: `20 July 2025, 14:03 UTC`."""
        at = _datetime(moment)
        return self["format.moment"].format(day=self.day(moment), time=f"{at:%H:%M}")


def _counted(n: int | None) -> Mapping[str, str]:
    return {} if n is None else {"n": f"{n:,}"}


def _datetime(moment: int | str) -> datetime:
    microseconds = moment if isinstance(moment, int) else instant(moment)
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC)


def _flat(texts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in texts.items():
        if isinstance(value, str):
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")
