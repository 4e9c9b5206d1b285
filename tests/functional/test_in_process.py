"""Python programs with the provider registered in their sessions."""

from __future__ import annotations

import boto3
import botocore.session
import pytest
from botocore.exceptions import CredentialRetrievalError

import sts_plugin
from sts_plugin.errors import CannotAsk, ConfigurationError

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"


@pytest.fixture(autouse=True)
def in_the_sandbox(environ, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def arn(session):
    client = getattr(session, "create_client", None) or session.client
    return client("sts").get_caller_identity()["Arn"]


def test_an_explicit_profile(logged_in):
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    assert arn(session).startswith(ADMIN)


def test_a_profile_from_the_environment(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    assert arn(sts_plugin.register(boto3.Session())).startswith(ADMIN)


def test_a_profile_that_is_set_after_registering(logged_in):
    session = sts_plugin.register(botocore.session.Session())
    session.set_config_variable("profile", "prod-admin")
    assert arn(session).startswith(ADMIN)


def test_a_registered_core_may_be_given_to_boto3_with_a_profile(logged_in):
    core = sts_plugin.register(botocore.session.Session())
    session = boto3.Session(botocore_session=core, profile_name="prod-admin")
    assert arn(session).startswith(ADMIN)


def test_registering_twice_and_after_first_use_does_no_harm(logged_in):
    session = boto3.Session(profile_name="alice")
    assert arn(session).endswith("user/alice")
    sts_plugin.register(sts_plugin.register(session))
    session.get_credentials()
    assert logged_in.journal.calls()[-1].caller_arn.endswith("user/alice")
    assert session.get_credentials().token  # a session now: aws-cli#1985


def test_a_profile_that_is_not_ours_is_left_to_botocore(sandbox):
    session = sts_plugin.register(boto3.Session(profile_name="bob"))
    assert session.get_credentials().method == "shared-credentials-file"


def test_keys_in_the_environment_win_as_they_do_in_botocore(logged_in, monkeypatch):
    bob = logged_in.organisation.user("bob")
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bob.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bob.secret_access_key)
    assert arn(sts_plugin.register(boto3.Session())).endswith("user/bob")


def test_a_native_role_profile_is_ours(logged_in, write_config):
    write_config(
        "[profile native]\nregion = us-east-1\n"
        "role_arn = arn:aws:iam::222222222222:role/Audit\n"
        "source_profile = alice\n"
        "mfa_serial = arn:aws:iam::111111111111:mfa/alice\n"
    )
    session = sts_plugin.register(boto3.Session(profile_name="native"))
    assert "assumed-role/Audit/" in arn(session)
    assert session.get_credentials().method == "sts-plugin"


def test_short_sessions_are_renewed_under_a_running_client(logged_in):
    logged_in.lifetime_seconds = 2  # of every role from now on; the session stays
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    client = session.client("sts")
    seen = set()
    while len(seen) < 3:  # each key lives for two seconds
        assert client.get_caller_identity()["Arn"].startswith(ADMIN)
        seen.add(logged_in.journal.calls()[-1].access_key_id)
    assert logged_in.journal.count(outcome="ok") == logged_in.journal.count()
    assert logged_in.journal.count("GetSessionToken") == 0


def test_two_sessions_share_one_cache(logged_in):
    for _ in range(2):
        arn(sts_plugin.register(boto3.Session(profile_name="prod-admin")))
    assert logged_in.journal.count("AssumeRole") == 2  # Jump and Admin, once each


def test_loading_asks_nobody_and_makes_no_call(sandbox):
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    assert session.get_credentials().method == "sts-plugin"
    assert sandbox.journal.calls() == ()


def test_the_expiry_is_where_export_credentials_looks_for_it(logged_in):
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    credentials = session.get_credentials()
    frozen = credentials.get_frozen_credentials()
    assert credentials._expiry_time.tzinfo is not None
    assert frozen.account_id == "333333333333"


def test_what_goes_wrong_is_botocores_error_with_ours_as_its_cause(
    sandbox, write_config, mocker
):
    mocker.patch("sts_plugin.mfa.terminal.DEVICE", "/nowhere")
    session = sts_plugin.register(boto3.Session(profile_name="audit"))
    with pytest.raises(CredentialRetrievalError, match="sts-plugin login") as caught:
        arn(session)
    assert isinstance(caught.value.__cause__, CannotAsk)
    write_config("[profile a]\nrole_arn = arn:aws:iam::222222222222:role/X\n")
    session = sts_plugin.register(boto3.Session(profile_name="a"))
    with pytest.raises(CredentialRetrievalError, match="source_profile") as caught:
        session.get_credentials()
    assert isinstance(caught.value.__cause__, ConfigurationError)
