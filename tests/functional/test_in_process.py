"""Python programs with the provider registered in their sessions."""

from __future__ import annotations

import importlib
import json
import os

import boto3
import botocore.credentials
import botocore.session
import pytest
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError

import sts_plugin
from sts_plugin.errors import CannotAsk, ConfigurationError

ADMIN = "arn:aws:sts::333333333333:assumed-role/Admin/"


@pytest.fixture(autouse=True)
def in_the_sandbox(environ, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):  # no dialog is to come up there
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
    assert session.get_credentials().method == "assume-role"


def test_short_sessions_are_renewed_under_a_running_client(logged_in):
    logged_in.lifetime_seconds = 4  # of every role from now on; the session stays
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    client = session.client("sts")
    seen = set()
    while len(seen) < 3:  # each key lives for four seconds
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
    assert session.get_credentials().method == "assume-role"
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
    mocker.patch("sts_plugin.terminal.DEVICE", "/nowhere")
    session = sts_plugin.register(boto3.Session(profile_name="audit"))
    with pytest.raises(CredentialRetrievalError, match="sts-plugin login") as caught:
        arn(session)
    assert isinstance(caught.value.__cause__, CannotAsk)
    write_config("[profile a]\nrole_arn = arn:aws:iam::222222222222:role/X\n")
    session = sts_plugin.register(boto3.Session(profile_name="a"))
    with pytest.raises(CredentialRetrievalError, match="source_profile") as caught:
        session.get_credentials()
    assert isinstance(caught.value.__cause__, ConfigurationError)


# --- What is not ours stays as it was ---


def test_keys_that_were_given_to_the_session_stay(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "batch")
    bob = logged_in.organisation.user("bob")
    session = boto3.Session(bob.access_key_id, bob.secret_access_key)
    assert arn(sts_plugin.register(session)).endswith("user/bob")


@pytest.mark.parametrize(
    ("config", "environ"),
    [
        ("", {}),
        ("[profile other]\n", {}),
        ("", {"STS_PLUGIN_PROMPT_SECONDS": "soon"}),
        ("", {"STS_PLUGIN_CACHE_DIR": "relative"}),
        ("[default]\nregion = us-east-1\n", {"STS_PLUGIN_PROMPT_SECONDS": "soon"}),
    ],
)
def test_a_session_that_has_nothing_to_do_with_us_is_not_touched(
    sandbox, write_config, monkeypatch, config, environ
):
    write_config(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert sts_plugin.register(botocore.session.Session()).get_credentials() is None


def test_providers_that_were_there_stay_there(sandbox):
    class Mine:
        METHOD = "mine"

        def load(self):
            return botocore.credentials.Credentials("MINE", "secret", method="mine")

    session = botocore.session.Session(profile="prod-admin")
    chain = session.get_component("credential_provider")
    chain.insert_before("assume-role", Mine())
    sts_plugin.register(session)
    assert session.get_component("credential_provider") is chain
    names = [provider.METHOD for provider in chain.providers]
    assert names.index("mine") < names.index("sts-plugin") < names.index("assume-role")
    sts_plugin.register(session)
    assert [provider.METHOD for provider in chain.providers] == names
    assert session.get_credentials().access_key == "MINE"


class AsyncSession:
    """What an aiobotocore session looks like from here."""

    def lazy_register_component(self, *_):
        raise AssertionError("touched")

    async def get_credentials(self):
        raise AssertionError("touched")


@pytest.mark.parametrize("wrong", [None, boto3, AsyncSession()], ids=type)
def test_what_is_no_session_of_botocores_is_refused(wrong):
    with pytest.raises(TypeError, match="register wants a session of botocore"):
        sts_plugin.register(wrong)


def test_the_web_identity_of_the_environment_wins_as_in_botocore(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::222222222222:role/Deploy")
    monkeypatch.setenv(
        "AWS_WEB_IDENTITY_TOKEN_FILE", str(sandbox.folder / "web-identity-token")
    )
    monkeypatch.setenv("AWS_PROFILE", "alice")
    session = sts_plugin.register(boto3.Session())
    assert "assumed-role/Deploy/" in arn(session)


def test_a_web_identity_as_the_source_is_asked_at_the_profiles_own_sts(
    sandbox, write_config, monkeypatch
):
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    write_config(
        f"[profile role]\nregion = us-east-1\nendpoint_url = {sandbox.endpoint_url}\n"
        "role_arn = arn:aws:iam::222222222222:role/Nobody\nsource_profile = ci\n"
        "[profile ci]\nrole_arn = arn:aws:iam::222222222222:role/Deploy\n"
        f"web_identity_token_file = {sandbox.folder / 'web-identity-token'}\n"
    )
    with pytest.raises(CredentialRetrievalError, match="AccessDenied"):
        arn(sts_plugin.register(boto3.Session(profile_name="role")))
    calls = [call.action for call in sandbox.journal.calls()]
    assert calls == ["AssumeRoleWithWebIdentity", "AssumeRole"]


def test_client_plugins_of_botocore_stay_out_of_our_own_calls(
    logged_in, tmp_path, monkeypatch
):
    # One that asks for credentials would come back to us, and so on.
    (tmp_path / "its_plugin.py").write_text(
        "made = []\n"
        "def initialize_client_plugin(client):\n"
        "    made.append(client.meta.service_model.service_name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("BOTOCORE_EXPERIMENTAL__PLUGINS", "its=its_plugin")
    arn(sts_plugin.register(botocore.session.Session(profile="prod-admin")))
    assert importlib.import_module("its_plugin").made == ["sts"]


# --- A running client stays who it is ---


def expire(session):
    """Let the session's credentials be due for renewal."""
    credentials = session.get_credentials()
    credentials._expiry_time = credentials._time_fetcher()


def test_a_variable_that_changes_later_makes_nobody_else_of_a_client(
    logged_in, monkeypatch
):
    monkeypatch.setenv("AWS_PROFILE", "prod-admin")
    session = sts_plugin.register(boto3.Session())
    assert arn(session).startswith(ADMIN)
    monkeypatch.setenv("AWS_PROFILE", "audit")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    expire(session)
    assert arn(session).startswith(ADMIN)


def test_the_files_of_the_session_count_for_every_source(sandbox, tmp_path):
    def process(user):
        person = sandbox.organisation.user(user)
        document = json.dumps(
            {
                "Version": 1,
                "AccessKeyId": person.access_key_id,
                "SecretAccessKey": person.secret_access_key,
            }
        )
        (tmp_path / user).write_text(document)
        return f"[profile source]\ncredential_process = cat {tmp_path / user}\n"

    (sandbox.folder / "config").write_text(process("alice"))
    other = tmp_path / "other"
    other.write_text(
        process("bob") + "[profile role]\nregion = us-east-1\n"
        "role_arn = arn:aws:iam::222222222222:role/Batch\nsource_profile = source\n"
    )
    session = botocore.session.Session(profile="role")
    session.set_config_variable("config_file", str(other))
    arn(sts_plugin.register(session))
    (assumed, _) = sandbox.journal.calls()
    assert assumed.caller_arn.endswith("user/bob")


@pytest.mark.parametrize("target", ["bob", "foreign"])
def test_our_own_process_may_lead_to_keys_without_an_expiry(
    sandbox, write_config, tmp_path, target
):
    bob = sandbox.organisation.user("bob")
    (tmp_path / "keys").write_text(
        json.dumps(
            {
                "Version": 1,
                "AccessKeyId": bob.access_key_id,
                "SecretAccessKey": bob.secret_access_key,
            }
        )
    )
    write_config(
        "[profile p]\nregion = us-east-1\n"
        f"credential_process = sts-plugin credential-process --profile {target}\n"
        f"[profile foreign]\ncredential_process = cat {tmp_path / 'keys'}\n"
    )
    session = sts_plugin.register(boto3.Session(profile_name="p"))
    assert arn(session).endswith("user/bob")
    assert session.get_credentials().method == "sts-plugin"


def test_without_a_cache_a_session_still_lives_in_its_program(
    sandbox, write_config, monkeypatch
):
    cache = sandbox.folder / "cache"
    cache.mkdir()
    cache.chmod(0o755)
    config = (sandbox.folder / "config").read_text()
    totp = f"sts_plugin_totp_file = {sandbox.folder / 'alice.totp'}"
    write_config(config.replace("[profile jump]", f"[profile jump]\n{totp}"))
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    assert arn(session).startswith(ADMIN)
    expire(session)
    assert arn(session).startswith(ADMIN)
    assert sandbox.journal.count("GetSessionToken") == 1
    assert list(cache.iterdir()) == []


def test_what_a_profile_includes_counts_in_a_program(sandbox, write_config, tmp_path):
    bob = sandbox.organisation.user("bob")
    keys = tmp_path / "keys.json"
    document = {
        "Version": 1,
        "AccessKeyId": bob.access_key_id,
        "SecretAccessKey": bob.secret_access_key,
    }
    keys.write_text(json.dumps(document))
    write_config(
        f"[profile base]\ncredential_process = cat {keys}\n"
        "[profile p]\nregion = us-east-1\ninclude_profile = base\n"
        "[profile q]\nregion = us-east-1\nsource_profile = p\n"
        "role_arn = arn:aws:iam::222222222222:role/Batch\n"
    )
    session = sts_plugin.register(boto3.Session(profile_name="p"))
    assert arn(session).endswith("user/bob")
    session = sts_plugin.register(boto3.Session(profile_name="q"))
    assert "assumed-role/Batch" in arn(session)


@pytest.mark.parametrize("how", ["web identity", "saml", "federation"])
def test_every_kind_of_profile_works_in_a_program(sandbox, write_config, how, tmp_path):
    proof = tmp_path / "proof"
    role = "arn:aws:iam::222222222222:role/"
    if how == "web identity":
        proof.write_text(sandbox.web_identity_token())
        keys = f"role_arn = {role}Deploy\nweb_identity_token_file = {proof}\n"
    elif how == "saml":
        proof.write_text(sandbox.saml_assertion(f"{role}Federated"))
        keys = f"saml_file = {proof}\n"
    else:
        keys = (
            "source_profile = bob\nsts_plugin_federation_name = app\n"
            "policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess\n"
        )
    write_config(f"[profile p]\nregion = us-east-1\n{keys}")
    session = sts_plugin.register(boto3.Session(profile_name="p"))
    assert ":sts:" in arn(session)
    assert ":sts:" in arn(sts_plugin.register(boto3.Session(profile_name="p")))
    assert len(sandbox.journal.calls()) == 3  # one that issues, two that ask


def test_a_wrong_profile_is_botocores_config_error_too(sandbox, write_config):
    write_config(
        "[profile p]\nrole_arn = arn:aws:iam::222222222222:role/Batch\n"
        "source_profile = nobody\n"
    )
    session = sts_plugin.register(boto3.Session(profile_name="p"))
    with pytest.raises(InvalidConfigError, match="nobody"):
        session.get_credentials()
