"""See that the long description renders, and that none of its links is dead.

    python tests/packaging/description.py FOLDER

FOLDER holds a wheel and an sdist. As the index does it, with its own renderer.
"""

from __future__ import annotations

import email
import re
import sys
import tarfile
import zipfile
from pathlib import Path

from readme_renderer import markdown


def metadata(path):
    """Return what a distribution says of itself."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            (name,) = (
                one for one in archive.namelist() if one.endswith(".dist-info/METADATA")
            )
            return email.message_from_bytes(archive.read(name))
    with tarfile.open(path) as archive:
        name = f"{path.name.removesuffix('.tar.gz')}/PKG-INFO"
        return email.message_from_binary_file(archive.extractfile(name))


def check(path):
    """End with a message unless the description of a distribution is a good page."""
    said = metadata(path)
    if said["Description-Content-Type"] != "text/markdown":
        sys.exit(f"{path.name}: the description is no Markdown")
    page = markdown.render(said.get_payload())
    if not page or "<h1" not in page or "<table" not in page:
        sys.exit(f"{path.name}: the description does not render")
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    if dead := [one for one in links if not re.match("https?://|mailto:|#", one)]:
        sys.exit(f"{path.name}: the description has dead links: {', '.join(dead)}")
    if left := re.findall(r"\]\([^)]*\.md[^)]*\)", page):
        sys.exit(f"{path.name}: the description shows Markdown: {', '.join(left)}")


def main():
    folder = Path(sys.argv[1])
    found = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    if len(found) < 2:
        sys.exit(f"{folder} has no wheel and sdist")
    for path in found:
        check(path)


if __name__ == "__main__":
    main()
