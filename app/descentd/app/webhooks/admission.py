"""POST /admission/{environment}: Kubernetes asks whether what is about to run may serve there, and is told why not.

The request and the answer are an AdmissionReview, https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers.
Nothing is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from descentd.app.auth.access_control import AccessControl, principal_of
from descentd.app.http import strict_json
from descentd.app.http.errors import STATUS, Refusal, refusal_response
from descentd.app.http.negotiation import read_body, require_content_type
from descentd.app.server.lifespan import Lifespan
from descentd.graph.model.errors import DescentError, GateBlocked, InvalidInput, NotFound
from descentd.queries.production.admission import check_admission

ROUTE: Final = "/admission/{environment:path}"
VERSION, ARTIFACT = "descent/version", "descent/artifact"
"""The annotations that name the version that is to serve, and the digest of the file of it that is."""

_API: Final = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a request; an object in Kubernetes has at most 1.5 MiB, and an update holds two."""
_ASKED: Final = frozenset({"CREATE", "UPDATE"})


@dataclass(frozen=True, slots=True)
class Review:
    """What Kubernetes asks: `was` are the annotations of what is updated."""

    uid: str
    operation: str
    annotations: Mapping[str, str]
    was: Mapping[str, str]

    @classmethod
    def read(cls, given: Any) -> Self:
        """The request in an AdmissionReview; raises InvalidInput for anything else."""
        if not isinstance(given, dict) or {key: given.get(key) for key in _API} != _API:
            raise InvalidInput("Expected an AdmissionReview of admission.k8s.io/v1: set admissionReviewVersions to v1.")
        request = given.get("request")
        if not isinstance(request, dict):
            raise InvalidInput("Expected an object.", "request")
        for field in ("uid", "operation"):
            if not isinstance(request.get(field), str) or not request[field]:
                raise InvalidInput("Expected a text.", f"request.{field}")
        new, old = (_annotations(request.get(part), f"request.{part}") for part in ("object", "oldObject"))
        return cls(request["uid"], request["operation"], new, old)


class Admission:
    """The ASGI application at `ROUTE`."""

    def __init__(self, lifespan: Lifespan, access_control: AccessControl, body_limit: int) -> None:
        self._lifespan = lifespan
        self._access_control = access_control
        self._limit = min(body_limit, _LARGEST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        scope["descent.route"] = "/admission"  # as metrics count it
        request = Request(scope, receive)
        try:
            require_content_type(request.headers, "application/json")
            review = Review.read(strict_json.read(await read_body(request, self._limit)))
            answer = await self._answer(review, request.path_params["environment"])
            await self._access_control.note(principal_of(scope), "admission")
        except ClientDisconnect:
            return
        except (Refusal, DescentError) as error:
            await refusal_response(error)(scope, receive, send)
            return
        await JSONResponse({**_API, "response": {"uid": review.uid, **answer}})(scope, receive, send)

    async def _answer(self, review: Review, environment: str) -> dict[str, Any]:
        """Whether it is allowed, and why not. Raises what says that nobody can tell, such as Unavailable."""
        if review.operation not in _ASKED:
            return {"allowed": True}
        try:
            await self._check(review, environment)
        except (GateBlocked, NotFound, InvalidInput) as error:
            # What is only scaled or labelled anew runs already: refusing that would stop nothing from serving.
            if review.operation == "UPDATE" and _named(review.was) == _named(review.annotations):
                return {"allowed": True, "warnings": [error.message]}
            return {"allowed": False, "status": {"code": STATUS[error.code], "message": error.message}}
        return {"allowed": True}

    async def _check(self, review: Review, environment: str) -> None:
        version, artifact = _named(review.annotations)
        if version is None:
            raise InvalidInput(
                f"The annotation {VERSION} is missing: name the version that is to serve, model:NAME@VERSION, or leave "
                "objects that serve none out of the objectSelector."
            )
        await check_admission(self._lifespan.registry, version, environment, artifact)


def _named(annotations: Mapping[str, str]) -> tuple[str | None, str | None]:
    return annotations.get(VERSION), annotations.get(ARTIFACT)


def _annotations(given: Any, field: str) -> Mapping[str, str]:
    """The annotations of an object, over those of the template of what it starts; raises InvalidInput."""
    found: dict[str, str] = {}
    for path in (("spec", "template", "metadata"), ("metadata",)):
        at, place = given, field
        for part in (*path, "annotations"):
            if at is None:
                break
            if not isinstance(at, dict):
                raise InvalidInput("Expected an object.", place)
            at, place = at.get(part), f"{place}.{part}"
        if at is None:
            continue
        if not isinstance(at, dict) or not all(isinstance(value, str) for value in at.values()):
            raise InvalidInput("Expected an object of texts.", place)
        found |= at
    return found
