"""Commands about the seeds that are kept: ``mfa code``, ``mfa list``, ``mfa remove``.

Only ``mfa code`` reads one, and none shows one.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from sts_plugin.cli.common import make_engine, show, tell
from sts_plugin.cli.confirm import confirm
from sts_plugin.cli.look import Look
from sts_plugin.cli.mfa_device import Codes, device_of, seeds
from sts_plugin.cli.watcher import TerminalWatcher
from sts_plugin.document import timestamp
from sts_plugin.errors import ConfigurationError
from sts_plugin.profiles import load_profiles

if TYPE_CHECKING:
    import argparse

    from sts_plugin.enrolment import Enrolled

__all__ = ["code", "list_devices", "remove"]

PLACES: Final = {"file": "its file", "keychain": "the OS keychain"}


def code(options: argparse.Namespace) -> int:
    """Print a code, and note it as used; wait for the next one if need be."""
    engine = make_engine()
    device = device_of(engine, options)
    codes = Codes(engine, device.serial, watcher=TerminalWatcher(tell))
    with codes.lock():
        show(codes.unused(device.seed()).reveal())
    return 0


def list_devices(options: argparse.Namespace) -> int:
    """Print the devices whose seeds are kept: where, since when, for which profiles."""
    devices, damaged = seeds().enrolled()
    for path in damaged:
        tell(f"{path} is damaged, or others can read it")
    named = _profiles_by_serial()
    rows = [
        {
            "serial": device.serial,
            "where": device.where,
            "added": timestamp(device.added),
            "profiles": named.get(device.serial, []),
        }
        for device in devices
    ]
    if options.output == "json":
        show(json.dumps(rows, indent=2))
        return 0
    if not rows:
        show("no seed is kept")
        return 0
    table = []
    for one in devices:
        profiles = ", ".join(named.get(one.serial, []))
        table.append((one.serial, one.where, timestamp(one.added), profiles))
    head = ("DEVICE", "KEPT IN", "SINCE", "PROFILES")
    show("\n".join(Look.of().table(head, table)))
    return 0


def _profiles_by_serial() -> dict[str, list[str]]:
    """Return the names of the profiles that say ``mfa_serial``; tell what is wrong."""
    found: dict[str, list[str]] = {}
    try:
        profiles = load_profiles(os.environ)
        for name in profiles.profiles:
            if serial := profiles[name].get("mfa_serial"):
                found.setdefault(serial.value, []).append(name)
    except ConfigurationError as error:
        tell(error.line)
    return found


def remove(options: argparse.Namespace) -> int:
    """Remove a seed for good, once somebody has said yes."""
    serial = device_of(make_engine(), options).serial
    kept = seeds()
    if not kept.has(serial):
        raise ConfigurationError(
            f"no seed of {serial} is kept", hint="see sts-plugin mfa list"
        )
    if not options.yes:
        _confirm(kept.find(serial), serial)
    kept.remove(serial)
    show(f"the seed of {serial} is removed")
    return 0


def _confirm(device: Enrolled | None, serial: str) -> None:
    """Ask on the terminal; raise HumanNeeded unless the answer is yes."""
    place = PLACES[device.where] if device else "its file"
    confirm(
        f"Remove the seed of {serial} from {place}? It may be the only copy of this"
        " factor.",
        verb="remove",
        what=f"seed of {serial}",
        option="--yes",
    )
