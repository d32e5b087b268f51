"""Tools whose files are imported, each with its packages in an environment of its own."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = Path(__file__).parent / "tools"
_CACHE: Final = ROOT / ".cache" / "peers"
_TIMEOUT: Final = 1200


def run(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command writes to stdout; raises AssertionError with all that it wrote where it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=_TIMEOUT, check=False, env=None if environment is None else dict(environment),
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def installed(tool: str) -> Path:
    """The folder of programs of an environment with the packages of `TOOL.txt`, made once while that is the same.

    The versions are those of `uv pip compile TOOL.in`.
    """
    lock = SOURCES / f"{tool}.txt"
    folder = _CACHE / f"{tool}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{tool}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            run([sys.executable, "-m", "venv", folder], ROOT)
            run([folder / "bin" / "pip", "install", "--quiet", "--no-compile", "--requirement", lock], ROOT)
            (folder / "ready").touch()
    return folder / "bin"
