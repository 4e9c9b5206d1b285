"""The programs that open a dialog: how each is called, and what its end means.

Names of profiles and devices are anybody's text. They reach a program as an argument or
in its environment, never inside a script, and never as the markup, mnemonic or escape
that the program would make of them.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import Declined, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.errors import HumanNeeded

__all__ = ["SECONDS_VARIABLE", "TEXT_VARIABLE", "Toolkit", "toolkits_for"]

TEXT_VARIABLE: Final = "STS_PLUGIN_DIALOG_TEXT"
SECONDS_VARIABLE: Final = "STS_PLUGIN_DIALOG_SECONDS"

TITLE: Final = "MFA code for AWS"

CANCELLED: Final = 101
TIMED_OUT: Final = 105


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A program for dialogs.

    ``arguments`` makes them from the text and the seconds that it is to stay; both are
    in its environment, too. Each of ``endings`` is an exit code or a line that it
    prints. Exit code 0 is an answer otherwise, and every other one a failure.
    ``place`` is where it is, if not on the PATH.
    """

    name: str
    arguments: Callable[[str, int], list[str]]
    endings: Mapping[int | str, type[HumanNeeded]]
    environ: Mapping[str, str] = field(default_factory=dict)
    place: str = ""


def toolkits_for(environ: Mapping[str, str], platform: str) -> list[Toolkit]:
    """Return what can open a dialog on such a machine, the most fitting first."""
    if platform == "darwin":
        return [OSASCRIPT]
    if platform == "win32":
        return [POWERSHELL]
    if "KDE" in environ.get("XDG_CURRENT_DESKTOP", "").split(":"):
        return [KDIALOG, ZENITY]
    return [ZENITY, KDIALOG]


def _zenity(text: str, seconds: int) -> list[str]:
    # It resolves C's escapes, and takes the letter behind "_" for a mnemonic.
    plain = text.replace("\\", "\\\\").replace("_", "__")
    return [
        "--entry",
        "--hide-text",
        f"--title={TITLE}",
        f"--text={plain}",
        f"--timeout={seconds}",
    ]


def _kdialog(text: str, _seconds: int) -> list[str]:
    # It resolves backslashes, and shows what is left as rich text.
    plain = html.escape(text).replace("\\", "&#92;").replace("\n", "<br>")
    return [f"--title={TITLE}", f"--password=<qt>{plain}</qt>"]


def _osascript(text: str, seconds: int) -> list[str]:
    return ["-e", APPLESCRIPT, text, TITLE, str(seconds)]


def _powershell(_text: str, _seconds: int) -> list[str]:
    # Arguments behind the script would become part of it.
    return ["-NoProfile", "-NonInteractive", "-STA", "-Command", POWERSHELL_SCRIPT]


APPLESCRIPT: Final = (
    "on run argv\n"
    "try\n"
    "activate\n"
    "end try\n"
    "try\n"
    "set theReply to display dialog (item 1 of argv) with title (item 2 of argv)"
    ' default answer "" with hidden answer'
    ' buttons {"Cancel", "OK"} default button "OK" cancel button "Cancel"'
    " giving up after ((item 3 of argv) as integer)\n"
    "on error number -128\n"
    'return "cancelled"\n'
    "end try\n"
    'if gave up of theReply then return "gave up"\n'
    "return text returned of theReply\n"
    "end run\n"
)

POWERSHELL_SCRIPT: Final = f"""\
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Windows.Forms, System.Drawing
$form = New-Object System.Windows.Forms.Form -Property @{{
    Text = '{TITLE}'; TopMost = $true; AutoSize = $true; AutoSizeMode = 'GrowAndShrink'
    FormBorderStyle = 'FixedDialog'; StartPosition = 'CenterScreen'
    MinimizeBox = $false; MaximizeBox = $false
}}
$panel = New-Object System.Windows.Forms.FlowLayoutPanel -Property @{{
    FlowDirection = 'TopDown'; AutoSize = $true
}}
$label = New-Object System.Windows.Forms.Label -Property @{{
    Text = $env:{TEXT_VARIABLE}; AutoSize = $true; UseMnemonic = $false
}}
$box = New-Object System.Windows.Forms.TextBox -Property @{{
    UseSystemPasswordChar = $true; Width = 160
}}
$ok = New-Object System.Windows.Forms.Button -Property @{{
    Text = 'OK'; DialogResult = 'OK'
}}
$cancel = New-Object System.Windows.Forms.Button -Property @{{
    Text = 'Cancel'; DialogResult = 'Cancel'
}}
$panel.Controls.AddRange(@($label, $box, $ok, $cancel))
$form.Controls.Add($panel)
$form.AcceptButton = $ok
$form.CancelButton = $cancel
$timer = New-Object System.Windows.Forms.Timer
$timer.Interval = 1000 * [int]$env:{SECONDS_VARIABLE}
$timer.Add_Tick({{ $form.DialogResult = 'Abort' }})
$timer.Start()
$form.Add_Shown({{ $form.Activate(); [void]$box.Focus() }})
$end = $form.ShowDialog()
if ($end -eq 'OK') {{ [Console]::Out.WriteLine($box.Text); exit 0 }}
if ($end -eq 'Abort') {{ exit {TIMED_OUT} }}
exit {CANCELLED}
"""

# Its own codes say 1 for a cancelled dialog and for a display that it cannot open.
ZENITY: Final = Toolkit(
    "zenity",
    _zenity,
    {CANCELLED: Declined, TIMED_OUT: NoAnswer},
    {
        "ZENITY_OK": "0",
        "ZENITY_CANCEL": str(CANCELLED),
        "ZENITY_ESC": str(CANCELLED),
        "ZENITY_TIMEOUT": str(TIMED_OUT),
        "ZENITY_ERROR": "1",
    },
)
# Without a display it does not exit, it aborts.
KDIALOG: Final = Toolkit("kdialog", _kdialog, {1: Declined})
OSASCRIPT: Final = Toolkit(
    "osascript",
    _osascript,
    {"cancelled": Declined, "gave up": NoAnswer},
    place="/usr/bin/osascript",
)
# Not by its name: Windows looks for that in the current folder first.
POWERSHELL: Final = Toolkit(
    "PowerShell",
    _powershell,
    {CANCELLED: Declined, TIMED_OUT: NoAnswer},
    place=r"{SYSTEMROOT}\System32\WindowsPowerShell\v1.0\powershell.exe",
)
