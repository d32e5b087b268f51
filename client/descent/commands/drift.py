"""`descent drift`: versions whose documentation no longer says what is known."""

from typing import Annotated

import typer

from descent import console
from descent.options import All, First, Output, Session, Url, limit_of


def drift(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only versions of this model.")] = None,
    prefix: Annotated[
        str | None, typer.Option("--name-prefix", metavar="TEXT", help="Only models whose name begins so.")
    ] = None,
    derived_from: Annotated[
        str | None, typer.Option("--derived-from", metavar="REF", help="Only what descends from this version.")
    ] = None,
    serving_in: Annotated[
        str | None, typer.Option("--serving-in", metavar="NAME", help="Only what serves in this environment.")
    ] = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List versions whose safety profile is missing, stale, copied from a parent, or contradicted by results."""
    session = Session.of(context, url, output)
    given = {"name": name, "namePrefix": prefix, "derivedFrom": derived_from, "servingIn": serving_in}
    wanted = {key: value for key, value in given.items() if value is not None}
    with session.client() as client:
        found = client.documentation_drift(wanted or None, limit=limit_of(first, everything))
        edges = list(found)
    if session.json:
        console.print_json({"totalCount": found.total, "versions": edges})
    else:
        rows = [(edge["node"]["ref"], one["kind"], one["message"]) for edge in edges for one in edge["findings"]]
        console.print_table(("version", "finding", "message"), rows)
    console.say_rest(len(edges), found.total)
