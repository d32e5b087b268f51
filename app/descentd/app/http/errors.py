"""Errors as clients see them: in GraphQL's shape under /graphql, as RFC 9457 problems elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from graphql import GraphQLError
from starlette.responses import JSONResponse, Response

from descentd.app.server.logging import REQUEST_ID
from descentd.graph.model.errors import (
    Code,
    DescentError,
    GateBlocked,
    Internal,
    Invalid,
    InvalidInput,
    TooCostly,
    Unavailable,
)

log = structlog.get_logger()

Shape = dict[str, Any]

PROBLEM: Final = "application/problem+json"
"""The media type of RFC 9457."""

STATUS: Final[Mapping[Code, int]] = {
    Code.INVALID_INPUT: 400,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_REFERENCE: 422,
    Code.UNKNOWN_METRIC: 422,
    Code.VERSION_CONFLICT: 409,
    Code.CYCLE: 422,
    Code.GATE_BLOCKED: 409,
    Code.FORBIDDEN: 403,
    Code.UNAUTHENTICATED: 401,
    Code.TOO_COSTLY: 400,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
_VARIABLE: Final = re.compile(
    r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<path>[^:]+))?: (?P<reason>.*)", re.DOTALL
)
_UNKNOWN: Final = re.compile(
    r"not to include unknown field '(?P<field>.*?)'(?:\. (?P<hint>Did you mean .*?\?) Found)?[,:]", re.DOTALL
)
_REQUIRED: Final = re.compile(r"to include required field '(?P<field>\w+)'")
_ENCOUNTERED: Final = re.compile(r"but encountered error '(?P<reason>.*)'; found: ", re.DOTALL)
_NOT_FINITE: Final = re.compile(
    r"Float cannot represent non numeric value: '(?P<given>[-+]?\.?(?:nan|inf|infinity))'.*", re.IGNORECASE | re.DOTALL
)
_FOUND: Final = re.compile(r", found: .*\.$", re.DOTALL)
_ABORTED: Final = re.compile(r"Validation aborted|nested too deeply")
_PLACES: Final = 10
"""Places of one error."""
_TOKENS: Final = re.compile(r"more than (?P<most>\d+) tokens")


class Refusal(Exception):
    """A request that is refused before it is read: `problem` is answered with the HTTP `status` and `headers`."""

    def __init__(self, problem: DescentError, status: int | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(problem.message)
        self.problem = problem
        self.status = status or STATUS[problem.code]
        self.headers = dict(headers or {})


def problems(error: DescentError) -> tuple[DescentError, ...]:
    """The single problems that an error reports, at least one."""
    return error.problems if isinstance(error, Invalid) else (error,)


def fault(error: BaseException) -> Internal:
    """The INTERNAL error for an unexpected exception, which is logged under the same correlation id."""
    id = REQUEST_ID.get() or "-"
    log.error("internal_error", exc_info=error)
    return Internal(f"Something went wrong on the server: report it with the correlation id {id}.")


def extensions(problem: DescentError) -> Shape:
    """The `extensions` of one problem in GraphQL's shape; what a store said is in our log and not in them."""
    if isinstance(problem, Unavailable) and problem.__cause__ is not None:
        log.warning("store_failed", reason=str(problem.__cause__)[:500])
    shape: Shape = {"code": problem.code.value}
    if problem.field is not None:
        shape["field"] = problem.field
    if isinstance(problem, GateBlocked):
        shape |= problem.details
    if isinstance(problem, Internal):
        shape["correlationId"] = REQUEST_ID.get()
    return shape


def shaped(error: DescentError) -> list[Shape]:
    """An error in GraphQL's shape: a list with one entry for each problem."""
    return [{"message": problem.message, "extensions": extensions(problem)} for problem in problems(error)]


def graphql_errors(errors: Iterable[GraphQLError]) -> list[Shape]:
    """The errors of an operation in GraphQL's shape, at most `Invalid.LIMIT`.

    What is wrong with a document in several places, in the same words, is one error with the first of its places.
    """
    found: list[Shape] = []
    alike: dict[tuple[str, str | None], Shape] = {}
    for error in errors:
        for shape in _graphql_error(error):
            key = shape["message"], shape["extensions"].get("field")
            first = alike.setdefault(key, shape) if "path" not in shape and "locations" in shape else shape
            if first is shape:
                found.append(shape)
            elif len(first["locations"]) < _PLACES:
                first["locations"] += shape["locations"]
    return found[: Invalid.LIMIT]


def _graphql_error(error: GraphQLError) -> Iterator[Shape]:
    where: Shape = {}
    if error.locations:
        where["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        where["path"] = error.path
    for problem in problems(_cause(error)):
        yield {"message": problem.message, **where, "extensions": extensions(problem)}


def _cause(error: GraphQLError) -> DescentError:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, DescentError):
        return cause
    # Whatever is wrong with a request is found before anything is resolved, except for arguments that variables are
    # parts of. All else that has a path went wrong in a resolver.
    if error.path is not None and not error.message.startswith("Argument '"):
        return fault(cause)
    if many := _TOKENS.search(error.message):
        most = many["most"]
        return TooCostly(f"The document has over {most} tokens, and at most {most} are allowed: ask for less at once.")
    if _ABORTED.search(error.message):
        return TooCostly("The document is too large to be checked: ask for less at once.")
    found = _VARIABLE.fullmatch(error.message)
    return InvalidInput(error.message) if found is None else _variable(found["name"], found["path"], found["reason"])


def _variable(name: str, path: str | None, reason: str) -> InvalidInput:
    """The error for a variable of the wrong type; `field` is the path inside it, after its name where it is a list."""
    field = (path or "").strip().removeprefix(".")
    if field.startswith("["):
        field = name + field
    if unknown := _UNKNOWN.search(reason):
        hint = f" {unknown['hint']}" if unknown["hint"] else ""
        inside = f"{field}.{unknown['field']}" if field else unknown["field"]
        return InvalidInput(f"There is no field {repr(unknown['field'])[:80]}: correct or remove it.{hint}", inside)
    if required := _REQUIRED.search(reason):
        inside = f"{field}.{required['field']}" if field else required["field"]
        return InvalidInput(f"{required['field']} is required: add it.", inside)
    if not_finite := _NOT_FINITE.match(reason):
        advice = "where nothing was measured, leave the result out"
        return InvalidInput(f"Expected a finite number, got {not_finite['given']}: {advice}.", field or name)
    if encountered := _ENCOUNTERED.search(reason):
        return InvalidInput(encountered["reason"], field or name)
    return InvalidInput(_FOUND.sub(".", reason), field or name)


def problem_response(
    problem: DescentError, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error as an RFC 9457 problem, `application/problem+json`; the status is that of its code unless given."""
    status = status or STATUS[problem.code]
    body: Shape = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": problem.message, **extensions(problem)}
    if isinstance(problem, Invalid):
        body["errors"] = [{"detail": one.message, **extensions(one)} for one in problem.problems]
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def refusal_response(error: Refusal | DescentError) -> Response:
    """The answer to a request that was refused while it was read, or that could not be answered, as a problem."""
    if isinstance(error, Refusal):
        return problem_response(error.problem, error.status, error.headers)
    return problem_response(error)
