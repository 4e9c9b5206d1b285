"""Sphinx: the pages are Markdown, the reference of the library is its docstrings."""

from sts_plugin import __version__

project = "sts-plugin"
author = "The sts-plugin authors"
copyright = "The sts-plugin authors"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
myst_heading_anchors = 3
autodoc_typehints = "none"
# The examples run in the sandbox, where nobody is asked for a code.
doctest_global_setup = """
import os
import tempfile
from datetime import timedelta
from pathlib import Path

from sts_plugin import *
from sts_plugin.model import Secret
from sts_plugin.sandbox import Sandbox

place = tempfile.TemporaryDirectory()
sandbox = Sandbox(Path(place.name), totp_file=True).__enter__()
os.environ.update(sandbox.environ())
"""
doctest_global_cleanup = """
sandbox.__exit__(None, None, None)
place.cleanup()
"""
nitpicky = True
highlight_language = "text"
# tox -e links: these answer programs with 403, or are examples and not addresses.
linkcheck_ignore = [r"https?://127\.0\.0\.1", r"https?://localhost"]
linkcheck_timeout = 20
linkcheck_retries = 2
html_theme = "furo"
html_title = "sts-plugin"
html_static_path = ["pages.css"]
html_css_files = ["pages.css"]
exclude_patterns = ["_build"]
