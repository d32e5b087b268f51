"""The operations of a registry as methods of a Python class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.answers import Tabular
from descent.connection import Connection
from descent.errors import InvalidInput, NotFound, Problem
from descent.transport import Json, Progress, Transport


@dataclass(frozen=True)
class Impact(Tabular):
    """What is affected: exact counts by record kind, and the affected records in order of distance."""

    counts: dict[str, int]
    affected: Connection

    def _items(self) -> Iterable[Mapping[str, Any]]:
        return self.affected

    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        return self.affected._first_items()


@dataclass(frozen=True)
class Exposure(Tabular):
    """Which versions learned from a population: exact counts of the three verdicts, and the requested versions.

    `near` are documented values that differ from those asked for by case or compatibility forms only, each with its
    `attribute`, `value` and number of `partitions`.
    """

    counts: dict[str, int]
    versions: Connection
    near: Sequence[Json] = ()

    def _items(self) -> Iterable[Mapping[str, Any]]:
        return self.versions

    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        return self.versions._first_items()


@dataclass(frozen=True)
class Kinship(Tabular):
    """The versions that share tensors with a version, which has so many `tensors` of `size` bytes to compare."""

    tensors: int
    size: int
    versions: Connection

    def _items(self) -> Iterable[Mapping[str, Any]]:
        return self.versions

    def _first_items(self) -> tuple[Iterable[Mapping[str, Any]], int | None]:
        return self.versions._first_items()


class Client(Transport):
    """A connection to one registry; a context manager, not to be shared between threads.

    Answers are dicts with the field names of GraphQL, which draw themselves in a notebook and have `rows()`,
    `to_pandas()`, `to_polars()` and `to_networkx()`. Every method raises Unreachable if no server answers,
    Unintelligible if the server is not a Descent server, and a subclass of Refused, one for each error code, if the
    registry refuses.
    """

    # ------------------------------------------------------------ register

    def register(self, manifest: Mapping[str, Any], progress: Progress | None = None) -> Json:
        """Register a manifest (ManifestInput with the field names of GraphQL), all of it or nothing.

        Returns `created` and `existing` (counts), and `records` (id, ref and kind of each, in the manifest's order).
        """
        return self._ask("Register", {"manifest": manifest}, "register", progress)

    # ------------------------------------------------------------ look up

    def entity(self, ref: str, *, as_of: str | None = None) -> Json:
        """Return all that is recorded about one record, as the operation Entity selects it."""
        return self._ask("Entity", {"ref": ref, "asOf": as_of}, "entity")

    def model_versions(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List model versions in the order of their registration; `filter` is a ModelVersionFilter."""
        return self._connection("ModelVersions", {"filter": filter}, "modelVersions", None, limit)[1]

    def search(self, text: str, *, kinds: Sequence[str] | None = None, limit: int | None = 100) -> Connection:
        """Find records by name, by the beginning of a digest, or by words in their notes and profiles."""
        return self._connection("Search", {"text": text, "kinds": kinds}, "search", None, limit)[1]

    def population_vocabulary(self) -> dict[str, dict[str, int]]:
        """Return the documented populations: attribute, value, and the number of partitions with that value."""
        entries: Any = self._ask("PopulationVocabulary", {}, "populationVocabulary")
        return {entry["attribute"]: {v["value"]: v["partitions"] for v in entry["values"]} for entry in entries}

    def history(self, of: str, *, limit: int | None = 100) -> Connection:
        """List the log entries about a record, in the order of the log."""
        return self._connection("History", {"of": of}, "history", None, limit)[1]

    def proof(self, of: str, *, size: int | None = None) -> Json:
        """Return the proof that a record is among the first `size` log entries (None: all).

        `proofs.check_proof` checks it.
        """
        return self._ask("Proof", {"of": of, "size": size}, "proof")

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

        With `evidence`, evaluations of affected versions or on affected data count as affected, and so do the
        statements that cite them.
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

        `population` maps attributes to values. A partition matches if it has, for every attribute, any of the values.
        Without `verdicts`, versions with the verdicts TRAINED and UNKNOWN are returned.
        """
        terms = [{"attribute": attribute, "values": list(values)} for attribute, values in population]
        variables = {"population": {"all": terms}, "verdicts": verdicts, "filter": filter, "asOf": as_of}
        answer, versions = self._connection("TrainedOn", variables, "trainedOn", "versions", limit)
        counts = {entry["verdict"]: entry["count"] for entry in answer["counts"]}
        return Exposure(counts, versions, answer.get("near", ()))

    def paths(self, ancestor: str, descendant: str, *, limit: int | None = None) -> Json:
        """Return derivations from an ancestor to a descendant; `count`, a decimal string, is exact."""
        return self._ask("Paths", {"from": ancestor, "to": descendant, "first": limit}, "paths")

    def kin(self, of: str, *, limit: int | None = 100, as_of: str | None = None) -> Kinship:
        """Return the versions that share tensors with a version, undeclared ones first, then by how many they share."""
        answer, versions = self._connection("Kin", {"of": of, "asOf": as_of}, "kin", None, limit)
        return Kinship(answer["tensors"], answer["size"], versions)

    # ------------------------------------------------------------ safety over lineage

    def evaluations(self, of: str, *, limit: int | None = 100) -> Connection:
        """List the evaluations of a version in the order of the log; retracted and contaminated ones are marked."""
        return self._connection("Evaluations", {"of": of}, "evaluations", None, limit)[1]

    def trend(
        self,
        of: str,
        metric: str,
        *,
        slice: Sequence[tuple[str, str]] | None = None,
        since: str | None = None,
    ) -> Json:
        """Return a metric along the first parents: `metric` (its definition), and a series for each protocol and slice.

        `slice` lists attributes and values; None means every slice, and () only results about all people or items.
        """
        terms = None if slice is None else [{"attribute": attribute, "value": value} for attribute, value in slice]
        return self._ask("Trend", {"of": of, "metric": metric, "slice": terms, "since": since}, "trend")

    def erosion(self, of: str, *, since: str | None = None, alpha: float | None = None) -> Json:
        """Return whether a version's safety got worse along its ancestry: `verdict` and `findings`."""
        return self._ask("Erosion", {"of": of, "since": since, "alpha": alpha}, "erosion")

    def erosions(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the versions of the whole registry whose safety eroded, worst first; `filter` is an ErosionFilter."""
        return self._connection("Erosions", {"filter": filter}, "erosions", None, limit)[1]

    def erosion_groups(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the derivations that made versions of the registry less safe, each once, worst first."""
        return self._connection("ErosionGroups", {"filter": filter}, "erosionGroups", None, limit)[1]

    def diff(self, base: str, head: str, *, attributes: Sequence[str] | None = None) -> Json:
        """Return how two versions differ, and for whom; `attributes` limits it to populations and slices of these."""
        given = None if attributes is None else list(attributes)
        return self._ask("Diff", {"base": base, "head": head, "attributes": given}, "diff")

    # ------------------------------------------------------------ governance

    def gate(self, of: str, environment: str) -> Json:
        """Return whether a version may be promoted to an environment, and each rule's outcome; nothing is recorded."""
        return self._ask("Gate", {"of": of, "environment": environment}, "gate")

    def policies(self, environment: str | None = None, *, history: bool = False, limit: int | None = 100) -> Connection:
        """List the policies in force, or with `history` all that ever were in force, in the order of the log."""
        variables = {"environment": environment, "history": history}
        return self._connection("Policies", variables, "policies", None, limit)[1]

    def policy_trial(self, policy: str, name: str = "policy") -> Json:
        """Check a policy (the YAML text of its file): return environment, digest, and whether it is in force.

        Raises InvalidInput for an invalid policy, with one line NAME:LINE: REASON for each problem.
        """
        return self._ask("PolicyTrial", {"policy": policy, "name": name}, "policyTrial")

    def policy_outcomes(
        self, policy: str, of: Sequence[str] | None = None, *, name: str = "policy", limit: int | None = 100
    ) -> Connection:
        """List what a policy would decide for the versions `of`, or for all: version, outcome and rules of each."""
        variables = {"policy": policy, "name": name, "of": None if of is None else list(of)}
        return self._connection("PolicyOutcomes", variables, "policyTrial", "outcomes", limit)[1]

    def gate_decision(self, id: str) -> Json:
        """Return a recorded decision of a gate, and its outcome when it is evaluated again (`replay`).

        `id` is the id of the decision, or of the promotion that was recorded with it.
        """
        found = self._ask("GateDecision", {"decision": id}, "entity")
        if "decision" in found:
            found = self._ask("GateDecision", {"decision": found["decision"]["id"]}, "entity")
        if "replay" not in found:
            raise InvalidInput(
                [
                    Problem(
                        f"{id} is not the decision of a gate: give the id of a decision or of a promotion.",
                        "INVALID_INPUT",
                    )
                ]
            )
        return found

    def promote(self, of: str, environment: str) -> Json:
        """Promote a version to an environment.

        Raises GateBlocked unless the outcome of its gate is PASSED; the extensions of the problem have `outcome`,
        `rules`, and the id of the `decision`, which is recorded.
        """
        return self._ask("Promote", {"of": of, "environment": environment}, "promote")

    def me(self) -> Json:
        """Return the person of the token, its roles, and the sections of a manifest that it may register."""
        return self._ask("Me", {}, "me")

    def probes(self, of: str) -> list[Json]:
        """List the probes that a version has to pass, with the result of each."""
        found: Any = self._ask("Probes", {"of": of}, "probes")
        return list(found)

    def documentation_drift(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the versions whose safety profile is missing or not current; `filter` is a ModelVersionFilter."""
        return self._connection("DocumentationDrift", {"filter": filter}, "documentationDrift", None, limit)[1]

    # ------------------------------------------------------------ decisions

    def review(self, input: Mapping[str, Any]) -> Json:
        """Decide on a version for an environment; `input` is a ReviewInput."""
        return self._ask("Review", {"input": input}, "review")

    def flag(self, input: Mapping[str, Any]) -> Json:
        """Flag records, or clear flags; `input` is a FlagInput."""
        return self._ask("Flag", {"input": input}, "flag")

    def retract(self, input: Mapping[str, Any]) -> Json:
        """Retract records, which stay in the registry and are marked; `input` is a RetractionInput."""
        return self._ask("Retract", {"input": input}, "retract")

    # ------------------------------------------------------------ production

    def serving(
        self, environment: str | None = None, endpoint: str | None = None, *, at: str | None = None
    ) -> list[Json]:
        """List the versions that serve now, or that served at a moment."""
        variables = {"environment": environment, "endpoint": endpoint, "at": at}
        found: Any = self._ask("Serving", variables, "serving")
        return list(found)

    def trace(self, environment: str, endpoint: str, *, at: str | None = None) -> Json:
        """Return all that is needed to reproduce a decision that was made at an endpoint, now or at a moment.

        That is the answer of the operation Trace about the version that served, and with it `then`: the version as it
        was recorded at that moment, None if it was recorded later. Raises NotFound if no version served.
        """
        variables = {"environment": environment, "endpoint": endpoint, "at": at}
        found: Any = self._ask("Trace", variables, "serving")
        if not found:
            when = f" at {at}" if at else ""
            advice = " ".join(self.warnings) or "`descent serving` lists what serves."
            message = f"Nothing served at {endpoint} in {environment}{when}: {advice}"
            raise NotFound([Problem(message, "NOT_FOUND")])
        [one] = found
        try:
            return {**one, "then": self.entity(one["version"]["id"], as_of=at)}
        except NotFound:
            return {**one, "then": None}

    def deploy(self, input: Mapping[str, Any]) -> Json:
        """Record that a promoted version serves; `input` is a DeploymentInput.

        Raises GateBlocked if it is not promoted there, is flagged, or no longer passes its gate.
        """
        return self._ask("Deploy", {"input": input}, "deploy")

    def end_deployment(self, input: Mapping[str, Any]) -> Json:
        """Record that a deployment at an endpoint has ended; `input` is an EndDeploymentInput."""
        return self._ask("EndDeployment", {"input": input}, "endDeployment")

    def incidents(self, of: str | None = None, *, limit: int | None = 100) -> Connection:
        """List the incidents whose version or cause is a record, or all incidents."""
        return self._connection("Incidents", {"of": of}, "incidents", None, limit)[1]

    def report_incident(self, input: Mapping[str, Any]) -> Json:
        """Record that something went wrong; `input` is an IncidentInput."""
        return self._ask("ReportIncident", {"input": input}, "reportIncident")

    def resolve_incident(self, input: Mapping[str, Any]) -> Json:
        """Record that an incident is over; `input` is a ResolutionInput."""
        return self._ask("ResolveIncident", {"input": input}, "resolveIncident")
