"""`descent review`, `flag` and `retract`: what people decide about records."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import Key, Output, Reason, Session, Source, Url, claim, given, moment_after

Refs = Annotated[list[str], typer.Argument(metavar="REF", help="The records that are meant.")]


class Decision(StrEnum):
    """What a reviewer says."""

    GO = "go"
    NO_GO = "no-go"
    ABSTAIN = "abstain"


class Part(StrEnum):
    """The part of records that is retracted."""

    EVALUATOR = "evaluator"


class Action(StrEnum):
    """What a flag asks for, or that flags end."""

    REVIEW = "review"
    QUARANTINE = "quarantine"
    DECOMMISSION = "decommission"
    CLEAR = "clear"


def review(
    context: typer.Context,
    ref: Ref,
    decision: Annotated[Decision, typer.Argument(metavar="go|no-go|abstain", help="What you decide.")],
    environment: Annotated[str, typer.Option("--environment", "-e", metavar="NAME", help="Where it is to serve.")],
    reason: Reason,
    conditions: Annotated[
        list[str] | None, typer.Option("--condition", metavar="TEXT", help="What has to hold for it; repeats.")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", metavar="ID", help="What it rests on; all there is if not said.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="MOMENT",
            help="When it ends: a moment, or 30d, 12h, 45m; a go after 90 days if not said.",
        ),
    ] = None,
    claimed_by: Annotated[
        str | None,
        typer.Option("--claimed-by", metavar="PERSON", help="Who decided it elsewhere, before; counts to no quorum."),
    ] = None,
    source: Source = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Decide on a version for an environment, on the evidence as it is now.

    A go is void once the evidence or the policy changes; a no-go stands until you decide again.
    """
    session = Session.of(context, url, output)
    asked = {
        "subject": ref,
        "environment": environment,
        "decision": decision.name,
        "reason": reason,
        "conditions": conditions,
        "evidence": evidence,
        "expiresAt": None if expires is None else moment_after(expires),
        "claimed": claim(claimed_by, source),
        "idempotencyKey": key,
    }
    with session.client() as client:
        done = client.review(given(asked))
    if session.json:
        console.print_json(done)
        return
    quorum, people = done["quorum"], ", ".join(done["reviewers"]) or "nobody"
    until = f", until {done['expiresAt']}" if done["expiresAt"] else ""
    console.print_line(f"{done['decision']}: {ref} for {environment}{until}, {done['id']}")
    console.print_line(f"{_quorum(quorum)}: {people}")


def _quorum(quorum: dict[str, int]) -> str:
    """How many people say GO, of those that are needed, where any are."""
    reached, needed = quorum["reached"], quorum["needed"]
    if needed == 0:
        return f"{reached} {'person says' if reached == 1 else 'people say'} GO, and no GO is needed"
    return f"{reached} of {needed} people say GO"


def flag(
    context: typer.Context,
    refs: Refs,
    action: Annotated[Action, typer.Option("--action", help="What it asks for; clear ends flags.")],
    reason: Reason,
    propagate: Annotated[
        bool, typer.Option("--propagate", help="It reaches whatever descends from them, now and later.")
    ] = False,
    clears: Annotated[
        list[str] | None, typer.Option("--clears", metavar="ID", help="With clear: only these flags; repeats.")
    ] = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Flag records, and with --propagate what descends from them; or clear their flags.

    quarantine and decommission refuse promotion, deployment and review; review only shows.
    """
    session = Session.of(context, url, output)
    asked = {
        "subjects": refs,
        "action": action.name,
        "reason": reason,
        "propagate": propagate or None,
        "clears": clears,
        "idempotencyKey": key,
    }
    with session.client() as client:
        done = client.flag(given(asked))
    if session.json:
        console.print_json(done)
        return
    console.print_line(f"{done['action']}: {', '.join(refs)}, {done['id']}")
    print_affected(done["affected"])


def retract(
    context: typer.Context,
    refs: Refs,
    reason: Reason,
    part: Annotated[
        Part | None,
        typer.Option("--part", help="Only this part: that evaluations name an evaluator. For admins."),
    ] = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Retract records: they stay, marked, and nothing rests on them from now on.

    A retraction may be retracted in turn: then what it was about stands again.
    """
    session = Session.of(context, url, output)
    asked = {"subjects": refs, "reason": reason, "part": part.name if part else None, "idempotencyKey": key}
    with session.client() as client:
        done = client.retract(given(asked))
    if session.json:
        console.print_json(done)
        return
    console.print_line(f"Retracted: {', '.join(refs)}, {done['id']}")
    print_affected(done["affected"])


def print_affected(counts: list[dict[str, Any]]) -> None:
    """Write how many records of each kind are affected."""
    if counts:
        console.print_table(("affected", "kind"), [(one["count"], one["kind"]) for one in counts])
