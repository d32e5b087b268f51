"""Formulas and tests that know nothing of a registry."""
