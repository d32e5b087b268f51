"""What the registry holds: records, their identity, what follows from their content, and the log."""
