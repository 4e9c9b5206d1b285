from __future__ import annotations

import string
import unicodedata

import hypothesis
import pytest
from botocore.loaders import Loader
from hypothesis import strategies as st

from sts_plugin.actions import ACTIONS
from sts_plugin.errors import ConfigurationError
from sts_plugin.limits import check, problems
from sts_plugin.model import Call, Origin, Setting
from sts_plugin.plan import make_plan

HERE = Origin("/config", 7)
ROLE = "arn:aws:iam::111111111111:role/R"
SAML = "AssumeRoleWithSAML"
MODEL = Loader().load_service_model("sts", "service-2")
SHAPES = MODEL["shapes"]
THOROUGH = hypothesis.settings(
    max_examples=300, deadline=None, database=None, derandomize=True
)


def refused(action, arguments, **settings):
    """Why a call would be refused, or None."""
    call = Call(action, "p", "k", HERE, arguments, settings)
    try:
        check(call)
    except ConfigurationError as error:
        return error
    return None


# --- Each limit of the service model, at both of its edges ---

STARTS = {
    "RoleArn": "arn:aws:iam::111111111111:role/",
    "PrincipalArn": "arn:aws:iam::111111111111:saml-provider/",
}
WHOLE = {"TargetPrincipal": "1" * 12}  # only two forms: no other length
BESIDE = {"MinimumSessionTokenSize", "TokenCode"}  # of no profile, or of the moment


def input_of(action):
    return MODEL["operations"][action]["input"]["shape"]


def limits_of(shape, path=()):
    """Yield (path, shape) for each number, text and list of an input."""
    model = SHAPES[shape]
    if model["type"] == "structure":
        for name, member in model["members"].items():
            yield from limits_of(member["shape"], (*path, name))
        return
    yield path, model
    if model["type"] == "list":
        yield from limits_of(model["member"]["shape"], (*path, "*"))


def build(shape, name="", path=(), target=None, size=0):
    """Make a good value, of which the part at the path ``target`` has a size."""
    model, mine = SHAPES[shape], path == target
    match model["type"]:
        case "structure":
            return {
                member: build(inner["shape"], member, (*path, member), target, size)
                for member, inner in model["members"].items()
                if member not in BESIDE
            }
        case "list":
            inner = model["member"]["shape"]
            one = build(inner, "", (*path, "*"), target, size)
            return [one] * (size if mine else 1)
        case "integer":
            return size if mine else model["min"]
        case _:
            start = WHOLE.get(name, STARTS.get(name, ""))
            if mine:
                return start[:size].ljust(size, "a")
            least = max(model.get("min", 1), len(start) + 1)
            return WHOLE.get(name) or start.ljust(least, "a")


EDGES = [
    (action, path, model)
    for action in ACTIONS
    for path, model in limits_of(input_of(action))
    if path[0] not in BESIDE
]


def edge_id(value):
    return ".".join(value) if isinstance(value, tuple) else None


@pytest.mark.parametrize("action", ACTIONS)
def test_a_call_within_all_limits_passes(action):
    assert refused(action, build(input_of(action))) is None


@pytest.mark.parametrize(("action", "path", "model"), EDGES, ids=edge_id)
def test_each_limit_of_the_service_model_holds_at_its_edges(action, path, model):
    def at(size):
        return refused(action, build(input_of(action), target=path, size=size))

    least, most = model.get("min", 0), model.get("max")
    form = path[-1] in STARTS or path[-1] in WHOLE
    if not form:
        assert at(least) is None
    if least:
        assert path[0] in str(at(least - 1))
    if most is not None:
        assert path[-1] in WHOLE or at(most) is None
        assert path[0] in str(at(most + 1))


def test_there_are_limits_to_speak_of():
    assert len(EDGES) > 40
    assert {action for action, *_ in EDGES} == ACTIONS.keys()


# --- Characters ---

WORD = string.ascii_letters + string.digits + "_"
CHARACTERS = {
    ("AssumeRole", "RoleSessionName"): WORD + "+=,.@-",
    ("AssumeRole", "SourceIdentity"): WORD + "+=,.@-",
    ("AssumeRole", "ExternalId"): WORD + "+=,.@:/-",
    ("AssumeRole", "SerialNumber"): WORD + "+=/:,.@-",
    ("GetSessionToken", "SerialNumber"): WORD + "+=/:,.@-",
    ("GetFederationToken", "Name"): WORD + "+=,.@-",
}


@pytest.mark.parametrize(("action", "name"), CHARACTERS)
def test_characters_are_those_that_the_api_reference_names(action, name):
    allowed = CHARACTERS[action, name]
    arguments = build(input_of(action))
    for character in map(chr, range(0x180)):
        found = refused(action, arguments | {name: f"aaaaa{character}aaaaa"})
        assert (found is None) is (character in allowed), repr(character)


def is_tag_text(text):
    return all(
        character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN"
        for character in text
    )


def tagged(key="k", value="v"):
    return {"RoleArn": ROLE, "Tags": [{"Key": key, "Value": value}]}


@THOROUGH
@hypothesis.given(text=st.text(min_size=1, max_size=40))
@hypothesis.example("straße 7")
@hypothesis.example("\u00a0")
@hypothesis.example("\u2028")
@hypothesis.example("\u0663\u216b\U0001d7d8\U00020000")
@hypothesis.example("e\u0301")
@hypothesis.example("\U0001f600")
@hypothesis.example("a\tb")
@hypothesis.example("a*b")
def test_tags_are_letters_digits_blanks_and_a_few_signs_of_any_script(text):
    good = is_tag_text(text)
    assert (refused("AssumeRole", tagged(key=text)) is None) is good
    assert (refused("AssumeRole", tagged(value=text)) is None) is good
    arguments = {"RoleArn": ROLE, "TransitiveTagKeys": ["k", text]}
    assert (refused("AssumeRole", arguments) is None) is good


def test_a_tag_may_have_an_empty_value_and_no_empty_key():
    assert refused("AssumeRole", tagged(value="")) is None
    assert refused("AssumeRole", tagged(key=""))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("{}", True),
        ('{"a":\n\t"\u00ff"}\r', True),
        ("{\x7f\x85}", True),
        ('{"a":"\u0100"}', False),
        ('{"a":"\U0001f600"}', False),
        ("{\x00}", False),
        ("", False),
    ],
)
def test_a_policy_has_the_characters_of_latin_1(text, good):
    for action in ("AssumeRole", SAML, "GetFederationToken"):
        arguments = {"Name": "xx"} if action == "GetFederationToken" else {}
        arguments |= {"RoleArn": ROLE} if action == "AssumeRole" else {}
        assert (refused(action, arguments | {"Policy": text}) is None) is good


@pytest.mark.parametrize(
    ("arn", "good"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", True),
        ("arn:aws:iam::111111111111:policy/\u00fc\U0001f600", True),
        ("arn:aws:iam::111111111111:policy/\ufffe", False),
        ("arn:aws:iam::111111111111:policy/\ud800", False),
        ("arn:aws:iam::111111111111:policy/\x07", False),
        ("ReadOnlyAccess", False),
    ],
)
def test_the_arn_of_a_policy_may_hold_what_the_model_allows(arn, good):
    arguments = {"RoleArn": ROLE, "PolicyArns": [{"arn": arn}]}
    assert (refused("AssumeRole", arguments) is None) is good


# --- What stands in the documentation only ---


@pytest.mark.parametrize(
    ("arn", "good"),
    [
        ("arn:aws:iam::123456789012:role/Name", True),
        ("arn:aws-us-gov:iam::123456789012:role/path/to/Name", True),
        ("arn:aws-cn:iam::123456789012:role/a+=,.@-_b", True),
        ("", False),
        ("Name", False),
        ("arn:aws:iam::12345678901:role/Name", False),
        ("arn:aws:iam::123456789012:user/Name", False),
        ("arn:aws:sts::123456789012:assumed-role/Name/x", False),
        ("arn:aws:iam::123456789012:role/", False),
        ("arn:aws:iam::123456789012:role/Name # comment", False),
        ("arn:aws:iam::123456789012:role/Name\n", False),
        ("arn:aws:iam::\u0661\u0662\u0663456789012:role/Name", False),
    ],
)
def test_a_role_arn_is_told_from_what_is_none(arn, good):
    for action in ("AssumeRole", "AssumeRoleWithWebIdentity", SAML):
        assert (refused(action, {"RoleArn": arn}) is None) is good


@pytest.mark.parametrize(
    ("arn", "good"),
    [
        ("arn:aws:iam::123456789012:saml-provider/My.Idp-1_x", True),
        ("arn:aws-cn:iam::123456789012:saml-provider/idp", True),
        ("arn:aws:iam::123456789012:saml-provider/", False),
        ("arn:aws:iam::123456789012:oidc-provider/idp", False),
        ("arn:aws:iam::123456789012:saml-provider/a b", False),
        ("arn:aws:iam::123456789012:role/Name", False),
    ],
)
def test_the_arn_of_a_saml_provider_is_told_from_what_is_none(arn, good):
    assert (refused(SAML, {"PrincipalArn": arn}) is None) is good


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ("123456789012", True),
        ("arn:aws:iam::123456789012:root", True),
        ("arn:aws-us-gov:iam::123456789012:root", True),
        ("12345678901", False),
        ("1234567890123", False),
        ("arn:aws:iam::123456789012:user/x", False),
        ("arn:aws:iam::123456789012:root/x", False),
        ("my-account-01", False),
        ("\u0661" * 12, False),
    ],
)
def test_whose_root_is_an_account_or_its_root(target, good):
    task = {"arn": "arn:aws:iam::aws:policy/root-task/X"}
    arguments = {"TargetPrincipal": target, "TaskPolicyArn": task}
    assert (refused("AssumeRoot", arguments) is None) is good


@pytest.mark.parametrize(
    ("serial", "fido"),
    [
        ("arn:aws:iam::111111111111:u2f/user/alice/key-ABCDEF", True),
        ("arn:aws:iam::111111111111:u2f/root-account-key-ABCDEF", True),
        ("arn:aws-cn:iam::111111111111:U2F/user/alice/key", True),
        ("arn:aws:iam::111111111111:mfa/u2f", False),
        ("arn:aws:iam::111111111111:mfa/alice", False),
        ("GAHT12345678", False),
    ],
)
@pytest.mark.parametrize("action", ["GetSessionToken", "AssumeRole"])
def test_a_security_key_is_no_device_that_sts_takes_codes_of(action, serial, fido):
    role = {"RoleArn": ROLE} if action == "AssumeRole" else {}
    error = refused(
        action,
        {**role, "SerialNumber": serial},
        SerialNumber=Setting("mfa_serial", serial, HERE, "p"),
    )
    if fido:
        assert "/config:7: mfa_serial" in error.message
        assert "is a FIDO security key, and STS takes codes of TOTP" in error.message
        assert error.hint
    else:
        assert error is None


@pytest.mark.parametrize("name", ["aws:alice", "aws:"])
def test_a_source_identity_must_not_look_like_awss_own(name):
    assert refused("AssumeRole", {"RoleArn": ROLE, "SourceIdentity": name})
    assert not refused("AssumeRole", {"RoleArn": ROLE, "SourceIdentity": "awsalice"})


def test_ten_managed_policies_are_the_most():
    arns = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    for action in (SAML, "GetFederationToken"):
        name = {} if action == SAML else {"Name": "xx"}
        assert refused(action, {**name, "PolicyArns": arns * 10}) is None
        assert "has 11 items" in str(refused(action, {**name, "PolicyArns": arns * 11}))


# --- What is missing ---


@pytest.mark.parametrize(
    ("action", "arguments", "key"),
    [
        ("AssumeRole", {}, "role_arn"),
        ("AssumeRoleWithWebIdentity", {}, "role_arn"),
        ("GetFederationToken", {}, "federation_name"),
        ("AssumeRoot", {"TargetPrincipal": "1" * 12}, "task_policy_arn"),
        (
            "AssumeRoot",
            {"TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/X"}},
            "target_principal",
        ),
    ],
)
def test_a_key_that_an_action_needs_and_does_not_have_is_told(action, arguments, key):
    error = refused(action, arguments)
    assert error.message == (
        f'/config:7: profile "p" asks for {action} and does not say {key}'
    )
    assert error.hint


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("AssumeRole", {"RoleArn": ROLE}),
        ("AssumeRoleWithWebIdentity", {"RoleArn": ROLE}),
        (SAML, {}),
        ("GetSessionToken", {}),
        ("GetDelegatedAccessToken", {}),
    ],
)
def test_what_only_the_moment_of_the_call_gives_is_not_missing(action, arguments):
    assert refused(action, arguments) is None


# --- What is said ---


def check_all(plan):
    for call in plan.calls:
        check(call)


BAD = [
    (key, value)
    for key in ("role_arn", "mfa_serial", "external_id", "role_session_name")
    for value in ("", "a b", "ä" * 9, '"quoted-value"', "value-x # c")
    if (key, value) != ("role_session_name", "")  # none, as in botocore
]


@pytest.mark.parametrize("prefix", ["", "sts_plugin_"])
@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_bad_value_is_told_with_file_line_key_and_profile(aws, prefix, key, value):
    role = "" if key == "role_arn" else f"role_arn = {ROLE}\n"
    profiles = aws(
        f"[profile p]\n{prefix}{key} = {value}\n{role}source_profile = b\n"
        "[profile b]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        check_all(make_plan(profiles, "p", {}))
    message = caught.value.message
    assert message.startswith(f"{aws.config}:2: {prefix}{key} ")
    assert value in message
    assert 'profile "p"' in message
    assert caught.value.hint


SAID = {
    "role_arn": ("RoleArn", "x" * 20, "is not the ARN of an IAM role"),
    "external_id": ("ExternalId", "x", "is not an external id"),
    "role_session_name": ("RoleSessionName", "a b", "is not a role session name"),
    "source_identity": ("SourceIdentity", "aws:x", "is not a source identity"),
    "duration_seconds": ("DurationSeconds", 899, "from 900 to 43200"),
    "session_tags": ("Tags", [{"Key": "a*", "Value": ""}], "does not have the form"),
    "transitive_session_tags": ("TransitiveTagKeys", ["a"] * 51, "has 51 items"),
    "policy_arns": ("PolicyArns", [{"arn": "short"}], "has 5 characters"),
    "policy": ("Policy", "\u0100", "does not have the form"),
    "provided_contexts": ("ProvidedContexts", [], "has 0 items"),
}


@pytest.mark.parametrize("key", SAID)
def test_what_is_wrong_with_a_value_is_told_with_a_hint(key):
    name, value, words = SAID[key]
    written = "a=file:///as/written"
    setting = Setting(f"sts_plugin_{key}", written, Origin("/config", 9), "q")
    error = refused("AssumeRole", {"RoleArn": ROLE} | {name: value}, **{name: setting})
    assert error.message.startswith(
        f'/config:9: sts_plugin_{key} = {written} of profile "q" '
    )
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    "seconds", [899, 43_201, -900, 0, 10**30], ids=lambda value: f"{value:.3g}"
)
def test_seconds_out_of_range_are_told_with_the_limits(seconds):
    setting = Setting("duration_seconds", str(seconds), HERE, "p")
    arguments = {"RoleArn": ROLE, "DurationSeconds": seconds}
    error = refused("AssumeRole", arguments, DurationSeconds=setting)
    assert error.message == (
        f'/config:7: duration_seconds = {seconds} of profile "p" is not a number of'
        " seconds from 900 to 43200"
    )


def test_an_empty_value_is_told_as_such():
    setting = Setting("external_id", "", HERE, "p")
    arguments = {"RoleArn": ROLE, "ExternalId": ""}
    error = refused("AssumeRole", arguments, ExternalId=setting)
    assert "external_id" in error.message
    assert "is empty" in error.message


def test_a_long_value_is_told_in_part():
    setting = Setting("external_id", "x" * 2000, HERE, "p")
    arguments = {"RoleArn": ROLE, "ExternalId": "x" * 2000}
    error = refused("AssumeRole", arguments, ExternalId=setting)
    assert len(error.line) < 300


def test_an_assertion_is_not_told():
    text = '{"arn": "canary"}'
    setting = Setting("provided_contexts", text, HERE, "p")
    contexts = [{"ProviderArn": "short", "ContextAssertion": "canary"}]
    arguments = {"RoleArn": ROLE, "ProvidedContexts": contexts}
    error = refused("AssumeRole", arguments, ProvidedContexts=setting)
    assert "canary" not in error.line


def test_an_argument_that_stands_in_no_profile_is_told_by_its_name():
    error = refused("GetSessionToken", {"DurationSeconds": 899})
    assert error.message.startswith("GetSessionToken: DurationSeconds ")


# --- Calls that no profile stands for ---


def told(**arguments):
    good = {"Audience": ["a"], "SigningAlgorithm": "ES384"}
    found = good | arguments
    given = {name: value for name, value in found.items() if value is not None}
    return dict(problems("GetWebIdentityToken", given))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"Audience": ["a"] * 10, "DurationSeconds": 60},
        {"Audience": ["x" * 1000], "DurationSeconds": 3600},
        {"SigningAlgorithm": "RS256", "Tags": [{"Key": "ä", "Value": ""}]},
    ],
)
def test_a_question_within_all_limits_has_no_problems(arguments):
    assert told(**arguments) == {}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"Audience": None}, "Audience"),
        ({"Audience": []}, "Audience"),
        ({"Audience": ["a"] * 11}, "Audience"),
        ({"Audience": [""]}, "Audience"),
        ({"Audience": ["x" * 1001]}, "Audience"),
        ({"SigningAlgorithm": None}, "SigningAlgorithm"),
        ({"SigningAlgorithm": "HS256"}, "SigningAlgorithm"),
        ({"DurationSeconds": 59}, "DurationSeconds"),
        ({"DurationSeconds": 3601}, "DurationSeconds"),
        ({"Tags": [{"Key": "*", "Value": ""}]}, "Tags"),
    ],
)
def test_each_problem_is_told_with_its_argument(arguments, name):
    assert told(**arguments).keys() == {name}


def test_all_problems_are_told_at_once():
    found = told(Audience=None, DurationSeconds=1)
    assert found.keys() == {"Audience", "DurationSeconds"}
    assert found["Audience"] == "is missing"
