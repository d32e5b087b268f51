"""The process: settings, command line, lifespan, logs, metrics."""
