import pytest

SERIAL = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify"
    " your MFA serial number is valid and associated with this user."
)
CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "


@pytest.mark.parametrize("action", ["get_session_token", "assume_role"])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_code_one_step_off_is_accepted_once(
    sandbox, client, refused, role, mfa, action, step
):
    arguments = role("Jump") if action == "assume_role" else {}
    call = getattr(client(), action)
    assert call(**arguments, **mfa(step))["Credentials"]
    with refused("AccessDenied", 403, CODE):
        call(**arguments, **mfa(step))
    assert [call.mfa for call in sandbox.journal] == [True, True]


def test_a_code_is_spent_for_every_action(client, refused, role, mfa):
    client().get_session_token(**mfa())
    with refused("AccessDenied", 403, CODE):
        client().assume_role(**role("Jump", **mfa()))
    assert client().assume_role(**role("Jump", **mfa(1)))


@pytest.mark.parametrize("step", [-2, 2, 100])
def test_a_code_further_off_is_refused(client, refused, mfa, step):
    with refused("AccessDenied", 403, CODE):
        client().get_session_token(**mfa(step))


def test_the_servers_clock_decides_which_code_is_right(sandbox, client, refused, mfa):
    sandbox.clock_offset_seconds += 60
    with refused("AccessDenied", 403, CODE):
        client().get_session_token(**mfa())
    assert client().get_session_token(**mfa(2))


@pytest.mark.parametrize("left_out", ["SerialNumber", "TokenCode"])
@pytest.mark.parametrize("action", ["get_session_token", "assume_role"])
def test_serial_number_and_code_come_together(
    client, refused, role, mfa, action, left_out
):
    arguments = mfa() | (role("Jump") if action == "assume_role" else {})
    del arguments[left_out]
    with refused("AccessDenied", 403, "must provide both MFA serial number and"):
        getattr(client(), action)(**arguments)


@pytest.mark.parametrize(
    ("who", "serial"),
    [("alice", "arn:aws:iam::111111111111:mfa/nobody"), ("bob", None)],
)
def test_the_device_must_be_the_callers_own(client, refused, mfa, who, serial):
    arguments = mfa()
    if serial is not None:
        arguments["SerialNumber"] = serial
    with refused("AccessDenied", 403, SERIAL):
        client(who).get_session_token(**arguments)


def test_a_roles_session_has_no_device(client, refused, role, mfa):
    jump = client(client().assume_role(**role("Jump", **mfa())))
    with refused("AccessDenied", 403, SERIAL):
        jump.assume_role(**role("Admin", **mfa(1)))


def test_a_session_may_still_use_its_users_device(client, role, mfa):
    session = client(client().get_session_token())
    assert session.assume_role(**role("Jump", **mfa()))


def test_a_right_code_is_spent_when_the_role_is_refused(client, refused, role, mfa):
    with refused("AccessDenied", 403, "is not authorized"):
        client().assume_role(**role("Admin", **mfa()))
    with refused("AccessDenied", 403, CODE):
        client().assume_role(**role("Jump", **mfa()))


def test_a_wrong_code_does_not_spend_the_right_one(client, refused, mfa):
    wrong = f"{(int(mfa()['TokenCode']) + 1) % 1_000_000:06}"
    with refused("AccessDenied", 403, CODE):
        client().get_session_token(**mfa() | {"TokenCode": wrong})
    assert client().get_session_token(**mfa())


def test_a_user_without_a_device_has_no_code(sandbox):
    with pytest.raises(KeyError, match="bob has no MFA device"):
        sandbox.code("bob")


def test_the_device_shows_the_code_of_the_true_time(sandbox, client):
    assert client().get_session_token(
        SerialNumber="arn:aws:iam::111111111111:mfa/alice", TokenCode=sandbox.code()
    )
