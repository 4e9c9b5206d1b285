"""MFA devices: which code is right, and that it is right once.

Owns: the devices' seeds and the ledger of spent codes. Never: decides whether
MFA was needed.
"""

import hmac
import threading
from datetime import datetime

import pyotp

from sts_plugin.sandbox.errors import access_denied
from sts_plugin.sandbox.identities import Caller
from sts_plugin.sandbox.organisation import Organisation

__all__ = ["Devices"]

_STEP_SECONDS = 30


class Devices:
    """The organisation's MFA devices; safe for the server's threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._owners = {
            user.mfa_serial: user for user in organisation.users if user.mfa_serial
        }
        self._lock = threading.Lock()
        self._spent: set[tuple[str, int]] = set()

    def check(
        self, caller: Caller, serial: str | None, code: str | None, now: datetime
    ) -> bool:
        """Accept a code and spend it; False when no MFA was sent at all.

        The code of one step before or after counts (IAM User Guide, on
        resynchronising devices), each one once. A right code is spent from
        here on, whatever becomes of the call. Raises ``StsError`` AccessDenied.
        """
        if serial is None and code is None:
            return False
        if serial is None or code is None:
            # AccessDenied, not ValidationError: terraspace#224, sgviz#9
            raise access_denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number"
                " and one time pass code."
            )
        owner = self._owners.get(serial)
        if owner is None or owner.totp_seed is None or owner.arn != caller.user_arn:
            raise access_denied(
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please"
                " verify your MFA serial number is valid and associated with this user."
            )
        if not self._spend(serial, owner.totp_seed, code, now):
            raise access_denied(
                "MultiFactorAuthentication failed with invalid MFA one time pass code. "
            )
        return True

    def _spend(self, serial: str, seed: str, code: str, now: datetime) -> bool:
        totp = pyotp.TOTP(seed, interval=_STEP_SECONDS)
        current = int(now.timestamp()) // _STEP_SECONDS
        with self._lock:
            for step in (current, current - 1, current + 1):
                is_right = hmac.compare_digest(totp.generate_otp(step), code)
                if is_right and (serial, step) not in self._spent:
                    self._spent.add((serial, step))
                    return True
        return False
