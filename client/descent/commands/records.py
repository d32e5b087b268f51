"""`descent search` and `descent show`: finding a record and reading it."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from descent import console
from descent.commands.lineage import Ref
from descent.options import All, AsOf, First, Kinds, Output, Session, Url, limit_of, upper
from descent.pages import print_page


def search(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A name, the beginning of a digest, or words.")],
    kinds: Kinds = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Find records by name, by the beginning of a digest, or by words in their notes and profiles."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.search(text, kinds=upper(kinds), limit=limit_of(first, everything))
        nodes = [edge["node"] for edge in found]
    if session.json:
        console.print_json({"totalCount": found.total, "records": nodes})
    else:
        console.print_table(("kind", "ref", "id"), [(node["kind"], node["ref"], node["id"]) for node in nodes])
        console.say_if_nothing(found.total)
    console.say_rest(len(nodes), found.total)


def show(
    context: typer.Context,
    ref: Ref,
    history: Annotated[bool, typer.Option("--history", help="Also the log entries about it, in order.")] = False,
    as_of: AsOf = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show all that is recorded about one record on one page."""
    session = Session.of(context, url, output)
    with session.client() as client:
        entity = client.entity(ref, as_of=as_of)
        entries = [edge["node"] for edge in client.history(ref, limit=None)] if history else None
    if session.json:
        console.print_json(entity if entries is None else {**entity, "history": entries})
        return
    print_page(entity)
    if entries is not None:
        _print_history(entries)


def _print_history(entries: Iterable[dict[str, Any]]) -> None:
    console.print_heading("History")
    rows = [
        (entry["recordedAt"], entry["recordedBy"], entry["kind"], entry["summary"], entry["id"]) for entry in entries
    ]
    console.print_table(("recorded", "by", "kind", "what", "record"), rows)
