"""`descent probes`: the probes that a version has to pass, and running them."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from descent import console
from descent.client import Client
from descent.errors import DescentError, Forbidden, Problem
from descent.formatting import number, people, suite
from descent.options import Output, Session, Url
from descent.probing import ProbeFailed, run

RUN = "run"
RESULTS = "evaluations"
"""The section of a manifest that contains the results of probes."""


def probes(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="VERSION|run", help="The version whose probes are listed; or the word run, with --of."),
    ],
    of: Annotated[str | None, typer.Option("--of", metavar="VERSION", help="With run: the version.")] = None,
    execute: Annotated[
        bool, typer.Option("--exec", help="With run: execute the commands; without --exec they are only shown.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="With run: also probes that have a result already.")] = False,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", min=0.1, help="With run: the seconds that each command may take."),
    ] = 3600.0,
    url: Url = None,
    output: Output = None,
) -> None:
    """List the vulnerabilities that a version must be tested for, or run the tests: `descent probes run --of VERSION`.

    The commands come from the registry: read them before --exec. Results are registered as evaluations. Exits with 1
    if a command failed.
    """
    session = Session.of(context, url, output)
    if (what == RUN) != (of is not None):
        raise typer.BadParameter("List with `descent probes VERSION`; run with `descent probes run --of VERSION`.")
    with session.client() as client:
        found = client.probes(of or what)
        failed = 0
        if of is not None:
            wanted = _runnable(found, again=again)
            if execute and wanted:
                _check_may_register(client)
            failed = _run(client, of, wanted, timeout, execute=execute)
            found = client.probes(of) if execute else found
    if session.json:
        console.print_json(found)
    else:
        _print(found)
    if failed:
        raise typer.Exit(1)


def _check_may_register(client: Client) -> None:
    """Raise Forbidden if the results could not be registered: commands take long and may have permanent effects."""
    me = client.me()
    if RESULTS not in me["registers"]:
        message = (
            f"{me['person']} has the role {', '.join(me['roles'])}, and results of probes are registered by the role "
            "evaluator: nothing was run. Use a token that has it."
        )
        raise Forbidden([Problem(message, "FORBIDDEN")])


def _runnable(found: Sequence[dict[str, Any]], *, again: bool) -> list[dict[str, Any]]:
    wanted = [one for one in found if one["probe"] and (again or one["status"] == "NOT_RUN")]
    silent = sum(one["probe"]["command"] is None for one in wanted)
    if silent:
        come = (
            "probe comes without a command: run it by hand"
            if silent == 1
            else "probes come without a command: run them by hand"
        )
        console.warn(f"{silent} {come}, and register the results.")
    return [one for one in wanted if one["probe"]["command"] is not None]


def _run(client: Client, version: str, wanted: Sequence[dict[str, Any]], timeout: float, *, execute: bool) -> int:
    """Run the commands one after another, or show them; return the number of commands that failed."""
    failed = 0
    for i, one in enumerate(wanted, 1):
        console.say(f"{i}/{len(wanted)} {one['vulnerability']['title']}: {one['probe']['command']}")
        if not execute:
            continue
        try:
            done = client.register(run(version, one, timeout))
        except ProbeFailed as error:
            failed += 1
            for problem in error.problems:
                console.report(problem, one["vulnerability"]["title"])
        except DescentError as error:
            failed += 1
            console.report(error.problems[0], one["vulnerability"]["title"])
        else:
            console.say(f"{i}/{len(wanted)} registered {done['records'][0]['id']}")
    if wanted and not execute:
        console.say("Nothing was run. Add --exec to run these commands.")
    return failed


def _print(found: Sequence[dict[str, Any]]) -> None:
    headings = ("weakness", "severity", "on", "suite", "metric", "slice", "threshold", "status")
    console.print_table(headings, [_row(one) for one in found])


def _row(one: dict[str, Any]) -> tuple[str | None, ...]:
    told, probe = one["vulnerability"], one["probe"]
    asked: tuple[str | None, ...] = (None, None, None, None)
    if probe:
        asked = (suite(probe["suite"]), probe["metric"], people(probe["slice"]), number(probe["threshold"]))
    return (told["title"], told["severity"], told["on"]["ref"], *asked, one["status"])
