"""Which STS a profile's calls go to: region and URL, by botocore's rules.

    Profiles + environment -> Endpoint

botocore takes the region of the profile that was asked for, for every hop of its
chain; a region beside a source profile counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sts_plugin.addresses import without_user
from sts_plugin.errors import ConfigurationError
from sts_plugin.ini import parse_nested
from sts_plugin.model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sts_plugin.profiles import Profile, Profiles

__all__ = ["find_endpoint"]

Found = tuple[str, str]
"""A value and where it was found."""


def find_endpoint(
    profiles: Profiles,
    profile: Profile | None,
    environ: Mapping[str, str],
    *,
    region: str | None = None,
) -> Endpoint:
    """Return the endpoint of a profile; ``region`` overrides what is configured.

    Order of the URL: ``AWS_ENDPOINT_URL_STS``, ``AWS_ENDPOINT_URL``, the ``sts``
    block of the profile's ``services`` section, the profile's ``endpoint_url``
    (AWS SDKs and Tools Reference Guide, "Service-specific endpoints"). Raises
    ConfigurationError for a ``services`` section that does not exist, and for a
    second region that cannot be asked.
    """

    def look(variable: str, key: str) -> Found:
        return next(_lookup(environ, variable, profile, key), ("", ""))

    found = (region, "the caller") if region else look("AWS_DEFAULT_REGION", "region")
    mode, _ = look("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints")
    ignored, _ = look(
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"
    )
    url = ("", "")
    if ignored.lower() != "true":
        url = next(_urls(profiles, profile, environ), url)
    known = profile if profile and profile.name in profiles else None
    return Endpoint(
        region=found[0] or None,
        url=url[0] or None,
        legacy=mode.lower() == "legacy",
        profile=known.name if known else None,
        fallback=_fallback(known, url[0]) if known else None,
        region_from=found[1],
        url_from=url[1],
        keys=_keys(known),
        ca_bundle=_ca_bundle(known),
    )


def _fallback(profile: Profile, url: str) -> Endpoint | None:
    """Return the STS of the second region that a profile names, if it does.

    Tokens of regional endpoints are good in every region (IAM User Guide, "Manage AWS
    STS in an AWS Region"), so what comes from there is as good.
    """
    region = profile.get("fallback_region")
    other = profile.get("fallback_endpoint_url")
    if region is None or not region.value:
        if other:
            raise ConfigurationError(
                f"{other.origin}: {other.key}{other.owner} is there and no region",
                hint="add sts_plugin_fallback_region",
            )
        return None
    if url and not other:
        raise ConfigurationError(
            f"{region.origin}: {region.key}{region.owner} cannot be asked: the"
            f" configured endpoint {without_user(url)} is that of the first region",
            hint="add sts_plugin_fallback_endpoint_url",
        )
    return Endpoint(
        region=region.value,
        url=other.value if other else None,
        profile=profile.name,
        region_from=str(region.origin),
        url_from=str(other.origin) if other else "",
        keys=_keys(profile),
        ca_bundle=_ca_bundle(profile),
    )


def _keys(profile: Profile | None) -> frozenset[str]:
    return frozenset(profile.settings()) if profile else frozenset()


def _ca_bundle(profile: Profile | None) -> str | None:
    setting = profile.plain("ca_bundle") if profile else None
    return setting.value if setting else None


def _urls(
    profiles: Profiles, profile: Profile | None, environ: Mapping[str, str]
) -> Iterator[Found]:
    for variable in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"):
        if value := environ.get(variable):
            yield value, variable
    chosen = profile.plain("services") if profile else None
    if profile and chosen:
        section = profiles.services.get(chosen.value)
        if section is None:
            raise ConfigurationError(
                f"{chosen.origin}: services = {chosen.value} of profile"
                f' "{profile.name}" names a section that does not exist',
                hint=f"add [services {chosen.value}] to {profiles.config_path}",
            )
        block = section.get("sts")
        if block and (value := parse_nested(block).get("endpoint_url")):
            yield value, str(block.origin)
    if profile and (setting := profile.plain("endpoint_url")) and setting.value:
        yield setting.value, str(setting.origin)


def _lookup(
    environ: Mapping[str, str], variable: str, profile: Profile | None, key: str
) -> Iterator[Found]:
    if value := environ.get(variable):
        yield value, variable
    if profile and (setting := profile.plain(key)) and setting.value:
        yield setting.value, str(setting.origin)
