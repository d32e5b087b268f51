"""Notifications: what the registry tells those outside by signed webhooks, and how it keeps at it."""
