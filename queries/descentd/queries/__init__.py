"""The questions. Input and output only through the store."""
