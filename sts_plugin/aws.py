"""How AWS is asked: within a time, and so that only an answer or our errors come back.

What ``sts`` and ``iam`` share. No botocore exception, request or response leaves here:
they carry signatures, session tokens and MFA codes. Errors are returned, not raised: a
traceback would reach into frames that hold these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sts_plugin import settings
from sts_plugin.deadline import within
from sts_plugin.model import Credentials, Secret
from sts_plugin.quiet import quietly
from sts_plugin.refusals import failure, no_answer, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sts_plugin.errors import StsPluginError
    from sts_plugin.model import Call
    from sts_plugin.retries import Budget

    Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]

__all__ = ["Ask", "Time", "answer_to", "by_client", "make_client"]


def make_client(
    session: Any,  # noqa: ANN401 - the botocore seam
    service: str,
    signer: Credentials | None,
    *,
    region: str | None,
    url: str | None = None,
) -> Any:  # noqa: ANN401 - the botocore seam
    """Return a client whose calls ``signer`` signs, or nobody."""
    from botocore import UNSIGNED, utils  # noqa: PLC0415 - heavy: late
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import InvalidRetryConfigurationError  # noqa: PLC0415

    # Without any keys botocore would look for some.
    keys = signer or Credentials("unsigned", Secret("unsigned"))
    token = keys.session_token
    # Without the client plugins of botocore: one of them may have asked for us. The
    # AWS CLI v2 has none.
    nested = getattr(utils, "create_nested_client", None)
    create = partial(nested, session) if nested else session.create_client
    # Ours are in ``retries``: botocore would send a code three times.
    once: Any = {"total_max_attempts": 1}
    try:
        Config(retries=once)
    except InvalidRetryConfigurationError:  # so says that of the AWS CLI v2
        once = {"max_attempts": 1}
    return create(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key.reveal(),
        aws_session_token=token.reveal() if token else None,
        config=Config(
            connect_timeout=settings.CONNECT_TIMEOUT_SECONDS,
            read_timeout=settings.READ_TIMEOUT_SECONDS,
            retries=once,
            user_agent_extra="sts-plugin",
            signature_version=None if signer else UNSIGNED,
        ),
    )


def by_client(client: Any) -> Ask:  # noqa: ANN401 - the botocore seam
    """Return the way to ask AWS by a client."""
    from botocore import xform_name  # noqa: PLC0415 - in memory already

    def ask(action: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        method: Callable[..., Mapping[str, Any]] = getattr(client, xform_name(action))
        return method(**arguments)

    return ask


@dataclass(frozen=True, slots=True)
class Time:
    """What an attempt has: seconds that are counted off a budget; and when it is."""

    seconds: float
    budget: Budget
    now: datetime


def answer_to(  # noqa: PLR0913 - what a call and its errors are made of
    action: str,
    arguments: Mapping[str, Any],
    *,
    ask: Callable[[], Ask],
    what: str,
    signer: Credentials | None,
    time: Time,
    call: Call | None = None,
    elsewhere: bool = False,
    service: str = "STS",
) -> Mapping[str, Any] | StsPluginError:
    """Make a call once, and return the answer, or why there is none.

    ``arguments`` may hold secrets, at any depth. ``ask`` makes what asks AWS: a way
    that knows the signer. ``what`` is the call in words.
    ``elsewhere``: what takes too long here may do better in another region.
    """
    from botocore import exceptions as aws  # noqa: PLC0415 - heavy: late
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        made = quietly(ask)()
        # No partial: it would show its arguments to whoever looks at this frame.
        sent = quietly(lambda: made(action, _revealed(arguments)), what)
        with time.budget:
            return within(time.seconds, sent)
    except TimeoutError:
        why = f"none in {time.seconds:.0f} seconds"
        return no_answer(what, why, passing=elsewhere)
    except aws.ClientError as error:
        return refusal(error.response, what, signer, call, time.now)
    except (aws.BotoCoreError, ResponseParserError, ValueError) as error:
        return failure(error, what, service=service)
    except (LookupError, TypeError, AttributeError):
        # botocore's parser, given well-formed XML that is not the service's.
        return no_answer(what, f"the answer is not {service}'s")


def _revealed(value: Any) -> Any:  # noqa: ANN401 - arguments of any depth
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, list):
        return [_revealed(one) for one in value]
    if isinstance(value, dict):
        return {name: _revealed(one) for name, one in value.items()}
    return value
