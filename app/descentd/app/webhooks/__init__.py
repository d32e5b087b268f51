"""Webhooks that the registry receives: alerts of monitoring systems and reports of delivery systems."""
