"""Expressions of policies, in CEL."""
