"""Many questions at once: the false discovery rate of Benjamini and Hochberg."""

from collections.abc import Sequence

import numpy as np


def false_discovery_rates(p: Sequence[float]) -> list[float]:
    """The q of each p: the share of false findings if this one and all smaller ones are called findings.

    Source: Benjamini and Hochberg 1995, JRSS B 57.
    """
    given = np.asarray(p, np.float64)
    order = np.argsort(given, kind="stable")
    scaled = given[order] * len(given) / np.arange(1, len(given) + 1)
    q = np.empty_like(given)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(each) for each in q]
