from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from frames import frames_of

from sts_plugin import aws_files
from sts_plugin.errors import ConfigurationError
from sts_plugin.key_files import take_out
from sts_plugin.model import Setting
from sts_plugin.profiles import load_profiles

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ID_LINE = f"aws_access_key_id = {KEY_ID}"
SECRET_LINE = f"aws_secret_access_key = {SECRET}"


@pytest.fixture
def file(aws):
    """The credentials file, with what a test writes into it."""
    return aws.credentials


@pytest.fixture
def settings(aws):
    """The two settings of a profile, as they are in the file now."""

    def read(profile="alice"):
        found = load_profiles(aws.environ)[profile].credentials
        return found["aws_access_key_id"], found["aws_secret_access_key"]

    return read


def refused(settings):
    with pytest.raises(ConfigurationError) as caught:
        take_out(*settings)
    shown = frames_of(caught.value)
    assert SECRET not in shown
    assert "it still holds the access key" in caught.value.message
    return caught.value


# {} is where a line goes.
FILES = {
    "plain": "[alice]\n{}\n{}\nregion = x\n",
    "comments": "# one\n[alice] ; two\n; three\n{}\n# four\n{}\n\n# five\n",
    "the other way round": "[alice]\n{1}\nx = 1\n{0}\n",
    "no newline at the end": "[alice]\n{}\n{}",
    "indented": "[alice]\n  {}\n  {}\n  s3 =\n    a = b\n",
    "deeper above": "[alice]\n      {}\n    {}\n   region = x\n",
    "the same in others": (
        f"[bob]\n{ID_LINE}\naws_secret_access_key = another\n"
        "[alice]\n{}\ny = 2\n{}\n"
        f"[carol]\n{ID_LINE}\n"
    ),
    "a value that looks alike": (
        f"[alice]\nnote = {ID_LINE}\nx =\n  {ID_LINE}\n{{}}\n{{}}\n"
    ),
    "nothing else": "[alice]\n{}\n{}\n",
    "blank lines": "\n\n[alice]\n\n{}\n\n\n{}\n\n[x]\n",
    "not English": "[älice]\nx = ü\n[alice]\n{}\n# ß\n{}\n",
}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", FILES)
def test_two_lines_go_and_every_other_byte_stays(file, settings, name, ending):
    text = FILES[name].replace("\n", ending)
    file.write_bytes(text.format(ID_LINE, SECRET_LINE).encode())
    taken = take_out(*settings())
    assert (taken.path, taken.left) == (str(file), ())
    rest = text
    for place in ("{0}", "{1}", "{}"):
        for before in ("      ", "    ", "  ", ""):
            rest = rest.replace(f"{before}{place}{ending}", "")
            rest = rest.removesuffix(f"{before}{place}")
    assert file.read_bytes().decode() == rest


def test_a_key_may_be_spelled_as_one_likes(file, settings):
    file.write_text(f"[alice]\nAWS_Access_Key_ID:{KEY_ID}\n{SECRET_LINE}\nx = y\n")
    take_out(*settings())
    assert file.read_text() == "[alice]\nx = y\n"


def test_a_secret_that_is_left_elsewhere_is_told_by_its_lines(file, settings):
    file.write_text(
        f"[alice]\n{ID_LINE}\n# {SECRET}\n{SECRET_LINE}\n[bob]\n{SECRET_LINE}\n"
    )
    assert take_out(*settings()).left == (2, 4)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755])
def test_its_mode_stays_whatever_the_umask(file, settings, mode):
    file.write_text(f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n")
    file.chmod(mode)
    before = os.umask(0o777)
    try:
        take_out(*settings())
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_its_owner_stays(file, settings):
    file.write_text(f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n")
    os.chown(file, 1234, 4321)
    take_out(*settings())
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_a_link_stays_and_what_it_leads_to_changes(file, settings, tmp_path):
    real = tmp_path / "there"
    real.write_text(f"[alice]\n{ID_LINE}\n{SECRET_LINE}\nx = y\n")
    file.unlink(missing_ok=True)
    file.symlink_to("there")
    take_out(*settings())
    assert file.readlink() == Path("there")
    assert real.read_text() == "[alice]\nx = y\n"


CHANGES = {
    "another secret": lambda text: text.replace(SECRET, SECRET[::-1]),
    "another id": lambda text: text.replace(KEY_ID, "AKIAANOTHERONEEEEEEE"),
    "a line above": lambda text: f"# new\n{text}",
    "no such section": lambda text: text.replace("[alice]", "[bob]"),
    "another order": lambda text: "\n".join(reversed(text.splitlines())),
    "no AWS file": lambda _: "this is no file of profiles\n",
    "twice": lambda text: text + text,
    "empty": lambda _: "",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_says_something_else_by_now_is_left(file, settings, change):
    text = f"[alice]\n{ID_LINE}\n{SECRET_LINE}\nx = y\n"
    file.write_text(text)
    found = settings()
    changed = CHANGES[change](text)
    file.write_text(changed)
    if change == "no such section":  # the same lines, of another profile
        file.write_text(changed.replace("[bob]", "[bob]\n"))
        changed = file.read_text()
    refused(found)
    assert file.read_text() == changed
    assert [one.name for one in file.parent.iterdir() if "tmp" in one.name] == []


def test_a_change_in_the_last_moment_is_noticed(file, settings, monkeypatch):
    text = f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n"
    file.write_text(text)
    found, make_alike = settings(), aws_files._make_alike

    def meanwhile(*arguments):
        make_alike(*arguments)
        file.write_text(f"{text}[bob]\n")

    monkeypatch.setattr(aws_files, "_make_alike", meanwhile)
    assert "was changed meanwhile" in refused(found).message
    assert file.read_text() == f"{text}[bob]\n"
    assert {one.name for one in file.parent.iterdir()} <= {"config", "credentials"}


@pytest.mark.parametrize(
    "text",
    [
        # A line that would be read as something else without those above it.
        f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n  more\n",
        f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n\n\tmore = x\n",
    ],
)
def test_a_value_of_several_lines_is_left(file, settings, text):
    file.write_text(text)
    refused(settings())
    assert file.read_text() == text


@pytest.mark.parametrize(
    "trouble", ["read-only", "second name", "gone", "pipe", "huge"]
)
def test_a_file_that_cannot_be_replaced_is_left_and_told(
    file, settings, trouble, tmp_path, monkeypatch
):
    text = f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n"
    file.write_text(text)
    found = settings()
    if trouble == "read-only":
        file.chmod(0o400)
    elif trouble == "second name":
        os.link(file, tmp_path / "second")
    elif trouble == "huge":
        monkeypatch.setattr(aws_files, "BYTES_MAX", 10)
    else:
        file.unlink()
    if trouble == "pipe":
        os.mkfifo(file)
    refused(found)
    if trouble not in {"gone", "pipe"}:
        assert file.read_text() == text


def test_a_full_disk_leaves_the_file_and_no_other(file, settings, monkeypatch):
    text = f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n"
    file.write_text(text)
    found = settings()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in refused(found).message
    assert file.read_text() == text
    assert {one.name for one in file.parent.iterdir()} <= {"config", "credentials"}


def test_what_a_crash_left_is_swept(file, settings):
    file.write_text(f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n")
    left = file.with_name(".credentials.sts-plugin-0123")
    left.write_text("keys of others")
    other = file.with_name(".credentials.of-somebody-else")
    other.write_text("x")
    take_out(*settings())
    assert not left.exists()
    assert other.exists()


def test_a_setting_without_a_line_is_no_place_to_look(file, settings):
    file.write_text(f"[alice]\n{ID_LINE}\n{SECRET_LINE}\n")
    found = [
        Setting(one.key, one.value, type(one.origin)(one.origin.path), one.profile)
        for one in settings()
    ]
    refused(found)
