"""Which plans may be renewed where nobody is, and how that is started."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from sts_plugin import background
from sts_plugin.access_keys import AccessKeys
from sts_plugin.background import renewable, start
from sts_plugin.errors import ConfigurationError
from sts_plugin.key_records import KeyRecord
from sts_plugin.plan import make_plan

KEYS = "[alice]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = s\n"
ROLE = "[profile p]\nrole_arn = arn:aws:iam::222222222222:role/R\n"
DEVICE = "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
PROCESS = "[profile p]\ncredential_process = /bin/other\n"

CASES = {
    "a role": (f"{ROLE}source_profile = alice\n", True),
    "a role behind a session": (f"{ROLE}source_profile = alice\n{DEVICE}", True),
    "a session itself": (f"[profile p]\ninclude_profile = alice\n{DEVICE}", False),
    "a session whose seed is in a file": (
        f"[profile alice]\n{DEVICE}totp_file = /seed\n"
        "[profile p]\ncredential_process = sts-plugin credential-process"
        " --profile alice\n",
        True,
    ),
    "a code with each call": (
        f"{ROLE}source_profile = alice\n{DEVICE}mfa_mode = direct\n",
        False,
    ),
    "a code of a command": (
        f"{ROLE}source_profile = alice\n{DEVICE}mfa_mode = direct\nmfa_process = x\n",
        False,
    ),
    "a role of what a command prints": (
        f"{ROLE}source_profile = other\n[profile other]\ncredential_process = x\n",
        False,
    ),
    "a token of a command": (f"{ROLE}web_identity_token_process = x\n", False),
    "a token in a file": (f"{ROLE}web_identity_token_file = /token\n", True),
    "an assertion of a command": (f"{ROLE}saml_process = x\n", False),
    "a sealed cache": (
        f"{ROLE}source_profile = alice\nsts_plugin_cache_encryption = keychain\n",
        False,
    ),
    "keys in a keychain": (
        f"{ROLE}source_profile = kept\n[profile kept]\nsts_plugin_keychain = yes\n",
        False,
    ),
    "no call": (PROCESS, False),
}


@pytest.fixture(autouse=True)
def record_of_keys(tmp_path, monkeypatch):
    """Somebody keeps the keys of a profile in the keychain."""
    monkeypatch.setenv("STS_PLUGIN_DATA_DIR", str(tmp_path / "data"))
    record = KeyRecord("kept", "AKIAEXAMPLE000000000", datetime.now(UTC))
    AccessKeys(tmp_path / "data").save(record)
    return {"STS_PLUGIN_DATA_DIR": str(tmp_path / "data")}


def plan_of(aws, config, environ):
    return make_plan(aws(config, KEYS), "p", {**os.environ, **aws.environ, **environ})


@pytest.mark.parametrize("name", CASES)
def test_what_needs_nobody_may_be_renewed_in_the_background(aws, name):
    config, may = CASES[name]
    assert renewable(plan_of(aws, config, {}), {}) is may


@pytest.mark.parametrize(
    ("word", "may"), [("yes", True), ("", True), ("no", False), ("off", False)]
)
def test_a_variable_switches_it_off(aws, word, may):
    plan = plan_of(aws, CASES["a role"][0], {})
    assert renewable(plan, {"STS_PLUGIN_BACKGROUND": word}) is may


def test_a_variable_that_says_neither_is_an_error(aws):
    plan = plan_of(aws, CASES["a role"][0], {})
    with pytest.raises(ConfigurationError, match="STS_PLUGIN_BACKGROUND"):
        renewable(plan, {"STS_PLUGIN_BACKGROUND": "perhaps"})


def test_a_program_that_is_the_first_of_a_container_starts_none(mocker):
    started = mocker.patch.object(subprocess, "Popen")
    mocker.patch("os.getppid", return_value=1)
    start(["--profile", "p"], {})
    started.assert_not_called()


def test_the_process_has_a_session_of_its_own_and_no_code(mocker):
    started = mocker.patch.object(subprocess, "Popen")
    start(["--profile", "p"], {"AWS_PROFILE": "p", "STS_PLUGIN_MFA_CODE": "123456"})
    (words,), options = started.call_args
    assert words[0] == sys.executable
    assert words[-4:] == ["sts_plugin", "renew", "--profile", "p"]
    assert options["env"] == {"AWS_PROFILE": "p"}
    assert options["start_new_session"]
    assert {options[name] for name in ("stdin", "stdout", "stderr")} == {
        subprocess.DEVNULL
    }


def test_on_windows_the_process_has_no_console_and_no_ctrl_c_of_ours(
    mocker, monkeypatch, on_windows
):
    for name, flag in (("DETACHED_PROCESS", 8), ("CREATE_NEW_PROCESS_GROUP", 0x200)):
        monkeypatch.setattr(subprocess, name, flag, raising=False)
    mocker.patch("os.getppid", return_value=1)  # nobody leads others there
    on_windows(background)
    started = mocker.patch.object(subprocess, "Popen")
    start([], {})
    assert started.call_args.kwargs["creationflags"] == 0x208
