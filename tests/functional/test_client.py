"""``sts_plugin.Client``: every call of STS from a Python program."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import pytest

import sts_plugin
from sts_plugin.errors import ConfigurationError, HumanNeeded, Refused

ROLE = "arn:aws:iam::222222222222:role/"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ROOT_TASK = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
CONTEXTS = "arn:aws:iam::aws:contextProvider/IdentityCenter"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
}


@pytest.fixture(autouse=True)
def _in_the_sandbox(environ, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bob():
    return sts_plugin.Client("bob")


@pytest.fixture
def arns(sandbox):
    """Whom the sandbox issued credentials to, and what it was sent, per call."""
    return lambda: [call.action for call in sandbox.journal.calls()]


def test_a_role_takes_all_that_sts_takes(bob, sandbox):
    found = bob.assume_role(
        f"{ROLE}Tagged",
        role_session_name="me",
        duration=timedelta(minutes=20),
        policy=POLICY,
        policy_arns=[READ_ONLY],
        tags={"team": "red", "a=b": "c,d".replace(",", ".")},
        transitive_tag_keys=["team"],
        source_identity="bob",
        provided_contexts={CONTEXTS: sandbox.context_assertion()},
    )
    assert found.account_id == "222222222222"
    (call,) = sandbox.journal.calls()
    arguments = dict(call.arguments)
    assert arguments.pop("ProvidedContexts")[0]["ProviderArn"] == CONTEXTS
    assert arguments == {
        "RoleArn": f"{ROLE}Tagged",
        "RoleSessionName": "me",
        "DurationSeconds": 1200,
        "Policy": json.dumps(POLICY, separators=(",", ":")),
        "PolicyArns": [{"arn": READ_ONLY}],
        "Tags": [{"Key": "team", "Value": "red"}, {"Key": "a=b", "Value": "c.d"}],
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "bob",
    }


def test_what_was_issued_once_is_shared_with_every_process(bob, program, sandbox):
    found = bob.assume_role(f"{ROLE}Batch")
    assert sts_plugin.Client("bob").assume_role(f"{ROLE}Batch") == found
    (sandbox.folder / "config").write_text(
        f"[profile p]\nregion = us-east-1\nrole_arn = {ROLE}Batch\n"
        "source_profile = bob\n"
    )
    assert program.document("p")["AccessKeyId"] == found.access_key_id
    assert sandbox.journal.count("AssumeRole") == 1


def test_a_user_with_a_device_assumes_roles_with_its_session(logged_in):
    alice = sts_plugin.Client("alice")
    alice.assume_role(f"{ROLE}Audit")
    alice.assume_role(f"{ROLE}Jump")
    assert logged_in.journal.count("GetSessionToken") == 0
    assert logged_in.journal.count("AssumeRole", outcome="ok") == 2


def test_a_role_is_assumed_with_what_a_role_gives(logged_in):
    jump = sts_plugin.Client("jump")
    found = jump.assume_role("arn:aws:iam::333333333333:role/Admin")
    assert found.account_id == "333333333333"
    assert [call.role_arn for call in logged_in.journal.calls()] == [
        f"{ROLE}Jump",
        "arn:aws:iam::333333333333:role/Admin",
    ]


def test_the_environments_keys_sign_where_no_profile_is_named(sandbox, monkeypatch):
    user = sandbox.organisation.user("bob")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    client = sts_plugin.Client()
    assert client.get_caller_identity().arn == user.arn
    assert client.assume_role(f"{ROLE}Batch").account_id == "222222222222"


def test_tokens_and_assertions_are_taken_as_text_as_a_file_and_from_a_command(
    bob, sandbox, tmp_path
):
    token, assertion = tmp_path / "token", tmp_path / "assertion"
    token.write_text(sandbox.web_identity_token())
    assertion.write_text(sandbox.saml_assertion(f"{ROLE}Federated"))
    for given in (
        {"token": token.read_text()},
        {"token_file": token},
        {"token_process": f"cat {token}"},
    ):
        bob.assume_role_with_web_identity(f"{ROLE}Deploy", **given)
    for given in (
        {"assertion": assertion.read_text()},
        {"assertion_file": str(assertion)},
        {"assertion_process": f"cat {assertion}"},
    ):
        found = bob.assume_role_with_saml(**given)
        assert found.account_id == "222222222222"
    assert {call.outcome for call in sandbox.journal.calls()} == {"ok"}
    assert {call.access_key_id for call in sandbox.journal.calls()} == {None}
    assert len(sandbox.journal.calls()) == 6


def test_a_token_given_as_text_gets_what_that_very_token_got(bob, sandbox):
    def assume(token):
        return bob.assume_role_with_web_identity(f"{ROLE}Deploy", token=token)

    token = sandbox.web_identity_token()
    first = assume(token)
    assert assume(token) == first
    assert sandbox.journal.count() == 1
    # Nobody but STS can tell a forged one: it must see each.
    header, claims, _ = token.split(".")
    for forged in (f"{header}.{claims}.x", f"e30.{claims}."):
        with pytest.raises(Refused):
            assume(forged)
    with pytest.raises(HumanNeeded, match="expired"):
        assume(sandbox.web_identity_token(lifetime_seconds=-3600))


def test_a_program_with_a_token_needs_nothing_else(sandbox, write_config, monkeypatch):
    write_config("[default]\nregion = us-east-1\n")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    token = sandbox.web_identity_token()
    client = sts_plugin.Client()
    assert client.assume_role_with_web_identity(f"{ROLE}Deploy", token=token)


def test_the_keys_of_the_environment_are_not_those_of_a_profiles_device(
    sandbox, write_config, monkeypatch
):
    serial = sandbox.organisation.user("alice").mfa_serial
    write_config(f"[default]\nregion = us-east-1\nmfa_serial = {serial}\n")
    user = sandbox.organisation.user("bob")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    assert sts_plugin.Client().assume_role(f"{ROLE}Batch")


def test_a_session_of_a_certain_length_is_not_that_of_another(bob):
    long = bob.get_session_token(duration=timedelta(hours=36))
    short = bob.get_session_token(duration=900)
    assert (long.expiration - short.expiration) > timedelta(hours=35)
    assert bob.get_session_token(duration=900) == short


def test_temporary_keys_beside_a_device_ask_nobody(sandbox, write_config, tmp_path):
    found = sts_plugin.Client("bob").get_session_token()
    keys = {
        "Version": 1,
        "AccessKeyId": found.access_key_id,
        "SecretAccessKey": found.secret_access_key.reveal(),
        "SessionToken": found.session_token.reveal(),
        "Expiration": f"{found.expiration:%Y-%m-%dT%H:%M:%SZ}",
    }
    (tmp_path / "keys").write_text(json.dumps(keys))
    serial = sandbox.organisation.user("alice").mfa_serial
    write_config(
        f"[profile p]\nregion = us-east-1\nmfa_serial = {serial}\n"
        f"credential_process = cat {tmp_path / 'keys'}\n"
    )
    assert sts_plugin.Client("p").assume_role(f"{ROLE}Batch")


def test_a_client_stays_who_it_is_when_the_environment_changes(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "bob")
    client = sts_plugin.Client()
    before = client.credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert client.credentials() == before


def test_what_a_program_got_is_forgotten_with_its_profile(bob, program):
    bob.assume_role(f"{ROLE}Batch")
    assert program("logout", "--profile", "bob").stdout == "1 entry forgotten\n"


def test_a_command_of_one_call_may_use_a_client_for_another(bob, sandbox, tmp_path):
    token = tmp_path / "token"
    token.write_text(sandbox.web_identity_token())
    inner = tmp_path / "inner.py"
    inner.write_text(
        "import sts_plugin\n"
        "sts_plugin.Client('bob').assume_role_with_web_identity("
        f"'{ROLE}Deploy', token_process='cat {token}', role_session_name='inner')\n"
        f"print(open({str(token)!r}).read())\n"
    )
    bob.assume_role_with_web_identity(
        f"{ROLE}Deploy", token_process=f"{sys.executable} {inner}"
    )
    assert sandbox.journal.count("AssumeRoleWithWebIdentity", outcome="ok") == 2


def test_one_audience_may_be_given_as_a_word(bob, sandbox):
    bob.get_web_identity_token("api")
    assert sandbox.journal.calls()[-1].arguments["Audience"] == ["api"]


def test_the_calls_of_users_and_administrators(bob, sandbox, arns):
    assert bob.get_session_token(duration=900).expiration
    federated = bob.get_federation_token("app", policy=POLICY, tags={})
    assert federated.account_id == "111111111111"
    root = bob.assume_root("222222222222", ROOT_TASK)
    assert root.account_id == "222222222222"
    token = sandbox.trade_in_token("Batch")
    delegated = bob.get_delegated_access_token(token=token)
    assert delegated.account_id == "222222222222"
    assert arns() == [
        "GetSessionToken",
        "GetFederationToken",
        "AssumeRoot",
        "GetDelegatedAccessToken",
    ]


def test_a_session_with_a_device_is_that_of_every_profile_behind_it(sandbox, logged_in):
    serial = sandbox.organisation.user("alice").mfa_serial
    found = sts_plugin.Client("alice").get_session_token(mfa_serial=serial)
    assert found == sts_plugin.Client("alice").credentials()
    assert logged_in.journal.calls() == ()


def test_the_calls_that_tell_something(bob, sandbox):
    assert bob.get_caller_identity().arn.endswith("user/bob")
    key = sandbox.organisation.user("alice").access_key_id
    assert bob.get_access_key_info(key) == "111111111111"
    said = bob.decode_authorization_message(sandbox.encoded_message())
    assert said["allowed"] is False
    token = bob.get_web_identity_token(["https://example.com"], tags={"a": "b"})
    assert token.token.reveal().count(".") == 2
    assert token.token.reveal() not in repr(token)


WRONG = {
    "role": (lambda c: c.assume_role("Batch"), "AssumeRole(): role_arn = Batch"),
    "duration": (
        lambda c: c.assume_role(f"{ROLE}Batch", duration=timedelta(seconds=10)),
        "AssumeRole(): duration = 10",
    ),
    "tags": (
        lambda c: c.assume_role(f"{ROLE}Batch", tags={"team": "a!"}),
        "AssumeRole(): tags",
    ),
    "policy": (
        lambda c: c.assume_role(f"{ROLE}Batch", policy="allow"),
        "AssumeRole(): policy = allow is not JSON",
    ),
    "arns": (
        lambda c: c.assume_role(f"{ROLE}Batch", policy_arns=[READ_ONLY] * 11),
        "AssumeRole(): policy_arns",
    ),
    "no token": (
        lambda c: c.assume_role_with_web_identity(f"{ROLE}Deploy"),
        "give token, token_file or token_process",
    ),
    "two tokens": (
        lambda c: c.assume_role_with_web_identity(
            f"{ROLE}Deploy", token="x", token_file="y"
        ),
        "keep the one",
    ),
    "no policy": (lambda c: c.get_federation_token("app"), "has no policy"),
    "name": (
        lambda c: c.get_federation_token("a", policy=POLICY),
        "GetFederationToken(): name = a",
    ),
    "account": (lambda c: c.assume_root("2", ROOT_TASK), "target_principal = 2"),
    "audience": (lambda c: c.get_web_identity_token([]), "audience"),
    "an audience that is none": (
        lambda c: c.get_web_identity_token([None]),
        "audience",
    ),
    "an audience of no type": (
        lambda c: c.get_web_identity_token(5.0),
        "audience cannot be a float",
    ),
    "a duration in words": (
        lambda c: c.get_web_identity_token(["x"], duration="long"),
        "duration = long",
    ),
    "a duration with a fraction": (
        lambda c: c.assume_role(f"{ROLE}Batch", duration=1.5),
        "duration cannot be a float",
    ),
    "a token in bytes": (
        lambda c: c.assume_role_with_web_identity(f"{ROLE}Deploy", token=b"x"),
        "token is not a str",
    ),
    "an empty token": (
        lambda c: c.assume_role_with_web_identity(f"{ROLE}Deploy", token=""),
        "gave no token",
    ),
    "a tag without a value": (
        lambda c: c.assume_role(f"{ROLE}Batch", tags={"a": None}),
        "tags",
    ),
    "algorithm": (
        lambda c: c.get_web_identity_token(["x"], signing_algorithm="none"),
        "SigningAlgorithm",
    ),
    "key": (lambda c: c.get_access_key_info("AKIA"), "AccessKeyId"),
    "message": (lambda c: c.decode_authorization_message(""), "EncodedMessage"),
    "profile": (lambda _: sts_plugin.Client("nobody").credentials(), '"nobody"'),
}


@pytest.mark.parametrize(("call", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_argument_is_told_before_anything_is_sent(bob, sandbox, call, says):
    with pytest.raises(ConfigurationError) as caught:
        call(bob)
    assert says in caught.value.line
    assert sandbox.journal.calls() == ()


def test_a_secret_argument_is_in_no_error(bob, sandbox):
    canary = "canary" * 500
    for call in (
        lambda: bob.assume_role(f"{ROLE}Tagged", provided_contexts={CONTEXTS: canary}),
        lambda: bob.assume_role_with_web_identity(f"{ROLE}Deploy", token=canary),
        lambda: bob.assume_role_with_saml(assertion=canary),
        lambda: bob.get_delegated_access_token(token=canary),
    ):
        with pytest.raises((ConfigurationError, Refused, HumanNeeded)) as caught:
            call()
        assert "canary" not in caught.value.line
        assert "canary" not in repr(caught.value)
