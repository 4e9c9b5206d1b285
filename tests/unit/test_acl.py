"""Who is let in by the list of a folder: lists as Windows spells them."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from sts_plugin import acl, private
from sts_plugin.acl import let_in, list_of
from sts_plugin.errors import CacheUnusable
from sts_plugin.private import PrivateFolder

ME = "S-1-5-21-1111111111-2222222222-3333333333-1001"
DOMAIN = "S-1-5-21-1111111111-2222222222-3333333333"

LISTS = {
    "of %LOCALAPPDATA%": (
        f"D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;FA;;;{ME})",
        "",
    ),
    "of a folder that Python makes with mode 0700": (
        "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)",
        "",
    ),
    "of its owner, and whoever makes something in it": (
        f"D:PAI(A;;FA;;;{ME})(A;OICIIO;FA;;;CO)",
        "",
    ),
    "of apps": (f"D:(A;OICI;FA;;;{ME})(A;OICI;0x1200a9;;;AC)", ""),
    "of a folder in the root of a disk": (
        "D:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"
        "(A;CIID;LC;;;BU)(A;OICIIOID;GA;;;CO)",
        "Users",
    ),
    "of a disk for all": ("D:(A;OICI;FA;;;WD)", "Everyone"),
    "for whoever has signed in": (
        "D:AI(A;OICIID;0x1301bf;;;AU)",
        "Authenticated Users",
    ),
    "for the users of a domain": (f"D:(A;OICI;FR;;;{DOMAIN}-513)", "Domain Users"),
    "with a condition": ('D:(XA;;FR;;;WD;(@User.Title=="PM"))', "Everyone"),
    "of what is below it alone": ("D:P(A;OICIIO;FR;;;BU)", "Users"),
    "that keeps everybody out": ("D:(D;OICI;FA;;;WD)(A;OICI;FA;;;SY)", ""),
    "that is none": ("D:NO_ACCESS_CONTROL", "Everyone"),
    "that is empty": ("D:P", ""),
    "that cannot be read": ("", ""),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_lets_in_whom_it_says(name):
    text, others = LISTS[name]
    assert let_in(Path("x"), lambda _: text) == others


class Libraries:
    """advapi32 and kernel32 in one, which mind what is handed to them."""

    def __init__(self, text="D:P(A;;FA;;;SY)", *, fails=""):
        self.buffer = ctypes.create_unicode_buffer(text)
        self.fails, self.freed, self.paths = fails, [], []

    def __call__(self):
        return self, self

    def GetNamedSecurityInfoW(self, path, kind, what, *ends):  # noqa: N802
        *none, descriptor = ends
        assert (kind, what, none) == (1, 4, [None] * 4)
        self.paths.append(path.value)
        if self.fails == "get":
            return 5
        descriptor._obj.value = 2**40
        return 0

    def ConvertSecurityDescriptorToStringSecurityDescriptorW(  # noqa: N802
        self, descriptor, revision, what, text, length
    ):
        assert (descriptor.value, revision, what, length) == (2**40, 1, 4, None)
        if self.fails == "convert":
            return 0
        text._obj.value = ctypes.addressof(self.buffer)
        return 1

    def LocalFree(self, pointer):  # noqa: N802
        self.freed.append(pointer.value)


def test_a_list_is_read_as_text_and_its_memory_given_back():
    libraries = Libraries()
    assert list_of("C:\\x", libraries) == "D:P(A;;FA;;;SY)"
    assert libraries.paths == ["C:\\x"]
    assert libraries.freed == [ctypes.addressof(libraries.buffer), 2**40]


@pytest.mark.parametrize(("fails", "freed"), [("get", []), ("convert", [2**40])])
def test_a_list_that_cannot_be_read_says_nothing(fails, freed):
    libraries = Libraries(fails=fails)
    assert list_of("C:\\x", libraries) == ""
    assert libraries.freed == freed


def test_elsewhere_there_are_no_such_lists(tmp_path):
    assert list_of(str(tmp_path)) == ""


def test_a_folder_that_others_can_enter_is_not_used_on_windows(
    tmp_path, on_windows, monkeypatch
):
    on_windows(private)
    folder = PrivateFolder(tmp_path / "cache")
    folder.save("name", 1)
    monkeypatch.setattr(acl, "list_of", lambda _: LISTS["of a disk for all"][0])
    with pytest.raises(CacheUnusable) as caught:
        folder.load("name")
    assert f"{folder.path} can be entered by others (Everyone)" in caught.value.message
    assert "icacls" in caught.value.hint
    with pytest.raises(CacheUnusable):
        folder.save("name", 2)


def test_modes_say_nothing_on_windows(tmp_path, on_windows):
    on_windows(private)
    folder = PrivateFolder(tmp_path / "cache")
    folder.save("name", 1)
    folder.path.chmod(0o777)
    (folder.path / "name").chmod(0o666)
    assert folder.load("name") == 1
