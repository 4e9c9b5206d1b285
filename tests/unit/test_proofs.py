from __future__ import annotations

import base64
import json
import os
import shlex
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sts_plugin import settings
from sts_plugin.actions import GIVEN
from sts_plugin.chain import Link
from sts_plugin.errors import ConfigurationError, HumanNeeded, NoAnswer, StsPluginError
from sts_plugin.guard import GUARD_VARIABLE
from sts_plugin.model import Origin, Secret, Setting
from sts_plugin.plan import make_plan
from sts_plugin.profiles import Profile
from sts_plugin.proofs import bring
from sts_plugin.sandbox.saml_response import Login, write

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AUDIT = "arn:aws:iam::111111111111:role/Audit"
ADMIN = "arn:aws:iam::111111111111:role/Admin"
IDP = "arn:aws:iam::111111111111:saml-provider/idp"
OTHER_IDP = "arn:aws:iam::111111111111:saml-provider/other"
CANARY = "wJalrXUtnFEMI"


def token(signature=CANARY, **claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.{signature}"


def assertion(*roles, encrypted=False, **changes):
    pairs = tuple(role if "," in role else f"{role},{IDP}" for role in roles)
    given = {"roles": pairs, "now": NOW, "session_name": CANARY, **changes}
    text = write(Login(**given)).decode()
    if encrypted:
        text = text.replace("saml:Assertion", "saml:EncryptedAssertion")
    return base64.b64encode(text.encode()).decode()


def revealed(arguments):
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in arguments.items()
    }


@pytest.fixture
def brought(aws):
    """Return what the last call of profile p brings along, secrets revealed."""

    def call(text, *, environ=None, given=None, now=NOW):
        profiles = aws(f"[profile p]\n{text}\n")
        *_, last = make_plan(profiles, "p", {}).calls
        environ = {"PATH": os.environ["PATH"]} if environ is None else environ
        found = bring(last, environ, given=given, now=now)
        assert CANARY not in repr(found)
        return revealed(found)

    return call


@pytest.fixture
def script(tmp_path):
    """Write a program and return its command line."""

    def write_program(code):
        path = tmp_path / "program"
        path.write_text(f"#!{sys.executable}\n{code}")
        path.chmod(0o755)
        return shlex.quote(str(path))

    return write_program


def clean(error):
    """The line of an error, once it is sure that it carries no secret."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert CANARY not in "".join(told.format_exception_only())
    for frame in told.stack:  # as error reporters send them; less the test's own
        if Path(frame.filename).parent.name == "sts_plugin":
            shown = str(frame.locals)
            assert CANARY not in shown
            assert base64.b64encode(CANARY.encode())[:12].decode() not in shown
            assert "PHNhbWxwOlJlc3BvbnNl" not in shown  # <samlp:Response
    assert CANARY not in f"{error.line} {error!r}"
    assert error.hint
    return error.line


WEB = f"role_arn = {AUDIT}\n"


def test_a_call_that_nothing_vouches_for_brings_nothing(aws):
    keys = "aws_access_key_id = A\naws_secret_access_key = s\n"
    profiles = aws(f"[profile p]\n{WEB}source_profile = p\n{keys}")
    (call,) = make_plan(profiles, "p", {}).calls
    assert bring(call, {}) == {}


# --- A token in a file ---


@pytest.mark.parametrize("key", ["web_identity_token", "saml", "trade_in_token"])
def test_a_file_that_changed_since_the_plan_was_made_is_not_brought(aws, tmp_path, key):
    # What comes of it would be published under the old identity's name.
    text = assertion if key == "saml" else lambda name: token(sub=name)
    file = tmp_path / "proof"
    file.write_text(text(AUDIT))
    keys = "aws_access_key_id = A\naws_secret_access_key = s\n"
    role = WEB if key == "web_identity_token" else ""
    signed = keys if key == "trade_in_token" else ""
    profiles = aws(f"[profile p]\n{role}{signed}{key}_file = {file}\n")
    (call,) = make_plan(profiles, "p", {}).calls
    assert bring(call, {}, now=NOW)
    file.write_text(text(ADMIN))
    with pytest.raises(ConfigurationError, match="changed while it was read") as caught:
        bring(call, {}, now=NOW)
    assert clean(caught.value)


@pytest.mark.parametrize("key", ["web_identity_token", "trade_in_token"])
@pytest.mark.parametrize("text", ["{}", "{}\n", "\n {} \r\n"])
def test_a_token_is_read_from_its_file_without_the_blanks_around_it(
    brought, tmp_path, key, text
):
    (tmp_path / "token").write_text(text.format(token(sub="me")))
    keys = "aws_access_key_id = A\naws_secret_access_key = s\n"
    role = WEB if key == "web_identity_token" else keys
    names = {
        "web_identity_token": "WebIdentityToken",
        "trade_in_token": "TradeInToken",
    }
    found = brought(f"{role}{key}_file = {tmp_path}/token")
    assert found == {names[key]: token(sub="me")}


def test_a_token_is_read_anew_each_time(aws, tmp_path):
    (tmp_path / "token").write_text(token(sub="me"))
    profiles = aws(f"[profile p]\n{WEB}web_identity_token_file = {tmp_path}/token\n")
    (call,) = make_plan(profiles, "p", {}).calls
    for text in (token("one", sub="me"), token("two", sub="me")):
        (tmp_path / "token").write_text(text)
        assert revealed(bring(call, {})) == {"WebIdentityToken": text}


def test_a_token_may_be_opaque(brought, tmp_path):
    (tmp_path / "token").write_text("Atza|IQEBLjAsAhRmHjNgHpi0U-Dme37rR6CuUpSR")
    found = brought(f"{WEB}web_identity_token_file = {tmp_path}/token")
    assert found["WebIdentityToken"].startswith("Atza|")


def test_the_path_of_a_token_may_be_relative_where_the_sdks_read_it_too(
    brought, tmp_path, monkeypatch
):
    (tmp_path / "token").write_text("opaque")
    monkeypatch.chdir(tmp_path)
    found = brought(f"{WEB}web_identity_token_file = token")
    assert found == {"WebIdentityToken": "opaque"}
    for key in ("sts_plugin_web_identity_token_file", "saml_file"):
        with pytest.raises(ConfigurationError, match="is not an absolute path"):
            brought(f"{WEB}{key} = token")


def test_the_path_of_a_token_may_begin_at_home(brought, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("opaque")
    for prefix in ("", "sts_plugin_"):
        found = brought(f"{WEB}{prefix}web_identity_token_file = ~/token")
        assert found == {"WebIdentityToken": "opaque"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _path: None, "cannot be read: No such file"),
        (os.mkfifo, "cannot be read: it is not a regular file"),
        (lambda path: path.write_bytes(b"\xff"), "cannot be read: it is not text"),
        (lambda path: path.write_text(""), "gave no token"),
        (lambda path: path.write_text(" \n"), "gave no token"),
        (lambda path: path.write_text(f"{CANARY} x"), "gave no token"),
        (lambda path: path.write_text(f"{CANARY}\nx"), "gave no token"),
        (lambda path: path.write_text(f"{CANARY}\x00"), "gave no token"),
        (lambda path: path.write_text(f"{CANARY}ä"), "gave no token"),
    ],
)
def test_a_file_without_a_token_is_told_with_line_key_and_profile(
    brought, aws, tmp_path, make, words
):
    make(tmp_path / "token")
    with pytest.raises(ConfigurationError) as caught:
        brought(f"{WEB}web_identity_token_file = {tmp_path}/token")
    line = clean(caught.value)
    assert line.startswith(f"{aws.config}:3: web_identity_token_file of profile")
    assert words in line


# --- Times ---


@pytest.mark.parametrize(
    ("exp", "good"),
    [
        (NOW + MINUTE, True),
        (NOW, True),
        (NOW - 5 * MINUTE, True),  # our clock may be wrong
        (NOW - 5 * MINUTE - timedelta(seconds=1), False),
        (datetime(2001, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_token_that_expired_some_minutes_ago_is_not_sent(
    brought, tmp_path, exp, good
):
    (tmp_path / "token").write_text(token(exp=exp.timestamp()))
    text = f"{WEB}web_identity_token_file = {tmp_path}/token"
    if good:
        assert brought(text)
        return
    with pytest.raises(HumanNeeded) as caught:
        brought(text)
    line = clean(caught.value)
    assert f"expired at {exp:%Y-%m-%d %H:%M:%S} UTC" in line
    assert "sign in again" in line


@pytest.mark.parametrize(
    "exp",
    [None, "soon", "2001-01-01", [], {}, 1e300, -1e300, 10**30, float("nan")],
    ids=str,
)
def test_an_expiry_that_makes_no_sense_is_for_sts_to_judge(brought, tmp_path, exp):
    (tmp_path / "token").write_text(token(exp=exp))
    assert brought(f"{WEB}web_identity_token_file = {tmp_path}/token")


@pytest.mark.parametrize(
    ("ended", "good"), [(0, True), (300, True), (301, False), (3600, False)]
)
def test_an_assertion_that_expired_some_minutes_ago_is_not_sent(
    brought, tmp_path, ended, good
):
    (tmp_path / "a").write_text(assertion(AUDIT, lifetime_seconds=-ended))
    if good:
        assert brought(f"saml_file = {tmp_path}/a")
        return
    with pytest.raises(HumanNeeded) as caught:
        brought(f"saml_file = {tmp_path}/a")
    line = clean(caught.value)
    ends = NOW - timedelta(seconds=ended)
    assert f"SAML assertion that expired at {ends:%Y-%m-%d %H:%M:%S} UTC" in line
    assert "sign in again" in line


# --- A command ---


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{WEB}web_identity_token_process", "WebIdentityToken"),
        (f"{WEB}sts_plugin_web_identity_token_process", "WebIdentityToken"),
        (
            "aws_access_key_id = A\naws_secret_access_key = s\ntrade_in_token_process",
            "TradeInToken",
        ),
    ],
)
def test_a_token_may_come_from_a_command(brought, script, text, name):
    program = script(f"print({token(sub='me')!r})")
    assert brought(f"{text} = {program}") == {name: token(sub="me")}


def test_a_command_is_run_anew_each_time(aws, script, tmp_path):
    count = tmp_path / "count"
    program = script(
        f"open({str(count)!r}, 'a').write('x')\n"
        f"print('token', len(open({str(count)!r}).read()), sep='')\n"
    )
    profiles = aws(f"[profile p]\n{WEB}web_identity_token_process = {program}\n")
    (call,) = make_plan(profiles, "p", {}).calls
    assert not count.exists()  # a plan runs nothing
    for number in (1, 2):
        assert revealed(bring(call, {})) == {"WebIdentityToken": f"token{number}"}


def test_a_command_sees_no_credentials_and_for_whom_it_runs(brought, script, tmp_path):
    program = script(
        "import json, os\n"
        f"open({str(tmp_path / 'seen')!r}, 'w').write(json.dumps({{**os.environ}}))\n"
        "print('token')\n"
    )
    environ = {
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_PROFILE": "p",
        GUARD_VARIABLE: '["above"]',
    }
    brought(f"{WEB}web_identity_token_process = {program}", environ=environ)
    seen = json.loads((tmp_path / "seen").read_text())
    assert CANARY not in seen.values()
    assert seen["AWS_PROFILE"] == "p"
    assert json.loads(seen[GUARD_VARIABLE]) == ["above", "p"]


def test_a_command_that_leads_back_to_its_profile_is_not_run(brought, tmp_path, aws):
    environ = {GUARD_VARIABLE: '["p", "q"]'}
    with pytest.raises(ConfigurationError) as caught:
        brought(
            f"{WEB}web_identity_token_process = touch {tmp_path}/ran", environ=environ
        )
    line = clean(caught.value)
    assert line.startswith(f"{aws.config}:3: the web_identity_token_process of")
    assert "p -> q -> p" in line
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["web_identity_token_process", "saml_process"])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"print({CANARY!r}); raise SystemExit(3)", "ended with exit code 3"),
        ("", "gave no "),
        ("print()", "gave no "),
        (f"print('logging in ...\\n{CANARY}')", "gave no "),
        (f"import sys; sys.stdout.buffer.write(b'\\xff{CANARY}')", "gave no "),
    ],
)
def test_a_command_that_gives_nothing_of_use_is_told(
    brought, aws, script, key, code, words
):
    with pytest.raises(ConfigurationError) as caught:
        brought(f"{WEB}{key} = {script(code)}")
    line = clean(caught.value)
    assert line.startswith(f'{aws.config}:3: {key} of profile "p" ')
    assert words in line


def test_a_command_that_takes_too_long_is_ended(brought, script, monkeypatch):
    monkeypatch.setattr(settings, "PROOF_COMMAND_SECONDS", 0.5)
    program = script(
        f"import time\nprint({CANARY!r}, flush=True)\nwhile True: time.sleep(60)"
    )
    with pytest.raises(NoAnswer, match="did not answer within") as caught:
        brought(f"saml_process = {program}")
    clean(caught.value)


# --- What a program has itself ---


def linked(aws, action, key, text=""):
    """The calls of a program's plan: profile p first, then the call itself."""
    said = {key + GIVEN: Setting("token", "digest", Origin("X()"))}
    link = Link(Profile("X()", Origin("X()"), config=said), action)
    return make_plan(
        aws(f"[profile p]\nregion = r\n{text}"), "p", {}, then=[link]
    ).calls


@pytest.mark.parametrize(
    ("action", "key", "text", "name"),
    [
        (
            "AssumeRoleWithWebIdentity",
            "web_identity_token",
            f" {token(sub='me')}\n",
            "WebIdentityToken",
        ),
        ("AssumeRoleWithSAML", "saml", assertion(AUDIT), "SAMLAssertion"),
        ("GetDelegatedAccessToken", "trade_in_token", CANARY, "TradeInToken"),
    ],
)
def test_what_a_program_holds_is_brought_as_it_is(aws, action, key, text, name):
    keys = "aws_access_key_id = A\naws_secret_access_key = s\n"
    role = {"role_arn": Setting("role_arn", AUDIT, Origin("X()"))}
    role = {} if action == "GetDelegatedAccessToken" else role
    said = {key + GIVEN: Setting("token", "digest", Origin("X()")), **role}
    link = Link(Profile("X()", Origin("X()"), config=said), action)
    *_, call = make_plan(aws(f"[profile p]\n{keys}"), "p", {}, then=[link]).calls
    found = bring(call, {}, given=Secret(text), now=NOW)
    assert CANARY not in repr(found)
    assert revealed(found)[name] == text.strip()


def test_what_a_program_holds_is_brought_by_its_own_call_only(aws, tmp_path):
    (tmp_path / "token").write_text(token(sub="me"))
    text = f"{WEB}web_identity_token_file = {tmp_path}/token\n"
    first, last = linked(aws, "GetDelegatedAccessToken", "trade_in_token", text)
    trade_in = Secret("trade-in")
    found = [revealed(bring(call, {}, given=trade_in)) for call in (first, last)]
    assert found == [
        {"WebIdentityToken": token(sub="me")},
        {"TradeInToken": "trade-in"},
    ]


# --- SAML: which role ---


@pytest.mark.parametrize(
    ("said", "offered", "chosen"),
    [
        ("", [AUDIT], (AUDIT, IDP)),
        (f"role_arn = {AUDIT}", [AUDIT], (AUDIT, IDP)),
        (f"role_arn = {AUDIT}", [ADMIN, AUDIT], (AUDIT, IDP)),
        (f"role_arn = {AUDIT}", [f"{OTHER_IDP},{AUDIT}", ADMIN], (AUDIT, OTHER_IDP)),
        (
            f"role_arn = {AUDIT}\nprincipal_arn = {OTHER_IDP}",
            [AUDIT, f"{AUDIT},{OTHER_IDP}"],
            (AUDIT, OTHER_IDP),
        ),
        (
            f"principal_arn = {OTHER_IDP}",
            [AUDIT, f"{ADMIN},{OTHER_IDP}"],
            (ADMIN, OTHER_IDP),
        ),
        ("", [AUDIT, f"{IDP},{AUDIT}"], (AUDIT, IDP)),
    ],
)
def test_the_role_is_the_one_that_profile_and_assertion_agree_on(
    brought, tmp_path, said, offered, chosen
):
    text = assertion(*offered)
    (tmp_path / "a").write_text(text)
    assert brought(f"{said}\nsaml_file = {tmp_path}/a") == {
        "SAMLAssertion": text,
        "RoleArn": chosen[0],
        "PrincipalArn": chosen[1],
    }


@pytest.mark.parametrize(
    ("said", "offered", "words", "named"),
    [
        ("", [AUDIT, ADMIN], "for several roles", [AUDIT, ADMIN]),
        (f"role_arn = {AUDIT}x", [AUDIT, ADMIN], f"without {AUDIT}x", [AUDIT, ADMIN]),
        (f"role_arn = {AUDIT}", [], f"without {AUDIT}", ["none"]),
        ("", [], "without a role", ["none"]),
        (
            f"role_arn = {AUDIT}\nprincipal_arn = {OTHER_IDP}",
            [AUDIT],
            f"without {AUDIT} and {OTHER_IDP}",
            [AUDIT],
        ),
        (
            f"role_arn = {AUDIT}",
            [AUDIT, f"{AUDIT},{OTHER_IDP}"],
            "with several providers",
            [IDP, OTHER_IDP],
        ),
    ],
)
def test_a_role_that_is_not_to_be_had_is_told_with_those_that_are(
    brought, aws, tmp_path, said, offered, words, named
):
    (tmp_path / "a").write_text(assertion(*offered))
    with pytest.raises(ConfigurationError) as caught:
        brought(f"{said}\nsaml_file = {tmp_path}/a")
    line = clean(caught.value)
    assert f'saml_file of profile "p" gave a SAML assertion {words}' in line
    assert ", ".join(named) in line
    if words == "with several providers":
        assert "set principal_arn" in line
    elif offered:
        assert 'set role_arn in profile "p"' in line


def test_an_encrypted_assertion_is_for_the_role_that_the_profile_names(
    brought, tmp_path
):
    text = assertion(AUDIT, encrypted=True)
    (tmp_path / "a").write_text(text)
    said = f"role_arn = {ADMIN}\nprincipal_arn = {IDP}\nsaml_file = {tmp_path}/a"
    assert brought(said) == {
        "SAMLAssertion": text,
        "RoleArn": ADMIN,
        "PrincipalArn": IDP,
    }
    for part in ("", f"role_arn = {ADMIN}", f"principal_arn = {IDP}"):
        with pytest.raises(ConfigurationError, match="encrypted") as caught:
            brought(f"{part}\nsaml_file = {tmp_path}/a")
        assert "role_arn and principal_arn" in clean(caught.value)


# --- SAML: how long ---


@pytest.mark.parametrize(
    ("said", "attribute", "asked"),
    [
        ("", None, None),
        ("duration_seconds = 1800", None, None),  # the profile's own, as it is
        ("", 7200, 7200),
        ("duration_seconds = 3600", 7200, None),
        ("duration_seconds = 7200", 7200, None),
        ("duration_seconds = 43200", 7200, 7200),
        ("", 900, 900),
        ("", 43_200, 43_200),
        ("duration_seconds = 900", 60, 60),
    ],
)
def test_the_length_in_the_assertion_is_used_and_caps_that_of_the_profile(
    brought, tmp_path, said, attribute, asked
):
    (tmp_path / "a").write_text(assertion(AUDIT, session_duration=attribute))
    text = f"{said}\nsaml_file = {tmp_path}/a"
    if asked == 60:
        with pytest.raises(ConfigurationError, match="SessionDuration = 60"):
            brought(text)
        return
    assert brought(text).get("DurationSeconds") == asked


@pytest.mark.parametrize("length", [0, -1, 899, 43_201])
def test_a_length_that_sts_does_not_take_is_for_the_identity_provider(
    brought, tmp_path, length
):
    (tmp_path / "a").write_text(assertion(AUDIT, session_duration=length))
    with pytest.raises(ConfigurationError) as caught:
        brought(f"saml_file = {tmp_path}/a")
    line = clean(caught.value)
    assert f"SessionDuration = {length}; STS takes 900 to 43200" in line
    assert "identity provider" in line


# --- SAML: what it is ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not XML"),
        (f"{CANARY}!", "it is not base64"),
        (f"<html>{CANARY}</html>", "it holds no assertion"),
        (f"<html>{CANARY}", "it is not XML"),
        ("%%%", "it is not base64"),
    ],
)
def test_what_is_no_assertion_is_told_without_its_text(brought, tmp_path, text, words):
    (tmp_path / "a").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        brought(f"saml_file = {tmp_path}/a")
    line = clean(caught.value)
    assert "gave no SAML assertion" in line
    assert words in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"roles": (AUDIT,)}, "its Role attribute"),
        ({"session_duration": "an hour"}, "its SessionDuration"),
    ],
)
def test_an_assertion_that_makes_no_sense_is_told(brought, tmp_path, changes, words):
    (tmp_path / "a").write_text(assertion(AUDIT, **changes))
    with pytest.raises(ConfigurationError) as caught:
        brought(f"saml_file = {tmp_path}/a")
    line = clean(caught.value)
    assert f"gave no SAML assertion: {words}" in line


def test_an_assertion_for_somebody_else_is_not_sent(brought, tmp_path):
    (tmp_path / "a").write_text(assertion(AUDIT, audience="https://jira.example.com"))
    with pytest.raises(ConfigurationError) as caught:
        brought(f"saml_file = {tmp_path}/a")
    line = clean(caught.value)
    assert "for https://jira.example.com, not for AWS" in line
    assert "signin.aws.amazon.com" in line


def test_an_assertion_is_sent_in_base64_whatever_it_was_printed_in(brought, script):
    plain = base64.b64decode(assertion(AUDIT)).decode().strip()
    found = brought(f"saml_process = {script(f'print({plain!r})')}")
    assert base64.b64decode(found["SAMLAssertion"]).decode() == plain


def test_every_error_of_a_proof_is_one_of_ours_and_one_line(brought, tmp_path):
    for text in ("\x00", "<" * 1000, "%", "A" * 100, "[]", CANARY):
        (tmp_path / "a").write_text(text)
        with pytest.raises(StsPluginError) as caught:
            brought(f"saml_file = {tmp_path}/a")
        assert "\n" not in clean(caught.value)
