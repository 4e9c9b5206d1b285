"""Who may enter a folder on Windows, where modes say nothing.

    path -> its access control list, as text (SDDL) -> who else is let in

Owns: which names stand for more people than the owner. Lists that cannot be read are
taken for good, since the profile folder is its user's own: this is for a folder
elsewhere, which inherits that all users of the machine may read it.
"""

from __future__ import annotations

import ctypes
import re
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["let_in", "list_of"]

OTHERS: Final = {
    "WD": "Everyone",
    "AN": "Anonymous",
    "AU": "Authenticated Users",
    "BU": "Users",
    "BG": "Guests",
    "DU": "Domain Users",
    "DG": "Domain Guests",
    "IU": "Interactive",
    "NU": "Network",
}
"""Strings of SDDL for groups of everybody (Win32, "SID Strings")."""

OF_DOMAIN: Final = {"513": "Domain Users", "514": "Domain Guests"}
"""The same of a domain, whose number is in the middle: S-1-5-21-...-513."""

# (type;flags;rights;object;inherited object;who[;condition])
ENTRY: Final = re.compile(r"\((O?A|XA);[^;()]*;[^;()]*;[^;()]*;[^;()]*;([^;()]+)[;)]")

NO_LIST: Final = "NO_ACCESS_CONTROL"

FILE: Final = 1
"""``SE_FILE_OBJECT``."""
DACL: Final = 4
"""``DACL_SECURITY_INFORMATION``."""
REVISION: Final = 1
"""``SDDL_REVISION_1``."""


def let_in(path: Path, read: Callable[[str], str] | None = None) -> str:
    """Return the name of a group of others that a list lets in, or nothing."""
    said = (read or list_of)(str(path))
    if NO_LIST in said:
        return OTHERS["WD"]
    for _, who in ENTRY.findall(said):
        domain, _, number = who.rpartition("-")
        if domain.startswith("S-1-5-21-") and number in OF_DOMAIN:
            return OF_DOMAIN[number]
        if who in OTHERS:
            return OTHERS[who]
    return ""


def _libraries() -> tuple[Any, Any]:
    if sys.platform == "win32":
        return ctypes.WinDLL("advapi32"), ctypes.WinDLL("kernel32")
    raise OSError("there are no such lists")


def list_of(path: str, libraries: Callable[[], tuple[Any, Any]] = _libraries) -> str:
    """Return the list of a folder as text; nothing if it cannot be read."""
    try:
        advapi32, kernel32 = libraries()
    except OSError:
        return ""
    descriptor = ctypes.c_void_p()
    if advapi32.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(path),
        FILE,
        DACL,
        None,
        None,
        None,
        None,
        ctypes.byref(descriptor),
    ):
        return ""
    text = ctypes.c_void_p()
    try:
        if not advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor, REVISION, DACL, ctypes.byref(text), None
        ):
            return ""
        return ctypes.wstring_at(text.value) if text.value else ""
    finally:
        if text.value:
            kernel32.LocalFree(text)
        kernel32.LocalFree(descriptor)
