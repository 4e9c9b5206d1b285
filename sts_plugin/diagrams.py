"""A graph in a language that draws it: Mermaid for pages, DOT for Graphviz; and JSON.

Text in, text out. Names in a config file may hold anything: none of it ends a label,
opens a tag or becomes part of the language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sts_plugin.mfa import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sts_plugin.graph import Graph, Node

__all__ = ["as_json", "picture"]


def picture(graph: Graph, language: Literal["mermaid", "dot"]) -> str:
    """Return the text that draws a graph from left to right."""
    lines = _mermaid(graph) if language == "mermaid" else _dot(graph)
    return "\n".join(lines)


def as_json(graph: Graph) -> dict[str, list[Any]]:
    """Return the graph as plain JSON values."""
    return {
        "nodes": [
            {"kind": node.kind, "name": node.name, "text": list(node.lines[1:])}
            for node in graph.nodes.values()
        ],
        "edges": [
            {"from": edge.origin[1], "to": edge.target[1], "by": edge.text}
            for edge in graph.edges
        ],
    }


def _mermaid(graph: Graph) -> Iterator[str]:
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    shapes = {"profile": ("[", "]"), "device": ("([", "])"), "broken": ("[", "]")}
    yield "flowchart LR"
    for key, node in graph.nodes.items():
        before, after = shapes[node.kind]
        text = _label(node, _mermaid_text, "<br/>")
        style = ":::broken" if node.kind == "broken" else ""
        yield f'  {ids[key]}{before}"{text}"{after}{style}'
    for edge in graph.edges:
        text = _mermaid_text(edge.text)
        yield f'  {ids[edge.origin]} -- "{text}" --> {ids[edge.target]}'
    if graph.broken:
        yield "  classDef broken stroke:#c00,color:#c00"


def _dot(graph: Graph) -> Iterator[str]:
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    looks = {
        "profile": "shape=box",
        "device": "shape=box, style=rounded",
        "broken": "shape=box, color=red, fontcolor=red",
    }
    yield "digraph profiles {"
    yield "  rankdir=LR;"
    for key, node in graph.nodes.items():
        text = _label(node, _dot_text, "\\n")
        yield f'  {ids[key]} [label="{text}", {looks[node.kind]}];'
    for edge in graph.edges:
        text = _dot_text(edge.text)
        yield f'  {ids[edge.origin]} -> {ids[edge.target]} [label="{text}"];'
    yield "}"


def _label(node: Node, written: Callable[[str], str], newline: str) -> str:
    return newline.join(map(written, node.lines))


def _mermaid_text(text: str) -> str:
    """Return a text with Mermaid's own entities for all that is not plain."""
    return "".join(
        one if one.isalnum() or one in " -_.:/@+=,*" else f"#{ord(one)};"
        for one in printable(text)
    )


def _dot_text(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
