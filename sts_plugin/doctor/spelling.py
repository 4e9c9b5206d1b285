"""Keys that nobody reads, and what was probably meant.

A key that is far from all that we know is somebody else's, and none of our business:
only what looks like a slip is told.
"""

from __future__ import annotations

import difflib
from typing import Final

from sts_plugin.known_keys import SPELLED
from sts_plugin.profiles import OWN_PREFIX

__all__ = ["KNOWN", "OURS", "meant"]

OURS: Final = frozenset(key for key, spelling in SPELLED.items() if spelling != "plain")
"""What we look for with the prefix and without it."""

LISTED: Final = """
output sso_registration_scopes

account_id_endpoint_mode api_versions auth_scheme_preference ca_bundle csm_client_id
csm_enabled csm_host csm_port data_path defaults_mode disable_host_prefix_injection
disable_request_compression ec2_metadata_service_endpoint
ec2_metadata_service_endpoint_mode ec2_metadata_v1_disabled
endpoint_discovery_enabled endpoint_url ignore_configure_endpoint_urls
ignore_configured_endpoint_urls imds_use_ipv6 max_attempts
metadata_service_num_attempts metadata_service_timeout parameter_validation
request_checksum_calculation request_min_compression_size_bytes
response_checksum_validation retry_mode s3_disable_express_session_auth
s3_disable_multiregion_access_points s3_use_arn_region
s3_us_east_1_regional_endpoint sdk_ua_app_id sigv4a_signing_region_set
sts_regional_endpoints tcp_keepalive use_dualstack_endpoint use_fips_endpoint

cli_auto_prompt cli_binary_format cli_follow_urlparam cli_help_output cli_history
cli_pager cli_timestamp_format

chain_mfa mfa_serial_process parent_profile role_duration role_duration_seconds
x_principal_arn x_security_token_expires
"""
"""Other keys of botocore, of the AWS CLI, and of some tools that are near to these."""

THEIRS: Final = frozenset(LISTED.split())
KNOWN: Final = SPELLED.keys() | THEIRS

SLIPS: Final = {
    "aws_secret_key": "aws_secret_access_key",
    "profile_source": "source_profile",
}

NEAR: Final = 0.87
"""How alike two keys are: one letter in eight. Real keys are farther from one another,
or are in the list."""

LENGTH_MIN: Final = 6


def meant(key: str) -> str | None:
    """Return the key that was probably meant, "" for one of ours that is none.

    None for a key that is known, or is none of our business.
    """
    if key in KNOWN:
        return None
    if key.startswith(OWN_PREFIX):
        plain = key.removeprefix(OWN_PREFIX)
        if plain in OURS:
            return None
        close = difflib.get_close_matches(plain, OURS, n=1)
        return OWN_PREFIX + close[0] if close else ""
    return _slip(key)


def _slip(key: str) -> str | None:
    if key in SLIPS:
        return SLIPS[key]
    dashed = key.replace("-", "_").replace(" ", "_")
    for likely in (dashed, dashed.removeprefix("aws_"), dashed.removeprefix("sts_")):
        if likely != key and likely in KNOWN:
            return likely
    if len(key) < LENGTH_MIN:
        return None
    close = next(iter(difflib.get_close_matches(key, KNOWN, n=1, cutoff=NEAR)), None)
    # role_arn2 and x_role_arn: a key that somebody has put out of the way.
    aside = close and close in key and key != f"{close}s"
    return None if aside else close
