"""Checkpoints: size and root of the log, signed, so that others can hold the registry to them."""
