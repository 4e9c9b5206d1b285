"""Every exit code of the executable, and what each means.

Said once: the commands take the codes from here, and the reference and the man page
are made of the table. Those of refusals stand with their classes in ``errors``; a test
holds the two together. Meanings are Markdown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFECT",
    "DONE",
    "EXIT_CODES",
    "INTERRUPTED",
    "NOT_EXECUTABLE",
    "NOT_FOUND",
    "SIGNALLED",
    "USAGE",
]

DONE: Final = 0
DEFECT: Final = 1
USAGE: Final = 2  # argparse's own

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""As shells say it of a command that they cannot run, or do not find."""

SIGNALLED: Final = 128
"""As shells say it of a program that a signal ended: with the signal's number."""

INTERRUPTED: Final = SIGNALLED + 2
"""After Ctrl-C: 128 + SIGINT."""

EXIT_CODES: Final[Mapping[int | str, str]] = {
    DONE: "done",
    DEFECT: "stdout cannot be written, `logout` could not forget, or a defect of"
    " sts-plugin (then please report it)",
    USAGE: "a wrong command line",
    3: "a file, key, variable or argument is wrong, or there are no credentials;"
    " [`doctor`](doctor.md) found an error",
    4: "a person must act: nobody could be asked, nobody answered, somebody said no, no"
    " browser could be opened, or a token or an assertion has expired",
    5: "AWS refused",
    6: "AWS could not be reached, or gave no usable answer",
    7: "another process held the lock too long",
    NOT_EXECUTABLE: "`exec -- COMMAND`: it cannot be run",
    NOT_FOUND: "`exec -- COMMAND`, `sandbox -- COMMAND`: there is no such command",
    INTERRUPTED: "Ctrl-C",
    f"{SIGNALLED} + n": "ended by signal n",
    "any": "`exec -- COMMAND`: that of the command",
}
"""In the order of the reference."""
