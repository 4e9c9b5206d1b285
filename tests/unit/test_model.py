from __future__ import annotations

import copy
import dataclasses
import pickle
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from botocore.loaders import Loader

from sts_plugin.model import (
    KINDS,
    UNSIGNED_ACTIONS,
    Call,
    Credentials,
    Life,
    Origin,
    Plan,
    Proof,
    Secret,
    Setting,
    SourceHop,
)

CANARY = "wJalrXUtnFEMI"
TOKEN = "FwoGZXIvYXdzE"
START = datetime(2030, 1, 1, tzinfo=UTC)
HERE = Origin("f")


def call(action="AssumeRole", profile="p", *, key="k", **arguments):
    return Call(action, profile, key, HERE, arguments)


@pytest.fixture
def credentials():
    return Credentials("AKIAEXAMPLE", Secret(CANARY), Secret(TOKEN), START, "1" * 12)


# --- Masks ---


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        ascii,
        "{}".format,
        "{0!r:>400}".format,
        lambda it: f"{it}",
        lambda it: f"{it!s} {it!r} {it!a}",
        lambda it: "%s %r" % (it, it),  # noqa: UP031
        lambda it: repr(dataclasses.asdict(it)),
        lambda it: repr(dataclasses.astuple(it)),
        lambda it: repr(copy.deepcopy(it)),
        lambda it: repr(dataclasses.replace(it, account_id=None)),
        lambda it: repr([it, {"it": it}]),
    ],
)
def test_no_representation_of_credentials_shows_a_secret(credentials, show):
    shown = show(credentials)
    assert "AKIAEXAMPLE" in shown
    assert CANARY not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize("show", [repr, str, format, ascii])
def test_no_representation_of_a_secret_shows_it(show):
    assert CANARY not in show(Secret(CANARY))


def test_a_traceback_with_its_locals_shows_no_secret(credentials):
    def fail(given, secret):
        raise RuntimeError

    try:
        fail(credentials, credentials.secret_access_key)
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(told.format())
    assert "AKIAEXAMPLE" in text
    assert CANARY not in text
    assert TOKEN not in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_secrets_refuse_to_be_pickled(credentials, protocol):
    for value in (credentials, credentials.secret_access_key):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(value, protocol)
        assert CANARY not in str(caught.value)


def test_a_secret_has_no_dictionary_to_look_into():
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_a_deep_copy_of_credentials_still_works(credentials):
    twin = copy.deepcopy(credentials)
    assert twin == credentials
    assert twin.secret_access_key.reveal() == CANARY


def test_secrets_are_equal_when_what_they_hide_is():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_setting_does_not_show_its_value():
    setting = Setting("aws_secret_access_key", CANARY, Origin("/f", 3))
    assert CANARY not in f"{setting} {setting!r}"
    assert str(setting.origin) == "/f:3"
    assert str(Origin("/f")) == "/f"


@pytest.mark.parametrize(
    "value",
    [
        Credentials("A", Secret("s")),
        Life(START, START),
        Origin("f"),
        Setting("k", "v", Origin("f")),
        SourceHop("static", "p", "A", "k"),
        Plan("p", SourceHop("static", "p", "A", "k")),
        Proof("WebIdentityToken", Setting("k", "v", HERE), "file"),
        call(RoleArn="arn", Tags=[{"Key": "a", "Value": "b"}]),
        Plan("p", SourceHop("static", "p", "A", "k"), (call(Policy="{}"),)),
    ],
)
def test_values_are_frozen_and_hashable(value):
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)
    assert hash(value) == hash(copy.deepcopy(value))


# --- Life ---


def life(seconds):
    return Life(START, START + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "renew_after", "usable_for"),
    [
        (3, 2.25, 2.25),
        (60, 45, 45),
        (900, 675, 840),
        (1200, 900, 1140),
        (1800, 900, 1740),
        (3600, 2700, 3540),
        (43_200, 42_300, 43_140),
        (129_600, 128_700, 129_540),
    ],
)
def test_renewal_and_usability_by_lifetime(seconds, renew_after, usable_for):
    """15 minutes before the end, but never before 3/4 of a short life."""
    it, moment = life(seconds), timedelta(milliseconds=1)
    assert (it.renew - START).total_seconds() == renew_after
    assert it.fresh(START)
    assert it.fresh(it.renew - moment)
    assert not it.fresh(it.renew)
    least = START + timedelta(seconds=usable_for)
    assert it.usable(START)
    assert it.usable(least - moment)
    assert not it.usable(least)


@pytest.mark.parametrize("seconds", [3, 900, 1200, 1800, 3600, 43_200])
def test_what_is_fresh_is_usable_and_what_is_expired_is_neither(seconds):
    it = life(seconds)
    for step in range(101):
        now = START + timedelta(seconds=seconds * step / 100)
        assert it.usable(now) or not it.fresh(now)
    assert not it.usable(it.expires)
    assert not it.fresh(it.expires)


@pytest.mark.parametrize("seconds", [3, 900, 3600, 43_200])
def test_a_clock_that_was_stepped_back_makes_everything_suspect(seconds):
    it = life(seconds)
    tolerated = START - timedelta(minutes=5)
    assert it.fresh(tolerated)
    assert it.usable(tolerated)
    stepped = tolerated - timedelta(seconds=1)
    assert not it.fresh(stepped)
    assert not it.usable(stepped)


# --- Plans and hops ---


def test_a_plan_knows_its_hops_and_its_device():
    source = SourceHop("static", "p", "A", "k")
    plain = call(RoleArn="arn:r")
    session = call("GetSessionToken", SerialNumber="device-1", DurationSeconds=900)
    asking = call(RoleArn="arn:s", SerialNumber="device-2")
    assert Plan("p", source, (plain,)).device is None
    assert Plan("p", source, (session, plain)).device == "device-1"
    assert Plan("p", source, (plain, asking)).device == "device-2"
    assert Plan("p", source, (plain, asking)).hops == (source, plain, asking)


def test_a_call_is_locked_by_its_device_or_else_by_its_own_key():
    session = call("GetSessionToken", key="key", SerialNumber="device")
    assert session.lock == session.mfa_serial == "device"
    assert call(key="key", RoleArn="arn", SerialNumber="device").lock == "device"
    plain = call(key="key", RoleArn="arn")
    assert (plain.lock, plain.mfa_serial) == ("key", None)
    assert call("GetSessionToken", key="key").lock == "key"


@pytest.mark.parametrize(
    ("action", "signed"),
    [
        ("AssumeRole", True),
        ("AssumeRoot", True),
        ("GetSessionToken", True),
        ("GetFederationToken", True),
        ("GetDelegatedAccessToken", True),
        ("AssumeRoleWithSAML", False),
        ("AssumeRoleWithWebIdentity", False),
    ],
)
def test_all_calls_are_signed_but_those_that_a_token_vouches_for(action, signed):
    assert call(action).signed is signed


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("AssumeRole", "role"),
        ("AssumeRoleWithSAML", "role"),
        ("AssumeRoleWithWebIdentity", "role"),
        ("GetSessionToken", "session"),
        ("GetFederationToken", "user"),
        ("AssumeRoot", "root"),
        ("GetDelegatedAccessToken", "delegated"),
    ],
)
def test_a_call_says_in_a_word_what_it_gives(action, kind):
    assert call(action).kind == kind


def test_each_kind_is_of_an_action_that_there_is():
    model = Loader().load_service_model("sts", "service-2")
    assert KINDS.keys() <= model["operations"].keys()


def test_which_calls_are_signed_is_what_the_service_model_says():
    model = Loader().load_service_model("sts", "service-2")
    unsigned = {
        name
        for name, operation in model["operations"].items()
        if operation.get("authtype") == "none"
    }
    assert unsigned == UNSIGNED_ACTIONS


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        ({"RoleArn": "arn:r", "SerialNumber": "device"}, "arn:r"),
        ({"SerialNumber": "device", "DurationSeconds": 900}, "device"),
        ({"Name": "bob", "Policy": "{}"}, "bob"),
        ({"TargetPrincipal": "1" * 12}, "1" * 12),
        ({"PrincipalArn": "arn:p"}, "p"),
        ({"RoleArn": ""}, "p"),
        ({}, "p"),
    ],
)
def test_a_call_is_about_its_role_device_name_or_account_or_its_profile(
    arguments, subject
):
    assert call(**arguments).subject == subject


def test_calls_that_differ_in_an_argument_are_not_equal():
    one, other = call(RoleArn="a", Policy="{}"), call(RoleArn="a")
    assert one == call(RoleArn="a", Policy="{}") != other


def test_a_call_shows_neither_its_arguments_nor_the_values_of_its_keys():
    # A policy is long, and a context assertion is a secret.
    setting = Setting("policy", CANARY, HERE, "p")
    it = Call("AssumeRole", "p", "k", HERE, {"Policy": CANARY}, {"Policy": setting})
    assert CANARY not in f"{it} {it!r}"
    assert "AssumeRole" in repr(it)


@pytest.mark.parametrize(
    ("profile", "owner"), [("jump", ' of profile "jump"'), ("", "")]
)
def test_a_setting_says_whose_it_is_unless_it_is_a_variable(profile, owner):
    assert Setting("k", "v", HERE, profile).owner == owner


@pytest.mark.parametrize(
    ("lasts", "early"),
    [(3600, 1800), (43_200, 41_400), (900, 450), (1800, 600), (8, 4)],
    ids=["an hour", "half a day", "a quarter", "half an hour", "a test bench"],
)
def test_a_set_is_due_long_before_it_must_be_renewed(lasts, early):
    life = Life(START, START + timedelta(seconds=lasts))
    due = START + timedelta(seconds=early)
    assert life.early == due
    assert life.early < life.renew < life.expires
    assert life.young(due - timedelta(microseconds=1))
    assert not life.young(due)
    assert life.fresh(due)
    assert not life.young(START - timedelta(minutes=6))
