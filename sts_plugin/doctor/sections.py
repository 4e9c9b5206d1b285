"""Sections of the two files that are not what they look like.

    sections of a file -> findings

Only where what stands in one shows that a profile was meant: other programs keep
sections of their own in these files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sts_plugin.doctor.finding import Finding
from sts_plugin.doctor.spelling import KNOWN
from sts_plugin.profiles import OWN_PREFIX, section_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sts_plugin.ini import Section

__all__ = ["section_findings"]

OTHERS: Final = frozenset({"plugins", "preview"})
"""Sections of the AWS CLI's own."""


def section_findings(
    config: Sequence[Section], credentials: Sequence[Section]
) -> Iterator[Finding]:
    """Yield what is wrong with the headers of both files."""
    names: dict[tuple[str, str], Section] = {}
    for section in config:
        kind, name = section_name(section.header)
        if not kind:
            yield from _ignored(section)
        elif before := names.get((kind, name)):
            yield Finding(
                "section-twice",
                "warning",
                f'[{before.header}] and [{section.header}] are both "{name}": only the'
                " second one counts",
                str(before.origin),
                name if kind == "profile" else "",
                "put what is needed into one of them, and remove the other",
            )
        names[kind, name] = section
    for section in credentials:
        if section.header.startswith("profile ") and _holds_keys(section):
            right = section.header.removeprefix("profile ").strip()
            yield Finding(
                "credentials-header",
                "warning",
                f"in the credentials file [{section.header}] is a profile of the name"
                f' "{section.header}"',
                str(section.origin),
                section.header,
                f"write [{right}]",
            )
    for sections in (config, credentials):
        yield from _defaults(sections)


def _ignored(section: Section) -> Iterator[Finding]:
    header = section.header
    if header in OTHERS or not _holds_keys(section):
        return
    name = header.removeprefix("profile").strip().strip("\"'")
    quoted = f'"{name}"' if " " in name else name
    yield Finding(
        "section-ignored",
        "warning",
        f"[{header}] is no profile: nobody reads it",
        str(section.origin),
        "",
        f"write [profile {quoted}]" if name else "write [profile NAME]",
    )


def _defaults(sections: Sequence[Section]) -> Iterator[Finding]:
    defaults = next((one.defaults for one in sections if one.defaults), None)
    if defaults is None or not defaults.values:
        return
    line = min(defaults.lines.values())
    yield Finding(
        "section-default",
        "warning",
        "[DEFAULT] in capitals is no profile: what it says counts in every section",
        f"{defaults.path}:{line}",
        "",
        "write [default] for the default profile",
    )


def _holds_keys(section: Section) -> bool:
    """Whether what stands there is what stands in profiles."""
    return any(key in KNOWN or key.startswith(OWN_PREFIX) for key in section.values)
