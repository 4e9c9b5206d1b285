from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sts_plugin import keychain
from sts_plugin.access_keys import AccessKeys
from sts_plugin.chain import follow
from sts_plugin.errors import ConfigurationError
from sts_plugin.key_records import KeyRecord
from sts_plugin.plan import make_plan
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


# --- Keys in the keychain ---


@pytest.fixture
def kept(tmp_path):
    """Let profiles have a record, whatever a keychain says; return the environment."""

    def keep(*names, key_id=f"AKIA{'A' * 16}"):
        for name in names:
            moment = datetime(2026, 3, 1, tzinfo=UTC)
            AccessKeys(tmp_path / "data").save(KeyRecord(name, key_id, moment))
        return {"STS_PLUGIN_DATA_DIR": str(tmp_path / "data")}

    return keep


def test_a_key_in_the_keychain_is_the_same_source_as_in_a_file(aws, kept, monkeypatch):
    monkeypatch.setattr(keychain, "within", lambda *_: pytest.fail("it was asked"))
    environ = kept("p")
    key_id = f"AKIA{'A' * 16}"
    profiles = aws(
        "[profile p]\nsts_plugin_keychain = yes\n"
        f"[profile q]\naws_access_key_id = {key_id}\naws_secret_access_key = s\n"
    )
    p, q = (follow(profiles, n, environ, explicit=True).source for n in "pq")
    assert (p.kind, p.identity, p.long_term) == ("keychain", key_id, True)
    assert p.key == q.key
    assert p.origin.line == 2


@pytest.mark.parametrize(
    "beside",
    [
        "credential_process = sts-plugin credential-process --profile p",
        "credential_process = other",
        "sso_account_id = 1",
        "login_session = x",
        "web_identity_token_file =",
        KEYS_A,
    ],
)
def test_it_comes_before_every_other_way(aws, kept, beside):
    profiles = aws(f"[profile p]\n{beside}\nsts_plugin_keychain = on\n")
    source = follow(profiles, "p", kept("p"), explicit=True).source
    assert source.kind == "keychain"


def test_a_role_stands_on_it_as_on_keys_in_the_profile_itself(aws, kept):
    profiles = aws(
        f"[profile p]\nsts_plugin_keychain = yes\n{ROLE}\nsource_profile = p\n"
        f"[profile q]\n{ROLE}\nsource_profile = p\n"
    )
    for name, roles in (("p", 1), ("q", 1)):  # of p its key signs, not its role
        chain = follow(profiles, name, kept("p"), explicit=True)
        assert (chain.source.kind, chain.source.profile) == ("keychain", "p")
        assert len(chain.links) == roles


@pytest.mark.parametrize("word", ["no", "off", "0", "false"])
def test_a_profile_may_say_that_it_has_none(aws, kept, word):
    text = f"[profile p]\n{KEYS_A}\nsts_plugin_keychain = {word}\n"
    assert follow(aws(text), "p", kept("p"), explicit=True).source.kind == "static"


def test_a_word_that_is_neither_is_told(aws, kept):
    profiles = aws("[profile p]\nsts_plugin_keychain = alice\n")
    with pytest.raises(ConfigurationError, match="is neither yes nor no"):
        follow(profiles, "p", kept("p"), explicit=True)


def test_a_profile_without_a_record_names_the_command(aws, kept):
    profiles = aws("# one\n\n[profile 'p q']\nsts_plugin_keychain = yes\n")
    with pytest.raises(ConfigurationError) as caught:
        follow(profiles, "p q", kept(), explicit=True)
    assert "config:4: sts_plugin_keychain = yes: no access key" in caught.value.message
    assert caught.value.hint == "sts-plugin keys add --profile 'p q'"


def test_whose_key_it_is_is_not_included(aws, kept):
    profiles = aws(
        "[profile p]\nsts_plugin_keychain = yes\nregion = x\n"
        f"[profile q]\ninclude_profile = p\n{KEYS_B}\n"
        "[profile r]\nsts_plugin_keychain = yes\ninclude_profile = s\n"
        f"[profile s]\n{ROLE}\nsource_profile = p\n"
        "[profile t]\ninclude_profile = p\n"
    )
    environ = kept("p", "r", "t")
    assert follow(profiles, "t", environ, explicit=True).source.kind == "ambient"
    assert follow(profiles, "q", environ, explicit=True).source.kind == "static"
    # And who has a key of their own takes no role from what they include.
    chain = follow(profiles, "r", environ, explicit=True)
    assert (chain.source.profile, chain.links) == ("r", ())


def test_a_key_in_a_file_that_does_not_count_is_noted(aws, kept):
    profiles = aws(
        "[profile p]\nsts_plugin_keychain = yes\n"
        f"[profile q]\n{ROLE}\nsource_profile = p\n",
        f"[p]\n{KEYS_A}\n",
    )
    for name in "pq":
        [note] = make_plan(profiles, name, kept("p")).notes
        assert f"credentials:2 still holds the access key {A} of profile" in note
    assert (
        make_plan(aws("[profile p]\nsts_plugin_keychain=1\n"), "p", kept()).notes == ()
    )
