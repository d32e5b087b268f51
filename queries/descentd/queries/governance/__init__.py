"""Governance: policies and their gates, reviews, flags, probes, and the documentation of versions."""
