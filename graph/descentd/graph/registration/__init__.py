"""From inputs to records: references resolved, conflicts found, all of it or nothing written."""
