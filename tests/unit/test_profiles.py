from __future__ import annotations

import tempfile
from pathlib import Path

import botocore.exceptions
import botocore.session
import hypothesis
import pytest
from hypothesis import strategies as st

from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import parse_nested
from sts_plugin.profiles import COMPARED_CHARACTERS, load_profiles
from sts_plugin.settings import HOPS_MAX

CANARY = "wJalrXUtnFEMIcanary"
EXHAUSTIVE = hypothesis.settings(
    max_examples=150, deadline=None, database=None, derandomize=True
)


# --- Parity with botocore ---


def environ_of(folder):
    return {
        "AWS_CONFIG_FILE": f"{folder}/config",
        "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/credentials",
    }


def theirs(folder):
    """What stock botocore makes of the two files; None if it refuses them."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", f"{folder}/config")
    session.set_config_variable("credentials_file", f"{folder}/credentials")
    try:
        full = session.full_config
    except botocore.exceptions.ConfigParseError:
        return None
    return [full.get(key, {}) for key in TABLES]


TABLES = ("profiles", "services", "sso_sessions")


def plain(section):
    return {
        key: parse_nested(it) if it.value.startswith("\n") else it.value
        for key, it in section.items()
    }


def ours(folder):
    try:
        read = load_profiles(environ_of(folder))
    except ConfigurationError:
        return None
    profiles = {name: plain(it.settings()) for name, it in read.profiles.items()}
    tables = [
        {name: plain(section) for name, section in table.items()}
        for table in (read.services, read.sso_sessions)
    ]
    return [profiles, *tables]


def write(folder, config, credentials=b""):
    for name, text in (("config", config), ("credentials", credentials)):
        data = text if isinstance(text, bytes) else text.encode()
        Path(folder, name).write_bytes(data)


ODD_CONFIGS = {
    "nothing": "",
    "only comments": "# a\n; b\n",
    "plain": "[default]\nregion = a\n[profile x]\nregion = b\n",
    "quoted name": '[profile "my prof"]\na = 1\n',
    "name in single quotes": "[profile 'my prof']\na = 1\n",
    "two words": "[profile my prof]\na = 1\n",
    "open quote": "[profile x'y]\na = 1\n",
    "empty name": '[profile ""]\na = 1\n',
    "escaped blank": "[profile my\\ prof]\na = 1\n",
    "comment in name": "[profile x # y]\na = 1\n",
    "tab": "[profile\tx]\na = 1\n",
    "vertical tab": "[profile\x0bx]\na = 1\n[profile x\x0cy]\nb = 1\n",
    "other blanks": "[profile\xa0x]\na = 1\n[profile\u2028x]\nb = 1\n",
    "many blanks": "[profile    x  ]\na = 1\n",
    "leading blank": "[ profile x ]\na = 1\n",
    "beginning with profile": "[profilex y]\na = 1\n[profiles]\nb = 1\n",
    "bare name": "[x]\na = 1\n",
    "default twice": "[default]\na = 1\nb = 2\n[profile default]\na = 3\n",
    "default twice, other order": "[profile default]\na = 3\n[default]\nb = 2\n",
    "one name, two quotations": "[profile x]\na = 1\n[profile 'x']\nb = 2\n",
    "upper-case DEFAULT": "[DEFAULT]\na = 1\nb = 1\n[profile x]\nb = 2\n",
    "DEFAULT twice": "[DEFAULT]\na = 1\n[DEFAULT]\nb = 1\n[profile x]\nc = 2\n",
    "DEFAULT with a block": "[DEFAULT]\ns3 =\n  a = 1\n[profile x]\nc = 2\n",
    "duplicate section": "[profile x]\na = 1\n[profile x]\nb = 1\n",
    "duplicate key": "[profile x]\na = 1\nA = 2\n",
    "key without value": "[profile x]\na\n",
    "empty value": "[profile x]\na =\nb = \n",
    "empty key": "[profile x]\n= 1\n",
    "text before a section": "a = 1\n[profile x]\n",
    "byte order mark": "\ufeff[profile x]\na = 1\n",
    "byte order mark before a comment": "\ufeff# c\n[profile x]\na = 1\n",
    "byte order mark inside": "[profile x]\n\ufeffa = 1\n",
    "not UTF-8": b"[profile x]\na = \xff\n",
    "UTF-16": "[profile x]\na = 1\n".encode("utf-16"),
    "umlauts": "[profile ä]\nö = ü\n",
    "CRLF": "[profile x]\r\na = 1\r\ns3 =\r\n  b = 2\r\n",
    "CR": "[profile x]\ra = 1\rb = 2\r",
    "colon": "[profile x]\na: 1\nb : 2=3\nc = d:e\n",
    "inline comments": "[profile x]\na = 1 # c\nb = 2 ; d\n",
    "comment lines": "[profile x]\n# c\na = 1\n  # d\n; e\nb = 2\n",
    "comment in a continuation": "[profile x]\na = 1\n  # c\n  2\n",
    "upper-case key": "[profile x]\nRole_ARN = Y\n",
    "blanks in a key": "[profile x]\na b = 1\n",
    "per cent": "[profile x]\na = %(b)s %%\n",
    "continuation": "[profile x]\na = 1\n  2\n\n  3\nb = 4\n",
    "block": "[profile x]\ns3 =\n  a = 1\n  b=2=3\n\n  c =\nd = 1\n",
    "block with tabs": "[profile x]\ns3 =\n\ta = 1\n\t\tb = 2\n",
    "block without =": "[profile x]\ns3 =\n  a\n",
    "bad block in a section that is no profile": "[other]\ns3 =\n  a\n",
    "block with a colon": "[profile x]\ns3 =\n  a: 1\n",
    "duplicate sub-key": "[profile x]\ns3 =\n  a = 1\n  a = 2\n",
    "indented section": "[profile x]\na = 1\n  [profile y]\nb = 2\n",
    "indented first section": "  [profile x]\n  a = 1\n  b = 2\n",
    "indented keys": "[profile x]\n  a = 1\n  b = 2\n",
    "text after a section": "[profile x] ; c\na = 1\n",
    "bracket in a name": "[profile x]y]\na = 1\n",
    "empty section": "[profile x]\n[profile y]\na = 1\n",
    "no brackets closed": "[profile x\na = 1\n",
    "empty brackets": "[]\na = 1\n",
    "services": "[services s]\nsts =\n  endpoint_url = u\n[services 't u']\na = 1\n",
    "sso": "[sso-session s]\nsso_region = r\n[sso-sessionx t]\na = 1\n",
    "no line end": "[profile x]\na = 1",
    "form feed": "[profile x]\na = 1\x0cb = 2\n",
    "null character": "[profile x]\na = \x00\n",
    "separators of Unicode": "[profile x]\na = 1\u2028b = 2\nc = 3\x85d = 4\n",
    "separators in a block": "[profile x]\ns3 =\n  a = 1\u2028 b\n",
    "rem": "[profile x]\nrem = 1\n",
}


@pytest.mark.parametrize("text", ODD_CONFIGS.values(), ids=ODD_CONFIGS)
def test_an_odd_config_file_is_read_as_botocore_reads_it(tmp_path, text):
    write(tmp_path, text)
    assert ours(tmp_path) == theirs(tmp_path)


@pytest.mark.parametrize("text", ODD_CONFIGS.values(), ids=ODD_CONFIGS)
def test_an_odd_credentials_file_is_read_as_botocore_reads_it(tmp_path, text):
    write(tmp_path, "[profile x]\na = config\nonly = config\ns3 =\n  z = 1\n", text)
    assert ours(tmp_path) == theirs(tmp_path)


HEADERS = [
    "[default]",
    "[DEFAULT]",
    "[profile a]",
    "[profile a ]",
    '[profile "a"]',
    '[profile "a b"]',
    "[profile a b]",
    "[profile 'a]",
    "[ profile a]",
    "[profilex a]",
    "[profile\ta]",
    "[profile default]",
    "[profile ä] # c",
    "  [profile a]",
    "[a]",
    "[profile]",
    "[services s]",
    "[sso-session s]",
    "[]",
]
LINES = [
    "k = v",
    "K = w",
    "k2=a=b",
    "k3: c # d",
    "",
    "# comment",
    "  # indented comment",
    "; comment",
    "  continued",
    "  sub = 1",
    "\tsub2 = 2",
    "   sub only",
    "k4 =",
    "s3 =",
    "k5",
    "= v",
    "k6 = ü %(k)s",
    "  [x]",
    ": x",
    "k7 := 1",
]
files = st.tuples(
    st.lists(
        st.one_of(
            st.sampled_from(HEADERS), st.sampled_from(LINES), st.sampled_from(LINES)
        ),
        max_size=9,
    ),
    st.sampled_from(["\n", "\r\n"]),
).map(lambda it: "[profile first]" + it[1] + it[1].join(it[0]))
garbage = st.text(alphabet="ak[]=:#; \t\n\r\"'\x0c\u2028\ufeff", max_size=30)


@EXHAUSTIVE
@hypothesis.given(config=files | garbage, credentials=files | garbage)
def test_any_two_files_are_read_as_botocore_reads_them(config, credentials):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, config, credentials)
        assert ours(folder) == theirs(folder)


@EXHAUSTIVE
@hypothesis.given(config=files)
def test_every_line_that_is_told_holds_its_key(config):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, config)
        try:
            read = load_profiles(environ_of(folder))
        except ConfigurationError:
            return
        lines = config.replace("\r\n", "\n").split("\n")
        for profile in read.profiles.values():
            for key, setting in profile.config.items():
                assert lines[setting.origin.line - 1].strip().lower().startswith(key)


# --- Which file, which key ---


def test_a_key_in_the_credentials_file_wins_over_the_config_file(aws):
    profile = aws(
        "[profile x]\nregion = config\nrole_arn = config\n",
        "[x]\nrole_arn = credentials\n",
    )["x"]
    assert profile.plain("role_arn").value == "credentials"
    assert profile.plain("region").value == "config"
    assert profile.plain("external_id") is None
    assert {k: v.value for k, v in profile.settings().items()} == {
        "region": "config",
        "role_arn": "credentials",
    }


@pytest.mark.parametrize(
    ("header", "table"),
    [("[sso-session s]", "sso_sessions"), ("[services s]", "services")],
)
def test_what_other_sections_say_has_an_owner_and_a_line(aws, header, table):
    # What has none is a variable of the environment, and no part of an identity.
    setting = getattr(aws(f"{header}\n\nk = v\n"), table)["s"]["k"]
    assert (setting.value, setting.profile) == ("v", "s")
    assert str(setting.origin) == f"{aws.config}:3"


def test_each_value_knows_its_file_and_its_line(aws):
    profile = aws("# c\n[profile x]\nregion = r\n", "[x]\n\nrole_arn = y\n")["x"]
    assert str(profile.plain("region").origin) == f"{aws.config}:3"
    assert str(profile.plain("role_arn").origin) == f"{aws.credentials}:3"


def test_a_profile_begins_in_the_file_that_defines_it_first(aws):
    profiles = aws("\n[profile x]\n", "[y]\n[x]\n")
    assert str(profiles["x"].origin) == f"{aws.config}:2"
    assert str(profiles["y"].origin) == f"{aws.credentials}:1"


def test_our_prefix_wins_over_the_plain_key_in_either_file(aws):
    profile = aws(
        "[profile x]\nsts_plugin_role_arn = ours\n", "[x]\nrole_arn = plain\n"
    )["x"]
    assert profile.get("role_arn").value == "ours"
    assert profile.get("role_arn").key == "sts_plugin_role_arn"
    assert profile.plain("role_arn").value == "plain"


def test_a_plain_key_is_seen_where_there_is_none_with_our_prefix(aws):
    assert aws("[profile x]\nrole_arn = plain\n")["x"].get("role_arn").value == "plain"


# --- Lines ---

LINED = """\
# 1
[DEFAULT]
inherited = 3

[default]
  indented = 6
Upper_Case : 7
continued = 8
  9
  # 10

  12
after = 13
s3 =
  a = 15
  b = 16
; 17
last = 18
[profile other]
own = 20
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_key_has_its_line(aws, end):
    aws.config.write_bytes(LINED.replace("\n", end).encode())
    profiles = load_profiles(aws.environ)
    lines = {key: it.origin.line for key, it in profiles["default"].config.items()}
    assert lines == {
        "inherited": 3,
        "indented": 6,
        "upper_case": 7,
        "continued": 8,
        "after": 13,
        "s3": 14,
        "last": 18,
    }
    other = {key: it.origin.line for key, it in profiles["other"].config.items()}
    assert other == {"inherited": 3, "own": 20}
    assert [profiles[name].origin.line for name in ("default", "other")] == [5, 19]


def test_a_header_that_is_indented_has_its_line(aws):
    assert aws("[profile x]\n\n  [profile y]\nk = v\n")["y"].origin.line == 3


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("[profile x]\n[profile y]\n", 2),
        ("[DEFAULT]\nk = 1\n[profile x]\n[profile y]\n", 4),
        ("[profile x]\nk = 1\n  [profile y]\n[profile y]\nk = 2\n", 4),
        ("[profile y]\nk = 1\n  [profile y]\n[profile z]\nk = 2\n", 1),
        ("[profile x]\n# [profile y]\n[profile y]\n", 3),
    ],
)
def test_each_profile_has_the_line_of_its_header(aws, config, line):
    assert aws(config)["y"].origin.line == line


def test_a_key_that_overrides_an_inherited_one_has_its_own_line(aws):
    profile = aws("[DEFAULT]\nk = 1\n[profile x]\nk = 2\n")["x"]
    assert (profile.plain("k").value, profile.plain("k").origin.line) == ("2", 4)


# --- Files that cannot be read ---


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{CANARY}\n[default]\n", 1),
        (f"aws_secret_access_key = {CANARY}\n", 1),
        (f"[default]\nregion = x\n{CANARY}\n", 3),
        (f"[default]\na = 1\na = {CANARY}\n", 3),
        (f"[default]\na = {CANARY}\n[default]\nb = 2\n", 3),
        (f"[default]\na =\n  {CANARY}\n", 2),
        (f"[default]\n\ns3 =\n  a = 1\n  {CANARY}\n", 3),
        (f"[default\naws_secret_access_key = {CANARY}\n", 1),
        (f"[default]\n= {CANARY}\n", 2),
        (f"\ufeff[default]\na = {CANARY}\n", 1),
        (f"[default]\na = {CANARY}\nb = \udcff\n", 3),
        (f"[default]\r\na = {CANARY}\r\nb\r\n", 3),
        (f"[default]\na = 1\nb\nc\n{CANARY}\n", 3),
    ],
)
@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_broken_file_is_told_with_its_line_and_without_its_text(
    aws, name, text, line
):
    file = getattr(aws, name)
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError) as caught:
        load_profiles(aws.environ)
    error = caught.value
    assert error.line.startswith(f"{file}:{line}")
    assert error.hint
    assert "\n" not in error.line
    assert CANARY not in f"{error.line} {error!r}"
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(
    "make", [Path.mkdir, Path.exists, lambda path: path.symlink_to("nowhere")]
)
def test_a_folder_or_a_missing_file_counts_as_empty(aws, make):
    make(aws.config)
    make(aws.credentials)
    assert load_profiles(aws.environ).profiles == {}


def test_a_file_that_cannot_be_read_is_told(aws, mocker):
    aws.write("[default]\n")
    mocker.patch.object(Path, "read_bytes", side_effect=PermissionError(13, "denied"))
    with pytest.raises(ConfigurationError, match="cannot be read: denied") as caught:
        load_profiles(aws.environ)
    assert str(aws.config) in caught.value.line


def test_the_paths_are_expanded_as_botocore_expands_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SOMEWHERE", "folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "c").write_text("[profile x]\n")
    assert "x" in load_profiles({"AWS_CONFIG_FILE": "~/$SOMEWHERE/c"})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile y]\n")
    (tmp_path / ".aws" / "credentials").write_text("[z]\n")
    assert list(load_profiles({}).profiles) == ["y", "z"]


def test_an_empty_path_counts_as_set(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile y]\n")
    assert load_profiles({"AWS_CONFIG_FILE": ""}).profiles == {}


# --- Names ---


def test_a_missing_profile_is_told_with_its_closest_neighbour(aws):
    profiles = aws("[profile prod-admin]\n[profile dev]\n")
    assert "prod-admin" in profiles
    assert "prod-admim" not in profiles
    with pytest.raises(ConfigurationError, match='"prod-admim" is not in') as caught:
        profiles["prod-admim"]
    assert caught.value.hint == 'did you mean "prod-admin"?'


def test_a_missing_profile_without_neighbours_is_told_with_the_files(aws):
    with pytest.raises(ConfigurationError) as caught:
        aws()["prod"]
    assert caught.value.hint == f"add it to {aws.config} or {aws.credentials}"


@pytest.mark.parametrize("more", [0, 1])
def test_a_very_long_name_is_not_compared_with_others(aws, more):
    # Ten thousand of them would take ten seconds.
    name = "n" * (COMPARED_CHARACTERS + more)
    profiles = aws(f"[profile {name}]\n")
    for one in (name[:-1], f"{name}n"):
        with pytest.raises(ConfigurationError) as caught:
            profiles[one]
        compared = max(len(one), len(name)) <= COMPARED_CHARACTERS
        assert caught.value.hint.startswith("did you mean" if compared else "add it")


def test_a_table_of_profiles_has_each_name_once(aws):
    table = aws("[profile b]\n[profile a]\n", "[c]\n[b]\n").profiles
    assert list(table) == ["b", "a", "c"]
    assert len(table) == 3
    assert "d" not in table
    assert table["c"] is table["c"]


def test_the_sub_keys_of_a_block_are_parsed(aws):
    setting = aws("[default]\ns3 =\n  a = 1\n\n  b = x = y\n")["default"].plain("s3")
    assert parse_nested(setting) == {"a": "1", "b": "x = y"}


# --- What a profile includes ---


def values(profile):
    return {key: setting.value for key, setting in profile.settings().items()}


def including(aws, *profiles, credentials=""):
    """Write profiles a, b, c ..., each of which includes the next one."""
    names = "abcdef"
    text = ""
    for number, (name, said) in enumerate(zip(names, profiles, strict=False), start=1):
        include = names[number] if number < len(profiles) else ""
        text += f"[profile {name}]\n{said}\n"
        text += f"include_profile = {include}\n" if include else ""
    return aws(text, credentials)


def test_what_a_profile_does_not_say_is_said_by_the_one_it_includes(aws):
    profile = including(aws, "region = a", "region = b\nexternal_id = b")["a"]
    assert values(profile) == {
        "region": "a",
        "external_id": "b",
        "include_profile": "b",
    }
    assert profile.get("external_id").value == "b"
    assert profile.plain("external_id").value == "b"
    assert profile.get("role_arn") is None


def test_the_nearest_of_several_wins(aws):
    profiles = including(aws, "w = a", "w = b\nx = b", "x = c\ny = c", "y = d\nz = d")
    found = {key: profiles["a"].get(key).value for key in "wxyz"}
    assert found == {"w": "a", "x": "b", "y": "c", "z": "d"}
    assert {key: profiles["c"].get(key).value for key in "xyz"} == {
        "x": "c",
        "y": "c",
        "z": "d",
    }


@pytest.mark.parametrize(
    ("own", "near", "far", "seen"),
    [
        ("sts_plugin_k = own", "k = near", "", "own"),
        ("k = own", "sts_plugin_k = near", "", "own"),
        ("k = own\nsts_plugin_k = ours", "sts_plugin_k = near", "", "ours"),
        ("", "k = near", "sts_plugin_k = far", "near"),
        ("", "sts_plugin_k = near", "k = far", "near"),
        ("", "k = plain\nsts_plugin_k = near", "sts_plugin_k = far", "near"),
        ("", "", "k = far", "far"),
    ],
)
def test_the_nearest_wins_with_our_prefix_or_without(aws, own, near, far, seen):
    assert including(aws, own, near, far)["a"].get("k").value == seen


def test_an_inherited_value_knows_its_line_and_whose_it_is(aws):
    setting = including(aws, "region = a", "external_id = b")["a"].get("external_id")
    assert str(setting.origin) == f"{aws.config}:5"
    assert (setting.profile, setting.owner) == ("b", ' of profile "b"')


def test_keys_of_either_file_are_inherited_and_win_key_by_key(aws):
    profiles = aws(
        "[profile a]\n[profile b]\nx = config\ny = config\n",
        "[a]\ninclude_profile = b\n[b]\ny = credentials\n",
    )
    assert values(profiles["a"]) == {
        "include_profile": "b",
        "x": "config",
        "y": "credentials",
    }


def test_the_name_of_the_included_profile_may_have_our_prefix(aws):
    profiles = aws("[profile a]\nsts_plugin_include_profile = b\n[profile b]\nx = b\n")
    assert profiles["a"].get("x").value == "b"


@pytest.mark.parametrize(
    "key",
    [
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "aws_account_id",
    ],
)
def test_whose_keys_they_are_is_not_inherited(aws, key):
    profile = including(aws, "region = a", f"{key} = b\nexternal_id = b")["a"]
    assert profile.plain(key) is None
    assert profile.get(key) is None
    assert profile.get("external_id").value == "b"


def test_own_static_keys_stay(aws):
    keys = "aws_access_key_id = A\naws_secret_access_key = s"
    profile = including(aws, keys, "aws_access_key_id = B\nregion = b")["a"]
    assert profile.plain("aws_access_key_id").value == "A"
    assert profile.plain("region").value == "b"


@pytest.mark.parametrize(
    ("own", "inherited"),
    [
        ("source_profile = x", "credential_source = Environment"),
        ("credential_source = Environment", "source_profile = x"),
        ("web_identity_token_process = x", "web_identity_token_file = /t"),
        ("sts_plugin_source_profile = x", "saml_process = x"),
        ("source_profile = x", "sts_plugin_credential_source = Environment"),
        ("mfa_process = x", "totp_file = /t"),
        ("totp_file = /t", "sts_plugin_mfa_process = x"),
        ("trade_in_token_file = /t", "trade_in_token_process = x"),
    ],
)
def test_to_say_one_of_several_ways_is_to_inherit_none_of_the_others(
    aws, own, inherited
):
    # Both in one profile are a contradiction; to include the other is none.
    key = inherited.split()[0].removeprefix("sts_plugin_")
    assert including(aws, own, inherited)["a"].get(key) is None
    assert including(aws, "region = a", own, inherited)["a"].get(key) is None
    assert including(aws, "region = a", inherited)["a"].get(key)


def test_an_empty_value_is_said_and_so_inherits_nothing(aws):
    profile = including(aws, "session_tags =", "session_tags = a=b")["a"]
    assert profile.get("session_tags").value == ""


def test_a_block_is_inherited_whole(aws):
    profile = including(aws, "region = a", "s3 =\n  x = 1\n  y = 2")["a"]
    assert parse_nested(profile.plain("s3")) == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    ("config", "line", "way"),
    [
        ("[profile a]\ninclude_profile = a\n", 2, "a -> a"),
        (
            "[profile a]\ninclude_profile = b\n[profile b]\ninclude_profile = a\n",
            4,
            "a -> b -> a",
        ),
        (
            "[profile a]\ninclude_profile = b\n[profile b]\ninclude_profile = c\n"
            "[profile c]\nsts_plugin_include_profile = b\n",
            6,
            "a -> b -> c -> b",
        ),
    ],
)
def test_a_profile_that_includes_itself_is_told_with_the_way(aws, config, line, way):
    profiles = aws(config)
    for ask in (profiles.__getitem__, profiles.get):
        with pytest.raises(ConfigurationError) as caught:
            ask("a")
        message = caught.value.message
        assert message.startswith(f"{aws.config}:{line}: ")
        assert "include_profile" in message
        assert message.endswith(f"closes a loop: {way}")
        assert caught.value.hint


def test_an_included_profile_that_does_not_exist_is_told(aws):
    profiles = including(aws, "region = a", "include_profile = nowhere")
    for name, line in (("a", 5), ("b", 5)):
        with pytest.raises(ConfigurationError) as caught:
            profiles[name]
        message = caught.value.message
        assert message == (
            f"{aws.config}:{line}: include_profile = nowhere of profile"
            ' "b" does not exist'
        )
        assert caught.value.hint


def included(length, end="external_id = end"):
    """So many profiles, each including the next one."""
    links = [f"[profile p{n}]\ninclude_profile = p{n + 1}\n" for n in range(length)]
    return f"{''.join(links)}[profile p{length}]\n{end}\n"


def test_a_profile_may_include_so_many_others(aws):
    assert aws(included(HOPS_MAX))["p0"].get("external_id").value == "end"


@pytest.mark.parametrize("length", [HOPS_MAX + 1, 100, 10_000])
@pytest.mark.parametrize("end", ["external_id = end", "include_profile = p0"])
def test_a_profile_that_includes_more_is_told(aws, length, end):
    profiles = aws(included(length, end))
    with pytest.raises(ConfigurationError) as caught:
        profiles["p0"]
    assert caught.value.message == (
        f"{aws.config}:{2 * (HOPS_MAX + 1)}: include_profile of profile"
        f' "p{HOPS_MAX}" goes on with what profile "p0" includes, which is {HOPS_MAX}'
        " profiles already"
    )
    assert caught.value.hint


@pytest.mark.parametrize("include", ["a", "nowhere", ""])
def test_a_broken_include_harms_its_own_profile_only(aws, include):
    profiles = aws(
        f"[profile a]\ninclude_profile = {include}\n[profile other]\nregion = r\n"
    )
    assert "a" in profiles
    assert profiles["other"].get("region").value == "r"
    assert profiles.get("missing") is None


def test_botocore_sees_nothing_of_what_is_included(aws, stock):
    including(aws, "external_id = a", "region = b")
    assert stock("a").get_config_variable("region") is None
