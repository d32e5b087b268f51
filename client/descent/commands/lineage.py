"""`descent lineage`, `impact` and `paths`: which records were derived from which."""

from typing import Annotated, Any

import typer

from descent import console
from descent.options import All, AsOf, First, Kinds, Output, Session, Url, limit_of, upper

Ref = Annotated[
    str, typer.Argument(metavar="REF", help="model:NAME@VERSION, dataset:NAME@VERSION#PARTITION, or an id.")
]


def lineage(
    context: typer.Context,
    ref: Ref,
    ancestors: Annotated[bool, typer.Option("--ancestors", help="Only ancestors.")] = False,
    descendants: Annotated[bool, typer.Option("--descendants", help="Only descendants.")] = False,
    both: Annotated[bool, typer.Option("--both", help="Ancestors and descendants; the default.")] = False,
    depth: Annotated[
        int | None, typer.Option("--depth", metavar="N", min=0, help="At most so many derivations away.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many records.")] = None,
    as_of: AsOf = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show the ancestors and descendants of a record, nearest first."""
    session = Session.of(context, url, output)
    direction = "BOTH" if both or ancestors == descendants else "ANCESTORS" if ancestors else "DESCENDANTS"
    with session.client() as client:
        graph = client.lineage(ref, direction, depth=depth, limit=limit, as_of=as_of)
    if session.json:
        console.print_json(graph)
    else:
        _print_graph(graph)
    if not graph["complete"]:
        console.say(f"{len(graph['nodes'])} of {graph['totalCount']} records; --depth and --limit show more.")


def _print_graph(graph: dict[str, Any]) -> None:
    nodes = {node["node"]["id"]: node for node in graph["nodes"]}
    links: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in graph["edges"]:
        source, target = nodes[edge["source"]], nodes[edge["target"]]
        # Each edge is shown once, at the end that is farther from the record in question.
        how = " (disclosed)" if edge.get("disclosed") else ""
        if target["distance"] > source["distance"]:
            links[edge["target"]].append(f"←{edge['role']}- {source['ref']}{how}")
        else:
            links[edge["source"]].append(f"-{edge['role']}→ {target['ref']}{how}")
    rows = [(n["distance"], n["kind"], n["ref"], console.several(links[n["node"]["id"]])) for n in graph["nodes"]]
    console.print_table(("distance", "kind", "ref", "edge"), rows)


def impact(
    context: typer.Context,
    refs: Annotated[
        list[str], typer.Argument(metavar="REF", help="The causes; everything that any of them affects is listed.")
    ],
    kinds: Kinds = None,
    first: First = 100,
    everything: All = False,
    as_of: AsOf = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Evaluations of affected versions too.")] = False,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show what records affect, each affected record with the derivation that proves it."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.impact(
            refs, kinds=upper(kinds), limit=limit_of(first, everything), as_of=as_of, evidence=evidence
        )
        edges = list(found.affected)
    if session.json:
        counts = [{"kind": kind, "count": count} for kind, count in found.counts.items()]
        console.print_json({"counts": counts, "totalCount": found.affected.total, "affected": edges})
    else:
        console.print_table(("affected", "kind"), [(count, kind) for kind, count in found.counts.items()])
        console.print_line()
        rows = [(e["distance"], e["node"]["kind"], _with_place(e["node"]), console.derivation(e["via"])) for e in edges]
        console.print_table(("distance", "kind", "ref", "derivation"), rows)
    console.say_rest(len(edges), found.affected.total)


def _with_place(node: dict[str, Any]) -> str:
    if "endpoint" not in node:
        return str(node["ref"])
    until = f" until {node['until']}" if node["until"] else ""
    claimed = ", claimed" if node["claimed"] else ""
    if claimed and node["until"] == node["since"]:
        until, claimed = "", ", claimed, does not count"
    return f"{node['ref']} ({node['environment']}, {node['endpoint']}, since {node['since']}{until}{claimed})"


def paths(
    context: typer.Context,
    ancestor: Annotated[str, typer.Argument(metavar="FROM", help="The ancestor.")],
    descendant: Annotated[str, typer.Argument(metavar="TO", help="The descendant.")],
    first: First = 10,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show the derivations that lead from an ancestor to a descendant."""
    session = Session.of(context, url, output)
    with session.client() as client:
        found = client.paths(ancestor, descendant, limit=first)
    if session.json:
        console.print_json(found)
        return
    console.print_line(f"{found['count']} {'derivation' if found['count'] == '1' else 'derivations'}")
    for path in found["paths"]:
        console.print_item(console.derivation(path["steps"]))
    if not found["complete"]:
        console.say(f"{len(found['paths'])} of {found['count']}; --first shows more.")
