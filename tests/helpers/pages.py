"""What the pages show: their fenced blocks, and whether output looks as it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>(?s:.*?))^(?P=indent)```$",
    re.MULTILINE,
)

LOOSE = [
    # What differs from run to run: times first, since they have numbers in them.
    (r"\d{4}-\d\d-\d\dT?[\d:]*Z?|\b\d{1,2}:\d\d(:\d\d)?\b", "TIME"),
    (r"\b\d+ (h|min|s)\b( \d+ (min|s)\b)?", "SPAN"),
    (r"\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]+", "KEY"),
    (r"(~|/[\w./-]+)/(config|credentials)\b:\d+", "FILE:LINE"),
    (r"\bsts-plugin-\d+", "sts-plugin-TIME"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\beyJ[\w.-]+", "TOKEN"),
    (r"█+[▏▎▍▌▋▊▉]?░*|[#-]{10}", "BAR"),
    (r"\b\d+ entries\b", "N entries"),
]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``reason`` says why it is not run."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(*languages):
    """Return the blocks in these languages of all pages."""
    return [one for page in PAGES for one in blocks_of(page, *languages)]


def blocks_of(page, *languages):
    """Return the blocks in these languages of a page, in their order."""
    text = page.read_text("utf-8")
    return [
        Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, one.start("text")),
            language=one["language"],
            text=re.sub(f"^{one['indent']}", "", one["text"], flags=re.MULTILINE),
            reason=one["reason"],
        )
        for one in BLOCK.finditer(text)
        if one["language"] in languages
    ]


def commands(text):
    """Return what a console block shows: (command, lines of output) pairs."""
    pairs = []
    for line in text.splitlines():
        if line.startswith("$ "):
            pairs.append((line.removeprefix("$ "), []))
        else:
            pairs[-1][1].append(line)
    return pairs


def looks_like(shown, real):
    """Whether the lines of a run are those of a page, but for what always differs.

    ``...`` alone stands for any number of lines, and within a line for anything.
    """
    pattern = ""
    for line in shown:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        else:
            parts = [re.escape(part) for part in shape(line).split("...")]
            pattern += ".*".join(parts) + r"\n"
    return (
        re.fullmatch(pattern, "".join(f"{shape(line)}\n" for line in real)) is not None
    )


def shape(line):
    """Return a line without what differs from run to run, and with single blanks."""
    line = " ".join(line.split())
    for found, instead in LOOSE:
        line = re.sub(found, instead, line)
    return line.strip()
