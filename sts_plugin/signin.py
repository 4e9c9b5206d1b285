"""The one module that calls the federation endpoint of AWS Sign-In.

    temporary credentials -> a sign-in token, or one of our errors

The credentials travel in the body of a POST (IAM User Guide, "Enable custom identity
broker access to the AWS console": "AWS supports POST requests here"), never in a URL,
which proxies and servers log. As in ``sts``, no exception, request or answer leaves:
errors are returned, not raised, until the frames that hold them are gone. What the
endpoint says as it refuses is not shown: it may quote what it was sent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from sts_plugin import settings
from sts_plugin.deadline import within
from sts_plugin.errors import Refused, Unreachable
from sts_plugin.model import Secret
from sts_plugin.quiet import quietly
from sts_plugin.refusals import failure, no_answer
from sts_plugin.retries import Budget, again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.errors import StsPluginError
    from sts_plugin.model import Credentials

    Post = Callable[[Mapping[str, str]], tuple[int, bytes]]

__all__ = ["Post", "Signin", "make_post"]

ACTION: Final = "getSigninToken"

NAME: Final = "the sign-in endpoint"

TOKEN: Final = re.compile(r"[\x21-\x7e]+")

ONLY: Final = (
    "AWS signs in the credentials of a role or of GetFederationToken, while they are"
    " good"
)
NO_LONGER: Final = (
    "leave --duration out: AWS takes it for a role that long-term keys, a token or an"
    " assertion got directly"
)


@dataclass(frozen=True, slots=True)
class Signin:
    """A federation endpoint. ``post`` sends a form to it: status and body.

    Raises nothing but StsPluginError.
    """

    post: Callable[[], Post]

    def token(
        self, credentials: Credentials, *, seconds: int | None, profile: str
    ) -> Secret:
        """Return what signs somebody in within 15 minutes.

        ``seconds`` is how long the session in the console is to last (None: as the
        credentials). Raises Refused, Unreachable, ConfigurationError.
        """
        what = f'{ACTION} (profile "{profile}")'
        fields = _fields(credentials, seconds)
        budget, done = Budget(settings.RUN_SECONDS_MAX), 0
        while True:
            answer = self._attempt(fields, what, budget, longer=seconds is not None)
            if isinstance(answer, Secret):
                return answer
            # Nobody is signed in by it: it may be asked twice.
            more = None
            if isinstance(answer, Unreachable):
                more = again(answer, coded=False, done=done, elsewhere=False)
            if more is None or not budget.wait(more.seconds):
                del fields
                raise answer
            done += 1

    def _attempt(
        self, fields: Mapping[str, Secret], what: str, budget: Budget, *, longer: bool
    ) -> Secret | StsPluginError:
        from botocore import exceptions as aws  # noqa: PLC0415 - heavy: late

        seconds = budget.left
        try:
            post = quietly(self.post)()
            send = quietly(
                lambda: post({name: one.reveal() for name, one in fields.items()}), what
            )
            with budget:
                status, body = within(seconds, send)
        except TimeoutError:
            return no_answer(what, f"none in {seconds:.0f} seconds")
        except (aws.BotoCoreError, ValueError, OSError) as error:
            return failure(error, what, service=NAME)
        return _judged(status, body, what, longer=longer)


def _fields(credentials: Credentials, seconds: int | None) -> dict[str, Secret]:
    token = credentials.session_token
    session = {
        "sessionId": credentials.access_key_id,
        "sessionKey": credentials.secret_access_key.reveal(),
        "sessionToken": token.reveal() if token else "",
    }
    fields = {"Action": Secret(ACTION), "Session": Secret(json.dumps(session))}
    if seconds is not None:
        fields["SessionDuration"] = Secret(str(seconds))
    return fields


def _judged(
    status: int, body: bytes, what: str, *, longer: bool
) -> Secret | StsPluginError:
    """Return the token of an answer, or why there is none."""
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects: secrets do not follow
        return no_answer(what, f"it sends us elsewhere (HTTP {status})")
    if status == 429 or status >= 500:  # noqa: PLR2004 - HTTP's "later"
        return no_answer(what, f"HTTP {status}", passing=True)
    if status >= 400:  # noqa: PLR2004 - HTTP's "no"
        said = f"AWS refused {what}: HTTP {status}"
        return Refused(said, code=str(status), hint=NO_LONGER if longer else ONLY)
    try:
        found = json.loads(body) if len(body) <= settings.SIGNIN_BYTES_MAX else None
    except (ValueError, RecursionError):
        found = None
    token = found.get("SigninToken") if isinstance(found, dict) else None
    if status != 200 or not isinstance(token, str) or not TOKEN.fullmatch(token):  # noqa: PLR2004 - HTTP's "here it is"
        return no_answer(what, f"the answer is not {NAME}'s")
    return Secret(token)


def make_post(url: str, environ: Mapping[str, str], ca_bundle: str | None) -> Post:
    """Return how a form is sent: by botocore's HTTP session, as calls to STS are.

    With the same certificates and proxies; to loopback without a proxy.
    """
    # All of it now: a logger that is made during a call would not be quiet.
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - heavy: late
    from botocore.exceptions import (  # noqa: PLC0415
        ConnectionClosedError,
        ResponseStreamingError,
    )
    from botocore.httpsession import URLLib3Session  # noqa: PLC0415
    from botocore.utils import get_environ_proxies  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    secure = urlsplit(url).scheme == "https"
    bundle = environ.get("AWS_CA_BUNDLE") or ca_bundle
    make: Any = URLLib3Session  # its stubs know less than it takes
    session = make(
        verify=bundle or environ.get("REQUESTS_CA_BUNDLE") or True,
        proxies=get_environ_proxies(url) if secure else {},
        timeout=(settings.CONNECT_TIMEOUT_SECONDS, settings.READ_TIMEOUT_SECONDS),
    )

    def post(fields: Mapping[str, str]) -> tuple[int, bytes]:
        request = AWSRequest(
            method="POST",
            url=url,
            data=urlencode(fields),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
                "User-Agent": "sts-plugin",
            },
            stream_output=True,  # so that no more is read than an answer can have
        )
        try:
            response = session.send(request.prepare())
            body, whole = _read(response.raw)
        except HTTPError as error:
            raise ResponseStreamingError(error=error) from None
        finally:
            session.close()
        if not whole:
            raise ConnectionClosedError(endpoint_url=url)
        return response.status_code, body

    return post


def _read(raw: Any) -> tuple[bytes, bool]:  # noqa: ANN401 - the botocore seam
    """Return a body, or so much of it that it is too large; and whether it ended well.

    botocore has urllib3 pass over a body that is shorter than was announced.
    """
    body = b""
    while len(body) <= settings.SIGNIN_BYTES_MAX:
        if not (more := raw.read(settings.SIGNIN_BYTES_MAX, decode_content=True)):
            return body, not getattr(raw, "length_remaining", None)
        body += more
    return body, True
