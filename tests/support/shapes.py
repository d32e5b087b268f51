"""Lineages by shape alone: ways from parents to children, parents first, for drawings and what measures them."""

import gzip
import random
from pathlib import Path

Way = tuple[int, int]


def hub(count: int, seed: int = 7) -> list[Way]:
    """Like a hub of models: a few bases with thousands of children, most of which nothing came of, and some merges."""
    chance = random.Random(seed)
    ways: list[Way] = []
    ends = [0, 1, 2]
    for child in range(3, count):
        parent = chance.choice(ends) if chance.random() < 0.8 else chance.randrange(child)
        ways.append((parent, child))
        ends += [parent, parent] if parent < count // 50 else [parent]
        if chance.random() < 0.2:
            ends.append(child)
        if chance.random() < 0.06 and (other := chance.randrange(child)) != parent:
            ways.append((other, child))
    return ways


def chain(count: int, seed: int = 7) -> list[Way]:
    """Like years of one model: a line of checkpoints, from which branches leave and into which some merge again."""
    chance = random.Random(seed)
    ways: list[Way] = []
    heads = [0]
    for child in range(1, count):
        at = chance.randrange(len(heads)) if chance.random() < 0.5 else 0
        ways.append((heads[at], child))
        if chance.random() < 0.08:
            heads.append(child)
        elif len(heads) > 1 and chance.random() < 0.5:
            other = heads.pop(chance.randrange(1, len(heads)))
            if other != heads[0] and other != ways[-1][0]:
                ways.append((other, child))
            heads[0] = child
        else:
            heads[at] = child
    return ways


def history(file: Path, count: int) -> list[Way]:
    """The first commits of a history in which each line is a commit and its parents, parents first."""
    ways: list[Way] = []
    with gzip.open(file, "rt") as lines:
        for line, _ in zip(lines, range(count), strict=False):
            child, *parents = map(int, line.split())
            ways += [(parent, child) for parent in dict.fromkeys(parents)]
    return ways
