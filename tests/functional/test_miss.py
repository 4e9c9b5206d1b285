"""What a miss costs, counted: modules, calls, connections. No clock is asked."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

IMPORT = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)

# A client of botocore, and what it reads and brings along; whatever asks somebody for a
# code, keeps keys or belongs to another command; and what none of these needs.
NOT_NEEDED = re.compile(
    r"botocore\.(session|client|args|credentials|docs|handlers|paginate|waiter"
    r"|retries|regions|tokens|signers|configloader)\b"
    r"|jmespath|boto3|platformdirs|pyotp|defusedxml|keyring|cryptography|asyncio"
    r"|sts_plugin\.(client|given|rotation|enrolment|seeds|otpauth|qr|key_files)$"
    r"|sts_plugin\.cli\.(?!common$|credentials$|progress$|watcher$)"
    r"|sts_plugin\.mfa\.(terminal|dialog|pinentry|totp)$"
    r"|sts_plugin\.(plugins|sandbox)"
)


@pytest.fixture
def connections(sandbox, mocker):
    """Who connects to the sandbox."""
    return mocker.spy(sandbox._server, "process_request")


def modules(program, profile):
    """The modules that a run imports; the run must have succeeded."""
    done = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "sts_plugin"),
            *("credential-process", "--profile", profile),
        ],
        env=program.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return IMPORT.findall(done.stderr)


def test_a_miss_asks_once_over_one_connection_and_makes_no_client(
    logged_in, program, connections
):
    found = modules(program, "audit")
    assert [name for name in found if NOT_NEEDED.match(name)] == []
    assert {"botocore.endpoint", "sts_plugin.direct"} <= set(found)
    ours = [name for name in found if name.startswith("sts_plugin")]
    botocores = [name for name in found if name.startswith("botocore")]
    assert len(ours) <= 72
    assert len(botocores) <= 45
    assert [call.action for call in logged_in.journal.calls()] == ["AssumeRole"]
    assert connections.call_count == 1


def test_a_chain_of_roles_goes_over_one_connection(logged_in, program, connections):
    program.document("prod-admin")
    actions = [call.action for call in logged_in.journal.calls()]
    assert actions == ["AssumeRole", "AssumeRole"]
    assert connections.call_count == 1


def test_a_session_and_its_roles_go_over_one_connection(sandbox, terminal, connections):
    one = terminal("sts-plugin credential-process --profile prod-admin")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert sandbox.journal.count() == 3
    assert connections.call_count == 1


def test_a_code_is_not_sent_on_a_connection_that_waited_for_it(
    sandbox, terminal, connections, write_config
):
    serial = sandbox.organisation.user("alice").mfa_serial
    write_config(
        "[profile p]\nregion = us-east-1\nsource_profile = alice\n"
        f"role_arn = arn:aws:iam::222222222222:role/Audit\nmfa_serial = {serial}\n"
        "sts_plugin_mfa_mode = direct\n"
    )
    one = terminal("sts-plugin credential-process --profile p")
    one.answer("000000")
    one.answer(sandbox.code())
    assert one.end()[0] == 0
    assert sandbox.journal.count() == 2
    assert connections.call_count == 2


def test_a_setting_that_only_a_client_knows_makes_one(logged_in, program):
    program.environ["AWS_RETRY_MODE"] = "adaptive"
    assert "botocore.client" in modules(program, "audit")
    assert logged_in.journal.count("AssumeRole", outcome="ok") == 1
