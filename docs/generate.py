"""Write the pages that are made of the code: commands, keys, variables, exit codes.

    python docs/generate.py            write them
    python docs/generate.py --check    name those that are not what they would be

They are committed, so that they can be read where nothing builds them, beside the
README. Owns: how they look, as Markdown and as a man page. What they say is in the
parser of the command line, ``known_keys``, ``known_variables`` and ``exit_codes``.

Not argparse-manpage: it knows no whatis line and no sections from elsewhere, and sets
the usage of each command as running text.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sts_plugin.cli import build_parser
from sts_plugin.exit_codes import EXIT_CODES
from sts_plugin.known_keys import KEYS
from sts_plugin.known_variables import VARIABLES
from sts_plugin.profiles import OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
WIDTH = 80

HOMES = {
    "credential-process": "sdks.md",
    "renew": "explanation.md#renewal",
    "env": "exec.md",
    "serve": "exec.md",
    "mfa": "mfa-seeds.md",
    "web-identity-token": "sts.md",
}
"""Pages that tell more of a command, and are not called as it is."""

COMMANDS_PAGE = """\
# Commands

This page is what the program says of itself: `sts-plugin COMMAND --help`. The exit
codes are in the [reference](reference.md#exit-codes).

Where `--profile` is not given, `AWS_PROFILE` names the profile; on a terminal you may
[choose one](shell.md#a-profile-from-a-list). stdout carries what was
asked for; all else goes to stderr. In a pipe, and with `NO_COLOR`, there are no
colours.
"""

ABOUT = (
    "resolves the role chains of the AWS config files, asks for an MFA code once for"
    " everything behind a device, keeps what it gets in a cache that all processes"
    " share, and renews it in time. Programs get credentials from it by"
    " `credential_process` in a profile, or in-process."
)
ERRORS = "An error is one line on stderr, with a hint in brackets; stdout stays empty."

FILES = {
    "~/.aws/config, ~/.aws/credentials": "the profiles",
    "~/.cache/sts-plugin": "what is cached; on macOS `~/Library/Caches/sts-plugin`",
    "~/.local/share/sts-plugin": "seeds of MFA devices, and what is known of access"
    " keys in the keychain; on macOS `~/Library/Application Support/sts-plugin`",
}

SPELLINGS = {
    "either": f"With the prefix {OWN_PREFIX} or without",
    "ours": "With the prefix",
    "plain": "Without it",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command as its parser tells of it; an argument is a name and its help."""

    words: tuple[str, ...]
    usage: str
    text: str
    arguments: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = (), summary: str = ""
) -> Iterator[Command]:
    """Yield each command in the order of ``--help``, sub-commands behind theirs."""
    # No colours of a newer argparse, whatever the environment asks for.
    parser.color = False  # type: ignore[attr-defined, unused-ignore]
    arguments, options = [], []
    below: list[tuple[argparse.ArgumentParser, tuple[str, ...], str]] = []
    formatter = parser.formatter_class(parser.prog)
    for action in parser._actions:  # noqa: SLF001 - there is no other way to look
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            said = {one.dest: one.help for one in action._choices_actions}  # noqa: SLF001
            below = [
                (child, (*words, name), said.get(name) or "")
                for name, child in action.choices.items()
            ]
            continue
        if action.help == argparse.SUPPRESS or isinstance(
            action,
            argparse._HelpAction,  # noqa: SLF001
        ):
            continue
        text = formatter._expand_help(action) if action.help else ""  # noqa: SLF001
        value = "" if action.nargs == 0 else _value(action)
        if action.option_strings:
            name = ", ".join(action.option_strings)
            options.append((f"{name} {value}".rstrip(), text))
        else:
            arguments.append((value, text))
    usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
    text = " ".join((parser.description or _sentence(summary)).split())
    yield Command(words, usage, text, tuple(arguments), tuple(options))
    for child in below:
        yield from commands(*child)


def _value(action: argparse.Action) -> str:
    if action.metavar:
        return str(action.metavar)
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


ARGUMENT = re.compile(r"\[[^\]]*(?:\[[^\]]*\][^\]]*)*\]|\([^)]*\)|\S+")
"""A part of a usage line that is not broken."""

# --- Markdown ---------------------------------------------------------------

CODE = re.compile(
    r'eval "[^"]*"'  # a line for a shell
    r"|(?<![\w`-])--?[A-Za-z][a-z-]*(?: (?:json|stdin)\b)?"  # an option
    r"|~/[\w./-]*\w|\b\w+_\w+\b"  # a file; a key or a variable
)


def prose(text: str) -> str:
    """Return a help text as Markdown: what is typed or written as code."""
    parts, at = [], 0
    for found in CODE.finditer(text):
        parts += [_escaped(text[at : found.start()]), f"`{found[0]}`"]
        at = found.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return re.sub(r"([*<>\[\]`])", r"\\\1", text)


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of Markdown; cells are Markdown already."""
    lines = [head, ("---", "---"), *rows]
    return "".join(
        "| {} |\n".format(" | ".join(cell.replace("|", r"\|") for cell in line))
        for line in lines
    )


def home_of(command: Command) -> str | None:
    """Return the page that tells more of a command, if there is one."""
    if len(command.words) > 1:
        return None
    (name,) = command.words
    own = f"{name}.md"
    return HOMES.get(name) or (own if (HERE / own).exists() else None)


def usage_block(usage: str) -> str:
    """Return a usage line as a block of code, broken between its arguments."""
    lines = [""]
    for part in ARGUMENT.findall(usage):
        if lines[-1] and len(lines[-1]) + len(part) >= WIDTH:
            lines.append("   ")
        lines[-1] += f" {part}" if lines[-1] else part
    return "```text\n{}\n```\n".format("\n".join(lines))


def commands_page() -> str:
    """Return the page of all commands."""
    whole, *every = commands(build_parser())
    parts = [COMMANDS_PAGE, usage_block(whole.usage)]
    known = {one.words[0] for one in every}
    if HOMES.keys() - known:
        sys.exit(f"HOMES names no commands: {', '.join(HOMES.keys() - known)}")
    for one in every:
        parts.append(f"{'#' * (1 + len(one.words))} {' '.join(one.words)}\n")
        more = f" [More]({home})." if (home := home_of(one)) else ""
        if one.text or more:
            parts.append(f"{prose(one.text)}{more}\n")
        parts.append(usage_block(one.usage))
        if one.arguments or one.options:
            parts.append(
                table(
                    ("argument", "meaning"),
                    [
                        (f"`{name}`", prose(text))
                        for name, text in (*one.arguments, *one.options)
                    ],
                )
            )
    return "\n".join(parts)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _keys(spelling: str, head: str, prefix: str = "") -> str:
    rows = [
        (_names(prefix + name for name in key.names), key.meaning)
        for key in KEYS
        if key.spelling == spelling
    ]
    return table((head, "meaning"), rows)


def _variables(*uses: str) -> str:
    rows = [(_names(one.names), one.meaning) for one in VARIABLES if one.use in uses]
    return table(("variable", "meaning"), rows)


def tables() -> dict[str, str]:
    """Return the tables of the reference, by the names that stand there."""
    return {
        "keys": _keys("either", "key"),
        "our keys": _keys("ours", "key of ours", OWN_PREFIX),
        "plain keys": _keys("plain", "key of AWS's"),
        "variables": _variables("read"),
        "variables that are set": _variables("set", "taken"),
        "exit codes": table(
            ("code", "meaning"),
            [(str(code), meaning) for code, meaning in EXIT_CODES.items()],
        ),
    }


def filled(page: str) -> str:
    """Return a page with its tables as they should be."""
    found = tables()

    page = re.sub(
        r"(<!-- made of the code: (.+?) -->\n).*?(<!-- end -->)",
        lambda place: f"{place[1]}\n{found.pop(place[2])}\n{place[3]}",
        page,
        flags=re.DOTALL,
    )
    if found:
        sys.exit(f"the reference has no place for: {', '.join(found)}")
    return page


# --- The man page -----------------------------------------------------------


def roff(text: str) -> str:
    """Return text for a man page: nothing in it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("~", "\\(ti").replace("^", "\\(ha")
    return re.sub(r"^(?=\.)", "\\&", text, flags=re.MULTILINE)


def marked(text: str) -> str:
    """Return a line of Markdown for a man page: links as text, code in bold."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    parts = text.split("`")
    return "".join(
        f"\\fB{roff(part)}\\fR" if number % 2 else roff(part)
        for number, part in enumerate(parts)
    )


def items(rows: Iterable[tuple[str, str]]) -> str:
    """Return terms, which are bold, and what each is."""
    return "".join(f".TP\n\\fB{roff(term)}\\fR\n{text}\n" for term, text in rows)


def synopsis(usage: str) -> str:
    """Return a usage line, which a terminal may break between its arguments."""
    name, *rest = ARGUMENT.findall(usage)
    return "\\fB{}\\fR {}\n".format(
        roff(name), " ".join(roff(one).replace(" ", "\\ ") for one in rest)
    )


def man_keys(spelling: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that are spelled in one way, and what they mean."""
    prefix = OWN_PREFIX if spelling == "ours" else ""
    for key in KEYS:
        if key.spelling == spelling:
            yield ", ".join(prefix + name for name in key.names), marked(key.meaning)


def man_page() -> str:
    """Return the man page."""
    whole, *every = commands(build_parser())
    parts = [
        '.\\" Made by docs/generate.py of what the program says of itself.\n',
        '.TH STS\\-PLUGIN 1 "" sts\\-plugin "User Commands"\n',
        ".nh\n.ad l\n",  # names are no words to hyphenate
        ".SH NAME\n",
        "sts\\-plugin \\- AWS STS credentials for every SDK on this machine\n",
        f".SH SYNOPSIS\n{synopsis(whole.usage)}",
        f".SH DESCRIPTION\n.B sts\\-plugin\n{marked(ABOUT)}\n.PP\n{marked(ERRORS)}\n",
        ".SH OPTIONS\n",
        items((name, roff(text)) for name, text in whole.options),
        ".SH COMMANDS\n",
    ]
    for one in every:
        rows = [
            (name, roff(text) or "\\&") for name, text in (*one.arguments, *one.options)
        ]
        parts += [f".SS {roff(' '.join(one.words))}\n", synopsis(one.usage)]
        parts += [f".PP\n{roff(one.text)}\n" if one.text else "", items(rows)]
    parts += [
        ".SH EXIT STATUS\n",
        items((str(code), marked(text)) for code, text in EXIT_CODES.items()),
        ".SH PROFILE KEYS\n",
        *(
            f".SS {marked(head)}\n" + items(man_keys(spelling))
            for spelling, head in SPELLINGS.items()
        ),
        ".SH ENVIRONMENT\n",
        items((", ".join(one.names), marked(one.meaning)) for one in VARIABLES),
        ".SH FILES\n",
        items((name, marked(text)) for name, text in FILES.items()),
        ".SH SEE ALSO\n.BR aws (1),\n.BR gpg\\-agent (1)\n",
    ]
    return "".join(parts)


def main() -> int:
    """Write every page, or compare it word by word: Pythons break lines elsewhere."""
    reference = HERE / "reference.md"
    pages = {
        HERE / "commands.md": commands_page(),
        reference: filled(reference.read_text(encoding="utf-8")),
        HERE / "man" / "sts-plugin.1": man_page(),
    }
    stale = []
    for path, text in pages.items():
        if sys.argv[1:] != ["--check"]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or (
            path.read_text(encoding="utf-8").split() != text.split()
        ):
            stale.append(path.relative_to(HERE.parent).as_posix())
    if stale:
        sys.stderr.write(f"not as the code is: {', '.join(stale)}; tox -e reference\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
