"""Each recipe of docs/mfa-process.md, with a tool that does what the real one does."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

STAND_INS = Path(__file__).with_name("mfa_tools.py")
PAGE = Path(__file__).parents[2] / "docs" / "mfa-process.md"
COMMAND = "sts-plugin credential-process --profile audit"
DEVICE = "arn:aws:iam::111111111111:mfa/alice"
PASSWORD = "correct horse"
FAILED = 'mfa_process of profile "audit" ended with exit code 1 ('
SESSION = "a key to the vault"


def recipes():
    """The recipes of the page, by tool; the one that needs a shell by "sh"."""
    text = PAGE.read_text("utf-8").partition("\n## Recipes\n")[2]
    lines = re.findall(r"^```ini\nmfa_process = (.*)\n```$", text, re.MULTILINE)
    return {line.split()[0]: line for line in lines}


RECIPES = recipes()


class Tools:
    """The folder of the tools, and the profile that has a recipe for one."""

    def __init__(self, folder, sandbox):
        self.folder, self.sandbox = folder, sandbox
        self.touch_file = folder / "touch"
        os.mkfifo(self.touch_file)
        for name in set(RECIPES) - {"sh"}:
            if name != "oathtool" or not shutil.which(name):
                self._install(name)
        seed = sandbox.organisation.user("alice").totp_seed
        (folder / ".aws").mkdir()
        (folder / ".aws" / "alice.seed").write_text(f"{seed}\n", "utf-8")
        (folder / "vault.kdbx").touch()
        self.state = {
            "accounts": ["AWS alice", "AWS:alice", "aws/alice", DEVICE],
            "password": PASSWORD,
            "plugged": True,
            "seed": seed,
            "session": SESSION,
            "signed_in": True,
            "unlocked": False,
        }
        self.set()

    def _install(self, name):
        path = self.folder / name
        source = STAND_INS.read_text("utf-8")
        path.write_text(f"#!{sys.executable}\n{source}", "utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def set(self, **changes):
        self.state |= changes
        (self.folder / "state.json").write_text(json.dumps(self.state), "utf-8")

    def configure(self, tool):
        """Let the profile take its codes from the recipe of a tool."""
        self.write(RECIPES[tool].replace("/home/alice", str(self.folder)))

    def write(self, command):
        """Write it into the profile."""
        path = self.sandbox.folder / "config"
        config, head = path.read_text("utf-8"), "[profile audit]\n"
        assert head in config
        path.write_text(
            config.replace(head, f"{head}mfa_process = {command}\n"), "utf-8"
        )

    def touch(self, how="touched"):
        self.touch_file.write_text(how, "utf-8")

    def seen(self):
        """The environment of the tool."""
        return json.loads((self.folder / "seen.json").read_text("utf-8"))


@pytest.fixture
def tools(sandbox, tmp_path):
    folder = tmp_path / "tools"
    folder.mkdir()
    return Tools(folder, sandbox)


@pytest.fixture
def environ(environ, tools):
    return environ | {
        "BW_SESSION": SESSION,
        "PATH": f"{tools.folder}{os.pathsep}{environ['PATH']}",
        # Nobody else is asked where a tool fails.
        "STS_PLUGIN_MFA_PROMPT": "command",
    }


# --- The page ---


def test_the_page_has_a_recipe_for_each_tool_and_one_with_a_shell():
    tools = {"bw", "gopass", "keepassxc-cli", "oathtool", "op", "pass", "rbw", "ykman"}
    assert set(RECIPES) == tools | {"sh"}


def test_every_recipe_can_be_split_into_words_without_a_shell():
    # What would need one stands in the words after sh -c.
    for tool, recipe in RECIPES.items():
        words = shlex.split(recipe)
        assert words[:2] == ["sh", "-c"] or not re.search(r"[$~|*]", recipe), tool


def test_the_table_of_the_page_names_each_tool():
    table = PAGE.read_text("utf-8").partition("## Recipes")[2].partition("###")[0]
    first = "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    named = re.findall(r"`([a-z-]+)`", first)
    assert set(named) == set(RECIPES) - {"sh"}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/nowhere/ykman", "cannot be run: No such file or directory"),
        ("false", "ended with exit code 1"),
        ("true", "printed no code"),
    ],
)
def test_what_the_page_explains_is_what_is_told(command, told, tools, program, sandbox):
    tools.write(command)
    done = program(*COMMAND.split()[1:])
    assert (done.returncode, done.stdout) == (3, "")
    assert told in done.stderr
    assert f"`{told}`" in PAGE.read_text("utf-8")
    assert sandbox.journal.calls() == ()


# --- At a terminal, with stdout and stderr elsewhere ---


def touch(one, tools):
    one.child.expect_exact("Touch your YubiKey...")
    tools.touch()


def types(prompt):
    def answer(one, _tools):
        one.child.expect_exact(prompt)
        one.child.sendline(PASSWORD)

    return answer


def nothing(_one, _tools):
    pass


WHAT_A_PERSON_DOES = {
    "bw": nothing,
    "gopass": types("Passphrase: "),
    "keepassxc-cli": types("Enter password to unlock"),
    "oathtool": nothing,
    "op": nothing,
    "pass": types("Passphrase: "),
    "rbw": types("Master Password: "),
    "sh": touch,
    "ykman": touch,
}


@pytest.mark.parametrize("tool", RECIPES)
def test_a_recipe_gives_a_code_at_a_terminal(tool, tools, sandbox, terminal):
    tools.configure(tool)
    one = terminal(COMMAND)
    WHAT_A_PERSON_DOES[tool](one, tools)
    status, out, err = one.end()
    assert (status, err) == (0, "")
    assert json.loads(out)["Version"] == 1
    assert one.prompts == 0
    assert sandbox.journal.count("GetSessionToken") == 1
    assert PASSWORD not in one.screen
    assert sandbox.code() not in one.screen
    assert one.echoes


@pytest.mark.parametrize("tool", ["gopass", "keepassxc-cli", "pass", "rbw"])
def test_a_wrong_password_is_told_at_the_terminal(tool, tools, sandbox, terminal):
    tools.configure(tool)
    tools.set(password="another")
    one = terminal(COMMAND)
    WHAT_A_PERSON_DOES[tool](one, tools)
    status, out, err = one.end()
    assert (status, out) == (3, "")
    assert len(err.splitlines()) == 1
    assert FAILED in err
    assert sandbox.journal.calls() == ()


def test_ctrl_c_at_the_question_of_a_tool_ends_the_run(tools, sandbox, terminal):
    tools.configure("keepassxc-cli")
    one = terminal(COMMAND)
    one.child.expect_exact("Enter password to unlock")
    one.child.sendintr()
    status, out, err = one.end()
    assert status == 130
    assert (out, err) in {("", "sts-plugin: interrupted\n"), ("", "")}
    assert one.echoes
    assert sandbox.journal.calls() == ()


def test_where_a_tool_fails_a_person_is_asked(tools, sandbox, terminal):
    tools.configure("ykman")
    tools.set(plugged=False)
    one = terminal(COMMAND, STS_PLUGIN_MFA_PROMPT="command, terminal")
    one.child.expect_exact("No YubiKey detected!")
    one.answer(sandbox.code())
    status, out, err = one.end()
    assert status == 0
    assert json.loads(out)["Version"] == 1
    assert FAILED in err


# --- Without a terminal ---


@pytest.mark.parametrize(
    "tool", sorted(set(RECIPES) - {"keepassxc-cli", "sh", "ykman"})
)
def test_a_recipe_gives_a_code_without_a_terminal(tool, tools, program, sandbox):
    tools.configure(tool)
    tools.set(unlocked=True)
    done = program(*COMMAND.split()[1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["Version"] == 1
    assert sandbox.journal.count("GetSessionToken") == 1


@pytest.mark.parametrize("tool", ["sh", "ykman"])
def test_without_a_terminal_the_touch_is_asked_for_on_stderr(tool, tools, program):
    tools.configure(tool)
    us = subprocess.Popen(
        [program.path, *COMMAND.split()[1:]],
        env=program.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert us.stderr.readline() == "Touch your YubiKey...\n"
    tools.touch()
    out, err = us.communicate(timeout=60)
    assert (us.returncode, err) == (0, "")
    assert json.loads(out)["Version"] == 1


DENIED = {
    "bw": "Vault is locked.",
    "gopass": "gpg: decryption failed: No secret key",
    "keepassxc-cli": "Invalid credentials were provided",
    "op": "You are not currently signed in",
    "pass": "gpg: decryption failed: No secret key",
    "rbw": "failed to unlock database",
    "ykman": "No YubiKey detected!",
    "sh": "No YubiKey detected!",
    "oathtool": "No such file or directory",
}
ABSENT = {
    "bw": "Not found.",
    "gopass": "entry is not in the password store",
    "op": "isn't an item",
    "pass": "aws/alice: passfile not found.",
    "rbw": "no entry found",
    "sh": "No matching account found.",
    "ykman": "No matching account found.",
}


def refused(program, tool, words):
    """Run a tool that fails: it has said why, and our line follows."""
    done = program(*COMMAND.split()[1:])
    assert (done.returncode, done.stdout) == (3, "")
    said, ours = done.stderr.split("sts-plugin: ")
    assert words in said, tool
    assert FAILED in ours


@pytest.mark.parametrize("tool", RECIPES)
def test_a_tool_that_is_locked_or_not_there_is_told_at_once(
    tool, tools, program, sandbox
):
    tools.configure(tool)
    tools.set(plugged=False, session="another", signed_in=False)
    (tools.folder / ".aws" / "alice.seed").unlink()
    refused(program, tool, DENIED[tool])
    assert sandbox.journal.calls() == ()


@pytest.mark.parametrize("tool", ABSENT)
def test_an_account_that_is_not_there_is_told_at_once(tool, tools, program, sandbox):
    tools.configure(tool)
    tools.set(accounts=[], unlocked=True)
    refused(program, tool, ABSENT[tool])
    assert sandbox.journal.calls() == ()


def test_a_name_that_two_accounts_have_in_common_is_told(tools, program):
    tools.configure("ykman")
    tools.set(accounts=["AWS:alice@1", "AWS:alice@2"])
    refused(program, "ykman", "Multiple matches, make the query more specific.")


def test_a_key_that_nobody_touches_is_told(tools, terminal):
    tools.configure("ykman")
    one = terminal(COMMAND)
    one.child.expect_exact("Touch your YubiKey...")
    tools.touch("never")
    status, _out, err = one.end()
    assert status == 3
    assert "Touch account timed out!" in one.screen
    assert FAILED in err


# --- What a tool sees ---


def test_a_tool_sees_its_own_variables_and_ours_and_no_secrets(tools, program):
    tools.configure("bw")
    secrets = {"AWS_BEARER_TOKEN_BEDROCK": "canary", "STS_PLUGIN_TOTP_FD": "canary"}
    done = program(*COMMAND.split()[1:], environ=secrets)
    assert done.returncode == 0
    seen = tools.seen()
    assert "canary" not in seen.values()
    assert seen["BW_SESSION"] == SESSION
    assert seen["STS_PLUGIN_MFA_PROFILE"] == "audit"
    assert seen["STS_PLUGIN_MFA_SERIAL"] == DEVICE
