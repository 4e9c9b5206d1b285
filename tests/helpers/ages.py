"""Cached entries of another age, so that no test has to wait."""

from __future__ import annotations

from datetime import timedelta

from sts_plugin.model import Life
from sts_plugin.store import DiskStore, Entry

__all__ = ["age"]


def age(sandbox, seconds):
    """Make every cached session and role older, as if it had been got long ago."""
    store = DiskStore(sandbox.folder / "cache")
    for entry in list(store.entries()):
        issued = entry.life.issued - timedelta(seconds=seconds)
        life = Life(issued, entry.life.expires)
        store.publish(Entry(entry.key, life, entry.document, entry.label))
