"""Transport: HTTP, GraphQL, the command line of the server. The parts are put together here."""
