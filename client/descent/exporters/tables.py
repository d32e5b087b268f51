"""Graphs for spreadsheets and graph tools: CSV, GraphML and Graphviz's DOT."""

import csv
import io
import json
from typing import Final
from xml.etree import ElementTree as ET

from descent.console import printable
from descent.exporters.graph import Graph, Node

_COLUMNS: Final = ("id", "kind", "ref", "recorded_at", "recorded_by", "links", "content")
_ATTRIBUTES: Final = ("kind", "ref", "recorded_at", "recorded_by", "name", "version", "digest", "content")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NAMESPACE: Final = "http://graphml.graphdrawing.org/xmlns"
_SHAPES: Final = {"MODEL_VERSION": "box", "DATASET": "cylinder", "PARTITION": "cylinder"}


def as_csv(graph: Graph) -> str:
    """Return a row for each record (RFC 4180): what it is, what it links to, and its content as JSON.

    `links` has `ROLE REF`, separated by line feeds. A cell that a spreadsheet would take for a formula begins with `'`.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    links: dict[str, list[str]] = {}
    for edge in graph.edges:
        links.setdefault(edge.source, []).append(f"{edge.role} {graph.nodes[edge.target].ref}")
    for node in graph.nodes.values():
        row = (node.id, node.kind, node.ref, node.recorded_at, node.recorded_by, "\n".join(links.get(node.id, ())))
        writer.writerow([_plain(cell) for cell in (*row, _json(node))])
    return text.getvalue()


def as_graphml(graph: Graph) -> str:
    """Return a directed graph in GraphML 1.0: a node for each record, an edge for each link, with its role."""
    root = ET.Element("graphml", xmlns=_NAMESPACE)
    for target, names in (("node", _ATTRIBUTES), ("edge", ("role", "detail"))):
        for name in names:
            ET.SubElement(root, "key", {"id": name, "for": target, "attr.name": name, "attr.type": "string"})
    whole = ET.SubElement(root, "graph", id="descent", edgedefault="directed")
    for node in graph.nodes.values():
        element = ET.SubElement(whole, "node", id=node.id)
        given = {name: node.content.get(name) for name in ("name", "version", "digest")}
        given |= {"kind": node.kind, "ref": node.ref, "recorded_at": node.recorded_at, "content": _json(node)}
        given["recorded_by"] = node.recorded_by
        for name in _ATTRIBUTES:
            if isinstance(value := given[name], str):
                ET.SubElement(element, "data", key=name).text = _xml(value)
    for number, edge in enumerate(graph.edges):
        element = ET.SubElement(whole, "edge", id=f"e{number}", source=edge.source, target=edge.target)
        ET.SubElement(element, "data", key="role").text = edge.role
        if edge.detail:
            ET.SubElement(element, "data", key="detail").text = edge.detail
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def as_dot(graph: Graph) -> str:
    """Return a directed graph in Graphviz's DOT language, drawn from what came first to what was derived from it."""
    lines = ["digraph descent {", "  rankdir = RL;", "  node [fontname = sans];"]
    for node in graph.nodes.values():
        shape = _SHAPES.get(node.kind, "note")
        label = node.ref if node.ref != node.id else f"{node.kind} {node.id[7:15]}"
        lines.append(f"  {_quoted(node.id)} [label = {_quoted(label)}, shape = {shape}, kind = {node.kind}];")
    for edge in graph.edges:
        text = f"{edge.role} {edge.detail}".strip()
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label = {_quoted(text)}];")
    return "\n".join([*lines, "}", ""])


def _json(node: Node) -> str:
    return json.dumps(node.content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _xml(text: str) -> str:
    """Return text without what XML 1.0 has no characters for."""
    return "".join(c if c >= " " or c in "\t\n\r" else f"\\u{ord(c):04x}" for c in text)


def _quoted(text: str) -> str:
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
