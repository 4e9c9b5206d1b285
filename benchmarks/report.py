"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cases import Case, LeftOut
from timing import Summary, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cases import Bar

__all__ = ["Result", "Row", "Verdict", "as_json", "as_table", "as_verdicts", "machine"]

FORMAT = 1
"""Version of the JSON's shape."""


@dataclass(frozen=True, slots=True)
class Row:
    """A case, and how it compares with the one it is ``against``, if any."""

    case: str
    times: Summary
    against: str = ""
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar, what was measured of it, and whether it holds."""

    bar: Bar
    measured: float

    @property
    def holds(self) -> bool:
        """Whether the bar holds, as precisely as it is printed."""
        return round(self.measured, 2) <= self.bar.most


@dataclass(frozen=True, slots=True)
class Result:
    """A group: its title, its rows, what had to be left out, its bars."""

    group: str
    title: str
    rows: Sequence[Row]
    left_out: Sequence[LeftOut]
    verdicts: Sequence[Verdict]

    @classmethod
    def of(
        cls,
        group: str,
        title: str,
        bars: Sequence[Bar],
        found: Sequence[Case | LeftOut],
        times: Mapping[str, Sequence[float]],
    ) -> Result:
        """Sum up the times of a group's cases."""
        against = {one.name: one.against for one in found if isinstance(one, Case)}
        left_out = [one for one in found if isinstance(one, LeftOut)]
        sums = {name: Summary.of(values) for name, values in times.items()}
        rows = [
            Row(name, one, peer, ratio(one, sums[peer])) if peer else Row(name, one)
            for name, one in sums.items()
            for peer in [against[name]]
        ]
        verdicts = [Verdict(bar, _measured(bar, sums)) for bar in bars]
        return cls(group, title, rows, left_out, verdicts)


def _measured(bar: Bar, sums: Mapping[str, Summary]) -> float:
    one, other = sums[bar.case], sums[bar.against]
    return ratio(one, other) if bar.unit == "x" else one.median - other.median


def machine(versions: Mapping[str, str]) -> dict[str, object]:
    """Return what the figures depend on; call it before anything is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": dict(versions),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def as_json(
    about: Mapping[str, object], results: Sequence[Result]
) -> dict[str, object]:
    """Return all of it as plain values, times in milliseconds."""
    return {
        "format": FORMAT,
        "machine": dict(about),
        "groups": [
            {
                "group": result.group,
                "title": result.title,
                "cases": [
                    {
                        "case": row.case,
                        "milliseconds": {
                            name: value if name == "runs" else round(value, 3)
                            for name, value in asdict(row.times).items()
                        },
                        "against": row.against or None,
                        "ratio": row.ratio and round(row.ratio, 3),
                    }
                    for row in result.rows
                ],
                "left_out": [asdict(one) for one in result.left_out],
                "bars": [
                    {
                        **asdict(verdict.bar),
                        "measured": round(verdict.measured, 3),
                        "holds": verdict.holds,
                    }
                    for verdict in result.verdicts
                ],
            }
            for result in results
        ],
    }


def as_table(result: Result) -> str:
    """Return a group as a table of Markdown, which is readable as it is."""
    heads = ("case", "median", "quartiles", "least", "most", "ratio", "to")
    cells = [
        (
            row.case,
            _ms(row.times.median),
            f"{row.times.low:.1f} - {row.times.high:.1f}",
            _ms(row.times.least),
            _ms(row.times.most),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.against,
        )
        for row in result.rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [_line(heads, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(line, widths) for line in cells]
    lines += [f"left out: {one.name}: {one.why}" for one in result.left_out]
    runs = max(row.times.runs for row in result.rows)
    return "\n".join([f"## {result.group}: {result.title} Rounds: {runs}.", "", *lines])


def as_verdicts(result: Result) -> list[str]:
    """Return a line for each bar of a group."""
    return [
        f"{'holds' if one.holds else 'FAILS'} {bar.name}: {bar.case} against"
        f" {bar.against}: {one.measured:.2f} {bar.unit}, at most {bar.most:g}"
        for one in result.verdicts
        for bar in [one.bar]
    ]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
