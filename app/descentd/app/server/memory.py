"""The memory of the process."""

import ctypes
from contextlib import suppress


def give_back_memory() -> None:
    """Let the system have what loading took: the C library keeps it otherwise, a third of all at a million records."""
    with suppress(OSError, AttributeError):  # only glibc can be told
        ctypes.CDLL(None).malloc_trim(0)
