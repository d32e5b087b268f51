"""Notifications: signed webhooks about new records, delivered to configured destinations with retries."""
