"""`descent policies` and `descent policy check`: what is in force, and what another policy would decide."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from descent import console
from descent.client import Client
from descent.options import Output, Session, Url

policy = typer.Typer(no_args_is_help=True, help="Try a policy before it is in force.")

_INVALID, _BLOCKED, _INCOMPLETE = 1, 3, 4
_OUTCOMES: Final = ("PASSED", "BLOCKED", "INCOMPLETE")


@policy.callback()
def _policy() -> None:
    """Try a policy before it is in force."""


@policy.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy, in YAML.", exists=True, dir_okay=False)],
    against: Annotated[
        list[str] | None, typer.Option("--against", metavar="VERSION", help="What it would decide of this; repeats.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="What it would decide of every version.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Say whether a policy is valid and, with --against or --all, what it would decide; nothing is recorded.

    A GO that was given under another policy counts as void, as it would be then. Exits with 0 where it is valid and all
    PASSED, 1 where it is invalid, 3 where something is BLOCKED, else 4 where something is INCOMPLETE.
    """
    if against and everything:
        raise typer.BadParameter("--all tries every version: leave out --against, or leave out --all.")
    session = Session.of(context, url, output)
    text = _text(file)
    counts: Counter[str] = Counter()
    with session.client() as client:
        found = client.policy_trial(text, str(file))
        asked = against or everything
        for edge in _outcomes(client, text, file, against) if asked else ():
            counts[edge["node"]["outcome"]] += 1
            _print_outcome(edge["node"], as_json=session.json)
    if session.json:
        console.print_json({**found, "counts": {outcome: counts[outcome] for outcome in _OUTCOMES}})
    else:
        state = "in force already" if found["inForce"] else "not in force"
        console.print_line(f"{file} is valid: for {found['environment']}, {state}, digest {found['digest']}")
        if asked:
            console.print_line(", ".join(f"{counts[outcome]:,} {outcome}" for outcome in _OUTCOMES))
    if counts["BLOCKED"]:
        raise typer.Exit(_BLOCKED)
    if counts["INCOMPLETE"]:
        raise typer.Exit(_INCOMPLETE)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        console.warn(f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8.")
        raise typer.Exit(_INVALID) from error


def _outcomes(client: Client, text: str, file: Path, against: list[str] | None) -> Iterator[dict[str, Any]]:
    return iter(client.policy_outcomes(text, against, name=str(file), limit=None))


def _print_outcome(found: dict[str, Any], *, as_json: bool) -> None:
    """Write what it would decide of one version, and why where it does not pass."""
    if as_json:
        console.print_json(found)
        return
    console.print_line(f"{found['outcome']}: {found['version']['ref']}")
    for rule in found["rules"]:
        if rule["outcome"] != "PASSED":
            saw = f" (saw: {rule['saw']})" if rule["saw"] and rule["saw"].lower() not in rule["message"].lower() else ""
            console.print_line(f"  {rule['name']} {rule['outcome']}: {rule['message']}{saw}")


def policies(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="NAME", help="Only the policy of this environment.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Those that are no longer in force too.")] = False,
    text: Annotated[bool, typer.Option("--text", help="As the text of a file that has its meaning.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show the policies in force: what each demands, in words or with --text as a file, and since when."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = [edge["node"] for edge in client.policies(environment, history=history, limit=None)]
    if session.json:
        console.print_json(found)
    elif text:
        console.print_line("---\n".join(one["text"] for one in found).rstrip("\n"))
    else:
        _print(found)


def _print(found: Iterable[dict[str, Any]]) -> None:
    for one in found:
        state = "in force" if one["inForce"] else "no longer in force"
        people = f"{one['quorum']} GO needed" if one["quorum"] else "no GO needed"
        recorded = f"recorded {one['recordedAt']} by {one['recordedBy']}"
        console.print_line(f"{one['environment']}: {state}, {recorded}; {people}")
        console.print_line(f"  digest {one['digest']}, record {one['id']}")
        for rule in one["rules"]:
            console.print_line(f"  {rule['name']}: {rule['message'] or rule['expression']}")
