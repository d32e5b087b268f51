"""Snapshots: what was worked out from a log, kept in files that all workers map into memory when they start."""
