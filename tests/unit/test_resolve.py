from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sts_plugin import rules
from sts_plugin.backoff import Renewals
from sts_plugin.cache import Cache
from sts_plugin.document import to_document
from sts_plugin.errors import (
    Busy,
    CacheUnusable,
    CallerRejected,
    CannotAsk,
    CodeRefused,
    ConfigurationError,
    Declined,
    DurationRefused,
    HumanNeeded,
    NoAnswer,
    NothingHere,
    Refused,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.ledger import NO_ANSWER, Failure
from sts_plugin.locks import Holder
from sts_plugin.model import (
    Call,
    CodeSettings,
    Credentials,
    Life,
    Origin,
    Plan,
    Secret,
    Setting,
    SourceHop,
)
from sts_plugin.resolve import Resolver
from sts_plugin.settings import RENEWAL_PAUSE_SECONDS, Settings
from sts_plugin.store import DiskStore, Entry
from sts_plugin.watcher import Watcher

START = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEVICE = "arn:aws:iam::111111111111:mfa/alice"
ROLE = "arn:aws:iam::111111111111:role/"
SOURCE = SourceHop("static", "b", "AKIA1", "source", long_term=True)
LONG_TERM = Credentials("AKIA1", Secret("s"))


def make(action, profile, **arguments):
    return Call(action, profile, digest(action, profile), Origin("f"), arguments)


def role(name, profile=None, *, account="111111111111", **arguments):
    arn = f"arn:aws:iam::{account}:role/{name}"
    return make("AssumeRole", profile or name, RoleArn=arn, **arguments)


SESSION = make("GetSessionToken", "b", SerialNumber=DEVICE, DurationSeconds=43_200)
JUMP = role("jump")
ADMIN = role("admin", "p")
DIRECT = role("direct", "p", SerialNumber=DEVICE)
PLAN = Plan("p", SOURCE, (SESSION, JUMP, ADMIN))
REFUSED = CodeRefused("AWS refused it", code="AccessDenied")
REJECTED = CallerRejected("AWS rejected it", code="ExpiredToken")
DOWN = Unreachable("no usable answer", sent=True)
TOO_LONG = DurationRefused("AWS refused it", code="ValidationError")


class Whoever(Watcher):
    """Watches a run of the bench: waits in no time, and may be gone."""

    def __init__(self, told):
        super().__init__(told.append)
        self.waits, self.warned = [], []
        self.is_gone = self.is_orphaned = False

    def warn(self, line, *, session=None):
        self.warned.append((line, session))

    def wait(self, line, seconds, *, why):
        self.waits.append((line, seconds, why))

    def gone(self):
        return self.is_gone

    def orphaned(self):
        return self.is_gone or self.is_orphaned


class Bench:
    """A resolver with a real cache, a clock, and fakes that write down what happens.

    It is the source of codes, too: a person who types.
    """

    name, attempts = "terminal", 3

    def __init__(self, folder):
        self.store = Watched(folder, self)
        self.now = START
        self.log = []
        self.told = []
        self.watcher = Whoever(self.told)
        self.settings = Settings()
        self.others = []  # sources that are asked before it
        self.sent = []  # the arguments of each call
        self.proofs = {}  # what a call brings along
        self.refuses = ()  # keys of calls whose lock must not be waited for
        self.answers = {}  # hop -> errors to raise before it answers
        self.typed = []  # None: a new code each time
        self.questions = []
        self.automatic = False
        self.codes = 0  # that were typed so far
        self.count = 0

    # --- Fakes ---

    def ask(self, question):
        self.questions.append(question)
        if self.typed:
            answer = self.typed.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        self.codes += 1
        return f"{self.codes:06}"

    def sources(self):
        yield from (*self.others, self)

    def call(self, hop, caller, brought):
        code = brought.get("TokenCode")
        key_id = caller and caller.access_key_id
        self.log.append(("call", hop.profile, key_id, code and code.reveal()))
        self.sent.append({**hop.arguments, **brought})
        errors = self.answers.get(hop, [])
        if errors and (error := errors.pop(0)):
            raise error
        return self.issue(hop)

    def issue(self, hop, life=None):
        self.count += 1
        return Credentials(
            f"ASIA-{hop.profile}-{self.count}",
            Secret("s"),
            Secret("t"),
            self.now + (life or self.life(hop)),
        )

    def life(self, hop):
        return 12 * HOUR if hop.action == "GetSessionToken" else HOUR

    def source(self):
        self.log.append(("source",))
        return LONG_TERM

    def before_waiting(self, hop):
        if hop.key in self.refuses:
            raise ConfigurationError("it leads back to itself")

    def bring(self, hop):
        found = self.proofs.get(hop.key, {})
        if hop.key in self.proofs:
            self.log.append(("bring", hop.profile))
        if isinstance(found, Exception):
            raise found
        return found

    # --- Actions ---

    def resolve(self, plan=PLAN, store=None, *, login=False, got=()):
        for log in (self.log, self.sent, self.told, self.questions):
            log.clear()
        return Resolver(
            plan,
            cache=Cache(store or self.store, tell=self.told.append),
            sts=self,
            sources=self.sources,
            source=self.source,
            bring=self.bring,
            watcher=self.watcher,
            settings=self.settings,
            before_waiting=self.before_waiting,
            login=set(got) if login else None,
            now=lambda: self.now,
        ).resolve()

    def publish(self, hop, life=None):
        issued = self.issue(hop, life)
        life = Life(self.now, issued.expiration)
        DiskStore.publish(
            self.store, Entry(hop.key, life, to_document(issued), {"kind": "x"})
        )
        return issued

    @property
    def calls(self):
        return [entry[1:] for entry in self.log if entry[0] == "call"]


class Watched(DiskStore):
    """A real store that tells the bench what is done with it."""

    def __init__(self, folder, bench):
        super().__init__(folder)
        self.bench = bench
        self.meanwhile = None  # what another process does while we wait for a lock

    @contextlib.contextmanager
    def lock(self, name, waiting, news):
        with super().lock(name, waiting, news) as held:
            self.bench.log.append(("lock", name))
            if self.meanwhile:
                self.meanwhile()
            yield held
            self.bench.log.append(("unlock", name))

    def publish(self, entry):
        self.bench.log.append(("publish", entry.label["profile"]))
        super().publish(entry)

    def remove(self, entry):
        self.bench.log.append(("remove", entry.key))
        super().remove(entry)

    def record_code(self, device, code):
        self.bench.log.append(("record", code))
        super().record_code(device, code)

    def forget_code(self, device, code):
        self.bench.log.append(("forget", code))
        super().forget_code(device, code)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "cache")


# --- The way through ---


def test_a_cold_chain_makes_each_call_once_under_its_lock_and_publishes(bench):
    credentials = bench.resolve()
    assert bench.log == [
        ("source",),
        ("lock", DEVICE),
        ("record", "000001"),
        ("call", "b", "AKIA1", "000001"),
        ("publish", "b"),
        ("unlock", DEVICE),
        ("lock", JUMP.key),
        ("call", "jump", "ASIA-b-1", None),
        ("publish", "jump"),
        ("unlock", JUMP.key),
        ("lock", ADMIN.key),
        ("call", "p", "ASIA-jump-2", None),
        ("publish", "p"),
        ("unlock", ADMIN.key),
    ]
    assert credentials.access_key_id == "ASIA-p-3"
    assert credentials.expiration == START + HOUR
    assert bench.told == []
    (question,) = bench.questions
    assert (question.profile, question.device, question.reason) == ("p", DEVICE, "")


def test_published_entries_hold_the_answer_its_life_and_a_label(bench):
    bench.resolve()
    entries = {entry.key: entry for entry in bench.store.entries()}
    assert entries.keys() == {SESSION.key, JUMP.key, ADMIN.key}
    session, admin = entries[SESSION.key], entries[ADMIN.key]
    assert session.life == Life(START, START + 12 * HOUR)
    assert session.document["AccessKeyId"] == "ASIA-b-1"
    assert session.label == {
        "kind": "session",
        "action": "GetSessionToken",
        "subject": DEVICE,
        "profile": "b",
        "caller": "AKIA1",
    }
    assert admin.label == {
        "kind": "role",
        "action": "AssumeRole",
        "subject": ROLE + "admin",
        "profile": "p",
        "caller": "ASIA-jump-2",
    }


def test_the_second_run_makes_no_call_takes_no_lock_and_loads_no_source(bench):
    first = bench.resolve()
    assert bench.resolve() == first
    assert bench.log == []


def test_a_plan_without_calls_is_its_source(bench):
    assert bench.resolve(Plan("p", SOURCE)) == LONG_TERM
    assert bench.log == [("source",)]


def test_a_source_that_has_nothing_is_told(bench):
    bench.source = lambda: (_ for _ in ()).throw(NothingHere("nothing"))
    with pytest.raises(NothingHere):
        bench.resolve()


def test_the_newest_usable_entry_is_where_the_way_begins(bench):
    bench.publish(SESSION)
    jump = bench.publish(JUMP)
    bench.resolve()
    assert bench.calls == [("p", jump.access_key_id, None)]
    assert ("source",) not in bench.log


def test_profiles_behind_one_device_ask_once(bench):
    bench.resolve()
    other = role("other", "q")
    bench.resolve(Plan("q", SOURCE, (SESSION, other)))
    assert bench.questions == []
    assert bench.calls == [("q", "ASIA-b-1", None)]


@pytest.mark.parametrize(
    ("left", "served"), [(16 * 60, True), (15 * 60, False), (120, False), (-1, False)]
)
def test_what_is_handed_out_must_be_fresh(bench, left, served):
    old = bench.publish(ADMIN)
    bench.now = old.expiration - timedelta(seconds=left)
    bench.publish(JUMP)
    assert (bench.resolve() == old) is served


@pytest.mark.parametrize(("left", "served"), [(61, True), (60, False), (-1, False)])
def test_what_signs_our_next_call_must_only_be_usable(bench, left, served):
    jump = bench.publish(JUMP)
    bench.now = jump.expiration - timedelta(seconds=left)
    bench.publish(SESSION)
    bench.resolve()
    assert (bench.calls[0][0] == "p") is served
    assert (("lock", JUMP.key) in bench.log) is not served


def test_a_clock_that_was_stepped_back_makes_a_new_set(bench):
    bench.resolve()
    bench.now = START - HOUR
    bench.resolve()
    assert len(bench.calls) == 3


def test_what_another_process_published_while_we_waited_is_taken(bench):
    made = {}

    def meanwhile():
        made.setdefault("admin", bench.publish(ADMIN))

    bench.publish(JUMP)
    bench.store.meanwhile = meanwhile
    assert bench.resolve() == made["admin"]
    assert bench.calls == []


def test_a_session_that_another_process_got_while_we_waited_asks_nobody(bench):
    made = {}

    def meanwhile():
        made.setdefault("session", bench.publish(SESSION))

    bench.store.meanwhile = meanwhile
    bench.resolve()
    assert bench.questions == []
    assert bench.calls[0] == ("jump", made["session"].access_key_id, None)


@pytest.mark.parametrize(
    "change",
    [
        {"Version": 2},
        {"SecretAccessKey": None},
        {"Expiration": "soon"},
        {"Expiration": "0001-01-01T00:00:00+14:00"},
    ],
    ids=repr,
)
def test_an_entry_that_holds_no_credentials_is_passed_over_and_healed(bench, change):
    document = to_document(bench.issue(ADMIN)) | change
    entry = Entry(ADMIN.key, Life(START, START + HOUR), document, {"profile": "p"})
    bench.store.publish(entry)
    credentials = bench.resolve()
    assert bench.calls[-1][0] == "p"
    assert bench.resolve() == credentials
    assert bench.log == []


# --- The source ---

PLAIN = Plan("p", SOURCE, (JUMP, ADMIN))


def test_a_source_is_loaded_under_the_lock_of_the_first_call(bench):
    # What it runs may be slow, or open a browser: once for everybody who waits.
    bench.resolve(PLAIN)
    assert bench.log[:4] == [
        ("lock", JUMP.key),
        ("source",),
        ("call", "jump", "AKIA1", None),
        ("publish", "jump"),
    ]


@pytest.mark.parametrize("session", [SESSION, DIRECT], ids=lambda it: it.action)
def test_a_source_is_loaded_before_the_lock_of_a_device(bench, session):
    # Its command may need the lock of the same device.
    bench.resolve(Plan("p", SOURCE, (session,)))
    assert bench.log[:2] == [("source",), ("lock", DEVICE)]


def test_a_source_is_not_loaded_for_what_another_process_published(bench):
    made = {}
    bench.store.meanwhile = lambda: made.setdefault("jump", bench.publish(JUMP))
    bench.resolve(PLAIN)
    assert ("source",) not in bench.log
    assert bench.calls == [("p", made["jump"].access_key_id, None)]


def test_a_source_that_fails_frees_the_lock_and_publishes_nothing(bench):
    bench.source = lambda: (_ for _ in ()).throw(NothingHere("nothing"))
    with pytest.raises(NothingHere):
        bench.resolve(PLAIN)
    assert list(bench.store.entries()) == []
    del bench.source
    assert bench.resolve(PLAIN).access_key_id == "ASIA-p-2"


# --- Limits ---


@pytest.mark.parametrize(
    "bad",
    [role("r", DurationSeconds=1), role("r", RoleSessionName="a b"), role("r # c")],
    ids=["duration", "name", "role"],
)
def test_a_value_that_sts_would_refuse_is_told_before_anybody_is_asked(bench, bad):
    with pytest.raises(ConfigurationError):
        bench.resolve(Plan("p", SOURCE, (SESSION, JUMP, bad)))
    assert (bench.log, bench.questions) == ([], [])


def test_what_is_served_from_the_cache_is_not_judged_again(bench):
    bad = role("r", DurationSeconds=1)
    bench.publish(bad)
    assert bench.resolve(Plan("p", SOURCE, (bad, ADMIN)))


# --- Before waiting ---


def test_what_must_not_wait_for_a_lock_is_refused_before_it_does(bench):
    bench.refuses = {JUMP.key}
    with pytest.raises(ConfigurationError, match="leads back"):
        bench.resolve(PLAIN)
    assert bench.log == []


def test_what_is_served_from_the_cache_waits_for_nothing(bench):
    bench.refuses = {JUMP.key, ADMIN.key}
    bench.publish(JUMP)
    admin = bench.publish(ADMIN)
    assert bench.resolve(PLAIN) == admin


# --- Calls that bring a proof along ---

WEB = make("AssumeRoleWithWebIdentity", "ci", RoleArn=ROLE + "deploy")
TOKEN = Secret("token")
FROM_WEB = Plan("p", SourceHop("web-identity", "ci", "x", "x"), (WEB, ADMIN))


def test_a_call_that_a_token_vouches_for_needs_no_source(bench):
    bench.proofs = {WEB.key: {"WebIdentityToken": TOKEN}}
    credentials = bench.resolve(FROM_WEB)
    assert bench.log == [
        ("lock", WEB.key),
        ("bring", "ci"),
        ("call", "ci", None, None),
        ("publish", "ci"),
        ("unlock", WEB.key),
        ("lock", ADMIN.key),
        ("call", "p", "ASIA-ci-1", None),
        ("publish", "p"),
        ("unlock", ADMIN.key),
    ]
    assert credentials.access_key_id == "ASIA-p-2"
    assert bench.sent[0] == {"RoleArn": ROLE + "deploy", "WebIdentityToken": TOKEN}
    entry = bench.store.read(WEB.key)
    assert entry.label == {
        "kind": "role",
        "action": "AssumeRoleWithWebIdentity",
        "subject": ROLE + "deploy",
        "profile": "ci",
        "caller": "",
    }
    assert "token" not in str(entry.document)


def test_a_signed_call_may_bring_a_proof_too(bench):
    trade = make("GetDelegatedAccessToken", "p")
    bench.proofs = {trade.key: {"TradeInToken": TOKEN}}
    bench.resolve(Plan("p", SOURCE, (trade,)))
    assert bench.log[:4] == [
        ("lock", trade.key),
        ("source",),
        ("bring", "p"),
        ("call", "p", "AKIA1", None),
    ]


def test_a_call_with_a_code_keeps_what_else_it_brings(bench):
    bench.proofs = {DIRECT.key: {"SourceIdentity": "alice"}}
    bench.resolve(Plan("p", SOURCE, (DIRECT,)))
    (sent,) = bench.sent
    assert sent.keys() >= {"SourceIdentity", "TokenCode", "RoleArn", "SerialNumber"}


def test_a_proof_is_brought_anew_for_each_call_and_not_for_what_is_cached(bench):
    bench.proofs = {WEB.key: {"WebIdentityToken": TOKEN}}
    bench.resolve(FROM_WEB)
    bench.resolve(FROM_WEB)
    assert bench.log == []
    bench.now += timedelta(minutes=50)
    bench.resolve(FROM_WEB)
    assert [entry for entry in bench.log if entry[0] == "bring"] == []
    bench.now += timedelta(minutes=50)
    bench.resolve(FROM_WEB)
    assert ("bring", "ci") in bench.log


def test_a_proof_is_not_brought_for_what_another_process_published(bench):
    bench.proofs = {WEB.key: HumanNeeded("sign in again")}
    bench.store.meanwhile = lambda: bench.publish(WEB)
    bench.resolve(FROM_WEB)
    assert ("bring", "ci") not in bench.log


def test_a_proof_that_expired_serves_the_old_set_while_it_is_usable(bench):
    bench.proofs = {WEB.key: {"WebIdentityToken": TOKEN}}
    plan = Plan("ci", FROM_WEB.source, (WEB,))
    old = bench.resolve(plan)
    bench.proofs = {WEB.key: HumanNeeded("sign in again")}
    bench.now = old.expiration - timedelta(minutes=5)
    assert bench.resolve(plan) == old
    assert "sign in again" in bench.told[0]
    bench.now = old.expiration
    with pytest.raises(HumanNeeded):
        bench.resolve(plan)
    assert bench.calls == []


def test_a_rejected_web_identity_is_got_anew_with_its_proof(bench):
    bench.proofs = {WEB.key: {"WebIdentityToken": TOKEN}}
    stale = bench.publish(WEB)
    bench.answers[ADMIN] = [REJECTED]
    bench.resolve(FROM_WEB)
    assert bench.calls == [
        ("p", stale.access_key_id, None),
        ("ci", None, None),
        ("p", "ASIA-ci-2", None),
    ]
    assert ("bring", "ci") in bench.log


# --- A source of which nobody knew what it gives ---

TEMPORARY = Credentials("ASIA1", Secret("s"), Secret("t"))


@pytest.mark.parametrize(
    ("source", "asked", "sent"),
    [
        (LONG_TERM, 43_200, 43_200),
        (TEMPORARY, 43_200, 3600),
        (TEMPORARY, 3601, 3600),
        (TEMPORARY, 900, 900),
        (TEMPORARY, None, None),
    ],
)
@pytest.mark.parametrize("device", [{}, {"SerialNumber": DEVICE}], ids=["", "MFA"])
def test_a_role_of_temporary_credentials_is_asked_for_an_hour_at_most(
    bench, source, asked, sent, device
):
    # What a process prints is known when it has run.
    arguments = device | ({} if asked is None else {"DurationSeconds": asked})
    bench.source = lambda: source
    bench.resolve(Plan("p", SOURCE, (role("long", **arguments),)))
    assert [one.get("DurationSeconds") for one in bench.sent] == [sent]


def test_what_is_lowered_to_an_hour_is_not_tried_longer(bench):
    call = replace(role("long", DurationSeconds=43_200), lower_duration=True)
    bench.source = lambda: TEMPORARY
    bench.answers[rules.lowered(call, [])] = [TOO_LONG] * 9
    with pytest.raises(DurationRefused):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert [one["DurationSeconds"] for one in bench.sent] == [3600]
    assert bench.told == []


# --- Roles that do not last as long as was asked for ---


def lasting(seconds, *, lower=True, **arguments):
    long = role("long", DurationSeconds=seconds, **arguments)
    return replace(long, lower_duration=lower)


def durations(bench):
    return [arguments.get("DurationSeconds") for arguments in bench.sent]


@pytest.mark.parametrize(
    ("asked", "refusals", "tried"),
    [
        (43_200, 0, [43_200]),
        (43_200, 1, [43_200, 28_800]),
        (43_200, 5, [43_200, 28_800, 21_600, 14_400, 7200, 3600]),
        (36_000, 2, [36_000, 28_800, 21_600]),
        (28_800, 1, [28_800, 21_600]),
        (3601, 1, [3601, 3600]),
    ],
)
def test_shorter_sessions_are_tried_where_the_profile_allows_it(
    bench, asked, refusals, tried
):
    call = lasting(asked)
    bench.answers[call] = [TOO_LONG] * refusals
    assert bench.resolve(Plan("p", SOURCE, (call,)))
    assert durations(bench) == tried
    assert len(bench.told) == refusals
    for line, (more, less) in zip(bench.told, pairwise(tried), strict=False):
        assert f"{more} seconds" in line
        assert f"asking for {less}" in line
    assert [entry[0] for entry in bench.log].count("source") == 1


@pytest.mark.parametrize("asked", [3600, 1800])
def test_the_shortest_maximum_of_a_role_is_the_end_of_it(bench, asked):
    call = lasting(asked)
    bench.answers[call] = [TOO_LONG] * 9
    with pytest.raises(DurationRefused):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert durations(bench) == [asked]


def test_a_role_that_refuses_every_length_is_an_error(bench):
    call = lasting(43_200)
    bench.answers[call] = [TOO_LONG] * 9
    with pytest.raises(DurationRefused):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert len(bench.sent) == 6
    assert list(bench.store.entries()) == []


def test_no_shorter_session_is_tried_where_nobody_allowed_it(bench):
    call = lasting(43_200, lower=False)
    bench.answers[call] = [TOO_LONG] * 9
    with pytest.raises(DurationRefused):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert durations(bench) == [43_200]


def test_no_shorter_session_is_tried_with_a_code(bench):
    # Each attempt would cost another code.
    call = lasting(43_200, SerialNumber=DEVICE)
    bench.answers[call] = [TOO_LONG] * 9
    with pytest.raises(DurationRefused):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert durations(bench) == [43_200]
    assert len(bench.questions) == 1


def test_another_refusal_is_not_answered_with_a_shorter_session(bench):
    call = lasting(43_200)
    bench.answers[call] = [TOO_LONG, Refused("no", code="AccessDenied")]
    with pytest.raises(Refused, match="no"):
        bench.resolve(Plan("p", SOURCE, (call,)))
    assert durations(bench) == [43_200, 28_800]


def test_the_length_that_a_proof_asks_for_is_lowered_too(bench):
    web = replace(WEB, lower_duration=True)
    token = {"WebIdentityToken": TOKEN, "DurationSeconds": 14_400}
    bench.proofs = {WEB.key: token}
    bench.answers[web] = [TOO_LONG]
    bench.resolve(Plan("ci", FROM_WEB.source, (web,)))
    assert durations(bench) == [14_400, 7200]
    assert [arguments["WebIdentityToken"] for arguments in bench.sent] == [TOKEN] * 2
    assert [entry[0] for entry in bench.log].count("bring") == 1


# --- Renewal that fails ---


def expiring(bench, seconds=600):
    """Publish a last set that has some minutes left, and make its renewal fail."""
    old = bench.publish(ADMIN)
    bench.now = old.expiration - timedelta(seconds=seconds)
    bench.publish(JUMP)
    return old


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        Refused("no", code="AccessDenied"),
        CallerRejected("no", code="InvalidClientTokenId"),
        Busy("held"),
    ],
)
def test_a_failed_renewal_serves_the_old_set_while_it_is_usable_and_tells(bench, error):
    old = expiring(bench)
    bench.answers = {ADMIN: [error] * 9, SESSION: [error] * 9}
    assert bench.resolve() == old
    assert len(bench.told) == 1
    assert error.message in bench.told[0]
    assert f"{old.expiration:%H:%M:%S} UTC" in bench.told[0]


@pytest.mark.parametrize("error", [DOWN, Refused("no", code="AccessDenied"), REJECTED])
def test_a_failed_renewal_is_not_tried_again_for_a_while_by_anybody(bench, error):
    old = expiring(bench)
    bench.answers = {ADMIN: [error] * 9, SESSION: [error] * 9}
    bench.resolve()
    for _ in range(3):  # each with a cache of its own, as another process
        assert bench.resolve() == old
        assert (bench.calls, bench.told, bench.questions) == ([], [], [])
        assert bench.log == []  # no lock and no source either
    bench.now += timedelta(seconds=RENEWAL_PAUSE_SECONDS[1])
    assert bench.resolve() == old
    assert bench.calls
    assert len(bench.told) == 1


def test_who_waited_for_a_renewal_that_failed_does_not_try_it_as_well(bench):
    old = expiring(bench)

    def another_process_fails():
        Renewals(Cache(bench.store, tell=print), now=lambda: bench.now).failed(
            ADMIN.key, DOWN
        )

    bench.store.meanwhile = another_process_fails
    assert bench.resolve() == old
    assert bench.calls == []


def test_a_failed_renewal_rests_before_those_who_wait_have_their_turn(bench, mocker):
    expiring(bench)
    bench.answers[ADMIN] = [DOWN]
    resting = mocker.spy(Renewals, "failed")
    seen = []
    mocker.patch.object(
        Watched,
        "record_failure",
        autospec=True,
        side_effect=lambda *_: seen.append(resting.call_count),
    )
    bench.resolve()
    # The first note is the rest itself; what those who wait look at comes after it.
    assert seen[:2] == [1, 1]


def test_a_renewal_for_want_of_a_person_is_tried_again_at_once(bench):
    plan = Plan("p", SOURCE, (DIRECT,))
    old = bench.resolve(plan)
    bench.now = old.expiration - timedelta(minutes=5)
    bench.typed = [CannotAsk("there is no terminal")]
    assert bench.resolve(plan) == old
    assert bench.resolve(plan) != old  # somebody at a terminal


def test_a_login_does_not_rest(bench):
    expiring(bench)
    bench.answers[ADMIN] = [DOWN]
    bench.resolve()
    assert bench.resolve(login=True).access_key_id.startswith("ASIA-p")
    assert bench.calls


def test_a_set_that_is_over_ends_the_rest(bench):
    old = expiring(bench, seconds=65)
    bench.answers[ADMIN] = [DOWN]
    assert bench.resolve() == old
    bench.now += timedelta(seconds=10)
    assert bench.resolve() != old


def test_nobody_to_ask_serves_the_old_set_while_it_is_usable(bench):
    plan = Plan("p", SOURCE, (DIRECT,))
    old = bench.resolve(plan)
    bench.now = old.expiration - timedelta(minutes=5)
    bench.typed = [CannotAsk("there is no terminal")]
    assert bench.resolve(plan) == old
    assert "there is no terminal" in bench.told[0]


def test_a_failed_renewal_of_a_set_that_is_over_is_an_error(bench):
    expiring(bench, seconds=60)
    bench.answers[ADMIN] = [DOWN]
    with pytest.raises(Unreachable):
        bench.resolve()
    assert bench.told == []


def test_a_failure_without_an_old_set_is_an_error_and_caches_nothing(bench):
    bench.answers[SESSION] = [DOWN]
    with pytest.raises(Unreachable):
        bench.resolve()
    assert list(bench.store.entries()) == []
    assert bench.log[-1] == ("call", "b", "AKIA1", "000001")


# --- Entries that AWS no longer takes ---


def test_a_rejected_session_is_dropped_and_the_chain_built_once_more(bench):
    stale = bench.publish(SESSION)
    bench.answers[JUMP] = [REJECTED]
    credentials = bench.resolve()
    assert bench.calls == [
        ("jump", stale.access_key_id, None),
        ("b", "AKIA1", "000001"),
        ("jump", "ASIA-b-2", None),
        ("p", "ASIA-jump-3", None),
    ]
    assert ("remove", SESSION.key) in bench.log
    assert bench.store.read(SESSION.key).document["AccessKeyId"] == "ASIA-b-2"
    assert bench.resolve() == credentials


def test_all_that_a_rejected_role_stands_on_is_dropped(bench):
    bench.publish(SESSION)
    bench.publish(JUMP)
    bench.answers[ADMIN] = [REJECTED]
    bench.resolve()
    removed = {entry[1] for entry in bench.log if entry[0] == "remove"}
    assert removed == {SESSION.key, JUMP.key}
    assert [call[0] for call in bench.calls] == ["p", "b", "jump", "p"]


def test_what_another_process_renewed_before_we_were_rejected_is_kept(bench):
    # Twenty processes whose session was revoked: the second must not throw away
    # what somebody just typed a code for.
    renewed, call = [], bench.call

    def rejected_once(hop, caller, brought):
        if not renewed:
            renewed.append(bench.publish(SESSION))
            raise REJECTED
        return call(hop, caller, brought)

    bench.publish(SESSION)
    bench.call = rejected_once
    bench.resolve()
    assert bench.questions == []
    assert bench.calls[0] == ("jump", renewed[0].access_key_id, None)


def test_a_chain_is_never_rebuilt_twice(bench):
    bench.publish(SESSION)
    bench.answers[JUMP] = [REJECTED] * 9
    with pytest.raises(CallerRejected):
        bench.resolve()
    assert [call[0] for call in bench.calls] == ["jump", "b", "jump"]


def test_a_rejected_source_is_not_tried_again(bench):
    bench.answers[SESSION] = [REJECTED] * 9
    with pytest.raises(CallerRejected):
        bench.resolve()
    assert [call[0] for call in bench.calls] == ["b"]


def test_another_refusal_drops_nothing(bench):
    bench.publish(SESSION)
    bench.answers[JUMP] = [Refused("no", code="AccessDenied")]
    with pytest.raises(Refused):
        bench.resolve()
    assert [call[0] for call in bench.calls] == ["jump"]
    assert bench.store.read(SESSION.key)


# --- Codes ---


def test_a_question_tells_for_what_a_code_is_wanted_and_until_when(bench):
    bench.settings = Settings(prompt_seconds=1000)
    before = time.monotonic()
    bench.resolve(Plan("p", SOURCE, (SESSION, role("far", account="222222222222"))))
    (question,) = bench.questions
    assert (question.profile, question.device) == ("p", DEVICE)
    assert (question.account, question.reason) == ("222222222222", "")
    assert before + 1000 <= question.deadline <= time.monotonic() + 1000


@pytest.mark.parametrize(
    ("calls", "account"),
    [
        ((SESSION,), "111111111111"),
        ((SESSION, make("GetFederationToken", "p", Name="carol")), "111111111111"),
        ((make("GetSessionToken", "b", SerialNumber="GAHT12345678"),), ""),
    ],
    ids=["session", "federation", "hardware"],
)
def test_where_no_role_says_so_the_account_is_the_devices_or_unknown(
    bench, calls, account
):
    bench.resolve(Plan("p", SOURCE, calls))
    assert bench.questions[0].account == account


def test_each_code_is_recorded_before_it_is_sent(bench):
    bench.answers[SESSION] = [REFUSED, REFUSED]
    bench.resolve()
    reasons = [question.reason for question in bench.questions]
    assert reasons == ["", "AWS refused that code", "AWS refused that code"]
    assert bench.log[1:8] == [
        ("lock", DEVICE),
        ("record", "000001"),
        ("call", "b", "AKIA1", "000001"),
        ("record", "000002"),
        ("call", "b", "AKIA1", "000002"),
        ("record", "000003"),
        ("call", "b", "AKIA1", "000003"),
    ]


def test_codes_that_are_refused_each_time_cache_nothing(bench):
    bench.answers[SESSION] = [REFUSED] * 9
    with pytest.raises(CodeRefused):
        bench.resolve()
    assert len({call[2] for call in bench.calls}) == len(bench.calls) == 3
    assert list(bench.store.entries()) == []


def test_a_code_is_never_sent_twice_not_even_by_the_next_run(bench):
    bench.answers[SESSION] = [DOWN]
    bench.typed = ["111111"]
    with pytest.raises(Unreachable):
        bench.resolve()
    assert bench.calls == [("b", "AKIA1", "111111")]
    bench.typed = ["111111", "222222"]
    bench.resolve()
    assert [call[2] for call in bench.calls] == ["222222", None, None]
    assert bench.questions[1].reason == "that code was used before"


def test_a_code_that_was_never_sent_is_as_good_as_new(bench):
    # R9: the network is down, and comes back within the 30 s of the code.
    bench.answers[SESSION] = [Unreachable("no route", sent=False)]
    bench.typed = ["111111"]
    with pytest.raises(Unreachable):
        bench.resolve()
    assert bench.log[-2:] == [
        ("call", "b", "AKIA1", "111111"),
        ("forget", "111111"),
    ]
    bench.typed = ["111111"]
    bench.resolve()
    assert bench.calls[0] == ("b", "AKIA1", "111111")
    assert bench.store.used_codes(DEVICE) == {digest(DEVICE, "111111")}


@pytest.mark.parametrize(
    "error", [DOWN, REFUSED, REJECTED, Refused("no", code="X"), KeyboardInterrupt()]
)
def test_a_code_that_may_have_been_sent_is_used(bench, error):
    bench.answers[SESSION] = [error] * 9
    with pytest.raises(type(error)):
        bench.resolve()
    assert not any(entry[0] == "forget" for entry in bench.log)
    assert digest(DEVICE, "000001") in bench.store.used_codes(DEVICE)


def test_each_role_of_a_direct_plan_has_its_own_code(bench):
    second = role("second", "q", SerialNumber="other-device")
    bench.resolve(Plan("q", SOURCE, (DIRECT, second)))
    assert bench.calls == [
        ("p", "AKIA1", "000001"),
        ("q", "ASIA-p-1", "000002"),
    ]
    assert [question.device for question in bench.questions] == [DEVICE, "other-device"]


def test_sources_are_asked_in_their_order(bench):
    bench.others = [Other("command", "999999")]
    bench.resolve()
    assert bench.questions == []
    assert bench.calls[0][2] == "999999"


# --- Who waits for the same device ---


def test_who_waited_while_somebody_said_no_is_not_asked(bench):
    declined = Failure("f", time.time(), "declined", "Ctrl-C", "later")
    bench.store.meanwhile = lambda: bench.store.record_failure(DEVICE, declined)
    with pytest.raises(Declined, match="Ctrl-C"):
        bench.resolve()
    assert (bench.questions, bench.calls) == ([], [])
    bench.store.meanwhile = None
    assert bench.resolve()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyboardInterrupt(), "declined"),
        (Declined("no"), "declined"),
        (NoAnswer("nobody typed it"), NO_ANSWER),
        (CannotAsk("there is no terminal"), None),
        (SystemExit(143), None),
    ],
    ids=lambda it: type(it).__name__,
)
def test_what_comes_of_a_prompt_is_noted_under_the_device(bench, error, kind):
    bench.typed = [error]
    with pytest.raises(type(error)):
        bench.resolve()
    noted = bench.store.failure(DEVICE)
    assert (noted and (noted.kind, noted.scope)) == (kind and (kind, ""))


def test_what_comes_of_a_call_without_a_code_is_noted_for_that_call(bench):
    bench.answers[JUMP] = [Refused("no", code="AccessDenied")]
    with pytest.raises(Refused):
        bench.resolve()
    noted = bench.store.failure(JUMP.key)
    assert (noted.kind, bool(noted.scope)) == ("refused", True)
    assert bench.store.failure(DEVICE) is bench.store.failure(ADMIN.key) is None


@pytest.mark.parametrize("pressed", [JUMP, SESSION], ids=["call", "prompt"])
def test_ctrl_c_is_only_shared_where_somebody_is_asked(bench, pressed):
    bench.answers[pressed] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        bench.resolve()
    assert bool(bench.store.failure(pressed.lock)) is (pressed is SESSION)


def test_a_run_that_nobody_waits_for_tells_nobody_of_its_failure(bench):
    bench.watcher.is_gone = True
    bench.typed = [Declined("nobody waits for the code any more")]
    with pytest.raises(Declined):
        bench.resolve()
    assert bench.store.failure(DEVICE) is None


def test_an_orphan_who_gives_up_its_prompt_does_not_speak_for_those_who_wait(bench):
    # Its shell was closed, its output goes to a file: in another window somebody is
    # there, and takes over.
    bench.watcher.is_orphaned = True
    bench.typed = [Declined("nobody waits for the code any more")]
    with pytest.raises(Declined):
        bench.resolve()
    assert bench.store.failure(DEVICE) is None


def scope_of(bench, plan=PLAN):
    """The scope of a refusal that a plan meets at its first call."""
    bench.answers[plan.calls[0]] = [Refused("no", code="AccessDenied")]
    with pytest.raises(Refused):
        bench.resolve(plan)
    return bench.store.failure(plan.calls[0].lock).scope


def code_settings(process=None, file=None, **options):
    said = [
        value and Setting(key, value, Origin("f"))
        for key, value in (("mfa_process", process), ("totp_file", file))
    ]
    return CodeSettings(*said, **options)


def test_a_refusal_concerns_those_who_want_the_same_in_the_same_way(bench):
    def scope(plan=PLAN, **codes):
        return scope_of(bench, replace(plan, codes=code_settings(**codes)))

    same = scope()
    assert scope(Plan("q", SOURCE, (SESSION, role("other")))) == same
    others = [
        scope(Plan("p", SOURCE, (DIRECT,))),
        scope(process="totp a"),
        scope(process="totp b"),
        scope(file="totp a"),
        scope(process="totp a", file="totp b"),
    ]
    assert len({same, *others}) == 6


def test_whoever_tries_other_ways_does_not_share_a_misconfiguration(bench):
    # STS_PLUGIN_MFA_PROMPT=terminal: a command that does not work is not our affair.
    codes = code_settings("broken", ways=("command",))
    other = code_settings("broken", ways=("terminal",))
    assert scope_of(bench, replace(PLAN, codes=codes)) != scope_of(
        bench, replace(PLAN, codes=other)
    )


def test_how_codes_are_had_does_not_matter_to_a_call_without_one(bench):
    plan = Plan("p", SOURCE, (JUMP, ADMIN))
    one = scope_of(bench, plan)
    assert scope_of(bench, replace(plan, codes=code_settings("x"))) == one


def test_who_holds_a_newer_session_does_not_share_the_rejection_of_an_older_one(
    bench,
):
    # Twenty processes whose session was revoked, and a straggler who still has it: the
    # others hold what somebody has just typed a code for.
    stale = bench.publish(SESSION)
    bench.answers[JUMP] = [REJECTED]
    bench.resolve(Plan("p", SOURCE, (SESSION, JUMP)))
    rejected = []
    record = bench.store.record_failure

    def watched(name, failure):
        rejected.append((name, failure))
        record(name, failure)

    bench.store.record_failure = watched
    bench.store.clear()
    DiskStore.publish(
        bench.store,
        Entry(
            SESSION.key,
            Life(START, START + 12 * HOUR),
            to_document(stale),
            {"kind": "x"},
        ),
    )
    bench.answers[JUMP] = [REJECTED]
    bench.resolve(Plan("p", SOURCE, (SESSION, JUMP)))
    ((name, failure), *_) = rejected
    assert (name, failure.kind) == (JUMP.key, "caller rejected")
    bench.store.clear()
    newer = bench.publish(SESSION)
    bench.store.meanwhile = lambda: record(name, failure)
    bench.resolve(Plan("p", SOURCE, (SESSION, JUMP)))
    assert bench.questions == []
    assert bench.calls == [("jump", newer.access_key_id, None)]


def test_who_waits_is_told_for_whom_and_in_which_session(bench):
    for plan, what in (
        (PLAN, f"MFA code of {DEVICE}"),
        (Plan("p", SOURCE, (ADMIN,)), ROLE + "admin"),
    ):
        for holder, whom in (
            (Holder(4711, 12), "process 4711"),
            (None, "another process"),
        ):
            bench.watcher.warned.clear()
            store = Broken(bench.store)
            store.lock = waits_for(holder)
            bench.resolve(plan, store=store)
            line, session = bench.watcher.warned[0]
            assert line == (
                f'waiting for {whom}, which sees to the {what}: profile "p" needs it'
                " too"
            )
            assert session == (holder and 12)
            bench.store.clear()


def waits_for(holder):
    @contextlib.contextmanager
    def slow(_name, waiting, _news):
        waiting(holder)
        yield True

    return slow


# --- Quiet, after nobody answered ---


class Other:
    """Another source of codes."""

    def __init__(self, name, *answers, automatic=True):
        self.name, self.automatic, self.attempts = name, automatic, 2
        self.answers = list(answers)
        self.asked = 0

    def ask(self, _question):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


SILENCE = NoAnswer("nobody typed it")
SILENT_COMMAND = NoAnswer("the command did not answer", person=False)


@pytest.fixture
def silent(bench):
    """Nobody has answered a moment ago."""
    bench.typed = [SILENCE]
    with pytest.raises(NoAnswer):
        bench.resolve()
    bench.typed = []
    return bench


def test_after_a_prompt_that_nobody_answered_nobody_is_asked_for_a_while(silent):
    at = silent.store.unanswered(DEVICE)[""]
    asked, again = (
        time.strftime("%H:%M:%S", time.localtime(moment)) for moment in (at, at + 900)
    )
    for plan in (PLAN, Plan("q", SOURCE, (DIRECT,))):
        for _ in range(3):
            with pytest.raises(CannotAsk) as caught:
                silent.resolve(plan)
            assert f"nobody answered at {asked}, and nobody" in caught.value.message
            assert f"asked again before {again}" in caught.value.message
            assert silent.questions == []


def test_the_quiet_is_over_when_it_is(silent, mocker):
    now = time.time()
    clock = mocker.patch("time.time", return_value=now + 890)
    with pytest.raises(CannotAsk):
        silent.resolve()
    clock.return_value = now + 910
    assert silent.resolve()
    assert len(silent.questions) == 1


def test_a_clock_that_was_set_back_ends_the_quiet(silent, mocker):
    mocker.patch("time.time", return_value=time.time() - 10)
    assert silent.resolve()


@pytest.mark.parametrize(("seconds", "quiet"), [(0, False), (1e6, True)])
def test_how_long_it_is_quiet_can_be_set(silent, seconds, quiet):
    silent.settings = Settings(quiet_seconds=seconds)
    with pytest.raises(CannotAsk) if quiet else contextlib.nullcontext():
        silent.resolve()
    assert bool(silent.questions) is not quiet


def test_another_device_is_asked_for_all_the_same(silent):
    plan = Plan("q", SOURCE, (role("direct", "q", SerialNumber="other-device"),))
    assert silent.resolve(plan)


def test_login_asks_all_the_same_and_ends_the_quiet(silent):
    assert silent.resolve(login=True)
    assert len(silent.questions) == 1
    silent.store.clear()
    assert silent.resolve()
    assert len(silent.questions) == 1


def test_a_success_of_another_kind_ends_the_quiet(silent):
    silent.others = [Other("totp", "999999")]
    silent.resolve()
    silent.others = []
    silent.store.clear()
    assert silent.resolve()
    assert len(silent.questions) == 1


@pytest.mark.parametrize("name", ["command", "totp", "variable"])
def test_what_asks_nobody_is_asked_though_a_person_did_not_answer(silent, name):
    other = Other(name, "999999")
    silent.others = [other]
    silent.resolve()
    assert (silent.questions, other.asked) == ([], 1)


@pytest.mark.parametrize("name", ["terminal", "dialog", "pinentry"])
def test_in_no_way_is_a_person_asked(silent, name):
    other = Other(name, "999999", automatic=False)
    silent.others = [other]
    with pytest.raises(CannotAsk):
        silent.resolve()
    assert other.asked == 0


def test_somebody_who_says_no_is_there_and_may_be_asked_again(bench):
    for error in (Declined("no"), KeyboardInterrupt()):
        bench.typed = [error]
        with pytest.raises(type(error)):
            bench.resolve()
    bench.typed = []
    assert bench.resolve()


def test_a_command_that_did_not_answer_is_left_in_peace_and_nobody_else(bench):
    # It may have put a dialog on the screen, or have waited for a touch.
    bench.others = [Other("command", SILENT_COMMAND)]
    with pytest.raises(NoAnswer):
        bench.resolve()
    command, variable = Other("command", "1"), Other("variable", "999999")
    bench.others = [variable, command]
    assert bench.resolve()
    assert (variable.asked, command.asked, bench.questions) == (1, 0, [])


@pytest.mark.parametrize("name", ["totp", "variable"])
def test_only_the_command_itself_is_left_in_peace(bench, name):
    bench.others = [Other("command", SILENT_COMMAND)]
    with pytest.raises(NoAnswer):
        bench.resolve()
    bench.others = [Other("command", "1"), Other(name, "999999")]
    bench.resolve()
    assert [one.asked for one in bench.others] == [0, 1]


def test_another_command_is_run_all_the_same(bench):
    plans = [replace(PLAN, codes=code_settings(text)) for text in ("one", "two")]
    bench.others = [Other("command", SILENT_COMMAND)]
    with pytest.raises(NoAnswer):
        bench.resolve(plans[0])
    command = Other("command", "999999")
    bench.others, bench.typed = [command], [CannotAsk("there is no terminal")]
    with pytest.raises(CannotAsk, match="nobody answered at"):
        bench.resolve(plans[0])
    assert command.asked == 0
    bench.resolve(plans[1])
    assert command.asked == 1


def test_of_two_that_are_silent_none_is_asked_again(bench):
    # An unattended loop: the command, the terminal, the command, the terminal ...
    asked = 0
    for _ in range(6):
        command = Other("command", SILENT_COMMAND)
        bench.others, bench.typed = [command], [SILENCE]
        with pytest.raises(HumanNeeded):
            bench.resolve()
        asked += command.asked + len(bench.questions)
    assert asked == 2


def test_a_source_that_is_misconfigured_does_not_end_the_quiet(bench):
    # An unattended loop with a command that does not work, and a terminal.
    asked = 0
    for _ in range(6):
        bench.others = [Other("command", ConfigurationError("it cannot be run"))]
        bench.typed = [SILENCE]
        with pytest.raises((HumanNeeded, ConfigurationError)):
            bench.resolve()
        asked += len(bench.questions)
    assert asked == 1


def test_somebody_who_typed_three_times_is_there(bench):
    # Three slips of the finger are no reason to say that nobody answered.
    bench.typed = ["x", "y", "z"]
    with pytest.raises(HumanNeeded, match="not six digits"):
        bench.resolve()
    bench.typed = []
    assert bench.resolve()


# --- Login ---


def test_login_gets_a_new_session_though_the_old_one_is_good(bench):
    old = bench.publish(SESSION)
    bench.now += HOUR
    plan = Plan("b", SOURCE, (SESSION,))
    new = bench.resolve(plan, login=True)
    assert new.access_key_id != old.access_key_id
    assert len(bench.questions) == 1
    assert bench.resolve(plan) == new


@pytest.mark.parametrize(("age", "young"), [(0, True), (299, True), (300, False)])
def test_login_asks_once_for_all_that_stand_behind_a_device(bench, age, young):
    session = bench.publish(SESSION)
    bench.now += timedelta(seconds=age)
    found = bench.resolve(Plan("b", SOURCE, (SESSION,)), login=True)
    assert (found == session) is young
    assert bool(bench.questions) is not young


def test_a_session_of_the_future_is_not_young(bench):
    bench.publish(SESSION)
    bench.now -= timedelta(seconds=1)
    bench.resolve(Plan("b", SOURCE, (SESSION,)), login=True)
    assert len(bench.questions) == 1


@pytest.mark.parametrize(
    ("lasts", "enough"), [(43_200, True), (42_900, True), (42_899, False), (900, False)]
)
def test_login_renews_a_young_session_that_does_not_last_as_long(bench, lasts, enough):
    bench.publish(SESSION, timedelta(seconds=lasts))
    bench.now += timedelta(seconds=1)
    bench.resolve(Plan("b", SOURCE, (SESSION,)), login=True)
    assert bool(bench.questions) is not enough


def test_what_a_login_got_itself_will_do_however_long_it_lasts(bench):
    # STS gives root users an hour, whatever they ask for.
    bench.life = lambda _call: HOUR
    session = bench.resolve(Plan("b", SOURCE, (SESSION,)), login=True)
    bench.now += timedelta(seconds=20)
    got = [session.access_key_id]
    bench.resolve(Plan("q", SOURCE, (SESSION,)), login=True, got=got)
    assert bench.questions == []


def test_what_another_got_meanwhile_will_not_do_for_a_login_that_wants_more(bench):
    # login --for 36h, while somebody is asked for 12 h in another window.
    arguments = {**SESSION.arguments, "DurationSeconds": 129_600}
    longer = replace(SESSION, arguments=arguments)
    bench.publish(SESSION)
    bench.now += HOUR
    bench.store.meanwhile = lambda: bench.publish(SESSION)
    bench.life = lambda call: timedelta(seconds=call.arguments["DurationSeconds"])
    found = bench.resolve(Plan("b", SOURCE, (longer,)), login=True)
    assert found.expiration == bench.now + 36 * HOUR


def test_login_renews_a_role_that_takes_the_code_itself(bench):
    old = bench.publish(DIRECT)
    bench.now += timedelta(minutes=10)
    plan = Plan("p", SOURCE, (DIRECT,))
    assert bench.resolve(plan, login=True) != old
    assert bench.resolve(plan, login=True) == bench.resolve(plan)
    assert bench.questions == []


def test_login_takes_roles_without_a_code_as_they_are(bench):
    jump = bench.publish(JUMP)
    bench.now += timedelta(minutes=10)
    assert bench.resolve(Plan("p", SOURCE, (JUMP,)), login=True) == jump


def test_what_another_login_got_while_we_waited_will_do(bench):
    bench.publish(SESSION)
    bench.now += HOUR
    made = {}
    bench.store.meanwhile = lambda: made.setdefault("it", bench.publish(SESSION))
    assert bench.resolve(Plan("b", SOURCE, (SESSION,)), login=True) == made["it"]
    assert bench.questions == []


@pytest.mark.parametrize("error", [DOWN, Refused("no", code="AccessDenied")])
def test_a_login_that_fails_is_an_error_and_leaves_the_old_session(bench, error):
    old = bench.publish(SESSION)
    bench.now += HOUR
    plan = Plan("b", SOURCE, (SESSION,))
    bench.answers[SESSION] = [error]
    with pytest.raises(type(error)):
        bench.resolve(plan, login=True)
    assert bench.told == []
    assert bench.resolve(plan) == old


# --- Trouble with the cache ---


class Broken:
    """A store of which some methods do not work."""

    def __init__(self, store, *broken):
        self.store, self.broken = store, broken

    def __getattr__(self, name):
        def fail(*_arguments):
            raise CacheUnusable("/cache: No space left on device", hint="clean up")

        return fail if name in self.broken else getattr(self.store, name)


METHODS = (
    "record_failure",  # not of a run that goes well
    "read",
    "publish",
    "lock",
    "used_codes",
    "record_code",
    "failure",
    "unanswered",
    "remove",
)


@contextlib.contextmanager
def fails_on_entry(*_arguments):
    raise CacheUnusable("/cache: No space left on device")
    yield


@pytest.mark.parametrize(
    "broken", [*((name,) for name in METHODS[1:-1]), METHODS], ids="+".join
)
def test_trouble_with_the_cache_is_told_once_and_never_fatal(bench, broken):
    store = Broken(bench.store, *broken)
    if "lock" in broken:
        store.lock = fails_on_entry
    credentials = bench.resolve(store=store)
    assert credentials.access_key_id == "ASIA-p-3"
    (line,) = bench.told
    assert "No space left on device" in line


def test_an_entry_that_cannot_be_dropped_does_not_stop_the_error(bench):
    bench.publish(SESSION)
    bench.answers[JUMP] = [REJECTED] * 9
    with pytest.raises(CallerRejected):
        bench.resolve(store=Broken(bench.store, "remove"))
    # What was rejected is not taken again, though it is still there.
    assert [call[0] for call in bench.calls] == ["jump", "b", "jump"]


@pytest.mark.parametrize("broken", [("used_codes",), ("record_code",), METHODS])
def test_no_code_is_sent_twice_though_the_ledger_is_broken(bench, broken):
    store = Broken(bench.store, *broken)
    if "lock" in broken:
        store.lock = fails_on_entry
    bench.answers[SESSION] = [REFUSED]
    bench.typed = ["111111", "111111", "222222"]
    bench.resolve(store=store)
    assert [call[2] for call in bench.calls[:2]] == ["111111", "222222"]


def test_a_lock_that_is_held_too_long_is_an_error_or_the_old_set(bench):
    @contextlib.contextmanager
    def busy(_name, _waiting, _news):
        raise Busy("held")
        yield

    store = Broken(bench.store)
    store.lock = busy
    with pytest.raises(Busy):
        bench.resolve(store=store)
    assert bench.calls == []
    old = expiring(bench)
    assert bench.resolve(store=store) == old
