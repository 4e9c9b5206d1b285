"""Every environment variable that this package reads or sets, and what each means.

One row for each line of the reference (``docs/reference.md`` and the man page are made
of them), in its order. A test holds the rows against what the code names. Meanings are
Markdown, with links from the folder of the pages. Never reads a variable, never judges
a value.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["VARIABLES", "Use", "Variable"]

Use = Literal["read", "set", "taken"]
"""``read``: by us; ``set``: for a program that we start, or by a program for us;
``taken``: away from a program that we start, and read by nobody."""


class Variable(NamedTuple):
    """A line of the reference: variables, and what they mean."""

    names: tuple[str, ...]
    use: Use
    meaning: str


def _read(names: str, meaning: str) -> Variable:
    return Variable(tuple(names.split()), "read", meaning)


def _set(names: str, meaning: str) -> Variable:
    return Variable(tuple(names.split()), "set", meaning)


VARIABLES: Final = (
    _read(
        "AWS_DEFAULT_PROFILE AWS_PROFILE",
        "the profile where `--profile` is not given, in this order, as in botocore;"
        " keys in the environment then win over it",
    ),
    _read("AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE", "the two files"),
    _read(
        "AWS_DEFAULT_REGION AWS_ENDPOINT_URL_STS AWS_ENDPOINT_URL"
        " AWS_STS_REGIONAL_ENDPOINTS AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "which STS",
    ),
    _read("STS_PLUGIN_CACHE_DIR", "folder of the cache, an absolute path"),
    _read(
        "AWS_ENDPOINT_URL_IAM",
        "which IAM `keys rotate` asks; as all of botocore's settings of an endpoint",
    ),
    _read(
        "STS_PLUGIN_BACKGROUND",
        "`no`: nothing is renewed in the background; see"
        " [renewal](explanation.md#renewal)",
    ),
    _read(
        "STS_PLUGIN_CACHE_ENCRYPTION",
        "as `sts_plugin_cache_encryption`, over which it wins",
    ),
    _read(
        "STS_PLUGIN_DATA_DIR",
        "folder of the seeds that `mfa add` keeps, and of what is known of the keys"
        " that `keys add` keeps; an absolute path",
    ),
    _read("STS_PLUGIN_MFA_PROMPT", "as `mfa_prompt`, over which it wins"),
    _read("STS_PLUGIN_MFA_CODE", "one code, for one run"),
    _read(
        "STS_PLUGIN_TOTP_FD",
        "number of a file descriptor from which the seed is read",
    ),
    _read("STS_PLUGIN_PINENTRY", "the pinentry program, instead of gpg's own"),
    _read("STS_PLUGIN_PROMPT_SECONDS", "how long a prompt waits, default 55"),
    _read(
        "STS_PLUGIN_QUIET_SECONDS",
        "how long nobody is asked again after a prompt that nobody answered, default"
        " 900",
    ),
    _read(
        "STS_PLUGIN_SESSION_DURATION_SECONDS",
        "as `sts_plugin_session_duration_seconds`, over which it wins",
    ),
    _read(
        "AWS_SOURCE_IDENTITY AWS_SESSION_TAGS AWS_TRANSITIVE_TAGS",
        "win over the keys of the profile that is asked for",
    ),
    _read(
        "AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME",
        "a web identity, where no profile is named in so many words",
    ),
    _read(
        "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN"
        " AWS_CREDENTIAL_EXPIRATION AWS_ACCOUNT_ID",
        "credentials: where no profile is named in so many words, and for"
        " `credential_source = Environment`; the older name of the token wins",
    ),
    _read(
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "where a container gets credentials: for `credential_source = EcsContainer`, or"
        " where nothing else is said",
    ),
    _read(
        "AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "whether, and where, an instance is asked for its credentials",
    ),
    _read(
        "AWS_CA_BUNDLE REQUESTS_CA_BUNDLE",
        "the certificates that are trusted, in this order",
    ),
    _read(
        "AWS_REGION",
        "the region in the AWS SDK for Python v4, and the one that `exec`, `env` and"
        " `serve` set where the profile has none",
    ),
    _read(
        "AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION"
        " ECS_CONTAINER_METADATA_URI_V4 KUBERNETES_SERVICE_HOST",
        "the role session name of a role [in code](python.md#roles-in-code)",
    ),
    _read(
        "NO_COLOR FORCE_COLOR TERM",
        "whether there are colours: none with the first, which wins, or in a pipe; the"
        " second has them there as well; with `TERM=dumb` no cursor is moved either",
    ),
    _read(
        "DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR XDG_CURRENT_DESKTOP SESSIONNAME"
        " SSH_CONNECTION",
        "whether a window can be shown, and whose; see [MFA codes](mfa.md)",
    ),
    _read("GNUPGHOME GPG_TTY", "gpg's folder and terminal, for its pinentry"),
    _read(
        "SHELL COMSPEC PSModulePath",
        "the shell that `exec` starts without a command",
    ),
    _read("PATH", "where commands are looked for"),
    _read(
        "HOME XDG_CACHE_HOME XDG_DATA_HOME",
        "the home folder, and where cache and data are kept beside it",
    ),
    _read("SYSTEMROOT", "where Windows has its PowerShell, for a window"),
    _read("STS_PLUGIN_SANDBOX", "for `sandbox --code`: the folder of the sandbox"),
    _read(
        "_ARGCOMPLETE COMP_LINE COMP_POINT",
        "set by a shell that completes a command line",
    ),
    _read(
        "STS_PLUGIN_SIGNIN_URL STS_PLUGIN_CONSOLE_URL",
        "the federation endpoint that `console` asks, and the console it opens; see"
        " [Sign in to the AWS console](console.md#which-console)",
    ),
    _read("BROWSER", "what `console` opens, as Python's `webbrowser` reads it"),
    _set(
        "STS_PLUGIN_PROFILE",
        "set by `exec`, `env` and `serve`: the profile whose credentials these are; see"
        " [Run, export, serve](exec.md)",
    ),
    _set(
        "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
        " AWS_CREDENTIAL_EXPIRATION AWS_ACCOUNT_ID",
        "set by `exec` and `env`: the credentials",
    ),
    _set(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "set by `serve` and `exec --refresh`: where credentials are asked for",
    ),
    _set(
        "AWS_REGION AWS_DEFAULT_REGION",
        "set by `exec`, `env` and `serve`: the region of the profile",
    ),
    _set(
        "STS_PLUGIN_OUTSIDE_AWS_CONFIG_FILE"
        " STS_PLUGIN_OUTSIDE_AWS_SHARED_CREDENTIALS_FILE",
        "set by `exec --refresh` where it hides the two files: what the variables were",
    ),
    _set(
        "STS_PLUGIN_MFA_SERIAL STS_PLUGIN_MFA_PROFILE",
        "set for `mfa_process`: the device that is asked for, and the profile",
    ),
    _set(
        "_STS_PLUGIN_PROFILES _STS_PLUGIN_MFA_SERIALS",
        "set for commands of profiles, so that none leads back to itself",
    ),
    _set(
        "STS_PLUGIN_DIALOG_TEXT STS_PLUGIN_DIALOG_SECONDS",
        "set for a window of PowerShell: what it says, and how long it stays",
    ),
    _set("STS_PLUGIN_SANDBOX", "set by `sandbox`: its folder"),
    Variable(
        (
            "AWS_ACCESS_KEY",
            "AWS_SECRET_KEY",
            "AWS_CREDENTIAL_FILE",
            "AMAZON_ACCESS_KEY_ID",
            "AMAZON_SECRET_ACCESS_KEY",
            "AMAZON_SESSION_TOKEN",
            "AWS_EB_PROFILE",
            "AWS_VAULT",
            "AWS_BEARER_TOKEN_BEDROCK",
        ),
        "taken",
        "taken away by `exec` and `env`, as are `AWS_CONTAINER_...`,"
        " `AWS_BEARER_TOKEN_...` and all of the above that would win over what is set",
    ),
)
