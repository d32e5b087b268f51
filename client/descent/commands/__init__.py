"""The commands of `descent`, one module for each noun."""
