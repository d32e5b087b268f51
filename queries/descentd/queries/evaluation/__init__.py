"""What versions were measured to be, and which results may be compared."""
