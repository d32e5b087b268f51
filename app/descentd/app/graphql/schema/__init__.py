"""The GraphQL schema, one noun a module."""
