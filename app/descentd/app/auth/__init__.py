"""Authentication, authorization and the log of accesses."""
