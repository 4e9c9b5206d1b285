"""The credentials that a chain starts from.

    SourceHop -> Credentials

Static keys, those in the OS keychain and the environment are read here. Everything
else that botocore can resolve (SSO, a foreign ``credential_process``, ``aws login``
sessions, container and instance roles) is left to botocore's own providers.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sts_plugin.botocore_session import make_session
from sts_plugin.deadline import within
from sts_plugin.document import parse_timestamp
from sts_plugin.errors import ConfigurationError, NothingHere, StsPluginError
from sts_plugin.folders import data_folder
from sts_plugin.guard import guarded
from sts_plugin.model import Credentials, Endpoint, Secret
from sts_plugin.quiet import quietly
from sts_plugin.settings import RUN_SECONDS_MAX
from sts_plugin.source_kinds import KEY_ID, SECRET, profile_source, static_keys
from sts_plugin.words import profile_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sts_plugin.model import SourceHop
    from sts_plugin.profiles import Profiles

__all__ = ["load_source"]

PRINTABLE = re.compile(r"[!-~]+")
ANYWHERE = Endpoint()


def load_source(
    hop: SourceHop,
    profiles: Profiles,
    environ: Mapping[str, str],
    *,
    endpoint: Endpoint = ANYWHERE,
    session: Callable[[str | None], Any] | None = None,
) -> Credentials:
    """Return the credentials of a source.

    ``endpoint`` is the plan's: the region and the network settings of the profile
    that was asked for count for what it starts from too. ``session`` as for
    ``sts.Sts``.

    Raises NothingHere when there are none, ConfigurationError when what is
    configured does not work, HumanNeeded for a keychain that is locked or silent.
    """
    if hop.kind == "static":
        found = _static(hop, profiles)
    elif hop.kind == "keychain":
        found = _kept(hop, profiles, environ)
    elif hop.kind == "environment":
        found = _environment(environ)
    else:
        _refuse_changed(hop, profiles, environ)
        make = functools.partial(_session, hop, profiles, endpoint, session)
        found = _by_botocore(hop, make, environ, endpoint.region)
    token = found.session_token
    values = [found.access_key_id, found.secret_access_key.reveal()]
    if not all(map(PRINTABLE.fullmatch, [*values, token.reveal() if token else "-"])):
        raise ConfigurationError(
            f'the {hop.kind} credentials of profile "{hop.profile}"'
            f" ({hop.origin or 'environment'}) hold a character that no key has",
            hint="a blank or a line break (CR LF?) was copied along",
        )
    return found


def _refuse_changed(
    hop: SourceHop, profiles: Profiles, environ: Mapping[str, str]
) -> None:
    """Raise if the profile says something else than when the plan was made.

    The keys of all entries behind it were made for what it said then.
    """
    profile = profiles.get(hop.profile)
    if profile is None or hop.kind not in {"process", "sso", "login"}:
        return
    if profile_source(profiles, profile, environ, top=True).identity != hop.identity:
        raise _changed(hop)


def _changed(hop: SourceHop) -> ConfigurationError:
    return ConfigurationError(
        f'the keys of profile "{hop.profile}" were changed while they were read',
        hint="run it again",
    )


def _static(hop: SourceHop, profiles: Profiles) -> Credentials:
    profile = profiles[hop.profile]
    in_file, token = static_keys(profile)
    key_id, secret = in_file.get(KEY_ID), in_file.get(SECRET)
    if key_id is None or secret is None or key_id.value != hop.identity:
        # The plan, and with it the key of every entry, was made for other keys.
        raise _changed(hop)
    account_id = profile.plain("aws_account_id")
    return Credentials(
        access_key_id=key_id.value,
        secret_access_key=Secret(secret.value),
        session_token=Secret(token) if token else None,
        account_id=account_id.value if account_id else None,
    )


def _kept(
    hop: SourceHop, profiles: Profiles, environ: Mapping[str, str]
) -> Credentials:
    from sts_plugin.access_keys import AccessKeys  # noqa: PLC0415 - few keep keys there

    keys = AccessKeys(data_folder(environ))
    key = keys.key(hop.profile, hop.identity)
    # Looked at last: a rotation puts another key in its place, and forgets this one.
    if keys.record(hop.profile).access_key_id != hop.identity:
        raise _changed(hop)
    if key is None:
        raise ConfigurationError(
            f'the access key {hop.identity} of profile "{hop.profile}" is not in the'
            " OS keychain any more",
            hint=f"sts-plugin keys add --replace {profile_option(hop.profile)}",
        )
    profile = profiles.get(hop.profile)
    account_id = profile.plain("aws_account_id") if profile else None
    return replace(key, account_id=account_id.value if account_id else None)


def _environment(environ: Mapping[str, str]) -> Credentials:
    # botocore reads the older name first.
    names = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
    token = next((environ[name] for name in names if environ.get(name)), None)
    expiration = None
    if text := environ.get("AWS_CREDENTIAL_EXPIRATION"):
        try:
            expiration = parse_timestamp(text)
        except ValueError:
            raise ConfigurationError(
                f"AWS_CREDENTIAL_EXPIRATION={text} is not a time",
                hint="write it as 2030-01-31T12:00:00Z, or unset it",
            ) from None
        if expiration <= datetime.now(UTC):
            raise ConfigurationError(
                f"the credentials in the environment are over since {text}"
                " (AWS_CREDENTIAL_EXPIRATION)",
                hint="get new ones, or unset them",
            )
    return Credentials(
        access_key_id=environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=Secret(environ["AWS_SECRET_ACCESS_KEY"]),
        session_token=Secret(token) if token else None,
        expiration=expiration,
        account_id=environ.get("AWS_ACCOUNT_ID"),
    )


def _by_botocore(
    hop: SourceHop,
    make_session: Callable[[], Any],
    environ: Mapping[str, str],
    region: str | None,
) -> Credentials:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    what = f'the {hop.kind} credentials of profile "{hop.profile}"'
    # What escapes from botocore's providers besides its own errors: a token file
    # that is not there, JSON that is none, a process that cannot be run ...
    raw = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
    try:
        session = make_session()
        work = quietly(lambda: _resolve(hop, session, environ, region), what)
        # A process may ask somebody something; all others ask a server.
        found = work() if hop.kind == "process" else within(RUN_SECONDS_MAX, work)
    except StsPluginError:
        raise
    except TimeoutError:
        reason = f"no answer in {RUN_SECONDS_MAX:.0f} seconds"
    except (BotoCoreError, ClientError) as error:
        reason = str(error) or type(error).__name__
    except raw as error:
        reason = _reason(error)
    else:
        reason = ""
    if reason:  # raised here, it has no context: a JSONDecodeError has the document
        raise ConfigurationError(
            f"{what} ({hop.origin}) cannot be had: {reason}",
            hint="get them with the tool they belong to, to see whether that works",
        )
    if found is None:
        raise NothingHere(
            f'there are no {hop.kind} credentials for profile "{hop.profile}"'
            f" ({hop.origin})",
            hint="add keys or a role to the profile, or run where there are some",
        )
    return found


def _reason(error: Exception) -> str:
    # The text of an unknown error may quote what it choked on: a secret, perhaps.
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return type(error).__name__


def _session(
    hop: SourceHop,
    profiles: Profiles,
    endpoint: Endpoint,
    host: Callable[[str | None], Any] | None,
) -> Any:  # noqa: ANN401 - the botocore seam
    known = hop.profile if hop.profile in profiles else ""
    session = make_session(endpoint.profile or known or None, profiles, known)
    if host is not None:
        # Its proxies and certificates count; what it once read in the files does not.
        session.create_client = host(endpoint.profile).create_client
    return session


def _resolve(
    hop: SourceHop,
    session: Any,  # noqa: ANN401 - the botocore seam
    environ: Mapping[str, str],
    region: str | None,
) -> Credentials | None:
    for provider in _providers(hop, session, environ, region):
        if (found := provider.load()) is not None:
            frozen = found.get_frozen_credentials()
            expiration = getattr(found, "_expiry_time", None)
            return Credentials(
                access_key_id=frozen.access_key,
                secret_access_key=Secret(frozen.secret_key),
                session_token=Secret(frozen.token) if frozen.token else None,
                expiration=expiration.astimezone(UTC) if expiration else None,
                account_id=getattr(frozen, "account_id", None),
            )
    return None


def _providers(
    hop: SourceHop,
    session: Any,  # noqa: ANN401 - the botocore seam
    environ: Mapping[str, str],
    region: str | None,
) -> list[Any]:
    """Return the botocore providers that a source of this kind may come from."""
    import botocore.credentials  # noqa: PLC0415

    if hop.kind in {"container", "instance", "ambient"}:
        resolver = botocore.credentials.create_credential_resolver(session)
        names = {"container": ["container-role"], "instance": ["iam-role"]}
        chosen = names.get(hop.kind, ["container-role", "iam-role"])
        return [resolver.get_provider(name) for name in chosen]
    if hop.kind == "process":
        above = guarded(hop.profile, "credential_process", hop.origin, environ)

        def popen(words: list[str], **options: Any) -> Any:  # noqa: ANN401 - botocore's
            # As the environment is now: the AWS CLI v2 keeps its libraries out of it
            # for as long as this takes.
            return subprocess.Popen(words, env={**os.environ, **above}, **options)  # noqa: S603 - the user's own command, no shell

        return [
            botocore.credentials.ProcessProvider(
                profile_name=hop.profile,
                load_config=lambda: session.full_config,
                popen=popen,
            )
        ]
    builder = botocore.credentials.ProfileProviderBuilder(session, region_name=region)
    return list(builder.providers(hop.profile, disable_env_vars=hop.explicit))
