from __future__ import annotations

import io
import traceback
from urllib.parse import quote

import pyotp
import pytest

from sts_plugin.model import Secret
from sts_plugin.otpauth import NoSeed, Seed, parse
from sts_plugin.qr import read

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/Amazon%20Web%20Services:alice@work?secret={SEED}"


def refused(plain):
    """The words for a text that is no seed."""
    text = Secret(plain)
    del plain  # this frame is looked at, too
    with pytest.raises(NoSeed) as caught:
        parse(text)
    error = caught.value
    assert error.hint
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "".join(found.format())
    assert "text = <secret>" in shown  # the locals are there
    assert SEED[:8] not in shown.upper()
    assert error.__context__ is None
    return str(error)


# --- Base32 ---


@pytest.mark.parametrize(
    "text",
    [
        SEED,
        SEED.lower(),
        f"  {SEED}\r\n",
        " ".join(SEED[i : i + 4] for i in range(0, 32, 4)),
        "-".join(SEED[i : i + 4] for i in range(0, 32, 4)),
        f"\x1b[200~{SEED}\x1b[201~",
        f"{SEED}======",
        URI,
    ],
)
def test_a_seed_is_known_however_it_is_written(text):
    assert parse(Secret(text)).secret == Secret(SEED)


@pytest.mark.parametrize("length", [23, 24, 26, 28, 29, 31, 32, 64, 103])
def test_a_seed_without_its_padding_is_whole(length):
    seed = parse(Secret("A" * length))
    whole = "A" * length + "=" * (-length % 8)
    assert seed == parse(Secret(whole))
    assert seed.code(55) == pyotp.TOTP(whole).generate_otp(55)


@pytest.mark.parametrize("length", [25, 27, 30, 33])
def test_base32_of_half_a_byte_is_none(length):
    assert refused("A" * length) == "does not hold a base32 seed"


@pytest.mark.parametrize("text", ["", "\n", " \t ", "\x1b[200~\x1b[201~"])
def test_nothing_is_told_as_nothing(text):
    assert refused(text) == "is empty"


@pytest.mark.parametrize(
    "text",
    [f"{SEED}1", f"{SEED}\xff", f"{SEED[:-1]}0", "=", "\x00" * 8, f"{SEED[:-1]}ı"],
)
def test_what_is_not_base32_is_refused(text):
    assert refused(text) == "does not hold a base32 seed"


def test_two_seeds_are_not_taken_for_one():
    assert refused(f"{SEED}\n{SEED}\n") == "holds more than one line"


def test_a_seed_that_was_cut_is_refused():
    # pyotp before 2.10 takes it, and its codes are wrong.
    assert "less than a seed" in refused(SEED[:21])


@pytest.mark.parametrize(
    ("step", "code"), [(1, "287082"), (37037036, "081804"), (66666666, "279037")]
)
def test_codes_are_those_of_the_rfc(step, code):
    # RFC 6238, appendix B: its codes of eight digits end like those of six.
    seed = parse(Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
    assert seed.code(step) == code


def test_a_seed_shows_itself_to_nobody():
    seed = parse(Secret(URI))
    assert SEED not in f"{seed!r}{seed}"
    with pytest.raises(AttributeError):
        seed.secret = Secret("other")


# --- URIs ---


@pytest.mark.parametrize(
    ("label", "more", "issuer", "account"),
    [
        ("Amazon%20Web%20Services:alice@work", "", "Amazon Web Services", "alice@work"),
        ("AWS%3Aalice", "", "AWS", "alice"),
        ("AWS:%20alice", "", "AWS", "alice"),
        ("alice", "", "", "alice"),
        ("alice", "&issuer=Amazon+Web+Services", "Amazon Web Services", "alice"),
        ("Old:alice", "&issuer=New", "New", "alice"),
        ("", "", "", ""),
        ("a:b:c", "", "a", "b:c"),
    ],
)
def test_a_uri_says_whose_it_is(label, more, issuer, account):
    found = parse(Secret(f"otpauth://totp/{label}?secret={SEED}{more}"))
    assert found == Seed(Secret(SEED), issuer, account)


@pytest.mark.parametrize(
    "more",
    [
        "&algorithm=SHA1&digits=6&period=30",
        "&algorithm=sha1",
        "&algorithm=HmacSHA1",
        "&algorithm=SHA-1",
        "&algorithm=&digits=&period=",
        "&image=https%3A%2F%2Fexample.org%2Fx.png",
        "&counter=0",
    ],
)
def test_a_uri_may_say_what_goes_without_saying(more):
    assert parse(Secret(URI + more)).secret == Secret(SEED)


def test_a_uri_may_be_in_capitals():
    assert parse(Secret(URI.replace("otpauth://totp", "OTPAUTH://TOTP")))


def test_a_secret_in_a_uri_may_have_blanks_and_padding():
    for written in (f"{SEED[:4]}+{SEED[4:]}", quote(f"{SEED} ===")):
        assert parse(Secret(f"otpauth://totp/x?secret={written}")).secret.reveal() == (
            SEED
        )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"otpauth://hotp/x?secret={SEED}&counter=1", "by a counter (hotp)"),
        (f"otpauth://HOTP/x?secret={SEED}", "by a counter (hotp)"),
        (f"{URI}&digits=8", "of 8 digits"),
        (f"{URI}&digits={SEED}", "of other than 6 digits"),
        (f"{URI}&period=60", "last 60 seconds"),
        (f"{URI}&period={SEED}", "last other than 30 seconds"),
        (f"{URI}&algorithm=SHA256", "made with SHA256"),
        (f"{URI}&algorithm=HmacSHA512", "made with HmacSHA512"),
        (f"{URI}&algorithm={SEED}", "made with another algorithm"),
        (f"{URI}&secret={SEED}", "says secret twice"),
        (f"{URI}&digits=6&digits=6", "says digits twice"),
        (f"{URI}&period=30&period=30", "says period twice"),
        (f"{URI}&algorithm=SHA1&algorithm=SHA1", "says algorithm twice"),
        ("otpauth://totp/x", "without a secret"),
        ("otpauth://totp/x?secret=", "without a secret"),
        (f"otpauth://totp/x?seed={SEED}", "without a secret"),
        (f"otpauth://totp/x?secret={SEED}1", "does not hold a base32 seed"),
        (f"otpauth://yaotp/x?secret={SEED}", "of the form otpauth://totp/"),
        (f"otpauth:totp/x?secret={SEED}", "of the form otpauth://totp/"),
        (f"otpauths://totp/x?secret={SEED}", "of the form otpauth://totp/"),
        (f"otpauth://[totp/x?secret={SEED}", "cannot be read"),
        (f"{URI}&" + "a=b&" * 200, "cannot be read"),
        (f"otpauth-migration://offline?data={SEED}", "Google Authenticator"),
    ],
)
def test_a_uri_that_is_not_for_iam_is_refused_with_a_reason(text, why):
    assert why in refused(text)


# --- Files ---


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "text",
    [SEED, URI, f"\x1b[200~{SEED}\x1b[201~", f"{SEED[:16]} {SEED[16:]}\r\n"],
)
def test_a_text_is_read_as_one(bom, text):
    assert read(io.BytesIO(bom + text.encode())).secret == Secret(SEED)


@pytest.mark.parametrize("data", [b"\x00" * 64, b"\xff\xfe" * 9, SEED.encode("utf-16")])
def test_a_file_that_is_neither_text_nor_picture_is_refused(data):
    with pytest.raises(NoSeed, match="is neither text nor a picture"):
        read(io.BytesIO(data))


def test_a_text_that_begins_like_a_picture_is_a_text():
    seed = "BM" + "A" * 30
    assert read(io.BytesIO(seed.encode())).secret == Secret(seed)
