from __future__ import annotations

import pytest
from botocore.loaders import Loader

from sts_plugin import service_model as module
from sts_plugin.service_model import endpoint_rules, partitions, service_model


@pytest.mark.parametrize(
    ("found", "kind"),
    [(service_model, "service-2"), (endpoint_rules, "endpoint-rule-set-1")],
)
def test_the_data_on_sts_is_what_botocore_finds_for_itself(found, kind):
    assert found() == Loader().load_service_model("sts", kind)
    assert found() is found()


def test_the_version_of_sts_is_the_newest_that_botocore_knows():
    newest = Loader().determine_latest_version("sts", "service-2")
    assert f"sts/{newest}" == module.STS


def test_the_partitions_are_botocores():
    assert partitions() == Loader().load_data("partitions")
