"""The lineage graph: its records, their registration, its index, and the stores. No web, no GraphQL."""
