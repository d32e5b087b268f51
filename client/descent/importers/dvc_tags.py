"""The tags of GTO in a git repository: `NAME@v1.2.0` registers a version, `NAME#STAGE#N` assigns a stage to one.

See https://mlops.systems/gto. The dvc.lock of a version is that of the tagged commit: nothing is checked out.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from descent.importers.draft import Unit
from descent.importers.reading import Sources, refused

_VERSION: Final = re.compile(r"(?P<name>[^@#!]+)@(?P<version>v?\d[^@#!]*)(?P<unregistered>!?)(#\d+)?")
_STAGE: Final = re.compile(r"(?P<name>[^@#!]+)#(?P<stage>[^@#!\d][^@#!]*)(?P<unassigned>!?)(#\d+)?")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@]*@")
_FORMAT: Final = (
    "--format=%(refname:short)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)%00"
    "%(creatordate:iso-strict)"
)
_SECONDS: Final = 60.0
_LARGEST: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Tagged(Unit):
    """A version that a tag names: its lock and design at that commit, and the tags of its stages."""

    name: str = ""
    version: str = ""
    commit: str = ""
    created_at: str = ""
    repository: str = ""
    lock: str = ""
    design: str | None = None
    stages: tuple[str, ...] = ()


def versions(path: str, sources: Sources) -> Iterator[Tagged]:
    """Yield the versions that the tags of a repository name, oldest first; none if the path is no repository."""
    folder = Path(path)
    if not (folder / ".git").exists():
        return
    tags = [line.split("\0") for line in _git(folder, "for-each-ref", "refs/tags", _FORMAT).splitlines()]
    stages: dict[tuple[str, str], list[str]] = {}
    for tag, commit, _ in tags:
        if found := _STAGE.fullmatch(tag):
            stages.setdefault((commit, found["name"]), []).append(tag)
    gone = {tag.removesuffix("!") for tag, _, _ in tags if tag.endswith("!")}
    address = _git(folder, "config", "--get", "remote.origin.url", missing="").strip() or folder.resolve().as_uri()
    for tag, commit, date in tags:
        found = _VERSION.fullmatch(tag)
        if found is None or found["unregistered"] or tag in gone:
            continue
        source = f"{path} {tag}"
        lock = _blob(folder, commit, "dvc.lock")
        if lock is None:
            sources.failed.append(refused(source, "There is no dvc.lock in the commit of this tag."))
            continue
        yield Tagged(
            source,
            (),
            found["name"],
            found["version"],
            commit,
            date,
            _CREDENTIALS.sub("", address),
            lock,
            _blob(folder, commit, "dvc.yaml"),
            tuple(stages.get((commit, found["name"]), ())),
        )


def _blob(folder: Path, commit: str, name: str) -> str | None:
    size = _git(folder, "cat-file", "-s", f"{commit}:{name}", missing="")
    if not size.strip():
        return None
    if int(size) > _LARGEST:
        raise refused(str(folder), f"{name} has {int(size):,} bytes in {commit}; at most {_LARGEST:,} are read.")
    return _git(folder, "cat-file", "blob", f"{commit}:{name}")


def _git(folder: Path, *words: str, missing: str | None = None) -> str:
    """Return what git answers; `missing` if it answers with an error. No hook and no monitor of the repository runs."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - the words are this module's own, and the hash of a commit
            command, capture_output=True, check=False, env=environment, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise refused(str(folder), f"git does not run, so its tags cannot be read: {error}.") from error
    if done.returncode:
        if missing is not None:
            return missing
        raise refused(
            str(folder), f"git cannot read the repository: {done.stderr.decode(errors='replace').strip()[:200]}"
        )
    return done.stdout.decode("utf-8", "replace")
