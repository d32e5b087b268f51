"""What the documents show is what happens: commands are run against a real server, and links lead somewhere.

In a console block a line that begins with `$ ` is a command, what follows is its stdout. A line `…` stands for any
lines, and `…` within a line for any text; how far columns are apart and moments of time are not compared.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from tests.support import preloaded
from tests.support.server_process import SECONDS, ServerProcess

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
USUAL = "http://127.0.0.1:8600"
PROGRAMS = {"descentd": preloaded.SERVER, "descent": preloaded.CLIENT}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(document: Path) -> Iterator[tuple[str, str]]:
    """Each command with the output that is shown for it."""
    for block in blocks(document, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def pattern(shown: str) -> re.Pattern[str]:
    lines = (line.split("…") for line in MOMENT.sub("TIME", shown).splitlines())
    return re.compile(
        "".join(
            r"(?:.*\n)*?" if parts == ["", ""] else ".*?".join(literally(part) for part in parts) + r" *\n"
            for parts in lines
        )
    )


def literally(text: str) -> str:
    """The text as a pattern; columns may be any distance apart."""
    return r" {2,}".join(map(re.escape, re.split(r" {2,}", text)))


def run(command: str, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    program, *options = shlex.split(command.replace(USUAL, url))
    name = Path(program).name
    if command == "make demo":
        name, options = "descentd", ["demo", "--no-serve", "--store", "sqlite:///pythia.db"]
    environment = {"DESCENT_URL": url, "NO_COLOR": "1"}
    if name in PROGRAMS:
        return preloaded.run(PROGRAMS[name], *options, folder=folder, environment=environment)
    return subprocess.run(
        [program, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's registry in a file, as `make demo` leaves it; `told` beside it is what that said."""
    folder = tmp_path_factory.mktemp("docs")
    ran = run("make demo", folder, "")
    assert ran.returncode == 0, ran.stderr
    (folder / "told").write_text(ran.stdout, "utf-8")
    return folder


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "console")], ids=lambda d: d.name)
def test_the_commands_do_what_is_shown(document: Path, demo: Path, tmp_path: Path) -> None:
    copyfile(demo / "pythia.db", tmp_path / "pythia.db")
    for block in [*blocks(ROOT / "README.md", "yaml"), *blocks(document, "yaml")]:
        name, _, text = block.partition("\n")
        (tmp_path / name.removeprefix("# ")).write_text(text, "utf-8")
    with ServerProcess(f"sqlite:///{tmp_path / 'pythia.db'}") as server:
        for command, shown in commands(document):
            if command == "make demo":
                said = (demo / "told").read_text("utf-8")
            else:
                ran = run(command, tmp_path, server.url)
                said = ran.stdout + (ran.stderr if ran.returncode else "")
            said = MOMENT.sub("TIME", said).rstrip() + "\n"
            assert pattern(shown).fullmatch(said), f"{command} says:\n{said}"


def test_the_two_commands_are_there() -> None:
    [two, *_] = blocks(ROOT / "README.md", "sh")
    made = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"^make (\w+)", two, re.MULTILINE):
        assert f"make {target} " in made


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "client" / "README.md", ROOT / "demo" / "README.md"])
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text("utf-8")):
        assert "://" in link or (document.parent / link).exists(), link
