"""STS asked by the parts that botocore's client is made of, without the client.

    Endpoint + environment -> Direct, or None where only a client will do

botocore's serializer, signer, HTTP session and parser do here what they do in its
client, so what is sent is the same, and so is what comes back; tests hold that. What is
saved is the making of a client, which reads the data of all services; and one
connection serves all signers of a chain.

For a process that is ours alone. In somebody else's, their hooks and mocks count, and
these hang on clients and sessions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from sts_plugin import service_model, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sts_plugin.model import Credentials, Endpoint

__all__ = ["Direct", "make_direct"]

HERE: Final = frozenset(
    {
        # Known to the plan already, or no matter of STS's.
        "config_file",
        "credentials_file",
        "ignore_configured_endpoint_urls",
        "profile",
        "region",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
        "imds_use_ipv6",
        "metadata_service_num_attempts",
        "metadata_service_timeout",
        # We send once, whatever it says, and validate arguments in any case.
        "max_attempts",
        "parameter_validation",
        # Done here.
        "ca_bundle",
    }
)
"""botocore's settings (by the names in ``botocore.configprovider``) that Direct knows.
Whoever has set another one, now or in a later botocore, gets its client."""

BESIDE: Final = frozenset({"sts", "tcp_keepalive"})
"""Keys that botocore, or an older one, looks up without having them in its table."""

ODD_REGIONS: Final = ("fips", "global")
"""Names with these in them are no regions, and botocore makes something of each."""


class Keys:
    """Credentials under the names by which botocore's signer asks for them."""

    def __init__(self, signer: Credentials) -> None:
        self._signer = signer

    @property
    def access_key(self) -> str:
        """The access key id."""
        return self._signer.access_key_id

    @property
    def secret_key(self) -> str:
        """The secret access key."""
        return self._signer.secret_access_key.reveal()

    @property
    def token(self) -> str | None:
        """The session token, if it has one."""
        token = self._signer.session_token
        return token.reveal() if token else None


def make_direct(endpoint: Endpoint, environ: Mapping[str, str]) -> Direct | None:
    """Return the way to an endpoint, or None where the client of botocore is needed.

    Raises what botocore raises for a URL or a region that is none.
    """
    try:
        if _suits(endpoint, environ):
            return Direct(endpoint, environ)
    except ImportError:
        pass  # a botocore whose parts are elsewhere: its client is where it was
    return None


def _suits(endpoint: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether nothing is set that needs more of botocore."""
    from botocore.configprovider import (  # noqa: PLC0415 - heavy: late
        BOTOCORE_DEFAUT_SESSION_VARIABLES as KNOWN,
    )
    from botocore.loaders import Loader  # noqa: PLC0415

    if endpoint.profile is None or BESIDE & endpoint.keys:
        return False
    if endpoint.region is None:
        # An empty one is none to us, and an error to botocore.
        if "AWS_DEFAULT_REGION" in environ or "region" in endpoint.keys:
            return False
    elif any(odd in endpoint.region for odd in ODD_REGIONS):
        return False
    if "AWS_LAMBDA_FUNCTION_NAME" in environ:  # requests carry its trace id
        return False
    if os.path.isdir(Loader.CUSTOMER_DATA_PATH):  # noqa: PTH112 - models of their own
        return False
    others = [one for name, one in KNOWN.items() if name not in HERE]
    return not any(
        endpoint.keys.intersection(_names(key))
        or environ.keys() & set(_names(variable))
        for key, variable, *_ in others
    )


def _names(said: str | Iterable[str] | None) -> Iterable[str]:
    return (said,) if isinstance(said, str) else said or ()


class Direct:
    """STS at one endpoint, for whoever signs: over one connection."""

    def __init__(self, endpoint: Endpoint, environ: Mapping[str, str]) -> None:
        # All of it now: a logger that is made during a call would not be quiet.
        import socket  # noqa: PLC0415 - a run without a call does without it

        from botocore.auth import SigV4Auth  # noqa: PLC0415 - heavy: late
        from botocore.endpoint import EndpointCreator  # noqa: PLC0415
        from botocore.hooks import HierarchicalEmitter  # noqa: PLC0415
        from botocore.model import ServiceModel  # noqa: PLC0415
        from botocore.serialize import create_serializer  # noqa: PLC0415
        from botocore.utils import validate_region_name  # noqa: PLC0415

        # The global endpoint takes signatures of this region.
        self._region = endpoint.region or "us-east-1"
        validate_region_name(self._region)
        self._model = ServiceModel(service_model.service_model(), "sts")
        self._serializer = create_serializer(self._model.metadata["protocol"])
        self._signature: Any = SigV4Auth
        self._agents = {
            signed: _user_agent(signed=signed, overridden=bool(endpoint.url))
            for signed in (True, False)
        }
        events = HierarchicalEmitter()
        events.register("request-created", self._sign)
        creator: Any = EndpointCreator(events)
        self._endpoint = creator.create_endpoint(
            self._model,
            region_name=self._region,
            endpoint_url=_url(endpoint),
            verify=environ.get("AWS_CA_BUNDLE", endpoint.ca_bundle),
            timeout=(settings.CONNECT_TIMEOUT_SECONDS, settings.READ_TIMEOUT_SECONDS),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def ask(
        self, action: str, arguments: Mapping[str, Any], signer: Credentials | None
    ) -> Mapping[str, Any]:
        """Return the answer to a call, or raise what a client of botocore raises."""
        from botocore.awsrequest import prepare_request_dict  # noqa: PLC0415
        from botocore.exceptions import ClientError  # noqa: PLC0415

        operation = self._model.operation_model(action)
        request = self._serializer.serialize_to_request(arguments, operation)
        prepare_request_dict(
            request,
            endpoint_url=self._endpoint.host,
            context={"signer": None if operation.auth_type == "none" else signer},
            user_agent=self._agents[signer is not None],
        )
        if "TokenCode" in arguments:
            # It counts once: not on a connection that died while somebody typed.
            self._endpoint.close()
        http, answer = self._endpoint.make_request(operation, request)
        if http.status_code >= 300:  # noqa: PLR2004 - as botocore's client
            raise ClientError(answer, action)
        found: Mapping[str, Any] = answer
        return found

    def _sign(self, request: Any, **_event: object) -> None:  # noqa: ANN401 - the botocore seam
        if signer := request.context["signer"]:
            self._signature(Keys(signer), "sts", self._region).add_auth(request)
        once = request.context["retries"]["invocation-id"]
        request.headers["amz-sdk-invocation-id"] = once
        most = "" if _retry_mode() == "legacy" else "; max=1"
        request.headers["amz-sdk-request"] = f"attempt=1{most}"


def _retry_mode() -> str:
    """Return the one that counts where nothing is set: botocore's affair."""
    from botocore.configprovider import (  # noqa: PLC0415 - in memory already
        BOTOCORE_DEFAUT_SESSION_VARIABLES as KNOWN,
    )

    return str(KNOWN["retry_mode"][2])


def _user_agent(*, signed: bool, overridden: bool) -> str:
    """Return what botocore's client would say of itself, by which AWS counts."""
    from botocore import __version__  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.context import start_as_current_context  # noqa: PLC0415
    from botocore.useragent import (  # noqa: PLC0415
        UserAgentString,
        register_feature_ids,
    )

    mode = _retry_mode()
    retries: Any = {"mode": mode}
    config = Config(user_agent_extra="sts-plugin", retries=retries)
    agent: Any = UserAgentString.from_environment()
    agent.set_session_config("Botocore", __version__, None)
    features = {
        f"RETRY_MODE_{mode.upper()}",
        "FLEXIBLE_CHECKSUMS_REQ_WHEN_SUPPORTED",
        "FLEXIBLE_CHECKSUMS_RES_WHEN_SUPPORTED",
        *(["CREDENTIALS_CODE"] if signed else []),
        *(["ENDPOINT_OVERRIDE"] if overridden else []),
    }
    with start_as_current_context():
        register_feature_ids(features)
        said: str = agent.with_client_config(config).to_string()
    return said


def _url(endpoint: Endpoint) -> str:
    """Return where STS is, by botocore's own rules."""
    from botocore.endpoint_provider import EndpointProvider  # noqa: PLC0415

    if endpoint.url:
        return endpoint.url
    rules = service_model.endpoint_rules()
    place = EndpointProvider(rules, service_model.partitions()).resolve_endpoint(
        Region=endpoint.region or "aws-global",
        UseDualStack=False,
        UseFIPS=False,
        UseGlobalEndpoint=False,
    )
    url: str = place.url
    return url
