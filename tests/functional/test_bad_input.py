"""What a user sees when a file, a key, a variable or an argument is wrong.

One line with file, line, profile, key and a hint; an exit code; an empty stdout; and no
call to STS.
"""

from __future__ import annotations

import json
import subprocess

import pytest

ALICE = "arn:aws:iam::111111111111:mfa/alice"
ROLE = "arn:aws:iam::222222222222:role/"
AUDIT = f"{ROLE}Audit"
SAML = "arn:aws:iam::222222222222:saml-provider/sandbox"
ROOT_TASK = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
POLICY = '{"Version": "2012-10-17", "Statement": []}'


def role(*lines):
    """A profile "p" with a good role, and what is wrong with it from line 4 on."""
    return "\n".join(
        ["[profile p]", f"role_arn = {AUDIT}", "source_profile = alice", *lines]
    )


def user(*lines):
    """A profile "p" of the user bob, and what is wrong with it from line 3 on."""
    return "\n".join(["[profile p]", "source_profile = bob", *lines])


def saml(*lines):
    return "\n".join(["[profile p]", *lines])


# What is wrong: (config, what the line must say). The profile is "p".
PROFILES = {
    # --- The files ---
    "a profile that is not there": (
        "[profile pp]\n",
        ['profile "p"', "{config}", 'did you mean "pp"'],
    ),
    "text that is no ini file": (
        "[profile p]\nregion = us-east-1\nsecret-of-a-line-without-equals\n",
        ["{config}:3", "cannot be parsed", "key = value"],
    ),
    "text before the first section": (
        "region = us-east-1\n[profile p]\n",
        ["{config}:1", "cannot be parsed"],
    ),
    "a section that is there twice": (
        "[profile p]\n[profile q]\n[profile p]\n",
        ["{config}:3", "[profile p] is there twice"],
    ),
    "a key that is there twice": (
        "[profile p]\nregion = a\nregion = b\n",
        ["{config}:3", '"region" is there twice'],
    ),
    "a byte order mark": ("\ufeff[profile p]\n", ["{config}:1", "byte order mark"]),
    "a nested block without equals": (
        "[profile p]\ns3 =\n  canary\n",
        ["{config}:2", '"s3"', "key = value"],
    ),
    # --- Where credentials come from ---
    "a source profile that is not there": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = nobody\n",
        ['profile "p"', "{config}:3", "source_profile = nobody", "does not exist"],
    ),
    "a role without a source": (
        f"[profile p]\nrole_arn = {AUDIT}\n",
        ['profile "p"', "{config}:2", "source_profile or credential_source"],
    ),
    "a policy beside plain keys": (
        f"[profile p]\naws_access_key_id = A\naws_secret_access_key = s\n"
        f"policy = {POLICY}\n",
        ["{config}:4", '"p"', "policy", "asks for no call of its own"],
    ),
    "a policy beside a process of ours": (
        "[profile p]\ncredential_process = sts-plugin credential-process --profile q\n"
        f"policy_arns = {READ_ONLY}\n[profile q]\nrole_arn = {AUDIT}\n"
        "source_profile = alice\n",
        ["{config}:3", '"p"', "policy_arns", "asks for no call of its own"],
    ),
    "two sources": (
        role("credential_source = Environment"),
        ["{config}:3", "{config}:4", "source_profile", "credential_source"],
    ),
    "a loop": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = b\n"
        f"[profile b]\nrole_arn = {AUDIT}\nsource_profile = p\n",
        ["{config}:6", "p -> b -> p", "loop"],
    ),
    "a loop of one": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = p\n",
        ["{config}:3", "p -> p", "loop"],
    ),
    "a source without credentials": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = q\n[profile q]\n",
        ['profile "q"', "{config}:4", "has no credentials"],
    ),
    "half a pair of keys": (
        "[profile p]\naws_access_key_id = AKIAEXAMPLE\n",
        ['profile "p"', "{config}:2", "aws_secret_access_key"],
    ),
    "an empty key id": (
        "[profile p]\naws_access_key_id =\naws_secret_access_key = canary\n",
        ['profile "p"', "{config}:2", "aws_access_key_id"],
    ),
    "a credential source that does not exist": (
        f"[profile p]\nrole_arn = {AUDIT}\ncredential_source = environment\n",
        ["{config}:3", "Environment, EcsContainer, Ec2InstanceMetadata"],
    ),
    "an environment without keys": (
        f"[profile p]\nrole_arn = {AUDIT}\ncredential_source = Environment\n",
        ["AWS_ACCESS_KEY_ID is not set", "export it"],
    ),
    "nothing at all": ("[profile p]\nregion = us-east-1\n", ['"p"', "{config}:1"]),
    "a profile that is its own process": (
        "[profile p]\ncredential_process = sts-plugin credential-process --profile p\n",
        ['profile "p"', "{config}:2", "for the same profile", "sts_plugin_role_arn"],
    ),
    "two profiles that are each other's process": (
        "[profile p]\n"
        "credential_process = sts-plugin credential-process --profile q\n"
        "[profile q]\n"
        "credential_process = python3 -m sts_plugin credential-process --profile p\n",
        ["{config}:4", "p -> q -> p", "loop"],
    ),
    "a process of ours without a profile": (
        "[profile p]\ncredential_process = sts-plugin credential-process\n",
        ["{config}:2", 'profile "p"', "add --profile p"],
    ),
    "a process of ours for nobody": (
        "[profile p]\ncredential_process = sts-plugin credential-process --profile x\n",
        ["{config}:2", 'profile "p"', '"x"', "does not exist"],
    ),
    "a process with an open quotation": (
        '[profile p]\ncredential_process = sts-plugin "credential-process\n',
        ["{config}:2", "quotation"],
    ),
    "a process that cannot be run": (
        "[profile p]\ncredential_process = /nowhere/program\n",
        ['profile "p"', "{config}:1", "/nowhere/program", "No such file"],
    ),
    "a foreign process that fails": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = q\n"
        "[profile q]\ncredential_process = sh -c 'echo so sorry >&2; exit 7'\n",
        ['profile "q"', "{config}:4", "so sorry"],
    ),
    "an sso profile with half of it": (
        "[profile p]\nsso_account_id = 111111111111\nsso_role_name = x\n",
        ['profile "p"', "{config}:1", "sso"],
    ),
    "a profile that includes nobody": (
        role("include_profile = nobody"),
        ["{config}:4", "include_profile = nobody", '"p"', "does not exist"],
    ),
    "profiles that include each other": (
        "[profile p]\ninclude_profile = q\n[profile q]\ninclude_profile = p\n",
        ["{config}:4", "p -> q -> p", "loop"],
    ),
    # --- The keys of a role ---
    "an ARN that is none": (
        "[profile p]\nrole_arn = arn:aws:iam::22222:role/Audit\n"
        "source_profile = alice\n",
        ["{config}:2", '"p"', "ARN of an IAM role", "arn:aws:iam::123456789012:role"],
    ),
    "the ARN of a user": (
        "[profile p]\nrole_arn = arn:aws:iam::111111111111:user/alice\n"
        "source_profile = alice\n",
        ["{config}:2", '"p"', "ARN of an IAM role"],
    ),
    "an empty role": (
        "[profile p]\nrole_arn =\nsource_profile = alice\n",
        ["{config}:2", '"p"', "role_arn", "is empty"],
    ),
    "a duration that is none": (
        role("duration_seconds = an hour"),
        ["{config}:4", '"p"', "duration_seconds = an hour", "number of seconds"],
    ),
    "a duration that is too short": (
        role("duration_seconds = 60"),
        ["{config}:4", '"p"', "duration_seconds = 60", "from 900 to 43200"],
    ),
    "a duration that is too long": (
        role("duration_seconds = 43201"),
        ["{config}:4", '"p"', "duration_seconds = 43201", "from 900 to 43200"],
    ),
    "an external id that STS refuses": (
        role("external_id = %%%"),
        ["{config}:4", '"p"', "external_id = %%%", "2 to 1224"],
    ),
    "an empty external id": (
        role("external_id ="),
        ["{config}:4", '"p"', "external_id", "is empty"],
    ),
    "a session name with a blank": (
        role("role_session_name = a b"),
        ["{config}:4", '"p"', "role_session_name = a b", "2 to 64"],
    ),
    "a session name that is too long": (
        role(f"role_session_name = {'a' * 65}"),
        ["{config}:4", '"p"', "role_session_name", "2 to 64"],
    ),
    "a source identity of AWS's": (
        role("source_identity = aws:me"),
        ["{config}:4", '"p"', "source_identity = aws:me", "aws:"],
    ),
    "a source identity that changes": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = q\nsource_identity = me\n"
        f"[profile q]\nrole_arn = {AUDIT}\nsource_profile = alice\n"
        "source_identity = you\n",
        ["{config}:4", '"p"', '"q"', "source_identity = me", "you", "stays the same"],
    ),
    "a tag without a value": (
        role("session_tags = team=a, cost"),
        ["{config}:4", '"p"', "session_tags", 'without "="', "key=value"],
    ),
    "a tag that is there twice": (
        role("session_tags = team=a, Team=b"),
        ["{config}:4", '"p"', "session_tags", "twice"],
    ),
    "a tag with a character that STS refuses": (
        role("session_tags = team=a!"),
        ["{config}:4", '"p"', "session_tags = team=a!", "50 tags"],
    ),
    "too many tags": (
        role("session_tags = " + ",".join(f"k{n}=v" for n in range(51))),
        ["{config}:4", '"p"', "session_tags", "51 items", "50 tags"],
    ),
    "tags that are no JSON": (
        role('session_tags = {"team": }'),
        ["{config}:4", '"p"', "session_tags", "is not JSON"],
    ),
    "tags that are no strings": (
        role('session_tags = {"team": 5}'),
        ["{config}:4", '"p"', "session_tags", "object of strings"],
    ),
    "a transitive tag that is no tag": (
        role("session_tags = team=a", "transitive_session_tags = team, cost"),
        ["{config}:5", '"p"', "transitive_session_tags = team, cost", "has cost"],
    ),
    "a policy that is no JSON": (
        role("policy = allow all"),
        ["{config}:4", '"p"', "policy = allow all", "is not JSON"],
    ),
    "a policy that is a list": (
        role("policy = []"),
        ["{config}:4", '"p"', "policy", "is not a policy"],
    ),
    "an empty policy": (role("policy ="), ["{config}:4", '"p"', "policy"]),
    "a policy with a key twice": (
        role('policy = {"Statement": [], "Statement": []}'),
        ["{config}:4", '"p"', "policy", "twice"],
    ),
    "a policy file that is not there": (
        role("policy = file:///nowhere/policy.json"),
        ["{config}:4", '"p"', "policy", "/nowhere/policy.json", "No such file"],
    ),
    "a policy file in some folder or other": (
        role("policy = file://policy.json"),
        ["{config}:4", '"p"', "policy", "absolute path"],
    ),
    "a policy file that is a folder": (
        role("policy = file:///"),
        ["{config}:4", '"p"', "policy", "regular file"],
    ),
    "too many policies": (
        role("policy_arns = " + ",".join(f"{READ_ONLY}{n}" for n in range(11))),
        ["{config}:4", '"p"', "policy_arns", "11 items", "10 ARNs"],
    ),
    "a policy ARN that is too short": (
        role("policy_arns = ReadOnlyAccess"),
        ["{config}:4", '"p"', "policy_arns = ReadOnlyAccess", "10 ARNs"],
    ),
    "no policy ARN at all": (
        role("policy_arns = ,"),
        ["{config}:4", '"p"', "policy_arns", "names nothing"],
    ),
    "a context without a file": (
        role("sts_plugin_provided_contexts = arn:aws:iam::aws:contextProvider/x"),
        ["{config}:4", '"p"', "provided_contexts", "file:///path"],
    ),
    "a fallback that is neither yes nor no": (
        role("sts_plugin_duration_fallback = maybe"),
        ["{config}:4", '"p"', "duration_fallback = maybe", "yes or no"],
    ),
    # --- MFA ---
    "an empty MFA serial": (
        role("mfa_serial ="),
        ["{config}:4", '"p"', "mfa_serial", "is empty"],
    ),
    "an MFA serial that is none": (
        role("mfa_serial = alice mfa"),
        ["{config}:4", '"p"', "mfa_serial = alice mfa", "mfa/name"],
    ),
    "an MFA mode that is none": (
        role(f"mfa_serial = {ALICE}", "sts_plugin_mfa_mode = both"),
        ["{config}:5", '"p"', "mfa_mode = both", "session or direct"],
    ),
    "a way to encrypt the cache that is none": (
        role("sts_plugin_cache_encryption = yes"),
        ["{config}:4", '"p"', "cache_encryption = yes", "keychain or none"],
    ),
    "a session duration that is too long": (
        role(f"mfa_serial = {ALICE}", "sts_plugin_session_duration_seconds = 200000"),
        ["{config}:5", '"p"', "session_duration_seconds = 200000", "129600"],
    ),
    "codes from two places": (
        role(f"mfa_serial = {ALICE}", "mfa_process = x", "sts_plugin_totp_file = y"),
        ["{config}:5", "{config}:6", '"p"', "mfa_process", "totp_file"],
    ),
    "a seed that is not there": (
        role(f"mfa_serial = {ALICE}", "sts_plugin_totp_file = /nowhere/seed"),
        ["{config}:5", "/nowhere/seed", "No such file"],
    ),
    "a command for codes that fails": (
        role(f"mfa_serial = {ALICE}", "mfa_process = false"),
        ["{config}:5", '"p"', "mfa_process", "exit code 1"],
    ),
    "a command for codes that needs a shell": (
        role(f"mfa_serial = {ALICE}", "mfa_process = /nowhere/x | head -1"),
        ["{config}:5", '"p"', "mfa_process", "sh -c"],
    ),
    # --- Web identity ---
    "a token without a role": (
        "[profile p]\nweb_identity_token_file = /nowhere/token\n",
        ["{config}:2", '"p"', "web_identity_token_file", "role_arn"],
    ),
    "a token file that is not there": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_file = /nowhere/token\n",
        ["{config}:3", '"p"', "/nowhere/token", "No such file"],
    ),
    "an empty token file": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_file = /dev/null\n",
        ["{config}:3", '"p"', "web_identity_token_file", "regular file"],
    ),
    "a command for tokens that prints nothing": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_process = true\n",
        ["{config}:3", '"p"', "web_identity_token_process", "gave no token"],
    ),
    "a command for tokens that fails": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_process = false\n",
        ["{config}:3", '"p"', "web_identity_token_process", "exit code 1"],
    ),
    "a token from two places": (
        f"[profile p]\nrole_arn = {AUDIT}\nweb_identity_token_process = x\n"
        "web_identity_token_file = y\n",
        ["{config}:3", "{config}:4", '"p"', "keep the one"],
    ),
    # --- SAML ---
    "an assertion file that is not there": (
        saml(f"role_arn = {AUDIT}", "sts_plugin_saml_file = /nowhere/assertion"),
        ["{config}:3", '"p"', "saml_file", "/nowhere/assertion", "No such file"],
    ),
    "a command for assertions that prints something else": (
        saml(f"role_arn = {AUDIT}", "saml_process = echo hello!"),
        ["{config}:3", '"p"', "saml_process", "no SAML assertion", "not base64"],
    ),
    "a command for assertions that prints no XML": (
        saml(f"role_arn = {AUDIT}", "saml_process = echo aGVsbG8="),
        ["{config}:3", '"p"', "saml_process", "not XML"],
    ),
    "an assertion and a token": (
        saml(
            f"role_arn = {AUDIT}", "saml_process = x", "web_identity_token_process = y"
        ),
        ["{config}:3", "{config}:4", '"p"', "keep the one"],
    ),
    "a SAML provider that is none": (
        saml(f"role_arn = {AUDIT}", "principal_arn = sandbox", "saml_process = x"),
        ["{config}:3", '"p"', "principal_arn = sandbox", "saml-provider"],
    ),
    # --- GetFederationToken, AssumeRoot, GetDelegatedAccessToken ---
    "a federated user without a policy": (
        user("sts_plugin_federation_name = app"),
        ["{config}:3", '"p"', "GetFederationToken", "policy or policy_arns"],
    ),
    "a federated user with a long name": (
        user(f"sts_plugin_federation_name = {'a' * 33}", f"policy_arns = {READ_ONLY}"),
        ["{config}:3", '"p"', "federation_name", "2 to 32"],
    ),
    "a federated user of a role": (
        f"[profile p]\nsource_profile = q\nsts_plugin_federation_name = app\n"
        f"policy_arns = {READ_ONLY}\n"
        f"[profile q]\nrole_arn = {AUDIT}\nsource_profile = bob\n",
        ["{config}:3", '"p"', "GetFederationToken", "long-term keys"],
    ),
    "a role behind a federated user": (
        f"[profile p]\nrole_arn = {AUDIT}\nsource_profile = q\n"
        f"[profile q]\nsource_profile = bob\nsts_plugin_federation_name = app\n"
        f"policy_arns = {READ_ONLY}\n",
        ["{config}:2", '"p"', "AssumeRole", '"q"', "cannot be signed"],
    ),
    "a root task without a policy": (
        user("region = us-east-1", "sts_plugin_target_principal = 222222222222"),
        ["{config}:4", '"p"', "AssumeRoot", "task_policy_arn"],
    ),
    "a root task of nobody": (
        user(
            "region = us-east-1",
            "sts_plugin_target_principal = nobody",
            f"sts_plugin_task_policy_arn = {ROOT_TASK}",
        ),
        ["{config}:4", '"p"', "target_principal = nobody", "is not an account"],
    ),
    "a root task for an hour": (
        user(
            "region = us-east-1",
            "sts_plugin_target_principal = 222222222222",
            f"sts_plugin_task_policy_arn = {ROOT_TASK}",
            "duration_seconds = 3600",
        ),
        ["{config}:6", '"p"', "duration_seconds = 3600", "0 to 900"],
    ),
    "a root task with a policy of its own": (
        user(
            "region = us-east-1",
            "sts_plugin_target_principal = 222222222222",
            f"sts_plugin_task_policy_arn = {ROOT_TASK}",
            f"policy = {POLICY}",
        ),
        ["{config}:6", '"p"', "policy", "cannot narrow what AssumeRoot gives"],
    ),
    "a root task and a federated user": (
        user(
            "sts_plugin_target_principal = 222222222222",
            "sts_plugin_federation_name = app",
        ),
        ["{config}:3", "{config}:4", '"p"', "keep the one"],
    ),
    "a trade-in token that is not there": (
        user("sts_plugin_trade_in_token_file = /nowhere/token"),
        ["{config}:3", '"p"', "trade_in_token_file", "/nowhere/token"],
    ),
}


def the_line(done, code):
    """The one line of a run that failed as it should."""
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sts-plugin: ")
    assert line.endswith(")"), "there is no hint"
    return line


@pytest.mark.parametrize(("config", "says"), PROFILES.values(), ids=PROFILES)
def test_a_wrong_profile_is_told_in_one_line_and_no_call_is_made(
    program, sandbox, write_config, config, says
):
    write_config(config)
    line = the_line(program("credential-process", "--profile", "p"), 3)
    for text in says:
        assert text.format(config=sandbox.folder / "config") in line
    secret = sandbox.organisation.user("alice").secret_access_key
    assert secret not in line
    assert "canary" not in line
    assert "secret-of-a-line" not in line
    assert sandbox.journal.calls() == ()


VARIABLES = {
    "AWS_PROFILE": ({"AWS_PROFILE": "nobody"}, 'profile "nobody"'),
    "an empty AWS_PROFILE": ({"AWS_PROFILE": ""}, 'profile ""'),
    "half a pair of keys": (
        {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"},
        "AWS_SECRET_ACCESS_KEY is not set",
    ),
    "a token without a role": (
        {"AWS_PROFILE": "p", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"},
        "AWS_ROLE_ARN",
    ),
    "tags": ({"AWS_PROFILE": "p", "AWS_SESSION_TAGS": "x"}, "environment: AWS_SESSION"),
    "a source identity": (
        {"AWS_PROFILE": "p", "AWS_SOURCE_IDENTITY": "a b"},
        "environment: AWS_SOURCE_IDENTITY = a b",
    ),
    "a cache in some folder or other": (
        {"STS_PLUGIN_CACHE_DIR": "cache"},
        "STS_PLUGIN_CACHE_DIR=cache",
    ),
    "a prompt without an end": (
        {"STS_PLUGIN_PROMPT_SECONDS": "inf"},
        "STS_PLUGIN_PROMPT_SECONDS=inf",
    ),
}


@pytest.mark.parametrize(("variables", "says"), VARIABLES.values(), ids=VARIABLES)
def test_a_wrong_variable_is_told_in_one_line_and_no_call_is_made(
    program, sandbox, write_config, variables, says
):
    write_config(role() if "ROLE" not in says else "[profile p]\nregion = us-east-1\n")
    line = the_line(program("credential-process", environ=variables), 3)
    assert says in line
    assert sandbox.journal.calls() == ()


ARGUMENTS = {
    "an access key id that is too short": (["key-info", "AKIA"], "AccessKeyId"),
    "an access key id with a blank": (["key-info", "AKIA EXAMPLE EXAMPLE"], "AccessK"),
    "a message that is empty": (["decode", ""], "EncodedMessage"),
    "a message that is too long": (["decode", "x" * 10241], "1 to 10240"),
    "a token for nobody": (["web-identity-token", "--audience", ""], "Audience"),
    "a token for too many": (
        ["web-identity-token", *["--audience=x"] * 11],
        "Audience has 11 items",
    ),
    "a token by an algorithm that is none": (
        ["web-identity-token", "--audience", "x", "--signing-algorithm", "HS256"],
        "SigningAlgorithm",
    ),
    "a token for a day": (
        ["web-identity-token", "--audience", "x", "--duration-seconds", "86400"],
        "60 to 3600",
    ),
    "a token with half a tag": (
        ["web-identity-token", "--audience", "x", "--tag", "team"],
        "--tag team",
    ),
    "a token with a tag twice": (
        ["web-identity-token", "--audience", "x", "--tag", "a=b", "--tag", "a=c"],
        "--tag a",
    ),
}


@pytest.mark.parametrize(("arguments", "says"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_wrong_argument_is_told_in_one_line_and_no_call_is_made(
    program, sandbox, arguments, says
):
    line = the_line(program(*arguments, "--profile", "bob"), 3)
    assert says in line
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["credential-process", "--prof", "p"],
        ["no-such-command"],
        ["key-info"],
        ["decode"],
        ["web-identity-token"],
        ["web-identity-token", "--audience", "x", "--duration-seconds", "x"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(program, sandbox, arguments):
    done = program(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: sts-plugin" in done.stderr
    assert sandbox.journal.calls() == ()


def test_a_message_from_a_closed_stdin_is_told(program):
    line = subprocess.run(
        ["sh", "-c", f"{program.path} decode --profile bob - <&-"],
        env=program.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (line.returncode, line.stdout) == (3, "")
    assert "stdin is closed" in line.stderr


def test_a_name_that_the_terminal_cannot_show_is_written_with_backslashes(
    program, write_config
):
    write_config(f'[profile "snow ☃"]\nrole_arn = {AUDIT}\nsource_profile = alice\n')
    done = program(
        "explain", "--profile", "snow ☃", environ={"PYTHONIOENCODING": "ascii"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "snow \\u2603" in done.stdout


def test_roles_of_an_assertion_that_are_none_are_not_sent(
    program, sandbox, write_config
):
    file = sandbox.folder / "assertion"
    file.write_text(sandbox.saml_assertion(roles=["a,b"]))
    write_config(saml(f"sts_plugin_saml_file = {file}"))
    done = program("credential-process", "--profile", "p")
    assert (done.returncode, done.stdout) == (3, "")
    assert "RoleArn is not the ARN of an IAM role" in done.stderr
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize(
    "name", ["a loop", "a policy that is no JSON", "too many tags"]
)
def test_explain_tells_the_same(program, write_config, name):
    config, says = PROFILES[name]
    write_config(config)
    line = the_line(program("explain", "--profile", "p"), 3)
    assert any(text in line for text in says[1:])


def test_an_expired_assertion_is_told_and_not_sent(program, sandbox, write_config):
    file = sandbox.folder / "assertion"
    file.write_text(sandbox.saml_assertion(f"{ROLE}Federated", lifetime_seconds=-3600))
    write_config(saml(f"role_arn = {ROLE}Federated", f"sts_plugin_saml_file = {file}"))
    line = the_line(program("credential-process", "--profile", "p"), 4)
    assert "expired at" in line
    assert "sign in again" in line
    assert sandbox.journal.calls() == ()


def test_an_assertion_for_another_application_is_told_and_not_sent(
    program, sandbox, write_config
):
    file = sandbox.folder / "assertion"
    file.write_text(
        sandbox.saml_assertion(f"{ROLE}Federated", audience="https://wiki.example/saml")
    )
    write_config(saml(f"role_arn = {ROLE}Federated", f"sts_plugin_saml_file = {file}"))
    line = the_line(program("credential-process", "--profile", "p"), 3)
    assert "wiki.example" in line
    assert "not for AWS" in line
    assert sandbox.journal.calls() == ()


def test_the_roles_of_an_assertion_are_listed_where_none_is_chosen(
    program, sandbox, write_config
):
    file = sandbox.folder / "assertion"
    file.write_text(
        sandbox.saml_assertion(roles=[f"{ROLE}Federated", f"{ROLE}FederatedAudit"])
    )
    write_config(saml(f"sts_plugin_saml_file = {file}"))
    line = the_line(program("credential-process", "--profile", "p"), 3)
    assert f"{ROLE}Federated, {ROLE}FederatedAudit" in line
    assert 'set role_arn in profile "p"' in line
    write_config(saml(f"role_arn = {ROLE}Other", f"sts_plugin_saml_file = {file}"))
    line = the_line(program("credential-process", "--profile", "p"), 3)
    assert f"without {ROLE}Other" in line
    assert f"{ROLE}Federated, {ROLE}FederatedAudit" in line
    assert sandbox.journal.calls() == ()


def test_an_expired_token_is_told_and_not_sent(program, sandbox, write_config):
    file = sandbox.folder / "token"
    file.write_text(sandbox.web_identity_token(lifetime_seconds=-3600))
    write_config(
        f"[profile p]\nrole_arn = {ROLE}Deploy\nweb_identity_token_file = {file}\n"
    )
    line = the_line(program("credential-process", "--profile", "p"), 4)
    assert f"{sandbox.folder / 'config'}:3" in line
    assert "expired at" in line
    assert sandbox.journal.calls() == ()


def test_a_policy_is_not_forgotten_by_a_typo_in_its_file(
    program, sandbox, write_config
):
    file = sandbox.folder / "policy.json"
    file.write_text(json.dumps({"Version": "2012-10-17"})[:-1])
    write_config(role(f"policy = file://{file}"))
    line = the_line(program("credential-process", "--profile", "p"), 3)
    assert "is not JSON" in line
    assert sandbox.journal.calls() == ()
