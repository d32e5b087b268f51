"""The digests of files, computed beside the training."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent.training.hashing import FileHasher, UnreadableFile


@given(contents=st.lists(st.binary(max_size=2000), max_size=12))
def test_digests_are_those_of_the_files_in_their_order(
    contents: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    hasher = FileHasher()
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
        hasher.add(folder / str(number))
    seen: list[tuple[int, int]] = []
    found = hasher.results(lambda done, total: seen.append((done, total)))
    assert [file.digest for file in found] == [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in contents]
    assert [file.size for file in found] == [len(one) for one in contents]
    assert seen == sorted(seen)
    assert seen[-1] == (sum(map(len, contents)),) * 2


def nothing(done: int, total: int) -> None:
    """Show no progress."""


def test_a_file_that_changes_later_is_recorded_as_it_is_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"first")
    hasher = FileHasher()
    hasher.add(path)
    path.write_bytes(b"second, and longer")
    [found] = hasher.results(nothing)
    assert found.digest == f"sha256:{hashlib.sha256(b'second, and longer').hexdigest()}"
    assert found.size == 18


def test_a_file_that_is_added_again_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "model"
    hasher = FileHasher()
    for content in (b"one", b"two"):
        path.write_bytes(content)
        hasher.add(path)
    [found] = hasher.results(nothing)
    assert found.digest == f"sha256:{hashlib.sha256(b'two').hexdigest()}"


def test_what_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"missing cannot be read: No such file"):
        FileHasher().add(tmp_path / "missing")
    with pytest.raises(UnreadableFile, match="Is a directory"):
        FileHasher().add(tmp_path)


def test_a_file_that_is_gone_at_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"x")
    hasher = FileHasher()
    hasher.add(path)
    path.unlink()
    with pytest.raises(UnreadableFile, match="cannot be read"):
        hasher.results(nothing)
