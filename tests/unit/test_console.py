"""Where the console is, and that nobody is led out of it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from sts_plugin.console import destination, find_place, login_address, partition_in
from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Secret

AWS = "https://signin.aws.amazon.com/federation"


@pytest.mark.parametrize(
    ("partition", "region", "signin", "home"),
    [
        (None, None, AWS, "https://console.aws.amazon.com/console/home"),
        ("aws", None, AWS, "https://console.aws.amazon.com/console/home"),
        (
            None,
            "eu-west-1",
            AWS,
            "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1",
        ),
        (
            "aws",
            "mx-central-1",
            AWS,
            "https://mx-central-1.console.aws.amazon.com/console/home"
            "?region=mx-central-1",
        ),
        # botocore's name for no region.
        (None, "aws-global", AWS, "https://console.aws.amazon.com/console/home"),
        # A region that botocore is too old for is one of AWS's own.
        (
            None,
            "mars-north-1",
            AWS,
            "https://mars-north-1.console.aws.amazon.com/console/home"
            "?region=mars-north-1",
        ),
        (
            "aws-cn",
            None,
            "https://signin.amazonaws.cn/federation",
            "https://console.amazonaws.cn/console/home",
        ),
        (
            None,
            "cn-north-1",
            "https://signin.amazonaws.cn/federation",
            "https://console.amazonaws.cn/console/home?region=cn-north-1",
        ),
        (
            None,
            "us-gov-west-1",
            "https://signin.amazonaws-us-gov.com/federation",
            "https://console.amazonaws-us-gov.com/console/home?region=us-gov-west-1",
        ),
        (
            None,
            "eusc-de-east-1",
            "https://eusc-de-east-1.signin.amazonaws-eusc.eu/federation",
            "https://eusc-de-east-1.console.amazonaws-eusc.eu/console/home"
            "?region=eusc-de-east-1",
        ),
    ],
)
def test_each_partition_has_its_own_console(partition, region, signin, home):
    place = find_place(partition, region, {})
    assert place.signin == signin
    assert destination(place, service=None, wanted=None) == home


@pytest.mark.parametrize(
    ("partition", "region", "why"),
    [
        ("aws-iso", None, "partition aws-iso is, is not known"),
        (None, "us-isob-east-1", "partition aws-iso-b is, is not known"),
        ("aws-eusc", None, "aws-eusc needs a region"),
        ("aws-cn", "eu-west-1", "region eu-west-1 is of partition aws"),
        ("aws", "cn-north-1", "region cn-north-1 is of partition aws-cn"),
        (None, "evil.example/#", "is not a region"),
        (None, "eu-west-1\n", "is not a region"),
        (None, "EU-WEST-1", "is not a region"),
    ],
)
def test_what_is_not_known_or_contradicts_itself_is_refused(partition, region, why):
    with pytest.raises(ConfigurationError, match=why):
        find_place(partition, region, {})


PRIVATE = {
    "STS_PLUGIN_SIGNIN_URL": "https://signin.c2s.example/",
    "STS_PLUGIN_CONSOLE_URL": "https://console.c2s.example/",
}


def test_variables_say_where_a_console_is_that_nobody_knows():
    place = find_place("aws-iso", "us-iso-east-1", PRIVATE)
    assert place.signin == "https://signin.c2s.example/federation"
    page = destination(place, service="ec2", wanted=None)
    assert page == "https://console.c2s.example/ec2/home?region=us-iso-east-1"


def test_a_variable_for_one_of_the_two_leaves_the_other():
    url = "https://eu-west-1.signin.aws.amazon.com/federation"
    place = find_place(None, "eu-west-1", {"STS_PLUGIN_SIGNIN_URL": url})
    assert place.signin == url
    assert place.console == "https://eu-west-1.console.aws.amazon.com"


@pytest.mark.parametrize("name", PRIVATE)
@pytest.mark.parametrize(
    "text",
    [
        "http://signin.example/federation",
        "http://127.0.0.1.example/",
        "https://me:pass@signin.example/",
        "https://127.0.0.1@signin.example/",
        "https:///federation",
        "https://signin.example:port/",
        "https://signin.example/?Action=login",
        "https://signin.example/#x",
        "https://signin.example/a b",
        "https://signin.example\\@evil.example/",
        "ftp://127.0.0.1/",
        "signin.example",
        "https://[::1",
    ],
)
def test_a_variable_that_would_send_secrets_in_the_open_is_refused(name, text):
    with pytest.raises(ConfigurationError, match=f"{name} is not an address"):
        find_place("aws", None, PRIVATE | {name: text})


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1:8080/federation", "http://localhost/x", "http://[::1]:1/x"],
)
def test_only_loopback_may_do_without_tls(text):
    assert find_place("aws", None, {"STS_PLUGIN_SIGNIN_URL": text}).signin == text


def page(wanted, region="eu-west-1"):
    return destination(find_place("aws", region, {}), service=None, wanted=wanted)


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("/s3/home", "https://eu-west-1.console.aws.amazon.com/s3/home"),
        (
            "/ec2/home?region=eu-west-1#Instances:",
            "https://eu-west-1.console.aws.amazon.com/ec2/home"
            "?region=eu-west-1#Instances:",
        ),
        ("/", "https://eu-west-1.console.aws.amazon.com/"),
    ],
)
def test_a_path_is_one_of_the_regions_console(wanted, where):
    assert page(wanted) == where


@pytest.mark.parametrize(
    "wanted",
    [
        "https://console.aws.amazon.com/",
        "https://eu-west-1.console.aws.amazon.com/iam/home",
        "https://us-east-1.console.aws.amazon.com/iam/home",
        "https://000000000000-abc.us-east-1.console.aws.amazon.com/console/home",
        "https://CONSOLE.aws.amazon.com/",
    ],
)
@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_an_address_may_be_anywhere_in_the_console(wanted, region):
    assert page(wanted, region) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "https://console.aws.amazon.com.evil.example/",
        "https://evilconsole.aws.amazon.com/",
        "https://console.aws.amazon.com@evil.example/",
        "https://evil.example#@console.aws.amazon.com/",
        "https://evil.example\\.console.aws.amazon.com/",
        "https://console.aws.amazon.com:8443/",
        "https://signin.aws.amazon.com/oauth?redirect_uri=https://evil.example",
        "https://aws.amazon.com/",
        "https://console.amazonaws.cn/",
        "http://console.aws.amazon.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "/a\r\nSet-Cookie: a",
        "/a b",
        "/\u2028",
        "console.aws.amazon.com",
        "s3/home",
        "https://[::1",
        "",
    ],
)
def test_a_destination_outside_of_the_console_is_refused(wanted):
    with pytest.raises(ConfigurationError, match="is not in the console"):
        page(wanted)


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("ec2", "/ec2/home?region=eu-west-1"),
        (
            "systems-manager/parameters",
            "/systems-manager/parameters/home?region=eu-west-1",
        ),
    ],
)
def test_a_service_has_a_home(service, path):
    place = find_place("aws", "eu-west-1", {})
    found = destination(place, service=service, wanted=None)
    assert found == f"https://eu-west-1.console.aws.amazon.com{path}"


@pytest.mark.parametrize(
    "service", ["", "/ec2", "../x", "ec2?x", "ec2#x", "@evil", "EC2", "ec2/", "a//b"]
)
def test_what_is_no_name_of_a_service_is_refused(service):
    place = find_place("aws", None, {})
    if service == "":
        assert destination(place, service="", wanted=None).endswith("/console/home")
        return
    with pytest.raises(ConfigurationError, match="is not the name of a service"):
        destination(place, service=service, wanted=None)


def test_the_address_says_everything_and_quotes_it():
    place = find_place("aws", "eu-west-1", {})
    where = page("/ec2/home?region=eu-west-1&x=1#Instances:")
    address = login_address(place, where, Secret("a+b/c=&Destination=x"))
    assert repr(address) == "<secret>"
    text = address.reveal()
    assert text.startswith(f"{AWS}?")
    assert parse_qs(urlsplit(text).query) == {
        "Action": ["login"],
        "Issuer": ["sts-plugin"],
        "Destination": [where],
        "SigninToken": ["a+b/c=&Destination=x"],
    }
    assert urlsplit(text).fragment == ""


@pytest.mark.parametrize(
    ("arn", "partition"),
    [
        ("arn:aws:iam::111111111111:role/x", "aws"),
        ("arn:aws-cn:iam::111111111111:user/x", "aws-cn"),
        ("arn:aws-us-gov:sts::1:federated-user/a:b", "aws-us-gov"),
        ("no-arn", None),
        ("a:b:c:d:e:f", None),
        ("", None),
        (None, None),
    ],
)
def test_an_arn_names_its_partition(arn, partition):
    assert partition_in(arn) == partition
