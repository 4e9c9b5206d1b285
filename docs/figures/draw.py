"""Draw the figures of the pages: ``python docs/figures/draw.py``.

Plain SVG with a background and colours of its own for light and for dark, so that it is
readable wherever it is shown. The times of a life are those of ``sts_plugin.model``. A
test holds what is here and what is drawn together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from sts_plugin.model import Life

__all__ = ["FIGURES", "main"]

HERE = Path(__file__).parent

STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;font-size:14px;\
fill:#1f2328}
.b{font-weight:600}.s{font-size:12px;fill:#59636e}.m{text-anchor:middle}
.e{text-anchor:end}.c{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px}
.paper{fill:#fff}.box{fill:#f6f8fa;stroke:#d1d9e0}.key{fill:#ddf4ff;stroke:#54aeff}
.ask{fill:#fff8c5;stroke:#d4a72c}.good{fill:#aceebb;stroke:#4ac26b}
.late{fill:#ffd8b5;stroke:#fb8f44}
.line{stroke:#59636e;fill:none;stroke-width:1.5}.tip{fill:#59636e}
.dash{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.s{fill:#9da7b3}.paper{fill:#161b22}
.box{fill:#21262d;stroke:#3d444d}.key{fill:#0c2d6b;stroke:#388bfd}
.ask{fill:#4b3a00;stroke:#9e7400}.good{fill:#0f5323;stroke:#2ea043}
.late{fill:#6a3112;stroke:#db6d28}.line{stroke:#9da7b3}.tip{fill:#9da7b3}}
"""

HOUR = 3600

PLACES = (210, 450, 570, 610, 690)
"""Where a life's five times are drawn: those of an hour, eight points a minute."""


def page(width: int, height: int, title: str, *parts: str) -> str:
    """Return the SVG of a figure."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto-start-reverse">'
        '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>\n'
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Return a line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(words)}</text>'


def box(
    x: float, y: float, width: float, height: float, *lines: str, kind: str = "box"
) -> str:
    """Return a box with a bold line and smaller ones in its middle."""
    top = y + height / 2 - 9 * (len(lines) - 1) + 5
    return "\n".join(
        [
            (
                f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
                f' rx="6" class="{kind}"/>'
            ),
            *(
                text(x + width / 2, top + 18 * at, line, "s m" if at else "b m")
                for at, line in enumerate(lines)
            ),
        ]
    )


def arrow(path: str, kind: str = "") -> str:
    """Return a line with a tip at its end."""
    return f'<path class="line {kind}" d="{path}" marker-end="url(#tip)"/>'


def flow() -> str:
    """Return who asks, who answers, and from where."""
    doors = (
        ("AWS CLI, any SDK", "credential_process"),
        ("Python programs", "register, the plugins"),
        ("a person", "login, exec, status ..."),
        ("containers", "serve, exec --refresh"),
    )
    width = 172
    parts = []
    for at, lines in enumerate(doors):
        x = 20 + at * (width + 12)
        parts += [
            box(x, 20, width, 58, *lines),
            arrow(f"M{x + width / 2:g} 80V124"),
        ]
    return page(
        764,
        372,
        "Doors, the engine, and where it gets credentials",
        *parts,
        box(
            120,
            128,
            624,
            66,
            "one engine, the same for all of them",
            "the plan of a profile, walked back to the newest good answer,"
            " and forwards from there",
            kind="key",
        ),
        arrow("M225 196V262"),
        arrow("M435 196V262"),
        arrow("M640 196V262"),
        text(233, 234, "looks, and keeps", "s"),
        text(443, 234, "under one lock, once", "s"),
        text(648, 234, "what is missing", "s"),
        arrow("M60 80V300H114", "dash"),
        text(67, 234, "a warm hit", "s"),
        text(67, 250, "needs no engine", "s"),
        box(
            120,
            266,
            196,
            84,
            "the cache",
            "one file for each answer",
            "private, replaced whole",
            kind="good",
        ),
        box(
            336,
            266,
            196,
            84,
            "an MFA code",
            "terminal, window, command,",
            "or a seed",
            kind="ask",
        ),
        box(552, 266, 192, 84, "AWS STS", "GetSessionToken,", "AssumeRole ..."),
    )


def plan() -> str:
    """Return the four hops of prod-admin."""
    hops = (
        ("1  source", "keys of [alice]", "long-term", "box"),
        ("2  session", "GetSessionToken", "12 hours, one code", "ask"),
        ("3  role", "AssumeRole Jump", "1 hour, no code", "key"),
        ("4  role", "AssumeRole Admin", "1 hour, no code", "key"),
    )
    parts = []
    for at, (name, what, life, kind) in enumerate(hops):
        x = 20 + at * 188
        parts.append(box(x, 74, 160, 80, name, what, life, kind=kind))
        if at:
            parts.append(arrow(f"M{x - 26} 114H{x - 3}"))
    return page(
        764,
        252,
        "The plan of prod-admin: keys, a session, two roles",
        *parts,
        arrow("M664 58V40H300V70", "dash"),
        text(482, 32, "first back, to the newest answer that is good enough", "s m"),
        arrow("M288 158V180H664V158"),
        text(476, 198, "then forwards: one call after the other", "s m"),
        text(288, 222, "every role behind the device starts", "s m"),
        text(288, 238, "from this session: no other code", "s m"),
    )


def life() -> str:
    """Return what happens to a set over its time, of one hour and of twelve."""
    return page(
        764,
        372,
        "A set over its time: handed out, renewed early, renewed, not used any more",
        *_row(64, "a role of 1 hour", _times(HOUR)),
        *_row(178, "a session of 12 hours", _times(12 * HOUR)),
        '<path class="paper" d="M312 172 326 220H334L320 172z"/>',
        *(
            part
            for at, (kind, first, second) in enumerate(
                (
                    ("good", "handed out", "nothing is done"),
                    ("key", "handed out", "renewed meanwhile, if that needs nobody"),
                    (
                        "ask",
                        "a new set is got first",
                        "or this one; a program's requests do not wait",
                    ),
                    (
                        "late",
                        "a new set is got first",
                        "or this one; a program's requests wait",
                    ),
                )
            )
            for part in (
                (
                    f'<rect x="{20 + at % 2 * 350}" y="{286 + at // 2 * 42}" width="16"'
                    f' height="16" rx="3" class="{kind}"/>'
                ),
                text(44 + at % 2 * 350, 294 + at // 2 * 42, first),
                text(44 + at % 2 * 350, 310 + at // 2 * 42, second, "s"),
            )
        ),
    )


def _times(seconds: int) -> list[str]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    one = Life(start, start + timedelta(seconds=seconds))
    return [
        _clock(when - start)
        for when in (one.issued, one.early, one.renew, one.last, one.expires)
    ]


def _clock(passed: timedelta) -> str:
    minutes = int(passed.total_seconds()) // 60
    return f"{minutes // 60}:{minutes % 60:02}"


def _row(y: int, name: str, times: list[str]) -> list[str]:
    parts = [text(20, y + 24, name, "b")]
    for kind, left, right in zip(
        ("good", "key", "ask", "late"), PLACES, PLACES[1:], strict=False
    ):
        parts.append(
            f'<rect x="{left}" y="{y}" width="{right - left}" height="36"'
            f' class="{kind}"/>'
        )
    for word, time, x in zip(
        ("issued", "early", "renew", "last", "expires"), times, PLACES, strict=True
    ):
        parts += [text(x, y - 10, word, "s m"), text(x, y + 56, time, "c m")]
    return parts


FIGURES = {"flow.svg": flow, "plan.svg": plan, "life.svg": life}
"""What draws each figure, by the name of its file."""


def main() -> None:
    """Write all figures into this folder."""
    for name, draw in FIGURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
