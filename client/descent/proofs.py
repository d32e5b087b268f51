"""Verifying the proofs of a registry by hashes only: without the network and without code of the server.

A log is a Merkle tree (RFC 6962, section 2.1). The two checks follow the algorithms of RFC 9162, sections 2.1.3.2 and
2.1.4.2. A record's id is the hash of its content, and its entry in the log names the id.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.errors import NotProved

EMPTY_ROOT = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """The state of a log: how many entries, and the root over them."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class LogEntry:
    """The fields of a log entry, from its text; `recorded_at` is in microseconds since 1970 UTC."""

    sequence: int
    transaction: int
    recorded_at: int
    id: str
    recorded_by: str

    @classmethod
    def parse(cls, text: str) -> "LogEntry":
        """Return the entry with this text; raises NotProved if it is not the text of an entry."""
        tag, *parts = text.split("\n", 5)
        if tag != "descent.entry.v1" or len(parts) != 5:
            raise NotProved.because("The text of the log entry does not have the format descent.entry.v1.")
        try:
            return cls(int(parts[0]), int(parts[1]), int(parts[2]), parts[3], parts[4])
        except ValueError:
            raise NotProved.because("The text of the log entry has no numbers where numbers are expected.") from None


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def record_id(kind: str, body: bytes) -> str:
    """Return the id of a record, `sha256:HEX`, given its kind and its content as RFC 8785 JSON."""
    return "sha256:" + hashlib.sha256(b"descent.record.v1:%s\n" % kind.encode() + body).hexdigest()


def check_inclusion(leaf: bytes, index: int, tree: Tree, path: Sequence[bytes]) -> None:
    """Check that a leaf is in a tree at `index`, counted from 0 (RFC 9162, 2.1.3.2); raises NotProved."""
    if not 0 <= index < tree.size:
        raise NotProved.because(f"A log of {tree.size} entries has no entry {index + 1}.")
    place, last, found = index, tree.size - 1, leaf
    for sibling in path:
        if last == 0:
            raise NotProved.because("The inclusion proof is too long for the size of the log.")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise NotProved.because("The inclusion proof is too short for the size of the log.")
    if found != tree.root:
        raise NotProved.because("The inclusion proof gives another root: the entry is not in this log.")


def check_consistency(first: Tree, second: Tree, path: Sequence[bytes]) -> None:
    """Check that a tree is the beginning of another (RFC 9162, 2.1.4.2); raises NotProved.

    Two trees of the same size must have the same root. The empty tree is the beginning of every tree.
    """
    if first.size > second.size:
        raise NotProved.because(f"A log of {first.size} entries cannot be the beginning of one of {second.size}.")
    if first.size == second.size:
        proved = not path and first.root == second.root
    elif first.size == 0:
        proved = not path and first.root == EMPTY_ROOT
    else:
        # If the first tree is full, its root is the first of the hashes, and the proof leaves it out.
        full = first.size & (first.size - 1) == 0
        proved = _roots(first.size, second.size, [first.root, *path] if full else path) == (first.root, second.root)
    if not proved:
        raise NotProved.because(
            f"The log of {first.size} entries is not the beginning of that of {second.size}: there are two histories, "
            "or the proof is of other logs."
        )


def _roots(first: int, second: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that follow from a consistency proof; None if it has the wrong length."""
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if not hashes:
        return None
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


def check_proof(proof: Mapping[str, Any]) -> LogEntry:
    """Check the whole answer of the operation Proof, and return the entry that it proves; raises NotProved.

    This does not show that the root is the registry's: compare it with a signed checkpoint.
    """
    record, body, text = proof["record"], str(proof["body"]), str(proof["entry"])
    entry = LogEntry.parse(text)
    if record_id(str(record["kind"]), body.encode()) != record["id"]:
        raise NotProved.because("The content does not match the record's id: it was changed.")
    if entry.id != record["id"] or entry.sequence != int(proof["index"]) + 1:
        raise NotProved.because("The log entry belongs to another record, or to another position in the log.")
    leaf = leaf_hash(text.encode())
    if leaf != digest(proof["leaf"]):
        raise NotProved.because("The leaf is not the hash of the log entry.")
    tree = Tree(int(proof["size"]), digest(proof["root"]))
    check_inclusion(leaf, int(proof["index"]), tree, digests(proof["inclusion"]))
    present = Tree(int(proof["presentSize"]), digest(proof["presentRoot"]))
    check_consistency(tree, present, digests(proof["consistency"]))
    return entry


def digest(written: object) -> bytes:
    """Return the 32 bytes of a hash in hexadecimal digits; raises NotProved."""
    try:
        found = bytes.fromhex(str(written))
    except ValueError:
        found = b""
    if len(found) != hashlib.sha256().digest_size:
        raise NotProved.because(f"{str(written)[:80]} is not a hash: expected 64 hexadecimal digits.")
    return found


def digests(written: Sequence[object]) -> list[bytes]:
    """Return the 32 bytes of each hash, as `digest` does; raises NotProved."""
    return [digest(each) for each in written]
