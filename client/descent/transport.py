"""Sending operations over HTTP, and reading answers, pages and errors."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from importlib import resources
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from descent.answers import Answer, answered
from descent.connection import Connection, Page, page_size
from descent.errors import (
    DescentError,
    InvalidInput,
    NotInTime,
    Problem,
    Unauthenticated,
    Unintelligible,
    Unreachable,
    refusal,
)

if TYPE_CHECKING:
    import httpx2

DEFAULT_URL = "http://127.0.0.1:8600"

_CHUNK = 64 * 1024
_AT_ONCE = 20

Json = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with the number of bytes sent, and the number of all bytes."""


class Transport:
    """Sends saved operations to one registry; a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None, timeout: float = 60.0) -> None:
        """Prepare to talk to the registry at `url` (no connection is made yet); `timeout` is in seconds.

        Raises Unauthenticated for a token that cannot be sent; white space around it is left out.
        """
        import ssl
        from importlib import metadata

        import httpx2  # here, because it takes longer to import than all else of a command together

        self.url = url.rstrip("/")
        self.client_version = metadata.version("descent-client")
        self.warnings: list[str] = []
        """What the registry had to say beside its last answer, such as names that look like others."""
        headers = {
            "Accept": "application/graphql-response+json",
            "Content-Type": "application/json",
            "User-Agent": f"descent-client/{self.client_version}",
        }
        if token := _sendable(token or ""):
            headers["Authorization"] = f"Bearer {token}"
        # Over http no certificate is checked, and to read the authorities that this machine trusts takes 25 ms.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self.url.lower().startswith("http:") else True
        self._http = httpx2.Client(headers=headers, timeout=httpx2.Timeout(timeout, connect=10.0), verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _connection(
        self, operation: str, variables: Mapping[str, Any], field: str, inner: str | None, limit: int | None
    ) -> tuple[Json, Connection]:
        """Return the first answer of a field, and the connection in it: the field itself, or its field `inner`."""

        def ask(first: int, after: str | None) -> Json:
            return self._ask(operation, {**variables, "first": first, "after": after}, field)

        def page(answer: Json) -> Page:
            return answer[inner] if inner else answer

        answer = ask(page_size(limit), None)
        return answer, Connection(page(answer), lambda first, after: page(ask(first, after)), limit)

    def batch(self, field: str, argument: str, refs: Sequence[str], selection: str, more: str = "") -> list[Json]:
        """Return the answer of a field for each of many records, given as its `argument`; a request asks for many."""
        found: list[Json] = []
        for start in range(0, len(refs), _AT_ONCE):
            given = {f"r{number}": ref for number, ref in enumerate(refs[start : start + _AT_ONCE])}
            fields = " ".join(f"{name}: {field}({argument}: ${name} {more}) {{ {selection} }}" for name in given)
            query = f"query Batch({' '.join(f'${name}: Ref!' for name in given)}) {{ {fields} }}"
            body = {"query": query, "operationName": "Batch", "variables": given}
            answer = self._answer(self._post(json.dumps(body).encode(), None))
            found += [answer[name] for name in given]
        return found

    def stated(self, query: str, variables: Mapping[str, Any]) -> Json:
        """Return the answer to a query as the registry signed it: `question`, `answer` (both JSON texts) and `note`.

        `note` is None where the registry has no key to sign with.
        """
        asked = {"query": query, "operationName": None, "variables": dict(variables)}
        response = self._post(json.dumps({**asked, "extensions": {"signed": True}}).encode(), None)
        data = self._answer(response)
        statement = (response.json().get("extensions") or {}).get("statement")
        if statement is None:
            return {"question": json.dumps(asked), "answer": json.dumps(data, ensure_ascii=False), "note": None}
        if json.loads(statement["question"]) != asked or json.loads(statement["answer"]) != data:
            raise self._unintelligible("signed another answer than it gave")
        return {name: statement[name] for name in ("question", "answer", "note")}

    def query(self, text: str, /, **variables: Any) -> Answer:
        """Return the data that the registry answers to any GraphQL operation, with its variables by name.

        Raises what every method of a client raises; `warnings` has what the registry says beside the data.
        """
        return Answer(self._answer(self._post(_body({"query": text, "variables": variables}), None)))

    def server_version(self, timeout: float = 60.0) -> str:
        """Return the version of the server; raises Unreachable, and Unintelligible if it is no Descent server.

        `timeout` is the number of seconds to wait for each part of the answer.
        """
        response = self._send("GET", "/version", timeout=timeout)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        match answer:
            case {"name": "descentd", "version": str(version)} if response.status_code == HTTPStatus.OK:
                return version
            case _:
                raise self._unintelligible("does not say which version of Descent it is")

    def mcp(self, message: bytes, headers: Mapping[str, str]) -> "httpx2.Response":
        """Return the response to a message of the Model Context Protocol."""
        return self._send("POST", "/mcp", content=message, headers=dict(headers))

    def checkpoint(self) -> str | None:
        """Return the signed checkpoint of the log, a C2SP note; None if the registry has no key."""
        response = self._send("GET", "/checkpoint")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code != HTTPStatus.OK:
            raise self._unintelligible(f"signs no checkpoint ({response.status_code}): run `descentd verify`")
        return response.text

    def _ask(self, operation: str, variables: Mapping[str, Any], field: str, progress: Progress | None = None) -> Json:
        """Send an operation, and return the field of its answer."""
        given = {name: value for name, value in variables.items() if value is not None}
        body = {"query": sent(operation), "operationName": operation, "variables": given}
        answer = self._answer(self._post(_body(body), progress))
        if field not in answer or answer[field] is None:
            raise self._unintelligible(f"left {field} out of its answer")
        result: Json = answered(answer[field])
        return result

    def _post(self, data: bytes, progress: Progress | None) -> "httpx2.Response":
        return self._send(
            "POST",
            "/graphql",
            content=data if progress is None else _chunks(data, progress),
            headers={"Content-Length": str(len(data))},
        )

    def log_lines(self, after: int = 0) -> Iterator[bytes]:
        """Yield the lines of the log after the entry with this sequence, in NDJSON, and the line that ends it.

        Raises Unreachable if the connection is lost: ask again for what comes after the last line.
        """
        from descent.log import lines_of

        request = self._http.stream(
            "GET", f"{self.url}/records", params={"after": after}, headers={"Accept": "application/x-ndjson"}
        )
        with self._translated(), request as response:
            if response.status_code != HTTPStatus.OK:
                response.read()
                raise self._problem_of(response)
            yield from lines_of(response.iter_bytes())

    def _problem_of(self, response: "httpx2.Response") -> DescentError:
        """Return the error for an answer that is a problem of RFC 9457."""
        try:
            problem = response.json()
            return refusal([Problem(problem["detail"], problem["code"], problem.get("field"))])
        except (ValueError, KeyError, TypeError):
            return self._unintelligible(f"answered {response.status_code} without a reason")

    def _send(self, method: str, path: str, **parts: Any) -> "httpx2.Response":
        with self._translated():
            return self._http.request(method, f"{self.url}{path}", **parts)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the connection into ours."""
        import httpx2

        try:
            yield
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Unreachable.because(f"{self.place} is not an address: write it like {DEFAULT_URL}.") from error
        except httpx2.ConnectError as error:
            message = (
                f"No server answers at {self.place}: start `descentd serve`, or set DESCENT_URL to the address of "
                "the server."
            )
            raise Unreachable.because(message) from error
        except httpx2.TimeoutException as error:
            message = f"{self.place} did not answer in time: try again, with a longer timeout if the manifest is large."
            raise NotInTime.because(message) from error
        except httpx2.RequestError as error:
            message = f"The connection to {self.place} was lost ({error}): try again; registering twice adds nothing."
            raise Unreachable.because(message) from error

    def _answer(self, response: "httpx2.Response") -> Json:
        try:
            answer = response.json()
        except ValueError as error:
            raise self._unintelligible(f"answered {response.status_code} without GraphQL") from error
        extensions = answer.get("extensions") if isinstance(answer, dict) else None
        self.warnings = [str(text) for text in (extensions or {}).get("warnings") or ()]
        if isinstance(answer, dict) and answer.get("errors"):
            raise refusal([_problem(error) for error in answer["errors"]])
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or response.status_code != HTTPStatus.OK:
            raise self._unintelligible(f"answered {response.status_code} without GraphQL")
        return data

    def _unintelligible(self, what: str) -> Unintelligible:
        return Unintelligible.because(
            f"{self.place} {what}: check that DESCENT_URL is the address of a Descent server."
        )

    @property
    def place(self) -> str:
        """The address without the password in it, if it has one."""
        scheme, slashes, rest = self.url.partition("//")
        return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


@cache
def saved(operation: str) -> str:
    """Return the text of a saved operation."""
    return resources.files("descent").joinpath("operations", f"{operation}.graphql").read_text("utf-8")


@cache
def sent(operation: str) -> str:
    """Return the text that is sent for an operation: the saved one, with the fragment that adds fields to it."""
    text = saved(operation)
    additions = resources.files("descent").joinpath("additions", f"{operation}.graphql")
    if not additions.is_file():
        return text
    # The second brace opens the selection of the root field: the definitions of variables have no braces.
    head, root, rest = text.split("{", 2)
    return f"{head}{{{root}{{\n    ...Additions{rest}\n{additions.read_text('utf-8')}"


def _sendable(token: str) -> str:
    """Return a token without white space around it. Raises Unauthenticated, without showing it, if it cannot be sent.

    A header can hold visible ASCII characters (RFC 9110, 5.5); a token of RFC 6750 has no others.
    """
    token = token.strip()
    if all("!" <= character <= "~" for character in token):
        return token
    message = "The token has characters other than visible ASCII, so it cannot be sent: copy it again, as it was given."
    raise Unauthenticated([Problem(message, Unauthenticated.answers_to)])


def _body(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        message = "NaN and infinity cannot be sent: leave them out, or send them as text."
        raise InvalidInput([Problem(message, "INVALID_INPUT")]) from error


def _chunks(data: bytes, progress: Progress) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]
        progress(min(start + _CHUNK, len(data)), len(data))


def _problem(error: Any) -> Problem:
    extensions = error.get("extensions") or {}
    return Problem(
        message=str(error.get("message", "The registry refused and gave no reason.")),
        code=extensions.get("code"),
        field=extensions.get("field"),
        extensions=extensions,
    )
