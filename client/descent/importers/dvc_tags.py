"""The tags of GTO in a git repository: `NAME@v1.2.0` registers a version, `NAME#STAGE#N` assigns a stage to one.

`NAME#STAGE!#N` takes the stage from it, and `NAME@v1.2.0!` deregisters it. See https://mlops.systems/gto. The dvc.lock
of a version is that of the tagged commit: nothing is checked out.
"""

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from descent.importers.draft import Unit
from descent.importers.reading import refused

_VERSION: Final = re.compile(r"(?P<name>[^@#!]+)@(?P<version>v?\d[^@#!]*)(?P<unregistered>!?)(#\d+)?")
_STAGE: Final = re.compile(r"(?P<name>[^@#!]+)#(?P<stage>[^@#!\d][^@#!]*)(?P<unassigned>!?)(#\d+)?")
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@]*@")
_FORMAT: Final = (
    "--format=%(refname:short)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)%00"
    "%(creatordate:iso-strict)%00%(if)%(taggername)%(then)%(taggername)%(else)%(authorname)%(end)"
)
_SECONDS: Final = 60.0
_LARGEST: Final = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: the commit that it is of, when it was set (RFC 3339), and by whom."""

    name: str
    commit: str
    date: str
    person: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """A stage that a version was in: since when, by which tag, and until when, if it was taken from it."""

    stage: str
    tag: Tag
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Tagged(Unit):
    """A version that a tag names: its lock and design at that commit, and the stages that it was in."""

    name: str = ""
    version: str = ""
    commit: str = ""
    created_at: str = ""
    repository: str = ""
    lock: str | None = None
    design: str | None = None
    stages: tuple[Assigned, ...] = ()


def versions(path: str) -> Iterator[Tagged]:
    """Yield the versions that the tags of a repository name, oldest first; none if the path is no repository."""
    folder = Path(path)
    if not (folder / ".git").exists():
        return
    answer = _git(folder, "for-each-ref", "refs/tags", "--sort=refname", "--sort=creatordate", _FORMAT)
    tags = [Tag(*line.split("\0")) for line in answer.splitlines()]
    stages = _stages(tags)
    gone = {tag.name.removesuffix("!") for tag in tags if tag.name.endswith("!")}
    address = _git(folder, "config", "--get", "remote.origin.url", missing="").strip() or folder.resolve().as_uri()
    for tag in tags:
        found = _VERSION.fullmatch(tag.name)
        if found is None or found["unregistered"] or tag.name in gone:
            continue
        within = found["name"].rpartition("=")[0]  # the artifact FOLDER:NAME is FOLDER=NAME in a tag
        yield Tagged(
            f"{path} {tag.name}",
            (),
            found["name"],
            found["version"],
            tag.commit,
            tag.date,
            _CREDENTIALS.sub("", address),
            _blob(folder, tag.commit, posixpath.join(within, "dvc.lock")),
            _blob(folder, tag.commit, posixpath.join(within, "dvc.yaml")),
            tuple(stages.get((tag.commit, found["name"]), ())),
        )


def _stages(tags: list[Tag]) -> dict[tuple[str, str], list[Assigned]]:
    """Return the stages that were assigned, by commit and name; `tags` are in the order of their dates.

    To take a stage from a version ends what it began only if no other version was in it by then.
    """
    assigned: dict[tuple[str, str], list[Assigned]] = {}
    now: dict[tuple[str, str], tuple[str, str]] = {}
    for tag in tags:
        found = _STAGE.fullmatch(tag.name)
        if found is None:
            continue
        of, place = (tag.commit, found["name"]), (found["name"], found["stage"])
        if not found["unassigned"]:
            assigned.setdefault(of, []).append(Assigned(found["stage"], tag))
            now[place] = of
        elif now.get(place) == of:
            del now[place]
            assigned[of] = [
                replace(one, until=tag.date) if one.stage == found["stage"] and one.until is None else one
                for one in assigned[of]
            ]
    return assigned


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
