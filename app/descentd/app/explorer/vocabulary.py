"""What the parameters of an address may say that have a vocabulary, and how all of it is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.errors import InvalidInput

_LONGEST: Final = 80
"""Characters of what is not known that are repeated."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a parameter of an address may say; `several`: as many of them as one likes, joined by commas."""

    values: Sequence[str]
    several: bool = False

    def check(self, name: str, given: str) -> None:
        """Raise InvalidInput, which names all of the words, where a parameter says another."""
        for word in given.split(",") if self.several else [given]:
            if word not in self.values and not (self.several and not word):
                known = alternatives(self.values)
                raise InvalidInput(f"There is no {name} {word[:_LONGEST]!r}: choose {known}.", name)


def alternatives(words: Sequence[str]) -> str:
    """What there is to choose from: `a`, `a or b`, `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
