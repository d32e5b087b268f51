"""What serves where, what went wrong there, and what outside systems report."""
