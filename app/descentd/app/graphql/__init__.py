"""GraphQL: transports, operations and the schema."""
