"""Drawings that are kept: the same part of a lineage is laid out once."""

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np

from descentd.app.explorer.layout.drawing import Drawing, Flow, draw
from descentd.app.explorer.layout.grids import Size
from descentd.app.explorer.layout.layers import Way
from descentd.graph.cache import Cache

ROOM: Final = 16 << 20
"""Bytes that kept drawings may occupy."""
_NODE: Final = 400
"""About how many bytes a node or a line of a drawing takes."""


class Drawings:
    """The drawings that were asked for last, by the digest of what was to be drawn."""

    def __init__(self, room: int = ROOM) -> None:
        self._cache = Cache[Drawing](room)

    def draw(self, sizes: Sequence[Size], ways: Sequence[Way], flow: Flow, alone: Collection[int] = ()) -> Drawing:
        """As `draw` does."""
        digest = blake2b(f"{flow} {sorted(alone)} {len(sizes)}".encode(), digest_size=16)
        digest.update(np.array(sizes, np.float64).tobytes())
        digest.update(np.array(ways, np.int64).tobytes())
        return self._cache.find(
            digest.digest(),
            lambda: draw(sizes, ways, flow, alone=alone),
            lambda drawing: _NODE * (len(drawing.boxes) + len(drawing.lines)),
        )
