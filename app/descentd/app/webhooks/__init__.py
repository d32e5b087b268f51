"""Webhooks: what monitoring and delivery systems tell the registry."""
