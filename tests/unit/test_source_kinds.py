from __future__ import annotations

import pytest

from sts_plugin.chain import follow
from sts_plugin.errors import ConfigurationError
from sts_plugin.source_kinds import environment_source, has_own_keys

A = "AKIAA"
KEYS_A = f"aws_access_key_id = {A}\naws_secret_access_key = s"
KEYS_B = "aws_access_key_id = AKIAB\naws_secret_access_key = s"
ROLE = "role_arn = arn:aws:iam::111111111111:role/R"
ENV = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "s"}


@pytest.mark.parametrize(
    ("keys", "long_term"),
    [
        (KEYS_A, True),
        (f"{KEYS_A}\naws_session_token = t", False),
        (f"{KEYS_A}\naws_security_token = t", False),
        (f"{KEYS_A}\naws_session_token =", True),  # botocore signs without one
    ],
)
def test_keys_are_long_term_unless_a_token_stands_beside_them(aws, keys, long_term):
    source = follow(aws(f"[profile p]\n{keys}\n"), "p", {}, explicit=True).source
    assert (source.kind, source.identity) == ("static", A)
    assert source.long_term is long_term
    assert source.origin.line == 2


def test_a_token_in_the_other_file_does_not_count(aws):
    profiles = aws("[profile p]\naws_session_token = t\n", f"[p]\n{KEYS_A}\n")
    assert follow(profiles, "p", {}, explicit=True).source.long_term


@pytest.mark.parametrize("token", ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"])
def test_keys_of_the_environment_are_long_term_without_a_token(aws, token):
    for environ, long_term in ((ENV, True), (ENV | {token: "t"}, False)):
        source = follow(aws(), "default", environ, explicit=False).source
        assert (source.kind, source.long_term) == ("environment", long_term)


def test_the_same_keys_are_the_same_source_wherever_they_are_written(aws):
    profiles = aws(f"[profile p]\n{KEYS_A}\n", f"[q]\n{KEYS_A}\n[r]\n{KEYS_B}\n")
    sources = [follow(profiles, n, {}, explicit=True).source.key for n in "pqr"]
    assert sources[0] == sources[1] != sources[2]
    assert A not in sources[0]


def test_another_sso_session_makes_another_source(aws):
    profile = "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
    keys = {
        follow(
            aws(f"{profile}[sso-session s]\nsso_start_url = {url}\n"),
            "p",
            {},
            explicit=True,
        ).source.key
        for url in ("a", "b", "a")
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("credential_process = a", "credential_process = b"),
        (
            "sso_account_id = 1\nsso_role_name = r",
            "sso_account_id = 2\nsso_role_name = r",
        ),
        ("login_session = a", "login_session = b"),
        (
            f"web_identity_token_file = a\n{ROLE}",
            f"web_identity_token_file = b\n{ROLE}",
        ),
        (
            f"web_identity_token_process = a\n{ROLE}",
            f"web_identity_token_process = b\n{ROLE}",
        ),
        (
            f"web_identity_token_process = /a\n{ROLE}",
            f"web_identity_token_file = /a\n{ROLE}",
        ),
        ("saml_process = a", "saml_process = b"),
        ("saml_file = /a", "saml_file = /b"),
    ],
)
def test_another_setting_makes_another_source(aws, one, other):
    keys = {
        follow(aws(f"[profile p]\n{text}\n"), "p", {}, explicit=True).source.key
        for text in (one, other, one)
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("credential_process = foreign", "process"),
        ("sso_account_id = 1", "sso"),
        ("sso_role_name = r", "sso"),
        ("login_session = arn", "login"),
        (f"web_identity_token_file = a\n{ROLE}", "web-identity"),
        (f"web_identity_token_process = x\n{ROLE}", "web-identity"),
        ("saml_file = /a", "saml"),
        (f"saml_process = x\n{ROLE}", "saml"),
        ("region = r", "ambient"),
        (f"{ROLE}\ncredential_source = EcsContainer", "container"),
        (f"{ROLE}\ncredential_source = Ec2InstanceMetadata", "instance"),
        (f"login_session = arn\n{KEYS_A}", "login"),
        ("login_session = arn\ncredential_process = x", "login"),
        ("sso_role_name = r\ncredential_process = x", "sso"),
    ],
)
def test_the_kind_of_a_source_is_told(aws, text, kind):
    source = follow(aws(f"[profile p]\n{text}\n"), "p", {}, explicit=True).source
    assert source.kind == kind
    assert source.long_term is (kind == "static")


@pytest.mark.parametrize(
    "text", [KEYS_A, "aws_access_key_id =", "aws_secret_access_key = s"]
)
def test_either_half_of_a_pair_counts_as_static_keys(aws, text):
    assert has_own_keys(aws(f"[profile p]\n{text}\n")["p"])
    assert has_own_keys(aws("[profile p]\n", f"[p]\n{text}\n")["p"])
    assert not has_own_keys(aws("[profile p]\naws_session_token = t\n")["p"])


@pytest.mark.parametrize("name", ENV)
@pytest.mark.parametrize("value", [None, ""])
def test_half_of_a_pair_in_the_environment_is_told_without_the_other(name, value):
    environ = {**ENV, "AWS_SECRET_ACCESS_KEY": "canary"}
    environ.pop(name)
    if value is not None:
        environ[name] = value
    with pytest.raises(ConfigurationError, match=f"{name} is not set") as caught:
        environment_source("p", environ)
    assert "canary" not in caught.value.line
