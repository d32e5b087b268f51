"""The gate of an environment: what a policy sees of a version, how its rules are judged, and what is decided."""
