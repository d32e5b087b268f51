"""`descent policies` and `descent policy check`: the policies in force, and what another policy would decide."""

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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.", exists=True, dir_okay=False)],
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="VERSION", help="Show the decision for this version; may be repeated."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show the decision for every version.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Say whether a policy is valid and, with --against or --all, what it would decide; nothing is recorded.

    A GO that was given under another policy counts as void, as it would if this policy were in force. Exits with 1 if
    the policy is invalid or you may not try it, with 3 if a version is BLOCKED, else with 4 if one is INCOMPLETE, else
    with 0.
    """
    if against and everything:
        raise typer.BadParameter("Give either --against or --all, not both.")
    session = Session.of(context, url, output)
    text = _text(file)
    counts: Counter[str] = Counter()
    outcomes: list[dict[str, Any]] = []
    with session.client() as client:
        found = client.policy_trial(text, str(file))
        asked = against or everything
        for edge in _outcomes(client, text, file, against) if asked else ():
            counts[edge["node"]["outcome"]] += 1
            if session.json:
                outcomes.append(edge["node"])
            else:
                _print_outcome(edge["node"])
    if session.json:
        counted = {outcome: counts[outcome] for outcome in _OUTCOMES}
        console.print_json({**found, "counts": counted, "outcomes": outcomes})
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
        console.warn(f"{file}: byte {error.start} is not UTF-8: save the file as UTF-8.")
        raise typer.Exit(_INVALID) from error


def _outcomes(client: Client, text: str, file: Path, against: list[str] | None) -> Iterator[dict[str, Any]]:
    return iter(client.policy_outcomes(text, against, name=str(file), limit=None))


def _print_outcome(found: dict[str, Any]) -> None:
    """Print what the policy would decide for one version, and the reasons if it does not pass."""
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
    history: Annotated[bool, typer.Option("--history", help="Policies that are no longer in force too.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Print each policy as a YAML file.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show the policies in force: the rules of each, in words or with --text as a file, and when it was recorded."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = [edge["node"] for edge in client.policies(environment, history=history, limit=None)]
    if session.json:
        console.print_json(found)
    elif text:
        for i, one in enumerate(found):
            console.print_line(("---\n" if i else "") + one["text"].rstrip("\n"))
    else:
        _print(found)
    if not found:
        place = f" for {environment}" if environment else ""
        console.say(f"No policy is in force{place}: `descentd policies apply FOLDER` puts those of a folder in force.")


def _print(found: Iterable[dict[str, Any]]) -> None:
    for one in found:
        state = "in force" if one["inForce"] else "no longer in force"
        people = f"{one['quorum']} GO needed" if one["quorum"] else "no GO needed"
        recorded = f"recorded {one['recordedAt']} by {one['recordedBy']}"
        console.print_line(f"{one['environment']}: {state}, {recorded}; {people}")
        console.print_line(f"  digest {one['digest']}, record {one['id']}")
        for rule in one["rules"]:
            console.print_line(f"  {rule['name']}: {rule['message'] or rule['expression']}")
