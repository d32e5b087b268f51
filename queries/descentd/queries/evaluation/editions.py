"""Editions of the statistics: which rules an answer was computed by, so that a decision can be evaluated again as made.

1: the newest result of a version stood for it; settings of nothing differed from none, and data was identified by its
   record; a trend stood by its order alone; improvements shared the family of the losses. Decisions of gates up to
   edition 3 rest on it.
2: ancestries were what versions say themselves: what was disclosed of them was not read, and made no profile stale.
   Decisions of gates of edition 4 rest on it.
3: how the items of two versions came out was known from the result that names the other alone, not the other way round.
   A lasting erosion was blamed on the likeliest derivation alone. Decisions of gates of edition 5 rest on it.
4: the p of the best of many was up to .2 % off where errors differ, and below 1e-13 too small. Decisions of gates of
   edition 6 rest on it.
5: docs/erosion.md as it is.
"""

from typing import Final

FIRST: Final = 1
SECOND: Final = 2
THIRD: Final = 3
FOURTH: Final = 4
CURRENT: Final = 5
