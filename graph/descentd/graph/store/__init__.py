"""Where a lineage is kept: one protocol, and the stores that honour it."""
