"""What a lineage is and where it is kept. No web, no GraphQL."""
