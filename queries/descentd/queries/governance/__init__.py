"""Policies, reviews, flags and probes: what people and rules say of a version."""
