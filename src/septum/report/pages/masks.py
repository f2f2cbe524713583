"""The page beside masks: every image with what was segmented, the doubtful ones first.

The insight: a mask file is black in most viewers, and a list of estimates says which mask to look at but not what to
see. The page is a small index; pictures lie in a folder beside it and are loaded when they are looked at, so that
thousands of images open as fast as ten, from a disk, without a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from septum.geometry.picture import COLOURS
from septum.report.pages.page import template
from septum.report.plain import plain


@dataclass(frozen=True)
class ShownView:
    """A picture or a stack of slices by its files, relative to the page; the rest as `figures.views.View` has it."""

    image: str
    marks: str
    cell: tuple[int, int]
    columns: int
    slices: tuple[int, ...]
    total: int
    first: int
    letters: str
    title: str


@dataclass(frozen=True)
class ShownLabel:
    """A label of a mask: its value, its name (may be empty), and how much of it there is, in words."""

    value: int
    name: str
    size: str


@dataclass(frozen=True)
class ShownEstimate:
    """What is said about a class of a mask; numbers are nan where nothing can be said."""

    name: str
    verdict: str
    dice: float
    low: float
    high: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ShownDoubt:
    """An object to look at: its number in the mask, its probability of being right (None where nothing is known),
    why, its box in a plane as shares of the picture (left, top, width, height; empty in a volume), and its middle as
    voxels in words."""

    id: int
    likely_right: float | None
    why: str
    box: tuple[float, ...] = ()
    place: str = ""


@dataclass(frozen=True)
class ShownMask:
    """An image of the page.

    Args:
        case: its name.
        verdict: one word about it, such as "look"; "failed" or "stopped" where there is no mask; empty where nothing is
            estimated.
        thumbnail: file of its small picture, relative to the page; empty where it failed.
        views: its pictures.
        labels: what the mask holds; of many objects only a summary.
        estimates: the rows of the list of estimates, as they are.
        note: why it failed, or what a reader should know.
        doubts: single objects to look at, the worst first.
    """

    case: str
    verdict: str = ""
    thumbnail: str = ""
    views: tuple[ShownView, ...] = ()
    labels: tuple[ShownLabel, ...] = ()
    estimates: tuple[ShownEstimate, ...] = ()
    note: str = ""
    doubts: tuple[ShownDoubt, ...] = ()


def render_masks(
    masks: Sequence[ShownMask], *, title: str, version: str, created: str = "", links: Sequence[str] = ()
) -> str:
    """The page as one HTML document, images in the order given.

    Args:
        masks: what to show.
        title: heading of the page.
        version: of Septum.
        created: date and time, as text.
        links: files beside the page that it leads to.

    >>> page = render_masks([ShownMask("case 1", verdict="look")], title="Masks", version="0.1")
    >>> page.startswith("<!DOCTYPE html>"), "case 1" in page, "look" in page
    (True, True, True)
    """
    return template("masks.html.j2").render(
        masks=[plain(asdict(mask)) for mask in masks],
        verdicts=[v for v in dict.fromkeys(mask.verdict for mask in masks) if v],
        title=title,
        version=version,
        created=created,
        links=list(links),
        colours=COLOURS,
    )
