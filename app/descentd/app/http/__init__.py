"""What every HTTP route shares, and the routes that are not GraphQL."""
