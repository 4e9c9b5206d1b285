"""Signature Version 4, verified: the sandbox's own reading of the rules.

Owns: the Authorization header, the canonical request, the clock limits.
Never: looks a key up, and never uses botocore's signer, which would make a
mistake agree with itself. Source: IAM User Guide, "Create a signed AWS API
request" and "Elements of an AWS API request signature".
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from sts_plugin.sandbox.errors import StsError
from sts_plugin.sandbox.wire import Request

__all__ = ["Authorization", "parse_authorization", "verify_signature"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The Authorization header in its parts. It holds no secret."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)

    @property
    def scope(self) -> str:
        """The credential scope, as it is signed."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def parse_authorization(request: Request) -> Authorization:
    """Take the header apart.

    Raises ``StsError``: MissingAuthenticationToken without one,
    IncompleteSignature for one that lacks a part.
    """
    header = request.headers.get("authorization", "")
    if not header:
        raise StsError(
            "MissingAuthenticationToken", 403, "Request is missing Authentication Token"
        )
    algorithm, _, rest = header.partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:32]}'.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    credential = parts["Credential"].split("/")
    if len(credential) != 5:  # noqa: PLR2004 (key id and the four parts of a scope)
        raise _incomplete("Credential must have exactly 5 slash-delimited elements.")
    if "x-amz-date" not in request.headers:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a"
            " 'Date' header."
        )
    access_key_id, date, region, service, terminator = credential
    return Authorization(
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=tuple(parts["SignedHeaders"].split(";")),
        signature=parts["Signature"],
    )


def verify_signature(
    request: Request,
    authorization: Authorization,
    secret: str,
    now: datetime,
    service: str = "sts",
) -> None:
    """Refuse a request that was not signed with this secret, now, for the service.

    Raises ``StsError`` SignatureDoesNotMatch, also for a clock more than five
    minutes off (STS's code for it; only the text tells the difference).
    """
    stamp = request.headers["x-amz-date"]
    _check_clock(stamp, now)
    _check_scope(authorization, stamp, service)
    _check_signed_headers(request, authorization)
    expected = _sign(request, authorization, secret, stamp)
    if not hmac.compare_digest(
        expected.encode(), authorization.signature.encode("utf-8", "replace")
    ):
        raise _mismatch(
            "The request signature we calculated does not match the signature you"
            " provided. Check your AWS Secret Access Key and signing method. Consult"
            " the service documentation for details."
        )


def _check_clock(stamp: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(
            "Date must be in ISO-8601 'basic format'. Got something else. See"
            " http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
    earliest, latest = now - _SKEW, now + _SKEW
    if signed_at < earliest:
        raise _mismatch(
            f"Signature expired: {stamp} is now earlier than"
            f" {earliest.strftime(_STAMP)} ({now.strftime(_STAMP)} - 5 min.)"
        )
    if signed_at > latest:
        raise _mismatch(
            f"Signature not yet current: {stamp} is still later than"
            f" {latest.strftime(_STAMP)} ({now.strftime(_STAMP)} + 5 min.)"
        )


def _check_scope(authorization: Authorization, stamp: str, service: str) -> None:
    if authorization.date != stamp[:8]:
        raise _mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of"
            " date from HTTP."
        )
    if authorization.service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    if not _REGION.fullmatch(authorization.region):
        raise _mismatch("Credential should be scoped to a valid region.")
    if authorization.terminator != "aws4_request":
        raise _mismatch(
            "Credential should be scoped with a valid terminator: 'aws4_request'."
        )


def _check_signed_headers(request: Request, authorization: Authorization) -> None:
    # "You must include the host header and any x-amz-* headers": an unsigned
    # x-amz-security-token could be swapped under a valid signature.
    needed = {"host"} | {n for n in request.headers if n.startswith("x-amz-")}
    signed = set(authorization.signed_headers)
    missing = sorted(needed - signed) or sorted(signed - request.headers.keys())
    if missing:
        raise _mismatch(
            f"'{missing[0][:64]}' must be a 'SignedHeader' in the AWS Authorization."
        )


def _sign(
    request: Request, authorization: Authorization, secret: str, stamp: str
) -> str:
    headers = "".join(
        f"{name}:{' '.join(request.headers[name].split())}\n"
        for name in authorization.signed_headers
    )
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            _canonical_query(request.query),
            headers,
            ";".join(authorization.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
    key = b"AWS4" + secret.encode()
    for part in authorization.scope.split("/"):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    text = f"{_ALGORITHM}\n{stamp}\n{authorization.scope}\n{digest}"
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()


def _canonical_query(query: str) -> str:
    pairs = (pair.partition("=")[::2] for pair in query.split("&") if pair)
    encoded = ((_encode(name), _encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encode(text: str) -> str:
    return quote(unquote(text.replace("+", " ")), safe="-_.~")


def _incomplete(message: str) -> StsError:
    return StsError("IncompleteSignature", 400, message)


def _mismatch(message: str) -> StsError:
    return StsError("SignatureDoesNotMatch", 403, message)
