"""What got worse along a version's ancestry, since when, and by which derivation."""
