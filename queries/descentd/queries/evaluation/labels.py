"""How versions, data and series are called in sentences, so that no two series look the same."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.identity import canonical, parse
from descentd.queries.evaluation.series import Protocol

NAMED: Final = 3
"""Of a long list, so many are named."""


@dataclass(frozen=True, slots=True)
class Names:
    """version: how a version is called; data: the ref of data with this id; protocols: all that an answer is about."""

    version: Callable[[int], str]
    data: Callable[[str], str]
    protocols: Collection[Protocol] = ()

    def series(self, protocol: Protocol) -> str:
        """A metric for whom, with whatever of suite, version, settings and data tells it from others of the answer."""
        terms = ", ".join(f"{attribute} {value}" for attribute, value in protocol.slice)
        called = f"{protocol.metric.name} for {terms}" if terms else protocol.metric.name
        apart = self.apart(protocol)
        return f"{called} ({apart})" if apart else called

    def apart(self, protocol: Protocol) -> str:
        """What tells a series from the others of its metric and slice: `pgd eps=8 on imagenet@1#val`; may be empty."""
        others = [
            other
            for other in self.protocols
            if (other.metric.name, other.slice) == (protocol.metric.name, protocol.slice) and other != protocol
        ]
        versions = any(other.suite_version != protocol.suite_version for other in others)
        configs = {other.suite_config for other in others} - {protocol.suite_config}
        parts = []
        if versions or configs or any(other.suite != protocol.suite for other in others):
            parts.append(protocol.suite)
        if versions:
            parts.append(protocol.suite_version)
        if configs:
            parts.append(_settings(protocol.suite_config, configs))
        if any(other.data != protocol.data for other in others):
            parts.append(f"on {self.on(protocol)}")
        if any(other.parts != protocol.parts for other in others):
            parts.append(made_from(protocol))
        return " ".join(parts)

    def on(self, protocol: Protocol) -> str:
        """The data of a series."""
        return "unnamed data" if protocol.data is None else self.data(protocol.data).removeprefix("dataset:")

    def versions(self, versions: Sequence[int]) -> str:
        """Some versions, a long list cut short."""
        return some([self.version(version) for version in versions])


def made_from(protocol: Protocol) -> str:
    """What a composite was made from, where another of its series was made from something else."""
    if protocol.metric.disparity_of is not None:
        return f"between {listed(protocol.parts)}" if protocol.parts else "as reported"
    return f"of {listed(protocol.parts or protocol.metric.worst_of)}"


def _settings(config: str, others: Collection[str]) -> str:
    """Those settings in which a suite's config differs from others, as `eps=8`."""
    if not config:
        return "without settings"
    own, rest = _parts(config), [_parts(other) for other in others]
    apart = [name for name, value in own.items() if any(name not in other or other[name] != value for other in rest)]
    missing = sorted({name for other in rest for name in other} - own.keys())
    return " ".join([*(f"{name}={own[name]}" for name in apart), *(f"without {name}" for name in missing if not apart)])


def _parts(config: str) -> dict[str, str]:
    given: Any = parse(config.encode()) if config else {}
    parts = given if isinstance(given, dict) else {"config": given}
    return {name: value if isinstance(value, str) else canonical(value).decode() for name, value in parts.items()}


def some(parts: Sequence[str]) -> str:
    """A list as text, only its beginning where it is long."""
    more = len(parts) - NAMED
    return listed([*parts[:NAMED], f"{more} more"] if more > 0 else parts)


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def number(value: float) -> str:
    """A number with the digits that tell something."""
    return f"{value:.4g}"


def percent(p: float) -> str:
    """A share in per cent."""
    return "less than 0.01 %" if p < 1e-4 else f"{100 * p:.2g} %"
