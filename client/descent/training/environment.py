"""The environment of a run: Python, the machine, and the distributions that are installed."""

import os
import platform
import re
import sys
from importlib import metadata
from typing import Any, Final

_LONGEST: Final = 1000
"""Characters that a name or version may have in a record."""


def environment() -> dict[str, Any]:
    """Return the environment of this process as an EnvironmentInput.

    The registry keeps it as a record of its own, whose id is the digest of all of it: two runs with the same
    environment share it.
    """
    return {"python": platform.python_version(), "hardware": _hardware(), "dependencies": distributions()}


def distributions() -> list[dict[str, str]]:
    """Return name and version of each installed distribution, by name; of two of one name the one that is imported."""
    found: dict[str, dict[str, str]] = {}
    for distribution in metadata.distributions():  # in the order of sys.path
        name, version = _named(distribution)
        if name and version and len(name) <= _LONGEST and len(version) <= _LONGEST:
            normal = re.sub(r"[-_.]+", "-", name).lower()  # as PEP 503 compares names
            found.setdefault(normal, {"name": normal, "version": version})
    return [found[name] for name in sorted(found)]


def _named(distribution: metadata.Distribution) -> tuple[str | None, str | None]:
    """Return name and version; None for what a distribution that was removed in part no longer says."""
    about: Any = distribution.metadata
    return (about["Name"], about["Version"]) if about else (None, None)


def _hardware() -> str:
    """Return the kind of machine, its processors, and the accelerators that PyTorch sees, if it is imported."""
    parts = [f"{platform.system()} {platform.machine()}", f"{os.cpu_count()} processors", *_accelerators()]
    return ", ".join(parts)


def _accelerators() -> list[str]:
    torch: Any = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_available():
            return []
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    except (AttributeError, RuntimeError):  # built without CUDA, or its driver does not answer
        return []
    return [f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
