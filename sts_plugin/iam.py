"""The one module that calls IAM: for the access keys and MFA devices of a user.

    what + who signs -> the answer as values, or one of our errors

As in ``sts``, no botocore exception, request or response leaves it. Where IAM is, is
botocore's to say (``AWS_ENDPOINT_URL_IAM``, ``services``). Whatever makes a key is sent
once: an answer that got lost may have made one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin import settings
from sts_plugin.aws import Time, answer_to, by_client, make_client
from sts_plugin.botocore_session import make_session
from sts_plugin.errors import Refused, StsPluginError, Unreachable
from sts_plugin.model import Credentials, Secret
from sts_plugin.refusals import no_answer
from sts_plugin.retries import Budget, again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.model import Endpoint

__all__ = ["Iam", "UserKey"]

GONE = "NoSuchEntity"

PAGES_MAX = 10
"""A user has eight devices at most, which is less than a page."""

MFA_DENIED = "the user's policies must allow iam:ListMFADevices for the user itself"

DENIED = (
    "the user's policies must allow iam:ListAccessKeys, CreateAccessKey,"
    " DeleteAccessKey and GetAccessKeyLastUsed for the user itself; many demand MFA for"
    " that: add mfa_serial to the profile"
)


@dataclass(frozen=True, slots=True)
class UserKey:
    """An access key of a user, as ListAccessKeys tells of it. ``created`` is UTC."""

    access_key_id: str
    created: datetime
    active: bool


class Iam:
    """The access keys of users. ``session`` and ``endpoint`` are as for ``sts.Sts``.

    A ``user`` is a user's name, or None for the root user, who signs. All methods raise
    Refused, CallerRejected, Unreachable or ConfigurationError.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        session: Callable[[str | None], Any] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._make_session = session or make_session
        self._session: Any = None

    def access_keys(self, user: str | None, signer: Credentials) -> list[UserKey]:
        """Return the access keys of a user: IAM allows two."""
        found = self._ask("ListAccessKeys", _of(user), signer)
        try:
            return [_user_key(one) for one in found["AccessKeyMetadata"]]
        except (LookupError, TypeError, AttributeError):
            raise _senseless("ListAccessKeys") from None

    def create_access_key(self, user: str | None, signer: Credentials) -> Credentials:
        """Make an access key; its secret is never told again."""
        key = _new_key(self._ask("CreateAccessKey", _of(user), signer, once=True))
        if key is None:
            raise _senseless("CreateAccessKey")
        return key

    def delete_access_key(
        self, user: str | None, access_key_id: str, signer: Credentials
    ) -> None:
        """Delete a key that may already be gone."""
        arguments = {**_of(user), "AccessKeyId": access_key_id}
        try:
            self._ask("DeleteAccessKey", arguments, signer)
        except Refused as error:
            if error.code != GONE:
                raise

    def was_used(self, access_key_id: str, signer: Credentials) -> bool:
        """Whether AWS knows that a key was ever used; it hears of it after a while."""
        arguments = {"AccessKeyId": access_key_id}
        found = self._ask("GetAccessKeyLastUsed", arguments, signer)
        used = found.get("AccessKeyLastUsed")
        if not isinstance(used, dict):
            raise _senseless("GetAccessKeyLastUsed")
        return used.get("LastUsedDate") is not None

    def mfa_devices(self, user: str | None, signer: Credentials) -> list[str]:
        """Return the serials of a user's MFA devices: the signer's own, for None.

        Root has none that it may be asked for so. Security keys and passkeys are among
        them.
        """
        serials: list[str] = []
        arguments = _of(user)
        for _ in range(PAGES_MAX):
            found = self._ask("ListMFADevices", arguments, signer, denied=MFA_DENIED)
            try:
                serials += [str(one["SerialNumber"]) for one in found["MFADevices"]]
                if not found.get("IsTruncated"):
                    return serials
                arguments = {**_of(user), "Marker": str(found["Marker"])}
            except (LookupError, TypeError, AttributeError):
                break
        raise _senseless("ListMFADevices")

    def _ask(
        self,
        action: str,
        arguments: Mapping[str, Any],
        signer: Credentials,
        *,
        once: bool = False,
        denied: str = DENIED,
    ) -> Mapping[str, Any]:
        """Return an answer; sent ``once``: not again if it may have been heard."""
        budget, done = Budget(settings.RUN_SECONDS_MAX), 0
        while True:
            answer = answer_to(
                action,
                arguments,
                ask=lambda: by_client(self._client(signer)),
                what=action,
                signer=signer,
                time=Time(budget.left, budget, datetime.now(UTC)),
                service="IAM",
            )
            if not isinstance(answer, Unreachable):
                break
            more = again(answer, coded=once, done=done, elsewhere=False)
            if more is None or not budget.wait(more.seconds):
                break
            done += 1
        if isinstance(answer, StsPluginError):
            # STS says AccessDenied, where IAM says so or AccessDeniedException.
            if isinstance(answer, Refused) and answer.code.startswith("AccessDenied"):
                answer.hint = denied
            raise answer
        return answer

    def _client(self, signer: Credentials) -> Any:  # noqa: ANN401 - the botocore seam
        if self._session is None:
            self._session = self._make_session(self._endpoint.profile)
        # IAM has one place in each partition, which any region of it tells.
        region = self._endpoint.region or "us-east-1"
        return make_client(self._session, "iam", signer, region=region)


def _of(user: str | None) -> dict[str, str]:
    return {} if user is None else {"UserName": user}


def _user_key(found: Mapping[str, Any]) -> UserKey:
    created = found["CreateDate"].astimezone(UTC)
    return UserKey(str(found["AccessKeyId"]), created, found["Status"] == "Active")


def _new_key(answer: Mapping[str, Any]) -> Credentials | None:
    """Return the key in an answer; None, raising nothing, if it is not whole."""
    found = answer.get("AccessKey")
    names = ("AccessKeyId", "SecretAccessKey")
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), str) and found[name] for name in names
    ):
        return None
    return Credentials(found["AccessKeyId"], Secret(found["SecretAccessKey"]))


def _senseless(action: str) -> StsPluginError:
    return no_answer(action, "the answer is not IAM's")
