"""Every error this package raises, as one tree.

::

    StsPluginError                      exit code
    ├── NothingHere                      3   no credentials here: a caller may go on
    ├── ConfigurationError               3   a file, key, variable or argument is wrong
    ├── HumanNeeded                      4   a person must act
    │   ├── CannotAsk                        nobody can be asked from here
    │   ├── Declined                         somebody was asked and said no
    │   └── NoAnswer                         somebody was asked and did not answer
    ├── Refused                          5   AWS answered no
    │   ├── CodeRefused                      ... to the MFA code: another may pass
    │   ├── CallerRejected                   ... to the credentials that signed the call
    │   └── DurationRefused                  ... to a session of that length
    ├── Unreachable                      6   no usable answer from AWS
    │   └── Throttled                        ... but that there were too many calls
    ├── Busy                             7   another process held the lock too long
    └── CacheUnusable                    -   never fatal: the run goes on without

The other exit codes are in ``exit_codes``.

A message is one line and says what is wrong and where; ``hint`` says how to mend
it. No error carries a credential, an MFA code, a request or a response.

>>> import sts_plugin
>>> try:
...     sts_plugin.Client("bob").assume_role("arn:aws:iam::222222222222:role/Audit")
... except sts_plugin.errors.Refused as error:
...     error.code, error.exit_code
('AccessDenied', 5)

Any module may import this one; it imports nothing of ours.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Busy",
    "CacheUnusable",
    "CallerRejected",
    "CannotAsk",
    "CodeRefused",
    "ConfigurationError",
    "Declined",
    "DurationRefused",
    "HumanNeeded",
    "NoAnswer",
    "NothingHere",
    "Refused",
    "StsPluginError",
    "Throttled",
    "Unreachable",
]


class StsPluginError(Exception):
    """The root of the tree.

    ``message`` and ``hint`` are each folded to a single line, because a
    ``credential_process`` has one line to explain itself in.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())
        super().__init__(self.message)

    @property
    def line(self) -> str:
        """Message and hint as the one line that a person reads."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class NothingHere(StsPluginError):
    """There are no credentials to be had here; whoever asked may look elsewhere."""

    exit_code = 3


class ConfigurationError(StsPluginError):
    """A configuration file, an environment variable or an argument is wrong."""

    exit_code = 3


class HumanNeeded(StsPluginError):
    """Nothing is wrong, but a person has to act before this can work."""

    exit_code = 4


class CannotAsk(HumanNeeded):
    """An MFA code is needed and there is no way to ask anybody from here."""


class Declined(HumanNeeded):
    """A person was asked for an MFA code and ended the question: they are there."""


class NoAnswer(HumanNeeded):
    """A person was asked for an MFA code and did not give one in time.

    ``person`` is False where it was a command that did not answer.
    """

    def __init__(self, message: str, *, hint: str = "", person: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.person = person


class Refused(StsPluginError):
    """AWS understood the call and refused it.

    ``code`` is the error code of STS, such as ``AccessDenied``.
    """

    exit_code = 5

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class CodeRefused(Refused):
    """AWS refused the MFA code; the next code of the device may be accepted."""


class CallerRejected(Refused):
    """AWS rejected the credentials that signed the call: expired, revoked, unknown."""


class DurationRefused(Refused):
    """AWS does not let the role's sessions last as long as was asked for."""


class Unreachable(StsPluginError):
    """AWS gave no usable answer.

    ``sent`` tells whether the request may have reached AWS: if so, an MFA code in
    it must be treated as spent. ``passing`` tells whether the same call may do better
    in a moment: a connection that broke may, a page of a proxy will not.
    """

    exit_code = 6

    def __init__(
        self, message: str, *, sent: bool, passing: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.passing = passing


class Throttled(Unreachable):
    """AWS asks for fewer calls, and did not say yes or no to this one."""


class Busy(StsPluginError):
    """Another process held the lock for longer than this one may wait."""

    exit_code = 7


class CacheUnusable(StsPluginError):
    """The cache cannot be used. Never fatal: the run goes on without it."""
