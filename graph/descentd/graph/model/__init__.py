"""The model: records, their identity, what is derived from their content, and the log."""
