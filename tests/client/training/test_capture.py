"""What a run finds out by itself: its rank, its code, its environment, and plain values of what is logged."""

import dataclasses
import enum
import subprocess
import sys
from argparse import Namespace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from descent.errors import InvalidInput
from descent.training.code import UncommittedChanges, find_code
from descent.training.environment import environment
from descent.training.plain import plain
from descent.training.ranks import VARIABLES, rank

# ---------------------------------------------------------------- rank


@pytest.mark.parametrize("name", VARIABLES)
def test_each_launcher_is_understood(name: str) -> None:
    assert rank({name: "0"}) == 0
    assert rank({name: "3"}) == 3


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, 0),
        ({"RANK": "5", "SLURM_PROCID": "1", "LOCAL_RANK": "0"}, 5),  # torchrun, started by srun on each node
        ({"RANK": "gold", "SLURM_PROCID": "2"}, 2),
        ({"RANK": "", "PMI_RANK": "-1"}, 0),
        ({"LOCAL_RANK": "2"}, 0),
    ],
)
def test_the_innermost_launcher_counts(environment: dict[str, str], expected: int) -> None:
    assert rank(environment) == expected


def test_a_process_group_of_pytorch_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ModuleType("torch.distributed")
    monkeypatch.setitem(sys.modules, "torch.distributed", group)
    for name, answer in {"is_available": True, "is_initialized": True, "get_rank": 4}.items():
        setattr(group, name, lambda answer=answer: answer)
    assert rank({"RANK": "0"}) == 4
    group.is_initialized = lambda: False  # type: ignore[attr-defined]
    assert rank({"RANK": "1"}) == 1


# ---------------------------------------------------------------- code


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that has the script in a folder of it."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    root = (tmp_path / "repository").resolve()
    (root / "src").mkdir(parents=True)
    (root / "src" / "train.py").write_text("print(1)\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://example.org/other.git")
    git(repository, "remote", "add", "origin", "https://example.org/risk.git")
    (repository / "model.bin").write_text("what git does not follow, and nobody imports, is no code")
    found = find_code(repository / "src" / "train.py", allow_changes=False)
    commit = git(repository, "rev-parse", "HEAD")
    assert found.content == {"repository": "https://example.org/risk.git", "commit": commit, "path": "src/train.py"}


def test_a_repository_without_a_remote_is_its_folder(repository: Path) -> None:
    found = find_code(repository / "src" / "train.py", allow_changes=False)
    assert found.content is not None
    assert found.content["repository"] == repository.as_uri()


def test_changes_are_refused_or_their_digest_is_recorded(repository: Path) -> None:
    script = repository / "src" / "train.py"
    digests = set()
    for text in ("print(2)\n", "print(3)\n", "print(2)\n"):
        script.write_text(text)
        with pytest.raises(UncommittedChanges, match=r"src/train\.py.*allow_dirty=True"):
            find_code(script, allow_changes=False)
        found = find_code(script, allow_changes=True)
        assert found.content is not None
        digests.add(found.content["diff"])
    assert len(digests) == 2
    git(repository, "add", ".")
    with pytest.raises(UncommittedChanges):  # staged is not committed
        find_code(script, allow_changes=False)


def test_a_script_that_git_does_not_follow_is_a_change(repository: Path) -> None:
    script = repository / "new.py"
    script.write_text("print(1)\n")
    with pytest.raises(UncommittedChanges, match=r"new\.py"):
        find_code(script, allow_changes=False)
    first = find_code(script, allow_changes=True).content
    script.write_text("print(2)\n")
    second = find_code(script, allow_changes=True).content
    assert first is not None
    assert second is not None
    assert first["diff"] != second["diff"]


def test_an_imported_module_that_git_does_not_follow_is_a_change(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("helper_of_a_test")
    module.__file__ = str(repository / "helper.py")
    (repository / "helper.py").write_text("x = 1\n")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(UncommittedChanges, match=r"helper\.py"):
        find_code(repository / "src" / "train.py", allow_changes=False)


def test_renamed_and_oddly_named_files_are_named(repository: Path) -> None:
    git(repository, "mv", "src/train.py", "src/träin now.py")
    with pytest.raises(UncommittedChanges, match=r"src/träin now\.py"):
        find_code(None if Path.cwd() == repository else repository / "src" / "träin now.py", allow_changes=False)


def test_where_there_is_no_commit_the_reason_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.resolve()))
    folder = tmp_path.resolve() / "plain"
    folder.mkdir()
    assert find_code(folder / "train.py", allow_changes=False).reason == f"{folder} is in no git repository"
    git(folder, "init", "--quiet")
    assert "has no commit" in str(find_code(folder / "train.py", allow_changes=False).reason)
    monkeypatch.setenv("PATH", str(folder))
    assert "git is not installed" in str(find_code(folder / "train.py", allow_changes=False).reason)


# ---------------------------------------------------------------- environment


def test_the_environment_lists_what_is_installed_once() -> None:
    found = environment()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    listed = {one["name"]: one["version"] for one in found["dependencies"]}
    assert len(listed) == len(found["dependencies"])
    assert listed["pytest"] == metadata.version("pytest")
    assert list(listed) == sorted(listed)


# ---------------------------------------------------------------- plain values


class Kind(enum.Enum):
    FAST = "fast"


class Scalar:
    """A scalar as NumPy and PyTorch have it."""

    shape = ()

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value


@dataclasses.dataclass
class Settings:
    rate: float
    kind: Kind
    path: Path


def test_what_scripts_have_becomes_json() -> None:
    given = {
        "a": (1, Scalar(2.5), None, True),
        "b": Settings(0.1, Kind.FAST, Path("x/y")),
        "c": Namespace(d={3: "x"}),
        Kind.FAST: 1,
    }
    assert plain(given) == {
        "a": [1, 2.5, None, True],
        "b": {"rate": 0.1, "kind": "fast", "path": "x/y"},
        "c": {"d": {"3": "x"}},
        "fast": 1,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": {"b": [0, object()]}}, r"a\.b\[1\] is a object, which is not JSON"),
        ({"a": float("nan")}, "a is nan: where nothing was measured, leave it out"),
        ({"a": 2**53}, r"beyond 2\^53 - 1"),
        ({(1, 2): 0}, "keys of JSON are texts"),
        ({"a": {1, 2}}, "a is a set"),
        ({"a": b"x"}, "a is a bytes"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        plain(value)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput, match="nested deeper than"):
        plain(endless)
