from datetime import UTC, datetime

import pytest

TASKS = [
    "IAMAuditRootUserCredentials",
    "IAMCreateRootUserPassword",
    "IAMDeleteRootUserCredentials",
    "S3UnlockBucketPolicy",
    "SQSUnlockQueuePolicy",
]
MEMBER = "222222222222"


def ask(target=MEMBER, task=TASKS[0], **more):
    arn = f"arn:aws:iam::aws:policy/root-task/{task}"
    return {"TargetPrincipal": target, "TaskPolicyArn": {"arn": arn}, **more}


def left_seconds(answer):
    return (answer["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("target", [MEMBER, f"arn:aws:iam::{MEMBER}:root"])
def test_a_user_of_the_management_account_gets_a_members_root(client, target):
    answer = client().assume_root(**ask(target))
    identity = client(answer).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{MEMBER}:root"
    assert identity["UserId"] == identity["Account"] == MEMBER


@pytest.mark.parametrize("task", TASKS)
def test_there_are_five_tasks(client, task):
    assert client().assume_root(**ask(task=task))["Credentials"]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/root-task/Everything",
        "arn:aws:iam::aws:policy/IAMAuditRootUserCredentials",
        "arn:aws:iam::222222222222:policy/root-task/S3UnlockBucketPolicy",
    ],
)
def test_another_policy_is_no_task(client, refused, arn):
    with refused("ValidationError", 400, "task policy"):
        client().assume_root(**ask() | {"TaskPolicyArn": {"arn": arn}})


def test_a_task_is_required(client, refused):
    with refused("ValidationError", 400, "'taskPolicyArn' failed"):
        client().assume_root(TargetPrincipal=MEMBER)


@pytest.mark.parametrize(
    "target",
    [
        "222222222222x",
        "arn:aws:iam::222222222222:user/bob",
        "arn:aws:iam::222222222222:root/",
        "arn:aws:iam::22222222222:root",
    ],
)
def test_a_target_is_an_account_or_its_root(client, refused, target):
    with refused("ValidationError", 400, "target principal"):
        client().assume_root(**ask(target))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("111111111111", "the management account itself"),
        ("444444444444", "the partner's account"),
        ("999999999999", "nobody's account"),
    ],
)
def test_a_target_is_a_member_of_the_organisation(client, refused, target, why):
    with refused("AccessDenied", 403) as seen:
        client().assume_root(**ask(target))
    assert seen.message == (
        "User: arn:aws:iam::111111111111:user/alice is not authorized to perform:"
        f" sts:AssumeRoot on resource: arn:aws:iam::{target}:root"
    ), why


def test_a_roles_session_of_the_management_account_may_call_it(client, role):
    steward = client(client().assume_role(**role("Steward")))
    assert steward.assume_root(**ask())


@pytest.mark.parametrize(
    "kind", ["session", "mfa session", "federated", "member", "root", "delegated"]
)
def test_nobody_else_may_call_it(sandbox, client, refused, role, mfa, kind):
    made = {
        "session": lambda: client().get_session_token(),
        "mfa session": lambda: client().get_session_token(**mfa()),
        "federated": lambda: client().get_federation_token(Name="worker"),
        "member": lambda: client().assume_role(**role("Batch")),
        "root": lambda: client().assume_root(**ask()),
        "delegated": lambda: client().get_delegated_access_token(
            TradeInToken=sandbox.trade_in_token("Steward")
        ),
    }
    with refused("AccessDenied", 403, "is not authorized to perform: sts:AssumeRoot"):
        client(made[kind]()).assume_root(**ask())


@pytest.mark.parametrize(
    ("asked", "seconds"), [({}, 900), ({"DurationSeconds": 60}, 60)]
)
def test_the_session_lasts_fifteen_minutes_at_most(client, asked, seconds):
    answer = client().assume_root(**ask(**asked))
    assert abs(left_seconds(answer) - seconds) < 20


def test_more_than_fifteen_minutes_are_refused(client, refused):
    with refused("ValidationError", 400, "less than or equal to 900"):
        client().assume_root(**ask(DurationSeconds=901))


def test_the_knob_caps_it_as_well(sandbox, client):
    sandbox.lifetime_seconds = 30
    assert left_seconds(client().assume_root(**ask())) < 31


@pytest.mark.parametrize(
    "action",
    [
        "assume_role",
        "assume_root",
        "decode_authorization_message",
        "get_access_key_info",
        "get_delegated_access_token",
        "get_federation_token",
        "get_session_token",
        "get_web_identity_token",
    ],
)
def test_a_root_session_can_ask_sts_who_it_is_and_nothing_else(
    sandbox, client, refused, role, action
):
    root = client(client().assume_root(**ask()))
    arguments = {
        "assume_role": role("Batch"),
        "assume_root": ask(),
        "decode_authorization_message": {"EncodedMessage": sandbox.encoded_message()},
        "get_access_key_info": {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
        "get_delegated_access_token": {"TradeInToken": sandbox.trade_in_token("bob")},
        "get_federation_token": {"Name": "worker"},
        "get_session_token": {},
        "get_web_identity_token": {"Audience": ["a"], "SigningAlgorithm": "RS256"},
    }
    with refused("AccessDenied", 403):
        getattr(root, action)(**arguments[action])
    assert root.get_caller_identity()


def test_a_source_identity_is_carried_over(client, role):
    steward = client(
        client().assume_role(**role("Steward", SourceIdentity="alice.smith"))
    )
    assert steward.assume_root(**ask())["SourceIdentity"] == "alice.smith"
    assert "SourceIdentity" not in client().assume_root(**ask())


def test_the_journal_has_target_and_task(sandbox, client):
    client().assume_root(**ask(DurationSeconds=600))
    assert sandbox.journal[-1].arguments == ask(DurationSeconds=600)
    assert sandbox.journal[-1].duration_seconds == 600


def test_a_session_ends_in_time(sandbox, client, refused):
    root = client(client().assume_root(**ask(DurationSeconds=60)))
    sandbox.clock_offset_seconds = 61
    with refused("ExpiredToken", 403):
        root.get_caller_identity()
