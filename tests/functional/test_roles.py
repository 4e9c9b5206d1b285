"""``sts_plugin.assume_role``, ``Session`` and ``register_everywhere`` in programs."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import boto3
import botocore.credentials
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import CredentialRetrievalError, InvalidConfigError
from herd import await_that

import sts_plugin
from sts_plugin.errors import ConfigurationError, NothingHere
from sts_plugin.plugins import quick

ROLE = "arn:aws:iam::222222222222:role/"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
}
ADMIN = "arn:aws:iam::333333333333:role/Admin"
TAGGED_NEXT = "arn:aws:iam::333333333333:role/TaggedNext"


@pytest.fixture(autouse=True)
def _in_the_sandbox(environ, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def arn(session):
    client = getattr(session, "create_client", None) or session.client
    return client("sts").get_caller_identity()["Arn"]


def sent(sandbox):
    calls = sandbox.journal.calls()
    return [dict(one.arguments) for one in calls if one.action == "AssumeRole"]


@pytest.fixture
def bob():
    return boto3.Session(profile_name="bob", region_name="eu-west-3")


@pytest.fixture
def bobs_keys(sandbox):
    user = sandbox.organisation.user("bob")
    return user.access_key_id, user.secret_access_key


def test_a_role_of_a_boto3_session_is_one_in_the_same_region(sandbox, bob):
    role = sts_plugin.assume_role(bob, f"{ROLE}Batch")
    assert isinstance(role, boto3.Session)
    assert role.region_name == "eu-west-3"
    assert sandbox.journal.calls() == ()  # not before it is needed
    assert "assumed-role/Batch/" in arn(role)
    assert arn(bob).endswith("user/bob")
    assert role.get_credentials().method == "assume-role"


def test_a_role_of_a_botocore_session_is_a_botocore_session(sandbox):
    parent = botocore.session.Session(profile="bob")
    role = sts_plugin.assume_role(parent, f"{ROLE}Batch", region_name="eu-north-1")
    assert type(role) is botocore.session.Session
    assert role.get_config_variable("region") == "eu-north-1"
    assert "assumed-role/Batch/" in arn(role)


@pytest.mark.parametrize("registered", [False, True])
def test_a_chain_of_sessions_is_a_chain_of_roles_behind_one_mfa_session(
    logged_in, registered
):
    parent = boto3.Session(profile_name="alice")
    if registered:
        parent = sts_plugin.register(parent)
        parent.get_credentials()
    jump = sts_plugin.assume_role(parent, f"{ROLE}Jump")
    admin = sts_plugin.assume_role(jump, ADMIN)
    assert "333333333333:assumed-role/Admin/" in arn(admin)
    assert "222222222222:assumed-role/Jump/" in arn(jump)
    assert [one["RoleArn"] for one in sent(logged_in)] == [f"{ROLE}Jump", ADMIN]
    assert logged_in.journal.count("GetSessionToken") == 0


def test_what_was_assumed_once_is_found_by_the_next_session(sandbox):
    for _ in range(2):
        parent = boto3.Session(profile_name="bob")
        assert "Batch" in arn(sts_plugin.assume_role(parent, f"{ROLE}Batch"))
    assert sandbox.journal.count("AssumeRole") == 1


def test_other_options_are_another_session(sandbox, bob):
    for duration in (900, timedelta(minutes=20)):
        arn(sts_plugin.assume_role(bob, f"{ROLE}Batch", duration=duration))
    assert [one["DurationSeconds"] for one in sent(sandbox)] == [900, 1200]


def test_options_are_friendly_and_a_policy_is_read_at_once(sandbox, bob, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(POLICY))
    role = sts_plugin.assume_role(
        bob,
        f"{ROLE}Tagged",
        policy=file,
        policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        tags={"team": "red"},
        transitive_tag_keys=["team"],
        source_identity="bob",
    )
    file.unlink()
    assert arn(role).endswith("assumed-role/Tagged/bob")
    (call,) = sent(sandbox)
    assert json.loads(call["Policy"]) == POLICY
    assert call["Tags"] == [{"Key": "team", "Value": "red"}]
    assert call["RoleSessionName"] == call["SourceIdentity"] == "bob"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"role_arn": "Batch"}, "role_arn"),
        ({"duration": 1}, "duration"),
        ({"duration": "soon"}, "duration"),
        ({"role_session_name": "a b"}, "role_session_name"),
        ({"policy": "{"}, "policy"),
        ({"policy": 1.5}, "policy"),
        ({"tags": {"a": 1}}, "tags"),
        ({"external_id": "x"}, "external_id"),
        ({"mfa_serial": "x"}, "mfa_serial"),
    ],
    ids=str,
)
def test_arguments_are_judged_before_anybody_is_asked(sandbox, bob, wrong, says):
    with pytest.raises(ConfigurationError, match=says):
        sts_plugin.assume_role(bob, **{"role_arn": f"{ROLE}Batch", **wrong})
    assert sandbox.journal.calls() == ()


def test_an_option_that_there_is_not_is_a_type_error(bob):
    with pytest.raises(TypeError, match="unexpected keyword argument 'durration'"):
        sts_plugin.assume_role(bob, f"{ROLE}Batch", durration=1)


@pytest.mark.parametrize("wrong", [None, 3, "default"], ids=str)
def test_what_is_no_session_is_refused(wrong):
    with pytest.raises(TypeError, match="wants a session of botocore"):
        sts_plugin.assume_role(wrong, f"{ROLE}Batch")


def test_keys_that_a_program_has_sign_the_call(sandbox, bob, bobs_keys):
    role = sts_plugin.assume_role(boto3.Session(*bobs_keys), f"{ROLE}Batch")
    assert "assumed-role/Batch/" in arn(role)


def test_a_parent_that_has_its_credentials_stays_who_it_is(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "bob")
    parent = boto3.Session()
    assert arn(parent).endswith("user/bob")
    monkeypatch.setenv("AWS_PROFILE", "alice")
    assert "assumed-role/Batch/" in arn(sts_plugin.assume_role(parent, f"{ROLE}Batch"))


def chain_of(method, found):
    """Return a session with a chain of the program's own: one provider."""

    class Mine:
        METHOD = method

        def load(self):
            return found

    core = botocore.session.Session()
    core.register_component(
        "credential_provider", botocore.credentials.CredentialResolver([Mine()])
    )
    return core


def test_a_provider_of_the_programs_own_signs_the_call(sandbox, bobs_keys):
    keys = botocore.credentials.Credentials(*bobs_keys, method="mine")
    role = sts_plugin.assume_role(chain_of("mine", keys), f"{ROLE}Batch")
    assert "assumed-role/Batch/" in arn(role)


def keys_of(sandbox, name):
    user = sandbox.organisation.user(name)
    return user.access_key_id, user.secret_access_key


def signers(sandbox):
    """The keys of those who asked for a role, in that order."""
    calls = sandbox.journal.calls()
    return [one.access_key_id for one in calls if one.action == "AssumeRole"]


@pytest.mark.parametrize("profile", ["bob", "audit"])
def test_who_knows_no_more_than_the_id_of_a_key_gets_nothing_that_it_has_got(
    sandbox, bobs_keys, monkeypatch, profile
):
    monkeypatch.setenv("AWS_PROFILE", profile)
    role = sts_plugin.assume_role(boto3.Session(*bobs_keys), f"{ROLE}Batch")
    assert "assumed-role/Batch/" in arn(role)
    somebody = boto3.Session(bobs_keys[0], "x" * 40)
    with pytest.raises(CredentialRetrievalError, match="SignatureDoesNotMatch"):
        arn(sts_plugin.assume_role(somebody, f"{ROLE}Batch"))
    again = sts_plugin.assume_role(boto3.Session(*bobs_keys), f"{ROLE}Batch")
    assert arn(again) == arn(role)
    assert sandbox.journal.count("AssumeRole", outcome="ok") == 1


def test_keys_that_a_profile_has_share_its_mfa_session(logged_in):
    parent = boto3.Session(*keys_of(logged_in, "alice"))
    serial = logged_in.organisation.user("alice").mfa_serial
    role = sts_plugin.assume_role(parent, f"{ROLE}Audit", mfa_serial=serial)
    assert "assumed-role/Audit/" in arn(role)
    assert logged_in.journal.count("GetSessionToken") == 0


def test_half_a_pair_in_a_profile_is_nothing_to_who_has_keys(
    sandbox, bobs_keys, monkeypatch
):
    with (sandbox.folder / "config").open("a") as file:
        file.write("\n[profile half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n")
    monkeypatch.setenv("AWS_PROFILE", "half")
    role = sts_plugin.assume_role(boto3.Session(*bobs_keys), f"{ROLE}Batch")
    assert "assumed-role/Batch/" in arn(role)


def test_credentials_of_a_role_are_that_role_in_another_session_too(sandbox, bob):
    tagged = sts_plugin.assume_role(bob, f"{ROLE}Tagged")
    core = botocore.session.Session()
    core._credentials = tagged.get_credentials()  # as many programs do it
    role = sts_plugin.assume_role(boto3.Session(botocore_session=core), TAGGED_NEXT)
    assert "assumed-role/TaggedNext/" in arn(role)
    assert [one["RoleArn"] for one in sent(sandbox)] == [f"{ROLE}Tagged", TAGGED_NEXT]


def test_keys_that_a_session_of_ours_was_given_sign_the_call(sandbox, bob):
    core = sts_plugin.assume_role(bob, f"{ROLE}Tagged")._session
    alices = keys_of(sandbox, "alice")
    parent = boto3.Session(*alices, botocore_session=core)
    assert "assumed-role/Batch/" in arn(sts_plugin.assume_role(parent, f"{ROLE}Batch"))
    assert signers(sandbox) == [alices[0]]


def test_a_role_that_has_its_credentials_stays_behind_who_it_was(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "bob")
    tagged = sts_plugin.assume_role(boto3.Session(), f"{ROLE}Tagged")
    assert "assumed-role/Tagged/" in arn(tagged)
    monkeypatch.setenv("AWS_PROFILE", "alice")
    assert "TaggedNext" in arn(sts_plugin.assume_role(tagged, TAGGED_NEXT))
    assert keys_of(sandbox, "alice")[0] not in signers(sandbox)


def without_the_environment(core, keys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
    monkeypatch.setenv("AWS_PROFILE", "bob")
    core.get_component("credential_provider").remove("env")


def with_another_file(core, keys, monkeypatch):
    del keys
    file = botocore.credentials.SharedCredentialProvider(
        os.environ["AWS_SHARED_CREDENTIALS_FILE"], profile_name="bob"
    )
    chain = botocore.credentials.CredentialResolver([file])
    core.register_component("credential_provider", chain)
    monkeypatch.setenv("AWS_PROFILE", "alice")


def with_a_profile_that_is_named_too_late(core, keys, monkeypatch):
    del keys
    monkeypatch.setenv("AWS_PROFILE", "bob")
    core.get_component("credential_provider")
    core.set_config_variable("profile", "alice")


@pytest.mark.parametrize(
    "changed",
    [without_the_environment, with_another_file, with_a_profile_that_is_named_too_late],
)
def test_a_chain_of_botocores_that_looks_elsewhere_is_asked(
    sandbox, monkeypatch, changed
):
    core = botocore.session.Session()
    changed(core, keys_of(sandbox, "alice"), monkeypatch)
    assert "Batch" in arn(sts_plugin.assume_role(core, f"{ROLE}Batch"))
    assert arn(core).endswith("user/bob")
    assert signers(sandbox) == [keys_of(sandbox, "bob")[0]]


def test_a_chain_that_is_as_botocore_made_it_is_still_one_plan(logged_in):
    core = botocore.session.Session(profile="prod-admin")
    assert sts_plugin.register(core).get_component("credential_provider")
    role = sts_plugin.assume_role(core, f"{ROLE}Nobody")
    assert core._credentials is None
    with pytest.raises(CredentialRetrievalError, match="Nobody"):
        arn(role)
    assert core._credentials is None  # nor was it asked for what it has


def test_a_parent_without_credentials_is_told_of(sandbox):
    with pytest.raises(CredentialRetrievalError, match="no credentials") as caught:
        arn(sts_plugin.assume_role(chain_of("mine", None), f"{ROLE}Batch"))
    assert isinstance(caught.value.__cause__, NothingHere)


def test_a_profile_that_a_role_is_given_afterwards_is_an_error(sandbox):
    # Whoever names it means it, and the session would go on as the role.
    core = sts_plugin.assume_role(botocore.session.Session(profile="bob"), ADMIN)
    session = boto3.Session(botocore_session=core, profile_name="alice")
    with pytest.raises(InvalidConfigError, match='profile "alice" afterwards'):
        session.get_credentials()
    assert sandbox.journal.calls() == ()


def test_a_running_client_outlives_its_credentials(sandbox, bob):
    sandbox.lifetime_seconds = 4
    client, seen = sts_plugin.assume_role(bob, f"{ROLE}Batch").client("sts"), set()
    while len(seen) < 2:
        client.get_caller_identity()
        seen.add(sandbox.journal.calls()[-1].access_key_id)
    assert sandbox.journal.count(outcome="ok") == sandbox.journal.count()


def test_threads_and_copies_share_one_resolution(sandbox, bob):
    role = sts_plugin.assume_role(bob, f"{ROLE}Batch")

    def key(session):
        return session.get_credentials().get_frozen_credentials().access_key

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(key, [copy.copy(role) for _ in range(8)]))
    assert len(keys) == 1
    assert sandbox.journal.count("AssumeRole") == 1


def test_a_copied_session_is_registered_as_well(logged_in):
    session = sts_plugin.register(boto3.Session(profile_name="prod-admin"))
    assert arn(copy.copy(session)).startswith("arn:aws:sts::333333333333:")


def test_a_session_of_ours_is_registered_from_the_beginning(logged_in):
    session = sts_plugin.Session(profile_name="prod-admin")
    assert ":assumed-role/Admin/" in arn(session)
    names = [
        one.METHOD
        for one in session._session.get_component("credential_provider").providers
    ]
    assert "sts-plugin" in names


def said_by(text, environ):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("first", ["sys", "botocore"])
def test_each_session_of_a_program_may_be_registered_at_once(logged_in, environ, first):
    said = said_by(
        f"""
        import {first}
        import sts_plugin
        sts_plugin.register_everywhere()
        sts_plugin.register_everywhere()
        import boto3, botocore.session
        chain = botocore.session.Session().get_component("credential_provider")
        names = [one.METHOD for one in chain.providers]
        print(names.count("sts-plugin"), names.count("assume-role"))
        print(boto3.client("sts").get_caller_identity()["Arn"])
        """,
        environ | {"AWS_PROFILE": "prod-admin"},
    )
    assert said[:2] == ["1", "1"]
    assert ":assumed-role/Admin/" in said[2]


def test_to_register_everywhere_imports_nothing_of_botocore(environ):
    said = said_by(
        """
        import sys, sts_plugin
        sts_plugin.register_everywhere()
        print("botocore" in sys.modules)
        import botocore
        print(type(botocore.__loader__).__name__, botocore.__spec__.name)
        """,
        environ,
    )
    assert said == ["False", "SourceFileLoader", "botocore"]


def test_a_line_in_a_pth_file_registers_all_programs(logged_in, environ, tmp_path):
    text = "import sts_plugin; sts_plugin.register_everywhere()\n"
    (tmp_path / "sts-plugin.pth").write_text(text)
    said = said_by(
        f"""
        import site
        site.addsitedir({str(tmp_path)!r})
        import boto3
        print(boto3.client("sts").get_caller_identity()["Arn"])
        """,
        environ | {"AWS_PROFILE": "prod-admin", "STS_PLUGIN_PROMPT_SECONDS": "1"},
    )
    assert ":assumed-role/Admin/" in said[0]
    assert logged_in.journal.count("GetSessionToken") == 0


def test_whoever_looks_for_botocore_first_does_not_keep_programs_from_it(environ):
    said = said_by(
        """
        import sts_plugin
        sts_plugin.register_everywhere()
        import importlib.util, sys
        print(importlib.util.find_spec("botocore").name, "botocore" in sys.modules)
        import botocore.session
        chain = botocore.session.Session().get_component("credential_provider")
        print([one.METHOD for one in chain.providers].count("sts-plugin"))
        print(sum(type(one).__name__ == "_Waiting" for one in sys.meta_path))
        """,
        environ,
    )
    assert said == ["botocore", "False", "1", "0"]


# --- What the parent is counts from when it is settled ---


def callers(sandbox):
    calls = sandbox.journal.calls()
    return [one.caller_arn.rpartition("/")[2] for one in calls if one.caller_arn]


def test_keys_that_a_program_has_leave_nothing_for_the_profile_beside_them(
    logged_in, monkeypatch
):
    # Both roles have the same name and options; only who signs is another.
    alice = logged_in.organisation.user("alice")
    monkeypatch.setenv("AWS_PROFILE", "bob")
    parents = [
        boto3.Session(alice.access_key_id, alice.secret_access_key),
        boto3.Session(),
    ]
    keys = set()
    for parent in parents * 2:
        role = sts_plugin.assume_role(parent, f"{ROLE}Batch", role_session_name="me")
        keys.add(role.get_credentials().get_frozen_credentials().access_key)
    assert len(keys) == 2
    assert callers(logged_in) == ["alice", "bob"]


def test_a_registered_parent_stays_who_it_was_when_it_was_used(logged_in, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "alice")
    parent = sts_plugin.register(boto3.Session())
    assert arn(parent).endswith("user/alice")
    monkeypatch.setenv("AWS_PROFILE", "bob")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    logged_in.journal.clear()
    assert "assumed-role/Audit/" in arn(sts_plugin.assume_role(parent, f"{ROLE}Audit"))
    monkeypatch.setenv("AWS_PROFILE", "alice")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    again = sts_plugin.assume_role(boto3.Session(), f"{ROLE}Audit")
    assert "assumed-role/Audit/" in arn(again)  # the same question, answered by then
    assert logged_in.journal.count("AssumeRole") == 1
    assert logged_in.journal.count("GetSessionToken") == 0


def test_what_is_remembered_of_a_profile_is_not_for_the_keys_beside_it(
    logged_in, monkeypatch, mocker
):
    monkeypatch.setenv("AWS_PROFILE", "bob")
    alice = logged_in.organisation.user("alice")
    answered = mocker.spy(quick, "answer")

    def key(*keys):
        parent = boto3.Session(*keys)
        role = sts_plugin.assume_role(parent, f"{ROLE}Batch", role_session_name="me")
        return role.get_credentials().get_frozen_credentials().access_key

    # A record is written once the files are older than a moment.
    await_that(lambda: key() and answered.spy_return is not None)
    assert key(alice.access_key_id, alice.secret_access_key) != key()
    assert callers(logged_in) == ["bob", "alice"]


def test_a_parent_that_has_the_keys_of_its_profile_gets_its_mfa_session(logged_in):
    parent = boto3.Session(profile_name="alice")
    assert parent.get_credentials().token is None  # botocore's, from the file
    assert "assumed-role/Audit/" in arn(sts_plugin.assume_role(parent, f"{ROLE}Audit"))
    assert logged_in.journal.count("GetSessionToken") == 0


def test_temporary_keys_that_a_program_has_get_no_session_of_their_own(logged_in):
    found = sts_plugin.Client("alice").credentials()
    parent = boto3.Session(
        found.access_key_id,
        found.secret_access_key.reveal(),
        found.session_token.reveal(),
    )
    assert "assumed-role/Audit/" in arn(sts_plugin.assume_role(parent, f"{ROLE}Audit"))
    assert logged_in.journal.count("GetSessionToken") == 0


def test_the_region_stays_that_of_the_parent_when_the_variable_changes(
    sandbox, monkeypatch
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    role = sts_plugin.assume_role(boto3.Session(), f"{ROLE}Batch")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert role.region_name == "eu-west-3"


def test_the_settings_of_the_parent_stay(sandbox, tmp_path):
    parent = botocore.session.Session(profile="bob")
    parent.set_config_variable("ca_bundle", str(tmp_path))
    parent.set_default_client_config(Config(user_agent_extra="theirs"))
    parent.user_agent_extra = "also"
    role = sts_plugin.assume_role(parent, f"{ROLE}Batch")
    assert role.get_config_variable("ca_bundle") == str(tmp_path)
    assert role.get_config_variable("profile") == "bob"
    assert role.get_default_client_config() is parent.get_default_client_config()
    assert role.user_agent_extra == "also"


def test_a_web_identity_says_botocores_name_for_it(sandbox, write_config):
    token = sandbox.folder / "web-identity-token"
    write_config(
        f"[profile p]\nregion = us-east-1\nsts_plugin_role_arn = {ROLE}Deploy\n"
        f"web_identity_token_process = cat {token}\n"
    )
    session = sts_plugin.register(boto3.Session(profile_name="p"))
    assert "assumed-role/Deploy/" in arn(session)
    assert session.get_credentials().method == "assume-role-with-web-identity"


def test_botocore_is_waited_for_once_however_often_it_is_said(environ):
    said = said_by(
        """
        import sys, sts_plugin
        before = len(sys.meta_path)
        for _ in range(3):
            sts_plugin.register_everywhere()
        print(len(sys.meta_path) - before)
        import botocore
        print(len(sys.meta_path) - before, len(botocore._INITIALIZERS))
        for _ in range(3):
            sts_plugin.register_everywhere()
        print(len(botocore._INITIALIZERS))
        """,
        environ,
    )
    assert said == ["1", "0", "1", "1"]
