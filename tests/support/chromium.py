"""Debian's Chromium, in which the pages are tested: found, or installed where the system lets us."""

import os
import shutil
import subprocess
import sys

_NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "DESCENT_TEST_CHROMIUM"


def find() -> str | None:
    """The path of a Chromium: the one that `DESCENT_TEST_CHROMIUM` names, else one that is installed; None without."""
    named = os.environ.get(VARIABLE)
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


def main() -> int:
    """Install it where it is missing and that can be done, and say so; the tests say it where it could not be."""
    if find() is not None:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.stdout.write(f"No Chromium: install one, or name it in {VARIABLE}, to test the pages in a browser\n")
        return 0
    sys.stdout.write("Installing Debian's Chromium, in which the pages are tested\n")
    sys.stdout.flush()
    wait = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        done = subprocess.run([*wait, *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stdout.write(f"It could not be installed: {done.stderr.strip().splitlines()[-1:]}\n")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
