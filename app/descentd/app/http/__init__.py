"""HTTP: middleware and errors that all routes share, and bulk registration."""
