"""Signed notes, keys, cosignatures and the text of checkpoints are what C2SP and Go's own tests say."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from descent import notes
from descent.errors import NotProved
from descentd.app.checkpoints.checkpoint import Checkpoint, open_checkpoint
from descentd.app.checkpoints.signed_note import (
    COSIGNATURE,
    Note,
    SigningKey,
    VerifyingKey,
    _encoded,
    open_note,
)
from descentd.graph.model.errors import InvalidInput

# The example of golang.org/x/mod/sumdb/note, of which C2SP's signed notes are the specification.
GO_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_NOTE = f"{GO_TEXT}\n{GO_LINE}"
# A checkpoint of Google's binary transparency log that a witness cosigned (cosignature/v1).
WITNESSED = (
    "developers.google.com/android/binary_transparency/google1p/0\n5\nxqaCEZhTGZUuKNA7MpSyxe1WXiiESB2p+crAyzM+Vxo=\n"
)
WITNESS_PEM = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEApTPPKyRu6Q3PoMkeY+/sNni0biF4vnVTYRHbVNA31mY=
-----END PUBLIC KEY-----"""
COSIGNED = "r0xBJQAAAABnkyoLuHgN5KlIUUpZV9hulwsFcgqV5v1CyeIhBZWdkfOJT0ims1LqbYygO5MEl91CGha5sP79K57P7lIGrz7Qtx8eBw=="
NAME = "example.org/registry"


def test_signing_is_that_of_go_byte_for_byte() -> None:
    key = SigningKey.parse(GO_PRIVATE)
    assert key.sign(GO_TEXT) == GO_NOTE
    assert (str(key.public), key.dump()) == (GO_PUBLIC, GO_PRIVATE)
    assert open_note(GO_NOTE, [VerifyingKey.parse(GO_PUBLIC)]) == Note(GO_TEXT, (key.public,))


def test_the_specifications_example_of_a_key() -> None:
    """C2SP's signed-note.md, "Verifier keys"."""
    key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    text = (
        "This is an example message.\n\n"
        "— example.com/foo "
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    assert open_note(text, [VerifyingKey.parse(key)]).text == "This is an example message.\n"


def test_a_cosignature_of_a_foreign_witness() -> None:
    import base64

    raw: Any = load_pem_public_key(WITNESS_PEM)
    signature = base64.b64decode(COSIGNED)[4:]
    for kind in (VerifyingKey, notes.Key):
        witness = kind("witness", COSIGNATURE, raw.public_bytes_raw())
        assert witness.verifies(signature, WITNESSED)
        assert not witness.verifies(signature, WITNESSED.replace("\n5\n", "\n6\n"))
        later = (int.from_bytes(signature[:8], "big") + 1).to_bytes(8, "big")
        assert not witness.verifies(later + signature[8:], WITNESSED)
        assert not witness.verifies(b"\xff" * 8 + signature[8:], WITNESSED)
        assert not witness.verifies(signature[:20], WITNESSED)


@pytest.mark.parametrize(
    "written",
    [
        "",
        GO_TEXT,
        GO_TEXT + "\n",
        "\n\n" + GO_LINE,
        GO_NOTE.removesuffix("\n"),
        "\x01" + GO_NOTE,
        f"{GO_TEXT}\n{GO_LINE.replace('PeterNeumann', 'Bad Name')}",
        f"{GO_TEXT}\n{GO_LINE}Unexpected line.\n",
        GO_NOTE + "\n",
        GO_NOTE.replace("—", "-"),
        GO_NOTE.replace("x08go/", "y08go/"),
        GO_NOTE.replace("JnAM=", "JnBM="),
        GO_NOTE.replace("JnAM=", "JnAM"),
        GO_NOTE.replace("answer", "question"),
        f"{GO_TEXT}\n" + GO_LINE * 101,
    ],
)
def test_what_is_no_note_or_signed_otherwise(written: str) -> None:
    with pytest.raises(InvalidInput):
        open_note(written, [VerifyingKey.parse(GO_PUBLIC)])
    with pytest.raises(NotProved):
        notes.open_checkpoint(written, [notes.Key.parse(GO_PUBLIC)])


@pytest.mark.parametrize(
    "written",
    [
        "",
        "PeterNeumann",
        GO_PUBLIC.replace("c74f20a3", "c74f20a4"),
        GO_PUBLIC.replace("Peter", "Pet r"),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_PRIVATE,
    ],
)
def test_what_is_no_key(written: str) -> None:
    with pytest.raises(InvalidInput, match="not a public key"):
        VerifyingKey.parse(written)
    with pytest.raises(NotProved, match="not a public key"):
        notes.Key.parse(written)
    with pytest.raises(InvalidInput) as error:
        SigningKey.parse(written.replace("+AYEK", "+AXEK"))
    assert "AXEK" not in str(error.value)


def test_names_that_notes_cannot_hold() -> None:
    for name in ("", "a b", "a+b", "a\u00a0b", "a\nb"):
        with pytest.raises(InvalidInput):
            SigningKey.generate(name)


KEY, OTHER = SigningKey.generate(NAME), SigningKey.generate(NAME)


def cosigned(written: str, name: str, private: Ed25519PrivateKey, moment: int = 1_700_000_000) -> str:
    text = written.rpartition("\n\n")[0] + "\n"
    key = VerifyingKey(name, COSIGNATURE, private.public_key().public_bytes_raw())
    signature = private.sign(f"cosignature/v1\ntime {moment}\n{text}".encode())
    return f"{written}— {name} {_encoded(key.id + moment.to_bytes(8, 'big') + signature)}\n"


def test_a_checkpoint_with_cosignatures() -> None:
    private = Ed25519PrivateKey.generate()
    witness = VerifyingKey("example.org/witness", COSIGNATURE, private.public_key().public_bytes_raw())
    checkpoint = Checkpoint(NAME, 7, bytes(range(32)))
    written = cosigned(KEY.sign(checkpoint.text), witness.name, private)
    assert open_checkpoint(written, [KEY.public]) == (checkpoint, ())
    assert open_checkpoint(written, [OTHER.public, KEY.public], [witness]) == (checkpoint, (witness,))
    theirs = notes.open_checkpoint(written, notes.read_keys([str(KEY.public), str(witness)]))
    assert (theirs.origin, theirs.tree.size, theirs.tree.root) == (NAME, 7, checkpoint.root)
    assert theirs.witnesses == (witness.name,)
    wrong = cosigned(KEY.sign(checkpoint.text), witness.name, private).replace("\n7\n", "\n8\n")
    with pytest.raises(InvalidInput, match="is invalid"):
        open_checkpoint(wrong, [KEY.public], [witness])
    with pytest.raises(InvalidInput, match="none of the given keys"):
        open_checkpoint(written, [witness], [witness])
    alien = SigningKey.generate("example.org/other")
    with pytest.raises(InvalidInput, match="none of the given keys of that name"):
        open_checkpoint(alien.sign(checkpoint.text), [alien.public])
    with pytest.raises(NotProved, match="none of the given keys"):
        notes.open_checkpoint(alien.sign(checkpoint.text), notes.read_keys([str(alien.public)]))


@pytest.mark.parametrize(
    "text",
    ["a\n", "a\n1\n", "a\n01\nAAAA\n", f"{NAME}\n-1\n{'A' * 43}=\n", f"{NAME}\n1\n{'A' * 42}==\n", f"{NAME}\n1\n\nx\n"],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"not a checkpoint|none of the given keys"):
        open_checkpoint(KEY.sign(text), [KEY.public])
    with pytest.raises(NotProved):
        notes.open_checkpoint(KEY.sign(text), notes.read_keys([str(KEY.public)]))
