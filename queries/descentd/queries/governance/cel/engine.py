"""The CEL library, in a process of its own: `python -m descentd.queries.governance.cel.engine`, which `sandbox` starts.

The library cannot be told to stop: nested macros over what evaluators registered take time to the power of their
depth, texts that are added to themselves take all memory, and deep nesting overflows its stack. So each job has an
allowance of processor time, after which the system ends this process, and the process has a limit of memory.

A job is a pickled mapping, an answer a line of JSON.
"""

import json
import pickle
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

from descentd.queries.governance.cel.vacuity import Monitor, nonempty, with_extremes

MEMORY: Final = 256 << 20
"""Bytes of address space that the process may have beside what it has when it begins."""
HEAD: Final = struct.Struct(">I")
"""What precedes a job: its size in bytes."""
_LONGEST: Final = 10_000
"""Characters of a value that is sent back as it is."""


class Undecided(Exception):
    """An expression came to an error instead of a value; `mistaken` where no evidence at all would make it one."""

    mistaken = False


def compile_all(texts: Sequence[str]) -> dict[str, Any]:
    """The functions and variables of the first of some expressions, or the `error` where one does not compile."""
    try:
        first, *_ = [_program(text) for text in texts]
    except Exception as error:
        return {"error": str(error) or type(error).__name__}
    return {"functions": first.functions(), "variables": first.variables()}


def evaluate(text: str, parts: Sequence[str], choices: Sequence[str], variables: Mapping[str, Any]) -> object:
    """What an instrumented expression comes to.

    Raises Undecided where it comes to an error, or to anything but false while nothing that it speaks of was there.
    """
    monitor = Monitor(choices)
    metrics = variables.get("metrics")
    if choices and isinstance(metrics, Mapping):
        variables = {**variables, "metrics": with_extremes(metrics)}
    context = _library().Context(dict(variables), {**monitor.functions(), "has": _has})
    for part in parts:
        if part != text:
            _notice(part, context, monitor)
    try:
        value = _run(text, context)
    except Undecided as error:
        raise Undecided(monitor.reasons[0] if monitor.reasons else str(error)) from None
    if monitor.reasons and value is not False:
        raise Undecided(monitor.reasons[0])
    return value


def evaluate_as_first(text: str, variables: Mapping[str, Any]) -> object:
    """What an expression came to in the first edition of the gate; raises Undecided where it came to an error."""
    return _run(text, _library().Context(dict(variables), {"nonempty_": nonempty, "has": _has}))


_JOBS: Final[Mapping[str, Callable[..., object]]] = {"evaluate": evaluate, "evaluate_as_first": evaluate_as_first}


def answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a job, as `sandbox` reads it."""
    if job["do"] == "compile":
        return compile_all(job["given"][0])
    try:
        value = _JOBS[job["do"]](*job["given"])
    except Undecided as error:
        return {"undecided": str(error), "mistaken": error.mistaken}
    except RecursionError:
        return {"undecided": "it is nested too deeply", "mistaken": True}
    return {"value": value}


def serve(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer jobs until there are no more."""
    _library()
    with suppress(ValueError, OSError):  # not every system says what there is, or limits it
        most = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is ended leaves no copy of its memory
    while len(head := jobs.read(HEAD.size)) == HEAD.size:
        job = pickle.loads(jobs.read(HEAD.unpack(head)[0]))  # noqa: S301 - from the server that started this process
        begin = time.process_time()
        # Whoever uses more is ended by the signal, whatever the library is doing.
        signal.setitimer(signal.ITIMER_PROF, job["allowance"])
        answered = _as_json(answer(job))
        signal.setitimer(signal.ITIMER_PROF, 0)
        used = json.dumps(time.process_time() - begin)
        answers.write(f'{{"used":{used},"answer":{answered}}}\n'.encode())
        answers.flush()


def _as_json(answer: Mapping[str, Any]) -> str:
    """An answer as JSON; a value that is too long, or that JSON does not have, as its kind alone."""
    with suppress(TypeError, ValueError, RecursionError):
        text = json.dumps(answer)
        if "value" not in answer or len(text) <= _LONGEST:
            return text
    return json.dumps({"value": f"a {type(answer['value']).__name__}"})


def _has(version: Mapping[str, Any], part: str) -> bool:
    """Whether a version's own record holds a part: `version.has("code")`."""
    return part in version["parts"]


def _notice(part: str, context: Any, monitor: Monitor) -> None:
    """Ask a part by itself, of which the whole might not ask."""
    try:
        _run(part, context)
    except Undecided as error:
        monitor.reasons.append(str(error))


def _run(source: str, context: Any) -> object:
    try:
        return _program(source).execute(context)
    except Exception as error:
        text = str(error)
        undecided = Undecided(_explained(error, text))
        undecided.mistaken = text.startswith(("Undefined", "Unsupported operation"))
        raise undecided from None


def _explained(error: Exception, text: str) -> str:
    """What an error of the engine means to who wrote the rule."""
    if isinstance(error, KeyError):
        name = str(error.args[0])
        return f'there is no {name} where it looks for one: ask first whether it is there, "{name}" in …'
    if text.startswith("No such overload"):
        return "it compares or asks something that is null, or of another type: write … != null && before it"
    if text.startswith("Undefined variable or function: '"):
        return f"{text.split(chr(39))[1]} cannot be called like that: check what it is given"
    return first_line(text) or type(error).__name__


def first_line(text: str) -> str:
    """The first sentence of a message of the library."""
    return text.split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0].strip().rstrip(".")


@lru_cache(maxsize=4096)
def _program(source: str) -> Any:
    return _library().compile(source)


@cache
def _library() -> Any:
    return import_module("cel")


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
