"""Finding records by name, by the beginning of a digest, or by the words of notes and profiles."""

import re
from collections.abc import Sequence

import numpy as np

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import words
from descentd.graph.model.reach import Sequences
from descentd.graph.model.records import Brief
from descentd.queries.pages import Listed, page
from descentd.queries.registry import Registry

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{4,64})", re.IGNORECASE)
_LONGEST = 1000


async def search(
    registry: Registry,
    text: str,
    kinds: Sequence[Kind] | None,
    first: int | None,
    after: str | None,
    as_of: str | None = None,
) -> Listed[Brief]:
    """Records with a word that begins with each of the words of `text`, or with a digest that begins so.

    Raises InvalidInput where there is nothing to look for, or too much.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"The text has {len(text):,} characters: send up to {_LONGEST:,}.", "text")
    digest = _DIGEST.fullmatch(text.strip())
    # "model:name" is how refs begin; the kind is not part of what records are found by
    wanted = words(re.sub(r"^(model|dataset):", "", text.strip()))
    if not wanted:
        raise InvalidInput("There is no word to look for: send letters or digits.", "text")
    asked = page(first, after, await registry.sequence(as_of), ["search", wanted, kinds and sorted(kinds), as_of])
    found = await registry.store.search(wanted, f"sha256:{digest[2].lower()}" if digest else None)
    found = found[found <= asked.upto]
    if kinds:
        found = await _of_kinds(registry, found, kinds)
    rest = found[np.searchsorted(found, asked.after[0], "right") :] if asked.after else found
    briefs = await registry.store.briefs([int(sequence) for sequence in rest[: asked.first]])
    items = [(brief, asked.cursor(brief.sequence)) for brief in briefs]
    return Listed(items, len(rest) > asked.first, asked.upto, len(found))


async def _of_kinds(registry: Registry, found: Sequences, kinds: Sequence[Kind]) -> Sequences:
    upto = int(found[-1]) if len(found) else 0
    of_kinds = [await registry.walk.everything(upto, kind) for kind in sorted(set(kinds))]
    return np.intersect1d(found, np.concatenate(of_kinds), assume_unique=True)
