"""`descent review`, `flag` and `retract`: what people decide about records."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.formatting import noun
from descent.options import Key, Output, Reason, Session, Source, Url, claim, given, moment_after

Refs = Annotated[list[str], typer.Argument(metavar="REF", help="The records.")]


class Decision(StrEnum):
    """The decision of a reviewer."""

    GO = "go"
    NO_GO = "no-go"
    ABSTAIN = "abstain"


class Part(StrEnum):
    """The part of records that is retracted."""

    EVALUATOR = "evaluator"


class Action(StrEnum):
    """What a flag demands; CLEAR ends flags."""

    REVIEW = "review"
    QUARANTINE = "quarantine"
    DECOMMISSION = "decommission"
    CLEAR = "clear"


def review(
    context: typer.Context,
    ref: Ref,
    decision: Annotated[Decision, typer.Argument(metavar="go|no-go|abstain", help="Your decision.")],
    environment: Annotated[
        str, typer.Option("--environment", "-e", metavar="NAME", help="The environment that you decide for.")
    ],
    reason: Reason,
    conditions: Annotated[
        list[str] | None,
        typer.Option("--condition", metavar="TEXT", help="A condition of the decision; may be repeated."),
    ] = None,
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            "--evidence", metavar="ID", help="A record that you rely on; may be repeated.  [default: all evidence]"
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="MOMENT",
            help="When it expires: a moment, or 30d, 12h, 45m.  [default for go: 90d]",
        ),
    ] = None,
    claimed_by: Annotated[
        str | None,
        typer.Option(
            "--claimed-by",
            metavar="PERSON",
            help="Who made this decision elsewhere, earlier; it does not count for the quorum.",
        ),
    ] = None,
    source: Source = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Decide whether a version may serve in an environment, on the present evidence.

    A GO becomes void when the evidence or the policy changes; a NO_GO stays until you decide again.
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
    """Write how many people said GO, and how many are needed if a policy demands any."""
    reached, needed = quorum["reached"], quorum["needed"]
    if needed == 0:
        return f"{reached} {noun(reached, 'person', 'people')} said GO, and no GO is needed"
    return f"{reached} of {needed} {noun(needed, 'person', 'people')} said GO"


def flag(
    context: typer.Context,
    refs: Refs,
    action: Annotated[Action, typer.Option("--action", help="What the flag demands; clear ends flags.")],
    reason: Reason,
    propagate: Annotated[
        bool, typer.Option("--propagate", help="Flag all descendants too, present and future ones.")
    ] = False,
    clears: Annotated[
        list[str] | None, typer.Option("--clears", metavar="ID", help="With clear: only this flag; may be repeated.")
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
        typer.Option("--part", help="Only this part: the evaluator that evaluations name. For admins."),
    ] = None,
    key: Key = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Retract records: they stay, marked as retracted, and no answer relies on them from now on.

    A retraction can be retracted too: then its records are valid again.
    """
    session = Session.of(context, url, output)
    asked = {"subjects": refs, "reason": reason, "part": part.name if part else None, "idempotencyKey": key}
    with session.client() as client:
        done = client.retract(given(asked))
        console.warn(*client.warnings)
    if session.json:
        console.print_json(done)
        return
    console.print_line(f"Retracted: {', '.join(refs)}, {done['id']}")
    print_affected(done["affected"])


def print_affected(counts: list[dict[str, Any]]) -> None:
    """Print how many records of each kind are affected."""
    if counts:
        console.print_table(("affected", "kind"), [(one["count"], one["kind"]) for one in counts])
