"""Erosion: metrics that got worse along a version's ancestry, and the derivations that introduced it."""
