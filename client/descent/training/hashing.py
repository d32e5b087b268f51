"""The digests of files, computed beside the training and in parallel."""

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from descent.errors import DescentError

_CHUNK: Final = 4 * 1024 * 1024
_AT_ONCE: Final = min(8, os.cpu_count() or 1)

Progress = Callable[[int, int], None]
"""Called with the number of bytes that are hashed, and the number of all bytes."""


class UnreadableFile(DescentError):
    """A file cannot be read, or has changed since it was logged."""


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file as it was hashed: `digest` is `sha256:HEX`, `size` is in bytes."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class _State:
    """What changes when a file is written: size in bytes, and when it was changed, in nanoseconds."""

    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> "_State":
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


class FileHasher:
    """Hashes files in threads of its own, as soon as they are added.

    hashlib lets go of the interpreter for large blocks, so threads hash in parallel.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._files: dict[Path, tuple[_State, Future[str]]] = {}
        self._news = threading.Condition()
        self._done = 0
        self._stopped = False

    def add(self, path: Path) -> None:
        """Begin to hash a file, again if it was added before; raises UnreadableFile if it cannot be read."""
        try:
            state = _State.of(path)
            with path.open("rb"):
                pass
        except OSError as error:
            raise UnreadableFile.because(f"{path} cannot be read: {error.strerror or error}.") from error
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="descent-hash")
        self._files[path] = (state, self._pool.submit(self._digest, path))

    def results(self, progress: Progress) -> list[HashedFile]:
        """Return the files in the order in which they were added, once all are hashed.

        A file that was written after it was added is hashed again. Raises UnreadableFile for one that cannot be read,
        or is still being written.
        """
        try:
            self._report(progress, sum(state.size for state, _ in self._files.values()))
            return [self._result(path, *begun) for path, begun in self._files.items()]
        finally:
            self.stop()

    def stop(self) -> None:
        """Hash no further."""
        self._stopped = True
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _report(self, progress: Progress, total: int) -> None:
        with self._news:
            while not all(future.done() for _, future in self._files.values()):
                progress(min(self._done, total), total)
                self._news.wait(0.2)
        progress(total, total)

    def _result(self, path: Path, before: _State, begun: Future[str]) -> HashedFile:
        try:
            digest, after = begun.result(), _State.of(path)
            if after != before:
                before, digest, after = after, self._digest(path), _State.of(path)
        except OSError as error:
            raise UnreadableFile.because(f"{path} cannot be read: {error.strerror or error}.") from error
        if after != before:
            raise UnreadableFile.because(f"{path} is still being written: end the run once it is complete.")
        return HashedFile(path, digest, after.size)

    def _digest(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while (part := file.read(_CHUNK)) and not self._stopped:
                digest.update(part)
                with self._news:
                    self._done += len(part)
                    self._news.notify_all()
        return f"sha256:{digest.hexdigest()}"
