"""The influence edges as arrays: reach, distance, derivations, exposure."""

from descentd.graph.topology.index import Topology

__all__ = ["Topology"]
