"""What a person has of a seed, as text: base32 as IAM shows it, or an otpauth URI.

    text -> Seed -> the code of a step of 30 s

Never says where a seed is kept. No error shows one, and functions that hold one in the
open do not raise: no frame of a traceback holds it.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from sts_plugin.model import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PASTED", "NoSeed", "Seed", "parse"]

BASE32: Final = re.compile(r"[A-Z2-7]+")
LENGTHS: Final = (0, 2, 4, 5, 7)
"""What is left of a base32 text of whole bytes, divided by 8."""

LENGTH_MIN: Final = 23
"""112 bits, the least that pyotp takes (NIST SP 800-63B); IAM's have 64 characters."""

PASTED: Final = re.compile(r"\x1b\[20[01]~")
"""Brackets that a terminal puts around pasted text for a shell that asked for them."""

NO_BASE32: Final = "does not hold a base32 seed"


class NoSeed(Exception):
    """There is none to use; the text goes after the name of what was looked at."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "copy the secret key that IAM shows when a device is added",
    ) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Seed:
    """What a device makes its codes from: base32, capitals, without padding.

    ``issuer`` and ``account`` are what a URI says of whose it is, for people.
    """

    secret: Secret
    issuer: str = ""
    account: str = ""

    def code(self, step: int) -> str:
        """Return the code of a step: POSIX time, divided by 30 s."""
        import pyotp  # noqa: PLC0415 - heavy: late

        return pyotp.TOTP(self.secret.reveal()).generate_otp(step)


def parse(text: Secret) -> Seed:
    """Return the seed that a text is: base32 or an otpauth URI. Raises NoSeed."""
    found = _parsed(text)
    if isinstance(found, NoSeed):
        raise found
    return found


def _parsed(text: Secret) -> Seed | NoSeed:
    plain = PASTED.sub("", text.reveal()).strip()
    if not plain:
        return NoSeed("is empty")
    if len(plain.splitlines()) > 1:
        return NoSeed("holds more than one line", hint="keep the one with the seed")
    if not plain.lower().startswith("otpauth"):
        return _of_base32(plain)
    with contextlib.suppress(ValueError):  # brackets that do not match
        uri = urlsplit(plain)
        pairs = parse_qsl(uri.query, keep_blank_values=True, max_num_fields=100)
        return _of_uri(uri.scheme, uri.netloc, uri.path, pairs)
    return NoSeed("holds an otpauth URI that cannot be read")


def _of_base32(plain: str, issuer: str = "", account: str = "") -> Seed | NoSeed:
    base32 = re.sub(r"[\s-]", "", plain).upper().rstrip("=")
    # Some letters have a capital of ASCII and are none themselves.
    sound = plain.isascii() and BASE32.fullmatch(base32)
    if not sound or len(base32) % 8 not in LENGTHS:
        return NoSeed(NO_BASE32)
    if len(base32) < LENGTH_MIN:
        return NoSeed("holds less than a seed: IAM's have 64 letters and digits")
    return Seed(Secret(base32), issuer, account)


def _of_uri(
    scheme: str, kind: str, path: str, pairs: Sequence[tuple[str, str]]
) -> Seed | NoSeed:
    """Read an otpauth URI, as Google's Key URI Format has it."""
    if scheme == "otpauth-migration":
        return NoSeed(
            "is an export of Google Authenticator, which holds seeds in another form"
        )
    if scheme != "otpauth" or kind.lower() not in {"totp", "hotp"}:
        return NoSeed("holds no URI of the form otpauth://totp/...")
    if kind.lower() == "hotp":
        return NoSeed("is for codes by a counter (hotp), and IAM's go by the time")
    said = dict(pairs)
    if wrong := _twice(pairs) or _of_another_kind(said):
        return NoSeed(wrong)
    if not said.get("secret"):
        return NoSeed("holds an otpauth URI without a secret")
    before, _, after = unquote(path.removeprefix("/")).partition(":")
    issuer = said.get("issuer") or (before if after else "")
    return _of_base32(said["secret"], issuer, (after or before).strip())


def _twice(pairs: Sequence[tuple[str, str]]) -> str:
    names = [name for name, _ in pairs]
    for name in ("secret", "algorithm", "digits", "period"):
        if names.count(name) > 1:
            return f"holds an otpauth URI that says {name} twice"
    return ""


def _of_another_kind(said: Mapping[str, str]) -> str:
    """Return how the codes differ from IAM's, or nothing.

    Only what is known to be no seed is shown: a URI may lack an "&".
    """
    algorithm = said.get("algorithm") or "SHA1"
    if algorithm.upper() not in {"SHA1", "SHA-1", "HMACSHA1"}:
        known = re.fullmatch(
            r"(?:Hmac)?(?:SHA-?(?:256|512)|MD5)", algorithm, re.IGNORECASE
        )
        other = known[0] if known else "another algorithm"
        return f"is for codes made with {other}, and IAM's are made with SHA1"
    digits, period = said.get("digits") or "6", said.get("period") or "30"
    if digits != "6":
        many = digits if re.fullmatch(r"[0-9]{1,2}", digits) else "other than 6"
        return f"is for codes of {many} digits, and IAM's have 6"
    if period != "30":
        long = period if re.fullmatch(r"[0-9]{1,4}", period) else "other than 30"
        return f"is for codes that last {long} seconds, and IAM's last 30"
    return ""
