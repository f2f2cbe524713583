"""Effort: how many prompts of a simulated person until a tool's mask has a Dice of 0.90, and how long an update takes.

    python -m benchmarks.accuracy.interactive [--data ../shared/data] [--images scored|other] [--sheet FILE.png]

The robot user sees the reference. It always looks at the largest connected region that is wrong and marks it at its
deepest point (the point furthest from the region's edge):

* strokes (grow-cut, random-walker, graph-cut, geodesic): a dab of half the depth, of the object or of the background;
  the first two prompts are one of each;
* clicks (magic-wand): in the largest missed region, masks are added up; where a click takes more wrong than right, the
  tolerance is halved and the click tried again, and each try counts;
* dabs (adaptive-brush, threshold-brush): the brush reaches to the region's edge; what is too much is erased by the same
  brush. The threshold brush is given the middle 95 % of the values of its first dab;
* outlines (live-wire): clicks spread evenly over the outline of the largest object, one more each time;
* tries (level-tracing): clicks on the outline, of which the best is kept;
* shapes (geodesic-contour, chan-vese): a dab of 0.6 of the depth, then the contour runs and is stopped where it looks
  best; then dabs that add and erase, each with another run.

At most 30 prompts. Tools run with their defaults. Defaults were chosen with `--images other`, never on the scored ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.measure import find_contours

from benchmarks.record import record
from septum import io
from septum.interactive.marks.brush import ball
from septum.interactive.tool import UNMARKED, Box, Change
from septum.interactive.tools import TOOLS, find_tool

ROOT = Path(__file__).resolve().parents[2]
SEED = 0
CAP = 30
TARGET = 0.90

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Picture:
    """One image to be segmented: intensities, reference and spacing."""

    name: str
    image: NDArray[Any]
    reference: Mask
    spacing: tuple[float, ...]


@dataclass(frozen=True)
class Effort:
    """Prompts until the target (None: not within the cap), the best Dice, and seconds per update."""

    prompts: int | None
    dice: float
    seconds: float
    mask: Mask


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--images", choices=("scored", "other"), default="scored")
    parser.add_argument("--sheet", type=Path, help="write pictures of all results")
    parser.add_argument("--tools", nargs="*", help="only these")
    given = parser.parse_args()
    pictures = list(chosen(given.data, other=given.images == "other"))
    names = given.tools or [tool.name for tool in TOOLS if tool.name != "fill-between-slices"]
    found = {name: {p.name: effort(name, p) for p in pictures} for name in names}
    for name, row in found.items():
        text = "  ".join(f"{p}: {e.prompts or '-'} ({e.dice:.3f}, {e.seconds:.2f} s)" for p, e in row.items())
        print(f"{name:17} {text}", flush=True)
    if given.sheet:
        write_sheet(given.sheet, pictures, found)
    if given.images == "scored" and not given.tools:
        plain = {
            name: {p: {"prompts": e.prompts, "dice": e.dice, "seconds": e.seconds} for p, e in row.items()}
            for name, row in found.items()
        }
        print(record("interactive", {"target": TARGET, "cap": CAP, "tools": plain}, seed=SEED))
    return 0


def chosen(data: Path, *, other: bool) -> Iterator[Picture]:
    """Five real images; with `other`, five others of the same kinds."""
    spleen = next((data / "ct-spleen-crop" / "labels").glob("*.nii*"))
    yield volume("CT spleen, a slice", spleen, 10 if other else 14)
    hippocampi = sorted((data / "mri-hippocampus-msd" / "labels").glob("*.nii*"))
    yield volume("MR hippocampus, 3-D", hippocampi[20 if other else 60])
    skin = sorted((data / "skin-ham10000-mini" / "images").glob("*.jpg"))
    yield photograph("skin lesion", skin[1 if other else 2])
    lungs = sorted((data / "cxr-lungs-mini" / "images").glob("*.jpg"))
    yield photograph("chest X-ray, lungs", lungs[1 if other else 2])
    nuclei = sorted((data / "nuclei-dsb2018" / "images").iterdir())
    path = nuclei[40 if other else 60]
    labels = next((data / "nuclei-dsb2018" / "labels").glob(path.stem + ".*"))
    image, found = io.read_image(path).array[0], io.read_labels(labels).array > 0
    yield Picture("nuclei", image, found, (1.0, 1.0))


def volume(name: str, labels: Path, index: int | None = None) -> Picture:
    """A volume, or one of its slices."""
    found = io.read_labels(labels)
    image = io.read_image(labels.parents[1] / "images" / labels.name).array[0]
    cut = slice(None) if index is None else index
    return Picture(name, image[cut], found.array[cut] > 0, found.grid.spacing[0 if index is None else 1 :])


def photograph(name: str, path: Path) -> Picture:
    """A photograph in grey, at most 512 pixels on a side, with the mask of the same name."""
    label = next((path.parents[1] / "labels").glob(path.stem + "*"))
    with Image.open(path) as picture, Image.open(label) as mask:
        grey, shape = picture.convert("L"), mask.convert("L")
        grey.thumbnail((512, 512))
        marks = np.asarray(shape.resize(grey.size, Image.Resampling.NEAREST))
        return Picture(name, np.asarray(grey).astype(np.float32), marks > 127, (1.0, 1.0))


def effort(name: str, picture: Picture) -> Effort:
    """The robot user at work with one tool."""
    kind = find_tool(name)
    if "seeds" in kind.needs:
        states = strokes(name, picture)
    elif name in ("adaptive-brush", "threshold-brush"):
        states = dabs(name, picture)
    elif name == "magic-wand":
        states = clicks(name, picture)
    elif name in ("live-wire", "level-tracing"):
        states = outlines(name, picture)
    else:
        states = shapes(name, picture)
    best, mask, spent = 0.0, np.zeros(picture.reference.shape, bool), []
    for number, (state, truth, seconds) in enumerate(states, start=1):
        spent.append(seconds)
        score = dice(state, truth)
        if score > best:
            best, mask = score, state
        if score >= TARGET:
            return Effort(number, score, float(np.median(spent)), mask)
        if number >= CAP:
            break
    return Effort(None, best, float(np.median(spent)) if spent else float("nan"), mask)


State = tuple[Mask, Mask, float]  # the mask after a prompt, what it is compared with, seconds of the update


def strokes(name: str, picture: Picture) -> Iterator[State]:
    seeds = np.full(picture.reference.shape, UNMARKED, np.int32)
    now = np.zeros(picture.reference.shape, bool)
    scribble(picture, seeds, picture.reference, 1)
    yield now, picture.reference, 0.0
    scribble(picture, seeds, ~picture.reference, 0)
    while True:
        [(now, seconds)] = called(name, picture, np.zeros(now.shape, np.uint8), seeds=seeds)
        yield now, picture.reference, seconds
        wrong = largest(now != picture.reference)
        scribble(picture, seeds, wrong, int(picture.reference[wrong][0]))


def scribble(picture: Picture, seeds: NDArray[np.int32], region: Mask, label: int) -> None:
    place, _ = deepest(region)
    seeds[disc(picture, place, 0.5 * depth_mm(region, picture)) & region] = label


def clicks(name: str, picture: Picture) -> Iterator[State]:
    now, place, more = np.zeros(picture.reference.shape, bool), None, {}
    while (missed := picture.reference & ~now).any():
        place = place or deepest(largest(missed))[0]
        [(fresh, seconds)] = called(name, picture, now.astype(np.uint8), points=[place], **more)
        extra = fresh & ~now
        if 2 * np.count_nonzero(extra & missed) < np.count_nonzero(extra) or not extra.any():
            values = picture.image[extra] if extra.any() else np.zeros(1)
            more = {"tolerance": more.get("tolerance", float(values.max() - values.min()) / 2) / 2}
        else:
            now, place, more = now | fresh, None, {}
        yield now, picture.reference, seconds


def dabs(name: str, picture: Picture) -> Iterator[State]:
    now, more = np.zeros(picture.reference.shape, bool), {}
    while (now != picture.reference).any():
        wrong = largest(now != picture.reference)
        label = int(picture.reference[wrong][0])
        place, _ = deepest(wrong)
        radius = depth_mm(wrong, picture)
        if name == "threshold-brush" and not more:
            values = picture.image[disc(picture, place, 0.8 * radius)]
            low, high = np.percentile(values, (2.5, 97.5))
            more = {"low": float(low), "high": float(high)}
        kept = more if label else {}
        shown = {"points": [place], "radius_mm": radius, "label": label, **kept}
        [(now, seconds)] = called(name, picture, now.astype(np.uint8), **shown)
        yield now, picture.reference, seconds


def outlines(name: str, picture: Picture) -> Iterator[State]:
    """In the middle slice of a volume; of the largest object."""
    flat = picture.reference.ndim == 2
    z = 0 if flat else int(picture.reference.sum(axis=(1, 2)).argmax())
    plane = largest(picture.reference if flat else picture.reference[z])
    outline = max(find_contours(np.pad(plane, 1), 0.5), key=len) - 1
    rng = np.random.default_rng(SEED)
    count = 2
    while True:
        count += 1
        spread = outline[np.linspace(0, len(outline) - 1, count, endpoint=False).astype(int)]
        places = spread if name == "live-wire" else outline[rng.integers(len(outline), size=1)]
        points = np.clip(np.rint(places), 0, np.array(plane.shape) - 1).astype(int)
        if not flat:
            points = np.insert(points, 0, z, axis=1)
        [(now, seconds)] = called(name, picture, np.zeros(picture.reference.shape, np.uint8), points=points)
        if name == "live-wire" and count == 3:
            yield np.zeros_like(plane), plane, 0.0  # three clicks make the first outline
            yield np.zeros_like(plane), plane, 0.0
        yield (now if flat else now[z]), plane, seconds


def shapes(name: str, picture: Picture) -> Iterator[State]:
    now = np.zeros(picture.reference.shape, bool)
    while (now != picture.reference).any():
        wrong = largest(now != picture.reference)
        place, _ = deepest(wrong)
        spot = disc(picture, place, 0.6 * depth_mm(wrong, picture))
        now = now | spot if picture.reference[place] else now & ~spot
        seen = [(now, 0.0), *called(name, picture, now.astype(np.uint8))]
        now, _ = max(seen, key=lambda state: dice(state[0], picture.reference))
        yield now, picture.reference, float(np.median([seconds for _, seconds in seen[1:]]))


def called(name: str, picture: Picture, labels: NDArray[Any], **shown: Any) -> list[tuple[Mask, float]]:
    """The mask of label 1 after each change that the tool hands out (most hand out one), and the seconds it took."""
    began = time.perf_counter()
    found = find_tool(name).function(picture.image, labels, spacing=picture.spacing, **shown)
    states = []
    for change in [found] if isinstance(found, Change) else found:
        labels = change.applied_to(labels)
        now = time.perf_counter()
        states.append((labels == 1, now - began))
        began = now
    return states or [(labels == 1, time.perf_counter() - began)]


def disc(picture: Picture, place: tuple[int, ...], radius_mm: float) -> Mask:
    """The voxels of a ball around a place, that one at least."""
    out = np.zeros(picture.reference.shape, bool)
    brush = ball(max(radius_mm, min(picture.spacing) / 2), picture.spacing)
    half = [n // 2 for n in brush.shape]
    box = Box.around([place], out.shape, margin=half)
    inner = tuple(slice(a - p + h, b - p + h) for a, b, p, h in zip(box.start, box.stop, place, half, strict=True))
    out[box.slices] = brush[inner]
    return out


def deepest(region: Mask) -> tuple[tuple[int, ...], float]:
    """The voxel of the region furthest from its edge (and from the image's), and how far in voxels."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[(slice(1, -1),) * region.ndim]
    place = np.unravel_index(int(depth.argmax()), depth.shape)
    return tuple(int(v) for v in place), float(depth.max())


def depth_mm(region: Mask, picture: Picture) -> float:
    """Distance in mm of the region's deepest voxel from its edge."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1), sampling=picture.spacing)
    return float(depth.max())


def largest(mask: Mask) -> Mask:
    """The largest connected region."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def dice(a: Mask, b: Mask) -> float:
    return 2 * np.count_nonzero(a & b) / max(np.count_nonzero(a) + np.count_nonzero(b), 1)


def write_sheet(path: Path, pictures: list[Picture], found: dict[str, dict[str, Effort]]) -> None:
    """The reference (yellow) and each tool's best mask (red) on the images."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(found), len(pictures), figsize=(3 * len(pictures), 3 * len(found)), squeeze=False)
    middle: Callable[[Picture, NDArray[Any]], NDArray[Any]] = lambda p, a: (  # noqa: E731
        a if a.ndim == 2 or p.reference.ndim == 2 else a[int(p.reference.sum(axis=(1, 2)).argmax())]
    )
    for row, (name, efforts) in zip(axes, found.items(), strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            one = efforts[picture.name]
            low, high = np.percentile(picture.image, (1, 99))
            axis.imshow(middle(picture, picture.image), cmap="gray", vmin=low, vmax=high)
            axis.contour(middle(picture, picture.reference), [0.5], colors="y", linewidths=0.8)
            if one.mask.any():
                axis.contour(middle(picture, one.mask), [0.5], colors="r", linewidths=0.8)
            axis.set_title(f"{name}: {one.prompts or '-'} ({one.dice:.2f})", fontsize=8)
            axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=60)


if __name__ == "__main__":
    raise SystemExit(main())
