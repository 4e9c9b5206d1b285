"""Route "registered": the product as it is installed, in every session of the tests.

A pytest plugin. Nothing of botocore is replaced. The cache of each test is a folder of
its own: the tests set aside the environment that would name one, and meet the same
profiles again and again.
"""

from __future__ import annotations

import botocore
import pytest

import sts_plugin
import sts_plugin.engine

botocore.register_initializer(sts_plugin.register)


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(sts_plugin.engine, "cache_folder", lambda _settings: folder)
