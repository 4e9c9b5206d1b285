"""Every number this package relies on, and every environment variable it reads.

Each number has its unit in its name and its reason beside it. Limits of single
arguments of STS are in botocore's service model; see ``limits``. Reads the environment
it is given and nothing else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sts_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ANOTHER_PROMPT_SECONDS",
    "BACKGROUND_SECONDS_MAX",
    "BROWSER_GRACE_SECONDS",
    "BROWSER_SECONDS",
    "CACHE_KEY_PERSON_SECONDS",
    "CACHE_KEY_SECONDS",
    "CHAINED_ROLE_SECONDS_MAX",
    "CLOCK_SKEW_SECONDS",
    "CODE_ATTEMPTS",
    "CODE_STEP_SECONDS",
    "CODE_USED_SECONDS",
    "COMMAND_TIMEOUT_SECONDS",
    "CONNECT_TIMEOUT_SECONDS",
    "ENTRY_AGE_SECONDS_MAX",
    "ENTRY_BYTES_MAX",
    "HOPS_MAX",
    "INSIST_SECONDS",
    "LOCK_CROWD_SECONDS",
    "LOCK_NOTICE_SECONDS",
    "LOCK_POLL_SECONDS",
    "LOCK_WAIT_SECONDS",
    "LOWER_ROLE_SECONDS",
    "NEW_KEY_PAUSE_SECONDS",
    "NEW_KEY_SECONDS",
    "PROGRESS_AFTER_SECONDS",
    "PROMPT_SECONDS_DEFAULT",
    "PROMPT_TICK_SECONDS",
    "PROOF_COMMAND_SECONDS",
    "QUIET_SECONDS_DEFAULT",
    "READ_TIMEOUT_SECONDS",
    "RENEWAL_PAUSE_SECONDS",
    "RENEW_BEFORE_SECONDS",
    "RETRIES_MAX",
    "RETRY_WAIT_SECONDS",
    "ROLE_SECONDS",
    "RUN_SECONDS_MAX",
    "SESSION_ENDS_SOON_SECONDS",
    "SESSION_SECONDS_DEFAULT",
    "SESSION_TOKEN_BYTES_MAX",
    "SIGNIN_BYTES_MAX",
    "STREAK_MAX",
    "STREAK_SECONDS",
    "TEMPORARY_AGE_SECONDS_MAX",
    "THROTTLED_PAUSE_SECONDS",
    "THROTTLED_WAIT_SECONDS",
    "USABLE_SECONDS",
    "YOUNG_SESSION_SECONDS",
    "Settings",
]

# --- Freshness -------------------------------------------------------------

RENEW_BEFORE_SECONDS: Final = 900
"""botocore asks again for every request once 15 minutes or less are left
(``RefreshableCredentials._advisory_refresh_timeout``)."""

INSIST_SECONDS: Final = 600
"""With less left, botocore lets every request wait for new credentials
(``RefreshableCredentials._mandatory_refresh_timeout``)."""

USABLE_SECONDS: Final = 60
"""Least life of credentials that only sign our own next call, or that are served
because a renewal failed: a call may take 25 s, and clocks differ."""

# --- STS limits ------------------------------------------------------------

ROLE_SECONDS: Final = (900, 43_200)
"""Lifetime of a role session (shape ``roleDurationSecondsType``)."""

LOWER_ROLE_SECONDS: Final = (28_800, 21_600, 14_400, 7_200, 3_600)
"""What is tried, longest first, where a role does not allow what was asked for and the
profile says that less will do: STS never tells a role's maximum, and people set whole
hours."""

CHAINED_ROLE_SECONDS_MAX: Final = 3_600
"""STS refuses more when the caller's own credentials are temporary, those of
GetSessionToken included (API reference, AssumeRole, "role chaining"; aws-vault#263,
aws-runas#11)."""

SESSION_SECONDS_DEFAULT: Final = 43_200
"""What STS itself gives an IAM user who asks for nothing: a working day, 12 h."""

# --- Profiles ---------------------------------------------------------------

HOPS_MAX: Final = 20
"""How many profiles a chain of roles may lead through, and so may one of
``include_profile``. Real ones have two to five. Each role is a call of its own, at some
tenths of a second, and all calls of a run share 22 s: a longer chain would end in the
middle, if it is no mistake. botocore goes on until Python's recursion limit."""

# --- MFA codes -------------------------------------------------------------

CODE_STEP_SECONDS: Final = 30
"""A TOTP device shows a new code every 30 s (RFC 6238, as IAM requires)."""

CODE_USED_SECONDS: Final = 180
"""How long the ledger remembers a code: STS accepts one for its own step and the
steps beside it, at most 90 s; twice that leaves room for clocks that differ."""

CODE_ATTEMPTS: Final = 3
"""How often one run asks for a code before it gives up."""

ANOTHER_PROMPT_SECONDS: Final = 20.0
"""What somebody whose code was wrong gets at least for the next one."""

PROMPT_TICK_SECONDS: Final = 0.25
"""How often a prompt looks around: whether whoever wanted the answer is still there,
whether the terminal is still ours, how much time is left."""

PROGRESS_AFTER_SECONDS: Final = 1.0
"""After so long somebody wants to know what is waited for (Nielsen, "Response Times",
1993: up to a second keeps a flow of thought)."""

QUIET_SECONDS_DEFAULT: Final = 900.0
"""How long nobody is asked again after a prompt that nobody answered: a loop that runs
unattended must not put one prompt after the other. ``login`` asks all the same."""

YOUNG_SESSION_SECONDS: Final = 300
"""``login`` renews a session unless it was got this short a time ago: by the same
login for another profile, or in another window."""

SESSION_ENDS_SOON_SECONDS: Final = 3_600
"""From then on ``status`` says that a session ends soon."""

PROMPT_SECONDS_DEFAULT: Final = 55.0
"""How long a prompt waits: below the minute after which Go SDKs give up on a
``credential_process``."""

COMMAND_TIMEOUT_SECONDS: Final = 45.0
"""How long ``mfa_process`` may take: long enough to touch a key, shorter than the
minute after which Go SDKs give up."""

PROOF_COMMAND_SECONDS: Final = 90.0
"""How long a command may take to get a token or an assertion: somebody may have to sign
in in a browser. With the call after it (25 s), it is over before those who wait for the
lock give up."""

# --- Network ---------------------------------------------------------------

CONNECT_TIMEOUT_SECONDS: Final = 3.0
READ_TIMEOUT_SECONDS: Final = 6.0
"""STS answers within a second. Two attempts of 3 + 6 s leave time for the other region
of a profile that names one."""

RUN_SECONDS_MAX: Final = 22.0
"""What all calls of a run may take together, waits between them included: a silent STS
counts as down after 25 s, the start of the process included. An STS that sends a byte
now and then keeps within every time-out of a single read."""

RETRIES_MAX: Final = 2
"""How many calls of a run may be sent again: with the first one, three."""

RETRY_WAIT_SECONDS: Final = 0.4
"""Before a call is sent for the second time, at most; twice that before the third. A
port that is closed says so at once: the run is to end within two seconds."""

THROTTLED_WAIT_SECONDS: Final = 1.0
"""The same after AWS asked for fewer calls."""

THROTTLED_PAUSE_SECONDS: Final = (2.0, 6.0)
"""For so long, at random between the two, no process makes a call that was still
throttled after the last attempt: a herd must not add to what it suffers from."""

STREAK_MAX: Final = 3
STREAK_SECONDS: Final = 60.0
"""So many runs in a row that got no answer, each within a minute of the one before,
tell those who wait that theirs would get none either."""

RENEWAL_PAUSE_SECONDS: Final = (30.0, 60.0)
"""How long, at random between the two, no process of this machine tries again to renew
a set that is still good, after that has failed."""

BACKGROUND_SECONDS_MAX: Final = 60
"""When a renewal that nobody waits for is ended, whatever holds it up: its calls have
22 s, and it may wait for its turn."""

CLOCK_SKEW_SECONDS: Final = 300
"""STS refuses a signature that is older or younger than five minutes (IAM User Guide,
"Troubleshooting Signature Version 4")."""

SIGNIN_BYTES_MAX: Final = 65_536
"""What an answer with a sign-in token may have at most: they have one to three
kilobytes."""

BROWSER_SECONDS: Final = 60.0
"""How long a browser may take to fetch the page that it was sent to: a cold start, a
question which profile is meant. Nobody else is to find the page there later."""

BROWSER_GRACE_SECONDS: Final = 5.0
"""The same once the command that was to start it has said that it failed: Python calls
it that when a starter has ended too soon."""

# --- Access keys -----------------------------------------------------------

NEW_KEY_SECONDS: Final = 60.0
"""How long a new access key may be unknown to AWS: IAM is consistent after a while,
normally within ten seconds."""

NEW_KEY_PAUSE_SECONDS: Final = (1.0, 8.0)
"""How long is waited before it is tried again: at first, and at most."""

# --- Store -----------------------------------------------------------------

SIGNAL_SECONDS: Final = 0.5
"""How often a program of several threads that waits for a signal looks for one: Python
acts on signals in its main thread, and one that another thread is given, or that comes
just before a wait, does not wake that."""

LOCK_NOTICE_SECONDS: Final = 2.0
"""After this long a waiting process says what it waits for."""

LOCK_POLL_SECONDS: Final = (0.05, 0.2)
"""How often a waiter looks: at first, and once it has said that it waits. Two hundred
waiters are to leave a machine its breath."""

LOCK_CROWD_SECONDS: Final = 1.0
"""How often a thread looks around that waits behind another one of its process: that
one looks more often, and lets the next one in as soon as there is news."""

LOCK_WAIT_SECONDS: Final = 180.0
"""A prompt (55 s), two more after wrong codes (20 s each), and a call for each, of 25 s
at most."""

SESSION_TOKEN_BYTES_MAX: Final = 32_768
"""STS's tokens have some hundred bytes; callers can ask for at least 4,096 at most
(shape ``minimumSessionTokenSizeType``), and AWS names no upper limit."""

ENTRY_BYTES_MAX: Final = 65_536
"""Room for such a token and the rest; a larger entry is not ours."""

ENTRY_AGE_SECONDS_MAX: Final = 37 * 3600
"""No session lives longer than 36 h: a file older than this can be swept."""

TEMPORARY_AGE_SECONDS_MAX: Final = 600
"""Publishing takes milliseconds: a temporary file older than this was left over."""

CACHE_KEY_SECONDS: Final = 4.0
"""How long a run asks the OS keychain for the key of the cache, all in all, before it
goes on without the cache. An unlocked one answers within milliseconds, the first time
it is used within a second; with a prompt of 55 s after it, a run still ends before the
minute after which Go SDKs give up."""

CACHE_KEY_PERSON_SECONDS: Final = 45.0
"""The same for ``login``: whoever runs it is there, and can unlock the keychain."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says about us.

    ``cache_dir`` is None where the platform's own folder is to be used.
    """

    cache_dir: str | None = None
    prompt_seconds: float = PROMPT_SECONDS_DEFAULT
    quiet_seconds: float = QUIET_SECONDS_DEFAULT

    @property
    def lock_wait_seconds(self) -> float:
        """How long a lock is waited for: longer than whoever holds it may take."""
        return LOCK_WAIT_SECONDS + max(
            0.0, self.prompt_seconds - PROMPT_SECONDS_DEFAULT
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read our variables; raise ConfigurationError for one that is no use.

        ``STS_PLUGIN_CACHE_DIR``
            folder of the cache, an absolute path, instead of the platform's own.
        ``STS_PLUGIN_PROMPT_SECONDS``
            how long a prompt waits for a code.
        ``STS_PLUGIN_QUIET_SECONDS``
            how long nobody is asked again after a prompt that nobody answered.
        """
        prompt = _seconds(
            environ, "STS_PLUGIN_PROMPT_SECONDS", PROMPT_SECONDS_DEFAULT, 3600
        )
        if prompt == 0:
            raise ConfigurationError(
                "STS_PLUGIN_PROMPT_SECONDS=0 leaves no time to answer",
                hint="use a number above 0 and at most 3600",
            )
        quiet = _seconds(
            environ, "STS_PLUGIN_QUIET_SECONDS", QUIET_SECONDS_DEFAULT, 86_400
        )
        folder = os.path.expanduser(environ.get("STS_PLUGIN_CACHE_DIR", ""))  # noqa: PTH111
        if folder and not os.path.isabs(folder):  # noqa: PTH117
            raise ConfigurationError(
                f"STS_PLUGIN_CACHE_DIR={folder} is not an absolute path",
                hint="write the path from the root: programs run in many folders",
            )
        return cls(folder or None, prompt, quiet)


def _seconds(environ: Mapping[str, str], name: str, default: float, most: int) -> float:
    """Return a variable as a number of seconds from 0 to ``most``."""
    text = environ.get(name)
    try:
        seconds = float(text or default)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= most:
        raise ConfigurationError(
            f"{name}={text} is not a number of seconds",
            hint=f"use a number from 0 to {most}",
        )
    return seconds
