"""What is asked without a client is what a client of botocore would ask."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth
from botocore.awsrequest import AWSResponse
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sts_plugin import aws as aws_module
from sts_plugin.aws import make_client
from sts_plugin.direct import HERE, ODD_REGIONS, Direct, Keys, make_direct
from sts_plugin.endpoint import find_endpoint
from sts_plugin.model import Credentials, Secret

ROLE = {
    "RoleArn": "arn:aws:iam::222222222222:role/Batch",
    "RoleSessionName": "me",
    "DurationSeconds": 900,
    "Tags": [{"Key": "töam", "Value": "a b&c=d+e"}],
    "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
}
TOKEN = {**ROLE, "WebIdentityToken": "x" * 20}
TOKEN.pop("Tags")
CALLS = {
    "AssumeRole": ROLE,
    "AssumeRoleWithWebIdentity": TOKEN,
    "GetSessionToken": {"SerialNumber": "123456789", "TokenCode": "123456"},
    "GetCallerIdentity": {},
}
SIGNERS = {
    "user": Credentials("AKIAUSER", Secret("secret/of+user")),
    "session": Credentials("ASIASESS", Secret("another"), Secret("token//of+it==")),
    "nobody": None,
}
REGIONS = sorted(
    {
        region
        for partition in botocore.session.Session().get_available_partitions()
        for region in botocore.session.Session().get_available_regions(
            "sts", partition, allow_non_regional=True
        )
    }
)
LOADER = Loader()  # reads each file once
ANSWER = "<{0}Response><{0}Result></{0}Result></{0}Response>"
ASKED = "GetCallerIdentity"


@pytest.fixture
def world(aws, stock, mocker):
    """No machine's own settings, and a clock that stands still."""
    stock()
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC).replace(tzinfo=None)
    mocker.patch("botocore.auth.get_current_datetime", return_value=moment)
    # That of the AWS Common Runtime signs the same, by a clock of its own.
    mocker.patch.dict(AUTH_TYPE_MAPS, {"v4": SigV4Auth})
    return aws


def sent(endpoint, ask, *, answered, status=200):
    """What a botocore endpoint would have put on the wire, and to where and how."""
    found = []

    def answer(request, **_event):
        found.append(request)
        response = AWSResponse(request.url, status, {}, None)
        response._content = answered.encode()
        return response

    endpoint._event_emitter.register("before-send", answer)
    try:
        ask()
    finally:
        endpoint._event_emitter.unregister("before-send", answer)
    (request,) = found
    headers = {name.lower(): text for name, text in request.headers.items()}
    agent = headers.pop("user-agent").decode().split()
    assert headers.pop("amz-sdk-invocation-id")  # new for each call
    features = [word for word in agent if word.startswith("m/")]
    session = endpoint.http_session
    return {
        "method": request.method,
        "url": request.url,
        "body": request.body,
        "headers": headers,
        "agent": [word for word in agent if word not in features],
        "features": sorted("".join(features).removeprefix("m/").split(",")),
        "verify": session._verify,
        "proxies": session._proxy_config._proxies,
        "times": (session._timeout.connect_timeout, session._timeout.read_timeout),
        "socket": session._socket_options,
    }


def outcome(work):
    """What work gives, or the error that it ends with."""
    try:
        return work()
    except (BotoCoreError, ValueError) as error:
        return type(error), str(error)


def by_client(endpoint, signer, action=ASKED):
    """What the client sends that Direct stands for, as ``sts`` makes it."""
    session = botocore.session.Session(profile=endpoint.profile)
    session.register_component("data_loader", LOADER)
    client = make_client(
        session,
        "sts",
        signer,
        region=endpoint.region or ("us-east-1" if endpoint.url else None),
        url=endpoint.url,
    )
    ask = aws_module.by_client(client)
    return sent(
        client._endpoint,
        lambda: ask(action, CALLS[action]),
        answered=ANSWER.format(action),
    )


def directly(made, signer, action=ASKED):
    return sent(
        made._endpoint,
        lambda: made.ask(action, CALLS[action], signer),
        answered=ANSWER.format(action),
    )


def endpoint_of(world, config="region = eu-west-1\n", environ=None, region=None):
    profiles = world(f"[profile p]\n{config}")
    return find_endpoint(profiles, profiles["p"], environ or {}, region=region)


# --- The same request ---


@pytest.mark.parametrize("url", [None, "https://sts.example:8443/"])
@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("action", CALLS)
def test_every_call_is_sent_as_a_client_sends_it(world, action, signer, url):
    endpoint = replace(endpoint_of(world), url=url)
    made = make_direct(endpoint, {})
    ours = directly(made, SIGNERS[signer], action)
    assert ours == by_client(endpoint, SIGNERS[signer], action)
    signed = SIGNERS[signer] is not None and action != "AssumeRoleWithWebIdentity"
    assert ("authorization" in ours["headers"]) == signed


@pytest.mark.parametrize("region", [None, *REGIONS])
def test_every_region_is_asked_where_a_client_asks_it(world, region):
    endpoint = endpoint_of(world, "", region=region)
    made = make_direct(endpoint, {})
    odd = region and any(word in region for word in ODD_REGIONS)
    assert (made is None) == bool(odd)
    if made:
        assert directly(made, SIGNERS["user"]) == by_client(endpoint, SIGNERS["user"])


# What each may be set to; by itself each counts, and in any mixture.
VARIABLES = {
    "AWS_CA_BUNDLE": ["", " ", "/no/such.pem"],
    "AWS_DEFAULT_REGION": ["", "us-west-2", "no_region", "cn-north-1"],
    "AWS_EC2_METADATA_DISABLED": ["true"],
    "AWS_ENDPOINT_URL": ["http://127.0.0.1:1", "no url"],
    "AWS_ENDPOINT_URL_STS": ["https://sts.example/path", ""],
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ["true", "false"],
    "AWS_MAX_ATTEMPTS": ["7", "many"],
    "HTTPS_PROXY": ["http://proxy:3128"],
    "HTTP_PROXY": ["http://user:secret@proxy:3128"],
    "NO_PROXY": ["amazonaws.com,127.0.0.1"],
    "REQUESTS_CA_BUNDLE": ["", "/another.pem"],
}
KEYS = {
    "ca_bundle": ["/profile.pem", ""],
    "endpoint_url": ["http://profile.example"],
    "max_attempts": ["3", "many"],
    "metadata_service_timeout": ["never"],
    "output": ["json"],
    "parameter_validation": ["false", "maybe"],
    "region": ["eu-west-1", "us-gov-west-1", "", "-x", "xx-foo-9"],
}
# Most of these bring the client back.
MORE_VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": ["f"],
    "AWS_RETRY_MODE": ["adaptive"],
    "AWS_SDK_UA_APP_ID": ["app"],
    "AWS_STS_REGIONAL_ENDPOINTS": ["legacy", "regional", "odd"],
    "AWS_USE_DUALSTACK_ENDPOINT": ["true", "false"],
    "AWS_USE_FIPS_ENDPOINT": ["true"],
    "_X_AMZN_TRACE_ID": ["trace"],
}
MORE_KEYS = {
    "auth_scheme_preference": ["sigv4a,sigv4"],
    "defaults_mode": ["standard", "odd"],
    "retry_mode": ["legacy", "standard", "odd"],
    "s3": ["\n  use_arn_region = maybe", "odd"],
    "sdk_ua_app_id": ["app"],
    "sts": ["\n  signature_version = v2"],
    "sts_regional_endpoints": ["legacy"],
    "tcp_keepalive": ["true"],
    "use_dualstack_endpoint": ["true"],
    "use_fips_endpoint": ["true"],
}
ALONE = [
    ({name: value} if is_variable else {}, {} if is_variable else {name: value})
    for is_variable, table in (
        (True, VARIABLES | MORE_VARIABLES),
        (False, KEYS | MORE_KEYS),
    )
    for name, values in table.items()
    for value in values
]


def held_against_a_client(world, variables, keys):
    """Fail unless what is sent is what a client sends, or a client is asked for."""
    config = "".join(f"{name} = {value}\n" for name, value in keys.items())
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES | MORE_VARIABLES:
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        endpoint = endpoint_of(world, config, os.environ)
        signer = SIGNERS["session"]
        made = outcome(lambda: make_direct(endpoint, os.environ))
        if made is None:
            return False
        if isinstance(made, Direct):
            made = outcome(lambda: directly(made, signer))
        assert made == outcome(lambda: by_client(endpoint, signer))
        return True


@pytest.mark.parametrize(("variables", "keys"), ALONE)
def test_each_setting_counts_as_with_a_client(world, variables, keys):
    keys = {"region": "us-west-2", **keys}
    alone = held_against_a_client(world, variables, keys)
    more = MORE_VARIABLES.keys() | MORE_KEYS.keys()
    assert alone or more & (variables.keys() | keys.keys()) or keys["region"] == ""


def some_of(table):
    keys = {name: st.sampled_from(values) for name, values in table.items()}
    return st.fixed_dictionaries({}, optional=keys)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(variables=some_of(VARIABLES), keys=some_of(KEYS))
@example(variables={}, keys={})
@example(variables={"REQUESTS_CA_BUNDLE": "/r", "HTTPS_PROXY": "http://p"}, keys={})
def test_any_mixture_of_settings_counts_as_with_a_client(world, variables, keys):
    held_against_a_client(world, variables, keys)


# --- For whom there is a client all the same ---


def test_a_profile_with_nothing_odd_in_it_needs_no_client(world):
    config = (
        "region = eu-west-1\nca_bundle = /x\nrole_arn = a\nsource_profile = b\n"
        "mfa_serial = c\noutput = json\nsts_plugin_totp_file = d\ns3 =\n  x = y\n"
    )
    assert make_direct(
        endpoint_of(world, config), {"AWS_PROFILE": "p", "AWS_REGION": "x"}
    )


@pytest.mark.parametrize("name", sorted(BOTOCORE_DEFAUT_SESSION_VARIABLES))
def test_any_other_setting_of_botocore_brings_its_client_back(world, name):
    key, variable, *_ = BOTOCORE_DEFAUT_SESSION_VARIABLES[name]
    endpoint = endpoint_of(world)
    for one in [variable] if isinstance(variable, str) else variable or ():
        assert (make_direct(endpoint, {one: "1"}) is not None) == (name in HERE)
    if isinstance(key, str):
        endpoint = endpoint_of(world, f"{key} = x\n")
        assert (make_direct(endpoint, {}) is not None) == (name in HERE)


@pytest.mark.parametrize("place", ["variable", "profile"])
def test_a_setting_of_a_later_botocore_brings_its_client_back(world, mocker, place):
    later = {"new": (["new_key", "old_key"], ["AWS_NEW"], None, None)}
    mocker.patch.dict(BOTOCORE_DEFAUT_SESSION_VARIABLES, later)
    config = "old_key = 1\n" if place == "profile" else "region = r\n"
    environ = {"AWS_NEW": ""} if place == "variable" else {}
    assert make_direct(endpoint_of(world, config), environ) is None


def test_a_botocore_whose_parts_are_elsewhere_brings_its_client_back(world, mocker):
    mocker.patch.dict("sys.modules", {"botocore.hooks": None})
    assert make_direct(endpoint_of(world), {}) is None


def test_models_of_their_own_a_lambda_and_no_profile_bring_the_client_back(
    world, tmp_path, mocker
):
    endpoint = endpoint_of(world)
    assert make_direct(endpoint, {"AWS_LAMBDA_FUNCTION_NAME": "f"}) is None
    assert make_direct(replace(endpoint, profile=None), {}) is None
    mocker.patch.object(Loader, "CUSTOMER_DATA_PATH", str(tmp_path))
    assert make_direct(endpoint, {}) is None


def test_a_second_region_is_asked_with_the_settings_of_its_profile(world):
    config = (
        "region = eu-west-1\nca_bundle = /x\n"
        "sts_plugin_fallback_region = eu-central-1\n"
    )
    other = endpoint_of(world, config).fallback
    assert directly(make_direct(other, {}), None)["verify"] == "/x"
    other = endpoint_of(world, config + "use_fips_endpoint = true\n").fallback
    assert make_direct(other, {}) is None


# --- Answers, and what stays secret ---


def test_a_refusal_is_botocores_own_error(world):
    body = (
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    )
    made = make_direct(endpoint_of(world), {})
    with pytest.raises(ClientError) as caught:
        sent(
            made._endpoint,
            lambda: made.ask(ASKED, {}, SIGNERS["user"]),
            status=403,
            answered=body,
        )
    assert caught.value.response["Error"] == {"Code": "AccessDenied", "Message": "no"}
    assert caught.value.operation_name == ASKED


def test_what_the_signer_is_given_shows_no_secret():
    keys = Keys(SIGNERS["session"])
    assert (keys.access_key, keys.secret_key) == ("ASIASESS", "another")
    assert keys.token == "token//of+it=="
    assert Keys(SIGNERS["user"]).token is None
    assert "another" not in f"{keys!r}{keys}{vars(keys)}"


LOGGERS = """
import logging
from sts_plugin.direct import make_direct
from sts_plugin.model import Credentials, Endpoint, Secret

made = make_direct(Endpoint("eu-west-1", "http://127.0.0.1:{port}", profile="p"), {{}})
known = set(logging.root.manager.loggerDict)
try:
    made.ask("GetCallerIdentity", {{}}, Credentials("A", Secret("s")))
except Exception as error:
    print(type(error).__name__)
print(sorted(logging.root.manager.loggerDict.keys() - known))
"""


def test_a_call_makes_no_logger_that_nobody_has_silenced(world):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        script = LOGGERS.format(port=closed.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
    assert done.stdout.split("\n", 1) == ["EndpointConnectionError", "[]\n"]
