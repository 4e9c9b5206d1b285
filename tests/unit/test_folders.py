"""Where the cache and the data are, on each platform."""

from __future__ import annotations

import os

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from sts_plugin import warm
from sts_plugin.engine import cache_folder
from sts_plugin.errors import CacheUnusable
from sts_plugin.folders import NoHome, data_folder
from sts_plugin.settings import Settings

HOME = "/home/alice"
LOCAL = "C:\\Users\\alice\\AppData\\Local"


@pytest.fixture
def on(monkeypatch):
    """Let platformdirs be that of another platform; paths stay those of this one."""
    monkeypatch.setenv("HOME", HOME)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)

    def choose(kind):
        monkeypatch.setattr(platformdirs, "PlatformDirs", kind)
        monkeypatch.setattr(
            "platformdirs.windows.get_win_folder", lambda name: f"{LOCAL}|{name}"
        )

    return choose


def folders():
    cache = str(cache_folder(Settings.from_environ({})))
    return cache.replace("\\", "/"), str(data_folder({})).replace("\\", "/")


WHERE = {
    Unix: (f"{HOME}/.cache/sts-plugin", f"{HOME}/.local/share/sts-plugin"),
    MacOS: (
        f"{HOME}/Library/Caches/sts-plugin",
        f"{HOME}/Library/Application Support/sts-plugin",
    ),
}


@pytest.mark.parametrize("kind", WHERE)
def test_the_folders_are_those_of_the_platform(on, kind):
    on(kind)
    assert folders() == WHERE[kind]


def test_on_windows_they_are_in_the_part_of_the_profile_that_stays_on_the_machine(
    on, monkeypatch
):
    # Not in the roaming one, which goes to a server: a session is for one machine.
    on(Windows)
    monkeypatch.setattr("pathlib.PurePosixPath.is_absolute", lambda _: True)
    cache, data = folders()
    local = LOCAL.replace("\\", "/")
    assert cache == f"{local}|CSIDL_LOCAL_APPDATA/sts-plugin/Cache"
    assert data == f"{local}|CSIDL_LOCAL_APPDATA/sts-plugin"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, OSError])
def test_a_user_without_folders_has_no_cache_and_is_told(monkeypatch, kind):
    def nowhere(*_, **__):
        raise kind("LOCALAPPDATA")

    monkeypatch.setattr("platformdirs.user_cache_path", nowhere)
    monkeypatch.setattr("platformdirs.user_data_path", nowhere)
    with pytest.raises(CacheUnusable, match="no home folder"):
        cache_folder(Settings.from_environ({}))
    with pytest.raises(NoHome):
        data_folder({})


def test_the_quick_way_looks_where_the_cache_of_macos_is(on, monkeypatch):
    on(MacOS)
    monkeypatch.setattr(warm.sys, "platform", "darwin")
    assert warm.folder_of({b"HOME": HOME.encode()}) == os.fsencode(WHERE[MacOS][0])


def test_on_windows_nothing_is_sure_for_the_quick_way(monkeypatch):
    monkeypatch.setattr(warm.sys, "platform", "win32")
    assert warm.identity(os.fsencode(__file__)) is None
    words = ["credential-process", "--profile", "p"]
    assert warm.question(words, {}, os.path.dirname(warm.__file__)) is None  # noqa: PTH120
