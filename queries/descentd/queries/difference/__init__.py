"""How two versions differ: what changed, for whom, and what was measured."""
