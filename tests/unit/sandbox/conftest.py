import contextlib
import http.client
import os
import time
import types

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sts_plugin.sandbox import Organisation, Role, Sandbox, Trust
from sts_plugin.sandbox.organisation import OIDC_PROVIDER_ARN

VERSION = "2011-06-15"


@pytest.fixture
def sandbox(tmp_path):
    # More roles, for what the example has no place for.
    organisation = Organisation.example()
    home = ("arn:aws:iam::111111111111:root",)
    trusted = (
        *home,
        organisation.role("Batch").arn,
        organisation.role("FederatedAudit").arn,
        "arn:aws:iam::222222222222:role/DeployTagged",
    )
    relay = Role("222222222222", "Relay", Trust(trusted), 43200)
    trusted = (organisation.role("Jump").arn,)
    vault = Role("333333333333", "Vault", Trust(trusted, mfa=True))
    tagged = (organisation.role("Tagged").arn,)
    plain = Role("333333333333", "Plain", Trust(tagged))
    tagged = (organisation.role("TaggedNext").arn,)
    last = Role("333333333333", "TaggedLast", Trust(tagged, tag_session=True))
    steward = Role("111111111111", "Steward", Trust(home, set_source_identity=True))
    oidc = Trust((OIDC_PROVIDER_ARN,), tag_session=True, set_source_identity=True)
    deploy = Role("222222222222", "DeployTagged", oidc)
    organisation = organisation.with_roles(relay, vault, plain, last, steward, deploy)
    with Sandbox(tmp_path / "sandbox", organisation=organisation) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def session():
    session = botocore.session.Session()
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    return session


@pytest.fixture
def keys(sandbox):
    """Key id, secret and session token of a user's name, or of an answer."""

    def keys(who):
        if isinstance(who, str):
            user = sandbox.organisation.user(who)
            return user.access_key_id, user.secret_access_key, None
        issued = who.get("Credentials", who)
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return tuple(issued[name] for name in names)

    return keys


@pytest.fixture
def client(sandbox, session, keys):
    """An STS client of a user's name, of an answer's credentials, or of nobody."""
    made = []

    def client(who="alice", *, region="us-east-1", timeout_seconds=10):
        explicit = dict.fromkeys(
            ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        )
        if who is not None:
            explicit = dict(zip(explicit, keys(who), strict=True))
        made.append(
            session.create_client(
                "sts",
                region_name=region,
                endpoint_url=sandbox.endpoint_url,
                config=Config(
                    retries={"total_max_attempts": 1},
                    read_timeout=timeout_seconds,
                    proxies={},
                    signature_version=UNSIGNED if who is None else "v4",
                    # The server is to refuse, not the client.
                    parameter_validation=False,
                ),
                **explicit,
            )
        )
        return made[-1]

    yield client
    for item in made:
        item.close()


@pytest.fixture
def refused():
    """Expect STS's refusal; the value has its message afterwards."""

    @contextlib.contextmanager
    def refused(code, status, message=""):
        seen = types.SimpleNamespace(message=None)
        with pytest.raises(ClientError) as caught:
            yield seen
        response = caught.value.response
        seen.message = response["Error"]["Message"]
        assert response["Error"]["Code"] == code, seen.message
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert response["ResponseMetadata"]["RequestId"]
        assert message in seen.message

    return refused


@pytest.fixture
def role(sandbox):
    """A role's ARN and a session name, as arguments."""

    def role(name, **more):
        arn = sandbox.organisation.role(name).arn
        return {"RoleArn": arn, "RoleSessionName": "test", **more}

    return role


@pytest.fixture
def mfa(sandbox):
    """The device's number and a code, as arguments; `step` counts from now.

    The server's clock is set to the middle of a step, so that no test runs
    over its edge.
    """
    sandbox.clock_offset_seconds = 15 - time.time() % 30
    middle = time.time() + sandbox.clock_offset_seconds

    def mfa(step=0):
        serial = sandbox.organisation.user("alice").mfa_serial
        code = sandbox.code(at=middle + 30 * step)
        return {"SerialNumber": serial, "TokenCode": code}

    return mfa


@pytest.fixture
def send(sandbox):
    """Send bytes as they are; returns status, headers and body."""

    def send(method="POST", path="/", *, body=b"", headers=()):
        host = sandbox.endpoint_url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    return send


@pytest.fixture
def sign(sandbox, keys):
    """Headers by botocore's signer, for a request that is then changed."""

    def sign(
        method="POST",
        url="",
        *,
        body=b"",
        who="alice",
        service="sts",
        region="us-east-1",
        headers=(),
    ):
        given = {"Host": sandbox.endpoint_url.removeprefix("http://"), **dict(headers)}
        request = AWSRequest(
            method, sandbox.endpoint_url + (url or "/"), headers=given, data=body
        )
        SigV4Auth(Credentials(*keys(who)), service, region).add_auth(request)
        return dict(request.headers)

    return sign


@pytest.fixture
def whoami():
    return f"Action=GetCallerIdentity&Version={VERSION}".encode()
