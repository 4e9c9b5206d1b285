"""The command ``serve``: credentials for programs that ask for them over HTTP."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from sts_plugin import environment
from sts_plugin.cli.common import show, tell
from sts_plugin.cli.execute import add_format, lines_for, region_of
from sts_plugin.engine import chosen_profile
from sts_plugin.errors import ConfigurationError
from sts_plugin.profiles import load_profiles
from sts_plugin.settings import SIGNAL_SECONDS
from sts_plugin.shells import remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sts_plugin.cli.common import Subparsers
    from sts_plugin.cli.supplying import Supplied
    from sts_plugin.model import Secret

__all__ = ["add", "serve"]


def add(commands: Subparsers) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "serve",
        help="serve credentials to programs and containers on this machine",
        description="Serve the credentials of profiles on 127.0.0.1, as SDKs ask for"
        " them in containers, and print what to set for them. Ends with Ctrl-C.",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        action="append",
        help="profile in the AWS config files (default: AWS_PROFILE, else default);"
        " may be given more than once: each has a URL of its own",
    )
    parser.add_argument(
        "--port",
        metavar="NUMBER",
        type=_port,
        default=0,
        help="port of 127.0.0.1 (default: a free one)",
    )
    parser.add_argument(
        "--token-file",
        dest="file",
        metavar="FILE",
        help="write the token to this new file, of mode 0600, instead of printing it;"
        " it is removed at the end",
    )
    add_format(parser)
    parser.set_defaults(command=serve, chosen="several")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):  # noqa: PLR2004 - as TCP has it
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return int(text)


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from sts_plugin.cli.supplying import new_token, supplying  # noqa: PLC0415 - heavy

    environ = environment.outside(os.environ)
    profiles = dict(
        chosen_profile(given, environ) for given in options.profile or [None]
    )
    token = new_token()
    with (
        _token_file(options.file, token) as file,
        supplying(profiles, environ, token, port=options.port) as supplied,
    ):
        by = environment.of_token(None if file else token, file)
        show(_text(list(profiles), environ, supplied, options.format, by))
        supplied.endpoint.start()
        names = ", ".join(profiles)
        tell(f"serving {names} (process {os.getpid()}); Ctrl-C ends it")
        if environment.speaks_for_itself(load_profiles(environ).get("default")):
            tell(
                'profile "default" has credentials of its own, which SDKs take before'
                " those of an endpoint: see docs/exec.md"
            )
        _let_go_of_stdout()
        never = threading.Event()
        while not never.wait(SIGNAL_SECONDS):  # a signal unwinds it
            pass
    return 0


def _text(
    profiles: list[str],
    environ: Mapping[str, str],
    supplied: Supplied,
    kind: str,
    by: Mapping[str, str],
) -> str:
    """Return what to set for the first profile, and the URLs of the others."""
    first, url = profiles[0], supplied.endpoint.url
    region, account_id = region_of(first, environ), supplied.first[first].account_id
    variables = environment.about(first, region, account_id) | {
        environment.URL: url(first),
        **by,
    }
    others = [remark(kind, f"{name}: {url(name)}") for name in profiles[1:]]
    return "\n".join([lines_for(kind, variables), *filter(None, others)])


@contextlib.contextmanager
def _token_file(path: str | None, token: Secret) -> Iterator[str | None]:
    """Write the token to a file of its own while it is good; yield its full path."""
    if path is None:
        yield None
        return
    full = os.path.abspath(path)  # noqa: PTH100 - `..` as the shell has it
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(full, flags, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the token cannot be written to {full}: {error.strerror}",
            hint="name a file that does not exist, in a folder that you may write to",
        ) from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token.reveal())  # no line end: SDKs send it as it is
        yield full
    finally:
        with contextlib.suppress(OSError):
            os.unlink(full)  # noqa: PTH108


def _let_go_of_stdout() -> None:
    """Let whoever reads stdout, such as a ``$(...)``, go on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
