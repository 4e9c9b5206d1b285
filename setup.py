"""The long description: the README, as a page of a package index shows it.

Everything else is in setup.cfg. The README leads to files beside it, which an index
has not, and the repository has no public address that links could be made of. So the
words of such links stay, and where they lead is said once.
"""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

# Text in brackets, then where it leads: neither an address nor a heading of the page.
TO_A_FILE = re.compile(r"!?\[([^\]]*)\]\((?![a-z]+:|#)[^)]*\)")
CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
WHERE = (
    "The pages that are named here are in the source distribution, in `docs`; the\n"
    "commands are in `man sts-plugin` as well.\n"
)


def long_description() -> str:
    """Return the README with the words of its links to files, and not the links."""
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    parts = CODE.split(readme)
    parts[::2] = [TO_A_FILE.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts).replace("## More\n", f"## More\n\n{WHERE}", 1)


setup(
    long_description=long_description(),
    long_description_content_type="text/markdown",
)
