"""A state machine that registers, repeats, contradicts and reopens, with plain dicts beside it.

The dicts follow the rules of registering by themselves, for manifests of a few shapes: what is new, what is there
already, and what is refused. After every step the store must hold exactly what they say, and never has anything that
was recorded become different.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Code, DescentError, Invalid
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.registration.register import register
from descentd.graph.store.base import Store
from descentd.graph.store.committer import Committer
from descentd.graph.verify import verify

Result = TypeVar("Result")
Manifest = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "Überblick"])
VERSIONS = st.sampled_from(["1", "2", "1.9", "beta"])
NUMBERS = st.integers(1, 3)
TEXTS = st.sampled_from(["One.", "Two."])


@dataclass
class Expected:
    """What must be there. Things are told apart by what they were made of, not by ids."""

    labels: dict[str, object] = field(default_factory=dict)
    """What each label stands for."""
    builds: dict[tuple[str, object], str] = field(default_factory=dict)
    """The label of each build of a name."""
    versions: dict[str, list[str]] = field(default_factory=dict)
    """The versions of each name, oldest first."""
    others: set[object] = field(default_factory=set)
    """Configs, notes and evaluations."""
    described: dict[str, list[object]] = field(default_factory=dict)
    """Profiles of each version and populations of each partition, oldest first."""
    outdated: set[str] = field(default_factory=set)
    """Versions that evidence was recorded about since they were last described."""

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.labels) + len(self.others) + sum(map(len, self.described.values()))


class AsyncMachine(RuleBasedStateMachine):
    """A state machine with an event loop of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()

    def run(self, work: Awaitable[Result]) -> Result:
        """What comes of waiting for something."""

        async def waiting() -> Result:
            return await work

        return self._loop.run(waiting())


class StoreMachine(AsyncMachine):
    """Drives one store. A subclass says in `prepare` how to make one, open or not, on data that start out empty."""

    prepare: ClassVar[Callable[[], Callable[[], Store]]]
    """Makes the place for one run, and returns what makes a handle on it."""

    def __init__(self) -> None:
        super().__init__()
        self._expected = Expected()
        self._entries: list[Entry] = []
        self._sent: list[Manifest] = []

    @initialize()
    def begin(self) -> None:
        self._handle = type(self).prepare()
        self._store = self._handle()
        self.run(self._store.open())

    def teardown(self) -> None:
        """Close what is open."""
        try:
            if hasattr(self, "_store"):
                assert self.run(verify(self._store)).problem is None
                self.run(self._store.close())
        finally:
            self._loop.close()

    def send(self, manifest: Manifest) -> int:
        """How many records a manifest added."""

        async def registered() -> int:  # it is submitted at the call, which takes the loop that runs
            done = await register(Committer(self._store), ManifestInput.read(manifest), "tess")
            return len(done.created)

        return self.run(registered())

    def refused(self, manifest: Manifest, code: Code) -> None:
        """Send what must be refused with one problem."""
        try:
            self.send(manifest)
        except DescentError as error:
            problems = error.problems if isinstance(error, Invalid) else (error,)
            assert [problem.code for problem in problems] == [code], problems
        else:
            raise AssertionError(f"{manifest} was not refused")

    def _models(self) -> list[str]:
        return sorted(label for label in self._expected.labels if label.startswith("model:"))

    def _partitions(self) -> list[str]:
        return sorted(label for label in self._expected.labels if "#" in label)

    @staticmethod
    def _some(draw: st.DataObject, labels: Sequence[str]) -> list[str]:
        return draw.draw(st.lists(st.sampled_from(labels), max_size=2, unique=True)) if labels else []

    @rule(name=NAMES, version=VERSIONS | st.none(), config=NUMBERS, draw=st.data())
    def register_a_version(self, name: str, version: str | None, config: int, draw: st.DataObject) -> None:
        parents = self._some(draw, self._models())
        learned = sorted(self._some(draw, self._partitions()))
        given = {
            "name": name,
            "version": version,
            "config": {"n": config},
            "parents": [{"ref": ref, "relation": "MERGE"} for ref in parents],
            "trainedOn": [{"ref": ref, "role": "TRAIN"} for ref in learned],
        }
        manifest = {"models": [given]}
        build = (config, tuple(parents), tuple(learned))
        expected = self._expected
        known = expected.builds.get((name, build))
        if version is None and known is None:
            version = self._next(name)
        label = known if version is None else f"model:{name}@{version}"
        if label in parents and given["version"] is not None:
            self.refused(manifest, Code.CYCLE)
        elif expected.labels.get(str(label), build) != build or (known is not None and known != label):
            self.refused(manifest, Code.VERSION_CONFLICT)
        else:
            new = 0
            if known is None:
                new = 1 + (("config", config) not in expected.others)
                expected.labels[str(label)] = build
                expected.builds[name, build] = str(label)
                expected.versions.setdefault(name, []).append(str(version))
                expected.others.add(("config", config))
            assert self.send(manifest) == new
            self._sent.append(manifest)

    def _next(self, name: str) -> str:
        """The highest by its numbers, of equal ones the last, counted up to the first that is free."""
        taken = self._expected.versions.get(name, [])
        numbers = [([int(part) for part in version.split(".") if part.isdigit()], i) for i, version in enumerate(taken)]
        highest = taken[max(numbers)[1]] if taken else "0"
        head, dot, last = highest.rpartition(".")
        if not last.isdigit():
            head, dot, last = highest, ".", "0"
        number = int(last) + 1
        while f"{head}{dot}{number}" in taken:
            number += 1
        return f"{head}{dot}{number}"

    @rule(name=NAMES, version=VERSIONS, digests=st.lists(NUMBERS, max_size=2))
    def register_a_dataset(self, name: str, version: str, digests: Sequence[int]) -> None:
        label = f"dataset:{name}@{version}"
        parts = [{"name": f"p{i}", "digest": f"sha256:{number:064x}"} for i, number in enumerate(digests)]
        manifest = {"datasets": [{"name": name, "version": version, "partitions": parts}]}
        content = tuple(digests)
        if self._expected.labels.get(label, content) != content:
            self.refused(manifest, Code.VERSION_CONFLICT)
            return
        new = 0 if label in self._expected.labels else 1 + len(parts)
        self._expected.labels[label] = content
        self._expected.labels |= {f"{label}#p{i}": number for i, number in enumerate(digests)}
        assert self.send(manifest) == new
        self._sent.append(manifest)

    @precondition(lambda self: self._models())
    @rule(draw=st.data(), text=TEXTS, value=NUMBERS)
    def say_something(self, draw: st.DataObject, text: str, value: int) -> None:
        subject = draw.draw(st.sampled_from(self._models()))
        suite = {"name": "s", "version": "1"}
        result = {"name": "accuracy", "value": value / 4}
        notes, results = draw.draw(st.booleans()), draw.draw(st.booleans())
        manifest = {
            "notes": [{"subject": subject, "author": "ann", "text": text}] if notes else [],
            "evaluations": [{"subject": subject, "suite": suite, "metrics": [result]}] if results else [],
        }
        said: set[object] = {("note", subject, text)} if notes else set()
        said |= {("evaluation", subject, value)} if results else set()
        new = said - self._expected.others
        self._expected.others |= new
        if any(isinstance(one, tuple) and one[0] == "evaluation" for one in new):
            self._expected.outdated.add(subject)
        assert self.send(manifest) == len(new)
        self._sent.append(manifest)

    @precondition(lambda self: self._models())
    @rule(draw=st.data(), text=TEXTS)
    def describe_a_version(self, draw: st.DataObject, text: str) -> None:
        subject = draw.draw(st.sampled_from(self._models()))
        profile = {"intendedUse": text, "mustNotDo": ["Harm."]}
        said = self._expected.described.setdefault(subject, [])
        new = not said or said[-1] != text or subject in self._expected.outdated
        said += [text] if new else []
        self._expected.outdated.discard(subject)
        assert self.send({"safetyProfiles": [{"subject": subject, "profile": profile}]}) == new

    @precondition(lambda self: self._partitions())
    @rule(draw=st.data(), share=st.sampled_from([0.25, 0.5, 1.0]))
    def document_a_partition(self, draw: st.DataObject, share: float) -> None:
        subject = draw.draw(st.sampled_from(self._partitions()))
        said = self._expected.described.setdefault(subject, [])
        new = not said or said[-1] != share
        said += [share] if new else []
        shares = [{"attribute": "age", "value": "65+", "share": share}]
        statement = {"subject": subject, "populationDocumented": "COMPLETE", "population": shares, "reason": "Counted."}
        assert self.send({"populations": [statement]}) == new

    @precondition(lambda self: self._sent)
    @rule(draw=st.data())
    def repeat(self, draw: st.DataObject) -> None:
        """Whatever was accepted once adds nothing the next time."""
        assert self.send(draw.draw(st.sampled_from(self._sent))) == 0

    @rule()
    def send_what_is_half_wrong(self) -> None:
        """A new version and, beside it, a note on nothing: neither is recorded."""
        wrong = {"subject": "model:nobody@1", "author": "ann", "text": "Who?"}
        fresh = {"name": "fresh", "version": "1", "config": {"n": 99}}
        self.refused({"models": [fresh], "notes": [wrong]}, Code.UNKNOWN_REFERENCE)

    @rule()
    def reopen(self) -> None:
        self.run(self._store.close())
        self._store = self._handle()
        self.run(self._store.open())

    @rule()
    def verified(self) -> None:
        report = self.run(verify(self._store))
        assert (report.records, report.problem) == (self._expected.count, None)

    @invariant()
    def everything_is_there_as_it_was(self) -> None:
        if not hasattr(self, "_store"):
            return
        count = self.run(self._store.sequence())
        assert count == self._expected.count
        entries = self.run(self._store.entries(range(1, count + 1)))
        assert entries[: len(self._entries)] == self._entries
        assert len(entries) == count
        self._entries = entries
        assert {entry.record.label for entry in entries} - {None} == set(self._expected.labels)
        names = {entry.record.id for entry in entries} | set(self._expected.labels)
        assert set(self.run(self._store.resolve(names))) == names
        kinds = [entry.record.kind for entry in entries]
        assert kinds.count(Kind.MODEL_VERSION) == len(self._expected.builds)
