"""What Alertmanager, CloudEvents, CDEvents and plain JSON say, as alerts and deployment reports.

Shapes: Alertmanager's webhook payload, versions 3 and 4; CloudEvents 1.0 in structured, batched and binary mode;
CDEvents 0.3 and later, inside CloudEvents or bare. Labels that systems disagree on are looked for under several names.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from descentd.graph.acts import IncidentInput
from descentd.graph.digests import canonical
from descentd.graph.errors import Invalid, InvalidInput
from descentd.graph.inputs import path
from descentd.graph.names import ref
from descentd.queries.alerts import Alert, Report

Told = Alert | Report

_SEVERITIES: Final = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "p1"), "CRITICAL"),
    **dict.fromkeys(("high", "error", "major", "p2"), "HIGH"),
    **dict.fromkeys(("medium", "warning", "warn", "minor", "p3"), "MEDIUM"),
    **dict.fromkeys(("low", "info", "informational", "notice", "none", "p4", "p5"), "LOW"),
}
_ENVIRONMENT: Final = ("environment", "env", "deployment_environment")
_ENDPOINT: Final = ("endpoint", "service", "job")
_NEVER: Final = "0001-01-01T00:00:00Z"
_CDEVENT: Final = re.compile(r"dev\.cdevents\.(service|incident)\.(\w+)\.\d")
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")


def alertmanager(body: Any) -> Iterator[Told]:
    """The alerts of a notification; raises InvalidInput for another shape."""
    payload = _object(body, "")
    for i, given in enumerate(_list(payload, "alerts", "")):
        field = f"alerts[{i}]"
        alert = _object(given, field)
        labels, notes = _texts(alert, "labels", field), _texts(alert, "annotations", field)
        title = notes.get("summary") or notes.get("title") or labels.get("alertname")
        ended = alert.get("endsAt")
        mark = alert.get("fingerprint") or hashlib.sha256(canonical(labels)).hexdigest()[:16]
        yield _alert(
            field,
            resolved=ended if alert.get("status") == "resolved" and ended != _NEVER else None,
            over=alert.get("status") == "resolved",
            title=title or "Alert without a name",
            severity=_SEVERITIES.get(labels.get("severity", "").lower(), "MEDIUM"),
            environment=_first(labels, _ENVIRONMENT),
            endpoint=_first(labels, _ENDPOINT),
            subject=_model_ref(labels.get("model_version")),
            at=alert.get("startsAt"),
            labels=labels or None,
            description=notes.get("description") or notes.get("message"),
            externalId=f"alertmanager:{mark}:{alert.get('startsAt')}",
        )


def plain(body: Any, delivery: str | None) -> Iterator[Told]:
    """An alert or a deployment report, or a list of them, in the registry's own words.

    An alert has the shape of IncidentInput, and may add `status: resolved` with `resolvedAt`. A report says
    `deployed`, the artifact digest or ref of what serves, with environment, endpoint and perhaps since.
    """
    given = body if isinstance(body, list) else [body]
    for i, one in enumerate(given):
        field = f"[{i}]" if isinstance(body, list) else ""
        told = dict(_object(one, field))
        if "deployed" in told:
            yield Report.read(told, field)
            continue
        status, resolved = told.pop("status", "firing"), told.pop("resolvedAt", None)
        if status not in ("firing", "resolved"):
            raise InvalidInput(f"status is {ascii(status)[:40]}: write firing or resolved.", path([field, "status"]))
        if delivery is not None:
            told.setdefault("externalId", f"delivery:{delivery}:{i}")
        yield _alert(field, resolved=resolved, over=status == "resolved", **told)


def cloudevents(body: Any) -> Iterator[Told]:
    """The alerts and reports in an event or a batch of events; raises InvalidInput for one that tells neither."""
    events = body if isinstance(body, list) else [body]
    for i, given in enumerate(events):
        field = f"[{i}]" if isinstance(body, list) else ""
        event = _object(given, field)
        if "context" in event and "subject" in event:
            yield from _cdevent(event, field)
            continue
        for part in ("specversion", "type", "source", "id"):
            if not isinstance(event.get(part), str) or not event[part]:
                raise InvalidInput(f"A CloudEvent has {part}: add it.", path(filter(None, [field, part])))
        data = event.get("data")
        if isinstance(data, dict) and "context" in data and "subject" in data:
            yield from _cdevent(data, f"{field}.data".lstrip("."))
        elif isinstance(data, dict):
            told = {"at": event.get("time"), **data, "externalId": f"cloudevents:{event['source']}:{event['id']}"}
            yield from plain({name: value for name, value in told.items() if value is not None}, None)
        else:
            raise InvalidInput("The event's data is no JSON object: send an alert or a CDEvent in it.", "data")


def binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The structured form of a CloudEvent in binary mode, whose attributes are in `ce-` headers."""
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    return {**attributes, "data": data}


def _cdevent(event: Mapping[str, Any], field: str) -> Iterator[Told]:
    context, subject = _object(event["context"], f"{field}.context"), _object(event["subject"], f"{field}.subject")
    content = _object(subject.get("content", {}), f"{field}.subject.content")
    kind = _CDEVENT.match(str(context.get("type", "")))
    if kind is None:
        raise InvalidInput(
            f"{ascii(context.get('type'))[:80]} is no event that the registry understands: send service or incident.",
            path(filter(None, [field, "context", "type"])),
        )
    environment = _id(content.get("environment"))
    digest = _DIGEST.search(unquote(str(content.get("artifactId", ""))))
    if kind[1] == "service":
        serves = kind[2] != "removed"
        yield Report(
            environment or "unknown",
            str(subject.get("id", "unknown")),
            f"sha256:{digest[1]}" if digest and serves else None,
            context.get("timestamp"),
            removed=not serves,
        )
        return
    yield _alert(
        field,
        resolved=context.get("timestamp") if kind[2] == "resolved" else None,
        over=kind[2] == "resolved",
        title=content.get("description") or "Incident without a description",
        severity="HIGH",
        environment=environment,
        endpoint=_id(content.get("service")),
        at=None if kind[2] == "resolved" else context.get("timestamp"),
        labels=event.get("customData") if isinstance(event.get("customData"), dict) else None,
        externalId=f"cdevents:{subject.get('source', '')}:{subject.get('id', '')}",
    )


def _alert(field: str, *, resolved: Any, over: bool, **told: Any) -> Alert:
    """An alert; one that names neither version nor place is taken too, and stays unmatched."""
    given = {name: value for name, value in told.items() if value is not None}
    if "subject" not in given and not {"environment", "endpoint"} <= given.keys():
        given = {"environment": "unknown", "endpoint": "unknown", **given}
    try:
        return Alert(IncidentInput.read(given), over, None if resolved is None else str(resolved))
    except Invalid as error:
        places = [path(filter(None, [field, problem.field])) for problem in error.problems]
        raise Invalid(
            [InvalidInput(one.message, place) for one, place in zip(error.problems, places, strict=True)]
        ) from None


def _object(given: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput("Here belongs a JSON object: send one.", field or None)
    return given


def _list(given: Mapping[str, Any], name: str, field: str) -> list[Any]:
    found = given.get(name)
    if not isinstance(found, list):
        raise InvalidInput(f"{name} is a list: send one.", path(filter(None, [field, name])))
    return found


def _texts(given: Mapping[str, Any], name: str, field: str) -> dict[str, str]:
    found = _object({} if given.get(name) is None else given[name], f"{field}.{name}")
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _model_ref(given: str | None) -> str | None:
    """A label that is the ref of a version; others write there what only they understand."""
    try:
        return ref(given) if given and given.startswith("model:") and "@" in given else None
    except InvalidInput:
        return None


def _id(given: Any) -> str | None:
    return given.get("id") if isinstance(given, dict) else None
