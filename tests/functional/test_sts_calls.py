"""Every call of STS, asked for by the keys of a profile, in a real process.

The sandbox checks each as STS does; its journal holds what it was sent.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

ROLE = "arn:aws:iam::222222222222:role/"
NEXT = "arn:aws:iam::333333333333:role/TaggedNext"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ROOT_TASK = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
CONTEXTS = "arn:aws:iam::aws:contextProvider/IdentityCenter"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
}
SMALL = json.dumps(POLICY, separators=(",", ":"))


@pytest.fixture
def whoami(program):
    """The ARN that AWS knows a profile's credentials by."""

    def ask(profile, **environ):
        done = program("whoami", "--json", "--profile", profile, environ=environ)
        assert done.stderr == ""
        return json.loads(done.stdout)["Arn"]

    return ask


@pytest.fixture
def sent(sandbox):
    """The arguments of the only call of an action."""

    def find(action):
        (call,) = [one for one in sandbox.journal.calls() if one.action == action]
        assert call.outcome == "ok"
        return dict(call.arguments)

    return find


@pytest.fixture
def script(tmp_path):
    """Make a program that writes down each run and prints a file's text."""

    def make(file):
        runs = tmp_path / "runs"
        runs.touch()
        program = tmp_path / "print-it"
        program.write_text(
            f"#!{sys.executable}\n"
            f"open({str(runs)!r}, 'a').write('x')\n"
            f"print(open({str(file)!r}).read())\n"
        )
        program.chmod(0o700)
        return program, lambda: len(runs.read_text())

    return make


# --- AssumeRole ---


def test_a_role_gets_policies_tags_and_a_source_identity(
    write_config, program, sent, sandbox
):
    file = sandbox.folder / "policy.json"
    file.write_text(json.dumps(POLICY, indent=4))
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        f"policy = file://{file}\npolicy_arns = {READ_ONLY}\n"
        "session_tags = team=red, cost=42\ntransitive_session_tags = team\n"
        "source_identity = alice\nrole_session_name = me\nduration_seconds = 1800\n"
    )
    program.document("p")
    assert sent("AssumeRole") == {
        "RoleArn": f"{ROLE}Tagged",
        "RoleSessionName": "me",
        "DurationSeconds": 1800,
        "Policy": SMALL,
        "PolicyArns": [{"arn": READ_ONLY}],
        "Tags": [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "42"}],
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "alice",
    }


def test_tags_and_the_source_identity_go_through_a_chain(write_config, whoami, sandbox):
    write_config(
        f"[profile first]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        "session_tags = team=red\ntransitive_session_tags = team\n"
        "source_identity = alice\n"
        f"[profile p]\nrole_arn = {NEXT}\nsource_profile = first\n"
        "session_tags = cost=42\nsource_identity = alice\nrole_session_name = me\n"
    )
    assert whoami("p") == "arn:aws:sts::333333333333:assumed-role/TaggedNext/me"
    first, second = sandbox.journal.calls()[:2]
    assert first.arguments["Tags"] == [{"Key": "team", "Value": "red"}]
    assert second.arguments["Tags"] == [{"Key": "cost", "Value": "42"}]
    assert second.arguments["SourceIdentity"] == "alice"


def test_a_policy_that_changes_in_its_file_is_another_session(
    write_config, program, sandbox
):
    file = sandbox.folder / "policy.json"
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        f"policy = file://{file}\n"
    )
    file.write_text(json.dumps(POLICY))
    wide = program.document("p")
    assert program.document("p") == wide
    file.write_text(json.dumps(POLICY).replace("s3:Get*", "s3:GetObject"))
    assert program.document("p")["AccessKeyId"] != wide["AccessKeyId"]
    first, second = sandbox.journal.calls()
    assert "s3:GetObject" not in first.arguments["Policy"]
    assert "s3:GetObject" in second.arguments["Policy"]


def test_a_context_of_an_identity_centre_user_goes_along(
    write_config, program, sandbox, sent
):
    file = sandbox.folder / "context"
    file.write_text(sandbox.context_assertion() + "\n")
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        f"sts_plugin_provided_contexts = {CONTEXTS}=file://{file}\n"
    )
    program.document("p")
    (context,) = sent("AssumeRole")["ProvidedContexts"]
    assert context["ProviderArn"] == CONTEXTS
    explained = program("explain", "--profile", "p").stdout
    assert str(file) in explained
    assert file.read_text().strip() not in explained


def test_variables_win_over_the_keys_of_the_profile_asked_for_alone(
    write_config, program, sandbox
):
    write_config(
        f"[profile first]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        f"[profile p]\nrole_arn = {NEXT}\nsource_profile = first\n"
        "session_tags = team=red\n"
    )
    done = program(
        "credential-process",
        "--profile",
        "p",
        environ={
            "AWS_SESSION_TAGS": "team=blue",
            "AWS_TRANSITIVE_TAGS": "team",
            "AWS_SOURCE_IDENTITY": "alice",
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (call.arguments for call in sandbox.journal.calls())
    assert "Tags" not in first
    assert second["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert second["TransitiveTagKeys"] == ["team"]
    assert second["SourceIdentity"] == "alice"


@pytest.mark.parametrize("own", ["config", "credentials"])
def test_a_profile_with_keys_of_its_own_includes_no_other_identity(
    write_config, whoami, sandbox, tmp_path, own
):
    bob = sandbox.organisation.user("bob")
    keys = (
        f"aws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
    )
    write_config(
        f"[profile common]\ncredential_process = false\nrole_arn = {ROLE}Tagged\n"
        "source_profile = alice\nsso_account_id = 1\n"
        f"[profile p]\ninclude_profile = common\n{keys if own == 'config' else ''}"
    )
    if own == "credentials":
        with (sandbox.folder / "credentials").open("a") as file:
            file.write(f"[p]\n{keys}")
    assert whoami("p") == bob.arn


def test_a_profile_includes_another_and_keeps_its_own_keys(
    write_config, program, sandbox
):
    write_config(
        "[profile common]\nregion = eu-central-1\nsource_profile = alice\n"
        "role_session_name = common\nsession_tags = team=red\n"
        f"[profile p]\ninclude_profile = common\nrole_arn = {ROLE}Tagged\n"
        "role_session_name = own\n"
    )
    done = program(
        "credential-process", "--profile", "p", environ={"AWS_DEFAULT_REGION": ""}
    )
    assert (done.returncode, done.stderr) == (0, "")
    (call,) = sandbox.journal.calls()
    assert call.region == "eu-central-1"
    assert call.arguments["Tags"] == [{"Key": "team", "Value": "red"}]
    assert call.session_name == "own"


def test_a_role_that_allows_less_is_refused_with_what_helps(
    write_config, program, sandbox
):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        "duration_seconds = 43200\n"
    )
    done = program("credential-process", "--profile", "p")
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert "MaxSessionDuration" in line
    assert "sts_plugin_duration_fallback" in line
    assert sandbox.journal.count("AssumeRole") == 1


def test_a_shorter_session_is_asked_for_where_the_profile_allows_it(
    write_config, program, sandbox
):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Tagged\nsource_profile = alice\n"
        "duration_seconds = 10800\nsts_plugin_duration_fallback = yes\n"
    )
    done = program("credential-process", "--profile", "p")
    assert done.returncode == 0
    assert [call.duration_seconds for call in sandbox.journal.calls()] == [
        10800,
        7200,
        3600,
    ]
    assert "does not allow 10800 seconds" in done.stderr
    program.document("p")  # cached under what was asked for
    assert sandbox.journal.count("AssumeRole") == 3


# --- AssumeRoleWithWebIdentity ---


@pytest.fixture
def token_file(sandbox):
    file = sandbox.folder / "token"
    file.write_text(sandbox.web_identity_token())
    return file


@pytest.mark.parametrize("how", ["file", "process"])
def test_a_token_gets_a_role_and_nothing_signs_the_call(
    write_config, program, sandbox, token_file, script, how
):
    command, _ = script(token_file)
    place = token_file if how == "file" else command
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\nweb_identity_token_{how} = {place}\n"
        f"role_session_name = me\npolicy_arns = {READ_ONLY}\n"
    )
    document = program.document("p")
    assert program.document("p") == document  # from the cache
    (call,) = sandbox.journal.calls()
    assert (call.action, call.access_key_id) == ("AssumeRoleWithWebIdentity", None)
    assert call.arguments["PolicyArns"] == [{"arn": READ_ONLY}]
    assert call.session_name == "me"


def test_a_token_is_read_anew_when_the_role_is_renewed(
    write_config, program, sandbox, token_file
):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\n"
        f"web_identity_token_file = {token_file}\n"
    )
    first = program.document("p")
    token_file.write_text(sandbox.web_identity_token())  # as Kubernetes rotates it
    assert program.document("p") == first
    program("logout", "--profile", "p")
    assert program.document("p")["AccessKeyId"] != first["AccessKeyId"]
    assert sandbox.journal.count("AssumeRoleWithWebIdentity", outcome="ok") == 2


def test_a_token_of_somebody_else_at_the_same_place_is_another_session(
    write_config, program, sandbox, token_file
):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\n"
        f"web_identity_token_file = {token_file}\n"
    )
    first = program.document("p")
    token_file.write_text(sandbox.web_identity_token("repo:example/other"))
    assert program.document("p")["AccessKeyId"] != first["AccessKeyId"]


def test_what_a_token_says_of_its_identity_makes_another_session(
    write_config, program, sandbox, token_file
):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\n"
        f"web_identity_token_file = {token_file}\n"
    )
    first = program.document("p")
    sandbox.journal.clear()
    # As far as tags go, this role refuses them: it is asked, and that is what matters.
    token_file.write_text(sandbox.web_identity_token(tags={"team": "guests"}))
    done = program("credential-process", "--profile", "p")
    assert first["AccessKeyId"] not in done.stdout
    assert sandbox.journal.count() == 1


def test_eight_processes_run_the_command_for_a_token_once(
    write_config, program, sandbox, token_file, script
):
    command, runs = script(token_file)
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\n"
        f"web_identity_token_process = {command}\n"
    )
    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(program.document, ["p"] * 8))
    assert len({one["AccessKeyId"] for one in documents}) == 1
    assert (runs(), sandbox.journal.count()) == (1, 1)


# --- AssumeRoleWithSAML ---


@pytest.mark.parametrize("how", ["file", "process"])
def test_an_assertion_gets_the_role_that_is_chosen(
    write_config, whoami, sandbox, script, how
):
    file = sandbox.folder / "assertion"
    file.write_text(
        sandbox.saml_assertion(roles=[f"{ROLE}Federated", f"{ROLE}FederatedAudit"])
    )
    command, runs = script(file)
    place = file if how == "file" else command
    write_config(
        f"[profile p]\nrole_arn = {ROLE}FederatedAudit\nsaml_{how} = {place}\n"
    )
    arn = "arn:aws:sts::222222222222:assumed-role/FederatedAudit/alice"
    assert whoami("p") == arn
    assert whoami("p") == arn
    assert sandbox.journal.count("AssumeRoleWithSAML") == 1
    assert runs() == (how == "process")


@pytest.mark.parametrize("held", ["stderr", "stdout and stderr"])
def test_what_a_command_leaves_running_does_not_keep_the_sdk_waiting(
    write_config, program, sandbox, held
):
    file = sandbox.folder / "assertion"
    file.write_text(sandbox.saml_assertion(f"{ROLE}Federated"))
    quiet = ">/dev/null" if held == "stderr" else ""
    write_config(
        "[profile p]\nsaml_process = "
        f"sh -c 'echo look >&2; sleep 70 {quiet} & cat {file}'\n"
    )
    # Reads stderr until everybody has closed it, as SDKs do; 60 s are allowed.
    done = program("credential-process", "--profile", "p")
    assert (done.returncode, done.stderr) == (0, "look\n")


def test_explain_shows_no_options_of_a_command(write_config, program):
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\n"
        "web_identity_token_process = print-token --password canary\n"
    )
    done = program("explain", "--profile", "p")
    assert "print-token ..." in done.stdout
    assert "canary" not in done.stdout


def test_an_assertion_for_one_role_needs_no_choice_and_says_how_long(
    write_config, program, sandbox, sent
):
    file = sandbox.folder / "assertion"
    file.write_text(sandbox.saml_assertion(f"{ROLE}Federated", session_duration=1800))
    write_config(f"[profile p]\nsts_plugin_saml_file = {file}\n")
    program.document("p")
    assert sent("AssumeRoleWithSAML")["DurationSeconds"] == 1800


def test_a_role_is_assumed_with_what_an_assertion_gives(write_config, whoami, sandbox):
    file = sandbox.folder / "assertion"
    file.write_text(
        sandbox.saml_assertion(f"{ROLE}FederatedAudit", source_identity="alice")
    )
    write_config(
        f"[profile s]\nsaml_file = {file}\nsts_plugin_role_arn = {ROLE}FederatedAudit\n"
        f"[profile p]\nrole_arn = {ROLE}Back\nsource_profile = s\n"
        "role_session_name = me\n"
    )
    # Nobody trusts that role here: what matters is who asks.
    assert sandbox.journal.calls() == ()
    with pytest.raises((AssertionError, ValueError)):
        whoami("p")
    last = sandbox.journal.calls()[-1]
    assert last.caller_arn.endswith("assumed-role/FederatedAudit/alice")
    assert last.role_arn == f"{ROLE}Back"


# --- The calls of users and administrators ---


def test_a_federated_user_gets_what_its_policy_allows(
    write_config, whoami, sandbox, sent
):
    write_config(
        "[profile p]\nsource_profile = bob\nsts_plugin_federation_name = app\n"
        f"policy = {SMALL}\nduration_seconds = 129600\n"
    )
    assert whoami("p") == "arn:aws:sts::111111111111:federated-user/app"
    whoami("p")
    assert sent("GetFederationToken") == {
        "Name": "app",
        "Policy": SMALL,
        "DurationSeconds": 129600,
    }


def test_a_federated_user_can_stand_beside_the_keys_of_its_user(
    write_config, whoami, sandbox
):
    bob = sandbox.organisation.user("bob")
    write_config(
        f"[profile p]\naws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
        f"sts_plugin_federation_name = app\npolicy_arns = {READ_ONLY}\n"
    )
    assert whoami("p") == "arn:aws:sts::111111111111:federated-user/app"


def test_a_root_task_is_done_in_a_member_account(write_config, whoami, sent):
    write_config(
        "[profile p]\nregion = us-east-1\nsource_profile = bob\n"
        "sts_plugin_target_principal = 222222222222\n"
        f"sts_plugin_task_policy_arn = {ROOT_TASK}\n"
    )
    assert whoami("p") == "arn:aws:iam::222222222222:root"
    assert sent("AssumeRoot") == {
        "TargetPrincipal": "222222222222",
        "TaskPolicyArn": {"arn": ROOT_TASK},
    }


def test_a_root_task_is_not_sent_to_the_global_endpoint(write_config, program, sandbox):
    write_config(
        "[profile p]\nsource_profile = bob\n"
        "sts_plugin_target_principal = 222222222222\n"
        f"sts_plugin_task_policy_arn = {ROOT_TASK}\n"
    )
    done = program(
        "credential-process",
        "--profile",
        "p",
        environ={"AWS_ENDPOINT_URL_STS": "", "AWS_DEFAULT_REGION": ""},
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "regional STS endpoints only" in done.stderr


def test_explain_tells_which_keys_do_not_count(write_config, program, sandbox):
    token = sandbox.folder / "web-identity-token"
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\nweb_identity_token_file = {token}\n"
        "duration_seconds = 7200\nexternal_id = abc\nsession_tags = team=red\n"
    )
    done = program("explain", "--profile", "p", "--json")
    notes = json.loads(done.stdout)["notes"]
    assert [note.partition(" ")[0] for note in notes] == [
        "duration_seconds",
        "external_id",
        "session_tags",
    ]
    program.document("p")


def test_a_trade_in_token_gives_the_credentials_it_stands_for(
    write_config, whoami, sandbox
):
    file = sandbox.folder / "trade-in"
    file.write_text(sandbox.trade_in_token("Batch"))
    write_config(
        f"[profile p]\nsource_profile = bob\nsts_plugin_trade_in_token_file = {file}\n"
    )
    assert "Batch" in whoami("p")
    whoami("p")
    assert sandbox.journal.count("GetDelegatedAccessToken") == 1


def test_long_term_keys_from_a_command_get_one_mfa_session(
    write_config, program, sandbox, tmp_path
):
    alice = sandbox.organisation.user("alice")
    keys = tmp_path / "keys.json"
    keys.write_text(
        json.dumps(
            {
                "Version": 1,
                "AccessKeyId": alice.access_key_id,
                "SecretAccessKey": alice.secret_access_key,
            }
        )
    )
    role = f"mfa_serial = {alice.mfa_serial}\nsource_profile = keychain\n"
    write_config(
        f"[profile keychain]\ncredential_process = cat {keys}\n"
        "sts_plugin_long_term = yes\n"
        f"sts_plugin_totp_file = {sandbox.folder / 'alice.totp'}\n"
        f"[profile p]\nrole_arn = {ROLE}Audit\n{role}"
        f"[profile q]\nrole_arn = {ROLE}Jump\n{role}"
    )
    program.document("p")
    program.document("q")
    assert [call.action for call in sandbox.journal.calls()] == [
        "GetSessionToken",
        "AssumeRole",
        "AssumeRole",
    ]


@pytest.mark.parametrize("temporary", [False, True])
def test_a_role_behind_a_process_lasts_as_long_as_what_it_prints_allows(
    write_config, program, sandbox, sent, tmp_path, temporary
):
    bob = sandbox.organisation.user("bob")
    keys = tmp_path / "keys.json"
    document = {
        "Version": 1,
        "AccessKeyId": bob.access_key_id,
        "SecretAccessKey": bob.secret_access_key,
    }
    if temporary:
        write_config(
            "[profile s]\nsource_profile = bob\nrole_arn = "
            f"{ROLE}Tagged\nregion = us-east-1\n"
        )
        document = program.document("s")
        sandbox.journal.clear()
    keys.write_text(json.dumps(document))
    role = NEXT if temporary else f"{ROLE}Batch"
    write_config(
        f"[profile keys]\ncredential_process = cat {keys}\n"
        f"[profile p]\nrole_arn = {role}\nsource_profile = keys\n"
        "duration_seconds = 43200\n"
    )
    program.document("p")
    assert sent("AssumeRole")["DurationSeconds"] == (3600 if temporary else 43200)


# --- Commands that ask something ---


def test_a_message_is_decoded_however_it_is_pasted(program, sandbox):
    message = sandbox.encoded_message()
    error = f"You are not authorized. Encoded authorization failure message: {message}"
    for arguments in ([message], [error], error.split()):
        done = program("decode", *arguments, "--profile", "bob")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["allowed"] is False


def test_the_account_of_an_access_key_is_told(program, sandbox):
    key = sandbox.organisation.user("alice").access_key_id
    done = program("key-info", key, "--profile", "bob")
    assert (done.returncode, done.stdout) == (0, "111111111111\n")
    done = program("key-info", key, "--profile", "bob", "--json")
    assert json.loads(done.stdout) == {"Account": "111111111111"}


def test_a_token_about_oneself_is_signed_by_aws(program, sandbox, sent):
    done = program(
        "web-identity-token",
        *("--audience", "https://example.com", "--signing-algorithm", "RS256"),
        *("--duration-seconds", "60", "--tag", "team=red", "--profile", "bob"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(".") == 2
    assert sent("GetWebIdentityToken") == {
        "Audience": ["https://example.com"],
        "SigningAlgorithm": "RS256",
        "DurationSeconds": 60,
        "Tags": [{"Key": "team", "Value": "red"}],
    }


def test_what_only_regional_endpoints_answer_is_not_sent_to_the_global_one(program):
    done = program(
        *("web-identity-token", "--audience", "x", "--profile", "bob"),
        environ={
            "AWS_ENDPOINT_URL_STS": "",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
        },
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "regional STS endpoints only" in done.stderr
