"""Record a session in the sandbox as a picture: ``python docs/figures/record.py``.

The commands are run for real, on a terminal; the code is typed. Needs ``pexpect`` and
``rich``, which draws this picture and nothing else of the project. A test sees to it
that the picture has these commands, and lines as they print them now.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sts_plugin.sandbox import Sandbox

__all__ = ["COMMANDS", "main"]

HERE = Path(__file__).parent

COLUMNS = 100

COMMANDS = (
    "sts-plugin login --profile prod-admin",
    "sts-plugin whoami --profile prod-admin",
    "aws --profile audit sts get-caller-identity --query Arn",
    "sts-plugin exec --profile partner -- printenv AWS_ACCOUNT_ID",
    "sts-plugin status",
)

# rich's own format, without its font from the network.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" \
xmlns="http://www.w3.org/2000/svg" role="img">
<title>A session in the sandbox of sts-plugin</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", \
monospace; font-size: {char_height}px; line-height: {line_height}px; \
font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Run the commands and write the picture."""
    from rich.console import Console  # noqa: PLC0415 - tests read COMMANDS without it
    from rich.terminal_theme import MONOKAI  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from sts_plugin.sandbox import Sandbox  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory() as home,
        Sandbox(Path(home, ".aws"), command="sts-plugin") as sandbox,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
    ):
        console = Console(record=True, width=COLUMNS, file=nowhere)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            shown = _run(command, sandbox, home)
            console.print(Text.from_ansi(shown), soft_wrap=True)
        picture = console.export_svg(
            title="sts-plugin sandbox -- $SHELL",
            theme=MONOKAI,
            code_format=FORMAT,
            unique_id="session",
        )
    (HERE / "session.svg").write_text(picture, encoding="utf-8")


def _run(command: str, sandbox: Sandbox, home: str) -> str:
    """Return what a person sees, the prompt included, which erases itself."""
    import pexpect  # noqa: PLC0415 - as above

    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    child = pexpect.spawn(
        "/bin/bash",
        ["-c", command],
        env=sandbox.environ()
        | {"HOME": home, "PATH": path, "TERM": "xterm-256color", "TZ": "UTC"},
        dimensions=(40, COLUMNS),
        encoding="utf-8",
        timeout=60,
    )
    shown = ""
    while child.expect([r"MFA code of [^\n]*\): ", pexpect.EOF]) == 0:
        shown += child.before + child.after + "\n"
        child.sendline(sandbox.code())
        child.expect(r"\x1b\[K\x1b\[A|\r\n")
    shown += child.before
    return "\n".join(
        # What was erased is not there: of a line, what came after that.
        re.split(r"\x1b\[[AJK]|\r", line.rstrip("\r"))[-1]
        for line in shown.replace("\r\n", "\n").rstrip("\n").split("\n")
    )


if __name__ == "__main__":
    main()
