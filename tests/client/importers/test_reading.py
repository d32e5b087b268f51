"""Safe reading of files: encodings, compression, sizes, links, pickles, and the place of each value."""

import gzip
import json
from pathlib import Path

import pytest

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.reading import inside, json_value, read_bytes, read_json, read_json_lines, yaml_value
from tests.client.importers.imports import dry, refusal, results, write

# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00", "a zip archive, such as a workbook of Excel, and not text"),
        (b"PAR1\x15\x04", "a Parquet file, and not text"),
        (b"SQLite format 3\x00", "a database of SQLite, and not text"),
    ],
)
def test_what_is_there_in_place_of_text_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    assert f"This is {said}" in refusal("metrics-csv", write(tmp_path / "table.csv", content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a pointer of Git LFS: fetch"),
        ("\ufeff\n<!DOCTYPE html><html>", "a page in HTML: get the file itself."),
        ('<?xml version="1.0"?><bom/>', "XML: only JSON is read here."),
    ],
)
def test_what_is_there_in_place_of_json_is_said(content: str, said: str, tmp_path: Path) -> None:
    assert f"This is not JSON, but {said}" in refusal("lm-eval", write(tmp_path / "results.json", content))


def test_encodings_and_compression(tmp_path: Path) -> None:
    text = json.dumps({"é": 1}, ensure_ascii=False)
    for name, data in {
        "plain": text.encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "utf16": text.encode("utf-16"),
        "utf32": text.encode("utf-32"),
        "gz": gzip.compress(text.encode()),
    }.items():
        assert read_json(write(tmp_path / name, data)).value == {"é": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty."),
        (b'{"results": ', "The file ends in the middle of the JSON."),
        (b"{'a': 1}", "This is not JSON"),
        (b'{"a": 1, "a": 2}', 'The key "a" is given twice'),
        (b'{"a": "\xe9"}', "Byte 0xe9 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "This is not JSON"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-20], "damaged or cut off"),
        (b"\x80\x04\x95", "Byte 0x80 is not UTF-8"),
    ],
)
def test_bad_json_says_why(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotImported, match=said.replace("(", r"\(")) as caught:
        read_json(write(tmp_path / "x.json", data))
    assert caught.value.source == str(tmp_path / "x.json")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    for name in ("model.pkl", "weights.pt", "data.joblib"):
        with pytest.raises(NotImported, match="never loaded"):
            read_bytes(write(tmp_path / name, b"\x80\x04N."))


def test_large_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotImported, match="larger than 1,000 bytes once it is decompressed"):
        read_bytes(write(tmp_path / "bomb.gz", gzip.compress(b" " * 100_000)), 1000)
    with pytest.raises(NotImported, match="at most 10 are read"):
        read_bytes(write(tmp_path / "x", b"12345678901"), 10)
    with pytest.raises(NotImported, match="too large") as caught:
        list(read_json_lines(write(tmp_path / "x", b"1\n2\n3\n"), 5))
    assert caught.value.problems[0].line == 3


def test_lines_have_their_numbers(tmp_path: Path) -> None:
    assert [one.line for one in read_json_lines(write(tmp_path / "x", b"\xef\xbb\xbf1\n\n2\r\n3"))] == [1, 3, 4]
    with pytest.raises(NotImported) as caught:
        list(read_json_lines(write(tmp_path / "x", b"1\n{\n")))
    assert caught.value.problems[0].line == 2


def test_links_and_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.json", results("outside"))
    folder = tmp_path / "folder"
    write(folder / "inside.json", results("inside"))
    (folder / "link.json").symlink_to(outside)
    (folder / "loop.json").symlink_to(folder / "loop.json")
    result = dry("lm-eval", folder)
    assert result.exit_code == 1
    assert result.stderr.count("This link leads out of the folder") == 2
    assert "@outside" not in result.stdout
    for name in ("../outside.json", str(outside), "link.json", "sub/../../outside.json"):
        with pytest.raises(NotImported, match="not a file within"):
            inside(folder, name, "x")
    assert inside(folder, "inside.json", "x").name == "inside.json"


def test_yaml_values_keep_dates_as_text() -> None:
    value = yaml_value("{a: 2024-01-01, b: 1.5, c: [yes, ~], d: 0x10}", "x").value
    assert value == {"a": "2024-01-01", "b": 1.5, "c": ["yes", None], "d": 16}


def test_a_value_says_where_it_is() -> None:
    root = json_value('{"a": [{"b c": 1}], "n": NaN, "t": true}', "x.json")
    with pytest.raises(NotImported, match="Expected a text, got the number 1") as caught:
        root.at("a", 0, "b c").text()
    assert caught.value.problems[0].field == 'a[0]["b c"]'
    assert root.at("n").number() is None
    assert root.at("t").number() is None
    assert root.at("a", 5, "x") == At(None, ("a", 5, "x"), "x.json")
