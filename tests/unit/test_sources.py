from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from frames import frames_of

from sts_plugin.access_keys import AccessKeys
from sts_plugin.chain import follow
from sts_plugin.errors import ConfigurationError, NothingHere, StsPluginError
from sts_plugin.guard import GUARD_VARIABLE
from sts_plugin.key_records import KeyRecord
from sts_plugin.model import Credentials, Endpoint, Secret
from sts_plugin.sources import load_source

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = canary-secret\n"
ENV = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


@pytest.fixture
def load(aws, stock):
    """Follow profile p to its source and load that; ``stock`` clears the machine."""

    def call(config="", credentials="", environ=None, *, name="p", explicit=True):
        stock(environ=environ)
        profiles = aws(config, credentials)
        seen = dict(os.environ)
        hop = follow(profiles, name, seen, explicit=explicit).source
        return load_source(hop, profiles, seen)

    return call


@pytest.fixture
def script(tmp_path):
    """Write a program and return its path."""

    def write(code, name="program"):
        path = tmp_path / name
        path.write_text(f"#!{sys.executable}\n{code}")
        path.chmod(0o755)
        return path

    return write


# --- Static keys ---


@pytest.mark.parametrize(
    ("config", "credentials", "expected"),
    [
        (KEYS, "", Credentials("AKIA1", Secret("canary-secret"))),
        ("", KEYS, Credentials("AKIA1", Secret("canary-secret"))),
        (
            f"{KEYS}aws_session_token = t\naws_account_id = 123456789012\n",
            "",
            Credentials(
                "AKIA1", Secret("canary-secret"), Secret("t"), None, "123456789012"
            ),
        ),
        # botocore reads the older name first
        (
            f"{KEYS}aws_session_token = new\naws_security_token = old\n",
            "",
            Credentials("AKIA1", Secret("canary-secret"), Secret("old")),
        ),
        # keys are a set of one file; other settings are merged
        (
            "aws_access_key_id = x\naws_secret_access_key = y\naws_session_token = t\n"
            "aws_account_id = 123456789012\n",
            KEYS,
            Credentials("AKIA1", Secret("canary-secret"), None, None, "123456789012"),
        ),
        (
            f"{KEYS}aws_session_token =\n",
            "",
            Credentials("AKIA1", Secret("canary-secret")),
        ),
    ],
)
def test_static_keys_are_a_set_from_one_file(load, config, credentials, expected):
    config = f"[profile p]\n{config}" if config else ""
    credentials = f"[p]\n{credentials}" if credentials else ""
    assert load(config, credentials) == expected


# --- The environment ---


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, Credentials("AKIAENV", Secret("canary-secret"))),
        (
            {"AWS_SESSION_TOKEN": "new", "AWS_ACCOUNT_ID": "123456789012"},
            Credentials(
                "AKIAENV", Secret("canary-secret"), Secret("new"), None, "123456789012"
            ),
        ),
        (
            {"AWS_SESSION_TOKEN": "new", "AWS_SECURITY_TOKEN": "old"},
            Credentials("AKIAENV", Secret("canary-secret"), Secret("old")),
        ),
        (
            {"AWS_SESSION_TOKEN": "t", "AWS_SECURITY_TOKEN": ""},
            Credentials("AKIAENV", Secret("canary-secret"), Secret("t")),
        ),
        (
            {"AWS_CREDENTIAL_EXPIRATION": "2040-01-31T12:00:00Z"},
            Credentials(
                "AKIAENV",
                Secret("canary-secret"),
                expiration=datetime(2040, 1, 31, 12, tzinfo=UTC),
            ),
        ),
        (
            {"AWS_CREDENTIAL_EXPIRATION": "2040-01-31T14:00:00+02:00"},
            Credentials(
                "AKIAENV",
                Secret("canary-secret"),
                expiration=datetime(2040, 1, 31, 12, tzinfo=UTC),
            ),
        ),
    ],
)
def test_the_environment_is_read(load, extra, expected):
    assert load(environ=ENV | extra, name="default", explicit=False) == expected


def test_the_environment_can_be_the_source_of_a_role(load):
    role = "[profile p]\nrole_arn = x\ncredential_source = Environment\n"
    assert load(role, environ=ENV).access_key_id == "AKIAENV"


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "1900000000",
        "2040-13-01",
        "2040-01-31T12:00:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_an_expiration_that_is_no_time_is_told(load, text):
    with pytest.raises(ConfigurationError, match="AWS_CREDENTIAL_EXPIRATION"):
        load(
            environ=ENV | {"AWS_CREDENTIAL_EXPIRATION": text},
            name="default",
            explicit=False,
        )


def test_credentials_of_the_environment_that_are_over_are_not_used(load):
    environ = ENV | {"AWS_CREDENTIAL_EXPIRATION": "2001-01-31T12:00:00Z"}
    with pytest.raises(ConfigurationError, match="over since 2001-01-31") as caught:
        load(environ=environ, name="default", explicit=False)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "AKIA 1"),
        ("AWS_ACCESS_KEY_ID", "AKIA1\r"),
        ("AWS_SECRET_ACCESS_KEY", "canary\r"),
        ("AWS_SECRET_ACCESS_KEY", "canary\u00a0"),
        ("AWS_SESSION_TOKEN", "canary token"),
    ],
)
def test_a_blank_that_was_copied_along_is_told_without_the_key(load, name, value):
    # It would only be refused as a wrong signature.
    with pytest.raises(ConfigurationError, match="a character that no key") as caught:
        load(environ=ENV | {name: value}, name="default", explicit=False)
    assert "canary" not in caught.value.line
    assert "copied along" in caught.value.hint


# --- A foreign credential_process ---

DOCUMENT = {
    "Version": 1,
    "AccessKeyId": "ASIAPROCESS",
    "SecretAccessKey": "canary-secret",
    "SessionToken": "canary-token",
    "Expiration": "2040-01-31T12:00:00Z",
    "AccountId": "123456789012",
}


def test_a_foreign_process_is_run(load, script):
    program = script(f"print({json.dumps(DOCUMENT)!r})")
    assert load(f"[profile p]\ncredential_process = {program}\n") == Credentials(
        "ASIAPROCESS",
        Secret("canary-secret"),
        Secret("canary-token"),
        datetime(2040, 1, 31, 12, tzinfo=UTC),
        "123456789012",
    )


def test_a_foreign_process_without_an_expiration_gives_lasting_keys(load, script):
    document = {key: DOCUMENT[key] for key in list(DOCUMENT)[:3]}
    program = script(f"print({json.dumps(document)!r})")
    assert load(f"[profile p]\ncredential_process = {program}\n") == Credentials(
        "ASIAPROCESS", Secret("canary-secret")
    )


def whole(**changes):
    return f"print({json.dumps(DOCUMENT | changes)!r})"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('locked\\nout')", "locked out"),
        ("print('canary-secret')", ""),
        ("", ""),
        ("print('[]')", ""),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", ""),
        (whole(Version=2), "nsupported version"),
        (whole(Expiration="soon canary-secret"), ""),
        (whole(Expiration="2040-01-31T12:00:00"), ""),
        (whole(Expiration="2001-01-31T12:00:00Z"), ""),
        (whole(Expiration=1), ""),
    ],
)
def test_a_foreign_process_that_fails_is_told_in_one_line(load, script, code, words):
    program = script(code)
    with pytest.raises(ConfigurationError) as caught:
        load(f"[profile p]\ncredential_process = {program}\n")
    line = caught.value.line
    assert 'the process credentials of profile "p"' in line
    assert words in line
    assert "\n" not in line
    assert "canary" not in line
    assert caught.value.__context__ is None


@pytest.mark.parametrize("changes", [{"AccessKeyId": None}, {"Expiration": "soon"}])
def test_no_frame_holds_what_a_foreign_process_printed(load, script, changes):
    backwards = "never written anywhere"[::-1]
    document = {**DOCUMENT, **changes, "SecretAccessKey": backwards}
    document = {key: value for key, value in document.items() if value}
    text = json.dumps(json.dumps(document)[::-1])
    program = script(f"print({text}[::-1])")
    del backwards, document, text
    with pytest.raises(ConfigurationError) as caught:
        load(f"[profile p]\ncredential_process = {program}\n")
    shown = frames_of(caught.value)
    assert "_by_botocore: hop = " in shown
    assert "never written anywhere"[::-1] not in shown


@pytest.mark.parametrize("command", ["/nowhere/program", "/"])
def test_a_foreign_process_that_cannot_be_run_is_told(load, command):
    with pytest.raises(ConfigurationError, match=f": {command}"):
        load(f"[profile p]\ncredential_process = {command} --secret canary\n")


def test_a_foreign_process_is_told_for_whom_it_runs(load, script, tmp_path):
    program = script(
        f"import os; open({str(tmp_path / 'seen')!r}, 'w').write("
        f"os.environ[{GUARD_VARIABLE!r}]); {whole()}"
    )
    config = f"[profile p]\ncredential_process = {program}\n"
    for above, seen in (
        ({GUARD_VARIABLE: '["above"]'}, ["above", "p"]),
        ({GUARD_VARIABLE: "garbage"}, ["p"]),
        ({GUARD_VARIABLE: "5"}, ["p"]),
    ):
        load(config, environ=above)
        assert json.loads((tmp_path / "seen").read_text()) == seen


# Loads profile p as the executable does: through follow and load_source.
DETOUR = """\
import os, sys
sys.path[:0] = {path!r}
count = {count!r}
with open(count, "a") as file:
    file.write("x")
assert os.path.getsize(count) < 5, "a fork bomb"
from sts_plugin.chain import follow
from sts_plugin.errors import StsPluginError
from sts_plugin.profiles import load_profiles
from sts_plugin.sources import load_source
profiles = load_profiles(os.environ)
hop = follow(profiles, {name!r}, os.environ, explicit=True).source
try:
    load_source(hop, profiles, os.environ)
except StsPluginError as error:
    sys.exit(error.line)
"""


@pytest.mark.parametrize("name", ["p", "my profile", "a,b", "ä", "p->p", "a:b"])
def test_a_process_that_leads_back_to_its_profile_is_an_error(
    load, script, tmp_path, name
):
    count = tmp_path / "count"
    code = DETOUR.format(path=sys.path, count=str(count), name=name)
    program = script(code)
    config = f'[profile "{name}"]\ncredential_process = {program}\n'
    with pytest.raises(ConfigurationError, match="leads back to the same profile"):
        load(config, name=name)
    assert count.read_text() == "x"


def test_a_loop_of_two_processes_is_an_error(load, script, tmp_path):
    count = tmp_path / "count"
    programs = [
        script(DETOUR.format(path=sys.path, count=str(count), name=name), name)
        for name in ("q", "p")
    ]
    config = "".join(
        f"[profile {name}]\ncredential_process = {program}\n"
        for name, program in zip("pq", programs, strict=True)
    )
    with pytest.raises(ConfigurationError, match="leads back to the same profile"):
        load(config)
    assert count.read_text() == "xx"


def test_a_process_that_asks_for_another_profile_is_no_loop(load, script, tmp_path):
    count = tmp_path / "count"
    code = DETOUR.format(path=sys.path, count=str(count), name="b") + whole()
    config = f"[profile p]\ncredential_process = {script(code)}\n[profile b]\n{KEYS}"
    assert load(config).access_key_id == "ASIAPROCESS"


# --- What only botocore can resolve ---


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "sso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\n"
            "sso_start_url = http://127.0.0.1:9\n",
            "sso",
        ),
        ("sso_account_id = 1\n", "sso"),
        ("sso_account_id = 1\nsso_role_name = r\nsso_session = missing\n", "sso"),
        ("login_session = arn:aws:iam::111111111111:user/x\n", "login"),
    ],
)
def test_what_botocore_cannot_resolve_is_one_line_of_ours(load, text, kind):
    with pytest.raises(ConfigurationError) as caught:
        load(f"[profile p]\n{text}")
    line = caught.value.line
    assert f'the {kind} credentials of profile "p"' in line
    assert "\n" not in line
    assert caught.value.hint


# --- What a profile includes, of which botocore knows nothing ---


def test_the_process_of_an_included_profile_is_run(load, script):
    program = script(whole())
    config = (
        "[profile p]\ninclude_profile = common\n"
        f"[profile common]\ncredential_process = {program}\n"
    )
    assert load(config).access_key_id == "ASIAPROCESS"


def test_the_process_of_a_profile_wins_over_that_of_an_included_one(load, script):
    program = script(whole())
    config = (
        f"[profile p]\ninclude_profile = common\ncredential_process = {program}\n"
        "[profile common]\ncredential_process = false\n"
    )
    assert load(config).access_key_id == "ASIAPROCESS"


def test_the_sso_settings_of_an_included_profile_reach_botocore(load):
    config = (
        "[profile p]\ninclude_profile = common\nsso_role_name = r\n"
        "[profile common]\nsso_account_id = 1\nsso_region = us-east-1\n"
        "sso_start_url = http://127.0.0.1:9\n"
    )
    # With all four it looks for the token of that address.
    with pytest.raises(ConfigurationError, match=r"http://127.0.0.1:9"):
        load(config)


def test_what_the_region_and_the_network_of_a_plan_say_counts_for_a_source(
    aws, stock, mocker
):
    stock()
    config = (
        "[profile p]\nsso_account_id = 1\nsso_role_name = r\nsso_region = us-east-1\n"
        "sso_start_url = http://127.0.0.1:9\n[profile q]\nca_bundle = /q.pem\n"
    )
    profiles = aws(config)
    hop = follow(profiles, "p", {}, explicit=True).source
    asked = []

    def host(profile):
        asked.append(profile)
        return mocker.Mock()

    with pytest.raises(ConfigurationError):
        load_source(
            hop,
            profiles,
            {},
            endpoint=Endpoint("eu-west-1", profile="q"),
            session=host,
        )
    assert asked == ["q"]


def test_a_machine_without_anything_has_nothing_here(aws, stock):
    stock()
    profiles = aws("[profile p]\n")
    hop = follow(profiles, "p", {}, explicit=True).source
    with pytest.raises(NothingHere):
        load_source(hop, profiles, {})


def test_every_error_of_a_source_is_one_of_ours(load, mocker):
    mocker.patch.object(subprocess, "Popen", side_effect=RuntimeError("canary-secret"))
    with pytest.raises(StsPluginError) as caught:
        load("[profile p]\ncredential_process = x\n")
    assert "canary" not in caught.value.line


def test_a_process_that_changed_since_the_plan_was_made_is_not_run(aws, tmp_path):
    text = f"[profile p]\ncredential_process = touch {tmp_path}/{{}}\n"
    hop = follow(aws(text.format("a")), "p", {}, explicit=True).source
    with pytest.raises(ConfigurationError, match="changed while they were read"):
        load_source(hop, aws(text.format("b")), {})
    assert not list(tmp_path.glob("[ab]"))


def test_keys_that_changed_since_the_plan_was_made_are_not_used(aws):
    # What comes of them would be published under the old identity's name.
    text = "[profile p]\naws_access_key_id = {}\naws_secret_access_key = s\n"
    hop = follow(aws(text.format("A")), "p", {}, explicit=True).source
    for changed in (text.format("B"), "[profile p]\n"):
        with pytest.raises(ConfigurationError, match="changed while they were read"):
            load_source(hop, aws(changed), {})


# --- Keys in the keychain ---

KEPT = "[profile p]\nsts_plugin_keychain = yes\n"
KEY = Credentials("AKIAIOSFODNN7EXAMPLE", Secret("canary-of-the-keychain"))


@pytest.fixture
def keys(standin, tmp_path, monkeypatch):
    """Keep a key for profile p."""
    monkeypatch.setenv("STS_PLUGIN_DATA_DIR", str(tmp_path / "data"))
    one = AccessKeys(tmp_path / "data")
    one.keep("p", KEY)
    one.save(KeyRecord("p", KEY.access_key_id, datetime.now(UTC)))
    return one


def test_a_key_in_the_keychain_is_the_source(load, keys):
    assert load(KEPT) == KEY
    text = f"{KEPT}aws_account_id = 123456789012\n"
    assert load(text).account_id == "123456789012"


def test_it_wins_over_keys_in_any_file(load, keys):
    text = f"{KEPT}{KEYS}"
    assert load(f"{text}credential_process = false\n", f"[p]\n{KEYS}") == KEY
    assert load(text.replace("yes", "no")).access_key_id == "AKIA1"


def test_another_key_than_the_plan_was_made_for_is_not_used(aws, stock, keys):
    stock()
    profiles = aws(KEPT)
    hop = follow(profiles, "p", os.environ, explicit=True).source
    other = Credentials("AKIAANOTHERONEEEEEEE", Secret("x" * 40))
    keys.keep("p", other)
    keys.save(KeyRecord("p", other.access_key_id, datetime.now(UTC)))
    keys.forget("p", KEY.access_key_id)  # a rotation, up to its end
    with pytest.raises(ConfigurationError) as caught:
        load_source(hop, profiles, os.environ)
    assert "were changed while they were read" in caught.value.message
    assert caught.value.hint == "run it again"


def test_a_key_that_is_not_there_any_more_is_told(load, keys):
    keys.forget("p", KEY.access_key_id)
    with pytest.raises(ConfigurationError) as caught:
        load(KEPT)
    assert "AKIAIOSFODNN7EXAMPLE" in caught.value.message
    assert "sts-plugin keys add --replace --profile p" in caught.value.hint


def test_a_key_with_a_line_break_in_it_is_told_and_not_shown(load, keys):
    keys.keep("p", Credentials(KEY.access_key_id, Secret("canary\r\n")))
    with pytest.raises(ConfigurationError) as caught:
        load(KEPT)
    assert "hold a character that no key has" in caught.value.message
    assert "canary" not in caught.value.line
