"""Where MFA codes can come from on this machine, and from where not.

    ways, plans -> findings

Nobody is asked, and no keychain is opened: of a way is told whether it could ask.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding
from sts_plugin.errors import CannotAsk, StsPluginError
from sts_plugin.terminal import NoTerminal, open_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from sts_plugin.model import Plan
    from sts_plugin.overview import Summary

__all__ = ["Way", "code_findings", "ways_here"]

FIXES: Final = {
    "terminal": "run programs in the foreground of a terminal",
    "dialog": "install zenity or kdialog, and run programs where there is a display",
    "pinentry": "install pinentry, or name one in STS_PLUGIN_PINENTRY",
    "keychain": "pip install 'sts-plugin[keyring]', and see keyring diagnose",
}
KEYCHAIN_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Way:
    """Whether a way works here, and what it is, or why it does not."""

    works: bool
    text: str


def ways_here(environ: Mapping[str, str], platform: str) -> dict[str, Way]:
    """Look at each way by which a person could be asked, and at the keychain."""
    looks: dict[str, Callable[[], str]] = {
        "terminal": _terminal,
        "dialog": lambda: _dialog(environ, platform),
        "pinentry": lambda: _pinentry(environ, platform),
        "keychain": _keychain,
    }
    return {name: _way(look) for name, look in looks.items()}


def _way(look: Callable[[], str]) -> Way:
    try:
        return Way(works=True, text=look())
    except NoTerminal as error:
        return Way(works=False, text=str(error))
    except StsPluginError as error:
        return Way(works=False, text=error.message)


def _terminal() -> str:
    with open_terminal():
        return "the terminal itself"


def _dialog(environ: Mapping[str, str], platform: str) -> str:
    from sts_plugin.mfa.dialog import installed  # noqa: PLC0415 - drivers are late
    from sts_plugin.mfa.display import has_display  # noqa: PLC0415

    if not has_display(environ, platform):
        raise CannotAsk("there is no display")
    toolkit, path = installed(environ, platform)
    return f"a window of {toolkit.name} ({path})"


def _pinentry(environ: Mapping[str, str], platform: str) -> str:
    from sts_plugin.mfa.display import has_display  # noqa: PLC0415
    from sts_plugin.mfa.gnupg import pinentry_path  # noqa: PLC0415

    path = pinentry_path(environ, platform)
    if not has_display(environ, platform):
        try:
            _terminal()
        except NoTerminal:
            raise CannotAsk("there is no display and no terminal for it") from None
    return path


def _keychain() -> str:
    from sts_plugin import keychain  # noqa: PLC0415

    return keychain.backend(seconds=KEYCHAIN_SECONDS)


def code_findings(
    ways: Mapping[str, Way],
    summaries: Iterable[Summary],
    seeds: Collection[str],
    *,
    found: Callable[[str], bool],
) -> Iterator[Finding]:
    """Yield which ways work, and the profiles whose codes nobody could give here.

    ``seeds`` are the devices whose seed is kept; ``found`` tells whether a program can
    be run here.
    """
    for name, way in ways.items():
        check = name if name == "keychain" else f"way-{name}"
        noun = "the keychain of the system" if name == "keychain" else f"by {name}"
        if way.works:
            yield Finding(check, "ok", f"{noun}: {way.text}")
        else:
            fix = FIXES[name]
            yield Finding(check, "note", f"not {noun}: {way.text}", fix=fix)
    if seeds:
        devices = "1 device" if len(seeds) == 1 else f"{len(seeds)} devices"
        yield Finding("way-seeds", "ok", f"by totp: a seed is kept for {devices}")
    else:
        fix = "sts-plugin mfa add keeps one, and nobody types codes any more"
        yield Finding("way-seeds", "note", "not by totp: no seed is kept here", fix=fix)
    missing: dict[str, bool] = {}
    for one in summaries:
        if one.plan and one.plan.device:
            yield from _of_plan(one.plan, ways, seeds, found, missing)


def _of_plan(
    plan: Plan,
    ways: Mapping[str, Way],
    seeds: Collection[str],
    found: Callable[[str], bool],
    missing: dict[str, bool],
) -> Iterator[Finding]:
    codes, device = plan.codes, plan.device
    commanded = bool(codes.process and "command" in codes.ways)
    if codes.process and commanded:
        program = _program(codes.process.value)
        if program not in missing:
            missing[program] = not found(program)
        if missing[program]:
            commanded = False
            yield Finding(
                "command-missing",
                "warning",
                "mfa_process runs a program that cannot be run here",
                str(codes.process.origin),
                plan.profile,
                "correct the path, or install it: it is run without a shell",
            )
    kept = "totp" in codes.ways and (codes.totp_file or device in seeds)
    person = any(ways[way].works for way in codes.ways if way in ways)
    if not (commanded or kept or person):
        yield Finding(
            "cannot-ask",
            "warning",
            f"nobody can be asked here for a code of {device}"
            f" (by {', '.join(codes.ways)})",
            str(codes.prompt.origin) if codes.prompt else "",
            plan.profile,
            "run sts-plugin login at a terminal, or keep a seed: sts-plugin mfa add",
        )


def _program(command: str) -> str:
    try:
        return next(iter(shlex.split(command)), "")
    except ValueError:
        return ""
