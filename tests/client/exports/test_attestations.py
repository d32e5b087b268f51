"""`descent export intoto`: attestations that in-toto's own library reads, and their signatures."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from tests.client.exports.registered import VERSION, exported
from tests.support.server_process import ServerProcess

# ---------------------------------------------------------------- in-toto


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key.pem"
    private = Ed25519PrivateKey.generate()
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def opened(text: str, private: Ed25519PrivateKey) -> list[dict[str, Any]]:
    """The statements in envelopes, whose signatures are right (DSSE, v1)."""
    statements = []
    for line in text.splitlines():
        envelope = json.loads(line)
        payload, kind = base64.b64decode(envelope["payload"], validate=True), envelope["payloadType"]
        pae = " ".join(["DSSEv1", str(len(kind)), kind, str(len(payload)), ""]).encode() + payload
        [signature] = envelope["signatures"]
        private.public_key().verify(base64.b64decode(signature["sig"], validate=True), pae)
        with pytest.raises(InvalidSignature):
            private.public_key().verify(base64.b64decode(signature["sig"]), pae + b" ")
        statement = json.loads(payload)
        Statement.copy_from_pb(json_format.ParseDict(statement, statement_pb2.Statement())).validate()
        statements.append(statement)
    return statements


def test_attestations_are_signed_and_say_what_was_used(server: ServerProcess, key: Path) -> None:
    from descent.exporters.intoto import read_key

    text = exported(server, "intoto", "model:odd@1", "--signing-key", str(key))
    provenance, *results = opened(text, read_key(key))
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["digest"]["sha256"] for one in provenance["subject"]} == {f"{1001:064x}", f"{1002:064x}"}
    json_format.ParseDict(provenance["predicate"], provenance_pb2.Provenance())
    used = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["digest"].get("sha256") for one in used} >= {f"{11:064x}", f"{10:064x}", f"{77:064x}"}
    assert {"gitCommit": "0123456789abcdef0123456789abcdef01234567"} in [one["digest"] for one in used]
    assert provenance["predicate"]["buildDefinition"]["externalParameters"]["parameters"] == {
        "a": "=cmd",
        "b": [1, None],
    }
    assert [one["predicate"]["result"] for one in results] == ["PASSED", "FAILED"]
    for one in results:
        assert one["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        json_format.ParseDict(one["predicate"], test_result_pb2.TestResult())
    assert results[0]["predicate"]["passedTests"] == ["accuracy"]
    assert results[1]["predicate"]["failedTests"] == ["no-go"]


def test_every_version_with_artifacts_is_attested(server: ServerProcess, key: Path) -> None:
    from descent.exporters.intoto import read_key

    statements = opened(exported(server, "intoto", "--all", "--signing-key", str(key)), read_key(key))
    names = {one["name"] for statement in statements for one in statement["subject"]}
    assert names == {"s3://models/4.0", "s3://models/4.1", "s3://m/a", "s3://m/b"}


def test_keys_of_the_registry_sign_too_and_others_are_refused(server: ServerProcess, tmp_path: Path) -> None:
    seed = bytes(range(32))
    file = tmp_path / "key"
    file.write_text(f"PRIVATE+KEY+descent.example+01234567+{base64.b64encode(bytes([1]) + seed).decode()}\n")
    text = exported(server, "intoto", VERSION, "--signing-key", str(file))
    assert opened(text, Ed25519PrivateKey.from_private_bytes(seed))
    for wrong in ("", "PRIVATE+KEY+x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        file.write_text(wrong)
        assert "holds no Ed25519 key" in exported(server, "intoto", VERSION, "--signing-key", str(file), code=1)
    missing = exported(server, "intoto", VERSION, "--signing-key", str(tmp_path / "none"), code=1)
    assert "cannot be read" in missing
