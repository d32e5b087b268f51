"""Signatures of models (OpenSSF Model Signing): verified with the signer's public key, and stated about a version.

`model.sig` is a Sigstore bundle v0.3 around a DSSE envelope, whose payload is an in-toto statement that lists the files
of a model with their digests. What is verified: the signature over the payload, the payload's type and predicate, the
digest over all listed files, and each listed file that lies beside the bundle. That the version consists of nothing
else than signed files is checked by the registry.

Sources: https://github.com/ossf/model-signing-spec, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from descent.importers.at import At
from descent.importers.draft import Context, Draft, Unit
from descent.importers.reading import Sources, is_file, json_value, read_bytes, refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from descent.errors import NotImported

_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_FIRST_PREDICATE: Final = "https://model_signing/Digests/v0.1"
"""Of model_signing 0.2: the files are the subjects, and there is no digest over them."""

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_KEYLESS: Final = (
    "This is signed with an identity of Sigstore, which is not verified here: verify it with `model_signing verify "
    "sigstore`. Signatures with a key or a certificate of one's own are imported."
)
_LARGEST_BUNDLE: Final = 64 * 2**20
_SUFFIX: Final = ".sig"


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each bundle."""
    for file in sources.files(path, (_SUFFIX,)):
        yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the statement that the files of a version are signed. Raises NotImported for a signature that is not."""
    [file] = unit.files
    draft = Draft(unit.source)
    data = read_bytes(file, _LARGEST_BUNDLE)
    bundle = json_value(data.decode("utf-8", "replace"), unit.source)
    payload = _verified(bundle, context)
    files = _files(json_value(payload.decode("utf-8", "replace"), unit.source, place="dsseEnvelope.payload"))
    _compare(file.parent, files, draft)
    subject = context.subject(draft, At(None, ("--model",), unit.source), None)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    listed = [{"name": name, "digest": files[name]} for name in sorted(files)]
    entry = {"subject": subject, "files": listed, "key": _digest_of(_key(context.key or "")), "bundle": digest}
    count = f"{len(files)} files" if len(files) > 1 else "1 file"
    draft.add("signatures", entry, "dsseEnvelope", f"signature over {count} of {subject}")
    return draft


# ---------------------------------------------------------------- the signature


def _verified(bundle: At, context: Context) -> bytes:
    """Return the payload of a bundle, once its signature is verified with the user's key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    if not str(bundle.at("mediaType").value).startswith(_BUNDLE) or not bundle.at("dsseEnvelope"):
        raise bundle.fault("This is not a Sigstore bundle with a DSSE envelope, as OpenSSF Model Signing writes it.")
    envelope = bundle.at("dsseEnvelope")
    if (kind := envelope.at("payloadType").value) != _PAYLOAD:
        raise envelope.at("payloadType").fault(f'Expected the payload type {_PAYLOAD}, got "{str(kind)[:60]}".')
    payload = _bytes(envelope.at("payload"))
    signatures = list(envelope.at("signatures").items())
    if len(signatures) != 1:
        raise envelope.at("signatures").fault(f"Expected one signature, got {len(signatures)}.")
    signature = _bytes(signatures[0].at("sig"))
    if bundle.at("verificationMaterial", "certificate"):
        raise bundle.at("verificationMaterial", "certificate").fault(_KEYLESS)
    if context.key is None:
        message = "A signature is verified with the signer's public key or certificate: give it with --key FILE (PEM)."
        raise refused(bundle.source, message)
    key = _key(context.key)
    for signed in (_encoded(payload), _encoded_first(payload)):
        try:
            key.verify(signature, signed, ECDSA(_hash_of(key)))
        except InvalidSignature:
            continue
        return payload
    message = f"The signature was not made with the key in {context.key} over this payload: nothing of it is taken."
    raise signatures[0].at("sig").fault(message)


def _encoded(payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE."""
    return f"DSSEv1 {len(_PAYLOAD)} {_PAYLOAD} {len(payload)} ".encode() + payload


def _encoded_first(payload: bytes) -> bytes:
    """Return what model_signing 0.2 and 0.3 signed instead: the payload as Python prints it, under another name."""
    return f"DSSEV1 {len(_PAYLOAD)} {_PAYLOAD} {len(payload)} {payload!r}".encode()


def _bytes(at: At) -> bytes:
    text = at.text()
    if text is None:
        raise at.expected("a text in Base64")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise at.fault("This is not Base64, or is cut off.") from error


# ---------------------------------------------------------------- the key


def _key(file: str) -> "EllipticCurvePublicKey":
    """Return the public key in the file of --key, which has it in PEM or has a certificate with it."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    path = Path(file)
    data = read_bytes(path, 2**20)
    certificate = b"-----BEGIN CERTIFICATE-----" in data
    try:
        key: Any = load_pem_x509_certificate(data).public_key() if certificate else load_pem_public_key(data)
    except ValueError as error:
        raise _no_key(path, "it is neither a public key nor a certificate in PEM") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise _no_key(path, f"its key is not one of the curves {', '.join(_HASHES)}")
    return key


_HASHES: Final = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}


def _no_key(path: Path, why: str) -> "NotImported":
    return refused(str(path), f"The signature cannot be verified with this file: {why}.")


def _hash_of(key: "EllipticCurvePublicKey") -> Any:
    from cryptography.hazmat.primitives import hashes

    return getattr(hashes, _HASHES[key.curve.name])()


def _digest_of(key: "EllipticCurvePublicKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# ---------------------------------------------------------------- the files


def _files(statement: At) -> dict[str, str]:
    """Return the digests of the signed files by their names."""
    if statement.at("_type").value != _STATEMENT:
        raise statement.at("_type").fault(f"Expected a statement of in-toto, {_STATEMENT}.")
    kind = statement.at("predicateType").value
    if kind == _FIRST_PREDICATE:
        found = [(one.at("name"), one.at("digest", "sha256"), "sha256") for one in statement.at("subject").items()]
        return _named(statement, found)
    if kind != _PREDICATE:
        raise statement.at("predicateType").fault(f'Expected the predicate {_PREDICATE}, got "{str(kind)[:80]}".')
    predicate = statement.at("predicate")
    found = [(one.at("name"), one.at("digest"), one.at("algorithm").value) for one in predicate.at("resources").items()]
    files = _named(statement, found)
    whole = hashlib.sha256(b"".join(bytes.fromhex(str(digest.value)) for _, digest, _ in found)).hexdigest()
    stated = statement.at("subject", 0, "digest", "sha256")
    if stated.value != whole:
        raise stated.fault(f"The digest over the listed files is {whole}: the statement does not agree with itself.")
    return files


def _named(statement: At, found: list[tuple[At, At, Any]]) -> dict[str, str]:
    files: dict[str, str] = {}
    for name_at, digest_at, algorithm in found:
        name, digest = name_at.text(), digest_at.text()
        if name == ".":  # the model is one file, whose name is the subject's
            name = statement.at("subject", 0, "name").text()
        if name is None or digest is None:
            raise name_at.fault("A signed file needs a name and a digest.")
        if algorithm != "sha256":
            raise digest_at.fault(
                f'"{name}" is signed by its {str(algorithm)[:30]}, and artifacts have a SHA-256: sign the model with '
                "SHA-256 of whole files."
            )
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise digest_at.fault("Expected the 64 digits of a SHA-256.")
        if name in files:
            raise name_at.fault(f'"{name}" is listed twice.')
        files[name] = f"sha256:{digest}"
    if not files:
        raise statement.fault("The statement lists no files.")
    return files


def _compare(folder: Path, files: dict[str, str], draft: Draft) -> None:
    """Refuse a file beside the bundle that is not as it was signed; say which are not there."""
    absent = []
    for name, digest in files.items():
        path = folder / name
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        if not inside or not is_file(path):
            absent.append(name)
            continue
        with path.open("rb") as content:
            found = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        if found != digest:
            raise refused(
                str(path), f"The file was changed after it was signed: it is {found}, and {digest} was signed."
            )
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        draft.skip(absent[0], f"Not beside the signature{more}: only the registered digests are compared.")
