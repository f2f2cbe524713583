"""`OUT/index.html` beside masks: pictures are drawn while image and mask are in memory, the page is written at the end.

The insight: a run that is stopped, or a second run into the same folder, must leave one page of all masks. So what was
drawn is kept in `septum-page/cases.json`, and the page is made anew from it. Picture files are numbered: only the page
names a case, as the mask's file does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry import Image, LabelMap
from septum.io.safe import replacing
from septum.report.figures.contact import contact_sheet
from septum.report.figures.views import view_thumbnail, views
from septum.report.pages.masks import ShownDoubt, ShownEstimate, ShownLabel, ShownMask, ShownView, render_masks
from septum.workflows.data.cases import Case
from septum.workflows.data.folders import PAGE_FOLDER
from septum.workflows.data.jobs import JobsResult
from septum.workflows.runs.files import recorded, write_json, write_text
from septum.workflows.runs.settings import structure
from septum.workflows.runs.words import counted

PAGE, CASES, SHEET = "index.html", "cases.json", "contact-sheet.png"


MOST_ON_SHEET = 96
"""Pictures of the contact sheet: the first of the page."""


MOST_LABELS = 12
"""Labels that are listed one by one; of more, which are objects, a summary is."""


MOST_DOUBTS_LISTED = 60
"""Doubtful objects of an image that are listed, the worst ones; the table of its objects holds all."""


PAGE_FORMAT = 1


@dataclass(frozen=True)
class EstimateRow:
    """A row of a list of estimates; numbers are nan where nothing can be said."""

    case: str
    name: str
    verdict: str
    dice: float
    low: float
    high: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class DoubtRow:
    """An object of a mask that should be looked at: its number, its probability of being right (None where nothing is
    known), and why."""

    id: int
    likely_right: float | None
    why: str


@dataclass(frozen=True)
class _Drawn:
    """What `cases.json` keeps of a case."""

    case: str
    number: int
    thumbnail: str
    views: tuple[ShownView, ...]
    labels: tuple[ShownLabel, ...]
    doubts: tuple[ShownDoubt, ...] = ()


class MaskPage:
    """The page of a folder of masks: `add` each mask when it is made, `write` at the end."""

    def __init__(self, output: Path) -> None:
        """output: the folder of the masks; what earlier runs drew there stays on the page."""
        self.output = output
        self._drawn = {one.case: one for one in _read(output / PAGE_FOLDER / CASES)}

    def add(self, case: Case, image: Image, labels: LabelMap, *, doubts: Sequence[DoubtRow] = ()) -> None:
        """Draw a case and write its pictures; `doubts` are those of its single objects.

        Raises:
            FormatError: when they cannot be written.
        """
        known = self._drawn.get(case.id)
        number = known.number if known else max((one.number for one in self._drawn.values()), default=0) + 1
        grid = labels.grid
        found = views(image.array, {"mask": labels.array}, spacing=grid.spacing, orientation=grid.letters)
        folder = self.output / PAGE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        shown = []
        for letter, view in zip("abc", found, strict=False):
            files = f"{number:05d}{letter}.jpg", f"{number:05d}{letter}.png"
            for file, data in zip(files, (view.image, view.marks), strict=True):
                _write(folder / file, data)
            image_file, marks_file = (f"{PAGE_FOLDER}/{file}" for file in files)
            rest = (view.cell, view.columns, view.slices, view.total, view.first, view.letters, view.title)
            shown.append(ShownView(image_file, marks_file, *rest))
        small = f"{number:05d}s.jpg"
        _write(folder / small, view_thumbnail(found[0]))
        sizes = _sizes(labels, sized=grid.unit == "mm")
        told = _shown_doubts(labels.array, doubts)
        self._drawn[case.id] = _Drawn(case.id, number, f"{PAGE_FOLDER}/{small}", tuple(shown), sizes, told)

    def write(
        self,
        rows: Sequence[EstimateRow] = (),
        *,
        failures: Sequence[tuple[str, str]] = (),
        left: Sequence[str] = (),
        title: str,
        links: Sequence[str] = (),
        remarks: Mapping[str, str] | None = None,
    ) -> Path:
        """Write the page and the contact sheet; returns the path of the page.

        Args:
            rows: the list of estimates, in its order, which is that of the page; other cases follow by name.
            failures: (name, reason) of images without a mask; they come first.
            left: names of images that a stop left; those without a mask of an earlier run come last.
            title: heading of the page.
            links: further files beside the page.
        """
        from septum import __version__

        folder = self.output / PAGE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CASES, {"format": PAGE_FORMAT, "cases": [asdict(one) for one in self._drawn.values()]})
        masks = _left(_arranged(self._drawn, rows, failures=failures, remarks=remarks or {}), left)
        pictures = [mask for mask in masks if mask.thumbnail]
        sheet = [
            (" ".join(filter(None, (mask.verdict, mask.case))), (self.output / mask.thumbnail).read_bytes())
            for mask in pictures[:MOST_ON_SHEET]
        ]
        rest = f", the first {len(sheet)} of {len(pictures)}" if len(sheet) < len(pictures) else ""
        heading = f"{title}{rest} · Septum {__version__} · research software, not a medical device"
        _write(folder / SHEET, contact_sheet(sheet, heading=heading))
        created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        beside = [*links, f"{PAGE_FOLDER}/{SHEET}"]
        page = render_masks(masks, title=title, version=__version__, created=created, links=beside)
        write_text(self.output / PAGE, page)
        return self.output / PAGE


def mask_page(output: Path, *, wanted: bool) -> MaskPage | None:
    """The page of a run into `output`; None where none is wanted: the masks are then all that is written."""
    return MaskPage(output) if wanted else None


def adder(page: MaskPage | None) -> Callable[..., None]:
    """`page.add`, or nothing where there is no page."""
    return (lambda *case, **doubts: None) if page is None else page.add


def write_page(
    page: MaskPage | None,
    result: JobsResult,
    *,
    rows: Sequence[EstimateRow] = (),
    links: Sequence[str] = (),
    remarks: Mapping[str, str] | None = None,
) -> Path | None:
    """`page.write` of what came of a run, with those of `links` that exist; None where there is no page, or a stop left
    nothing to show."""
    if page is None or result.stopped_empty:
        return None
    beside = [name for name in links if (page.output / name).is_file()]
    title = f"Masks, stopped with {counted(len(result.left), 'image')} left" if result.left else "Masks"
    return page.write(rows, failures=result.failures, left=result.left, title=title, links=beside, remarks=remarks)


def _arranged(
    drawn: Mapping[str, _Drawn],
    rows: Sequence[EstimateRow],
    *,
    failures: Sequence[tuple[str, str]],
    remarks: Mapping[str, str],
) -> list[ShownMask]:
    """Failures, then the cases of the list in its order, then the others by name."""
    estimates: dict[str, list[EstimateRow]] = {}
    for row in rows:
        estimates.setdefault(row.case, []).append(row)
    masks = [ShownMask(name, "failed", note=reason) for name, reason in failures]
    order = [*(name for name in estimates if name in drawn), *sorted(name for name in drawn if name not in estimates)]
    for name in order:
        one, own = drawn[name], estimates.get(name, [])
        said = tuple(ShownEstimate(r.name, r.verdict, r.dice, r.low, r.high, r.reasons) for r in own)
        mask = ShownMask(name, _worst([r.verdict for r in own]), one.thumbnail, one.views, one.labels, said)
        note = "the mask is empty" if not own and _empty(one) else remarks.get(name, "")
        masks.append(replace(mask, note=note, doubts=one.doubts))
    return masks


def _shown_doubts(labels: NDArray[Any], doubts: Sequence[DoubtRow]) -> tuple[ShownDoubt, ...]:
    """Where doubtful objects lie, the worst first; those that the mask does not hold are left out."""
    from scipy.ndimage import find_objects

    boxes = find_objects(labels) if doubts else []
    found: list[ShownDoubt] = []
    for one in sorted(doubts, key=lambda row: 1.0 if row.likely_right is None else row.likely_right):
        box = boxes[one.id - 1] if 0 < one.id <= len(boxes) else None
        if box is None or len(found) == MOST_DOUBTS_LISTED:
            continue
        start, size = [side.start for side in box], [side.stop - side.start for side in box]
        middle = [first + n // 2 for first, n in zip(start, size, strict=True)]
        shares = [n / whole for n, whole in zip((*start[::-1], *size[::-1]), 2 * labels.shape[::-1], strict=True)]
        plane = tuple(round(share, 4) for share in shares) if labels.ndim == 2 else ()
        found.append(ShownDoubt(one.id, one.likely_right, one.why, plane, ", ".join(map(str, middle))))
    return tuple(found)


def _left(masks: Sequence[ShownMask], left: Sequence[str]) -> list[ShownMask]:
    """The masks, where it is said of each that a stop left whether it is there at all."""
    stopped, shown = set(left), {mask.case for mask in masks if mask.thumbnail}
    known = [
        replace(mask, note="the mask of an earlier run: this run was stopped before it")
        if mask.thumbnail and mask.case in stopped
        else mask
        for mask in masks
    ]
    note = "there is no mask: the run was stopped before it"
    return [*known, *(ShownMask(name, "stopped", note=note) for name in left if name not in shown)]


def _empty(one: _Drawn) -> bool:
    return not one.labels


def _worst(verdicts: Sequence[str]) -> str:
    """The word for a case whose classes have these verdicts; one that is not known here counts most."""
    ranked = ("fail", "look", "pass")
    return min(verdicts, key=lambda v: ranked.index(v) if v in ranked else -1, default="")


def _sizes(labels: LabelMap, *, sized: bool) -> tuple[ShownLabel, ...]:
    """How much of each label there is; of many objects how many, and the median size."""
    values, counts = np.unique(labels.array[labels.array != 0], return_counts=True)
    sample = float(np.prod(labels.grid.spacing)) if sized else 1.0
    unit = ("mm³" if labels.grid.ndim == 3 else "mm²") if sized else ("voxels" if labels.grid.ndim == 3 else "px")
    if values.size > MOST_LABELS and not any(labels.names.get(int(v)) for v in values):
        size = _amount(float(np.median(counts)) * sample, unit)
        return (ShownLabel(0, f"{values.size} objects", f"median {size}"),)
    return tuple(
        ShownLabel(int(v), labels.names.get(int(v), "") or f"label {v}", _amount(float(n) * sample, unit))
        for v, n in zip(values, counts, strict=True)
    )


def _amount(size: float, unit: str) -> str:
    """A size as people write it.

    >>> _amount(123456.0, "mm³"), _amount(12.3456, "mm²"), _amount(120.0, "px")
    ('123 ml', '12.3 mm²', '120 px')
    """
    if unit == "mm³" and size >= 1000:
        size, unit = size / 1000, "ml"
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"


def _read(path: Path) -> list[_Drawn]:
    """What earlier runs drew; nothing where the file is missing, damaged or of another format."""
    try:
        content = recorded(path)
        known = content.get("format") == PAGE_FORMAT
        return [structure(one, _Drawn, what=path.name) for one in content["cases"]] if known else []
    except (KeyError, TypeError, ConfigError):
        return []


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)
