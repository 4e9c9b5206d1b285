"""A seed in a file that a person brings: a text, or a picture of a QR code.

Pictures are read by ``zxing-cpp`` and ``pillow``: an extra. They are met with care: of
a few formats only, and of a size that fits in memory.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from sts_plugin.model import Secret
from sts_plugin.otpauth import PASTED, NoSeed, parse

if TYPE_CHECKING:
    import io

    from sts_plugin.otpauth import Seed

__all__ = ["BYTES_MAX", "read"]

BYTES_MAX: Final = 16_777_216
"""More than a photograph of a screen has."""

PIXELS_MAX: Final = 64_000_000
"""More than any screen or camera at hand; decoded they take some 300 MB."""

PICTURES: Final = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
"""Pillow reads many more, some by the help of other programs."""


def read(data: io.BytesIO) -> Seed:
    """Return the seed in a file's text, or on its picture. Raises NoSeed."""
    if len(data.getbuffer()) > BYTES_MAX:
        raise NoSeed(f"has more than {BYTES_MAX} bytes")
    text = _text(data)
    return parse(_on_picture(data) if text is None else text)


def _text(data: io.BytesIO) -> Secret | None:
    """Return a text, or None for what is none."""
    try:
        text = data.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    plain = all(one.isprintable() or one.isspace() for one in PASTED.sub("", text))
    return Secret(text) if plain else None


def _on_picture(data: io.BytesIO) -> Secret:
    """Return what the QR code on a picture says. Raises NoSeed."""
    try:
        import zxingcpp  # noqa: PLC0415 - an extra
        from PIL import Image  # noqa: PLC0415
    except ImportError:
        raise NoSeed(
            "is no text, and a picture is read only where zxing-cpp and pillow are"
            " installed",
            hint="pip install 'sts-plugin[qr]'",
        ) from None
    picture = _decoded(Image, data)
    if isinstance(picture, NoSeed):
        raise picture
    codes = zxingcpp.read_barcodes(
        picture,
        formats=zxingcpp.barcode_formats_from_str("QRCode"),
        text_mode=zxingcpp.TextMode.Plain,
    )
    said = {Secret(code.text) for code in codes}
    seeds = {one for one in said if one.reveal().lower().startswith("otpauth")} or said
    if not seeds:
        raise NoSeed("shows no QR code that can be read", hint="cut it out, and larger")
    if len(seeds) > 1:
        raise NoSeed("shows several QR codes", hint="cut out the one of the device")
    return seeds.pop()


def _decoded(pillow: Any, data: io.BytesIO) -> Any:  # noqa: ANN401 - an extra
    """Return the picture in shades of grey, or the NoSeed to raise."""
    large = NoSeed(f"has more than {PIXELS_MAX} pixels", hint="cut out the QR code")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            picture = pillow.open(data, formats=PICTURES)
        if picture.width * picture.height > PIXELS_MAX:
            return large
        # Transparency is white: screenshots of a QR code may have it for a ground.
        picture = picture.convert("RGBA")
        ground = pillow.new("RGBA", picture.size, "white")
        return pillow.alpha_composite(ground, picture).convert("L")
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError):
        return large
    except Exception:  # noqa: BLE001 - decoders raise whatever they like
        return NoSeed("is neither text nor a picture that can be read")
