"""What is derived from the content of a record: its label, its edges, and the keys and words that find it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from descentd.graph.model.characters import skeleton
from descentd.graph.model.identity import Content, canonical, content_id, in_order
from descentd.graph.model.kinds import ACTS, Edge, Kind, Role
from descentd.graph.model.reach import Documented, Share


def label_of(kind: Kind, content: Content) -> str | None:
    """The label that a content of this kind has, None for kinds without one."""
    match kind:
        case Kind.MODEL_VERSION:
            return f"model:{content['name']}@{content['version']}"
        case Kind.DATASET:
            return f"dataset:{content['name']}@{content['version']}"
        case Kind.PARTITION:
            return f"{content['dataset']}#{content['name']}"
        case Kind.METRIC_DEFINITION:
            return f"metric:{content['name']}"
        case _:
            return None


_NOT_BUILD: Final = ("name", "version", "createdAt", "description", "command")
_IDENTIFYING: Final = ("artifacts", "code", "config")


def build_of(content: Content) -> str | None:
    """What a version is apart from its names: the id of its content without label, date, description, command and
    places.

    None where neither artifact, code nor config is given: data alone identifies nothing.
    """
    return _build(content) if is_identified(content) else None


def is_identified(content: Content) -> bool:
    """Whether the content of a version says enough to tell its build from others."""
    return any(content.get(part) for part in _IDENTIFYING)


def _build(content: Content) -> str:
    build = {key: value for key, value in content.items() if key not in _NOT_BUILD}
    if "artifacts" in build:
        places = ("uri", "mediaType")
        held = ({k: v for k, v in artifact.items() if k not in places} for artifact in build["artifacts"])
        build["artifacts"] = in_order(held)
    return content_id(Kind.MODEL_VERSION, canonical(build))


def shares_of(content: Content) -> tuple[Documented, tuple[Share, ...]]:
    """What the content of a POPULATION record says."""
    shares = tuple(Share(s["attribute"], s["value"], s.get("share")) for s in content.get("population", ()))
    return Documented(content["populationDocumented"]), shares


def edges_of(kind: Kind, content: Content) -> Sequence[Edge]:
    """The edges from a record, one for each pair of role and target, in that order."""
    return _merged(_act_edges(kind, content) if kind in ACTS else _EDGES.get(kind, _no_edges)(content))


def _merged(edges: Iterable[Edge]) -> Sequence[Edge]:
    ordered = sorted(edges)
    if len(ordered) < 2 or len(ordered) == len({edge[:2] for edge in ordered}):
        return ordered
    return [
        Edge(role, target, ",".join(dict.fromkeys(edge.detail for edge in group if edge.detail)))
        for (role, target), group in groupby(ordered, key=lambda edge: (edge.role, edge.target))
    ]


def _no_edges(_content: Content) -> Iterator[Edge]:
    return iter(())


def _data_edges(content: Content) -> Iterator[Edge]:
    for partition in content.get("partitions", ()):
        yield Edge(Role.INCLUDES, partition)
    for derivation in content.get("derivedFrom", ()):
        yield Edge(Role.DERIVED_FROM, derivation["node"], derivation["relation"])
    for maker in content.get("generatedBy", ()):
        yield Edge(Role.GENERATED_BY, maker)


def _version_edges(content: Content) -> Iterator[Edge]:
    for parent in content.get("parents", ()):
        yield Edge(Role.DERIVED_FROM, parent["node"], parent["relation"])
    for data in content.get("trainedOn", ()):
        yield Edge(Role.TRAINED_ON, data["node"], data["role"])
    for part, role in (("code", Role.BUILT_FROM), ("config", Role.CONFIGURED_BY), ("environment", Role.RAN_IN)):
        if part in content:
            yield Edge(role, content[part])


def _evaluation_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.EVALUATES, content["subject"])
    if "data" in content:
        yield Edge(Role.EVALUATED_ON, content["data"])


def _description_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.DESCRIBES, content["subject"])
    if "supersedes" in content:
        yield Edge(Role.SUPERSEDES, content["supersedes"])


def _vulnerability_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.AFFECTS, content["subject"])
    if "data" in content.get("probe", ()):
        yield Edge(Role.CITES, content["probe"]["data"])


def _about_edges(content: Content) -> Iterator[Edge]:
    yield Edge(Role.ABOUT, content["subject"])


def _disclosure_edges(content: Content) -> Iterator[Edge]:
    """What was disclosed as edges of the disclosure's own record, so that edges point backwards in the log.

    It is ABOUT its subject and, where that is a dataset, each of the partitions, which it holds for too. Influence
    goes through the disclosure to each of these, never from one of them to another.
    """
    for subject in (content["subject"], *content.get("partitions", ())):
        yield Edge(Role.ABOUT, subject)
    if "supersedes" in content:
        yield Edge(Role.SUPERSEDES, content["supersedes"])
    yield from _version_edges({part: content[part] for part in ("parents", "trainedOn") if part in content})
    yield from _data_edges({part: content[part] for part in ("generatedBy",) if part in content})


_ACT_EDGES: Final = {
    "subjects": {Kind.RETRACTION: Role.ABOUT, Kind.FLAG: Role.ABOUT},
    "subject": {
        Kind.GATE_DECISION: Role.DECIDES_ON,
        Kind.REVIEW: Role.DECIDES_ON,
        Kind.PROMOTION: Role.DECIDES_ON,
        Kind.DEPLOYMENT: Role.DEPLOYS,
        Kind.INCIDENT: Role.AFFECTS,
    },
    # What is ended is not deployed once more: it is the end that is about the version.
    "about": {Kind.DEPLOYMENT: Role.ABOUT, Kind.INCIDENT: Role.ABOUT},
    "cause": {Kind.INCIDENT: Role.ABOUT},
    **{part: dict.fromkeys(Kind, Role.CITES) for part in ("evidence", "policy", "gateDecision", "promotion")},
    **{part: dict.fromkeys(Kind, Role.CITES) for part in ("deployment", "profile")},
    **{part: dict.fromkeys(Kind, Role.SUPERSEDES) for part in ("supersedes", "clears")},
}
"""The parts of acts that hold the id of another record, or a list of them, and what that record is to each kind."""


def _act_edges(kind: Kind, content: Content) -> Iterator[Edge]:
    for part, roles in _ACT_EDGES.items():
        named = content.get(part, ())
        for id in [named] if isinstance(named, str) else named:
            yield Edge(roles[kind], id)


_EDGES: Final = {
    Kind.DATASET: _data_edges,
    Kind.PARTITION: _data_edges,
    Kind.MODEL_VERSION: _version_edges,
    Kind.EVALUATION: _evaluation_edges,
    Kind.SAFETY_PROFILE: _description_edges,
    Kind.POPULATION: _description_edges,
    Kind.VULNERABILITY: _vulnerability_edges,
    Kind.NOTE: _about_edges,
    Kind.TENSOR_DIGESTS: _about_edges,
    Kind.SIGNATURE: _about_edges,
    Kind.DISCLOSURE: _disclosure_edges,
}


LOOK_ALIKE: Final = "lookalike:"
"""How keys begin that records have by a later rule: what was stored before it lacks them."""


def idempotency_key(kind: Kind, person: str, key: str) -> str:
    """The key that an act is found by when its sender repeats it."""
    return f"idempotency:{json.dumps([kind, person, key], ensure_ascii=False)}"


def place_key(what: str, *place: str) -> str:
    """The key of what happens at a place, `serving:["production","/score"]`; a place and all within share a prefix."""
    return f"{what}:[{''.join(json.dumps(part, ensure_ascii=False) + ',' for part in place)}"


def tensor_key(digest: str) -> str:
    """The key that the statements about artifacts with a tensor of this digest are found by."""
    return f"tensor:{digest}"


def retracted_key(id: str, part: str | None = None) -> str:
    """The key that the retractions of a record, or of a part of it, are found by."""
    return f"retracted:{id}" if part is None else f"retracted:{part}:{id}"


def look_alike_key(plain: str) -> str:
    """The key of names and labels that look like `plain` (`characters.skeleton`), such as `dataset:web@1`."""
    return f"{LOOK_ALIKE}{plain}"


def name_key(name: str) -> str:
    """The key that all versions of a model or dataset are found by, given as `model:NAME` or `dataset:NAME`."""
    return f"{LOOK_ALIKE}named:{name}" if name.startswith("dataset:") else name


def metric_key(name: str) -> str:
    """The key that the definitions of a metric are found by, whatever the case of its name."""
    return f"{LOOK_ALIKE}metric:{name.casefold()}"


def _look_alike_keys(kind: Kind, content: Content) -> Iterator[str]:
    """By which names and labels are compared: a dataset's name, and whatever looks like another name or label."""
    label = label_of(kind, content) or ""
    name = label.partition("@")[0]
    if kind is Kind.DATASET:
        yield name_key(name)
    if kind is Kind.METRIC_DEFINITION:
        yield metric_key(content["name"])
    if label.isascii():
        return
    if kind in (Kind.DATASET, Kind.MODEL_VERSION) and skeleton(name) != name:
        yield look_alike_key(skeleton(name))
    if skeleton(label) != label:
        yield look_alike_key(skeleton(label))


def keys_of(kind: Kind, content: Content) -> Iterator[str]:
    """What a record is found by, `what:value`; repeats are possible."""
    match kind:
        case Kind.MODEL_VERSION:
            yield f"model:{content['name']}"
            yield from _look_alike_keys(kind, content)
            for artifact in content.get("artifacts", ()):
                yield f"artifact:{artifact['digest']}"
            # Versions with data alone keep the key that they always had: what stores keep is compared with these keys.
            if any(content.get(part) for part in (*_IDENTIFYING, "trainedOn")):
                yield f"build:{_build(content)}"
        case Kind.DATASET | Kind.METRIC_DEFINITION:
            yield from _look_alike_keys(kind, content)
        case Kind.PARTITION:
            yield f"digest:{content['digest']}"
            yield from _look_alike_keys(kind, content)
        case Kind.EVALUATION:
            yield from (f"metric:{metric['name']}" for metric in content["metrics"])
        case Kind.TENSOR_DIGESTS:
            yield from (tensor_key(tensor["digest"]) for tensor in content["tensors"])
        case _ if kind in ACTS:
            yield from _act_keys(kind, content)


def _act_keys(kind: Kind, content: Content) -> Iterator[str]:
    if "idempotencyKey" in content:
        yield idempotency_key(kind, content["by"], content["idempotencyKey"])
    match kind:
        case Kind.RETRACTION:
            yield from (retracted_key(id, content.get("part")) for id in content["subjects"])
        case Kind.FLAG:
            yield f"flag:{content['action']}"
        case Kind.POLICY | Kind.REVIEW | Kind.PROMOTION | Kind.GATE_DECISION:
            yield place_key(kind.lower(), content["environment"])
        case Kind.DEPLOYMENT:
            yield place_key("deployment", content["environment"], content["endpoint"])
        case Kind.INCIDENT:
            yield "incident:resolved" if "supersedes" in content else "incident:opened"
            if "externalId" in content:
                yield f"external:{content['externalId']}"


def texts_of(kind: Kind, content: Content) -> Iterator[str]:
    """The texts whose words a search finds a record by."""
    match kind:
        case Kind.MODEL_VERSION | Kind.DATASET | Kind.PARTITION | Kind.METRIC_DEFINITION:
            yield (label_of(kind, content) or "").partition(":")[2]
        case Kind.NOTE:
            yield content["author"]
            yield content["text"]
        case Kind.SAFETY_PROFILE:
            yield from _strings(content)
        case Kind.DISCLOSURE:
            yield content["source"]
            yield content["reason"]
        case Kind.VULNERABILITY | Kind.INCIDENT:
            yield content.get("title", "")
            yield content.get("description", "")


def _strings(content: Any) -> Iterator[str]:
    """The texts of a profile; its nesting is that of its schema."""
    if isinstance(content, str) and not content.startswith("sha256:"):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from _strings(item)
    elif isinstance(content, dict):
        for _, item in sorted(content.items()):  # as they come when the body is read again
            yield from _strings(item)
