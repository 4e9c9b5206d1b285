"""What makes another answer makes another key, and nothing else does.

Pairs of configurations that differ in one thing. What each asks STS for is known from
how it was made up, not from the plan: the keys are to be equal just where that is.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sts_plugin.keys import digest
from sts_plugin.plan import make_plan
from sts_plugin.profiles import load_profiles

# Whatever might be taken for a border between two values.
WORDS = st.text('ab=,:;|"\\[]{}\0é', min_size=1, max_size=4).map(str.strip)
TEXTS = WORDS.filter(lambda text: text and "\0" not in text)
MAYBE = st.none() | TEXTS
ARNS = st.sampled_from(
    [
        f"arn:{partition}:iam::{account}:role/{name}"
        for partition in ("aws", "aws-cn")
        for account in ("111111111111", "111111111112")
        for name in ("A", "a", "path/A", "AB")
    ]
)
SERIALS = ["arn:aws:iam::1:mfa/a", "arn:aws:iam::1:mfa/b"]
SOURCES = [("AKIA1", ""), ("AKIA2", ""), ("ASIA1", "token"), ("ASIA2", "token")]


@dataclass(frozen=True)
class Role:
    """What a role is assumed with, or what a token is brought to."""

    arn: str = "arn:aws:iam::111111111111:role/A"
    external_id: str | None = None
    session_name: str | None = None
    source_identity: str | None = None
    duration: int | None = None
    policy: tuple[str, ...] | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive: int = 0  # how many of the tags travel on

    @property
    def meaning(self):
        """What of it STS gets to see."""
        travelling = tuple(key for key, _ in self.tags[: self.transitive])
        return (replace(self, transitive=0), travelling)


@dataclass(frozen=True)
class Wish:
    """What somebody wants; ``bring`` is (kind, whose) where no key begins a chain."""

    source: tuple[str, str] = SOURCES[0]
    bring: tuple[str, str] | None = None
    roles: tuple[Role, ...] = (Role(),)
    serial: str | None = None
    mode: str | None = None
    region: str | None = None
    url: str | None = None
    legacy: bool = False

    @property
    def meaning(self):
        """What of it STS gets to see, and which STS."""
        long_term = not self.bring and not self.source[1]
        mode = self.mode if long_term and self.mode else "session"
        return (
            self.bring or self.source,
            tuple(role.meaning for role in self.roles),
            self.serial and (self.serial, mode if long_term else "direct"),
            (self.region, self.url, self.legacy),
        )


@dataclass(frozen=True)
class Style:
    """How it is written down."""

    names: str = "p"
    prefix: bool = False
    backwards: bool = False
    comments: bool = False
    as_json: bool = False
    where: str = "config"
    environment: bool = False
    indented: bool = False


def tags(least=0):
    tag = st.tuples(TEXTS, TEXTS if least else TEXTS | st.just(""))
    return st.lists(
        tag, min_size=least, max_size=3, unique_by=lambda pair: pair[0].lower()
    ).map(tuple)


ROLES = st.builds(
    Role,
    arn=ARNS,
    external_id=MAYBE,
    session_name=MAYBE,
    source_identity=MAYBE,
    duration=st.none() | st.sampled_from([900, 901, 3600]),
    policy=st.none() | st.lists(TEXTS, max_size=2).map(tuple),
    policy_arns=st.lists(TEXTS, max_size=2).map(tuple),
    tags=tags(),
    transitive=st.integers(0, 3),
)
WISHES = st.builds(
    Wish,
    source=st.sampled_from(SOURCES),
    bring=st.none() | st.tuples(st.sampled_from(["web", "saml"]), TEXTS),
    roles=st.lists(ROLES, min_size=1, max_size=3).map(tuple),
    serial=st.none() | st.sampled_from(SERIALS),
    mode=st.sampled_from([None, "session", "direct"]),
    region=st.sampled_from([None, "us-east-1", "eu-west-1"]),
    url=st.sampled_from([None, "http://a", "http://b"]),
    legacy=st.booleans(),
)
STYLES = st.builds(
    Style,
    names=st.sampled_from(["p", "a profile", "x.y/z"]),
    prefix=st.booleans(),
    backwards=st.booleans(),
    comments=st.booleans(),
    as_json=st.booleans(),
    where=st.sampled_from(["config", "credentials"]),
    environment=st.booleans(),
    indented=st.booleans(),
)


FULL = st.builds(
    Role,
    arn=ARNS,
    session_name=TEXTS,
    external_id=TEXTS,
    source_identity=TEXTS,
    tags=tags(2),
)
"""Roles with neighbours between which a character can move."""

CHANGES = [
    *(field.name for field in fields(Wish) if field.name not in {"roles", "bring"}),
    *(f"role's {field.name}" for field in fields(Role)),
    "kind of what is brought",
    "whose token",
    "whose assertion",
    "role more",
    "order of the roles",
    "moved character",
]


@st.composite
def pairs(draw, what):  # noqa: PLR0911 - one for each kind of change
    """Return two wishes that differ in one thing, or happen not to."""
    one, other = draw(WISHES), draw(WISHES)
    match what:
        case "kind of what is brought":
            bring = (one.bring or ("web", "a"), other.bring)
            return tuple(replace(one, bring=it) for it in bring)
        case "whose token" | "whose assertion":
            kind = "web" if what == "whose token" else "saml"
            bring = [(kind, draw(TEXTS)) for _ in range(2)]
            return tuple(replace(one, bring=it) for it in bring)
        case "role more":
            return one, replace(one, roles=(*one.roles, *other.roles[:1]))
        case "order of the roles":
            one = replace(one, roles=(*one.roles, *other.roles))
            return one, replace(one, roles=one.roles[::-1])
        case "mode" | "source":  # where these count
            one = replace(one, source=SOURCES[0], bring=None, serial=SERIALS[0])
            return one, replace(one, **{what: getattr(other, what)})
        case "role's transitive":
            role = replace(draw(FULL), transitive=draw(st.integers(0, 2)))
            roles = role, replace(role, transitive=draw(st.integers(0, 2)))
            return tuple(replace(one, roles=(it, *one.roles)) for it in roles)
        case "moved character":
            role = draw(FULL)
            roles = role, moved(role, draw(st.integers(0, 5)))
            return tuple(replace(one, roles=(it, *other.roles)) for it in roles)
        case _ if what.startswith("role's "):
            name = what.removeprefix("role's ")
            at = draw(st.integers(0, len(one.roles) - 1))
            roles = list(one.roles)
            new = getattr(other.roles[0], name)
            roles[at] = replace(roles[at], **{name: new})
            return one, replace(one, roles=tuple(roles))
        case _:
            return one, replace(one, **{what: getattr(other, what)})


def moved(role, number):
    """Move the last character of one text to the front of the one that follows it."""
    texts = ["session_name", "external_id", "source_identity"]  # STS's order
    flat = [(name, getattr(role, name) or "") for name in texts]
    flat += [
        (f"{n}.{m}", text)
        for n, tag in enumerate(role.tags)
        for m, text in enumerate(tag)
    ]
    at = number % (len(flat) - 1)
    (first, left), (second, right) = flat[at : at + 2]
    flat[at : at + 2] = [(first, left[:-1]), (second, left[-1:] + right)]
    found = {name: text.strip() for name, text in flat}
    tags = tuple((found[f"{n}.0"], found[f"{n}.1"]) for n in range(len(role.tags)))
    assume(all(key for key, _ in tags))
    assume(len({key.lower() for key, _ in tags}) == len(tags))
    return replace(role, tags=tags, **{name: found[name] or None for name in texts})


# --- Written down ------------------------------------------------------------


def said_of(role, style):
    """Yield (key, value) of what a role's profile says of it."""
    yield "role_arn", role.arn
    for key, value in (
        ("external_id", role.external_id),
        ("role_session_name", role.session_name),
        ("source_identity", role.source_identity),
        ("duration_seconds", role.duration),
    ):
        if value is not None:
            yield key, f"{value}"
    indent = {"indent": 1} if style.indented else {}
    if role.policy is not None:
        document = {"Version": "2012-10-17", "Statement": list(role.policy)}
        yield "policy", json.dumps(document, **indent)
    for key, words in (
        ("policy_arns", role.policy_arns),
        ("transitive_session_tags", role.meaning[1]),
    ):
        if words:
            plain = not style.as_json and not any(
                set(word) & set(",[") for word in words
            )
            yield key, ", ".join(words) if plain else json.dumps(words, **indent)
    if role.tags:
        plain = not style.as_json and not any(
            set(k + v) & set(',={"[') for k, v in role.tags
        )
        yield (
            "session_tags",
            ",".join(f"{k} = {v}" for k, v in role.tags)
            if plain
            else json.dumps(dict(role.tags), **indent),
        )


def token_of(whose):
    claims = json.dumps({"sub": whose, "aud": "sts.amazonaws.com", "exp": id(whose)})
    return f"e30.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.sig"


def sections(wish, style, tokens):
    """Return {profile: {key: value}}, the one that is asked for first."""
    names = [f"{style.names}{n}" for n in range(len(wish.roles) + 1)]
    found = {}
    for n, role in enumerate(reversed(wish.roles)):
        found[names[n]] = dict(said_of(role, style)) | {"source_profile": names[n + 1]}
    if wish.serial:
        found[names[0]]["mfa_serial"] = wish.serial
    if wish.mode:
        found[names[0]]["mfa_mode"] = wish.mode
    if wish.bring:
        kind, whose = wish.bring
        file = tokens / kind
        file.write_text(token_of(whose) if kind == "web" else f"<{whose}/>")
        key = {"web": "web_identity_token_file", "saml": "saml_file"}[kind]
        role = {"role_arn": Role.arn} if kind == "web" else {}
        found[names[-1]] = role | {key: str(file)}
    return found, names[-1]


def written(wish, style, folder, tokens):
    """Write the files; return the environment, and the profile to ask for."""
    said, last = sections(wish, style, tokens)
    environ = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }
    first = next(iter(said))
    for variable, key, value in (
        ("AWS_DEFAULT_REGION", "region", wish.region),
        ("AWS_ENDPOINT_URL_STS", "endpoint_url", wish.url),
        (
            "AWS_STS_REGIONAL_ENDPOINTS",
            "sts_regional_endpoints",
            "legacy" if wish.legacy else None,
        ),
    ):
        if value and style.environment:
            environ[variable] = value
        elif value:
            said[first][f"={key}"] = value  # it has no spelling of ours
    texts = {"config": [], "credentials": []}
    if not wish.bring:
        key_id, token = wish.source
        keys = f"aws_access_key_id = {key_id}\naws_secret_access_key = s\n"
        keys += f"aws_session_token = {token}\n" if token else ""
        texts["credentials"].append(f"[{last}]\n{keys}")
    for name, pairs in said.items():
        where = style.where if "=region" not in pairs else "config"
        quoted = f'[profile "{name}"]' if where == "config" else f"[{name}]"
        lines = list(pairs.items())
        if style.backwards:
            lines.reverse()
        own = "sts_plugin_" if style.prefix and name != last else ""
        texts[where].append(
            "\n".join(
                [
                    *(["# role_arn = another", ""] if style.comments else []),
                    quoted,
                    *(
                        f"{'' if key[0] == '=' else own}{key.lstrip('=')} = "
                        + value.replace("\n", "\n  ")
                        for key, value in lines
                    ),
                    "",
                ]
            )
        )
    for name, parts in texts.items():
        if style.backwards:
            parts.reverse()
        (folder / name).write_text("\n".join(parts))
    return environ, first


def keys_of(wish, style, tokens=None):
    """The keys of all answers of a wish that is written down in a style.

    ``tokens`` is where the files of tokens and assertions are: their place counts.
    """
    with TemporaryDirectory() as folder:
        environ, name = written(wish, style, Path(folder), tokens)
        plan = make_plan(load_profiles(environ), name, environ)
        return [plan.source.key, *(call.key for call in plan.calls)]


# --- The pairs ---------------------------------------------------------------


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens")


some = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def proper(wish):
    """Return a wish that no rule is against: a source identity stays as it is."""
    first, *others = wish.roles
    others = [replace(role, source_identity=None) for role in others]
    return replace(wish, roles=(first, *others))


@pytest.mark.parametrize("what", CHANGES)
def test_another_answer_has_another_key_and_the_same_answer_the_same(what, tokens):
    seen = set()

    @some
    @given(pairs(what), STYLES)
    def check(pair, style):
        one, other = map(proper, pair)
        same = one.meaning == other.meaning
        seen.add(same)
        one_key, other_key = (keys_of(it, style, tokens)[-1] for it in (one, other))
        assert (one_key == other_key) is same

    check()
    assert False in seen  # it has met a difference at all


@some
@given(wish=WISHES.map(proper), one=STYLES, other=STYLES)
def test_how_it_is_written_and_named_changes_no_key(wish, one, other, tokens):
    assert keys_of(wish, one, tokens) == keys_of(wish, other, tokens)


SESSION = Wish(serial="arn:aws:iam::1:mfa/a", region="us-east-1")


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"region": "eu-west-1"}, True),
        ({"roles": (Role(duration=900),)}, True),
        ({"roles": (Role("arn:aws:iam::1:role/B"),)}, True),
        ({"region": None}, False),
        ({"legacy": True}, False),
        ({"url": "http://a"}, False),
        ({"serial": "arn:aws:iam::1:mfa/b"}, False),
        ({"source": SOURCES[1]}, False),
    ],
)
def test_a_session_is_shared_by_all_that_stands_behind_its_device(changes, same):
    # The exception: profiles of other regions and durations are to share one prompt.
    one, other = (
        keys_of(SESSION, Style()),
        keys_of(replace(SESSION, **changes), Style()),
    )
    assert (one[1] == other[1]) is same


BORDERS = ("", ",", '","', '"], ["', "\0", "\n")


@given(st.lists(TEXTS, max_size=4), st.sampled_from(BORDERS), st.integers(0, 4))
def test_a_digest_has_no_two_readings(parts, border, at):
    # Whatever stands between two parts, it is no part of them.
    joined = [*parts[:at], border.join(parts[at : at + 2]), *parts[at + 2 :]]
    for other in (joined, [parts], [*parts, ""], [*parts, None], parts[::-1]):
        assert (digest(*parts) == digest(*other)) is (parts == other)
