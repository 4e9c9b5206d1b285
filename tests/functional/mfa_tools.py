"""Stand-ins for the tools that docs/mfa-process.md has recipes for.

A copy of this file, named like the tool, insists on the arguments, the environment and
the terminal that the tool insists on, and asks, prints and fails as it does (ykman 5,
op 2, pass-otp 1.2, gopass 1.16, bw 2026.9, rbw 1.14, KeePassXC 2.7, oathtool 2.6).
What it finds is in ``state.json`` beside it; what it saw goes to ``seen.json``.
"""

import json
import os
import subprocess
import sys
import termios
from pathlib import Path

import pyotp

HERE = Path(sys.argv[0]).parent
STATE = json.loads((HERE / "state.json").read_text("utf-8"))


def end(*lines, code=1):
    """Say why it cannot be done."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.exit(code)


def usage():
    end(f"Usage: {HERE.name}: these are not the arguments", code=2)


def tell(seed, after="\n"):
    """Print the code."""
    sys.stdout.write(f"{pyotp.TOTP(seed).now()}{after}")


def unlocked(prompt, name):
    """Whether an agent knows the password, or is told when it asks for it.

    It is a process of another session and knows the terminal by its name only.
    """
    if STATE["unlocked"]:
        return True
    asking = [sys.executable, "-c", AGENT, prompt, name or "no terminal"]
    pipe = subprocess.PIPE
    done = subprocess.run(
        asking, stdout=pipe, stderr=pipe, text=True, check=False, start_new_session=True
    )
    return done.stdout == f"{STATE['password']}\n"


AGENT = """
import os, sys, termios
terminal = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)
before = termios.tcgetattr(terminal)
quiet = before[:3] + [before[3] & ~termios.ECHO] + before[4:]
termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
os.write(terminal, sys.argv[1].encode())
print(os.read(terminal, 100).decode(), end="")
termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
"""


def typed(prompt):
    """Return a line of stdin, without echo where that is a terminal."""
    before = None
    if os.isatty(0):
        before = termios.tcgetattr(0)
        quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        termios.tcsetattr(0, termios.TCSANOW, quiet)
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline().strip("\n")
    if before:
        termios.tcsetattr(0, termios.TCSANOW, before)
    sys.stderr.write("\n")
    return line


def terminal_name():
    """Return what the program ``tty`` prints, or nothing."""
    try:
        return os.ttyname(0)
    except OSError:
        return ""


def ykman(arguments):
    match arguments:
        case ["oath", "accounts", "code", "--single", query]:
            pass
        case _:
            usage()
    if not STATE["plugged"]:
        end("ERROR: No YubiKey detected!")
    accounts = STATE["accounts"]
    hits = [query] if query in accounts else [a for a in accounts if query in a]
    if not hits:
        end("ERROR: No matching account found.")
    if len(hits) > 1:
        end("Error: Multiple matches, make the query more specific.", "", *hits)
    sys.stderr.write("Touch your YubiKey...\n")
    if (HERE / "touch").read_text("utf-8") != "touched":
        end("ERROR: Touch account timed out!")
    tell(STATE["seed"])


def op(arguments):
    match arguments:
        case ["item", "get", name, "--otp"]:
            pass
        case _:
            usage()
    if not STATE["signed_in"]:
        end(
            "[ERROR] 2026/01/02 03:04:05 You are not currently signed in. Please run"
            " `op signin --help` for instructions"
        )
    if name not in STATE["accounts"]:
        end(
            f'[ERROR] 2026/01/02 03:04:05 "{name}" isn\'t an item. Specify the item'
            " with its UUID, name, or domain."
        )
    tell(STATE["seed"])


def pass_(arguments):
    match arguments:
        case ["otp", name]:
            pass
        case _:
            usage()
    if name not in STATE["accounts"]:
        end(f"{name}: passfile not found.")
    if not unlocked("Passphrase: ", os.environ.get("GPG_TTY") or terminal_name()):
        end("gpg: decryption failed: No secret key", f"{name}: OTP secret not found.")
    tell(STATE["seed"])


def gopass(arguments):
    match arguments:
        case ["otp", "-o", name]:
            pass
        case _:
            usage()
    failed = f'Error: failed to retrieve secret "{name}": '
    if name not in STATE["accounts"]:
        end(f"{failed}entry is not in the password store")
    if not unlocked("Passphrase: ", os.environ.get("GPG_TTY") or terminal_name()):
        end("gpg: decryption failed: No secret key", f"{failed}failed to decrypt")
    tell(STATE["seed"])


def bw(arguments):
    # Where its streams are no terminals, it ends no line.
    match arguments:
        case ["--nointeraction", "get", "totp", name]:
            pass
        case _:
            usage()
    line = "\n" if sys.stderr.isatty() else ""
    if os.environ.get("BW_SESSION") != STATE["session"]:
        sys.stderr.write(f"Vault is locked.{line}")
        sys.exit(1)
    if name not in STATE["accounts"]:
        sys.stderr.write(f"Not found.{line}")
        sys.exit(1)
    tell(STATE["seed"], "")


def rbw(arguments):
    match arguments:
        case ["code", name]:
            pass
        case _:
            usage()
    if not unlocked("Master Password: ", terminal_name()):
        end("rbw code: failed to unlock database: pinentry cancelled")
    if name not in STATE["accounts"]:
        end(f"rbw code: couldn't find entry for '{name}': no entry found")
    tell(STATE["seed"])


def keepassxc_cli(arguments):
    match arguments:
        case ["show", "--totp", database, name]:
            pass
        case _:
            usage()
    if not Path(database).is_file():
        end(f"Failed to open database file {database}: not found")
    password = typed(f"Enter password to unlock {database}: ")
    if password != STATE["password"]:
        end(
            "Error while reading the database: Invalid credentials were provided,"
            " please try again.",
            "If this reoccurs, then your database file may be corrupt.",
        )
    if name not in STATE["accounts"]:
        end(f"Could not find entry with path {name}.")
    tell(STATE["seed"])


def oathtool(arguments):
    match arguments:
        case ["--totp", "--base32", key] if key.startswith("@"):
            pass
        case _:
            usage()
    if not Path(key[1:]).is_file():
        end("oathtool: open file for KEY/OTP: No such file or directory")
    tell(Path(key[1:]).read_text("utf-8").strip())


TOOLS = {
    "bw": bw,
    "gopass": gopass,
    "keepassxc-cli": keepassxc_cli,
    "oathtool": oathtool,
    "op": op,
    "pass": pass_,
    "rbw": rbw,
    "ykman": ykman,
}

if __name__ == "__main__":
    (HERE / "seen.json").write_text(json.dumps(dict(os.environ)), "utf-8")
    TOOLS[Path(sys.argv[0]).name](sys.argv[1:])
