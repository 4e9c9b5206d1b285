"""Profiles wrapped, unwrapped and added: texts before and after, and equal plans."""

from __future__ import annotations

import re
import shlex
import textwrap
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.credentials import ProcessProvider, create_credential_resolver

from sts_plugin.access_keys import AccessKeys
from sts_plugin.config_edits import edited
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import sections_of
from sts_plugin.key_records import KeyRecord
from sts_plugin.overview import summaries
from sts_plugin.profiles import load_profiles, profile_sections
from sts_plugin.unwrapping import unwrapped
from sts_plugin.wrapping import (
    added,
    changed_plans,
    needless,
    process_line,
    refuse_bypass,
    targets,
    updated,
    wrapped,
)

KEYS = "[alice]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n"
MFA = "arn:aws:iam::111111111111:mfa/alice"
AUDIT = "arn:aws:iam::222222222222:role/Audit"
LINE = "credential_process = sts-plugin credential-process --profile"


class Bench:
    def __init__(self, aws):
        self.aws = aws
        self.text = ""

    def write(self, config, credentials=KEYS):
        self.text = textwrap.dedent(config)
        self.aws.write(self.text, credentials)
        self.profiles = load_profiles(self.aws.environ)
        path = self.profiles.config_path
        self.sections = profile_sections(sections_of(self.text, path))
        self.before = tuple(summaries(self.profiles, self.aws.environ))
        return {one.name: one for one in self.before}

    def wrap(self, name):
        one = next(one for one in self.before if one.name == name)
        return wrapped(one, self.profiles, self.sections, "sts-plugin")

    def unwrap(self, name):
        one = next(one for one in self.before if one.name == name)
        return unwrapped(one, self.sections)

    def apply(self, edit):
        """The text after an edit, which changes no plan."""
        text = edited(self.text, "config", [edit]).text
        after = load_profiles(self.aws.environ, config=text)
        found = {one.name: one for one in summaries(after, self.aws.environ)}
        assert changed_plans(self.before, found) == []
        return text


@pytest.fixture
def bench(aws):
    return Bench(aws)


# Of the profile "p": before and after.
WRAPPED = {
    "a role": (
        f"""\
        [profile p]
        region = eu-central-1
        role_arn = {AUDIT}
        # of alice
        source_profile = alice
        mfa_serial = {MFA}
        """,
        f"""\
        [profile p]
        region = eu-central-1
        {LINE} p
        sts_plugin_role_arn = {AUDIT}
        # of alice
        sts_plugin_source_profile = alice
        mfa_serial = {MFA}
        """,
    ),
    "a credential source": (
        f"[profile p]\nrole_arn={AUDIT}\ncredential_source=Ec2InstanceMetadata\n",
        f"[profile p]\n{LINE} p\nsts_plugin_role_arn={AUDIT}\n"
        "sts_plugin_credential_source=Ec2InstanceMetadata\n",
    ),
    "a web identity": (
        f"[profile p]\nweb_identity_token_file = /t\nrole_arn = {AUDIT}\n",
        f"[profile p]\n{LINE} p\nsts_plugin_web_identity_token_file = /t\n"
        f"sts_plugin_role_arn = {AUDIT}\n",
    ),
    "one with our process and a plain role": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = alice\n{LINE} p\n",
        f"[profile p]\nsts_plugin_role_arn = {AUDIT}\n"
        f"sts_plugin_source_profile = alice\n{LINE} p\n",
    ),
    "one whose process is missing": (
        f"[profile p]\nsts_plugin_role_arn={AUDIT}\nsts_plugin_source_profile:alice\n",
        f"[profile p]\nsts_plugin_role_arn={AUDIT}\nsts_plugin_source_profile:alice\n"
        f"{LINE} p\n",
    ),
    "the same key twice": (
        f"[profile p]\nrole_arn = {AUDIT}\nsts_plugin_role_arn = {AUDIT}\n"
        "source_profile = alice\n",
        f"[profile p]\nsts_plugin_role_arn = {AUDIT}\n{LINE} p\n"
        "sts_plugin_source_profile = alice\n",
    ),
    "a role that is included": (
        f"[profile common]\nrole_arn = {AUDIT}\nsource_profile = alice\n"
        "[profile p]\ninclude_profile = common\n",
        f"[profile common]\nrole_arn = {AUDIT}\nsource_profile = alice\n"
        f"[profile p]\ninclude_profile = common\n{LINE} p\n",
    ),
    "the source of others": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = alice\n"
        "[profile q]\nrole_arn = arn:aws:iam::333333333333:role/Admin\n"
        "source_profile = p\n",
        f"[profile p]\n{LINE} p\nsts_plugin_role_arn = {AUDIT}\n"
        "sts_plugin_source_profile = alice\n"
        "[profile q]\nrole_arn = arn:aws:iam::333333333333:role/Admin\n"
        "source_profile = p\n",
    ),
    "a role and a process that are included": (
        f"[profile common]\nsts_plugin_role_arn = {AUDIT}\n{LINE} common\n"
        "sts_plugin_source_profile = alice\n[profile p]\ninclude_profile = common\n",
        f"[profile common]\nsts_plugin_role_arn = {AUDIT}\n{LINE} common\n"
        "sts_plugin_source_profile = alice\n[profile p]\ninclude_profile = common\n"
        f"{LINE} p\n",
    ),
    "a SAML role": (
        f"[profile p]\nrole_arn = {AUDIT}\nsaml_process = saml\n",
        f"[profile p]\n{LINE} p\nsts_plugin_role_arn = {AUDIT}\nsaml_process = saml\n",
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_profile_is_wrapped_and_gives_what_it_gave(bench, name):
    before, after = map(textwrap.dedent, WRAPPED[name])
    bench.write(before)
    text = bench.apply(bench.wrap("p"))
    assert text == after
    # And once more there is nothing to do.
    bench.write(text)
    assert bench.wrap("p") is None


@pytest.mark.parametrize("name", ["a role", "a credential source", "a web identity"])
def test_what_was_wrapped_is_given_back_byte_for_byte(bench, name):
    before = textwrap.dedent(WRAPPED[name][0])
    bench.write(before)
    bench.write(bench.apply(bench.wrap("p")))
    text = bench.apply(bench.unwrap("p"))
    assert text == before
    bench.write(text)
    assert bench.unwrap("p") is None


@pytest.mark.parametrize("name", ["a role", "a web identity", "the source of others"])
def test_botocore_asks_us_for_a_wrapped_profile_and_nobody_before(
    bench, name, stock, monkeypatch
):
    bench.write(textwrap.dedent(WRAPPED[name][0]))
    bench.aws.config.write_text(bench.apply(bench.wrap("p")))
    asked = []
    monkeypatch.setattr(
        ProcessProvider,
        "_retrieve_credentials_using",
        lambda _self, command: (
            asked.append(command)
            or {"access_key": "A", "secret_key": "s", "token": "t", "expiry_time": None}
        ),
    )
    session = stock("p")
    found = create_credential_resolver(session).load_credentials()
    assert (found.method, asked) == (
        "custom-process",
        [process_line("sts-plugin", "p")],
    )
    assert isinstance(session, botocore.session.Session)


def test_a_user_gets_a_second_profile_for_the_mfa_session(bench):
    config = f"[profile alice]\nregion = eu-central-1\nmfa_serial = {MFA}\n"
    bench.write(config)
    text = bench.apply(bench.wrap("alice"))
    more = f"\n[profile alice-mfa]\nregion = eu-central-1\n{LINE} alice\n"
    assert text == config + more
    bench.write(text)
    assert bench.wrap("alice") is None
    assert bench.wrap("alice-mfa") is None
    bench.write(config + "[profile alice-mfa]\nregion = x\n")
    with pytest.raises(ConfigurationError, match=r'"alice-mfa" is there already'):
        bench.wrap("alice")


def test_a_key_in_the_keychain_is_had_through_us_in_its_own_profile(bench, tmp_path):
    folder = tmp_path / "data"
    AccessKeys(folder).save(
        KeyRecord("alice", "AKIAIOSFODNN7EXAMPLE", datetime(2026, 1, 1, tzinfo=UTC))
    )
    bench.aws.environ["STS_PLUGIN_DATA_DIR"] = str(folder)
    config = f"[profile alice]\nsts_plugin_keychain = yes\nmfa_serial = {MFA}\n"
    bench.write(config, "")
    assert bench.apply(bench.wrap("alice")) == f"{config}{LINE} alice\n"
    bench.write(f"{config}{LINE} alice\n", "")
    assert bench.wrap("alice") is None
    with pytest.raises(ConfigurationError, match="without sts-plugin"):
        bench.unwrap("alice")


NEEDLESS = {
    "keys": ("", "static credentials"),
    "sso": (
        "[profile alice]\nsso_session = x\nsso_account_id = 1\n",
        "sso credentials",
    ),
    "another process": ("[profile alice]\ncredential_process = x\n", "static"),
}


@pytest.mark.parametrize("name", NEEDLESS)
def test_what_sdks_find_without_us_is_left_and_why(bench, name):
    config, why = NEEDLESS[name]
    found = bench.write(config)
    assert bench.wrap("alice") is None
    assert why in needless(found["alice"])


def test_a_profile_without_credentials_is_left_and_why(bench, monkeypatch):
    bench.aws.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    found = bench.write("[profile p]\nregion = x\n")
    assert bench.wrap("p") is None
    assert needless(found["p"]) == 'profile "p" has no credentials of its own'


def test_a_profile_that_sends_sdks_to_another_is_wrapped_already(bench):
    config = (
        f"[profile p]\n{LINE} p-role\n[profile p-role]\nrole_arn = {AUDIT}\n"
        "source_profile = alice\n"
    )
    bench.write(config)
    assert bench.wrap("p") is None
    assert targets(bench.profiles) == {"p-role"}
    with pytest.raises(ConfigurationError, match="says nothing but whose"):
        bench.unwrap("p")


ROLE = f"role_arn = {AUDIT}\nsource_profile = alice\n"
IN_THE_WAY = {
    "keys of its own": (
        f"[profile p]\n{ROLE}",
        KEYS + "[p]\naws_access_key_id = A\naws_secret_access_key = s\n",
        "SDKs take aws_access_key_id",
    ),
    "half a key": (
        f"[profile p]\n{ROLE}aws_secret_access_key = s\n",
        KEYS,
        "aws_secret",
    ),
    "sso": (
        f"[profile p]\n{ROLE}sso_account_id = 1\n",
        KEYS,
        "SDKs take sso_account_id",
    ),
    "a login": (f"[profile p]\n{ROLE}login_session = x\n", KEYS, "take login_session"),
    "another's process": (
        f"[profile p]\n{ROLE}credential_process = vault\n",
        KEYS,
        "has a credential_process already",
    ),
    "a process for another profile": (
        f"[profile p]\n{ROLE}{LINE} alice\n",
        KEYS,
        "has a credential_process already",
    ),
    "a role in the credentials file": (
        "[profile p]\nregion = x\n",
        KEYS + f"[p]\n{ROLE}",
        "SDKs take role_arn",
    ),
    "a role in both files": (
        f"[profile p]\n{ROLE}",
        KEYS + f"[p]\n{ROLE}",
        "SDKs take role_arn",
    ),
    "no section": ("", KEYS + f"[p]\n{ROLE}", "has no section of its own"),
    "the defaults": (
        f"[DEFAULT]\nrole_arn = {AUDIT}\n[profile p]\nsource_profile = alice\n",
        KEYS,
        "SDKs take role_arn",
    ),
    "the defaults, below its own": (
        f"[DEFAULT]\nrole_arn = {AUDIT}2\n[profile p]\n{ROLE}",
        KEYS,
        "config:2: SDKs take role_arn",
    ),
    "another role with the prefix": (
        f"[profile p]\n{ROLE}sts_plugin_role_arn = {AUDIT}2\n",
        KEYS,
        "has both role_arn and sts_plugin_role_arn",
    ),
    "a broken profile": (
        "[profile p]\nrole_arn = x\n",
        KEYS,
        "nothing to assume it from",
    ),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_stands_in_the_way_is_told_with_its_place(bench, name):
    config, credentials, why = IN_THE_WAY[name]
    bench.write(config, credentials)
    with pytest.raises(ConfigurationError) as caught:
        bench.wrap("p")
    assert why in caught.value.message
    assert re.search(r"/(config|credentials):\d+: ", caught.value.message)
    assert caught.value.hint


NO_WAY_BACK = {
    "what SDKs do not know": (
        f"[profile p]\nsts_plugin_role_arn = {AUDIT}\nsaml_process = saml\n{LINE} p\n",
        "without sts-plugin",
    ),
    "a token of a command": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_process = x\n{LINE} p\n",
        "without sts-plugin",
    ),
    "a policy": (
        f"[profile p]\nsts_plugin_role_arn = {AUDIT}\nsource_profile = alice\n"
        f"policy_arns = arn:aws:iam::aws:policy/ReadOnlyAccess\n{LINE} p\n",
        r"without sts-plugin: policy_arns \(.*config:4\)",
    ),
    "a role that is included": (
        f"[profile base]\n{ROLE}[profile p]\ninclude_profile = base\n{LINE} p\n",
        r"without sts-plugin: role_arn \(.*config:2\)",
    ),
    "a role of the defaults": (
        f"[DEFAULT]\nsts_plugin_role_arn = {AUDIT}\n[profile p]\n"
        f"sts_plugin_source_profile = alice\n{LINE} p\n",
        r"without sts-plugin: sts_plugin_role_arn \(.*config:2\)",
    ),
    "two that differ": (
        f"[profile p]\nsts_plugin_role_arn = {AUDIT}\nrole_arn = {AUDIT}2\n"
        f"source_profile = alice\n{LINE} p\n",
        "and they differ",
    ),
}


@pytest.mark.parametrize("name", NO_WAY_BACK)
def test_what_cannot_be_given_back_is_told(bench, name):
    config, why = NO_WAY_BACK[name]
    bench.write(config)
    with pytest.raises(ConfigurationError, match=why):
        bench.unwrap("p")


def test_all_that_sdks_need_is_given_back(bench):
    bench.write(
        f"[profile p]\n{LINE} p\nsts_plugin_role_arn = {AUDIT}\n"
        f"sts_plugin_source_profile = alice\nsts_plugin_mfa_serial = {MFA}\n"
        "sts_plugin_external_id = id\nexternal_id = id\nsts_plugin_mfa_mode = direct\n"
    )
    assert bench.apply(bench.unwrap("p")) == (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = alice\nmfa_serial = {MFA}\n"
        "external_id = id\nsts_plugin_mfa_mode = direct\n"
    )


def test_settings_are_put_where_the_profile_says_them(bench):
    config = (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = alice\n"
        "sts_plugin_external_id = old\n"
    )
    bench.write(config)
    said = {"role_arn": f"{AUDIT}2", "external_id": "new", "mfa_serial": MFA}
    edit = updated(bench.profiles["p"], bench.sections, said, "sts-plugin")
    assert edited(config, "config", [edit]).text == (
        f"[profile p]\n{LINE} p\nmfa_serial = {MFA}\nsts_plugin_role_arn = {AUDIT}2\n"
        "sts_plugin_source_profile = alice\nsts_plugin_external_id = new\n"
    )


NAMES = [
    "p",
    "a b",
    "it's",
    'say "so"',
    "ä€",
    "a#b;c",
    "$HOME",
    "-x",
    "a]b",
    "default",
    "1",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_new_profile_is_found_by_its_name_however_it_is_called(bench, name):
    said = {
        "region": "eu-central-1",
        "role_arn": AUDIT,
        "source_profile": "alice",
        "mfa_serial": MFA,
    }
    bench.write("[profile x]\n")
    bench.text = edited(bench.text, "config", [added(name, said, "sts-plugin")]).text
    profiles = load_profiles(bench.aws.environ, config=bench.text)
    settings = {key: one.value for key, one in profiles[name].config.items()}
    line = settings.pop("credential_process")
    assert not line.startswith('"')
    assert shlex.split(line)[:2] == ["sts-plugin", "credential-process"]
    assert settings == {
        "region": "eu-central-1",
        "sts_plugin_role_arn": AUDIT,
        "sts_plugin_source_profile": "alice",
        "mfa_serial": MFA,
    }
    [one] = summaries(profiles, bench.aws.environ, [name])
    assert (one.error, one.role, one.mfa) == (None, AUDIT, MFA)
    # botocore reads the same.
    bench.aws.config.write_text(bench.text)
    stock = botocore.session.Session()
    stock.set_config_variable("config_file", str(bench.aws.config))
    assert stock.full_config["profiles"][name]["credential_process"] == line


@pytest.mark.parametrize("default", [f"role_arn = {AUDIT}2", "sso_account_id = 1"])
def test_a_new_profile_that_the_defaults_would_hide_is_refused(bench, default):
    bench.write(f"[DEFAULT]\n{default}\n[profile x]\n")
    new = added("p", {"role_arn": AUDIT, "source_profile": "alice"}, "sts-plugin")
    text = edited(bench.text, "config", [new]).text
    after = load_profiles(bench.aws.environ, config=text)
    with pytest.raises(ConfigurationError, match="config:2: SDKs take"):
        refuse_bypass([new], after)


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1bb", "a\u2028b"])
def test_a_name_that_no_profile_can_have_is_refused(name):
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        added(name, {}, "sts-plugin")


def test_a_plan_that_would_change_is_noticed(bench):
    config = f"[profile p]\n{ROLE}[profile q]\nrole_arn = {AUDIT}\nsource_profile = p\n"
    bench.write(config)
    before = bench.before
    changed = config.replace("source_profile = alice", "source_profile = bob")
    after = bench.write(
        changed, KEYS + KEYS.replace("alice", "bob").replace("7E", "8E")
    )
    assert changed_plans(before, after) == ["p", "q"]
