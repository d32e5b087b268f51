"""The store for production: a real graph in Neo4j."""
