"""Lineage: ancestors and descendants of records, their impact and exposure, and finding records."""
