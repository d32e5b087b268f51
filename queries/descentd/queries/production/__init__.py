"""Production: deployments, incidents, and the reports of other systems."""
