"""The federation endpoint of AWS Sign-In: credentials for a token, that for a page.

Owns: ``getSigninToken`` and ``login``, who may sign in, for how long, and where to.
Never: a signature; the session itself is the proof. Source: IAM User Guide, "Enable
custom identity broker access to the AWS console"; AWS Knowledge Center, "Invalid
credentials parameter" (SessionDuration); aws-vault#1191, where a session of
GetSessionToken got a token and was refused at the login.
"""

import hmac
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.estate import Estate, SignedIn
from sts_plugin.sandbox.identities import Caller, Key, Kind
from sts_plugin.sandbox.wire import Answer

__all__ = ["PATH", "Visit", "render_refusal", "sign_in"]

PATH = "/federation"

INVALID = "Invalid credentials parameter"
NOT_FOR_LOGIN = (
    "Only federation tokens or assume role tokens may be used for federated login."
    " Please contact your administrator."
)

_TOKEN_SECONDS = 900
_DURATION_SECONDS = (900, 43_200)
_CONSOLE = "console.aws.amazon.com"
_MAY_SIGN_IN = frozenset({Kind.ROLE, Kind.FEDERATED})


@dataclass(slots=True)
class Visit:
    """One request: its parameters, and whose credentials it turned out to bring."""

    parameters: Mapping[str, str] = field(repr=False)
    now: datetime
    access_key_id: str | None = None
    caller: Caller | None = None


def sign_in(estate: Estate, visit: Visit) -> Answer:
    """Carry out a request; raise ``StsError`` where AWS refuses it."""
    match visit.parameters.get("Action"):
        case "getSigninToken":
            return _token(estate, visit)
        case "login":
            return _login(estate, visit)
        case _:
            raise _bad("Invalid action parameter")


def _token(estate: Estate, visit: Visit) -> Answer:
    key = _key(estate, visit)
    visit.caller = caller = key.caller
    assert key.expires_at is not None
    if visit.now >= key.expires_at:
        raise _bad(INVALID)
    ends_at = key.expires_at
    said = visit.parameters.get("SessionDuration")
    if said is not None:
        least, most = _DURATION_SECONDS
        number = said.isascii() and said.isdigit() and len(said) <= len(str(most))
        if not number or not least <= int(said) <= most:
            raise _bad("Invalid session duration parameter")
        if caller.kind is not Kind.ROLE or caller.chained:
            raise _bad(INVALID)
        ends_at = visit.now + timedelta(seconds=int(said))
    good_until = visit.now + timedelta(seconds=_TOKEN_SECONDS)
    token = estate.signins.seal(SignedIn(caller, good_until, ends_at))
    body = json.dumps({"SigninToken": token}).encode()
    return Answer(200, body, {"Content-Type": "application/json"})


def _key(estate: Estate, visit: Visit) -> Key:
    """Return the key of a session; refuse whatever is no temporary one of ours."""
    try:
        session = json.loads(visit.parameters.get("Session", ""))
        said = [session[name] for name in ("sessionId", "sessionKey", "sessionToken")]
        key_id, secret, token = (one.encode() for one in said)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _bad("Invalid session parameter") from None
    visit.access_key_id = said[0][:256]
    key = estate.registry.find(said[0])
    if key is None or key.session_token is None:  # unknown, or long-term
        raise _bad(INVALID)
    same = [
        hmac.compare_digest(secret, key.secret_access_key.encode()),
        hmac.compare_digest(token, key.session_token.encode()),
        hmac.compare_digest(key_id, key.access_key_id.encode()),
    ]
    if not all(same):
        raise _bad(INVALID)
    return key


def _login(estate: Estate, visit: Visit) -> Answer:
    signed = estate.signins.open(visit.parameters.get("SigninToken", ""))
    if signed is None or visit.now >= signed.good_until:
        raise _bad("Invalid or expired sign-in token")
    visit.caller = signed.caller
    if signed.caller.kind not in _MAY_SIGN_IN:
        raise _bad(NOT_FOR_LOGIN)
    where = visit.parameters.get("Destination", "")
    try:
        parts = urlsplit(where)
    except ValueError:
        raise _bad("Invalid destination parameter") from None
    host = parts.hostname or ""
    inside = host == _CONSOLE or host.endswith(f".{_CONSOLE}")
    if parts.scheme != "https" or not inside or "@" in parts.netloc:
        raise _bad("Invalid destination parameter")
    return _page(
        200,
        "Signed in to the sandbox",
        f"Signed in as {signed.caller.arn}",
        f"Account {signed.caller.account}",
        f"The session ends at {signed.ends_at:%Y-%m-%dT%H:%M:%SZ}",
        f"The console would be at {where}",
    )


def render_refusal(error: StsError) -> Answer:
    """Say no as the endpoint does: to a person, in HTML."""
    return _page(error.status, f"{error.status}", error.message)


def _page(status: int, title: str, *lines: str) -> Answer:
    body = "".join(f"<p>{html.escape(line)}</p>\n" for line in lines)
    text = f"<!DOCTYPE html>\n<title>{html.escape(title)}</title>\n{body}"
    kind = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status, text.encode("utf-8", "replace"), kind)


def _bad(message: str) -> StsError:
    return StsError("BadRequest", 400, message)
