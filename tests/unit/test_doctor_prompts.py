"""Which ways to a code work here, and whose codes nobody could give."""

from __future__ import annotations

import pytest

from sts_plugin.doctor.prompts import Way, code_findings, ways_here
from sts_plugin.overview import summaries

DEVICE = "arn:aws:iam::111111111111:mfa/alice"
KEYS = "[alice]\naws_access_key_id = A\naws_secret_access_key = s\n"
NAMES = ("terminal", "dialog", "pinentry", "keychain")


def ways(*working):
    return {name: Way(name in working, f"text of {name}") for name in NAMES}


@pytest.fixture
def look(aws):
    def work(config, *working, seeds=(), programs=()):
        profiles = aws(f"[profile alice]\nmfa_serial = {DEVICE}\n{config}", KEYS)
        found = summaries(profiles, {})
        here = ways(*working)
        return list(code_findings(here, found, seeds, found=lambda it: it in programs))

    return work


def about_profiles(found):
    return [(one.check, one.profile) for one in found if one.profile]


def test_a_way_that_works_is_fine_and_another_one_is_noted_with_its_fix(look):
    found = look("", "terminal", "keychain")
    assert {(one.check, one.level, bool(one.fix)) for one in found} == {
        ("way-terminal", "ok", False),
        ("way-dialog", "note", True),
        ("way-pinentry", "note", True),
        ("way-seeds", "note", True),
        ("keychain", "ok", False),
    }
    assert all(f"text of {one.check[-8:]}" in one.what for one in found[:1])


def test_where_nobody_can_be_asked_the_profile_is_told(look):
    assert about_profiles(look("")) == [("cannot-ask", "alice")]
    assert about_profiles(look("", "keychain")) == [("cannot-ask", "alice")]


@pytest.mark.parametrize("way", ["terminal", "dialog", "pinentry"])
def test_one_way_will_do(look, way):
    assert about_profiles(look("", way)) == []


def test_a_way_that_the_profile_does_not_take_does_not_count(look):
    found = look("mfa_prompt = dialog\n", "terminal")
    assert about_profiles(found) == [("cannot-ask", "alice")]
    assert found[-1].where.endswith("config:3")


def test_a_seed_will_do(look, tmp_path):
    found = look("", seeds=(DEVICE,))
    assert about_profiles(found) == []
    assert ("way-seeds", "ok") in {(one.check, one.level) for one in found}
    assert about_profiles(look(f"sts_plugin_totp_file = {tmp_path}/s\n")) == []


def test_a_command_will_do_if_it_can_be_run(look):
    line = "mfa_process = ykman --secret canary\n"
    assert about_profiles(look(line, programs=("ykman",))) == []
    found = look(line)
    assert about_profiles(found) == [
        ("command-missing", "alice"),
        ("cannot-ask", "alice"),
    ]
    assert "canary" not in repr(found)


def test_a_profile_without_a_device_needs_nobody(aws):
    found = code_findings(
        ways(), summaries(aws("", KEYS), {}), (), found=lambda _name: True
    )
    assert about_profiles(found) == []


def test_this_machine_is_looked_at_without_asking_anybody(tmp_path, standin):
    for name in ("zenity", "pinentry"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        program.chmod(0o755)
    found = ways_here({"PATH": str(tmp_path), "GNUPGHOME": str(tmp_path)}, "linux")
    assert not found["dialog"].works
    assert "display" in found["dialog"].text
    assert found["keychain"].works
    assert not (tmp_path / "started").exists()
    assert not standin.exists()


def test_no_pinentry_is_said(tmp_path):
    environ = {"PATH": str(tmp_path), "GNUPGHOME": str(tmp_path)}
    assert ways_here(environ, "linux")["pinentry"].text == "no pinentry is installed"
