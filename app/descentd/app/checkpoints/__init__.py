"""Checkpoints: the signed size and root of the log, with which others can prove a later change of it."""
