import re
from datetime import UTC, datetime, timedelta

import pytest

from sts_plugin.sandbox import Organisation, Profile, Role, Sandbox, Trust

ROLES = (
    "Jump",
    "Audit",
    "Admin",
    "Partner",
    "Batch",
    "Deploy",
    "Federated",
    "FederatedAudit",
    "Tagged",
    "TaggedNext",
)


@pytest.fixture
def caller(client, role, mfa):
    """A client of one of the ways to be somebody here."""

    def caller(kind):
        made = {
            "alice": lambda: "alice",
            "bob": lambda: "bob",
            "session": lambda: client().get_session_token(),
            "mfa session": lambda: client().get_session_token(**mfa()),
            "bob's session": lambda: client("bob").get_session_token(),
            "jump": lambda: client().assume_role(**role("Jump", **mfa())),
            "batch": lambda: client().assume_role(**role("Batch")),
            "tagged": lambda: client().assume_role(**role("Tagged")),
            "federated": lambda: client().get_federation_token(Name="worker"),
        }
        return client(made[kind]())

    return caller


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("alice", {"Batch", "Tagged"}),
        ("bob", {"Batch", "Tagged"}),
        ("session", {"Batch", "Tagged"}),
        ("bob's session", {"Batch", "Tagged"}),
        ("mfa session", {"Jump", "Audit", "Batch", "Partner", "Tagged"}),
        ("jump", {"Admin"}),
        ("batch", set()),
        ("tagged", {"TaggedNext"}),
        ("federated", set()),
    ],
)
def test_a_role_lets_in_whom_it_trusts_and_nobody_else(
    sandbox, caller, refused, role, kind, allowed
):
    sts = caller(kind)
    arn = sts.get_caller_identity()["Arn"]
    for name in ROLES:
        arguments = role(name, ExternalId="partner-7341")
        if name in allowed:
            assert sts.assume_role(**arguments)
            continue
        with refused("AccessDenied", 403) as seen:
            sts.assume_role(**arguments)
        assert seen.message == (
            f"User: {arn} is not authorized to perform: sts:AssumeRole on resource:"
            f" {arguments['RoleArn']}"
        )
    assert sandbox.journal.count("AssumeRole", outcome="ok") >= len(allowed)


@pytest.mark.parametrize("name", ["Jump", "Audit"])
def test_alice_with_a_code_meets_the_mfa_condition(client, role, mfa, name):
    assert client().assume_role(**role(name, **mfa()))


def test_a_role_that_does_not_exist_is_refused_in_the_same_words(client, refused):
    arn = "arn:aws:iam::222222222222:role/Nobody"
    with refused("AccessDenied", 403, f"sts:AssumeRole on resource: {arn}"):
        client().assume_role(RoleArn=arn, RoleSessionName="test")


@pytest.mark.parametrize("external_id", [None, "partner-7342", "PARTNER-7341"])
def test_a_partner_must_name_the_external_id(client, refused, role, mfa, external_id):
    arguments = role("Partner", **mfa())
    if external_id is not None:
        arguments["ExternalId"] = external_id
    with refused("AccessDenied", 403, "is not authorized"):
        client().assume_role(**arguments)
    arguments |= mfa(1) | {"ExternalId": "partner-7341"}
    assert client().assume_role(**arguments)


def test_the_mfa_of_a_session_does_not_travel_into_a_roles_session(
    client, refused, role, mfa
):
    session = client(client().get_session_token(**mfa()))
    jump = client(session.assume_role(**role("Jump")))
    # Vault trusts Jump, and asks for MFA on top.
    with refused("AccessDenied", 403, "is not authorized"):
        jump.assume_role(**role("Vault"))


@pytest.mark.parametrize(
    ("kind", "action", "allowed"),
    [
        ("alice", "get_session_token", True),
        ("session", "get_session_token", False),
        ("mfa session", "get_session_token", False),
        ("jump", "get_session_token", False),
        ("federated", "get_session_token", False),
        ("alice", "get_federation_token", True),
        ("session", "get_federation_token", False),
        ("jump", "get_federation_token", False),
        ("federated", "get_federation_token", False),
        ("alice", "get_access_key_info", True),
        ("jump", "get_access_key_info", True),
        ("session", "get_access_key_info", False),
        ("federated", "get_access_key_info", False),
        ("session", "get_caller_identity", True),
        ("jump", "get_caller_identity", True),
        ("federated", "get_caller_identity", True),
    ],
)
def test_each_kind_of_credentials_may_call_what_sts_says(
    sandbox, caller, refused, kind, action, allowed
):
    arguments = {
        "get_federation_token": {"Name": "worker"},
        "get_access_key_info": {
            "AccessKeyId": sandbox.organisation.user("bob").access_key_id
        },
    }.get(action, {})
    call = getattr(caller(kind), action)
    if allowed:
        assert call(**arguments)
        return
    with refused("AccessDenied", 403) as seen:
        call(**arguments)
    if action in ("get_session_token", "get_federation_token"):
        name = "".join(word.title() for word in action.split("_"))
        assert seen.message == f"Cannot call {name} with session credentials"


@pytest.mark.parametrize(
    ("kind", "arn"),
    [
        ("session", "arn:aws:iam::111111111111:user/alice"),
        ("jump", "arn:aws:sts::222222222222:assumed-role/Jump/test"),
        ("federated", "arn:aws:sts::111111111111:federated-user/worker"),
    ],
)
def test_who_one_is_with_temporary_credentials(sandbox, caller, kind, arn):
    identity = caller(kind).get_caller_identity()
    assert identity["Arn"] == arn
    assert identity["Account"] == arn.split(":")[4]
    assert sandbox.journal[-1].caller_arn == arn


def test_an_assumed_role_is_described_as_sts_does(sandbox, client, role, mfa):
    answer = client().assume_role(**role("Jump", **mfa()))
    role_id = sandbox.organisation.role("Jump").role_id
    assert answer["AssumedRoleUser"] == {
        "Arn": "arn:aws:sts::222222222222:assumed-role/Jump/test",
        "AssumedRoleId": f"{role_id}:test",
    }
    assert re.fullmatch("AROA[A-Z2-7]{17}", role_id)
    assert re.fullmatch("ASIA[A-Z2-7]{16}", answer["Credentials"]["AccessKeyId"])
    assert len(answer["Credentials"]["SecretAccessKey"]) == 40


def lifetime(answer):
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    return round(left / timedelta(seconds=60)) * 60


@pytest.mark.parametrize(
    ("action", "arguments", "seconds"),
    [
        ("get_session_token", {}, 43200),
        ("get_session_token", {"DurationSeconds": 129600}, 129600),
        ("get_session_token", {"DurationSeconds": 900}, 900),
        ("get_federation_token", {"Name": "worker"}, 43200),
        ("assume_role", {}, 3600),
        ("assume_role", {"DurationSeconds": 43200}, 43200),
    ],
)
def test_a_set_lives_as_long_as_was_asked(client, role, action, arguments, seconds):
    if action == "assume_role":
        arguments = role("Batch", **arguments)
    assert lifetime(getattr(client(), action)(**arguments)) == seconds


def test_a_role_has_a_maximum(sandbox, client, refused, role, mfa):
    with refused(
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this"
        " role.",
    ):
        client().assume_role(**role("Audit", DurationSeconds=3601, **mfa()))
    assert sandbox.journal[-1].duration_seconds == 3601


@pytest.mark.parametrize("kind", ["session", "mfa session", "batch"])
def test_temporary_credentials_get_a_role_for_an_hour_at_most(
    caller, refused, kind, sandbox
):
    arn = sandbox.organisation.role("Relay").arn
    sts, asked = caller(kind), {"RoleArn": arn, "RoleSessionName": "test"}
    with refused(
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles"
        " assumed by role chaining.",
    ):
        sts.assume_role(**asked, DurationSeconds=3601)
    assert lifetime(sts.assume_role(**asked, DurationSeconds=3600)) == 3600


def test_the_knob_caps_every_set_from_now_on(sandbox, client, role):
    assert lifetime(client().get_session_token()) == 43200
    sandbox.lifetime_seconds = 120
    assert lifetime(client().get_session_token()) == 120
    assert lifetime(client().assume_role(**role("Batch"))) == 120
    sandbox.lifetime_seconds = None
    assert lifetime(client().assume_role(**role("Batch"))) == 3600


def test_a_set_ends_when_its_answer_says_so(sandbox, client):
    issued = client().get_session_token()["Credentials"]
    key = sandbox._estate.registry.find(issued["AccessKeyId"])
    assert key.expires_at == issued["Expiration"]


def test_the_end_is_written_in_whole_seconds_of_utc(send, sign):
    body = b"Action=GetSessionToken&Version=2011-06-15"
    _, _, answer = send(body=body, headers=sign(body=body))
    assert re.search(
        r"<Expiration>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</Expiration>", answer
    )


def test_twenty_teams_are_added_in_a_loop(tmp_path):
    organisation = Organisation.example()
    serial = organisation.user("alice").mfa_serial
    for number in range(20):
        trust = Trust(("arn:aws:iam::111111111111:root",), mfa=True)
        team = Role("222222222222", f"Team{number:02}", trust)
        organisation = organisation.with_roles(team).with_profiles(
            Profile(f"team{number:02}", team.arn, "alice", serial)
        )
    with Sandbox(tmp_path, organisation=organisation) as sandbox:
        assert len(sandbox.organisation.roles) == 30
        config = (sandbox.folder / "config").read_text()
    assert "[profile team19]" in config
    assert config.count("role/Team") == 20
