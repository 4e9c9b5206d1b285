"""Where the AWS Management Console is, and the address that signs somebody in to it.

    partition, region, what was asked for -> Place, destination
    a sign-in token -> the address

Pure, but for botocore's table of partitions and the environment that it is given. A
destination stays within the console: whoever is handed an address of ours is not to end
up anywhere else.

Source: IAM User Guide, "Enable custom identity broker access to the AWS console"; AWS
General Reference, "AWS Sign-In endpoints" and "AWS Management Console endpoints".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from sts_plugin.errors import ConfigurationError
from sts_plugin.model import Secret
from sts_plugin.service_model import partitions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

__all__ = ["Place", "destination", "find_place", "login_address", "partition_in"]

SIGNIN_VARIABLE: Final = "STS_PLUGIN_SIGNIN_URL"
CONSOLE_VARIABLE: Final = "STS_PLUGIN_CONSOLE_URL"

PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "aws": (
        "https://signin.aws.amazon.com/federation",
        "https://{region}console.aws.amazon.com",
    ),
    # Their consoles send people on to the region that the address names.
    "aws-cn": (
        "https://signin.amazonaws.cn/federation",
        "https://console.amazonaws.cn",
    ),
    "aws-us-gov": (
        "https://signin.amazonaws-us-gov.com/federation",
        "https://console.amazonaws-us-gov.com",
    ),
    # There is no sign-in endpoint but the region's own.
    "aws-eusc": (
        "https://{region}signin.amazonaws-eusc.eu/federation",
        "https://{region}console.amazonaws-eusc.eu",
    ),
}
"""Where people are signed in, and the console itself; ``{region}`` is a region and a
full stop. The isolated partitions (aws-iso...) are not documented in public."""

REGIONAL: Final = frozenset({"aws-eusc"})
"""Partitions that have no place without a region."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

ISSUER: Final = "sts-plugin"
"""Who signed somebody in: the console names it when the session is over."""

REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
SERVICE: Final = re.compile(r"[a-z0-9][a-z0-9-]*(?:/[a-z0-9-]+)*")
UNCLEAN: Final = re.compile(r"[^\x21-\x7e]|\\")
"""What an address does not hold: blanks, controls, what browsers take for a slash."""


@dataclass(frozen=True, slots=True)
class Place:
    """A console: its federation endpoint, where it begins, and the region, if any."""

    signin: str
    console: str
    region: str | None = None


def partition_in(arn: str | None) -> str | None:
    """Return the partition that an ARN names."""
    parts = (arn or "").split(":")
    return parts[1] if len(parts) > 5 and parts[0] == "arn" else None  # noqa: PLR2004 - an ARN's


def find_place(
    partition: str | None, region: str | None, environ: Mapping[str, str]
) -> Place:
    """Return where the console of a partition is; None: of the region's, or aws.

    ``STS_PLUGIN_SIGNIN_URL`` and ``STS_PLUGIN_CONSOLE_URL`` say it instead. Raises
    ConfigurationError.
    """
    if region and not REGION.fullmatch(region):
        raise ConfigurationError(
            f"{region} is not a region", hint="write one such as eu-central-1"
        )
    if region and region.endswith("-global"):
        region = None  # botocore's name for none
    theirs = _partition_of(region) if region else None
    if partition and theirs and partition != theirs:
        raise ConfigurationError(
            f"region {region} is of partition {theirs}, and the credentials are of"
            f" {partition}",
            hint="give a --region of that partition",
        )
    partition = partition or theirs or "aws"
    known = PLACES.get(partition, ("", ""))
    said = [_said(environ, name) for name in (SIGNIN_VARIABLE, CONSOLE_VARIABLE)]
    if not all(said) and not all(known):
        raise ConfigurationError(
            f"where the console of partition {partition} is, is not known",
            hint=f"set {SIGNIN_VARIABLE} and {CONSOLE_VARIABLE}",
        )
    if not all(said) and not region and partition in REGIONAL:
        raise ConfigurationError(
            f"the console of partition {partition} needs a region", hint="give --region"
        )
    dotted = f"{region}." if region else ""
    signin, console = (
        one or other.format(region=dotted)
        for one, other in zip(said, known, strict=True)
    )
    return Place(_with_path(signin), console.rstrip("/"), region)


def _partition_of(region: str) -> str:
    """Return the partition of a region, by botocore's rules."""
    found = partitions()["partitions"]
    named = [one["id"] for one in found if region in one["regions"]]
    meant = [one["id"] for one in found if re.search(one["regionRegex"], region)]
    return str([*named, *meant, "aws"][0])


def _said(environ: Mapping[str, str], name: str) -> str:
    """Return what a variable says, judged; "" if it says nothing."""
    text = environ.get(name, "")
    if not text:
        return ""
    parts = _split(text)
    local = parts is not None and parts.hostname in LOOPBACK
    if (
        parts is None
        or not parts.hostname
        or parts.scheme not in ({"http", "https"} if local else {"https"})
        or parts.query
        or parts.fragment
    ):
        raise ConfigurationError(
            f"{name} is not an address that secrets may be sent to",
            hint="write https://HOST/PATH; http is for 127.0.0.1 alone",
        )
    return text


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address; None if it is none, or names a user."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return None if UNCLEAN.search(text) or "@" in parts.netloc else parts


def _with_path(signin: str) -> str:
    if urlsplit(signin).path.strip("/"):
        return signin
    return f"{signin.rstrip('/')}/federation"


def destination(place: Place, *, service: str | None, wanted: str | None) -> str:
    """Return the page of the console that somebody is to see first.

    ``wanted`` is an address or a path, ``service`` the name that the console's own
    addresses have for one; without both, it is the home page. Raises
    ConfigurationError for what is not in the console.
    """
    if wanted is None:
        name = service or "console"
        if not SERVICE.fullmatch(name):
            raise ConfigurationError(
                f"{name} is not the name of a service",
                hint="write it as the console's addresses do: ec2, s3, cloudwatch",
            )
        query = f"?region={place.region}" if place.region else ""
        return f"{place.console}/{name}/home{query}"
    path = wanted.startswith("/") and not wanted.startswith("//")
    address = f"{place.console}{wanted}" if path else wanted
    if not _within(place, address):
        host = urlsplit(place.console).hostname
        raise ConfigurationError(
            f"--destination {wanted} is not in the console",
            hint=f"write a path that begins with /, or an https address at {host}",
        )
    return address


def _within(place: Place, address: str) -> bool:
    """Whether an address is one of the console's: its host, or one below it."""
    console, parts = urlsplit(place.console), _split(address)
    if parts is None or parts.hostname is None or parts.scheme != console.scheme:
        return False
    if parts.port != console.port:
        return False
    home = str(console.hostname)
    if place.region:  # sessions, and other regions, have hosts beside it
        home = home.removeprefix(f"{place.region}.")
    return parts.hostname == home or parts.hostname.endswith(f".{home}")


def login_address(place: Place, destination: str, token: Secret) -> Secret:
    """Return the address that signs in whoever opens it within 15 minutes."""
    query = urlencode(
        {
            "Action": "login",
            "Issuer": ISSUER,
            "Destination": destination,
            "SigninToken": token.reveal(),
        }
    )
    return Secret(f"{place.signin}?{query}")
