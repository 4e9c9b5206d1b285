from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sts_plugin import rules
from sts_plugin.document import to_document
from sts_plugin.errors import (
    Busy,
    CacheUnusable,
    CallerRejected,
    CannotAsk,
    CodeRefused,
    ConfigurationError,
    DurationRefused,
    HumanNeeded,
    NothingHere,
    Refused,
    Unreachable,
)
from sts_plugin.keys import digest
from sts_plugin.mfa import with_code
from sts_plugin.model import (
    Call,
    Credentials,
    Life,
    Origin,
    Plan,
    Secret,
    SourceHop,
)
from sts_plugin.resolve import Resolver
from sts_plugin.store import DiskStore, Entry

START = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEVICE = "arn:aws:iam::111111111111:mfa/alice"
ROLE = "arn:aws:iam::111111111111:role/"
SOURCE = SourceHop("static", "b", "AKIA1", "source", long_term=True)
LONG_TERM = Credentials("AKIA1", Secret("s"))


def make(action, profile, **arguments):
    return Call(action, profile, digest(action, profile), Origin("f"), arguments)


def role(name, profile=None, **arguments):
    return make("AssumeRole", profile or name, RoleArn=ROLE + name, **arguments)


SESSION = make("GetSessionToken", "b", SerialNumber=DEVICE, DurationSeconds=43_200)
JUMP = role("jump")
ADMIN = role("admin", "p")
DIRECT = role("direct", "p", SerialNumber=DEVICE)
PLAN = Plan("p", SOURCE, (SESSION, JUMP, ADMIN))
REFUSED = CodeRefused("AWS refused it", code="AccessDenied")
REJECTED = CallerRejected("AWS rejected it", code="ExpiredToken")
DOWN = Unreachable("no usable answer", sent=True)
TOO_LONG = DurationRefused("AWS refused it", code="ValidationError")


class Bench:
    """A resolver with a real cache, a clock, and fakes that write down what happens."""

    def __init__(self, folder):
        self.store = Watched(folder, self)
        self.now = START
        self.log = []
        self.told = []
        self.sent = []  # the arguments of each call
        self.proofs = {}  # what a call brings along
        self.refuses = ()  # keys of calls whose lock must not be waited for
        self.answers = {}  # hop -> errors to raise before it answers
        self.typed = []  # None: a new code each time
        self.questions = []
        self.automatic = False
        self.count = 0

    # --- Fakes ---

    def ask(self, question):
        self.questions.append(question)
        if self.typed:
            answer = self.typed.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return f"{len(self.questions):06}"

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

    def resolve(self, plan=PLAN, store=None):
        self.log.clear()
        self.sent.clear()
        self.told.clear()
        self.questions.clear()
        return Resolver(
            plan,
            store=store or self.store,
            sts=self,
            codes=self,
            source=self.source,
            bring=self.bring,
            tell=self.told.append,
            before_waiting=self.before_waiting,
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
    def lock(self, name, waiting):
        with super().lock(name, waiting):
            self.bench.log.append(("lock", name))
            if self.meanwhile:
                self.meanwhile()
            yield
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


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "cache")


@pytest.fixture(autouse=True)
def naps(mocker):
    """Nobody sleeps: what an automatic source would have waited for."""
    slept = []
    mocker.patch.dict(with_code.__kwdefaults__, sleep=slept.append)
    return slept


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


# --- Codes that AWS refuses ---


def test_a_refused_code_is_asked_for_again_with_the_reason(bench):
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


@pytest.mark.parametrize(("automatic", "calls"), [(False, 3), (True, 2)])
def test_a_person_may_err_three_times_and_a_machine_twice(bench, automatic, calls):
    bench.automatic = automatic
    bench.answers[SESSION] = [REFUSED] * 9
    with pytest.raises(CodeRefused):
        bench.resolve()
    assert len(bench.calls) == calls
    assert len({call[2] for call in bench.calls}) == calls
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


def test_an_automatic_source_waits_for_its_next_code_after_a_refusal(bench, naps):
    bench.automatic = True
    bench.answers[SESSION] = [REFUSED]
    bench.typed = ["111111", "222222"]
    bench.resolve()
    assert [call[2] for call in bench.calls[:2]] == ["111111", "222222"]
    assert len(naps) == 1
    assert any("waiting" in line for line in bench.told)


def test_each_role_of_a_direct_plan_has_its_own_code(bench):
    second = role("second", "q", SerialNumber="other-device")
    bench.resolve(Plan("q", SOURCE, (DIRECT, second)))
    assert bench.calls == [
        ("p", "AKIA1", "000001"),
        ("q", "ASIA-p-1", "000002"),
    ]
    assert [question.device for question in bench.questions] == [DEVICE, "other-device"]


# --- Trouble with the cache ---


class Broken:
    """A store of which some methods do not work."""

    def __init__(self, store, *broken):
        self.store, self.broken = store, broken

    def __getattr__(self, name):
        def fail(*_arguments):
            raise CacheUnusable("/cache: No space left on device", hint="clean up")

        return fail if name in self.broken else getattr(self.store, name)


METHODS = ("read", "publish", "lock", "used_codes", "record_code", "remove")


@contextlib.contextmanager
def fails_on_entry(*_arguments):
    raise CacheUnusable("/cache: No space left on device")
    yield


@pytest.mark.parametrize(
    "broken", [*((name,) for name in METHODS[:-1]), METHODS], ids="+".join
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
def test_no_code_is_sent_twice_though_the_ledger_is_broken(bench, naps, broken):
    store = Broken(bench.store, *broken)
    if "lock" in broken:
        store.lock = fails_on_entry
    bench.answers[SESSION] = [REFUSED]
    bench.typed = ["111111", "222222"]
    bench.resolve(store=store)
    assert [call[2] for call in bench.calls[:2]] == ["111111", "222222"]


def test_a_lock_that_is_held_too_long_is_an_error_or_the_old_set(bench):
    @contextlib.contextmanager
    def busy(_name, _waiting):
        raise Busy("held")
        yield

    store = Broken(bench.store)
    store.lock = busy
    with pytest.raises(Busy):
        bench.resolve(store=store)
    assert bench.calls == []
    old = expiring(bench)
    assert bench.resolve(store=store) == old


@pytest.mark.parametrize(
    ("holder", "words"), [(4711, "process 4711"), (None, "another process")]
)
def test_whoever_waits_is_told_for_whom(bench, holder, words):
    @contextlib.contextmanager
    def slow(_name, waiting):
        waiting(holder)
        yield

    store = Broken(bench.store)
    store.lock = slow
    bench.resolve(Plan("p", SOURCE, (ADMIN,)), store=store)
    (line,) = bench.told
    assert words in line
    assert '"p"' in line
