"""Registration: references are resolved, conflicts are found, and all records of a manifest are written or none."""
