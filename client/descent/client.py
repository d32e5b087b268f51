"""The operations of a registry, as Python calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.connection import Connection
from descent.errors import InvalidInput, NotFound, Problem
from descent.transport import Json, Progress, Transport


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


class Client(Transport):
    """A connection to one registry; a context manager, not to be shared between threads.

    Answers are dicts in GraphQL's names. Every call raises Unreachable where nobody answers, Unintelligible where
    something else does, and the subclass of Refused that belongs to the code where the registry says no.
    """

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

    def proof(self, of: str, *, size: int | None = None) -> Json:
        """Return the proof that a record is in the log of `size` entries (all); `proofs.check_proof` checks it."""
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

    def erosion_groups(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the derivations that made versions of the registry worse, each once, the worst first."""
        return self._connection("ErosionGroups", {"filter": filter}, "erosionGroups", None, limit)[1]

    def diff(self, base: str, head: str, *, attributes: Sequence[str] | None = None) -> Json:
        """Return how two versions differ, and for whom; `attributes` narrows it to populations and slices of these."""
        given = None if attributes is None else list(attributes)
        return self._ask("Diff", {"base": base, "head": head, "attributes": given}, "diff")

    # ------------------------------------------------------------ governance

    def gate(self, of: str, environment: str) -> Json:
        """Ask whether a version may be let into an environment; records nothing."""
        return self._ask("Gate", {"of": of, "environment": environment}, "gate")

    def policies(self, environment: str | None = None, *, history: bool = False, limit: int | None = 100) -> Connection:
        """List the policies in force, or with `history` all that ever were, in log order."""
        variables = {"environment": environment, "history": history}
        return self._connection("Policies", variables, "policies", None, limit)[1]

    def policy_trial(self, policy: str, name: str = "policy") -> Json:
        """Return what a policy (the YAML text of its file) is: environment, digest, and whether it is in force.

        Raises InvalidInput for one that would not be taken, with everything that is wrong as NAME:LINE: REASON.
        """
        return self._ask("PolicyTrial", {"policy": policy, "name": name}, "policyTrial")

    def policy_outcomes(
        self, policy: str, of: Sequence[str] | None = None, *, name: str = "policy", limit: int | None = 100
    ) -> Connection:
        """List what a policy would decide of versions, or of all there are: version, outcome and rules of each."""
        variables = {"policy": policy, "name": name, "of": None if of is None else list(of)}
        return self._connection("PolicyOutcomes", variables, "policyTrial", "outcomes", limit)[1]

    def gate_decision(self, id: str) -> Json:
        """Return a decision on record, and what it comes to when it is evaluated again (`replay`).

        `id` is that of the decision, or of the promotion that was recorded with it.
        """
        found = self._ask("GateDecision", {"decision": id}, "entity")
        if "decision" in found:
            found = self._ask("GateDecision", {"decision": found["decision"]["id"]}, "entity")
        if "replay" not in found:
            raise InvalidInput(
                [Problem(f"{id} is no decision of a gate; use the id of one, or of a promotion.", "INVALID_INPUT")]
            )
        return found

    def promote(self, of: str, environment: str) -> Json:
        """Let a version into an environment.

        Raises GateBlocked where its gate does not say PASSED; the extensions of the problem hold `outcome`, `rules`,
        and the id of the `decision`, which is on record.
        """
        return self._ask("Promote", {"of": of, "environment": environment}, "promote")

    def me(self) -> Json:
        """Say who asks, with which roles, and which sections of a manifest they may register."""
        return self._ask("Me", {}, "me")

    def probes(self, of: str) -> list[Json]:
        """List what to attack a version with, and what came of it."""
        found: Any = self._ask("Probes", {"of": of}, "probes")
        return list(found)

    def documentation_drift(self, filter: Mapping[str, Any] | None = None, *, limit: int | None = 100) -> Connection:
        """List the versions whose documentation has drifted; `filter` is a ModelVersionFilter."""
        return self._connection("DocumentationDrift", {"filter": filter}, "documentationDrift", None, limit)[1]

    # ------------------------------------------------------------ decisions

    def review(self, input: Mapping[str, Any]) -> Json:
        """Decide on a version for an environment; `input` is a ReviewInput."""
        return self._ask("Review", {"input": input}, "review")

    def flag(self, input: Mapping[str, Any]) -> Json:
        """Flag records, or clear flags; `input` is a FlagInput."""
        return self._ask("Flag", {"input": input}, "flag")

    def retract(self, input: Mapping[str, Any]) -> Json:
        """Retract records, which stay, marked; `input` is a RetractionInput."""
        return self._ask("Retract", {"input": input}, "retract")

    # ------------------------------------------------------------ production

    def serving(
        self, environment: str | None = None, endpoint: str | None = None, *, at: str | None = None
    ) -> list[Json]:
        """List what serves, or served at a moment."""
        variables = {"environment": environment, "endpoint": endpoint, "at": at}
        found: Any = self._ask("Serving", variables, "serving")
        return list(found)

    def trace(self, environment: str, endpoint: str, *, at: str | None = None) -> Json:
        """Return all that it takes to make a decision again that was made at an endpoint, now or at a moment.

        That is what the operation Trace says of what served, and beside it `then`, the version as it was on record at
        that moment: None where it was recorded only later. Raises NotFound where nothing served.
        """
        variables = {"environment": environment, "endpoint": endpoint, "at": at}
        found: Any = self._ask("Trace", variables, "serving")
        if not found:
            message = f"Nothing served at {endpoint} in {environment} {at or 'now'}: `descent serving` lists what did."
            raise NotFound([Problem(message, "NOT_FOUND")])
        [one] = found
        try:
            return {**one, "then": self.entity(one["version"]["id"], as_of=at)}
        except NotFound:
            return {**one, "then": None}

    def deploy(self, input: Mapping[str, Any]) -> Json:
        """Record that a promoted version serves; `input` is a DeploymentInput.

        Raises GateBlocked where it is not promoted there, is flagged, or its gate has closed since.
        """
        return self._ask("Deploy", {"input": input}, "deploy")

    def end_deployment(self, input: Mapping[str, Any]) -> Json:
        """Record that what serves at an endpoint ends; `input` is an EndDeploymentInput."""
        return self._ask("EndDeployment", {"input": input}, "endDeployment")

    def incidents(self, of: str | None = None, *, limit: int | None = 100) -> Connection:
        """List incidents about a record, as version or as cause, or all."""
        return self._connection("Incidents", {"of": of}, "incidents", None, limit)[1]

    def report_incident(self, input: Mapping[str, Any]) -> Json:
        """Record that something went wrong; `input` is an IncidentInput."""
        return self._ask("ReportIncident", {"input": input}, "reportIncident")

    def resolve_incident(self, input: Mapping[str, Any]) -> Json:
        """Record that an incident is over; `input` is a ResolutionInput."""
        return self._ask("ResolveIncident", {"input": input}, "resolveIncident")
