"""Interactive pages: one HTML file each, which asks nothing of any network and works from a USB stick.

The insight: the arithmetic of a page is a file of pure functions (`layers.js`) that a test can run beside the numpy
functions with the same numbers; what differs from page to page is only where the numbers are shown.
"""

from __future__ import annotations

import html
import json
from importlib import resources

from septum.workflows.teaching import layers


def page_of(name: str, title: str) -> str:
    """The HTML of a lesson's page."""
    start = {
        "image": layers.IMAGE,
        "kernel": layers.KERNEL,
        "poolFour": layers.POOL_FOUR,
        "poolFive": layers.POOL_FIVE,
        "upImage": layers.UP_IMAGE,
        "upFilter": layers.UP_FILTER,
    }
    parts = {
        "TITLE": html.escape(title),
        "STYLE": read_static("style.css"),
        "START": json.dumps(start),
        "LAYERS": read_static("layers.js"),
        "SHARED": read_static("shared.js"),
        "SCRIPT": read_static(f"{name}.js"),
    }
    page = read_static("page.html")
    for key, text in parts.items():
        page = page.replace(f"<!--{key}-->", text)
    return page


def read_static(name: str) -> str:
    """The text of a file in `static/`."""
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")
