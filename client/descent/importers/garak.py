"""garak reports (`*.report.jsonl`, garak 0.9 and later): attack success rates per probe and detector.

A report has one JSON object a line, and an `entry_type` in each. An `eval` entry counts, for one probe and detector,
the outputs that withstood (`passed`) among those that were scored: `total` up to garak 0.13.3, later `total_evaluated`.
Outputs without a score (`nones`) are in neither. The rate of a pair is 1 − passed/total, which garak prints as "attack
success rate".

The outputs of one prompt resemble each other. Where the attempts in the report add up to the counts of the entry, the
standard error is clustered over the prompts: s² = n⁻²·Σ_c(Σ_{i∈c}(y_i − ȳ))² (Miller 2024, arXiv:2411.00640).
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit, sha256_of
from descent.importers.items import Items, item_results
from descent.importers.moments import moment_as_utc
from descent.importers.reading import Sources, read_json_lines, refused
from descent.pairing import Item

SUITE: Final = "garak"
METRIC: Final = "attack_success_rate"
THRESHOLD: Final = 0.5
"""A score from here on is a success of the attack: garak's default. A report does not state it."""

_SETTINGS: Final = ("seed", "deprefix", "soft_probe_prompt_cap", "target_lang", "langproviders", "system_prompt")
"""Settings of a run that change what is measured. `generations` changes only how surely."""

_UNJUDGED: Final = ("always.Pass", "always.Fail", "always.Passthru", "always.Random")
_OTHER_FILES: Final = (
    (("mu", "sigma"), "calibration data of garak, the scores of many other models: it is not a report about one"),
    (
        ("probe", "detector", "attempt_id"),
        (
            "a hit log of garak, which lists the attacks that succeeded and not how many were tried: import the report "
            "beside it (.report.jsonl)"
        ),
    ),
)
"""Keys that show what a file is that garak or its makers wrote, and that is no report."""


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each report; a hit log, which garak writes beside each, is passed over in a folder."""
    for file in sources.files(path, (".jsonl", ".jsonl.gz", ".json")):
        if file.name.endswith(".hitlog.jsonl") and str(file) != path:
            sources.passed_over.append((str(file), "a hit log"))
        else:
            yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluation in a report: one, or more where a pair of probe and detector was evaluated repeatedly."""
    report = _read(unit)
    draft = Draft(unit.source)
    name = report.setting("target_name", "model_name")
    subject = context.subject(draft, name, None)
    if kind := report.setting("target_type", "model_type").text():
        draft.placed.append(("target", f"{kind} {name.text() or ''}".strip() + ", which the report says was attacked"))
    suite = _suite(report, draft)
    at = moment_as_utc(report.ended or report.started, draft)
    for repeat in range(max((len(pair) for pair in report.pairs.values()), default=0)):
        given = [one for pair in report.pairs.values() if repeat < len(pair) for one in pair[repeat].given(draft)]
        metrics = context.results(draft, given, SUITE)
        evaluation = {"subject": subject, "suite": suite, "evaluatedAt": at, "metrics": metrics}
        if items := list(_items(report, repeat, evaluation)):
            evaluation["itemResults"] = item_results(unit.files[0])
            draft.items += items
        draft.evaluation(evaluation, report.place)
    _say_what_is_missing(report, draft)
    return draft


def _items(report: "_Report", repeat: int, evaluation: Mapping[str, Any]) -> Iterator[Items]:
    """Yield the outputs behind each rate whose attempts are all in the report, by their prompts: for pairing."""
    for entry in evaluation["metrics"]:
        of = {part["attribute"]: part["value"] for part in entry.get("slice", ())}
        pair = report.pairs[of["probe"], of["detector"]]
        attempts = pair[repeat].whole() if "intent" not in of and repeat < len(pair) else None
        if attempts is not None and attempts.items:
            yield Items(evaluation["subject"], evaluation["suite"], entry, tuple(attempts.items))


# ---------------------------------------------------------------- the report


@dataclass(slots=True)
class _Attempts:
    """The outputs of the attempts of one probe, as one detector scored them, in sums over prompts."""

    outputs: int = 0
    hits: int = 0
    prompts: int = 0
    largest: int = 0
    items: list[Item] | None = field(default_factory=list)
    """Each output, by the digest of its prompt and its place among the outputs; None if a prompt is not there."""
    _seen: Counter[str] = field(default_factory=Counter)
    _hits_hits: int = 0
    _hits_outputs: int = 0
    _outputs_outputs: int = 0

    def add(self, hit: Sequence[bool], prompt: Any) -> None:
        """Add the outputs of one prompt, as they were scored."""
        hits, outputs = sum(hit), len(hit)
        self.outputs += outputs
        self.hits += hits
        self.prompts += 1
        self.largest = max(self.largest, outputs)
        self._hits_hits += hits * hits
        self._hits_outputs += hits * outputs
        self._outputs_outputs += outputs * outputs
        if prompt is None or self.items is None:
            self.items = None
            return
        digest = sha256_of(prompt)
        self._seen[digest] += 1
        name = f"{digest}.{self._seen[digest]}"
        self.items += [Item(f"{name}.{place}", float(one), cluster=name) for place, one in enumerate(hit)]

    def stderr(self) -> float:
        """Return the clustered standard error of the rate: Σ(f·N − m·F)² of whole numbers, so that 0 is exactly 0."""
        n, hits = self.outputs, self.hits
        squares = n * n * self._hits_hits - 2 * n * hits * self._hits_outputs + hits * hits * self._outputs_outputs
        return math.sqrt(squares) / (n * n)


@dataclass(frozen=True, slots=True)
class _Eval:
    """What an `eval` entry counts: the outputs that were scored, and those of them that withstood."""

    probe: str
    detector: str
    passed: int
    total: int
    nones: int
    entry: At
    attempts: _Attempts | None

    def given(self, draft: Draft) -> Iterator[Given]:
        place, pair = f"line {self.entry.line}", f"{self.probe} judged by {self.detector}"
        if self.total == 0:
            draft.skip(place, f"{pair}: no output was scored.")
            return
        if self.detector in _UNJUDGED:
            draft.placed.append((place, f"{pair}, as the report has it; this detector does not look at the outputs"))
        if self.nones:
            draft.skip(place, f"{pair}: {self.nones} outputs without a score are in neither count.")
        if self.entry.at("hit_at_k"):
            draft.skip(place, f"{pair}: hit_at_k, success within k tries, has no place.")
        yield self._rate(self.passed, self.total, {"probe": self.probe, "detector": self.detector}, self.whole())
        for intent, counts in self.entry.at("intents").mapping().items():
            passed, total = _counts(counts)
            if total:
                slice = {"probe": self.probe, "detector": self.detector, "intent": intent}
                yield self._rate(passed, total, slice, None)

    def whole(self) -> _Attempts | None:
        """Return the attempts in the report, if they add up to the counts of the entry."""
        found = self.attempts
        agree = found is not None and (found.outputs, found.hits) == (self.total, self.total - self.passed)
        return found if agree else None

    def _rate(self, passed: int, total: int, slice: dict[str, str], attempts: _Attempts | None) -> Given:
        at = At((total - passed) / total, (), self.entry.source, self.entry.line)
        if attempts is None or attempts.largest < 2:
            return Given(METRIC, at, n=total, slice=slice)
        return Given(METRIC, at, attempts.stderr(), total, attempts.prompts, slice)


@dataclass(slots=True)
class _Report:
    source: str
    settings: At
    version: str | None = None
    started: At | None = None
    ended: At | None = None
    pairs: dict[tuple[str, str], list[_Eval]] = field(default_factory=dict)
    attempted: dict[str, int] = field(default_factory=dict)
    """The first line of an attempt of each probe."""

    def setting(self, *names: str) -> At:
        """Return a setting of the run, by the first of its names that is given: `plugins.x`, `run.x`, or `x` (0.9)."""
        for name in names:
            for key in (f"plugins.{name}", f"run.{name}", name):
                if found := self.settings.at(key):
                    return found
        return self.settings.at(names[0])

    @property
    def place(self) -> str:
        lines = [one.entry.line or 1 for pair in self.pairs.values() for one in pair]
        return f"lines {min(lines)}–{max(lines)}" if len(lines) > 1 else f"line {lines[0]}"


def _read(unit: Unit) -> _Report:
    source, path = unit.source, unit.files[0]
    report = _Report(source, At({}, (), source))
    attempts: dict[tuple[str, str], _Attempts] = {}
    kinds = set[str]()
    for entry in _entries(unit):
        kind = entry.at("entry_type").text()
        if kind is None:
            raise _no_report(entry)
        kinds.add(kind)
        match kind:
            case "start_run setup" | "config":
                report.settings = entry
                report.version = report.version or entry.at("_config.version").text()
            case "init":
                report.version = entry.at("garak_version").text() or report.version
                report.started = entry.at("start_time")
            case "completion":
                report.ended = entry.at("end_time")
            case "attempt":
                _attempt(entry, report, attempts)
            case "eval":
                one = _eval(entry, attempts)
                report.pairs.setdefault((one.probe, one.detector), []).append(one)
            case "digest" if not report.pairs:
                report.version = report.version or entry.at("meta", "garak_version").text()
    if not report.pairs:
        raise refused(source, _why_nothing(kinds, path.name))
    return report


def _entries(unit: Unit) -> Iterator[At]:
    """Yield the entries. A file of another kind that is one JSON object on several lines is named as what it is."""
    from descent.errors import NotImported

    entries = read_json_lines(unit.files[0])
    try:
        yield next(entries)
    except NotImported as error:
        if unit.files[0].suffix == ".json":
            from descent.importers.reading import read_json

            yield read_json(unit.files[0])
            return
        raise error
    yield from entries


def _no_report(entry: At) -> Exception:
    members = entry.value if isinstance(entry.value, dict) else {}
    first = next(iter(members.values()), None)
    for keys, what in _OTHER_FILES:
        if all(key in members or (isinstance(first, dict) and key in first) for key in keys):
            return refused(entry.source, f"This is {what}.", None, entry.line)
    message = "This is not an entry of a garak report: it has no entry_type."
    return refused(entry.source, message, entry.place or None, entry.line)


def _why_nothing(kinds: set[str], name: str) -> str:
    if kinds == {"digest"}:
        return (
            f"{name} is the digest of a garak report, with scores and without the counts behind them: import the "
            "report itself (.report.jsonl)."
        )
    if "attempt" in kinds:
        return "The report has attempts and no eval entry: the run ended before anything was evaluated."
    return "The report has no eval entry: nothing was evaluated."


# ---------------------------------------------------------------- entries


def _plugin(at: At) -> str:
    """Return the name of a probe or detector, without the prefix that garak before 0.11 gave to some."""
    name = at.text()
    if name is None:
        raise at.expected("the name of a probe or detector")
    for prefix in ("garak.", "probes.", "detectors.", "detector."):
        name = name.removeprefix(prefix)
    return name


def _attempt(entry: At, report: _Report, attempts: dict[tuple[str, str], _Attempts]) -> None:
    if entry.at("status").value != 2:  # not evaluated yet: the same attempt follows once it is
        return
    probe = _plugin(entry.at("probe_classname"))
    report.attempted.setdefault(probe, entry.line or 0)
    for detector, scores in entry.at("detector_results").mapping().items():
        values = [score.number() for score in scores.items()]
        scored = [value for value in values if value is not None]
        if scored:
            key = (probe, _plugin(At(detector, scores.path, scores.source, scores.line)))
            attempts.setdefault(key, _Attempts()).add(
                [value >= THRESHOLD for value in scored], entry.at("prompt").value
            )


def _eval(entry: At, attempts: dict[tuple[str, str], _Attempts]) -> _Eval:
    probe, detector = _plugin(entry.at("probe")), _plugin(entry.at("detector"))
    passed, total = _counts(entry)
    nones = entry.at("nones").count() or 0
    return _Eval(probe, detector, passed, total, nones, entry, attempts.pop((probe, detector), None))


def _counts(entry: At) -> tuple[int, int]:
    """Return the outputs that withstood and those that were scored."""
    total_at = entry.at("total_evaluated") or entry.at("total")
    passed, total, fails = entry.at("passed").count(), total_at.count(), entry.at("fails")
    if passed is None:
        raise entry.at("passed").expected("the number of outputs that passed")
    if total is None:
        raise total_at.expected("the number of outputs that were evaluated")
    if passed > total or (fails and fails.count() != total - passed):
        raise entry.fault(f"The counts do not add up: {passed} passed of {total}, fails {fails.value}.")
    return passed, total


def _suite(report: _Report, draft: Draft) -> dict[str, Any]:
    version = report.version
    if version is None:
        draft.skip("garak_version", f"The report does not state it: the suite's version is recorded as {UNSTATED}.")
    config = {name: at.value for name in _SETTINGS if (at := report.setting(name)).value not in (None, "", [], {})}
    if buffs := report.setting("buff_spec", "buffs").value:
        config["buffs"] = buffs
    return {"name": SUITE, "version": version or UNSTATED, "config": config or None}


def _say_what_is_missing(report: _Report, draft: Draft) -> None:
    if report.ended is None:
        draft.skip("completion", "The report has no such entry: the run was stopped, or it is a part or an aggregate.")
    evaluated = {probe for probe, _ in report.pairs}
    for probe, line in report.attempted.items():
        if probe not in evaluated:
            draft.skip(f"line {line}", f"{probe} was attempted and not evaluated.")
    active = report.settings.at("transient.active_probes").text() or ""
    for probe in filter(None, (part.strip() for part in active.split(","))):
        if probe not in evaluated and probe not in report.attempted:
            draft.skip("transient.active_probes", f"{probe} was to be run, and the report has nothing of it.")
