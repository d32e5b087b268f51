"""Registering a model version from the script that trains it: `descent.run(…)`."""

from descent.training.runs import AsyncRun, Run, async_run, run

__all__ = ["AsyncRun", "Run", "async_run", "run"]
