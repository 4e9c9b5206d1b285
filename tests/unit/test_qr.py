from __future__ import annotations

import io
import struct
import sys
import traceback
import warnings
import zlib

import pytest
import zxingcpp
from PIL import Image

from sts_plugin import qr
from sts_plugin.model import Secret
from sts_plugin.otpauth import NoSeed

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/AWS:alice?secret={SEED}"


def code(text, kind="QRCode"):
    """A picture of a code: black on white, in shades of grey."""
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind))
    image = made.to_image(scale=4)
    height, width = image.shape
    return Image.frombytes("L", (width, height), bytes(image))


def side_by_side(*pictures):
    width = sum(one.width + 40 for one in pictures)
    whole = Image.new("L", (width, max(one.height for one in pictures) + 40), 255)
    left = 20
    for one in pictures:
        whole.paste(one, (left, 20))
        left += one.width + 40
    return whole


def file(picture, form="PNG", **options):
    data = io.BytesIO()
    picture.save(data, form, **options)
    return io.BytesIO(data.getvalue())


def refused(data):
    with pytest.raises(NoSeed) as caught:
        qr.read(data)
    error = caught.value
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "".join(found.format())
    assert "data = <_io.BytesIO" in shown  # the locals are there
    assert SEED[:8] not in shown
    assert error.hint
    return error


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("text", [URI, SEED])
def test_the_seed_is_read_from_a_picture(form, text):
    assert qr.read(file(code(text), form)).secret == Secret(SEED)


def test_a_picture_may_be_large_turned_and_light_on_dark():
    small = code(URI)
    for picture in (
        small.resize((2000, 2000)),
        small.rotate(20, expand=True, fillcolor=255),
        small.point(lambda shade: 255 - shade),
    ):
        assert qr.read(file(picture)).account == "alice"


@pytest.mark.parametrize("ground", [(0, 0, 0, 0), (255, 255, 255, 0)])
def test_what_is_transparent_is_white(ground):
    grey = code(URI)
    picture = Image.new("RGBA", grey.size, ground)
    picture.paste((0, 0, 0, 255), mask=grey.point(lambda shade: 255 - shade))
    assert qr.read(file(picture)).secret == Secret(SEED)


def test_a_palette_with_transparency_is_read():
    picture = code(URI).convert("P")
    assert qr.read(file(picture, transparency=255)).secret == (Secret(SEED))


def test_a_picture_without_a_code_is_refused():
    error = refused(file(Image.new("L", (300, 300), 255)))
    assert "shows no QR code" in str(error)


def test_a_code_of_another_kind_is_none():
    assert "shows no QR code" in str(refused(file(code(URI, "DataMatrix"))))


def test_two_devices_on_a_picture_are_refused():
    other = URI.replace("alice", "bob")
    error = refused(file(side_by_side(code(URI), code(other))))
    assert str(error) == "shows several QR codes"
    assert "cut out" in error.hint


@pytest.mark.parametrize("text", [URI, SEED])
def test_the_same_device_twice_is_one(text):
    found = qr.read(file(side_by_side(code(text), code(text))))
    assert found.secret == Secret(SEED)


def test_a_code_beside_that_of_the_device_does_no_harm():
    picture = side_by_side(code("https://example.org"), code(URI))
    assert qr.read(file(picture)).account == "alice"


def test_a_code_that_is_no_seed_is_refused():
    error = refused(file(code(f"https://example.org/{SEED}")))
    assert str(error) == "does not hold a base32 seed"


# --- Bombs and rubble ---


def png(width, height):
    """A PNG that claims a size, and is a few bytes long."""

    def chunk(kind, data):
        whole = kind + data
        return (
            struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00" * 1000)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (8000, 8001),  # above our limit
        (10_000, 10_000),  # where pillow warns
        (20_000, 20_000),  # where it raises
        (2**31 - 1, 2**31 - 1),
    ],
)
def test_an_image_bomb_is_not_unpacked(width, height, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("unpacked"))
    assert "pixels" in str(refused(png(width, height)))


def test_pillow_does_not_speak_of_a_bomb():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        refused(png(10_000, 10_000))
    assert said == []


@pytest.mark.parametrize("error", [ValueError, SyntaxError, IndexError, MemoryError])
def test_whatever_a_decoder_raises_is_one_line(error, monkeypatch):
    def fail(*_arguments, **_options):
        raise error(SEED)

    monkeypatch.setattr(Image, "open", fail)
    assert "is neither text nor a picture" in str(refused(file(code(URI))))


def test_a_picture_of_a_common_size_is_no_bomb(monkeypatch):
    monkeypatch.setattr(qr, "PIXELS_MAX", 10_000)
    assert "has more than 10000 pixels" in str(refused(file(code(URI))))


def test_a_file_that_is_too_long_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("looked at"))
    error = refused(io.BytesIO(b"\xff" * (qr.BYTES_MAX + 1)))
    assert "has more than 16777216 bytes" in str(error)


def test_a_file_of_just_that_length_is_looked_at():
    error = refused(io.BytesIO(b"\xff" * qr.BYTES_MAX))
    assert "neither text nor a picture" in str(error)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_broken_picture_is_refused_in_a_line(form):
    whole = file(code(URI), form).getvalue()
    for end in range(12, len(whole) - 1, max(1, len(whole) // 40)):
        try:
            qr.read(io.BytesIO(whole[:end]))
        except NoSeed as error:
            assert str(error) in {  # noqa: PT017 - a part may be enough
                "is neither text nor a picture that can be read",
                "shows no QR code that can be read",
                "does not hold a base32 seed",
            }


@pytest.mark.parametrize("form", ["TIFF", "PPM", "ICNS", "EPS", "PDF"])
def test_other_formats_are_not_opened(form):
    picture = code(URI).resize((256, 256))
    data = file(picture, form).getvalue() + b"\xff"  # certainly no text
    error = refused(io.BytesIO(data))
    assert "is neither text nor a picture" in str(error)


@pytest.mark.parametrize("module", ["zxingcpp", "PIL"])
def test_what_is_missing_is_told(module, monkeypatch):
    data = file(code(URI))
    monkeypatch.setitem(sys.modules, module, None)
    error = refused(data)
    assert "zxing-cpp and pillow" in str(error)
    assert error.hint == "pip install 'sts-plugin[qr]'"


def test_a_text_needs_neither(monkeypatch):
    for module in ("zxingcpp", "PIL"):
        monkeypatch.setitem(sys.modules, module, None)
    assert qr.read(io.BytesIO(URI.encode())).account == "alice"
