"""Evaluations: the results of versions, and which of them may be compared."""
