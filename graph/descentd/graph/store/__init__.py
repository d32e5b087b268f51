"""Stores: one protocol, and its implementations for memory, SQLite and Neo4j."""
