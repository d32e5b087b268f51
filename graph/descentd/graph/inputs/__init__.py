"""What may be registered: manifests and their parts, checked as they are read."""
