"""A botocore session that sees what the plan was made from.

The one place where we make such sessions; a plugin has that of its host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sts_plugin.profiles import Profiles

__all__ = ["make_session"]


def make_session(name: str | None, profiles: Profiles | None = None, *also: str) -> Any:  # noqa: ANN401 - the botocore seam
    """Return a session for a profile, or for none.

    It reads the files of ``profiles``, whatever this process's own are, and finds in
    the profile, and in those of ``also``, what they include: botocore knows nothing of
    that.
    """
    import botocore.session  # noqa: PLC0415 - heavy: late

    session: Any = botocore.session.Session(profile=name)
    if profiles is None:
        return session
    for variable, path in (
        ("config_file", profiles.config_path),
        ("credentials_file", profiles.credentials_path),
    ):
        session.set_config_variable(variable, path)
    for one in filter(None, {name, *also}):
        profile = profiles.get(one)
        if profile and profile.fallback:
            included = {key: item.value for key, item in profile.fallback.items()}
            known = session.full_config["profiles"]
            known[one] = {**included, **known.get(one, {})}
    return session
