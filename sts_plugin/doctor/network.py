"""STS as it is reached from here: whether it answers, and what time it has.

    endpoints -> findings

Each is sent one request that nobody signs, which STS refuses: that takes no
credentials, and its ``Date`` tells the time. botocore sends it, so proxies,
certificates and FIPS are those of the real calls.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sts_plugin.addresses import without_user
from sts_plugin.aws import make_client
from sts_plugin.doctor.finding import Finding
from sts_plugin.doctor.probing import at_once
from sts_plugin.refusals import failure
from sts_plugin.skew import skew, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from sts_plugin.model import Endpoint
    from sts_plugin.overview import Summary
    from sts_plugin.profiles import Profiles

__all__ = ["Answer", "asked", "endpoints_of", "network_findings"]

ENDPOINTS_MAX: Final = 16
"""There are some thirty regions, and people use a few."""

SECONDS: Final = 12.0
"""A connection has 3 s and an answer 6; the making of clients takes its time, too."""

NETWORK: Final = ("use_fips_endpoint", "use_dualstack_endpoint", "ca_bundle")
"""Keys by which the STS of one region is another one."""

FAILED: Final = 500
"""An HTTP status from which on a server speaks of itself."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Answer(NamedTuple):
    """What an endpoint said: who it is, and why not, or by how much clocks differ."""

    url: str
    trouble: str = ""
    clock: str = ""


def endpoints_of(
    profiles: Profiles, summaries: Iterable[Summary]
) -> dict[Endpoint, str]:
    """Return each STS that the profiles' calls go to, and the first such profile."""
    found: dict[object, tuple[Endpoint, str]] = {}
    for one in summaries:
        if one.plan is None or not one.plan.calls:
            continue
        endpoint = one.plan.endpoint
        for which in filter(None, (endpoint, endpoint.fallback)):
            profile = profiles.profiles[one.name]
            said = [
                setting.value if (setting := profile.plain(key)) else ""
                for key in NETWORK
            ]
            same = (which.url, which.region, which.legacy, *said)
            found.setdefault(same, (replace(which, fallback=None), one.name))
    return dict(found.values())


def network_findings(
    endpoints: Mapping[Endpoint, str], ask: Callable[[Endpoint], Answer]
) -> Iterator[Finding]:
    """Yield what each endpoint said; ``ask`` asks one. All at once, and in time."""
    chosen = dict(list(endpoints.items())[:ENDPOINTS_MAX])
    works = {one: (lambda one=one: ask(one)) for one in chosen}
    answers = at_once(works, SECONDS)
    for one, profile in chosen.items():
        answer = answers.get(one, Answer(_named(one), f"none in {SECONDS:.0f} seconds"))
        yield from _of(one, profile, answer)
    if len(endpoints) > len(chosen):
        yield Finding(
            "sts-not-asked",
            "note",
            f"{len(endpoints) - len(chosen)} more endpoints of STS were not asked",
            fix="look at some of their profiles: sts-plugin doctor --profile NAME",
        )


def _of(endpoint: Endpoint, profile: str, answer: Answer) -> Iterator[Finding]:
    where = endpoint.url_from or endpoint.region_from
    parts = urlsplit(answer.url)
    answer = Answer(*map(without_user, answer))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        yield Finding(
            "endpoint-plain",
            "warning",
            f"{answer.url} is asked without TLS: codes and session tokens can be read"
            " on the way",
            where,
            profile,
            "write https://",
        )
    if answer.trouble:
        yield Finding(
            "sts-unreachable",
            "error",
            f"{answer.url} gives no usable answer: {answer.trouble}",
            where,
            profile,
            "check network, proxy, region and endpoint_url",
        )
        return
    yield Finding("sts-answers", "ok", f"{answer.url} answers", where)
    if answer.clock:
        yield Finding(
            "clock-skew",
            "error",
            f"{answer.clock} ({answer.url}): it takes no signature from here",
            fix="set this machine's clock, by NTP for instance",
        )


def asked(
    endpoint: Endpoint,
    session: Callable[[str | None], Any],
    now: Callable[[], datetime],
) -> Answer:
    """Ask one endpoint; ``session`` makes a session of botocore for a profile."""
    from botocore import exceptions as aws  # noqa: PLC0415 - heavy: late
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    url = _named(endpoint)
    region = endpoint.region or ("us-east-1" if endpoint.url else None)
    try:
        client = make_client(
            session(endpoint.profile), "sts", None, region=region, url=endpoint.url
        )
        url = client.meta.endpoint_url
        said = client.get_caller_identity()
        if said.get("Account"):  # a stand-in for STS that takes anybody
            return _told(url, said, now())
    except aws.ClientError as error:
        return _told(url, error.response, now())
    except (aws.BotoCoreError, ResponseParserError, ValueError) as error:
        why = failure(error, "the question").message
        return Answer(url, (why.partition(": ")[2] or why) + _by_proxy(url))
    except (LookupError, TypeError, AttributeError):
        pass
    return Answer(url, "the answer is not STS's")


def _told(url: str, response: Mapping[str, Any], now: datetime) -> Answer:
    """Return what an answer tells, which is a refusal nearly always."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= FAILED:
        return Answer(url, f"it says {response.get('Error', {}).get('Code', status)}")
    off = skew(response, now)
    return Answer(url, clock=words(off) if off else "")


def _by_proxy(url: str) -> str:
    """Return the end of a sentence if a proxy is asked for a URL, as botocore does."""
    parts = urlsplit(url)
    if parts.scheme not in getproxies() or proxy_bypass(parts.hostname or ""):
        return ""
    name = f"{parts.scheme.upper()}_PROXY"
    return f" (by the proxy of {name}; NO_PROXY names what is reached without it)"


def _named(endpoint: Endpoint) -> str:
    return endpoint.url or f"STS of {endpoint.region or 'no region (the global one)'}"
