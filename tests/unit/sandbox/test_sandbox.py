import ast
import configparser
import dataclasses
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import botocore.session
import pytest

import sts_plugin.sandbox
from sts_plugin.sandbox import Call, Journal, Organisation, Profile, Sandbox

pytest_plugins = ["sts_plugin.sandbox.pytest_plugin"]

SERIAL = "arn:aws:iam::111111111111:mfa/alice"
BEHIND_MFA = {"source_profile": "alice", "mfa_serial": SERIAL}
EXPECTED = {
    "default": {},
    "profile alice": {"mfa_serial": SERIAL},
    "profile jump": BEHIND_MFA | {"role_arn": "Jump"},
    "profile prod-admin": {"role_arn": "Admin", "source_profile": "jump"},
    "profile audit": BEHIND_MFA | {"role_arn": "Audit"},
    "profile partner": BEHIND_MFA
    | {"role_arn": "Partner", "external_id": "partner-7341"},
    "profile batch": {
        "role_arn": "Batch",
        "source_profile": "alice",
        "duration_seconds": "43200",
    },
    "profile bob": {},
}


def read(path):
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text())
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.mark.parametrize("totp_file", [False, True])
def test_the_config_file_has_the_profiles_of_the_organisation(tmp_path, totp_file):
    command = '"/venv/bin/python" -m sts_plugin'
    with Sandbox(tmp_path, command=command, totp_file=totp_file) as sandbox:
        config = read(sandbox.folder / "config")
        organisation = sandbox.organisation
    expected = {}
    for section, keys in EXPECTED.items():
        expected[section] = values = {"region": "us-east-1"}
        name = section.removeprefix("profile ")
        for key, value in keys.items():
            values[f"sts_plugin_{key}" if "role_arn" in keys else key] = value
        if "role_arn" in keys:
            values["sts_plugin_role_arn"] = organisation.role(keys["role_arn"]).arn
            values["credential_process"] = (
                f"{command} credential-process --profile {name}"
            )
        if totp_file and "mfa_serial" in keys:
            values["sts_plugin_totp_file"] = str(tmp_path / "alice.totp")
    expected["profile ci"] = {
        "region": "us-east-1",
        "role_arn": organisation.role("Deploy").arn,
        "web_identity_token_file": str(tmp_path / "web-identity-token"),
    }
    assert config == expected


def test_the_credentials_file_has_the_users_keys(sandbox):
    assert read(sandbox.folder / "credentials") == {
        user.name: {
            "aws_access_key_id": user.access_key_id,
            "aws_secret_access_key": user.secret_access_key,
        }
        for user in sandbox.organisation.users
    }
    alice = sandbox.organisation.user("alice")
    assert (sandbox.folder / "alice.totp").read_text() == f"{alice.totp_seed}\n"
    assert not (sandbox.folder / "bob.totp").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_only_the_owner_can_read_the_files(tmp_path):
    old = os.umask(0)
    try:
        with Sandbox(tmp_path / "new" / "folder") as sandbox:
            folder = sandbox.folder
        (folder / "config").chmod(0o666)
        with Sandbox(folder):
            pass
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    names = ("alice.totp", "config", "credentials", "web-identity-token")
    assert files == dict.fromkeys(names, 0o600)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_new_file_is_private_from_its_first_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    with Sandbox(tmp_path):
        pass
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_file_of_somebodys_own_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("[default]\naws_access_key_id = AKIAPRECIOUS\n")
    with pytest.raises(FileExistsError, match="left alone"):
        Sandbox(tmp_path).__enter__()
    assert "PRECIOUS" in (tmp_path / name).read_text()
    assert len(list(tmp_path.iterdir())) == 1


def test_the_files_lead_stock_botocore_into_the_sandbox(sandbox, monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in sandbox.environ({}).items():
        monkeypatch.setenv(name, value)
    for profile, arn in {
        "bob": "arn:aws:iam::111111111111:user/bob",
        "ci": "arn:aws:sts::222222222222:assumed-role/Deploy/",
    }.items():
        sts = botocore.session.Session(profile=profile).create_client("sts")
        assert sts.get_caller_identity()["Arn"].startswith(arn)
        sts.close()


def test_the_environment_leads_here_and_nowhere_else(sandbox):
    base = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_CA_BUNDLE": "/ca.pem",
        "aws_access_key_id": "AKIA",
        "STS_PLUGIN_ANYTHING": "1",
        "HTTP_PROXY": "http://proxy",
        "https_proxy": "http://proxy",
        "all_proxy": "http://proxy",
        "no_proxy": "example.com",
    }
    folder = sandbox.folder
    assert sandbox.environ(base) == {
        "PATH": "/bin",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_ENDPOINT_URL_IAM": sandbox.endpoint_url,
        "AWS_ENDPOINT_URL_STS": sandbox.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "STS_PLUGIN_CACHE_DIR": str(folder / "cache"),
        "STS_PLUGIN_DATA_DIR": str(folder / "data"),
        "STS_PLUGIN_SANDBOX": str(folder),
        "STS_PLUGIN_SIGNIN_URL": f"{sandbox.endpoint_url}/federation",
        "NO_PROXY": "127.0.0.1",
    }
    assert sandbox.environ()["PATH"] == os.environ["PATH"]


def test_no_secret_is_in_the_journal_or_in_a_representation(
    sandbox, client, role, mfa, keys
):
    session = client().get_session_token(**mfa())
    client(session).assume_role(**role("Jump"))
    token = sandbox.web_identity_token()
    client(None).assume_role_with_web_identity(**role("Deploy", WebIdentityToken=token))
    alice = sandbox.organisation.user("alice")
    shown = repr(sandbox.journal.calls()) + repr(sandbox.organisation)
    shown += repr(
        [
            sandbox._estate.registry.find(call.access_key_id or "")
            for call in sandbox.journal
        ]
    )
    for secret in (*keys("alice")[1:2], *keys(session)[1:], token, alice.totp_seed):
        assert secret not in shown
    assert mfa()["TokenCode"] not in shown
    assert alice.access_key_id in shown


def test_the_journal_keeps_what_was_asked(sandbox, client, role, mfa, refused):
    arguments = role("Jump", DurationSeconds=7200, **mfa())
    client(region="eu-west-1").assume_role(**arguments)
    with refused("AccessDenied", 403):
        client("bob").assume_role(**role("Jump"))
    first, second = sandbox.journal
    assert first == Call(
        number=1,
        at=first.at,
        action="AssumeRole",
        access_key_id=sandbox.organisation.user("alice").access_key_id,
        caller_arn="arn:aws:iam::111111111111:user/alice",
        role_arn="arn:aws:iam::222222222222:role/Jump",
        region="eu-west-1",
        session_name="test",
        duration_seconds=7200,
        mfa=True,
        outcome="ok",
        elapsed_seconds=first.elapsed_seconds,
        arguments={k: v for k, v in arguments.items() if k != "TokenCode"},
    )
    assert abs((first.at - datetime.now(UTC)).total_seconds()) < 60
    assert (second.mfa, second.duration_seconds) == (False, None)
    assert second.outcome == "AccessDenied"
    journal = sandbox.journal
    assert journal.count() == len(journal) == 2
    assert journal.count("AssumeRole") == journal.count(role_arn=first.role_arn) == 2
    assert journal.count("AssumeRole", outcome="ok") == 1
    assert journal.count("GetSessionToken") == journal.count(role_arn="x") == 0
    assert journal[:1] == (first,)
    assert journal[-1] is second
    journal.clear()
    assert journal.calls() == ()
    client().get_caller_identity()
    assert journal[0].number == 3


def test_waiting_for_a_call_that_does_not_come_has_an_end():
    assert not Journal().wait_for(1, timeout_seconds=0.01)


def test_keys_and_seeds_are_new_each_time():
    first, second = Organisation.example(), Organisation.example()
    assert first.user("alice").totp_seed != second.user("alice").totp_seed
    for name in ("alice", "bob"):
        assert first.user(name).access_key_id != second.user(name).access_key_id
        assert len(first.user(name).access_key_id) == 20
    assert first.role("Jump") is first.role("arn:aws:iam::222222222222:role/Jump")
    assert first.accounts == tuple(digit * 12 for digit in "1234")


def test_the_example_has_roles_for_tags_and_for_a_choice_by_saml():
    example = Organisation.example()
    tagged, following = example.role("Tagged"), example.role("TaggedNext")
    assert tagged.trust.principals == ("arn:aws:iam::111111111111:root",)
    assert following.trust.principals == (tagged.arn,)
    for role in tagged, following:
        assert (role.trust.tag_session, role.trust.set_source_identity) == (True, True)
        assert not role.trust.mfa
    first, second = example.role("Federated"), example.role("FederatedAudit")
    assert first.account == second.account == tagged.account == "222222222222"
    assert first.trust.principals == second.trust.principals


def test_the_partner_is_no_member_of_the_organisation():
    example = Organisation.example()
    assert example.management == "111111111111"
    assert example.members == {"222222222222", "333333333333"}


def test_a_role_or_profile_of_the_same_name_is_replaced():
    example = Organisation.example()
    jump = dataclasses.replace(example.role("Jump"), max_session_seconds=7200)
    changed = example.with_roles(jump).with_profiles(Profile("jump"))
    assert changed.role("Jump").max_session_seconds == 7200
    assert len(changed.roles) == len(example.roles)
    assert len(changed.profiles) == len(example.profiles)


def test_the_fixture_is_a_running_sandbox(sts_sandbox):
    assert sts_sandbox.endpoint_url.startswith("http://127.0.0.1:")


def test_the_sandbox_imports_nothing_else_of_ours():
    folder = Path(sts_plugin.sandbox.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            ours = [name for name in names if name.split(".")[0] == "sts_plugin"]
            assert all(name.startswith("sts_plugin.sandbox") for name in ours), path
