"""Running a command that a profile names: for a code, a token, an assertion.

Without a shell, without AWS secrets in its environment, and never without an end. What
it says on stderr is seen where ours is, such as a "touch your key"; its stdin is empty,
the terminal itself is there for it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import threading
from typing import IO, TYPE_CHECKING

from sts_plugin.errors import ConfigurationError, NoAnswer
from sts_plugin.files import BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sts_plugin.model import Setting

__all__ = ["output_of"]

# AWS_..._TOKEN_FILE is a path, and AWS_ENDPOINT_URL_SECRETS_MANAGER an address.
SECRET_NAME = re.compile(r"AWS_(?:.*_)?(?:ACCESS_KEY|SECRET|TOKEN)(?:_.*)?(?<!_FILE)")

SHELL = re.compile(r"[|&;<>$`~*]")
"""What means something to a shell, as which aws-vault would have run the command."""

STDERR = 2

LAST_WORDS_SECONDS = 0.2
"""Time for what a command that has ended had printed: it is in the pipe already. What
it has left running, a browser perhaps, may hold the pipe for hours."""

BY_HAND = "run the command by hand to see"


def output_of(
    setting: Setting,
    *,
    seconds: float,
    environ: Mapping[str, str],
    extra: Mapping[str, str],
) -> str:
    """Return what the command of a setting prints.

    ``environ``, less the AWS secrets in it, and ``extra`` are the environment of the
    command. Raises NoAnswer when it takes longer than ``seconds``, ConfigurationError
    when it cannot be run or fails. No error shows what it printed.
    """
    where = f"{setting.origin}: {setting.key}{setting.owner}"
    kept = {k: v for k, v in environ.items() if not SECRET_NAME.fullmatch(k)}
    try:
        return _run(shlex.split(setting.value), {**kept, **extra}, seconds)
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"{where} did not answer within {seconds:.0f} seconds",
            hint=f"{BY_HAND} what it waits for",
        ) from None
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(
            f"{where} ended with exit code {error.returncode}",
            hint=_shell_hint(setting.value) or f"{BY_HAND} why",
        ) from None
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it is no command line"
        raise ConfigurationError(
            f"{where} cannot be run: {reason}",
            hint=_shell_hint(setting.value)
            or "it is split into words and run without a shell",
        ) from None


def _shell_hint(command: str) -> str:
    if SHELL.search(command):
        return "it is run without a shell; if it needs one: sh -c '...'"
    return ""


def _run(words: Sequence[str], environ: Mapping[str, str], seconds: float) -> str:
    """Run the command, and end it if it is not waited for.

    It stays in our process group, the one in the foreground of the terminal: whoever
    asks for a password there would be stopped in another (SIGTTIN). The price is that
    what a shell had started may outlive it.
    """
    with subprocess.Popen(  # noqa: S603 - the user's own command, no shell
        words,
        bufsize=0,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Never our own where that is a pipe: the SDK at its end waits until everybody
        # has closed it, a browser that the command has started included.
        stderr=None if _at_a_terminal() else subprocess.PIPE,
    ) as process:
        try:
            with _relayed(process.stderr):
                return _output(process, seconds)
        except BaseException:
            process.kill()
            raise


def _at_a_terminal() -> bool:
    with contextlib.suppress(OSError):  # it is closed
        return os.isatty(STDERR)
    return False


@contextlib.contextmanager
def _relayed(pipe: IO[bytes] | None) -> Iterator[None]:
    """Pass on what the command says, for as long as it runs."""
    if pipe is None:
        yield
        return

    def relay() -> None:
        with contextlib.suppress(OSError, ValueError):  # one of the two was closed
            while data := pipe.read(65536):
                os.write(STDERR, data)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    yield
    thread.join(LAST_WORDS_SECONDS)


def _output(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Return what the process prints until it ends well.

    The pipe is read in a thread of its own and without a buffer, whose lock would make
    its closing wait for what the process left behind.
    """
    printed = io.BytesIO()
    reader = threading.Thread(target=_read, args=(process, printed), daemon=True)
    reader.start()
    process.wait(seconds)
    reader.join(LAST_WORDS_SECONDS)
    if printed.tell() > BYTES_MAX:
        raise OSError(0, f"it printed more than {BYTES_MAX} bytes")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return printed.getvalue().decode(errors="replace")


def _read(process: subprocess.Popen[bytes], printed: io.BytesIO) -> None:
    pipe = process.stdout
    assert pipe is not None  # it was asked for
    with contextlib.suppress(OSError, ValueError):  # it was closed: nobody waits
        while data := pipe.read(65536):
            printed.write(data)
            if printed.tell() > BYTES_MAX:
                process.kill()  # it would wait for us to go on
                return
