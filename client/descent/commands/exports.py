"""`descent export`: what is recorded, in the formats of others."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from descent import console
from descent.client import Client
from descent.errors import DescentError
from descent.exporters.graph import Graph
from descent.formatting import noun
from descent.log import export_log, log_of
from descent.options import Output, Session, Url

exports = typer.Typer(no_args_is_help=True, help="Write recorded information to files for others.")

Version = Annotated[str | None, typer.Argument(metavar="[VERSION]", help="model:NAME@VERSION, or an id.")]
Everything = Annotated[bool, typer.Option("--all", help="Export everything that is recorded.")]
File = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write.  [default: stdout]")
]


class NotWritten(DescentError):
    """A file cannot be written."""


@exports.callback()
def _exports() -> None:
    """Write recorded information to files for others."""


@exports.command("ndjson")
def export_ndjson(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Export everything; the log is never exported in part.")],
    file: File = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Write the whole log, a record on each line, for `descentd import-log`.

    If the connection is lost, it goes on behind the last record; with --output also when the command is given again.
    """
    if not everything:
        raise typer.BadParameter("The log is exported whole: write --all.")
    with Session.of(context, url, output).client() as client:
        if file is None:
            for line in log_of(client):
                sys.stdout.buffer.write(line)
            return
        number = export_log(client, file)
    console.say(f"{file}: {number} {noun(number, 'record', 'records')}")


@exports.command("cyclonedx")
def export_cyclonedx(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write a CycloneDX 1.7 ML-BOM: model cards, pedigrees, data, vulnerabilities."""
    from importlib import metadata

    from descent.exporters.cyclonedx import as_cyclonedx

    def write(graph: Graph, client: Client) -> str:
        return as_cyclonedx(graph, client.me()["person"], metadata.version("descent-client"))

    _export(context, url, ref, file, write, everything=everything)


@exports.command("hf-card")
def export_hf_card(context: typer.Context, ref: Version = None, file: File = None, url: Url = None) -> None:
    """Write the model card of a version for Hugging Face (README.md)."""
    from descent.exporters.hf_card import as_hf_card

    _export(context, url, ref, file, lambda graph, _: as_hf_card(graph), everything=False)


@exports.command("intoto")
def export_intoto(
    context: typer.Context,
    key: Annotated[
        Path,
        typer.Option(
            "--signing-key", metavar="FILE", help="An Ed25519 private key: PKCS 8 in PEM, or of `descentd keygen`."
        ),
    ],
    ref: Version = None,
    everything: Everything = False,
    file: File = None,
    url: Url = None,
) -> None:
    """Write in-toto attestations: SLSA provenance, and results of gates; each in a signed DSSE envelope on a line."""
    from descent.exporters.intoto import as_intoto, read_key

    private = read_key(key)
    _export(context, url, ref, file, lambda graph, _: as_intoto(graph, private), everything=everything)


@exports.command("openlineage")
def export_openlineage(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write OpenLineage events, a run on each line."""
    from descent.exporters.openlineage import as_openlineage

    _export(context, url, ref, file, lambda graph, _: as_openlineage(graph), everything=everything)


@exports.command("prov")
def export_prov(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write W3C PROV in JSON."""
    from descent.exporters.prov import as_prov

    _export(context, url, ref, file, lambda graph, _: as_prov(graph), everything=everything)


@exports.command("graphml")
def export_graphml(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write GraphML, which networkx, Gephi and yEd read."""
    from descent.exporters.tables import as_graphml

    _export(context, url, ref, file, lambda graph, _: as_graphml(graph), everything=everything)


@exports.command("csv")
def export_csv(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write a table: a row for each record, with its links and its content as JSON."""
    from descent.exporters.tables import as_csv

    _export(context, url, ref, file, lambda graph, _: as_csv(graph), everything=everything)


@exports.command("dot")
def export_dot(
    context: typer.Context, ref: Version = None, everything: Everything = False, file: File = None, url: Url = None
) -> None:
    """Write a graph for Graphviz."""
    from descent.exporters.tables import as_dot

    _export(context, url, ref, file, lambda graph, _: as_dot(graph), everything=everything)


def _export(
    context: typer.Context,
    url: str | None,
    ref: str | None,
    file: Path | None,
    write: Callable[[Graph, Client], str],
    *,
    everything: bool,
) -> None:
    """Write a version with its ancestors and what is recorded about them, or everything."""
    if (ref is None) != everything:
        raise typer.BadParameter("Name a version, or write --all for everything, where the format has it; not both.")
    with Session.of(context, url, None).client() as client:
        graph = Graph.whole(client) if ref is None else Graph.of(client, ref)
        text = write(graph, client)
    if not graph.complete:
        console.warn(f"Only {len(graph.nodes)} records are in the export: export everything with --all.")
    if file is None:
        sys.stdout.buffer.write(text.encode())
        return
    try:
        file.write_bytes(text.encode())
    except OSError as error:
        raise NotWritten.because(f"{file} cannot be written ({error.strerror}): name another file.") from None
