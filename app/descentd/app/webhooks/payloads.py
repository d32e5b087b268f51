"""Payloads of webhooks: Alertmanager, CloudEvents, CDEvents and plain JSON, converted to alerts and deployment reports.

Shapes: Alertmanager's webhook payload, versions 3 and 4; CloudEvents 1.0 in structured, batched and binary mode;
CDEvents 0.3 and later, inside CloudEvents or bare. Labels that systems disagree on are looked for under several names.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from descentd.graph.inputs.acts import IncidentInput
from descentd.graph.inputs.base import Input, path
from descentd.graph.model.characters import OVERRIDES
from descentd.graph.model.clock import check_past
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.graph.model.identity import canonical
from descentd.graph.model.names import date_time, ref
from descentd.queries.production.alerts import Alert, external_id
from descentd.queries.production.deployment_reports import Report, ReportInput

Notice = Alert | Report
Names = Mapping[str, str]
"""What the fields of an input are called in a payload."""
Some = TypeVar("Some", bound=Input)

_SEVERITIES: Final = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "p1"), "CRITICAL"),
    **dict.fromkeys(("high", "error", "major", "p2"), "HIGH"),
    **dict.fromkeys(("medium", "warning", "warn", "minor", "p3"), "MEDIUM"),
    **dict.fromkeys(("low", "info", "informational", "notice", "none", "p4", "p5"), "LOW"),
}
_ENVIRONMENT: Final = ("environment", "env", "deployment_environment")
_ENDPOINT: Final = ("endpoint", "service", "job")
_NEVER: Final = "0001-01-01T00:00:00Z"
_TEXTS: Final = frozenset({"title", "description"})
_CDEVENT: Final = re.compile(r"dev\.cdevents\.(\w+\.\w+)\.\d")
_BEGUN: Final = ("service.deployed", "service.upgraded", "service.rolledback")
_ENDED: Final = ("service.removed",)
_INCIDENT: Final = ("incident.detected", "incident.reported", "incident.resolved")
_ALERTMANAGER_NAMES: Final = {"at": "startsAt", "resolvedAt": "endsAt", "externalId": "fingerprint"}
_SERVICE_NAMES: Final = {
    "environment": "subject.content.environment.id",
    "endpoint": "subject.id",
    "deployed": "subject.content.artifactId",
    "since": "context.timestamp",
}
_INCIDENT_NAMES: Final = {
    "title": "subject.content.description",
    "environment": "subject.content.environment.id",
    "endpoint": "subject.content.service.id",
    "at": "context.timestamp",
    "resolvedAt": "context.timestamp",
    "labels": "customData",
    "externalId": "subject.id",
}
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")


def alertmanager(body: Any) -> Iterator[Notice]:
    """The alerts of a notification; raises InvalidInput for another shape."""
    payload = _object(body, "")
    for i, given in enumerate(_list(payload, "alerts", "")):
        field = f"alerts[{i}]"
        alert = _object(given, field)
        labels, notes = _texts(alert, "labels", field), _texts(alert, "annotations", field)
        title = notes.get("summary") or notes.get("title") or labels.get("alertname")
        ended = alert.get("endsAt")
        mark = alert.get("fingerprint") or hashlib.sha256(canonical(labels)).hexdigest()[:16]
        fields = {
            "title": title or "Alert without a name",
            "severity": _SEVERITIES.get(labels.get("severity", "").lower(), "MEDIUM"),
            "environment": _first(labels, _ENVIRONMENT),
            "endpoint": _first(labels, _ENDPOINT),
            "subject": _model_ref(labels.get("model_version")),
            "at": alert.get("startsAt"),
            "labels": labels or None,
            "description": notes.get("description") or notes.get("message"),
            "externalId": external_id("alertmanager", str(mark), str(alert.get("startsAt"))),
        }
        over = alert.get("status") == "resolved"
        resolved = ended if over and ended != _NEVER else None
        yield _alert(field, _ALERTMANAGER_NAMES, fields, resolved=resolved, over=over)


def plain(body: Any) -> Iterator[Notice]:
    """An alert or a deployment report, or a list of them, in the registry's own words.

    An alert has the shape of IncidentInput, and may add `status: resolved` with `resolvedAt`. A report says
    `deployed`, the artifact digest or ref of what serves, with environment, endpoint and perhaps since.
    """
    given = body if isinstance(body, list) else [body]
    for i, one in enumerate(given):
        field = f"[{i}]" if isinstance(body, list) else ""
        fields = dict(_object(one, field))
        if "deployed" in fields:
            if fields["deployed"] is None:
                raise InvalidInput("Expected deployed to be a ref or a digest, got null.", _at(field, "deployed"))
            yield _report(field, {}, fields, removed=False)
            continue
        status, resolved = fields.pop("status", "firing"), fields.pop("resolvedAt", None)
        if status not in ("firing", "resolved"):
            raise InvalidInput(f"Expected firing or resolved, got {repr(status)[:40]}.", _at(field, "status"))
        yield _alert(field, {}, fields, resolved=resolved, over=status == "resolved")


def cloudevents(body: Any) -> Iterator[Notice]:
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
                raise InvalidInput(f"A CloudEvent needs {part}: add it.", _at(field, part))
        data = event.get("data")
        if isinstance(data, dict) and "context" in data and "subject" in data:
            yield from _cdevent(data, _at(field, "data"))
        elif isinstance(data, dict):
            mark = external_id("cloudevents", event["source"], event["id"])
            at = {"since": event.get("time")} if "deployed" in data else {"at": event.get("time")}
            fields = {**at, **data, **({} if "deployed" in data else {"externalId": mark})}
            yield from plain({name: value for name, value in fields.items() if value is not None})
        else:
            problem = "Expected the event's data to be a JSON object: an alert, a report or a CDEvent."
            raise InvalidInput(problem, _at(field, "data"))


def binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The structured form of a CloudEvent in binary mode, whose attributes are in `ce-` headers."""
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    return {**attributes, "data": data}


def _cdevent(event: Mapping[str, Any], field: str) -> Iterator[Notice]:
    context = _object(event["context"], _at(field, "context"))
    subject = _object(event["subject"], _at(field, "subject"))
    content = _object(subject.get("content", {}), _at(field, "subject.content"))
    found = _CDEVENT.match(str(context.get("type", "")))
    kind = found[1] if found else ""
    environment = _id(content.get("environment"))
    if kind in (*_BEGUN, *_ENDED):
        artifact = str(content.get("artifactId") or "")
        digest = _DIGEST.search(unquote(artifact))
        fields = {
            "environment": environment or "unknown",
            "endpoint": subject.get("id", "unknown"),
            "deployed": (f"sha256:{digest[1]}" if digest else artifact or None) if kind in _BEGUN else None,
            "since": context.get("timestamp"),
        }
        yield _report(field, _SERVICE_NAMES, fields, removed=kind in _ENDED)
    elif kind in _INCIDENT:
        over = kind == "incident.resolved"
        fields = {
            "title": content.get("description") or "Incident without a description",
            "severity": "HIGH",
            "environment": environment,
            "endpoint": _id(content.get("service")),
            "at": None if over else context.get("timestamp"),
            "labels": event.get("customData") if isinstance(event.get("customData"), dict) else None,
            "externalId": external_id("cdevents", str(subject.get("source", "")), str(subject.get("id", ""))),
        }
        yield _alert(field, _INCIDENT_NAMES, fields, resolved=context.get("timestamp") if over else None, over=over)
    else:
        raise InvalidInput(
            f"{repr(context.get('type'))[:80]} is not an event that the registry records: send "
            f"{', '.join(f'dev.cdevents.{taken}' for taken in (*_BEGUN, *_ENDED, *_INCIDENT))}.",
            _at(field, "context.type"),
        )


def _alert(field: str, names: Names, fields: Mapping[str, Any], *, resolved: Any, over: bool) -> Alert:
    """An alert; one that names neither version nor place is taken too, and stays unmatched."""
    given = {name: value for name, value in fields.items() if value is not None}
    # No alert is lost by a character that people may not write.
    for name in _TEXTS & given.keys():
        given[name] = OVERRIDES.sub("", given[name]) if isinstance(given[name], str) else given[name]
    if "subject" not in given and not {"environment", "endpoint"} <= given.keys():
        given = {"environment": "unknown", "endpoint": "unknown", **given}
    incident = _read(IncidentInput, given, field, names)
    _check_past(incident.at, field, names.get("at", "at"))
    place = names.get("resolvedAt", "resolvedAt")
    ended = None if resolved is None else _moment(resolved, _at(field, place))
    _check_past(ended, field, place)
    return Alert(incident, over, ended)


def _report(field: str, names: Names, fields: Mapping[str, Any], *, removed: bool) -> Report:
    given = {name: value for name, value in fields.items() if value is not None}
    report = _read(ReportInput, given, field, names)
    _check_past(report.since, field, names.get("since", "since"))
    return Report(report, removed)


def _read(kind: type[Some], given: Mapping[str, Any], field: str, names: Names) -> Some:
    """An input; what is wrong with it is fields of by the payload's names."""
    try:
        return kind.read(given)
    except Invalid as error:
        raise Invalid([_placed(one, field, names) for one in error.problems]) from None


def _placed(problem: DescentError, field: str, names: Names) -> InvalidInput:
    place = problem.field or ""
    return InvalidInput(problem.message, _at(field, names.get(place, place)) or None)


def _check_past(moment: str | None, field: str, place: str) -> None:
    check_past(moment, _at(field, place))


def _moment(given: Any, field: str) -> str:
    if not isinstance(given, str):
        raise InvalidInput("Expected a date-time as text, 2025-01-15T10:00:00Z.", field)
    try:
        return date_time(given)
    except InvalidInput as error:
        raise InvalidInput(error.message, field) from None


def _at(field: str, inside: str) -> str:
    return path(filter(None, [field, inside]))


def _object(given: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InvalidInput("Expected a JSON object.", field or None)
    return given


def _list(given: Mapping[str, Any], name: str, field: str) -> list[Any]:
    found = given.get(name)
    if not isinstance(found, list):
        raise InvalidInput(f"Expected {name} to be a list.", _at(field, name))
    return found


def _texts(given: Mapping[str, Any], name: str, field: str) -> dict[str, str]:
    found = _object({} if given.get(name) is None else given[name], _at(field, name))
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
