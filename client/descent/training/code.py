"""The code that a training runs from: its git commit, and what differs from it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descent.errors import DescentError

_SECONDS: Final = 60.0
"""How long git may take for an answer; a status of the largest repositories takes some seconds."""

_CHUNK: Final = 1024 * 1024
_PATHS: Final = 500
"""Paths in one command."""


class UncommittedChanges(DescentError):
    """The code differs from its commit, so the commit alone would not say what was run."""


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run: `content` is a CodeInput, None if there is none; `reason` says why there is none."""

    content: dict[str, Any] | None
    reason: str | None = None


def find_code(script: Path | None, *, allow_changes: bool) -> Code:
    """Return the commit of the repository that a script is in, or the current folder if there is no script.

    What differs from the commit are changed files that git follows, and files that it does not follow and that are
    imported. With `allow_changes` the digest of that difference is returned as `diff`; otherwise raises
    UncommittedChanges, which names the files.
    """
    folder = script.parent if script else Path.cwd()
    try:
        return Code(_code(folder, script, allow_changes=allow_changes))
    except _NoAnswer as error:
        return Code(None, _reason(folder, str(error)))


def _code(folder: Path, script: Path | None, *, allow_changes: bool) -> dict[str, Any]:
    root = Path(_git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    commit = _git(folder, "rev-parse", "--verify", "HEAD").decode().strip()
    found: dict[str, Any] = {"repository": _address(root), "commit": commit}
    if script and script.is_relative_to(root):
        found["path"] = script.relative_to(root).as_posix()
    changed = _changed(root)
    used = _imported(root, script)
    if changed or used:
        if not allow_changes:
            raise UncommittedChanges.because(_refusal([*changed, *used]))
        found["diff"] = _digest(root, used)
    return found


def running_script() -> Path | None:
    """Return the file that Python runs; None in a notebook, a console and with -c."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(path).resolve() if path else None


class _NoAnswer(Exception):
    """git is not there, or answers with an error, which the message holds."""


def _git(folder: Path, *arguments: str) -> bytes:
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - the words are this module's own
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user works with
            capture_output=True,
            check=False,
            env=environment,
            timeout=_SECONDS,
        )
    except FileNotFoundError as error:
        raise _NoAnswer("git is not installed") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoAnswer(f"git does not run: {error}") from error
    if done.returncode:
        raise _NoAnswer(next(iter(done.stderr.decode(errors="replace").splitlines()), "git fails"))
    return done.stdout


def _reason(folder: Path, said: str) -> str:
    if "not a git repository" in said:
        return f"{folder} is in no git repository"
    if "Needed a single revision" in said:
        return f"the git repository of {folder} has no commit"
    return f"no commit is known of {folder} ({said.removeprefix('fatal: ')})"


def _address(root: Path) -> str:
    """Return the address that the repository was cloned from, or its folder."""
    try:
        remotes = _git(root, "remote").decode().split()
        remote = "origin" if "origin" in remotes else remotes[0]
        return _git(root, "remote", "get-url", remote).decode().strip()
    except (_NoAnswer, IndexError):
        return root.as_uri()


def _changed(root: Path) -> list[str]:
    """Return the files that git follows and that differ from the commit."""
    status = _git(root, "status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=none")
    parts = iter(status.decode(errors="replace").split("\0"))
    changed = []
    for part in parts:
        if part:
            changed.append(part[3:])
            if part[0] in "RC":
                next(parts, None)  # the old name
    return changed


def _imported(root: Path, script: Path | None) -> list[str]:
    """Return the files that run and that git neither follows nor ignores: the script and imported modules."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    running = {Path(file).resolve() for file in files if file} | ({script} if script else set())
    inside = sorted(path.relative_to(root).as_posix() for path in running if path.is_relative_to(root))
    found: set[str] = set()
    for start in range(0, len(inside), _PATHS):  # only these: a folder beside them may hold a million files of data
        paths = inside[start : start + _PATHS]
        listed = _git(root, "--literal-pathspecs", "ls-files", "-z", "--others", "--exclude-standard", "--", *paths)
        found.update(listed.decode(errors="replace").split("\0"))
    return sorted(found & set(inside))


def _refusal(files: Iterable[str]) -> str:
    names = list(dict.fromkeys(files))
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (
        f"The code differs from its commit ({shown}): commit it, or pass allow_dirty=True, which records the digest of "
        "the difference."
    )


def _digest(root: Path, untracked: Iterable[str]) -> str:
    """Return the digest of the difference to the commit: of `git diff HEAD`, and of files that git does not follow."""
    digest = hashlib.sha256(_git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-color", "--no-textconv"))
    for name in untracked:
        digest.update(f"\0{name}\0".encode())
        with (root / name).open("rb") as file:
            while part := file.read(_CHUNK):
                digest.update(part)
    return f"sha256:{digest.hexdigest()}"
