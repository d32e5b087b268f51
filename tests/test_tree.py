"""The size of modules: none is too long, and none is short without a reason that ADR 10 gives."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LONGEST, SHORTEST = 350, 60
REASONS: Final = ROOT / "docs" / "adr" / "0010-one-package-of-three-source-roots.md"
NAMED_BY_OTHERS: Final = {"__init__.py", "__main__.py", "conftest.py"}
"""Modules whose names Python or pytest gives: they are as short as they can be."""


def modules() -> dict[str, int]:
    """The number of lines of each module, by its path."""
    files = (file for floor in ("app", "bench", "client", "graph", "queries", "tests") for file in _files(ROOT / floor))
    return {file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines()) for file in files}


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*.py") if not {"build", "node_modules"} & set(file.parts)]


def reasons() -> list[str]:
    """The paths of the modules to which the table of ADR 10 gives a reason."""
    rows = re.findall(r"^\| `([a-z0-9_/]+/)` \| ([a-z0-9_ ]+) \| \S.* \|$", REASONS.read_text("utf-8"), re.MULTILINE)
    return [f"{folder}{name}.py" for folder, names in rows for name in names.split()]


def test_no_module_is_longer_than_one_reads_as_a_whole() -> None:
    found = modules()
    assert len(found) > 800, "the modules were not found"
    assert {path: lines for path, lines in found.items() if lines > LONGEST} == {}


def test_every_short_module_has_a_reason_and_every_reason_a_short_module() -> None:
    listed = reasons()
    assert [path for path, times in Counter(listed).items() if times > 1] == [], "given twice"
    short = {path for path, lines in modules().items() if lines < SHORTEST and Path(path).name not in NAMED_BY_OTHERS}
    assert short - set(listed) == set(), "join them with what they serve, or give a reason in ADR 10"
    assert set(listed) - short == set(), "remove them from the table of ADR 10: they are not short any more"
