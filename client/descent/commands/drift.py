"""`descent drift`: versions whose safety profile is missing, copied, out of date or contradicted."""

import typer

from descent import console
from descent.options import All, DerivedFrom, First, Name, NamePrefix, Output, ServingIn, Session, Url, given, limit_of


def drift(
    context: typer.Context,
    name: Name = None,
    prefix: NamePrefix = None,
    derived_from: DerivedFrom = None,
    serving_in: ServingIn = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List versions whose safety profile is missing, stale, copied from a parent, or contradicted by results."""
    session = Session.of(context, url, output)
    wanted = given({"name": name, "namePrefix": prefix, "derivedFrom": derived_from, "servingIn": serving_in})
    with session.client() as client:
        found = client.documentation_drift(wanted or None, limit=limit_of(first, everything))
        edges = list(found)
    if session.json:
        console.print_json({"totalCount": found.total, "versions": edges})
    else:
        rows = [(edge["node"]["ref"], one["kind"], one["message"]) for edge in edges for one in edge["findings"]]
        console.print_table(("version", "finding", "message"), rows)
    console.say_rest(len(edges), found.total)
