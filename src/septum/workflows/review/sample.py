"""What readers see: a seeded sample of cases, its blinding, and an order for every reader.

The insight: blinding is a matter of what is *not* written. Everything that readers meet is made from codes that a
generator draws; the one table that says which case and whose mask a code stands for goes into a folder of its own.
Orders need no more than that some items show the same image, so a reader's order can be made without the key.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, DatasetError
from septum.report.figures.montage import COLOURS, montage
from septum.workflows.data.cases import Case, Source, load_pair
from septum.workflows.data.classes import from_zero
from septum.workflows.data.load import load_dataset
from septum.workflows.data.masks import is_plain, mask_cases
from septum.workflows.data.matching import match_stems
from septum.workflows.review.store import ItemRecord
from septum.workflows.runs.words import natural_key, some

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without those that look alike


_CODE_LENGTH = 6


@dataclass(frozen=True)
class StudySettings:
    """What `septum review create` can be told.

    Args:
        n: cases to draw; all of them where there are fewer.
        seed: of the sample, the codes and the orders.
        design: "crossed" shows every case with the mask of every source; "mixed" shows each case once, the sources
            in equal parts.
        twice: show every item a second time, after all others, to measure the agreement of readers with themselves.
        scale: "passfail", "likert5" or a TOML file, see `review_scale.load_scale`.
        background: label value of the background of the masks.
        axes: meaning of the axes of multi-page files, such as "TYX".
        window: intensities that are shown black and white, such as (-160, 240) for soft tissue in CT; by default 0.5
            and 99.5 percent of each image.
    """

    n: int = 30
    seed: int = 0
    design: Literal["crossed", "mixed"] = "crossed"
    twice: bool = False
    scale: str = "passfail"
    background: int = 0
    axes: str | None = None
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError(f"n must be at least 1, got {self.n}; 30 is usual")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")
        if self.design not in ("crossed", "mixed"):
            raise ConfigError(f"design must be crossed or mixed, got {self.design!r}")
        if self.window is not None and not -math.inf < self.window[0] < self.window[1] < math.inf:
            raise ConfigError(f"window must be a lower and a higher intensity, got {self.window}; for example -160,240")


@dataclass(frozen=True)
class DrawnItem:
    """One item with what only the key may say: the case (its label is the mask that is shown) and the mask's source."""

    item: ItemRecord
    case: Case
    source: str


@dataclass(frozen=True)
class Candidates:
    """Cases that every source has a mask of: the case and its mask by source; and what was left out."""

    cases: tuple[tuple[Case, Mapping[str, Source]], ...]
    notes: tuple[str, ...]


def find_candidates(images: Path, masks: Mapping[str, Path], *, axes: str | None) -> Candidates:
    """Pair images with the masks of every source by name.

    Raises:
        ConfigError: no source.
        DatasetError: no case that every source has a mask of.
    """
    if not masks:
        raise ConfigError("masks must name at least one source, got none; give --masks NAME=FOLDER")
    if not images.exists():
        raise DatasetError(f"images must be an existing folder, file or data set, got {images}; check the path")
    found = mask_cases(images, axes) if is_plain(images) else list(load_dataset(images, axes=axes).cases)
    pictures = {case.id: replace(case, label=None, roi=None) for case in found}
    pictures |= {name.removesuffix("_0000"): case for name, case in pictures.items()}
    by_source = {name: _masks_of(pictures, folder, axes=axes) for name, folder in masks.items()}
    notes = []
    for name, found_masks in by_source.items():
        lost = sorted({case.id for case in pictures.values()} - set(found_masks), key=natural_key)
        if lost:
            notes.append(f"{len(lost)} images have no mask from {name} and cannot be drawn: {some(lost)}")
    common = set.intersection(*(set(found_masks) for found_masks in by_source.values()))
    if not common:
        raise DatasetError(
            f"masks of {some(list(masks))} must have a case in common with the images {some(sorted(pictures)[:5])}, "
            "got none; name each mask like its image"
        )
    by_id = {case.id: case for case in pictures.values()}
    ordered = sorted(common, key=natural_key)
    return Candidates(tuple((by_id[i], {n: m[i] for n, m in by_source.items()}) for i in ordered), tuple(notes))


def _masks_of(pictures: Mapping[str, Case], folder: Path, *, axes: str | None) -> dict[str, Source]:
    """Masks of one source by the id of their image."""
    cases = {case.id: case for case in mask_cases(folder, axes)}
    match = match_stems(pictures, list(cases))
    return {pictures[image].id: cases[mask].label or cases[mask].images[0] for mask, image in match.pairs.items()}


def draw_sample(candidates: Candidates, settings: StudySettings) -> tuple[DrawnItem, ...]:
    """The seeded sample, its codes and their order of listing, which is random too."""
    generator = np.random.default_rng(settings.seed)
    total = len(candidates.cases)
    chosen = generator.choice(total, size=min(settings.n, total), replace=False)
    sources = list(candidates.cases[0][1])
    shown: list[tuple[int, str]] = []
    turn = generator.permutation(len(chosen))
    for place, index in enumerate(chosen):
        own = sources if settings.design == "crossed" else [sources[turn[place] % len(sources)]]
        shown += [(int(index), source) for source in own]
    showings = [(*pair, showing) for showing in ((1, 2) if settings.twice else (1,)) for pair in shown]
    codes = _codes(len(showings), generator)
    families = generator.permutation(total)
    drawn = []
    for place in generator.permutation(len(showings)):
        index, source, showing = showings[place]
        case, by_source = candidates.cases[index]
        code = codes[place]
        item = ItemRecord(code, int(families[index]), showing, (f"{code}.png", f"{code}-plain.png"))
        drawn.append(DrawnItem(item, replace(case, label=by_source[source]), source))
    return tuple(drawn)


def _codes(n: int, generator: np.random.Generator) -> list[str]:
    """`n` different codes."""
    found: dict[str, None] = {}
    while len(found) < n:
        found["".join(_LETTERS[i] for i in generator.integers(0, len(_LETTERS), _CODE_LENGTH))] = None
    return list(found)


def reading_order(items: Sequence[ItemRecord], *, reader: str, seed: str) -> tuple[str, ...]:
    """The codes in the order in which this reader meets them; the same reader always gets the same order.

    First showings come before second ones. Items of one image lie at least half as far apart as there are images: the
    order goes round after round through all images, and within a round those seen long ago come first.
    """
    digest = hashlib.sha256(f"{seed}\n{reader}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest, "big"))
    listed = sorted(items, key=lambda item: item.code)
    rounds: dict[tuple[int, int], list[ItemRecord]] = {}
    turns: Counter[tuple[int, int]] = Counter()
    for item in (listed[i] for i in generator.permutation(len(listed))):
        turns[item.showing, item.family] += 1
        rounds.setdefault((item.showing, turns[item.showing, item.family]), []).append(item)
    gap = len({item.family for item in items}) // 2
    order: list[str] = []
    last_seen: dict[int, int] = {}
    for number in sorted(rounds):
        left = [rounds[number][i] for i in generator.permutation(len(rounds[number]))]
        while left:
            far = (item for item in left if len(order) - last_seen.get(item.family, -gap) >= gap)
            chosen = next(far, None) or min(left, key=lambda item: last_seen[item.family])
            left.remove(chosen)
            last_seen[chosen.family] = len(order)
            order.append(chosen.code)
    return tuple(order)


def render_item(drawn: DrawnItem, *, background: int, window: tuple[float, float] | None = None) -> tuple[bytes, bytes]:
    """The pictures of one item: PNG with outlines, PNG without.

    Raises:
        GeometryError: a mask on another grid than its image.
        FormatError: a file that cannot be read.
    """
    image, labels = load_pair(drawn.case)
    shown = _small(from_zero(labels.array, background))
    return montage(image.array, shown, spacing=image.grid.known_spacing, orientation=image.grid.letters, window=window)


def _small(array: NDArray[Any]) -> NDArray[Any]:
    """A yes/no mask whose "yes" is a large value (255) with 1 for it; others as they are."""
    values = np.unique(array)
    values = values[values != 0]
    return (array != 0).astype(np.uint8) if values.size == 1 and values[0] > len(COLOURS) else array
