"""Programs of Debian that tests need: found, or installed where the system lets us."""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Program:
    """A program by what it is for, the names that it may have, the packages it comes in, and the variable naming it."""

    purpose: str
    names: tuple[str, ...]
    packages: tuple[str, ...]
    variable: str

    def find(self) -> str | None:
        """Its path: the one that the variable names, else of the one that is installed; None where there is none."""
        named = os.environ.get(self.variable)
        return named or next((path for name in self.names if (path := shutil.which(name))), None)

    @property
    def missing(self) -> str:
        """What to say where it was not found."""
        return f"no {self.packages[0]}: install one, or name it in {self.variable}"


# The one that is made to run without a window opens a page in a third of the processor time; its engine is the same.
CHROMIUM: Final = Program(
    "in which the pages are tested",
    ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"),
    ("chromium-headless-shell", "fonts-dejavu-core"),
    "DESCENT_TEST_CHROMIUM",
)
NGINX: Final = Program(
    "which the configuration in docs/operations.md is tested in",
    ("nginx",),
    ("nginx-light",),
    "DESCENT_TEST_NGINX",
)
PROGRAMS: Final = {"chromium": CHROMIUM, "nginx": NGINX}


def required(program: Program) -> str:
    """The path of a program that a test runs; without it the test is skipped, and fails in CI."""
    path = program.find()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to test with {program.packages[0]}: {program.missing}", pytrace=False)
        pytest.skip(program.missing)
    return path


def install(program: Program) -> None:
    """Install it where it is missing and that can be done, and say so; the tests say it where it could not be."""
    if program.find() is not None:
        return
    name = program.packages[0]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        _say(f"There is {program.missing} ({program.purpose}).")
        return
    _say(f"Installing Debian's {name}, {program.purpose}")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *program.packages]):
        done = subprocess.run([*apt, *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            _say(f"{name} could not be installed: {done.stderr.strip().splitlines()[-1:]}")
            return


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Install what is named."""
    parser = argparse.ArgumentParser(description=install.__doc__)
    parser.add_argument("programs", nargs="+", choices=PROGRAMS)
    for name in parser.parse_args(sys.argv[1:]).programs:
        install(PROGRAMS[name])


if __name__ == "__main__":
    main()
