"""Running a probe: a command that reads its task from environment variables and prints results to stdout."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from descent.errors import DescentError, InvalidManifest, Problem

MOST: Final = 16 * 1024 * 1024
"""The most bytes that a command may print to stdout."""

Json = dict[str, Any]


_SECRET: Final = frozenset({"DESCENT_TOKEN", "DESCENT_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"})
"""Variables that let whoever reads them act as this process."""


class ProbeFailed(DescentError):
    """The command of a probe failed, did not end in time, or did not print results in the expected form."""


def environment(version: str, found: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment for a probe's command: that of this process without the token, and the probe."""
    probe = found["probe"]
    inherited = {name: value for name, value in os.environ.items() if name not in _SECRET}
    return inherited | {
        "DESCENT_VERSION": version,
        "DESCENT_VULNERABILITY": found["vulnerability"]["id"],
        "DESCENT_SUITE": probe["suite"]["name"],
        "DESCENT_SUITE_VERSION": probe["suite"]["version"],
        "DESCENT_SUITE_CONFIG": json.dumps(probe["suite"]["config"]),
        "DESCENT_DATA": probe["data"]["ref"] if probe["data"] else "",
        "DESCENT_METRIC": probe["metric"],
        "DESCENT_SLICE": json.dumps({part["attribute"]: part["value"] for part in probe["slice"]}),
        "DESCENT_THRESHOLD": repr(probe["threshold"]),
    }


def run(version: str, found: Mapping[str, Any], timeout: float) -> Json:
    """Run the command of a probe in a shell, and return the manifest of its results.

    The command inherits stderr. Raises ProbeFailed; after a timeout, the command's whole process group is killed first.
    """
    command = found["probe"]["command"]
    process = subprocess.Popen(  # noqa: S602 - the command is shown first, and run only with --exec
        command, shell=True, stdout=subprocess.PIPE, env=environment(version, found), start_new_session=True
    )
    try:
        answer, _ = process.communicate(timeout=timeout)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ProbeFailed.because(f"It did not end within {timeout:g} seconds, and was killed.") from error
        raise
    if process.returncode != 0:
        raise ProbeFailed.because(f"It ended with {process.returncode}.")
    if len(answer) > MOST:
        raise ProbeFailed.because(f"It printed {len(answer):,} bytes, more than {MOST:,}.")
    return manifest(version, found["probe"], answer)


def manifest(version: str, probe: Mapping[str, Any], answer: bytes) -> Json:
    """Return the manifest, with GraphQL names, of the results that a command printed; raises ProbeFailed.

    A command prints JSON: a number; `{"value": …}` with `n` and `stderr` if known; `{"metrics": […]}`; or a whole
    manifest of evaluations. Version, suite, data, metric, slice and time that are left out are those of the probe, and
    now. Another version or suite than that of the probe is refused.
    """
    try:
        given = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ProbeFailed.because("Its stdout is not JSON: print nothing but results there.") from error
    asked = {"name": probe["suite"]["name"], "version": probe["suite"]["version"]}
    if probe["suite"]["config"] is not None:
        asked["config"] = probe["suite"]["config"]
    usual: Json = {"subject": version, "suite": asked}
    if probe["data"]:
        usual["data"] = probe["data"]["ref"]
    now = {"evaluatedAt": datetime.now(UTC).isoformat()}
    evaluations = [usual | ({} if "evaluated_at" in one else now) | one for one in _evaluations(given, probe)]
    for one in evaluations:
        if one["subject"] != version or one["suite"] != asked:
            raise ProbeFailed.because(
                f"Its results are for {one['subject']} in {one['suite']}, which is not what the probe asks for."
            )
    try:
        written = json.dumps({"evaluations": evaluations}, allow_nan=False).encode()
        from descent.manifest import parse_manifest  # here, because most commands read no manifest

        return parse_manifest(written, "the answer", "json").content
    except InvalidManifest as error:
        raise ProbeFailed(
            [Problem(problem.message, problem.code, problem.field) for problem in error.problems]
        ) from error
    except ValueError as error:
        raise ProbeFailed.because("A result is NaN or infinite: leave it out, or correct the probe.") from error


def _evaluations(given: Any, probe: Mapping[str, Any]) -> list[Json]:
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = {"value": given}
    match given:
        case {"evaluations": [_, *_]} if len(given) == 1 and all(isinstance(one, dict) for one in given["evaluations"]):
            return list(given["evaluations"])
        case {"metrics": [_, *_]}:
            return [given]
        case {"value": _}:
            slice = {part["attribute"]: part["value"] for part in probe["slice"]}
            return [{"metrics": [{"name": probe["metric"], "slice": slice} | given]}]
        case _:
            raise ProbeFailed.because('Expected a number, {"value": …} or {"metrics": […]} on its stdout.')
