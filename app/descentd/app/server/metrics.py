"""The metrics for Prometheus. Several workers write theirs to files, and the one that is asked adds them up."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from typing_extensions import override

from descentd.graph.model.errors import Code
from descentd.graph.store.operational import DeliveryState

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The measures of one server. Label values come from fixed sets, so that nobody can make them grow."""

    def __init__(self, fields: Iterable[str], routes: Iterable[str], *, shared: bool) -> None:
        self._registry = CollectorRegistry()
        self._shared = shared
        self._fields = frozenset(fields)
        self._routes = frozenset(routes)
        self._requests = Counter(
            "descent_http_requests", "HTTP requests by route and status.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "descent_operation_seconds",
            "Time to answer a GraphQL operation, by the root field that it asks for.",
            ["field"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._errors = Counter("descent_errors", "Errors given to clients, by code.", ["code"], registry=self._registry)
        self._deliveries = Counter(
            "descent_delivery_attempts",
            "Attempts to deliver to destinations, by what became of the delivery.",
            ["state"],
            registry=self._registry,
        )
        self._sequence = Gauge(
            "descent_log_sequence",
            "The newest record that was seen.",
            registry=self._registry,
            multiprocess_mode="max",
        )
        self._assessed = Gauge(
            "descent_assessed_sequence",
            "The newest record that the list of eroded versions takes into account, in the worker that looked last.",
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )

    def operation(self, fields: Sequence[str]) -> str:
        """The label of an operation with these root fields: `entity` for `Query.entity`, `several` for more than one.

        It is `other` for fields that the schema does not define, for example `__typename`.
        """
        if len(fields) > 1:
            return "several"
        name = "".join(fields).partition(".")[2]
        return name if name in self._fields else "other"

    def answered(self, label: str | None, seconds: float) -> None:
        """Count an operation that took so many seconds; `label` is what `operation` gave, None where none was found."""
        self._seconds.labels(label or "other").observe(seconds)

    def requested(self, path: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(path if path in self._routes else "other", str(status)).inc()

    def refused(self, codes: Iterable[str]) -> None:
        """Count errors."""
        for code in codes:
            self._errors.labels(Code(code).value).inc()

    def delivered(self, state: DeliveryState) -> None:
        """Count an attempt to deliver."""
        self._deliveries.labels(state.value).inc()

    def reached(self, sequence: int) -> None:
        """Set the newest sequence of the log."""
        self._sequence.set(sequence)

    def assessed(self, sequence: int) -> None:
        """Set the sequence up to which the list of eroded versions is complete."""
        self._assessed.set(sequence)

    def response(self) -> Response:
        """All of it in Prometheus's text format."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            _Workers(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Workers(MultiProcessCollector):
    """What all workers counted, but for a file that is empty yet: its worker has just begun, or was killed at that."""

    @override
    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in Path(self._path).glob("*.db") if file.stat().st_size]
        found: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return found
