from __future__ import annotations

import getpass
import sys
import textwrap
from datetime import UTC, datetime, timedelta

import botocore.credentials
import botocore.exceptions
import pytest

from sts_plugin.actions import SAML, WEB_IDENTITY
from sts_plugin.chain import Link, follow
from sts_plugin.errors import ConfigurationError, NothingHere, StsPluginError
from sts_plugin.model import Origin, Setting
from sts_plugin.plan import make_plan
from sts_plugin.profiles import Profile
from sts_plugin.settings import HOPS_MAX

A, B = "AKIAA", "AKIAB"
KEYS_A = f"aws_access_key_id = {A}\naws_secret_access_key = s"
KEYS_B = f"aws_access_key_id = {B}\naws_secret_access_key = s"
ROLE = "arn:aws:iam::111111111111:role/"
ENV = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}
WEB_ENV = {
    "AWS_ROLE_ARN": f"{ROLE}env",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "{folder}/token",
}
PROCESS = "credential_process = {folder}/process"


def role(name):
    return f"role_arn = {ROLE}{name}"


def names(chain):
    """The profiles that ask STS for something, in the order of the calls."""
    return [link.profile.name for link in chain.links]


# --- Parity: the same calls, signed by the same identity, as stock botocore ---

# (config, credentials, environment): each profile under test is "p".
PARITY = {
    "static": (f"[profile p]\n{KEYS_A}", "", {}),
    "static in credentials": ("", f"[p]\n{KEYS_A}", {}),
    "static in both": (f"[profile p]\n{KEYS_A}", f"[p]\n{KEYS_B}", {}),
    "key id in config, secret in credentials": (
        f"[profile p]\naws_access_key_id = {A}",
        "[p]\naws_secret_access_key = s",
        {},
    ),
    "key id in credentials, secret in config": (
        "[profile p]\naws_secret_access_key = s",
        f"[p]\naws_access_key_id = {A}",
        {},
    ),
    "key id only": (f"[profile p]\naws_access_key_id = {A}", "", {}),
    "key id only in credentials, both in config": (
        f"[profile p]\n{KEYS_A}",
        f"[p]\naws_access_key_id = {B}",
        {},
    ),
    "secret only": ("[profile p]\naws_secret_access_key = s", "", {}),
    "secret only in credentials, both in config": (
        f"[profile p]\n{KEYS_A}",
        "[p]\naws_secret_access_key = t",
        {},
    ),
    "nothing": ("[profile p]\nregion = r", "", {}),
    "source without a role": (
        f"[profile p]\nsource_profile = b\n[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "role": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "role in the credentials file": (
        "",
        f"[p]\n{role('r')}\nsource_profile = b\n[b]\n{KEYS_B}",
        {},
    ),
    "role whose keys are in both files": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n[profile b]\n{KEYS_B}",
        "[p]\nsource_profile = b",
        {},
    ),
    "role over two roles": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\n[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "top with keys and a source": (
        f"[profile p]\n{KEYS_A}\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "top with keys and no source": (f"[profile p]\n{KEYS_A}\n{role('r')}", "", {}),
    "middle with keys and a role": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{KEYS_A}\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "middle with a stray secret and a role": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\naws_secret_access_key = s\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "middle with a process and a role": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{PROCESS}\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "top with a process and a role": (
        f"[profile p]\n{PROCESS}\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "top with a process and a role without a source": (
        f"[profile p]\n{PROCESS}\n{role('r')}",
        "",
        {},
    ),
    "itself, with keys": (
        f"[profile p]\n{KEYS_A}\n{role('r')}\nsource_profile = p",
        "",
        {},
    ),
    "itself, with keys in the credentials file": (
        f"[profile p]\n{role('r')}\nsource_profile = p",
        f"[p]\n{KEYS_A}",
        {},
    ),
    "itself, without keys": (f"[profile p]\n{role('r')}\nsource_profile = p", "", {}),
    "itself, with a process": (
        f"[profile p]\n{PROCESS}\n{role('r')}\nsource_profile = p",
        "",
        {},
    ),
    "itself in the middle, with keys": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{KEYS_A}\n{role('q')}\nsource_profile = q",
        "",
        {},
    ),
    "itself in the middle, without keys": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = q",
        "",
        {},
    ),
    "loop": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = p",
        "",
        {},
    ),
    "loop, top with keys": (
        f"[profile p]\n{KEYS_A}\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = p",
        "",
        {},
    ),
    "loop, middle with keys": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{KEYS_A}\n{role('q')}\nsource_profile = p",
        "",
        {},
    ),
    "loop behind the top": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{role('b')}\nsource_profile = q",
        "",
        {},
    ),
    "missing source": (f"[profile p]\n{role('r')}\nsource_profile = b", "", {}),
    "quoted source": (
        f'[profile p]\n{role("r")}\nsource_profile = "b"\n[profile b]\n{KEYS_B}',
        "",
        {},
    ),
    "source without credentials": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\nregion = r",
        "",
        {},
    ),
    "source that is empty": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]",
        "",
        {},
    ),
    "source with half its keys": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\naws_access_key_id = {B}",
        "",
        {},
    ),
    "source with a secret and a process": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\naws_secret_access_key = s\n{PROCESS}",
        "",
        {},
    ),
    "default as the source": (
        f"[profile p]\n{role('r')}\nsource_profile = default\n[default]\n{KEYS_B}",
        "",
        {},
    ),
    "source and credential_source": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"credential_source = Environment\n[profile b]\n{KEYS_B}",
        "",
        ENV,
    ),
    "credential_source Environment": (
        f"[profile p]\n{role('r')}\ncredential_source = Environment",
        "",
        ENV,
    ),
    "credential_source Environment, and none there": (
        f"[profile p]\n{role('r')}\ncredential_source = Environment",
        "",
        {},
    ),
    "credential_source in lower case": (
        f"[profile p]\n{role('r')}\ncredential_source = environment",
        "",
        ENV,
    ),
    "unknown credential_source": (
        f"[profile p]\n{role('r')}\ncredential_source = Other",
        "",
        {},
    ),
    "credential_source in a source without a role": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        "[profile b]\ncredential_source = Environment",
        "",
        ENV,
    ),
    "credential_source in the middle": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\ncredential_source = Environment",
        "",
        ENV,
    ),
    "process": (f"[profile p]\n{PROCESS}", "", {}),
    "process and keys in config": (f"[profile p]\n{PROCESS}\n{KEYS_A}", "", {}),
    "process and keys in credentials": (
        f"[profile p]\n{PROCESS}",
        f"[p]\n{KEYS_A}",
        {},
    ),
    "process as the source": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\n{PROCESS}",
        "",
        {},
    ),
    "web identity": (
        f"[profile p]\n{role('w')}\nweb_identity_token_file = {{folder}}/token",
        "",
        {},
    ),
    "web identity and a source": (
        f"[profile p]\n{role('w')}\nweb_identity_token_file = {{folder}}/token\n"
        f"source_profile = b\nexternal_id = x\n[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "web identity and keys": (
        f"[profile p]\n{role('w')}\nweb_identity_token_file = {{folder}}/token",
        f"[p]\n{KEYS_A}",
        {},
    ),
    "web identity as the source": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{role('w')}\nweb_identity_token_file = {{folder}}/token",
        "",
        {},
    ),
    "web identity and keys as the source": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}\n{role('w')}\n"
        "web_identity_token_file = {folder}/token",
        "",
        {},
    ),
    "web identity, keys in the credentials file, as the source": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{role('w')}\nweb_identity_token_file = {{folder}}/token",
        f"[b]\n{KEYS_B}",
        {},
    ),
    "web identity behind two roles": (
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{role('w')}\nweb_identity_token_file = {{folder}}/token",
        "",
        {},
    ),
    "web identity without a role": (
        "[profile p]\nweb_identity_token_file = {folder}/token",
        "",
        {},
    ),
    "empty web identity, role and source": (
        f"[profile p]\n{role('r')}\nweb_identity_token_file =\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}",
        "",
        {},
    ),
    "environment": (f"[profile p]\n{KEYS_A}", "", ENV),
    "environment and a role": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\n{KEYS_B}",
        "",
        ENV,
    ),
    "environment with an empty key id": (
        f"[profile p]\n{KEYS_A}",
        "",
        ENV | {"AWS_ACCESS_KEY_ID": ""},
    ),
    "environment with a key id only": (
        f"[profile p]\n{KEYS_A}",
        "",
        {"AWS_ACCESS_KEY_ID": "AKIAENV"},
    ),
    "environment with a secret only": (
        f"[profile p]\n{KEYS_A}",
        "",
        {"AWS_SECRET_ACCESS_KEY": "s"},
    ),
    "environment, and the profile does not exist": ("[profile q]", "", ENV),
    "web identity of the environment": (f"[profile p]\n{KEYS_A}", "", WEB_ENV),
    "web identity of the environment and a role": (
        f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\n{KEYS_B}",
        "",
        WEB_ENV,
    ),
    "AWS_ROLE_ARN alone": (
        f"[profile p]\n{KEYS_A}",
        "",
        {"AWS_ROLE_ARN": f"{ROLE}env"},
    ),
    "a role of the environment for the token of a profile": (
        f"[profile p]\n{role('r')}\nweb_identity_token_file = {{folder}}/token",
        "",
        {"AWS_ROLE_ARN": f"{ROLE}env"},
    ),
    "a token of the environment for the role of a profile": (
        f"[profile p]\n{role('r')}\nweb_identity_token_file = {{folder}}/token",
        "",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "{folder}/token"},
    ),
    "a token of the environment and no role": (
        f"[profile p]\n{KEYS_A}",
        "",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "{folder}/token"},
    ),
    "unknown profile": ("[profile q]", "", {}),
    "sso and keys": (
        f"[profile p]\n{KEYS_A}\nsso_account_id = 1",
        f"[p]\n{KEYS_B}",
        {},
    ),
    "sso without an account or a role": (
        f"[profile p]\n{KEYS_A}\nsso_start_url = u\nsso_region = r",
        "",
        {},
    ),
    "empty role": (f"[profile p]\nrole_arn =\nregion = r\n{KEYS_A}", "", {}),
}


class FakeClient:
    """An STS that writes down who asks for what, and answers with new keys."""

    def __init__(self, calls, key):
        self.calls, self.key = calls, key

    def assume_role(self, **arguments):
        return self._answer(self.key, arguments)

    def assume_role_with_web_identity(self, **arguments):
        return self._answer("web", arguments)

    def _answer(self, who, arguments):
        self.calls.append((who, arguments["RoleArn"]))
        expires = datetime.now(UTC) + timedelta(hours=1)
        credentials = {
            "AccessKeyId": f"for {arguments['RoleArn']}",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": expires.isoformat(),
        }
        return {"Credentials": credentials}


@pytest.fixture
def setting(aws, tmp_path):
    """Fill in the folder, write the files, and make what they name."""
    (tmp_path / "token").write_text("token")
    process = tmp_path / "process"
    process.write_text(
        f"#!{sys.executable}\n"
        'print(\'{"Version": 1, "AccessKeyId": "AKIAPROCESS", '
        '"SecretAccessKey": "s"}\')\n'
    )
    process.chmod(0o755)

    def fill(config, credentials="", environ=None):
        folder = str(tmp_path)
        environ = {k: v.format(folder=folder) for k, v in (environ or {}).items()}
        texts = [text.replace("{folder}", folder) for text in (config, credentials)]
        return aws(*texts), {**environ, "AWS_EC2_METADATA_DISABLED": "true"}

    return fill


@pytest.fixture
def theirs(stock, mocker):
    """Return the calls stock botocore makes and the key it ends with, or None."""

    def resolve(environ, *, explicit):
        calls = []
        mocker.patch.object(
            botocore.credentials,
            "_get_client_creator",
            return_value=lambda _service, **given: FakeClient(
                calls, given.get("aws_access_key_id")
            ),
        )
        mocker.patch.object(getpass, "getpass", side_effect=AssertionError)
        environ = environ if explicit else {**environ, "AWS_PROFILE": "p"}
        session = stock("p" if explicit else None, environ)
        try:
            found = session.get_credentials()
            key = found.get_frozen_credentials().access_key if found else None
        except (botocore.exceptions.BotoCoreError, FileNotFoundError):
            return None
        return key and [*calls, key]

    return resolve


def ours(profiles, environ, *, explicit):
    try:
        chain = follow(profiles, "p", environ, explicit=explicit)
    except StsPluginError:
        return None
    calls, key = [], chain.source.identity
    if chain.source.kind == "process":
        key = "AKIAPROCESS"
    elif chain.source.kind == "sso":
        return None  # there is no token here, so that botocore has nothing either
    for link in chain.links:
        arn = link.profile.get("role_arn").value
        calls.append(("web" if link.action == WEB_IDENTITY else key, arn))
        key = f"for {arn}"
    return [*calls, key]


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "AWS_PROFILE"])
@pytest.mark.parametrize("case", PARITY.values(), ids=PARITY)
def test_a_chain_is_followed_as_stock_botocore_follows_it(
    setting, theirs, case, explicit
):
    profiles, environ = setting(*case)
    assert ours(profiles, environ, explicit=explicit) == theirs(
        environ, explicit=explicit
    )


def test_the_environments_web_identity_comes_before_our_own_process(aws):
    # As before any other credential_process; contract with botocore's order.
    profiles = aws(
        "[profile p]\ncredential_process = sts-plugin credential-process --profile q\n"
        f"[profile q]\n{KEYS_A}\n"
    )
    chain = follow(profiles, "p", WEB_ENV, explicit=False)
    assert (chain.source.kind, chain.source.profile) == ("web-identity", "p")
    assert follow(profiles, "p", WEB_ENV, explicit=True).source.profile == "q"


# --- What each error says ---


@pytest.mark.parametrize(
    ("config", "line", "words"),
    [
        (f"[profile p]\n{role('r')}\n", 2, "nothing to assume it from"),
        (
            f"[profile p]\n{role('r')}\nsource_profile = b\n",
            3,
            "source_profile = b",
        ),
        (
            f"[profile p]\n{role('r')}\ncredential_source = Other\n",
            3,
            "credential_source = Other",
        ),
        (
            f"[profile p]\n{role('r')}\nsource_profile = q\n"
            f"[profile q]\n{role('q')}\nsource_profile = p\n",
            6,
            "p -> q -> p",
        ),
        (f"[profile p]\n{role('r')}\nsource_profile = p\n", 3, "p -> p"),
        (
            f"[profile p]\n{role('r')}\nsource_profile = b\n"
            "credential_source = Environment\n",
            4,
            "both source_profile",
        ),
        (
            f"[profile p]\n{role('r')}\nsource_profile = b\n[profile b]\n",
            4,
            "has no credentials",
        ),
        ("[profile p]\naws_access_key_id = A\n", 2, "has no aws_secret_access_key"),
        (
            "[profile p]\naws_access_key_id =\naws_secret_access_key = canary\n",
            2,
            "has no aws_access_key_id",
        ),
        (
            "[profile p]\nweb_identity_token_file = /x\n",
            2,
            "no role_arn",
        ),
        (
            "[profile p]\ncredential_process = sts-plugin 'x\n",
            2,
            "cannot be split",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line_and_how_to_mend_it(
    aws, config, line, words
):
    with pytest.raises(ConfigurationError) as caught:
        follow(aws(config), "p", {}, explicit=True)
    assert f"{aws.config}:{line}" in caught.value.line
    assert words in caught.value.line
    assert caught.value.hint
    assert "canary" not in caught.value.line


def test_nothing_on_a_machine_without_a_metadata_service_is_nothing_here(aws):
    off = {"AWS_EC2_METADATA_DISABLED": "true"}
    with pytest.raises(NothingHere):
        follow(aws("[profile p]\n"), "p", off, explicit=True)
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1"}
    chain = follow(aws("[profile p]\n"), "p", off | uri, explicit=True)
    assert chain.source.kind == "ambient"


def test_a_machine_without_files_may_have_an_instance_role(aws):
    chain = follow(aws(), "default", {}, explicit=False)
    assert (chain.source.kind, chain.links) == ("ambient", ())
    with pytest.raises(ConfigurationError):
        follow(aws(), "default", {}, explicit=True)
    with pytest.raises(ConfigurationError):
        follow(aws(), "other", {}, explicit=False)


def test_a_missing_default_profile_does_not_hide_the_environment(aws):
    chain = follow(aws(), "default", ENV, explicit=False)
    assert (chain.source.identity, chain.selected) == ("AKIAENV", None)


# --- Our prefix ---


def test_one_profile_can_hold_a_process_for_the_sdks_and_a_role_for_us(aws):
    profiles = aws(
        "[profile p]\n"
        "credential_process = sts-plugin credential-process --profile p\n"
        f"sts_plugin_role_arn = {ROLE}r\nsts_plugin_source_profile = b\n"
        f"[profile b]\n{KEYS_B}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert chain.source.identity == B
    assert names(chain) == ["p"]


def test_our_own_role_wins_over_web_identity(aws):
    profiles = aws(
        "[profile p]\nweb_identity_token_file = /x\n"
        f"sts_plugin_role_arn = {ROLE}r\nsource_profile = b\n[profile b]\n{KEYS_B}\n"
    )
    assert follow(profiles, "p", {}, explicit=True).source.identity == B


# --- A credential_process that is sts-plugin ---

OURS = [
    "sts-plugin credential-process --profile {}",
    "sts-plugin credential-process --profile={}",
    "/usr/local/bin/sts-plugin credential-process --profile {}",
    '"/opt/my tools/sts-plugin" credential-process --profile {}',
    "sts-plugin.exe credential-process --profile {}",
    "python3 -m sts_plugin credential-process --profile {}",
    "/usr/bin/python3 -I -m sts_plugin credential-process --profile {}",
    "sts-plugin credential-process --profile other --profile {}",
    "sts-plugin credential-process --profile=other --profile {}",
    "sts-plugin credential-process --profile other --profile={}",
]
FOREIGN = [
    "other-tool credential-process --profile b",
    "sts-plugin-helper credential-process --profile b",
    "/opt/sts-plugin/helper credential-process --profile b",
    "sts-plugin exec --profile b -- print-keys",
    "python -m other credential-process --profile b",
    "sh -c 'sts-plugin credential-process --profile b'",
]


@pytest.mark.parametrize("command", OURS)
def test_our_own_process_is_followed_to_its_profile(aws, command):
    profiles = aws(
        f"[profile p]\nregion = r\ncredential_process = {command.format('b')}\n"
        f"[profile b]\n{KEYS_B}\n[profile other]\n{KEYS_A}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (chain.source.kind, chain.source.identity) == ("static", B)
    assert chain.selected.name == "b"  # as in the process that is not started


@pytest.mark.parametrize("command", FOREIGN)
def test_a_process_that_is_not_ours_is_a_source(aws, command):
    profiles = aws(
        f"[profile p]\ncredential_process = {command}\n[profile b]\n{KEYS_B}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (chain.source.kind, chain.source.profile) == ("process", "p")


def test_an_alias_of_a_role_is_that_role(aws):
    profiles = aws(
        f"[profile p]\ncredential_process = {OURS[0].format('q')}\n"
        f"[profile q]\n{KEYS_A}\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (chain.source.identity, names(chain)) == (B, ["q"])
    assert chain.selected.name == "q"


def test_an_alias_can_be_the_source_of_a_role(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\ncredential_process = {OURS[0].format('a')}\n"
        f"[profile a]\n{role('a')}\nsource_profile = b\n[profile b]\n{KEYS_B}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (chain.source.identity, names(chain)) == (B, ["a", "p"])
    assert chain.selected.name == "p"


def test_keys_in_the_credentials_file_win_over_our_own_process(aws):
    profiles = aws(
        f"[profile p]\ncredential_process = {OURS[0].format('p')}\n", f"[p]\n{KEYS_A}\n"
    )
    assert follow(profiles, "p", {}, explicit=True).source.identity == A


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            "[profile p]\ncredential_process = sts-plugin credential-process",
            "--profile p",
        ),
        (
            "[profile p]\ncredential_process = sts-plugin credential-process --profile",
            "--profile p",
        ),
        (f"[profile p]\ncredential_process = {OURS[0].format('p')}", "sts_plugin_role"),
        (f"[profile p]\ncredential_process = {OURS[0].format('x')}", "does not exist"),
        (
            f"[profile p]\ncredential_process = {OURS[0].format('q')}\n"
            f"[profile q]\ncredential_process = {OURS[1].format('p')}",
            "p -> q -> p",
        ),
        (
            f"[profile p]\n{role('r')}\nsource_profile = q\n"
            f"[profile q]\ncredential_process = {OURS[1].format('p')}",
            "p -> q -> p",
        ),
    ],
)
def test_our_own_process_that_leads_nowhere_is_told(aws, config, words):
    with pytest.raises(ConfigurationError, match=r"config:\d") as caught:
        follow(aws(textwrap.dedent(config) + "\n"), "p", {}, explicit=True)
    assert words in caught.value.line


# --- What else a profile can ask for ---

FEDERATION = "federation_name = carol"
ROOT = "target_principal = 222222222222"
TRADE = "trade_in_token_file = /t"
WEB = "sts_plugin_web_identity_token_file = /t"
OFF = {"AWS_EC2_METADATA_DISABLED": "true"}


def asked(chain):
    return [(link.profile.name, link.action) for link in chain.links]


@pytest.mark.parametrize("text", [FEDERATION, ROOT, TRADE])
@pytest.mark.parametrize(
    ("signer", "credentials", "kind", "identity"),
    [
        (KEYS_A, "", "static", A),
        ("region = r", f"[p]\n{KEYS_A}", "static", A),
        (f"source_profile = b\n[profile b]\n{KEYS_B}", "", "static", B),
        # keys of its own are passed over for those it names, as for a role
        (f"{KEYS_A}\nsource_profile = b\n[profile b]\n{KEYS_B}", "", "static", B),
        (f"{KEYS_A}\nsource_profile = p", "", "static", A),
        ("credential_source = Environment", "", "environment", "AKIAENV"),
        ("credential_process = foreign", "", "process", None),
        ("region = r", "", "ambient", None),
    ],
)
def test_what_is_no_role_is_signed_with_own_keys_or_those_it_names(
    aws, text, signer, credentials, kind, identity
):
    profiles = aws(f"[profile p]\n{text}\n{signer}\n", credentials)
    chain = follow(profiles, "p", ENV, explicit=True)
    assert chain.source.kind == kind
    assert identity in {None, chain.source.identity}
    ((name, action),) = asked(chain)
    assert name == "p"
    assert action != "AssumeRole"
    assert chain.selected.name == "p"


@pytest.mark.parametrize("text", [FEDERATION, ROOT])
@pytest.mark.parametrize(
    ("keys", "kind"), [(KEYS_A, "static"), ("region = r", "ambient")]
)
def test_our_own_process_in_such_a_profile_is_for_the_sdks(aws, text, keys, kind):
    profiles = aws(
        "[profile p]\ncredential_process = sts-plugin credential-process --profile p\n"
        f"{text}\n{keys}\n"
    )
    assert follow(profiles, "p", {}, explicit=True).source.kind == kind


def test_a_role_may_start_from_a_machine_only_where_it_says_so(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{ROOT}\nregion = r\n"
    )
    with pytest.raises(ConfigurationError, match="has no credentials"):
        follow(profiles, "p", {}, explicit=True)


def test_a_machine_without_credentials_signs_nothing(aws):
    with pytest.raises(NothingHere):
        follow(aws(f"[profile p]\n{ROOT}\n"), "p", OFF, explicit=True)


@pytest.mark.parametrize(
    ("text", "kind", "action"),
    [
        (f"{role('w')}\nweb_identity_token_process = x", "web-identity", WEB_IDENTITY),
        (f"{role('w')}\n{WEB}", "web-identity", WEB_IDENTITY),
        ("saml_process = x", "saml", SAML),
        (f"{role('w')}\nsaml_file = /a", "saml", SAML),
    ],
)
def test_a_token_or_an_assertion_is_where_a_chain_begins(aws, text, kind, action):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = q\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}\n{text}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (chain.source.kind, chain.source.profile) == (kind, "b")
    assert not chain.source.long_term
    assert asked(chain) == [("b", action), ("q", "AssumeRole"), ("p", "AssumeRole")]
    assert chain.selected.name == "p"
    alone = follow(profiles, "b", {}, explicit=True)
    assert asked(alone) == [("b", action)]
    assert alone.source == chain.source


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("environ", [WEB_ENV, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/e"}])
@pytest.mark.parametrize(
    "text",
    ["saml_process = x", f"{role('w')}\nweb_identity_token_process = x"],
)
def test_the_environments_token_does_not_replace_what_the_sdks_do_not_see(
    aws, text, environ, explicit
):
    chain = follow(aws(f"[profile p]\n{text}\n"), "p", environ, explicit=explicit)
    (link,) = chain.links
    assert link.profile.get("web_identity_token_file") is None


# --- What a profile includes ---


def test_a_source_may_include_what_makes_it_one(aws):
    profiles = aws(
        f"[profile p]\ninclude_profile = common\n{role('r')}\n"
        "[profile common]\nsource_profile = b\n"
        f"[profile b]\ninclude_profile = more\n{KEYS_B}\n"
        f"[profile more]\n{role('q')}\nsource_profile = c\n[profile c]\n{KEYS_A}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (names(chain), chain.source.identity) == (["p"], B)


def test_an_included_role_is_a_role_of_the_one_that_includes_it(aws):
    profiles = aws(
        "[profile p]\ninclude_profile = common\n"
        f"[profile common]\n{role('r')}\nsource_profile = b\n[profile b]\n{KEYS_B}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert (asked(chain), chain.source.identity) == ([("p", "AssumeRole")], B)


def test_static_keys_of_an_included_profile_are_no_source(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\ninclude_profile = keys\n[profile keys]\n{KEYS_A}\n"
    )
    with pytest.raises(ConfigurationError, match="has no credentials"):
        follow(profiles, "p", {}, explicit=True)


def test_a_broken_include_of_a_source_is_told(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        f"[profile b]\n{KEYS_B}\ninclude_profile = nowhere\n"
    )
    with pytest.raises(ConfigurationError, match="include_profile = nowhere"):
        follow(profiles, "p", {}, explicit=True)


# --- Variables that speak for the profile asked for ---

TARGET = {
    "AWS_SOURCE_IDENTITY": "alice",
    "AWS_SESSION_TAGS": "a=b",
    "AWS_TRANSITIVE_TAGS": "a",
}


def said(link):
    keys = ("source_identity", "session_tags", "transitive_session_tags")
    found = (link.profile.get(key) for key in keys)
    return [setting and setting.value for setting in found]


def test_variables_speak_for_the_profile_asked_for_and_for_no_other(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = q\nsession_tags = c=d\n"
        f"sts_plugin_source_identity = bob\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\nsession_tags = e=f\n"
        f"[profile b]\n{KEYS_B}\n"
    )
    links = follow(profiles, "p", TARGET, explicit=True).links
    assert [said(link) for link in links] == [
        [None, "e=f", None],
        ["alice", "a=b", "a"],
    ]
    without = follow(profiles, "p", {}, explicit=True).links
    assert said(without[-1]) == ["bob", "c=d", None]


def test_an_empty_variable_says_nothing(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = b\nsession_tags = c=d\n"
        f"[profile b]\n{KEYS_B}\n"
    )
    environ = dict.fromkeys(TARGET, "")
    (link,) = follow(profiles, "p", environ, explicit=True).links
    assert said(link) == [None, "c=d", None]


def test_variables_speak_for_the_profile_that_our_own_process_names(aws):
    # As in the process that is not started.
    profiles = aws(
        "[profile p]\ncredential_process = sts-plugin credential-process --profile q\n"
        f"[profile q]\n{role('q')}\nsource_profile = b\n[profile b]\n{KEYS_B}\n"
    )
    for name in "pq":
        (link,) = follow(profiles, name, TARGET, explicit=True).links
        assert said(link) == ["alice", "a=b", "a"]


def test_a_source_does_not_depend_on_variables_for_the_role(aws):
    profiles = aws(
        f"[profile p]\n{role('r')}\nsource_profile = b\n"
        "[profile b]\ncredential_process = foreign\n"
    )
    one, other = (
        follow(profiles, "p", environ, explicit=True) for environ in ({}, TARGET)
    )
    assert one.source == other.source


def test_what_a_profile_asks_for_itself_is_signed_with_what_its_process_leads_to(aws):
    profiles = aws(
        "[profile p]\nfederation_name = app\n"
        "credential_process = sts-plugin credential-process --profile q\n"
        f"[profile q]\n{KEYS_A}\n"
    )
    chain = follow(profiles, "p", {}, explicit=True)
    assert [link.action for link in chain.links] == ["GetFederationToken"]
    assert chain.source.identity == A


def test_keys_of_the_environment_do_not_bring_the_device_of_a_profile(aws):
    origin = Origin("AssumeRole()")
    said = {"role_arn": Setting("role_arn", f"{ROLE}r", origin)}
    then = Link(Profile("AssumeRole()", origin, config=said), "AssumeRole")
    profiles = aws(
        f"[profile p]\n{KEYS_A}\nmfa_serial = arn:aws:iam::111111111111:mfa/one\n"
    )
    plan = make_plan(profiles, "p", ENV, explicit=False, then=[then])
    assert plan.source.identity == "AKIAENV"
    assert plan.device is None


# --- Endless chains ---


def linked(length):
    """So many profiles, each behind the next one, and one with keys at the end."""
    said = f"{role('r')}\nsource_profile"
    links = [f"[profile p{n}]\n{said} = p{n + 1}\n" for n in range(length)]
    return f"{''.join(links)}[profile p{length}]\n{KEYS_A}\n"


def aliased(length):
    process = "credential_process = sts-plugin credential-process --profile"
    links = [f"[profile p{n}]\n{process} p{n + 1}\n" for n in range(length)]
    return f"{''.join(links)}[profile p{length}]\n{KEYS_A}\n"


def looped(length):
    return linked(length).replace(KEYS_A, f"{role('r')}\nsource_profile = p0")


@pytest.mark.parametrize("make", [linked, aliased])
def test_a_chain_may_lead_through_so_many_profiles(aws, make):
    chain = follow(aws(make(HOPS_MAX)), "p0", {}, explicit=True)
    assert chain.source.profile == f"p{HOPS_MAX}"
    assert len(chain.links) == (HOPS_MAX if make is linked else 0)


@pytest.mark.parametrize("length", [HOPS_MAX + 1, 100, 10_000])
@pytest.mark.parametrize(
    ("make", "key"),
    [
        (linked, "source_profile"),
        (looped, "source_profile"),
        (aliased, "credential_process"),
    ],
)
def test_a_longer_one_is_told_where_it_becomes_too_long(aws, make, key, length):
    profiles = aws(make(length))
    with pytest.raises(ConfigurationError) as caught:
        follow(profiles, "p0", {}, explicit=True)
    lines = 3 if key == "source_profile" else 2
    assert caught.value.message == (
        f"{aws.config}:{lines * (HOPS_MAX + 1)}: {key} of profile"
        f' "p{HOPS_MAX}" goes on with the chain of profile "p0", which is {HOPS_MAX}'
        " profiles long already"
    )
    assert caught.value.hint


def test_so_many_profiles_may_stand_behind_one(aws):
    wide = "".join(
        f"[profile w{n}]\n{role('w')}\nsource_profile = p0\n" for n in range(1000)
    )
    chain = follow(aws(linked(1) + wide), "w999", {}, explicit=True)
    assert names(chain) == ["p0", "w999"]
