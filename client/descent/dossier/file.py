"""The file of a dossier: writing it, and verifying it without the registry."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.client import Client
from descent.dossier import stated
from descent.dossier.collect import collect, prove
from descent.dossier.sections import Records, label, sections
from descent.dossier.stated import Statement
from descent.errors import InvalidInput, NotProved, Problem
from descent.notes import Checkpoint, Key, open_checkpoint
from descent.proofs import LogEntry, Tree, check_inclusion, digest, digests, leaf_hash, record_id

FORMAT = "descent.dossier.v2"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of verifying a dossier: its version, the number of records, their log, and who signed it.

    `stated` are the answers in `computed`, which no record proves, with who signed them; empty without keys.
    """

    ref: str
    id: str
    records: int
    tree: Tree
    signed: Checkpoint | None
    stated: Sequence[Statement]


def export(client: Client, ref: str, environments: Sequence[str] = ()) -> Json:
    """Return the dossier of a version, with the present decisions of the gates of `environments`.

    Raises InvalidInput if `ref` is not a model version.
    """
    version = client.entity(ref)
    if version["kind"] != "MODEL_VERSION":
        raise InvalidInput([Problem(f"{ref} is not a model version: write model:NAME@VERSION.", "INVALID_INPUT")])
    answers = stated.ask(client, version["id"], environments)
    found, complete = collect(client, version["id"])
    note = client.checkpoint()
    size = None if note is None else int(note.split("\n")[1])
    proofs = prove(client, list(found), size)
    if size is None and len({(each["size"], each["root"]) for each in proofs}) > 1:
        # The log grew in the meantime: all records are proved again, in the smallest of the logs.
        proofs = prove(client, list(found), min(int(each["size"]) for each in proofs))
    log = {"size": proofs[0]["size"], "root": proofs[0]["root"]}
    records = [{name: each[name] for name in ("record", "entry", "body", "index", "inclusion")} for each in proofs]
    for each in records:
        each["record"] = {name: each["record"][name] for name in ("id", "kind", "ref")}
    dossier: Json = {
        "format": FORMAT,
        "subject": version["id"],
        "complete": complete,
        **sections(Records(records), version["id"]),
        "computed": stated.computed(answers),
        "stated": answers,
        "log": log,
        "checkpoint": note,
        "records": records,
    }
    return {**dossier, "digest": _digest(dossier)}


def dump(dossier: Mapping[str, Any]) -> bytes:
    """Return the bytes of a dossier's file; the same dossier always gives the same bytes."""
    return (json.dumps(dossier, indent=1, ensure_ascii=False) + "\n").encode()


def check(written: bytes, keys: Sequence[Key]) -> Checked:
    """Verify a dossier: each record from its content to the root, and that its sections follow from the records.

    With `keys`, one of them must have signed the checkpoint, and each answer that the registry computed (`computed`).
    Raises NotProved.
    """
    dossier = _read(written)
    try:
        return _checked(dossier, keys)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise NotProved.because(f"The dossier does not have the structure of {FORMAT} ({error!r}).") from None


def _checked(dossier: Json, keys: Sequence[Key]) -> Checked:
    tree = Tree(int(dossier["log"]["size"]), digest(dossier["log"]["root"]))
    signed = _signed(dossier["checkpoint"], tree, keys)
    seen: set[str] = set()
    for each in dossier["records"]:
        _check_record(each, tree)
        if each["record"]["id"] in seen:
            raise NotProved.because(f"The record {each['record']['id']} is in the dossier twice.")
        seen.add(each["record"]["id"])
    subject = dossier["subject"]
    if subject not in seen:
        raise NotProved.because("The record of the version itself is not in the dossier.")
    records = Records(dossier["records"])
    for name, right in sections(records, subject).items():
        if dossier[name] != right:
            raise NotProved.because(f"The section {name!r} of the dossier does not follow from its records.")
    answers = dossier["stated"]
    signed_answers = list(stated.check(answers, subject, keys))
    if any(each.tree.size == tree.size and each.tree != tree for each in signed_answers):
        raise NotProved.because("The registry computed from another log than the records are proved in.")
    if dossier["computed"] != stated.computed(answers):
        raise NotProved.because("What the dossier says under 'computed' is not what the registry stated.")
    return Checked(records.ref(subject), subject, len(seen), tree, signed, signed_answers)


def _check_record(each: Json, tree: Tree) -> None:
    record, entry = each["record"], LogEntry.parse(each["entry"])
    body = each["body"].encode()
    ref = label(record["kind"], json.loads(body)) or record["id"]
    if record_id(record["kind"], body) != record["id"] or entry.id != record["id"]:
        raise NotProved.because(f"The content of {record['ref']} does not match its id: it was changed.")
    if entry.sequence != each["index"] + 1 or record["ref"] not in (ref, record["id"]):
        raise NotProved.because(
            f"{record['ref']} has another position in the log, or another kind, than the dossier says."
        )
    check_inclusion(leaf_hash(each["entry"].encode()), each["index"], tree, digests(each["inclusion"]))


def _signed(note: str | None, tree: Tree, keys: Sequence[Key]) -> Checkpoint | None:
    if note is None:
        if keys:
            raise NotProved.because("The dossier contains no signed checkpoint: the registry had no key then.")
        return None
    if not keys:
        return None
    signed = open_checkpoint(note, keys)
    if signed.tree != tree:
        raise NotProved.because("The signed checkpoint belongs to another log than the proofs of the records.")
    return signed


def _read(written: bytes) -> Json:
    try:
        dossier = json.loads(written)
    except (ValueError, RecursionError):
        raise NotProved.because("The file is not JSON.") from None
    if not isinstance(dossier, dict) or dossier.get("format") != FORMAT:
        raise NotProved.because(f"The file is not a dossier of the format {FORMAT}.")
    rest = {name: value for name, value in dossier.items() if name != "digest"}
    if dossier.get("digest") != _digest(rest) or dump(dossier) != written:
        raise NotProved.because("The file was changed after it was exported: its digest is another.")
    return dossier


def _digest(dossier: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(dump(dossier)).hexdigest()
