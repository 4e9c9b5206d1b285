"""The sandbox as a test or a reader of the tutorial holds it.

Owns: start and stop, the folder, the environment that leads an SDK here, the
knobs and the device's codes. Never: imports the engine.
"""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyotp

from sts_plugin.sandbox.estate import Estate, Knobs
from sts_plugin.sandbox.faults import Fault, Faults
from sts_plugin.sandbox.files import write_files
from sts_plugin.sandbox.identities import Registry
from sts_plugin.sandbox.journal import Journal
from sts_plugin.sandbox.mfa import Devices
from sts_plugin.sandbox.organisation import Organisation
from sts_plugin.sandbox.proofs import Proofs
from sts_plugin.sandbox.server import Server
from sts_plugin.sandbox.service import Service
from sts_plugin.sandbox.signin import PATH

__all__ = ["Sandbox"]

_YEAR_SECONDS = 365 * 24 * 3600

# In any case: a proxy would be sent the requests that are meant for loopback.
_PROXIES = frozenset({"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


class Sandbox(Proofs):
    """A strict STS on 127.0.0.1, and a folder of profiles that lead to it.

    Use it as a context manager: entering writes the files and starts the
    server, leaving stops every thread. The files stay, and are worth nothing
    then. ``command`` is written into the profiles' ``credential_process`` lines as
    it is; ``totp_file`` adds the device's seed to every profile with an MFA
    device, so that nobody has to be asked.

    ``journal`` holds what was asked, ``organisation`` who exists.
    """

    def __init__(
        self,
        folder: Path,
        *,
        command: str = "sts-plugin",
        lifetime_seconds: int | None = None,
        totp_file: bool = False,
        organisation: Organisation | None = None,
    ) -> None:
        # Absolute: the profiles name files in it, and are read from anywhere.
        self.folder = folder.absolute()
        self.organisation = organisation or Organisation.example()
        self.journal = Journal()
        self._command = command
        self._totp_file = totp_file
        self._knobs = Knobs(lifetime_seconds)
        self._faults = Faults()
        self._estate = Estate(
            self.organisation,
            Registry(self.organisation),
            Devices(self.organisation),
            self._knobs,
        )
        self._server: Server | None = None

    def __enter__(self) -> Self:
        """Write the files and start the server."""
        if self._server is not None:
            raise RuntimeError("the sandbox is running already")
        write_files(
            self.folder,
            self.organisation,
            command=self._command,
            web_identity_token=self.web_identity_token(lifetime_seconds=_YEAR_SECONDS),
            totp_file=self._totp_file,
        )
        stopped = threading.Event()
        service = Service(self._estate, self.journal, self._faults, stopped)
        self._server = Server(service, self._knobs, stopped)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server; calls that were kept waiting end with it."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def endpoint_url(self) -> str:
        """The URL of the server, while it runs."""
        if self._server is None:
            raise RuntimeError("the sandbox is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def lifetime_seconds(self) -> int | None:
        """The cap on every set issued from now on; None caps as STS does."""
        return self._knobs.lifetime_seconds

    @lifetime_seconds.setter
    def lifetime_seconds(self, seconds: int | None) -> None:
        self._knobs.lifetime_seconds = seconds

    @property
    def clock_offset_seconds(self) -> float:
        """How far the server's clock is ahead of the true time."""
        return self._knobs.clock_offset_seconds

    @clock_offset_seconds.setter
    def clock_offset_seconds(self, seconds: float) -> None:
        self._knobs.clock_offset_seconds = seconds

    @property
    def outbound_federation(self) -> bool:
        """Whether GetWebIdentityToken is enabled in the accounts."""
        return self._knobs.outbound_federation

    @outbound_federation.setter
    def outbound_federation(self, enabled: bool) -> None:
        self._knobs.outbound_federation = enabled

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return a copy of ``base`` in which every AWS SDK ends up here."""
        kept = {
            name: value
            for name, value in base.items()
            if not name.upper().startswith(("AWS_", "STS_PLUGIN_"))
            and name.upper() not in _PROXIES
        }
        return kept | {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_IAM": self.endpoint_url,
            "AWS_ENDPOINT_URL_STS": self.endpoint_url,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "NO_PROXY": "127.0.0.1",
            "STS_PLUGIN_CACHE_DIR": str(self.folder / "cache"),
            "STS_PLUGIN_DATA_DIR": str(self.folder / "data"),
            "STS_PLUGIN_SANDBOX": str(self.folder),
            "STS_PLUGIN_SIGNIN_URL": f"{self.endpoint_url}{PATH}",
        }

    def code(self, user: str = "alice", *, at: float | None = None) -> str:
        """Return the code on the user's device now, or ``at`` (a POSIX time).

        The device's clock is right, whatever ``clock_offset_seconds`` says.
        Raises ``KeyError`` for a user without a device.
        """
        seed = self.organisation.user(user).totp_seed
        if seed is None:
            raise KeyError(f"{user} has no MFA device")
        return pyotp.TOTP(seed).at(time.time() if at is None else at)

    def revoke(self, access_key_id: str) -> None:
        """Delete a key: from now on it is InvalidClientTokenId."""
        self._estate.registry.revoke(access_key_id)

    def add_fault(self, fault: Fault) -> None:
        """Order trouble for calls to come; several are met in this order."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Cancel all trouble that was not met yet."""
        self._faults.clear()
