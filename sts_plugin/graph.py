"""Who chains through whom: the plans of many profiles, as one graph.

    summaries -> Graph

Owns what stands for what: a box for each profile that takes part, a device, and arrows
the way the credentials go. Knows no language that draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sts_plugin.model import Plan
    from sts_plugin.overview import Summary

__all__ = ["Edge", "Graph", "Node", "graph_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """A box: a profile, an MFA device, or a profile that is broken.

    ``lines`` are its text, the name first.
    """

    kind: Literal["profile", "device", "broken"]
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it stands for."""
        return self.lines[0]


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from a node to the one that gets something of it, by their names."""

    origin: tuple[str, str]
    target: tuple[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by (kind, name), in the order in which they were met, and the arrows."""

    nodes: dict[tuple[str, str], Node]
    edges: tuple[Edge, ...]
    broken: tuple[Summary, ...]


def graph_of(found: Iterable[Summary]) -> Graph:
    """Return the graph of some profiles, with all that they chain through."""
    nodes: dict[tuple[str, str], Node] = {}
    edges: dict[Edge, None] = {}
    broken = []
    for one in found:
        if one.error:
            nodes[("profile", one.name)] = Node("broken", (one.name, "broken"))
            broken.append(one)
        if one.plan:
            nodes |= _nodes(one.plan)
            edges |= dict.fromkeys(_edges(one.plan))
    return Graph(nodes, tuple(edges), tuple(broken))


def _nodes(plan: Plan) -> dict[tuple[str, str], Node]:
    source = plan.source
    what = f"{source.kind} keys" if source.long_term else source.kind
    texts = {source.profile: [source.profile, what]}
    devices = {}
    for call in plan.calls:
        if call.mfa_serial:
            devices["device", call.mfa_serial] = Node("device", (call.mfa_serial,))
        if call.kind != "session":
            texts.setdefault(call.profile, [call.profile]).append(call.subject)
    profiles = {
        ("profile", name): Node("profile", tuple(lines))
        for name, lines in texts.items()
    }
    return {**devices, **profiles}


def _edges(plan: Plan) -> Iterator[Edge]:
    """Yield the arrows of a plan, the source first."""
    here = ("profile", plan.source.profile)
    device = ""
    for call in plan.calls:
        if call.kind == "session":
            # What follows is had from the session, which is the source's own.
            device = call.mfa_serial or ""
            if device:
                yield Edge(("device", device), here, "code")
            continue
        there = ("profile", call.profile)
        if call.mfa_serial:
            yield Edge(("device", call.mfa_serial), there, "code")
        if there != here:
            yield Edge(here, there, call.action)
        here = there
