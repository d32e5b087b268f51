"""Headers of safetensors and GGUF: what is written is read, and what is broken is refused with its place."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent.tensors import Header, InvalidTensorFile, Omitted, Tensor, read_header
from tests.support.tensor_files import Arrays, gguf_text, gguf_value, write_gguf, write_safetensors

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter("__metadata__".__ne__)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
SIZES = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1, "I64": 8}


@st.composite
def arrays(draw: st.DrawFn) -> Arrays:
    found = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        shape, dtype = draw(SHAPES), draw(st.sampled_from(list(SIZES)))
        count = SIZES[dtype]
        for length in shape:
            count *= length
        found[name] = dtype, shape, draw(st.binary(min_size=count, max_size=count))
    return found


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(st.integers(0, 9), max_size=4) | inner.map(lambda one: [one, one]),
    max_leaves=3,
)
METADATA = st.dictionaries(st.from_regex(r"[a-z_.]{1,12}", fullmatch=True).filter("general.alignment".__ne__), VALUES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors")


def check_read(header: Header, given: Arrays, path: Path) -> None:
    data = path.read_bytes()
    assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in header.tensors} == {
        name: (dtype, tuple(shape)) for name, (dtype, shape, _) in given.items()
    }
    for tensor in header.tensors:
        assert tensor.size is not None
        assert data[tensor.offset : tensor.offset + tensor.size] == given[tensor.name][2]
    assert [tensor.offset for tensor in header.tensors] == sorted(tensor.offset for tensor in header.tensors)


@given(given=arrays(), metadata=st.dictionaries(NAMES, st.text(max_size=8)))
def test_safetensors_are_read_as_they_were_written(given: Arrays, metadata: dict[str, str], folder: Path) -> None:
    path = write_safetensors(folder / "a.safetensors", given, metadata)
    header = read_header(path)
    assert (header.format, header.metadata, header.path) == ("safetensors", metadata, path)
    check_read(header, given, path)


@given(given=arrays(), metadata=METADATA, order=st.sampled_from("<>"))
def test_gguf_is_read_as_it_was_written(given: Arrays, metadata: dict[str, Any], order: str, folder: Path) -> None:
    path = write_gguf(folder / "a.gguf", given, metadata, order=order)
    header = read_header(path)
    assert (header.format, header.metadata) == ("gguf", metadata)
    check_read(header, given, path)


def test_gguf_of_blocks_and_of_another_alignment(tmp_path: Path) -> None:
    given: Arrays = {"q": ("Q4_0", (2, 64), bytes(72)), "k": ("Q4_K", (256,), bytes(144)), "s": ("F32", (), bytes(4))}
    path = write_gguf(tmp_path / "model", given, {"general.alignment": 64}, alignment=64)
    check_read(read_header(path), given, path)


def test_long_lists_of_gguf_are_counted_and_not_kept(tmp_path: Path) -> None:
    metadata = {
        "tokenizer.ggml.tokens": [f"t{i}" for i in range(5000)],
        "scores": [0.5] * 2000,
        "after": "x",
        "few": [1],
    }
    lists = [["a"]] * 1500
    path = write_gguf(tmp_path / "a.gguf", {}, {**metadata, "nested": lists})
    assert read_header(path).metadata == {
        "tokenizer.ggml.tokens": Omitted(5000),
        "scores": Omitted(2000),
        "after": "x",
        "few": [1],
        "nested": Omitted(1500),
    }


def test_a_type_of_gguf_that_is_newer_than_the_reader_has_no_size(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {"w": ("F32", (1,), bytes(4))})
    data = bytearray(path.read_bytes())
    at = data.index(gguf_text("w")) + 9 + 4 + 8
    data[at : at + 4] = struct.pack("<I", 99)
    path.write_bytes(data)
    [tensor] = read_header(path).tensors
    assert tensor == Tensor("w", "type 99", (1,), tensor.offset, None)


def safetensors_header(text: str | bytes, data: bytes = b"") -> bytes:
    header = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(header)) + header + data


def one(**about: Any) -> str:
    return json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **about}})


def gguf(values: bytes = b"", *, tensors: int = 0, count: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + values


BROKEN = {
    "empty.safetensors": (b"", "byte 0: the length of the header would take 8 bytes, and 0 are left"),
    "pickle.safetensors": (b"\x80\x04\x95" + bytes(9), "the header would take 9,766,016 bytes"),
    "text.safetensors": (b"version https://git-lfs.github.com/spec/v1", "the header would have"),
    "long.safetensors": (struct.pack("<Q", 50) + b"{}", "the header would take 50 bytes, and 2 are left"),
    "utf8.safetensors": (safetensors_header(b'{"\xff": 1}'), "not UTF-8 at its byte 2"),
    "json.safetensors": (safetensors_header("{"), "the header is not"),
    "deep.safetensors": (safetensors_header("[" * 100_000), "the header is not"),
    "list.safetensors": (safetensors_header("[]"), "not a JSON object"),
    "nan.safetensors": (safetensors_header('{"a": NaN}'), "NaN is not a JSON number"),
    "digits.safetensors": (safetensors_header('{"a": ' + "9" * 10_000 + "}"), "not the JSON of a file of tensors"),
    "twice.safetensors": (safetensors_header('{"a": 1, "a": 2}'), '"a" is there twice'),
    "metadata.safetensors": (safetensors_header('{"__metadata__": {"a": 1}}'), "does not map texts to texts"),
    "form.safetensors": (
        safetensors_header('{"w": {"dtype": "F32"}}'),
        'tensor "w" lacks dtype, shape or data_offsets',
    ),
    "negative.safetensors": (safetensors_header(one(shape=[-1])), "in another form"),
    "boolean.safetensors": (safetensors_header(one(data_offsets=[False, True])), "in another form"),
    "backwards.safetensors": (safetensors_header(one(data_offsets=[4, 0]), bytes(4)), "before it begins"),
    "size.safetensors": (safetensors_header(one(shape=[2]), bytes(4)), "not the size of F32 in the shape [2]"),
    "gap.safetensors": (safetensors_header(one(data_offsets=[4, 8]), bytes(8)), "leaves a gap"),
    "cut.safetensors": (safetensors_header(one()), "the tensors end at byte"),
    "padded.safetensors": (safetensors_header(one(), bytes(5)), "cut off or padded"),
    "overlap.safetensors": (
        safetensors_header(
            json.dumps({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in ("a", "b")}), bytes(4)
        ),
        "overlaps",
    ),
    "empty.gguf": (b"", "the letters GGUF would take 4 bytes"),
    "foreign.gguf": (b"GGML" + bytes(40), "does not begin with the letters GGUF"),
    "old.gguf": (gguf(version=1), "it is of version 1"),
    "tensors.gguf": (gguf(tensors=10), "10 tensors do not fit"),
    "many.gguf": (gguf(tensors=2**60), "more than 1,000,000"),
    "values.gguf": (gguf(count=9, values=bytes(20)), "9 metadata values do not fit"),
    "key.gguf": (gguf(struct.pack("<Q", 2**40) + bytes(30), count=1), "a key of the metadata would have"),
    "type.gguf": (gguf(gguf_text("a") + struct.pack("<I", 77) + bytes(9), count=1), "type 77"),
    "string.gguf": (gguf(gguf_text("a") + struct.pack("<IQ", 8, 500) + bytes(9), count=1), "would take 500 bytes"),
    "list.gguf": (gguf(gguf_text("a") + struct.pack("<IIQ", 9, 6, 2**50), count=1), "elements of"),
    "nested.gguf": (gguf(gguf_text("a") + gguf_value([[[[[1]]]]]), count=1), "a list in too many lists"),
    "again.gguf": (gguf(2 * (gguf_text("a") + gguf_value(1)), count=2), 'the key "a" is there twice'),
    "alignment.gguf": (gguf(gguf_text("general.alignment") + gguf_value(0), count=1), "not an alignment"),
    "dimensions.gguf": (gguf(gguf_text("w") + struct.pack("<I", 99) + bytes(20), tensors=1), "99 dimensions"),
    "rows.gguf": (
        gguf(gguf_text("w") + struct.pack("<IQIQ", 1, 33, 2, 0) + bytes(99), tensors=1),
        "rows of 33, and Q4_0 has blocks of 32",
    ),
    "after.gguf": (gguf(gguf_text("w") + struct.pack("<IQIQ", 1, 4, 0, 0), tensors=1), "after the end of the file"),
    "name.gguf": (
        gguf(2 * (gguf_text("w") + struct.pack("<IQIQ", 1, 1, 0, 0)) + bytes(99), tensors=2),
        "two tensors have the same name",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_file_place_and_reason(name: str, tmp_path: Path) -> None:
    data, reason = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidTensorFile) as caught:
        read_header(path)
    assert caught.value.message.startswith(f"{path}, byte ")
    assert reason in caught.value.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidTensorFile, match="it cannot be read"):
            read_header(path)


WHOLE: Arrays = {"a.weight": ("F32", (2, 3), bytes(range(24))), "b": ("BF16", (2,), b"wxyz")}


@pytest.mark.parametrize("format", ["safetensors", "gguf"])
def test_a_file_that_is_cut_off_anywhere_is_refused(format: str, folder: Path) -> None:
    path = folder / f"cut.{format}"
    if format == "gguf":
        write_gguf(path, WHOLE, {"general.name": "m", "tags": ["a", "b"], "n": 3})
    else:
        write_safetensors(path, WHOLE, {"format": "pt"})
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(InvalidTensorFile):
            read_header(path)


@given(
    position=st.integers(0, 400),
    value=st.binary(min_size=1, max_size=9),
    format=st.sampled_from(["safetensors", "gguf"]),
)
def test_a_file_with_wrong_bytes_is_read_or_refused(position: int, value: bytes, format: str, folder: Path) -> None:
    path = folder / f"wrong.{format}"
    if format == "gguf":
        write_gguf(path, WHOLE, {"general.name": "m", "tags": ["a", "b"], "n": 3})
    else:
        write_safetensors(path, WHOLE, {"format": "pt"})
    data = bytearray(path.read_bytes())
    data[position : position + len(value)] = value
    path.write_bytes(data)
    try:
        header = read_header(path)
    except InvalidTensorFile:
        return
    assert all(tensor.offset + (tensor.size or 0) <= len(data) for tensor in header.tensors)
