"""OpenSSF Model Signing: what was not signed so by this key is refused, and a signature is stated about a version."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from descent.client import Client
from tests.client.importers.imports import SHARED, dry, imported, refusal, write
from tests.support.server_process import ServerProcess

TYPE = "application/vnd.in-toto+json"
CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256()),
    "P-384": (ec.SECP384R1(), hashes.SHA384()),
    "P-521": (ec.SECP521R1(), hashes.SHA512()),
}
KEYS = {name: ec.generate_private_key(curve) for name, (curve, _) in CURVES.items()}
WEIGHTS, CARD = b"weights" * 100, b"# card"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def statement(files: dict[str, bytes]) -> dict[str, Any]:
    """What model_signing 1.0 writes about files."""
    resources = [{"name": n, "algorithm": "sha256", "digest": sha256(files[n])} for n in sorted(files)]
    whole = sha256(b"".join(bytes.fromhex(str(one["digest"])) for one in resources))
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": whole}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": {"method": "files", "hash_type": "sha256"}, "resources": resources},
    }


def signed(said: Any, curve: str = "P-256", kind: str = TYPE) -> dict[str, Any]:
    """A bundle around a statement."""
    payload = json.dumps(said).encode()
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signature = KEYS[curve].sign(message, ec.ECDSA(CURVES[curve][1]))
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "x"}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }


def public(curve: str = "P-256") -> bytes:
    return KEYS[curve].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that is signed with P-256, beside the key."""
    files = {"config/card.md": CARD, "weights.bin": WEIGHTS}
    for name, content in files.items():
        write(tmp_path / "model" / name, content)
    write(tmp_path / "model" / "model.sig", signed(statement(files)))
    write(tmp_path / "key.pem", public())
    return tmp_path


def refused(folder: Path, bundle: Any = None, key: str = "key.pem") -> str:
    if bundle is not None:
        write(folder / "model" / "model.sig", bundle)
    return refusal("model-signing", folder / "model" / "model.sig", "--model", "m@1", "--key", folder / key)


# ---------------------------------------------------------------- what is signed


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_is_verified(curve: str, tmp_path: Path) -> None:
    file = write(tmp_path / "model.sig", signed(statement({"weights.bin": WEIGHTS}), curve))
    result = dry("model-signing", file, "--model", "m@1", "--key", write(tmp_path / "key.pem", public(curve)))
    assert result.exit_code == 0, result.output
    assert "signature over 1 file of model:m@1" in result.stdout
    assert "weights.bin  Not beside the signature" in result.stdout


def test_a_certificate_of_the_signer_will_do(folder: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    start = datetime(2025, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, KEYS["P-256"].public_key(), 1, start, start + timedelta(days=9))
    certificate = builder.sign(KEYS["P-256"], hashes.SHA256())
    file = write(folder / "signer.pem", certificate.public_bytes(Encoding.PEM))
    result = dry("model-signing", folder / "model", "--model", "m@1", "--key", file)
    assert result.exit_code == 0, result.output


def test_a_model_of_one_file_has_the_name_of_its_subject(folder: Path) -> None:
    said = statement({".": WEIGHTS})
    said["subject"][0]["name"] = "weights.bin"
    write(folder / "model" / "model.sig", signed(said))
    result = dry("model-signing", folder / "model", "--model", "m@1", "--key", folder / "key.pem")
    assert (result.exit_code, "Not beside" in result.stdout) == (0, False)


def test_a_signature_is_stated_about_a_version(folder: Path, server: ServerProcess) -> None:
    artifacts = [{"uri": "s3://m/weights.bin", "digest": f"sha256:{sha256(WEIGHTS)}"}]
    other = [*artifacts, {"uri": "s3://m/more.bin", "digest": "sha256:" + "1" * 64}]
    models = [
        {"name": "signed", "version": "1", "artifacts": artifacts},
        {"name": "signed-in-part", "version": "1", "artifacts": other},
        {"name": "no-files", "version": "1"},
    ]
    with Client(server.url) as client:
        client.register({"models": models})
    command = ("model-signing", folder / "model", "--key", folder / "key.pem", "--model")
    assert imported(server, *command, "signed@1")["created"] == 1
    assert imported(server, *command, "signed@1")["created"] == 0
    der = KEYS["P-256"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with Client(server.url) as client:
        history = client.query(
            "query ($of: Ref!) { history(of: $of) { edges { node { id kind summary } } } }", of="model:signed@1"
        )
        [stated] = [e["node"] for e in history["history"]["edges"] if e["node"]["kind"] == "SIGNATURE"]
        query = "query ($of: Ref!) { entity(ref: $of) { ... on Signature { key bundle files { name digest } } } }"
        found = client.query(query, of=stated["id"])["entity"]
    assert stated["summary"] == f"Signature over 2 files verified with key sha256:{sha256(der)}."
    assert found == {
        "key": f"sha256:{sha256(der)}",
        "bundle": f"sha256:{sha256((folder / 'model' / 'model.sig').read_bytes())}",
        "files": [
            {"name": "config/card.md", "digest": f"sha256:{sha256(CARD)}"},
            {"name": "weights.bin", "digest": f"sha256:{sha256(WEIGHTS)}"},
        ],
    }
    for name, said in (("signed-in-part", "does not cover the artifact sha256:1111"), ("no-files", "has no artifacts")):
        answer = imported(server, *command, f"{name}@1", exit_code=1)
        [problem] = answer["imports"][0]["problems"]
        assert said in problem["message"]
        assert problem["code"] == "INVALID_INPUT"


# ---------------------------------------------------------------- what is not


def test_another_key_is_refused(folder: Path) -> None:
    for curve in ("P-384", "P-521"):
        write(folder / "other.pem", public(curve))
        assert "The signature was not made with the key in" in refused(folder, key="other.pem")


def test_a_file_that_was_changed_is_refused(folder: Path) -> None:
    write(folder / "model" / "weights.bin", WEIGHTS + b"!")
    said = refused(folder)
    assert "weights.bin: The file was changed after it was signed" in said
    assert sha256(WEIGHTS) in said


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bundle_is_refused(place: float, folder: Path) -> None:
    whole = json.dumps(signed(statement({"weights.bin": WEIGHTS}))).encode()
    assert "The file ends in the middle of the JSON" in refused(folder, whole[: int(len(whole) * place)])


def changed(**parts: Any) -> Callable[[], dict[str, Any]]:
    """A bundle whose statement has other parts; it is signed so."""
    return lambda: signed(statement({"weights.bin": WEIGHTS}) | parts)


def enveloped(**parts: Any) -> Callable[[], dict[str, Any]]:
    """A bundle whose envelope has other parts."""

    def build() -> dict[str, Any]:
        bundle = signed(statement({"weights.bin": WEIGHTS}))
        return bundle | {"dsseEnvelope": bundle["dsseEnvelope"] | parts}

    return build


def resource(**parts: Any) -> Callable[[], dict[str, Any]]:
    """A bundle whose statement has another entry for the one file."""
    one = {"name": "weights.bin", "algorithm": "sha256", "digest": sha256(WEIGHTS)} | parts
    return changed(predicate={"resources": [one]})


FORGED = base64.b64encode(json.dumps(statement({"weights.bin": b"evil"})).encode()).decode()
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "another payload under the signature": (enveloped(payload=FORGED), "was not made with the key"),
    "another payload type": (enveloped(payloadType="text/plain"), "Expected the payload type"),
    "signed with another type": (lambda: signed({}, kind="text/plain"), "Expected the payload type"),
    "no signature": (enveloped(signatures=[]), "Expected one signature, got 0."),
    "two signatures": (enveloped(signatures=[{}, {}]), "Expected one signature, got 2."),
    "a signature that is cut off": (enveloped(signatures=[{"sig": "MEU"}]), "This is not Base64, or is cut off."),
    "no payload": (enveloped(payload=None), "Expected a text in Base64, got nothing."),
    "nothing": (dict, "This is not a Sigstore bundle with a DSSE envelope"),
    "a bundle of a message": (
        lambda: {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}},
        "This is not a Sigstore bundle with a DSSE envelope",
    ),
    "an identity": (
        lambda: changed()() | {"verificationMaterial": {"certificate": {"rawBytes": "MII"}}},
        "signed with an identity of Sigstore",
    ),
    "another statement": (changed(_type="https://in-toto.io/Statement/v0.1"), "Expected a statement of in-toto"),
    "another predicate": (changed(predicateType="https://slsa.dev/provenance/v1"), "Expected the predicate"),
    "no files": (changed(predicate={"resources": []}), "The statement lists no files."),
    "a digest over other files": (changed(subject=[{"digest": {"sha256": "0" * 64}}]), "does not agree with itself"),
    "another algorithm": (resource(algorithm="blake2b"), '"weights.bin" is signed by its blake2b'),
    "a digest that is none": (resource(digest="xyz"), "Expected the 64 digits of a SHA-256."),
    "no name": (resource(name=None), "A signed file needs a name and a digest."),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_such_signature_is_refused_with_the_reason(name: str, folder: Path) -> None:
    build, said = WRONG[name]
    assert said in refused(folder, build())


def test_keys_of_other_kinds_and_no_key(folder: Path) -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    write(folder / "ed.pem", other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "its key is not one of the curves secp256r1" in refused(folder, key="ed.pem")
    assert "neither a public key nor a certificate in PEM" in refused(folder, key="model/weights.bin")
    assert "give it with --key FILE" in refusal("model-signing", folder / "model" / "model.sig", "--model", "m@1")
    without = refusal("model-signing", folder / "model" / "model.sig", "--key", folder / "key.pem")
    assert "give --model NAME@VERSION" in without


def test_names_that_lead_out_are_not_followed(folder: Path) -> None:
    write(folder / "model" / "model.sig", signed(statement({"../key.pem": WEIGHTS, "/etc/passwd": WEIGHTS})))
    result = dry("model-signing", folder / "model", "--model", "m@1", "--key", folder / "key.pem")
    assert "../key.pem  Not beside the signature and 1 more" in result.stdout


if SHARED.is_dir():

    def test_bundles_of_earlier_versions_of_the_tool(tmp_path: Path) -> None:
        """Those with a key carry it, which proves nothing of the signer, but that the encodings are understood."""
        found = {"verified": 0, "keyless": 0, "without its key": 0}
        for file in sorted((SHARED / "formats" / "sigstore-model-signing").glob("*model.sig")):
            material = json.loads(file.read_text("utf-8"))["verificationMaterial"]
            if raw := material.get("publicKey", {}).get("rawBytes"):
                key = write(tmp_path / "key.pem", base64.b64decode(raw))
            elif chain := material.get("x509CertificateChain"):
                der = base64.b64decode(chain["certificates"][0]["rawBytes"])
                key = write(tmp_path / "key.pem", x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
            else:
                said = refusal("model-signing", file, "--model", "m@1", "--key", write(tmp_path / "key.pem", public()))
                found["keyless" if "identity of Sigstore" in said else "without its key"] += 1
                continue
            assert dry("model-signing", file, "--model", "m@1", "--key", key).exit_code == 0
            found["verified"] += 1
        assert found == {"verified": 5, "keyless": 2, "without its key": 1}
