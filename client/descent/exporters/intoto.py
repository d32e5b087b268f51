"""in-toto attestations, signed with Ed25519 in DSSE envelopes, one on each line.

For each version with artifacts a SLSA provenance (slsa.dev/provenance/v1): what it was built from, with digests. For
each decision of a gate about it a test result (in-toto.io/attestation/test-result/v0.1): which rules passed.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from descent.errors import DescentError
from descent.exporters.graph import Graph, Node

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD: Final = "application/vnd.in-toto+json"
BUILD_TYPE: Final = "urn:descent:model-version:v1"
_RESULTS: Final = {"PASSED": "PASSED", "BLOCKED": "FAILED", "INCOMPLETE": "WARNED"}
_LISTS: Final = {"PASSED": "passedTests", "BLOCKED": "failedTests", "INCOMPLETE": "warnedTests"}


class NotExported(DescentError):
    """What is asked for cannot be exported in this format."""


def as_intoto(graph: Graph, key: "Ed25519PrivateKey") -> str:
    """Return an envelope a line. Raises NotExported if no version that is asked for has artifacts."""
    lines = [json.dumps(envelope(statement, key)) + "\n" for statement in statements(graph)]
    if not lines:
        raise NotExported.because(
            "An attestation is about files by their digests, and no artifacts are recorded: register the version with "
            "artifacts."
        )
    return "".join(lines)


def statements(graph: Graph) -> Iterator[Json]:
    """Yield the statements about the version that is exported, or about every version."""
    for node in graph.of_kind("MODEL_VERSION"):
        subject = _artifacts(node)
        if not subject or graph.subject not in (None, node.id):
            continue
        yield _statement(subject, PROVENANCE, _provenance(graph, node))
        for decision in graph.inward(node, "DECIDES_ON"):
            if decision.kind == "GATE_DECISION":
                yield _statement(subject, TEST_RESULT, _test_result(decision))


def envelope(statement: Json, key: "Ed25519PrivateKey") -> Json:
    """Return a statement in a DSSE envelope (github.com/secure-systems-lab/dsse, v1.0.2)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    payload = json.dumps(statement, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = {"keyid": hashlib.sha256(public).hexdigest(), "sig": _base64(key.sign(signed))}
    return {"payloadType": PAYLOAD, "payload": _base64(payload), "signatures": [signature]}


def read_key(file: Path) -> "Ed25519PrivateKey":
    """Return the private key in a file: PKCS 8 in PEM, or as `descentd keygen` writes it. Raises NotExported."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        written = file.read_bytes()
    except OSError as error:
        raise NotExported.because(f"{file} cannot be read ({error.strerror}): check its path.") from None
    try:
        if written.startswith(b"PRIVATE+KEY+"):
            # The fourth part: one byte for the algorithm, which is 1, then the seed (C2SP, signed-note).
            raw = base64.b64decode(written.strip().split(b"+", 4)[4], validate=True)
            if raw[:1] == b"\x01":
                return Ed25519PrivateKey.from_private_bytes(raw[1:])
        else:
            key = load_pem_private_key(written, None)
            if isinstance(key, Ed25519PrivateKey):
                return key
    except (ValueError, TypeError, IndexError):
        pass
    raise NotExported.because(
        f"{file} holds no Ed25519 key without a password: make one by `openssl genpkey -algorithm ed25519`, or by "
        "`descentd keygen`."
    )


def _statement(subject: list[Json], predicate_type: str, predicate: Json) -> Json:
    return {"_type": STATEMENT, "subject": subject, "predicateType": predicate_type, "predicate": predicate}


def _provenance(graph: Graph, node: Node) -> Json:
    config, environment = graph.part(node, "CONFIGURED_BY"), graph.part(node, "RAN_IN")
    external: Json = {"version": node.ref, "parameters": config.get("parameters", {})}
    if "command" in node.content:
        external["command"] = node.content["command"]
    definition: Json = {
        "buildType": BUILD_TYPE,
        "externalParameters": external,
        "resolvedDependencies": list(_dependencies(graph, node)),
    }
    if environment:
        definition["internalParameters"] = {"environment": dict(environment)}
    metadata = {"invocationId": node.id}
    if "createdAt" in node.content:
        metadata["finishedOn"] = node.content["createdAt"]
    builder = {"id": f"urn:descent:registrant:{quote(node.recorded_by, safe='')}"}
    return {"buildDefinition": definition, "runDetails": {"builder": builder, "metadata": metadata}}


def _dependencies(graph: Graph, node: Node) -> Iterator[Json]:
    """Yield what a version was made from as resource descriptors, with digests where they are known."""
    for parent, relation in graph.out(node, "DERIVED_FROM"):
        artifacts = _artifacts(parent)
        for one in artifacts or [{"name": parent.ref, "digest": _record_digest(parent)}]:
            yield one | {"annotations": {"version": parent.ref, "relation": relation}}
    for data, role in graph.out(node, "TRAINED_ON"):
        digest = {"sha256": data.content["digest"][7:]} if "digest" in data.content else _record_digest(data)
        found: Json = {"name": data.ref, "digest": digest, "annotations": {"role": role}}
        yield found | ({"uri": data.content["uri"]} if "uri" in data.content else {})
    if code := graph.part(node, "BUILT_FROM"):
        commit = str(code["commit"])
        git = len(commit) in (40, 64) and all(c in "0123456789abcdef" for c in commit)
        found = {"name": "code", "uri": code["repository"], "annotations": {"commit": commit}}
        yield found | ({"digest": {"gitCommit": commit}} if git else {})


def _test_result(decision: Node) -> Json:
    content = decision.content
    result: Json = {"result": _RESULTS[content["outcome"]], "configuration": []}
    for part in _LISTS.values():
        result[part] = []
    for rule in content["rules"]:
        result[_LISTS[rule["outcome"]]].append(rule["name"])
    if isinstance(policy := content.get("policy"), str):
        digest = {"descentRecord": policy.removeprefix("sha256:")}
        result["configuration"].append({"name": f"policy for {content['environment']}", "digest": digest})
    result["configuration"].append({"name": "gate decision", "digest": _record_digest(decision)})
    return result


def _artifacts(node: Node) -> list[Json]:
    return [
        {"name": artifact["uri"], "digest": {"sha256": artifact["digest"].removeprefix("sha256:")}}
        for artifact in node.content.get("artifacts", ())
    ]


def _record_digest(node: Node) -> Json:
    """Return the id of a record as a digest set: it is a hash of a domain tag and the content, so not named sha256."""
    return {"descentRecord": node.id.removeprefix("sha256:")}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
