"""Runs of a training, registered by the client."""
