"""A quick part of the tests on other Pythons of this machine: the oldest, and the newest that the lock can be had for.

`python -m tests.support.pythons` makes an environment for each in `.cache/`, and says so where there is no other.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
OLDEST: Final = (3, 11)
PLACES: Final = ("/opt/*/bin", "/usr/local/bin", "~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin")
"""Where interpreters are kept, besides on the path."""
QUICK: Final = ("tests/graph", "tests/queries", "-k", "not neo4j and not sqlite", "--numprocesses", "auto")
Version = tuple[int, int]


def others() -> dict[Version, str]:
    """An interpreter of each version that Descent runs on, but for the one that this is."""
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep)]
    for place in PLACES:
        top, _, pattern = str(Path(place).expanduser()).partition("*")
        folders += sorted(Path(top).glob(f"*{pattern}") if pattern else [Path(top)])
    found: dict[Version, str] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("python3.*"))):
        named = re.fullmatch(r"python3\.(\d+)", path.name)
        version = (3, int(named[1])) if named else (0, 0)
        if version >= OLDEST and version != sys.version_info[:2] and version not in found and runs(path):
            found[version] = str(path)
    return found


def runs(python: Path) -> bool:
    """Whether an interpreter is what it looks like: some are a name that nothing stands behind."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0


def environment(version: Version, python: str) -> Path | None:
    """The interpreter of an environment with all that is locked; None where that cannot be had for this version."""
    folder = ROOT / ".cache" / "pythons" / ".".join(map(str, version))
    installed = folder / "bin" / "python"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [str(installed), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # What would have to be compiled does not count as to be had.
    locked = ["--only-binary", ":all:", "--require-hashes", "--requirement", "requirements.txt"]
    if subprocess.run([*pip, *locked], cwd=ROOT, check=False).returncode:
        return None
    own = ["--no-deps", "--no-build-isolation", "--editable", ".", "--editable", "client"]
    subprocess.run([*pip, *own], cwd=ROOT, check=True)
    return installed


def tested(version: Version, python: str) -> bool:
    """Whether the tests could be run on an interpreter; they end this process where they fail."""
    name = ".".join(map(str, version))
    installed = environment(version, python)
    if installed is None:
        say(f"Python {name}: what is locked cannot be had for it")
        return False
    say(f"Python {name}: {python}")
    if subprocess.run([installed, "-m", "pytest", *QUICK], cwd=ROOT, check=False).returncode:
        sys.exit(f"The tests fail on Python {name}.")
    return True


def main() -> None:
    found = others()
    oldest = OLDEST in found and tested(OLDEST, found[OLDEST])
    newest = any(tested(version, found[version]) for version in sorted(found, reverse=True) if version != OLDEST)
    if not (oldest or newest):
        say(f"No other Python could be used: the tests ran on {sys.version.split()[0]} alone.")


def say(line: str) -> None:
    sys.stdout.write(f"-- {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
