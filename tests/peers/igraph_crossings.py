"""How many lines cross where igraph draws a graph: run by the Python of an environment that has igraph.

Reads lines of JSON from stdin, {"count": nodes, "ways": [[parent, child], ...]}, and prints a number for each.
"""

import json
import sys
from itertools import combinations, groupby
from operator import itemgetter


def main() -> None:
    """Draw each graph by igraph's Sugiyama layout and count, between layers, the pairs of steps that change sides."""
    import igraph  # type: ignore[import-not-found]

    for line in sys.stdin:
        given = json.loads(line)
        graph = igraph.Graph(given["count"], given["ways"], directed=True)
        layout, extended = graph.layout_sugiyama(maxiter=100, return_extended_graph=True)
        steps = []
        for edge in extended.es:
            upper, lower = sorted((layout[edge.source], layout[edge.target]), key=itemgetter(1))
            steps.append((upper[1], upper[0], lower[0]))
        total = 0
        for _, group in groupby(sorted(steps), key=itemgetter(0)):
            between = [(first, last) for _, first, last in group]
            total += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(between, 2))
        sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    main()
