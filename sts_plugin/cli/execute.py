"""Commands that put credentials into an environment: ``exec`` and ``env``."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from sts_plugin import environment
from sts_plugin.cli.common import add_profile, make_engine, show
from sts_plugin.cli.running import become, chosen, missing, run
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import ConfigurationError
from sts_plugin.profiles import load_profiles
from sts_plugin.shells import FORMATS, lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sts_plugin.cli.common import Subparsers

__all__ = ["add", "add_format", "env", "execute", "lines_for", "region_of"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "exec",
        help="run a command with a profile's credentials in its environment",
        usage="sts-plugin exec [-h] [--profile NAME] [--refresh] [-- COMMAND ...]",
        description="Run a command with the credentials of a profile in its"
        " environment, and none of the variables that would win over them. Without"
        " COMMAND: a shell.",
    )
    add_profile(parser, chosen=True)
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="let the command ask for credentials whenever it needs some, as long as it"
        " runs",
    )
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,  # its options are its own
        metavar="COMMAND",
        help="what to run",
    )
    parser.set_defaults(command=execute)
    parser = commands.add_parser(
        "env",
        help="print lines that put a profile's credentials into a shell",
        description="Print lines for a shell to read, which set the credentials of a"
        ' profile and take away what would win over them: eval "$(sts-plugin env)"',
    )
    add_profile(parser, chosen=True)
    add_format(parser)
    parser.add_argument(
        "--unset", action="store_true", help="print lines that take it all away again"
    )
    parser.set_defaults(command=env)


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``."""
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        default="sh",
        help="for which shell, or other reader (default: sh)",
    )


def execute(options: argparse.Namespace) -> int:
    """Run the command; return its exit code, or what a shell's would be without it."""
    environ = environment.outside(os.environ)
    command = chosen(options.program, environ)
    if (code := missing(command[0], environ)) is not None:
        return code
    if os.environ.get("STS_PLUGIN_TOTP_FD"):
        from sts_plugin.mfa.descriptor import keep_back  # noqa: PLC0415 - few have it

        keep_back(os.environ)  # it may not be read, and is not for the command
    if options.refresh:
        return _supplied(command, environ, options)
    variables = _variables(environ, options)
    environ = environment.cleaned(environ, variables)
    return become(command, environ, options.core_limits)


def _supplied(
    command: list[str], environ: Mapping[str, str], options: argparse.Namespace
) -> int:
    """Run the command beside an endpoint that is for it alone."""
    from sts_plugin.cli.supplying import new_token, supplying  # noqa: PLC0415 - late

    profile, explicit = chosen_profile(options.profile, os.environ)
    token = new_token()
    with supplying({profile: explicit}, environ, token, alone=False) as supplied:
        region, first = region_of(profile, environ), supplied.first[profile]
        variables = environment.about(profile, region, first.account_id) | {
            environment.URL: supplied.endpoint.url(profile),
            **environment.of_token(token, None),
        }
        if environment.speaks_for_itself(load_profiles(environ).get("default")):
            variables |= environment.hiding(environ, os.devnull)
        supplied.endpoint.start()
        environ = environment.cleaned(environ, variables)
        return run(command, environ, options.core_limits)


def env(options: argparse.Namespace) -> int:
    """Print the lines."""
    if options.unset:
        if options.format == "dotenv":
            raise ConfigurationError(
                "a dotenv file takes no variable away", hint="use another --format"
            )
        show(lines(options.format, {}, environment.given(os.environ)))
        return 0
    environ = environment.outside(os.environ)
    show(lines_for(options.format, _variables(environ, options)))
    return 0


def lines_for(kind: str, variables: Mapping[str, str]) -> str:
    """Return lines that set variables, and take away what would win over them.

    Raises ConfigurationError.
    """
    try:
        return lines(kind, variables, environment.ambient(os.environ))
    except ValueError as error:
        raise ConfigurationError(str(error), hint="use another --format") from None


def _variables(
    environ: Mapping[str, str], options: argparse.Namespace
) -> dict[str, str]:
    profile, explicit = chosen_profile(options.profile, os.environ)
    engine = make_engine(environ=environ)
    plan = engine.plan(profile, explicit=explicit)
    found = engine.credentials(plan)
    return environment.of_credentials(profile, region_of(profile, environ), found)


def region_of(profile: str, environ: Mapping[str, str]) -> str | None:
    """Return the region that a profile names, or else the one that is there."""
    known = load_profiles(environ).get(profile)
    setting = known.plain("region") if known else None
    if setting and setting.value:
        return setting.value
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
