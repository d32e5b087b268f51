"""The GraphQL schema, one module for each noun."""
