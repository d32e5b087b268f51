"""The operations of a registry, as Python calls."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from types import TracebackType
from typing import Any, Self

import httpx2

from descent.connection import Connection, Page, page_size
from descent.errors import InvalidInput, Problem, Unintelligible, Unreachable, refusal

DEFAULT_URL = "http://127.0.0.1:8600"

_CHUNK = 64 * 1024

Json = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with the bytes that are sent and the bytes that there are."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What is affected: exact counts by record kind, and the affected in order of distance."""

    counts: dict[str, int]
    affected: Connection


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which versions learned from a population: exact counts of the three verdicts, and the versions asked for."""

    counts: dict[str, int]
    versions: Connection


class Client:
    """A connection to one registry; a context manager, not to be shared between threads.

    Answers are dicts in GraphQL's names. Every call raises Unreachable where nobody answers, Unintelligible where
    something else does, and the subclass of Refused that belongs to the code where the registry says no.
    """

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None, timeout: float = 60.0) -> None:
        """Prepare to talk to the registry at `url` (no connection is made yet); `timeout` is in seconds."""
        self.url = url.rstrip("/")
        headers = {
            "Accept": "application/graphql-response+json",
            "Content-Type": "application/json",
            "User-Agent": f"descent-client/{metadata.version('descent-client')}",
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx2.Client(headers=headers, timeout=httpx2.Timeout(timeout, connect=10.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    # ------------------------------------------------------------ register

    def register(self, manifest: Mapping[str, Any], progress: Progress | None = None) -> Json:
        """Register a manifest (ManifestInput in GraphQL's names), all of it or nothing.

        Returns `created` and `existing` (counts) and `records` (id, ref and kind of each, in order of mention).
        """
        return self._ask("Register", {"manifest": manifest}, "register", progress)

    # ------------------------------------------------------------ look up

    def entity(self, ref: str, *, as_of: str | None = None) -> Json:
        """Return everything about one record."""
        return self._ask("Entity", {"ref": ref, "asOf": as_of}, "entity")

    def model_versions(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List model versions in the order that they were registered in; `filter` is a ModelVersionFilter."""
        return self._connection("ModelVersions", {"filter": filter}, "modelVersions", None, limit)[1]

    def search(self, text: str, *, kinds: Sequence[str] | None = None, limit: int | None = 100) -> Connection:
        """Find records by name, by the beginning of a digest or by words of their notes and profiles."""
        return self._connection("Search", {"text": text, "kinds": kinds}, "search", None, limit)[1]

    def population_vocabulary(self) -> dict[str, dict[str, int]]:
        """Return the documented populations: attribute, value, and in how many partitions it occurs."""
        entries: Any = self._ask("PopulationVocabulary", {}, "populationVocabulary")
        return {entry["attribute"]: {v["value"]: v["partitions"] for v in entry["values"]} for entry in entries}

    def history(self, of: str, *, limit: int | None = 100) -> Connection:
        """List what was recorded about a record, in the order of the log."""
        return self._connection("History", {"of": of}, "history", None, limit)[1]

    # ------------------------------------------------------------ lineage

    def lineage(
        self,
        of: str,
        direction: str = "ANCESTORS",
        *,
        depth: int | None = None,
        limit: int | None = None,
        as_of: str | None = None,
    ) -> Json:
        """Return the graph around a record: `nodes` (nearest first), `edges`, `totalCount`, and whether `complete`."""
        variables = {"of": of, "direction": direction, "depth": depth, "limit": limit, "asOf": as_of}
        return self._ask("Lineage", variables, "lineage")

    def impact(
        self,
        of: Sequence[str],
        *,
        kinds: Sequence[str] | None = None,
        limit: int | None = 100,
        as_of: str | None = None,
        evidence: bool = False,
    ) -> Impact:
        """Return what is affected by any of the records, each with one shortest derivation (`via`) that proves it.

        With `evidence`, evaluations of or on what is affected and what cites them count as affected too.
        """
        variables = {"of": list(of), "kinds": kinds, "asOf": as_of, "includeEvidence": evidence}
        answer, affected = self._connection("Impact", variables, "impact", "affected", limit)
        return Impact({entry["kind"]: entry["count"] for entry in answer["counts"]}, affected)

    def trained_on(
        self,
        population: Sequence[tuple[str, Sequence[str]]],
        *,
        verdicts: Sequence[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        limit: int | None = 100,
        as_of: str | None = None,
    ) -> Exposure:
        """Return which versions learned from a population.

        `population` holds attributes with their values: every attribute, any of its values, in one partition.
        Without `verdicts`, the versions are those that are TRAINED and UNKNOWN.
        """
        terms = [{"attribute": attribute, "values": list(values)} for attribute, values in population]
        variables = {"population": {"all": terms}, "verdicts": verdicts, "filter": filter, "asOf": as_of}
        answer, versions = self._connection("TrainedOn", variables, "trainedOn", "versions", limit)
        return Exposure({entry["verdict"]: entry["count"] for entry in answer["counts"]}, versions)

    def paths(self, ancestor: str, descendant: str, *, limit: int | None = None) -> Json:
        """Return derivations from an ancestor to a descendant; `count`, a decimal string, is exact."""
        return self._ask("Paths", {"from": ancestor, "to": descendant, "first": limit}, "paths")

    # ------------------------------------------------------------ safety over lineage

    def evaluations(self, of: str, *, limit: int | None = 100) -> Connection:
        """List the evaluations of a version in the order of the log, retracted and contaminated ones marked."""
        return self._connection("Evaluations", {"of": of}, "evaluations", None, limit)[1]

    def trend(
        self,
        of: str,
        metric: str,
        *,
        slice: Sequence[tuple[str, str]] | None = None,
        since: str | None = None,
    ) -> Json:
        """Return a metric along first parents: `metric` (what it means) and `series`, one a protocol and slice.

        `slice` holds attributes and values; without it, every slice, and with () only what is about everybody.
        """
        terms = None if slice is None else [{"attribute": attribute, "value": value} for attribute, value in slice]
        return self._ask("Trend", {"of": of, "metric": metric, "slice": terms, "since": since}, "trend")

    def erosion(self, of: str, *, since: str | None = None, alpha: float | None = None) -> Json:
        """Return whether a version's safety got worse along its ancestry: `verdict` and `findings`."""
        return self._ask("Erosion", {"of": of, "since": since, "alpha": alpha}, "erosion")

    def erosions(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the versions of the whole registry whose safety eroded, worst first; `filter` is an ErosionFilter."""
        return self._connection("Erosions", {"filter": filter}, "erosions", None, limit)[1]

    def diff(self, base: str, head: str, *, attributes: Sequence[str] | None = None) -> Json:
        """Return how two versions differ, and for whom; `attributes` narrows it to populations and slices of these."""
        given = None if attributes is None else list(attributes)
        return self._ask("Diff", {"base": base, "head": head, "attributes": given}, "diff")

    # ------------------------------------------------------------ governance

    def gate(self, of: str, environment: str) -> Json:
        """Ask whether a version may be let into an environment; records nothing."""
        return self._ask("Gate", {"of": of, "environment": environment}, "gate")

    def gate_decision(self, id: str) -> Json:
        """Return a decision on record, and what it comes to when it is evaluated again (`replay`)."""
        found = self._ask("GateDecision", {"decision": id}, "entity")
        if "replay" not in found:
            raise InvalidInput([Problem(f"{id} is no decision of a gate; use the id of one.", "INVALID_INPUT")])
        return found

    def promote(self, of: str, environment: str) -> Json:
        """Let a version into an environment.

        Raises GateBlocked where its gate does not say PASSED; the extensions of the problem hold `outcome`, `rules`,
        and the id of the `decision`, which is on record.
        """
        return self._ask("Promote", {"of": of, "environment": environment}, "promote")

    def probes(self, of: str) -> list[Json]:
        """List what to attack a version with, and what came of it."""
        found: Any = self._ask("Probes", {"of": of}, "probes")
        return list(found)

    def documentation_drift(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the versions whose documentation has drifted; `filter` is a ModelVersionFilter."""
        return self._connection("DocumentationDrift", {"filter": filter}, "documentationDrift", None, limit)[1]

    # ------------------------------------------------------------ transport

    def _connection(
        self, operation: str, variables: Mapping[str, Any], field: str, inner: str | None, limit: int | None
    ) -> tuple[Json, Connection]:
        """Return a field's first answer and the connection that it is, or that its field `inner` is."""

        def ask(first: int, after: str | None) -> Json:
            return self._ask(operation, {**variables, "first": first, "after": after}, field)

        def page(answer: Json) -> Page:
            return answer[inner] if inner else answer

        answer = ask(page_size(limit), None)
        return answer, Connection(page(answer), lambda first, after: page(ask(first, after)), limit)

    def _ask(self, operation: str, variables: Mapping[str, Any], field: str, progress: Progress | None = None) -> Json:
        """Send an operation and return the one field that it asks for."""
        given = {name: value for name, value in variables.items() if value is not None}
        body = {"query": _saved(operation), "operationName": operation, "variables": given}
        try:
            data = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        except ValueError as error:
            message = "NaN and infinity cannot be sent; leave them out, or send them as text."
            raise InvalidInput([Problem(message, "INVALID_INPUT")]) from error
        answer = self._answer(self._post(data, progress))
        if field not in answer or answer[field] is None:
            raise self._unintelligible(f"left {field} out of its answer")
        result: Json = answer[field]
        return result

    def _post(self, data: bytes, progress: Progress | None) -> httpx2.Response:
        try:
            return self._http.post(
                f"{self.url}/graphql",
                content=data if progress is None else _chunks(data, progress),
                headers={"Content-Length": str(len(data))},
            )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise Unreachable.because(f"{self._place()} is no address; write it like {DEFAULT_URL}.") from error
        except httpx2.ConnectError as error:
            message = f"Nobody answers at {self._place()}; start `descentd serve`, or set DESCENT_URL to where it runs."
            raise Unreachable.because(message) from error
        except httpx2.TimeoutException as error:
            message = (
                f"{self._place()} did not answer in time; try again, with a longer timeout if the manifest is large."
            )
            raise Unreachable.because(message) from error
        except httpx2.RequestError as error:
            message = (
                f"The connection to {self._place()} broke off ({error}); try again: registering twice adds nothing."
            )
            raise Unreachable.because(message) from error

    def _answer(self, response: httpx2.Response) -> Json:
        try:
            answer = response.json()
        except ValueError as error:
            raise self._unintelligible(f"answered {response.status_code} without GraphQL") from error
        if isinstance(answer, dict) and answer.get("errors"):
            raise refusal([_problem(error) for error in answer["errors"]])
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict) or response.status_code != httpx2.codes.OK:
            raise self._unintelligible(f"answered {response.status_code} without GraphQL")
        return data

    def _unintelligible(self, what: str) -> Unintelligible:
        return Unintelligible.because(
            f"{self._place()} {what}; check that DESCENT_URL is the address of a Descent server."
        )

    def _place(self) -> str:
        """Return the address without the password that it may hold."""
        scheme, slashes, rest = self.url.partition("//")
        return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


@cache
def _saved(operation: str) -> str:
    return resources.files("descent").joinpath("operations", f"{operation}.graphql").read_text("utf-8")


def _chunks(data: bytes, progress: Progress) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]
        progress(min(start + _CHUNK, len(data)), len(data))


def _problem(error: Any) -> Problem:
    extensions = error.get("extensions") or {}
    return Problem(
        message=str(error.get("message", "The registry refused without a reason.")),
        code=extensions.get("code"),
        field=extensions.get("field"),
        extensions=extensions,
    )
