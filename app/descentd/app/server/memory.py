"""The memory of the process."""

import ctypes
import resource
from contextlib import suppress
from pathlib import Path


def resident() -> int:
    """Bytes of memory that the process has, 0 on systems without /proc."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def give_back_memory() -> None:
    """Let the system have what loading took: the C library keeps it otherwise, a third of all at a million records."""
    with suppress(OSError, AttributeError):  # only glibc can be told
        ctypes.CDLL(None).malloc_trim(0)
