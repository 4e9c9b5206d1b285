"""Configurations as Hypothesis strategies: files and an environment, good and odd.

Words in <> stand for what only the sandbox knows; the test fills them in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st


@dataclass(frozen=True)
class Case:
    """Two files (None: it is not there), an environment, a profile named or None."""

    config: str | None
    credentials: str | None
    environ: dict[str, str]
    explicit: str | None

    def __str__(self):
        environ = "\n".join(f"{name}={value}" for name, value in self.environ.items())
        return (
            f"--- config\n{self.config}\n--- credentials\n{self.credentials}\n"
            f"--- environment\n{environ}\n--- profile: {self.explicit!r}"
        )


NAMES = ["a", "b", "default", "my profile", "prod/eu.1", "Zoë", "c's", "x:y", "#1"]
USERS = ["alice", "bob", "session", "assumed"]

KEY_ID, SECRET, TOKEN = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
)
PAIRS = {
    user: {KEY_ID: f"<{user}.id>", SECRET: f"<{user}.secret>"}
    | ({TOKEN: f"<{user}.token>"} if user in {"session", "assumed"} else {})
    for user in USERS
}
"""The last two are temporary: a session of bob and one of the role Open."""

ROLES = {
    "<role Open>": 16,
    "<role Tagged>": 3,
    "<role TaggedNext>": 1,
    "<role Deploy>": 1,
    "arn:aws:iam::222222222222:role/Missing": 1,
    "<role Batch>": 4,
    "<role OpenNext>": 16,
}


def table(text):
    """Read lines ``key = value | value ...``, in which ``\\n`` is a line break."""
    rows = [line.split(" = ", 1) for line in text.strip().splitlines()]
    return [
        (key, re.split(r" \|(?: |$)", values.replace("\\n", "\n")))
        for key, values in rows
    ]


# What any profile may say and mostly does no harm.
USEFUL = table(r"""
region = eu-west-1 | us-east-1 | ap-south-2 | us-west-2
duration_seconds = 900 | 3600 | 3_600 |  1800 | 7200 | 43200 | +900
duration_seconds = 43200 | 14400 | 7200
role_session_name = me | me@example.com | a.b-c_d,e=f+g |
external_id = partner-7341 | other:id/1
output = json | a # b | %(x)s | ${HOME} | one\n  two\n  three = 3
s3 = \n  max_concurrent_requests = 3\n  addressing_style = path
sts_regional_endpoints = regional | legacy
aws_account_id = 111111111111
retry_mode = standard | legacy | adaptive
unknown_key = 1 | ü |
source_profile = <a name>
credential_process = <process> | "<process>" "a b" | <session process>
""")

# What is wrong, contradicts the rest, or is seldom seen.
ODD = table(r"""
duration_seconds = 1h | 1 | 899 | 43201 | 3600 # an hour | 3600.0 |
role_session_name = x | a b | é | %%%
external_id = x | a b | ééé |
role_arn = <role Open> # the role | x | arn:aws:iam::222222222222:user/alice |
role_arn = <role Open> | <role open> | <role Open>\n  x
source_profile = nobody | "a" | A | a # b | <own name> |
source_profile = <own name> | <own name>
credential_source = Environment | EcsContainer | Ec2InstanceMetadata | environment |
web_identity_token_file = <token> | /nowhere | ~/token | <garbage> |
web_identity_token_file = <folder> | <empty> | token | <newline token>
credential_process = <failing process> | <garbage process> | 'x | ~/process |
credential_process = <folder> | /nowhere/x | <half process> | <noisy process>
credential_process = <ended process> | <ending process> | <naive process>
credential_process = <other version process> | <null process>
sso_account_id = 111111111111
sso_role_name = Admin |
sso_start_url = https://example.awsapps.com/start
sso_session = nobody
login_session = arn:aws:iam::111111111111:user/alice |
sts_regional_endpoints = global | LEGACY |
services = nobody | local |
endpoint_url = <endpoint> | <endpoint>/ |
ignore_configured_endpoint_urls = true | false | x
use_fips_endpoint = true | x
use_dualstack_endpoint = true
region = no region |
retry_mode = odd |
max_attempts = x | 0 | 2
parameter_validation = false
defaults_mode = odd | standard
ca_bundle = /nowhere
request_checksum_calculation = odd
tcp_keepalive = odd
aws_access_key_id = <alice.id> | AKIANOBODY |
aws_secret_access_key = <alice.secret> | <alice.secret>x |
aws_session_token = <session.token> | x |
aws_security_token = <session.token> |
""")

ODD_ENVIRONMENT = table(r"""
AWS_STS_REGIONAL_ENDPOINTS = legacy | odd |
AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = true
AWS_CREDENTIAL_EXPIRATION = 2020-01-01T00:00:00Z | 2099-01-01T00:00:00Z | soon
AWS_ACCOUNT_ID = 111111111111
AWS_DEFAULT_REGION = no region |
AWS_ENDPOINT_URL_STS = <endpoint> |
AWS_RETRY_MODE = odd
AWS_USE_FIPS_ENDPOINT = true
AWS_SECURITY_TOKEN = <session.token> |
""")

BROKEN = [
    "no equals sign",
    "[",
    "= 1",
    "\ufeff",
    "[profile a]",
    "region = a\nregion = b",
]
HEADERS = ['[profile "{}"]', "[profile  {} ]", "[profilex {}]", "[{}]", "[ profile {}]"]


def seldom(share=20):
    """True once in ``share`` times; shrinks to False.

    Not at an end of the range: Hypothesis tries these more often.
    """
    return st.integers(1, share).map(lambda number: number == share // 2 + 1)


def weighted(weights):
    return st.sampled_from(
        [one for one, times in weights.items() for _ in range(times)]
    )


@st.composite
def profiles(draw, name, later, everyone):
    """Return what a profile says; ``later`` are those it may well stand on."""
    kinds = {"keys": 10, "nothing": 1, "web": 3, "process": 3}
    if later:
        kinds = {"role": 50, "environment": 3} | kinds
    said, kind = {}, draw(weighted(kinds))
    if kind == "keys":
        said = dict(PAIRS[draw(st.sampled_from(USERS))])
    elif kind == "process":
        said = {"credential_process": "<process>"}
    elif kind == "web":
        said = {"web_identity_token_file": "<token>"}
        said["role_arn"] = draw(st.sampled_from(["<role Deploy>", "<role Open>"]))
    elif kind == "role":
        sources = everyone if draw(seldom(15)) else [*later[:1], *later]
        said = {"role_arn": draw(weighted(ROLES))}
        said["source_profile"] = draw(st.sampled_from(sources))
    elif kind == "environment":
        said = {"role_arn": draw(weighted(ROLES)), "credential_source": "Environment"}
    for lines, share in ((USEFUL, 2), (USEFUL, 3), (ODD, 6), (ODD, 12)):
        if draw(seldom(share)):
            key, values = draw(st.sampled_from(lines))
            value = draw(st.sampled_from(values)).replace("<own name>", name)
            said[key] = value.replace("<a name>", draw(st.sampled_from(everyone)))
    if draw(seldom(7)):
        said |= PAIRS[draw(st.sampled_from(USERS))]
    return said


def section(draw, header, said):
    """Return the text of a section, in one of the spellings that INI files know."""
    lines = [header]
    indented = seldom(60)
    for key, value in said.items():
        equals = draw(st.sampled_from([" = ", " = ", "=", ": ", " =\t"]))
        spelled = draw(st.sampled_from([key] * 9 + [key.upper()]))
        lines.append(f"{'  ' * draw(indented)}{spelled}{equals}{value}")
        if draw(seldom(30)):
            lines.append(draw(st.sampled_from(["", "# a = 1", "; b", "    # c", "\t"])))
    if draw(seldom(300)):
        lines.append(draw(st.sampled_from(BROKEN)))
    return "\n".join(lines)


@st.composite
def files(draw, names, shared):
    """Return both files; ``shared`` is said by every profile of the config file."""
    config, credentials = [], []
    for place, name in enumerate(names):
        said = draw(profiles(name, names[place + 1 :], names))
        places = {"config": 6, "credentials": 2, "keys": 3, "each": 1}
        if "role_arn" in said:
            places = {"config": 12, "credentials": 2, "each": 1}
        where = draw(weighted(places))
        there = {
            key: value
            for key, value in said.items()
            if where == "credentials"
            or (where == "keys" and key in {KEY_ID, SECRET, TOKEN})
            or (where == "each" and draw(st.booleans()))
        }
        here = shared | {key: said[key] for key in said if key not in there}
        if here or draw(st.booleans()):
            quoted = f'"{name}"' if re.search("[ ']", name) else name
            header = "[default]" if name == "default" else f"[profile {quoted}]"
            if draw(seldom(12)):
                header = draw(st.sampled_from(HEADERS)).format(quoted)
            config.append(section(draw, header, here))
        if draw(seldom(10)):
            key = draw(st.sampled_from([KEY_ID, SECRET, TOKEN, "role_arn"]))
            there[key] = said.get(key, "x")  # in both files, or here by mistake
        if there:
            credentials.append(section(draw, f"[{name}]", there))
    if draw(seldom(12)):
        extra = st.sampled_from(["[profile default]", "[default]", "[DEFAULT]", "[a]"])
        said = draw(profiles("default", names, names))
        config.insert(draw(st.integers(0, 1)), section(draw, draw(extra), said))
    config.append("[services local]\nsts =\n  endpoint_url = <endpoint>")
    return (
        None if draw(seldom(40)) else "\n".join(config) + "\n",
        None if not credentials and draw(st.booleans()) else "\n".join(credentials),
    )


@st.composite
def environments(draw):
    """Return an environment, and what the profiles are to say of the endpoint."""
    environ, shared = {}, {}
    where = {"AWS_ENDPOINT_URL_STS": 8, "AWS_ENDPOINT_URL": 1, "key": 1, "services": 1}
    match draw(weighted(where)):
        case "key":
            shared = {"endpoint_url": "<endpoint>"}
        case "services":
            shared = {"services": "local"}
        case variable:
            environ[variable] = "<endpoint>"
    where = {"us-east-1": 20, "eu-west-1": 7, "profile": 3, "AWS_REGION": 1, "both": 1}
    match draw(weighted(where)):
        case "profile":
            shared["region"] = "eu-central-1"
        case "AWS_REGION":
            environ["AWS_REGION"] = "eu-west-1"
        case "both":
            environ |= {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}
        case region:
            environ["AWS_DEFAULT_REGION"] = region
    pair = PAIRS[draw(st.sampled_from(USERS))]
    pair = {key.upper(): value for key, value in pair.items()}
    match draw(weighted({"none": 16, "whole": 2, "odd": 1})):
        case "whole":
            environ |= pair
        case "odd":
            one = draw(st.sampled_from(list(pair)))
            del pair[one]
            environ |= pair | draw(st.sampled_from([{}, {one: ""}, {one: "x"}]))
    web = {
        "AWS_ROLE_ARN": "<role Deploy>",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "<token>",
        "AWS_ROLE_SESSION_NAME": "from-the-environment",
    }
    if draw(seldom(10)):
        said = draw(st.lists(st.sampled_from([*web]), min_size=1, unique=True))
        environ |= {name: web[name] for name in said}
    if draw(seldom(20)):
        name, values = draw(st.sampled_from(ODD_ENVIRONMENT))
        environ[name] = draw(st.sampled_from(values))
    return environ, shared


@st.composite
def cases(draw):
    """Return a Case; more than a third of them work."""
    many = draw(st.sampled_from([1, 2, 2, 3, 3, 4, 4, 5, 6]))
    names = draw(st.permutations(NAMES))[:many]
    environ, shared = draw(environments())
    config, credentials = draw(files(names, shared))
    if "= Environment" in (config or "") and draw(st.booleans()):
        environ |= {key.upper(): value for key, value in PAIRS["alice"].items()}
    asked = draw(st.sampled_from([*names[:1] * 30, "nobody", "", *names * 2]))
    how = {"explicit": 5, "AWS_PROFILE": 3, "AWS_DEFAULT_PROFILE": 1, "none": 1}
    how = draw(weighted(how))
    if how.startswith("AWS_"):
        environ[how] = asked
    if draw(seldom(10)):
        environ["AWS_PROFILE"] = draw(st.sampled_from(names))
    if draw(seldom(40)):
        config = config and config.replace("\n", "\r\n")
    return Case(config, credentials, environ, asked if how == "explicit" else None)
