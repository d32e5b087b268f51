"""`descent models`: the model versions of a registry, filtered."""

from typing import Annotated

import typer

from descent import console
from descent.options import (
    All,
    DerivedFrom,
    First,
    Name,
    NamePrefix,
    Output,
    ServingIn,
    Session,
    Url,
    given,
    limit_of,
    upper,
)


def models(
    context: typer.Context,
    name: Name = None,
    prefix: NamePrefix = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", metavar="STATUS,…", help="Only these verdicts: approved, rejected, unreviewed, flagged."
        ),
    ] = None,
    serving_in: ServingIn = None,
    derived_from: DerivedFrom = None,
    trained_on: Annotated[
        str | None, typer.Option("--trained-on", metavar="REF", help="Only versions that learned from this data.")
    ] = None,
    artifact: Annotated[
        str | None, typer.Option("--artifact", metavar="DIGEST", help="Only versions with an artifact of this digest.")
    ] = None,
    first: First = 100,
    everything: All = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """List model versions in the order of their registration."""
    session = Session.of(context, url, output)
    wanted = given(
        {
            "name": name,
            "namePrefix": prefix,
            "status": upper(status),
            "servingIn": serving_in,
            "derivedFrom": derived_from,
            "trainedOn": trained_on,
            "artifact": artifact,
        }
    )
    with session.client() as client:
        found = client.model_versions(wanted or None, limit=limit_of(first, everything))
        nodes = [edge["node"] for edge in found]
    if session.json:
        console.print_json({"totalCount": found.total, "versions": nodes})
    else:
        console.print_table(("version", "recorded"), [(node["ref"], node["recordedAt"]) for node in nodes])
        console.say_if_nothing(found.total)
    console.say_rest(len(nodes), found.total)
