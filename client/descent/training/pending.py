"""Manifests that could not be sent yet, kept as files until `descent push` sends them.

They are in the folder `pending` of the state folder: `DESCENT_STATE` if it is set, else `descent` in
`XDG_STATE_HOME` (by default `~/.local/state`, https://specifications.freedesktop.org/basedir/), and `descent` in
`LOCALAPPDATA` on Windows. Only their owner can read them.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from descent.errors import DescentError

_FORMAT: Final = 1


class UnreadablePending(DescentError):
    """A file among the kept manifests is not one of them."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A kept manifest: `url` is the address of the registry that it is for, `reason` why it was not sent.

    `refused` says why the registry refused it, None as long as it did not; `kept_at` is a moment in RFC 3339.
    """

    path: Path
    url: str
    manifest: dict[str, Any]
    reason: str
    kept_at: str
    refused: str | None = None


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder in which the client keeps what it has to remember; it may not exist."""
    if given := environment.get("DESCENT_STATE"):
        return Path(given)
    if os.name == "nt" and (local := environment.get("LOCALAPPDATA")):
        return Path(local) / "descent"
    base = Path(environment.get("XDG_STATE_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".local" / "state") / "descent"


class PendingFolder:
    """The kept manifests of a user."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "pending"

    def keep(self, url: str, manifest: Mapping[str, Any], reason: str, refused: str | None = None) -> Pending:
        """Keep a manifest, once however often it is kept; it is on the disk when this returns. Raises OSError."""
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256("\n".join((url, text)).encode()).hexdigest()
        name = f"{digest[:32]}.json"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = Pending(self.folder / name, url, dict(manifest), reason, now, refused)
        self._write(kept)
        return kept

    def refuse(self, kept: Pending, refused: str) -> Pending:
        """Note at a kept manifest why the registry refused it."""
        noted = replace(kept, refused=refused)
        self._write(noted)
        return noted

    def remove(self, kept: Pending) -> None:
        """Remove a manifest that was registered."""
        kept.path.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """Return the files of the kept manifests, the oldest first."""
        found = []
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # another process has sent it
                found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found)]

    def read(self, path: Path) -> Pending | None:
        """Return a kept manifest; None if it is gone. Raises UnreadablePending if the file is not one."""
        try:
            given = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise UnreadablePending.because(f"{path} cannot be read ({error}): move it elsewhere.") from error
        match given:
            case {"format": 1, "url": str(url), "manifest": dict(manifest), "reason": str(reason), "kept_at": str(at)}:
                return Pending(path, url, manifest, reason, at, given.get("refused"))
            case _:
                raise UnreadablePending.because(f"{path} is not a manifest that descent kept: move it elsewhere.")

    def _write(self, kept: Pending) -> None:
        """Write a file whole or not at all, readable by its owner only."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {"format": _FORMAT, **{k: v for k, v in asdict(kept).items() if k != "path"}}
        data = json.dumps(content, ensure_ascii=False, indent=1).encode()
        beside = self.folder / f".{kept.path.name}.{secrets.token_hex(8)}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(kept.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)


def _sync_folder(folder: Path) -> None:
    """Write the entries of a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
