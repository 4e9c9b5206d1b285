from __future__ import annotations

import textwrap

import pytest

from sts_plugin.endpoint import find_endpoint
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Credentials, Endpoint, Secret
from sts_plugin.sts import Sts

EVERYTHING = """\
[profile p]
region = eu-west-1
endpoint_url = http://profile
services = s
[services s]
sts =
  endpoint_url = http://services
s3 =
  endpoint_url = http://s3
"""
IGNORE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"


def find(aws, config, environ=None, name="p", **options):
    profiles = aws(config)
    return find_endpoint(
        profiles, profiles.profiles.get(name), environ or {}, **options
    )


@pytest.mark.parametrize(
    ("config", "environ", "url", "found"),
    [
        (
            EVERYTHING,
            {"AWS_ENDPOINT_URL_STS": "http://1", "AWS_ENDPOINT_URL": "http://2"},
            "http://1",
            "AWS_ENDPOINT_URL_STS",
        ),
        (EVERYTHING, {"AWS_ENDPOINT_URL": "http://2"}, "http://2", "AWS_ENDPOINT_URL"),
        (
            EVERYTHING,
            {"AWS_ENDPOINT_URL_STS": "", "AWS_ENDPOINT_URL": ""},
            "http://services",
            "{config}:6",
        ),
        (EVERYTHING, {}, "http://services", "{config}:6"),
        (EVERYTHING.replace("sts =", "iam ="), {}, "http://profile", "{config}:3"),
        (
            EVERYTHING.replace("  endpoint_url = http://services", "  x = y"),
            {},
            "http://profile",
            "{config}:3",
        ),
        ("[profile p]\nregion = eu-west-1\n", {}, None, ""),
        ("[profile p]\nservices = s\n[services s]\nendpoint_url = u\n", {}, None, ""),
    ],
)
def test_the_url_is_taken_from_the_first_source_that_has_one(
    aws, config, environ, url, found
):
    endpoint = find(aws, config, environ)
    assert endpoint.url == url
    assert endpoint.url_from == found.format(config=aws.config)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_configured_urls_can_be_switched_off(aws, variable, value):
    url = {variable: "http://1"}
    assert find(aws, EVERYTHING, {IGNORE: value} | url).url is None
    key = f"[profile p]\nignore_configured_endpoint_urls = {value}\n"
    config = EVERYTHING.replace("[profile p]\n", key)
    assert find(aws, config, url).url is None
    assert find(aws, config, {IGNORE: "false"} | url).url == "http://1"


@pytest.mark.parametrize("value", ["false", "1", "yes", ""])
def test_nothing_but_true_switches_configured_urls_off(aws, value):
    assert find(aws, EVERYTHING, {IGNORE: value}).url == "http://services"


def test_a_services_section_that_does_not_exist_is_an_error(aws):
    config = "[profile p]\n\nservices = nothing\n"
    with pytest.raises(ConfigurationError) as caught:
        find(aws, config)
    assert caught.value.line.startswith(f"{aws.config}:3: services = nothing")
    assert "[services nothing]" in caught.value.hint


def test_a_missing_services_section_does_not_matter_where_a_variable_speaks(aws):
    config = "[profile p]\nservices = nothing\n"
    assert find(aws, config, {"AWS_ENDPOINT_URL": "http://1"}).url == "http://1"
    assert find(aws, config, {IGNORE: "true"}).url is None


@pytest.mark.parametrize(
    ("environ", "region", "expected", "found"),
    [
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "ap-south-1", "ap-south-1", "the caller"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, None, "us-west-2", "AWS_DEFAULT_REGION"),
        ({}, None, "eu-west-1", "{config}:2"),
        ({"AWS_REGION": "us-west-2"}, None, "eu-west-1", "{config}:2"),
        # botocore asks https://sts..amazonaws.com here
        ({"AWS_DEFAULT_REGION": ""}, None, "eu-west-1", "{config}:2"),
    ],
)
def test_the_region_is_the_callers_the_environments_or_the_profiles(
    aws, environ, region, expected, found
):
    endpoint = find(aws, EVERYTHING, environ, region=region)
    assert endpoint.region == expected
    assert endpoint.region_from == found.format(config=aws.config)


def test_without_a_region_there_is_none(aws):
    assert find(aws, "[profile p]\nregion =\n") == Endpoint(profile="p")


def test_the_environment_alone_has_no_profile(aws):
    found = find(aws, EVERYTHING, {"AWS_ENDPOINT_URL": "http://2"}, name="missing")
    assert found == Endpoint(url="http://2")


def test_where_a_value_was_found_does_not_make_another_endpoint(aws):
    here = find(aws, "[profile p]\nregion = r\n")
    there = find(aws, "[profile p]\n\nregion = r\n")
    assert here == there
    assert here.region_from != there.region_from


@pytest.mark.parametrize(
    ("environ", "legacy"),
    [
        ({}, True),
        ({"AWS_STS_REGIONAL_ENDPOINTS": "regional"}, False),
        ({"AWS_STS_REGIONAL_ENDPOINTS": "Legacy"}, True),
    ],
)
def test_the_legacy_switch_is_read_from_environment_and_profile(aws, environ, legacy):
    config = "[profile p]\nsts_regional_endpoints = legacy\n"
    assert find(aws, config, environ).legacy is legacy
    assert find(aws, "[profile p]\n", {}).legacy is False


# --- Parity: what a real client gets ---

CLIENTS = {
    "nothing": ("[profile p]", {}),
    "region": ("[profile p]\nregion = eu-west-1", {}),
    "us-east-1": ("[profile p]\nregion = us-east-1", {}),
    "region of the environment": (
        "[profile p]\nregion = eu-west-1",
        {"AWS_DEFAULT_REGION": "ap-south-1"},
    ),
    "AWS_REGION": ("[profile p]\nregion = eu-west-1", {"AWS_REGION": "ap-south-1"}),
    "legacy": ("[profile p]\nregion = eu-west-1\nsts_regional_endpoints = legacy", {}),
    "legacy in a new region": (
        "[profile p]\nregion = af-south-1\nsts_regional_endpoints = legacy",
        {},
    ),
    "legacy undone": (
        "[profile p]\nregion = eu-west-1\nsts_regional_endpoints = legacy",
        {"AWS_STS_REGIONAL_ENDPOINTS": "regional"},
    ),
    "legacy by the environment": (
        "[profile p]\nregion = eu-west-1",
        {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
    ),
    "FIPS": ("[profile p]\nregion = us-west-2\nuse_fips_endpoint = true", {}),
    "dual stack": (
        "[profile p]\nregion = us-west-2\nuse_dualstack_endpoint = true",
        {},
    ),
    "China": ("[profile p]\nregion = cn-north-1", {}),
    "GovCloud": ("[profile p]\nregion = us-gov-west-1", {}),
    "GovCloud, legacy": (
        "[profile p]\nregion = us-gov-west-1\nsts_regional_endpoints = legacy",
        {},
    ),
    "European Sovereign Cloud": ("[profile p]\nregion = eusc-de-east-1", {}),
    "ISO": ("[profile p]\nregion = us-iso-east-1", {}),
    "ISO B": ("[profile p]\nregion = us-isob-east-1", {}),
    "FIPS in GovCloud": (
        "[profile p]\nregion = us-gov-west-1\nuse_fips_endpoint = true",
        {},
    ),
    "FIPS and dual stack": (
        "[profile p]\nregion = us-east-1\nuse_fips_endpoint = true\n"
        "use_dualstack_endpoint = true",
        {},
    ),
    "FIPS by the environment": (
        "[profile p]\nregion = us-east-1",
        {"AWS_USE_FIPS_ENDPOINT": "true"},
    ),
    "dual stack by the environment": (
        "[profile p]\nregion = us-east-1",
        {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    ),
    "unknown region": ("[profile p]\nregion = xx-foo-9", {}),
    "everything": (EVERYTHING, {}),
    "everything and the environment": (EVERYTHING, {"AWS_ENDPOINT_URL": "http://env"}),
    "everything and the environment for STS": (
        EVERYTHING,
        {"AWS_ENDPOINT_URL": "http://env", "AWS_ENDPOINT_URL_STS": "http://sts"},
    ),
    "everything ignored": (
        EVERYTHING,
        {IGNORE: "TRUE", "AWS_ENDPOINT_URL": "http://e"},
    ),
    "ignored by the profile": (
        EVERYTHING.replace("region", "ignore_configured_endpoint_urls = true\nregion"),
        {},
    ),
    "ignored by the profile, not by the environment": (
        EVERYTHING.replace("region", "ignore_configured_endpoint_urls = true\nregion"),
        {IGNORE: "false"},
    ),
    "URL beside the services": (
        EVERYTHING.replace("sts =", "iam ="),
        {},
    ),
    "URL on top of the services": (
        "[profile p]\nregion = eu-west-1\nservices = s\n"
        "[services s]\nendpoint_url = http://x",
        {},
    ),
}


@pytest.mark.parametrize(("config", "environ"), CLIENTS.values(), ids=CLIENTS)
def test_our_calls_go_where_those_of_a_stock_client_go(aws, stock, config, environ):
    profiles = aws(textwrap.dedent(config) + "\n")
    session = stock("p", environ)
    keys = {"aws_access_key_id": "A", "aws_secret_access_key": "s"}
    theirs = session.create_client("sts", **keys).meta
    endpoint = find_endpoint(profiles, profiles["p"], environ)
    client = Sts(endpoint)._client(Credentials("A", Secret("s")))
    ours = client.meta
    assert (ours.endpoint_url, ours.region_name) == (
        theirs.endpoint_url,
        theirs.region_name,
    )


# --- A second region ---

TWO = "[profile p]\nregion = eu-west-1\nsts_plugin_fallback_region = eu-central-1\n"


def test_the_second_region_of_a_profile_is_known_with_where_it_was_found(aws):
    endpoint = find(aws, TWO)
    other = endpoint.fallback
    assert (endpoint.region, other.region) == ("eu-west-1", "eu-central-1")
    assert (other.url, other.profile, other.fallback) == (None, "p", None)
    assert other.region_from.endswith("config:3")


def test_the_second_region_is_answered_by_a_stock_endpoint(aws, stock):
    stock("p")
    other = find(aws, TWO).fallback
    client = Sts(other)._client(Credentials("A", Secret("s")))
    assert client.meta.endpoint_url == "https://sts.eu-central-1.amazonaws.com"


def test_a_second_region_may_have_a_url_of_its_own(aws):
    url = "endpoint_url = http://1\nsts_plugin_fallback_endpoint_url = http://2\n"
    other = find(aws, TWO + url).fallback
    assert (other.region, other.url) == ("eu-central-1", "http://2")


@pytest.mark.parametrize(
    "text",
    [
        TWO + "endpoint_url = http://1\n",
        "[profile p]\nsts_plugin_fallback_endpoint_url = http://2\n",
    ],
    ids=["no second URL", "no second region"],
)
def test_a_second_region_that_cannot_be_asked_is_an_error(aws, text):
    with pytest.raises(
        ConfigurationError, match=r'fallback_.* of profile "p"'
    ) as caught:
        find(aws, text)
    assert "config:" in caught.value.message
    assert "sts_plugin_fallback_" in caught.value.hint


def test_an_empty_second_region_is_none(aws):
    assert find(aws, "[profile p]\nsts_plugin_fallback_region =\n").fallback is None


def test_a_url_without_a_region_is_signed_for_us_east_1(aws, stock):
    stock()
    endpoint = find(aws, "[profile p]\nendpoint_url = http://x\n")
    client = Sts(endpoint)._client(Credentials("A", Secret("s")))
    assert (client.meta.endpoint_url, client.meta.region_name) == (
        "http://x",
        "us-east-1",
    )
