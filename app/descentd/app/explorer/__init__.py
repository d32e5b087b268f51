"""The explorer: pages for people, rendered here from the same questions that GraphQL answers."""
