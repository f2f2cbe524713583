"""A contact sheet: many small pictures on one, each with its name, to send or to print."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

CELL_PX, TEXT_PX, GAP_PX, COLUMNS = 160, 14, 8, 8


def contact_sheet(pictures: Sequence[tuple[str, bytes]], *, heading: str) -> bytes:
    """A PNG file of pictures in rows of eight, in the order given.

    Args:
        pictures: text below each, and the bytes of its JPEG or PNG file.
        heading: one line above.

    >>> contact_sheet([], heading="none")[:4]
    b'\\x89PNG'
    """
    columns = max(1, min(COLUMNS, len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    step, high = CELL_PX + GAP_PX, CELL_PX + TEXT_PX + 10 + GAP_PX
    top = TEXT_PX + 22
    sheet = Picture.new("RGB", (max(columns * step + GAP_PX, 720), top + rows * high + GAP_PX), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT_PX)
    pen.text((GAP_PX, 8), heading, fill="black", font=font)
    for number, (text, data) in enumerate(pictures):
        left, upper = GAP_PX + (number % columns) * step, top + (number // columns) * high
        with Picture.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGB")
        small.thumbnail((CELL_PX, CELL_PX))
        pen.rectangle((left, upper, left + CELL_PX, upper + CELL_PX), fill="black")
        sheet.paste(small, (left + (CELL_PX - small.width) // 2, upper + (CELL_PX - small.height) // 2))
        pen.text((left, upper + CELL_PX + 3), _shortened(text, font), fill="black", font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _shortened(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Text that fits below a picture: its middle gives way, since names differ at their ends."""
    if font.getlength(text) <= CELL_PX:
        return text
    keep = len(text)
    while keep > 4 and font.getlength(text[: keep // 2] + "…" + text[-(keep - keep // 2) :]) > CELL_PX:
        keep -= 1
    return text[: keep // 2] + "…" + text[-(keep - keep // 2) :]
