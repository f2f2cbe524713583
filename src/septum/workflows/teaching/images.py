"""The lessons on images: what one is, drawing by hand, the classical methods, semantic against instance."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import ndimage

from septum import io
from septum.classical import clustering, growing, threshold, watershed
from septum.interactive.slices.interpolate import interpolate
from septum.metrics import confusion_counts, dice
from septum.metrics.instances import instance_overlap, match_instances
from septum.workflows.teaching import drawing, pictures
from septum.workflows.teaching.lesson import Lesson, posed

COINS = 24
"""How many there are: counted by eye."""


def image() -> Lesson:
    """An array, and where it lies in millimetres."""
    scan = io.read_image(pictures.ct_slice())
    grid = scan.grid
    array = scan.array[0]
    spacing = grid.spacing
    voxel = float(np.prod(spacing))
    size = " × ".join(f"{step:.4g}" for step in spacing)
    corner = grid.affine[:3, 3]
    bone = int((array > 300).sum())
    movie = 20 * 2 * 512 * 512 * 2
    lines = [
        "a CT slice (DICOM, comes with pydicom), as Septum reads it:",
        f"  array: {' × '.join(map(str, array.shape))} numbers ({array.dtype}), {array.min():g} to {array.max():g} HU",
        f"  spacing {size} mm (slowest axis first), orientation {grid.orientation}",
        f"  a voxel is {size} = {voxel:.4g} mm³",
        f"  the first voxel lies at {corner[0]:.1f}, {corner[1]:.1f}, {corner[2]:.1f} mm (right, anterior, superior)",
        f"  {bone} voxels above 300 HU: {bone} × {voxel:.4g} mm³ = {bone * voxel / 1000:.2f} mL of bone",
        "",
        "what a number means depends on how it was made:",
        "  CT           Hounsfield units: water 0, air -1000; the same on every scanner",
        "  MR           no unit: compare within an image, not between images",
        "  PET          uptake (SUV): activity per mass and injected dose",
        "  fundus       three colours, light that came back from the retina",
        "  microscopy   photons (fluorescence), phase (transmitted light), electrons (EM)",
        "",
        "axes: 2-D (y, x), 3-D (z, y, x), + t for a movie, + channels",
        f"  20 frames, 2 channels, 512 × 512, 16 bit: 20 × 2 × 512 × 512 × 2 bytes = {movie / 2**20:.0f} MiB",
    ]
    thick = 0.7 * 0.7 * 5
    return Lesson(
        tuple(lines),
        _draw_image,
        (
            posed("Volume in mm³ of a voxel of 0.7 × 0.7 × 5 mm?", (thick, f"0.7 × 0.7 × 5 = {thick:.4g}")),
            posed(
                "A tumour has 4000 such voxels. How many mL?",
                (4000 * thick / 1000, f"4000 × {thick:.4g} mm³ = {4000 * thick:g} mm³; 1 mL is 1000 mm³"),
            ),
            posed(
                "MiB (2^20 bytes) of 20 frames, 2 channels, 512 × 512, 16 bit?",
                (movie / 2**20, "20 × 2 × 512 × 512 × 2 / 1048576"),
            ),
        ),
    )


def _draw_image() -> Any:
    figure, axes = drawing.new_figure(4)
    array = np.squeeze(io.read_image(pictures.ct_slice()).array)
    drawing.picture(axes[0], array, title="CT: -200 to 800 HU", vmin=-200, vmax=800)
    drawing.picture(axes[1], pictures.fundus(), title="fundus: three channels")
    drawing.picture(axes[2], pictures.living_cell(), title="a living cell: phase")
    drawing.draw_table(axes[3], array[60:66, 60:66], title="it is numbers: 6 × 6 of the CT")
    return figure


@lru_cache(maxsize=1)
def _organ() -> Any:
    """A made organ, (33, 64, 64): an ellipsoid with a bay, truth known on every slice."""
    z, y, x = np.mgrid[:33, :64, :64]
    body = ((z - 16) / 15) ** 2 + ((y - 32) / 22) ** 2 + ((x - 32 - 4 * np.sin(z / 6)) / 18) ** 2 < 1
    bay = ((z - 16) / 9) ** 2 + ((y - 18) / 9) ** 2 + ((x - 40) / 7) ** 2 < 1
    return (body & ~bay).astype(np.uint8)


def _every(step: int) -> tuple[list[int], Any, float]:
    """Draw every `step`-th slice of the organ, interpolate the rest: drawn slices, the mask, Dice with the truth."""
    truth = _organ()
    drawn = sorted({*range(2, 30, step), 30})
    sparse = np.zeros_like(truth)
    sparse[drawn] = truth[drawn]
    filled = interpolate(sparse, drawn={0: drawn}, spacing=(2.0, 1.0, 1.0))
    counts = confusion_counts(truth, filled, classes=[1])[0]
    return drawn, filled, dice(counts)


def manual_segmentation() -> Lesson:
    """Drawing takes time; slices between drawn ones can be computed."""
    lines = ["drawing every slice of a volume takes hours; what lies between two drawn slices can be computed.", ""]
    lines += [
        "shape-based interpolation: each drawn outline becomes a map of distances (inside positive), the maps are"
    ]
    lines += ["averaged by the distance of the slices, and the outline is where the mean is 0 (Raya & Udupa 1990):"]
    lines += ["  a pixel 2 mm inside on slice 10 and 4 mm outside on slice 16:"]
    means = [(1 - t) * 2 + t * -4 for t in (0, 1 / 3, 1 / 2, 1)]
    for slice_, value in zip((10, 12, 13, 16), means, strict=True):
        side = "on the outline" if abs(value) < 1e-9 else "inside" if value > 0 else "outside"
        lines.append(f"    slice {slice_}: {value:+.1f} mm, {side}")
    lines += ["", "an organ of 33 slices, made, so that the truth is known:"]
    for step in (2, 4, 6, 10):
        drawn, _, score = _every(step)
        lines.append(f"  one slice in {step} drawn ({len(drawn)} of 33): Dice of the whole {score:.3f}")
    lines += [
        "",
        "septum interpolate does this for label files; drawing tools are in septum edit",
    ]
    value = (1 - 1 / 4) * 3 + 1 / 4 * -5
    sixty = len(range(0, 61, 5))
    radius = 0.5 * (8 + 4)
    return Lesson(
        tuple(lines),
        _draw_manual,
        (
            posed(
                "3 mm inside on slice 0, 5 mm outside on slice 8: signed distance on slice 2 (inside positive)?",
                (value, f"(1 - 2/8) × 3 + 2/8 × (-5) = {value:g}"),
            ),
            posed(
                "A volume of 61 slices, every 5th drawn, the first and the last included: how many are drawn?",
                (sixty, f"slices 0, 5, …, 60: 60 / 5 + 1 = {sixty}"),
            ),
            posed(
                "Circles of radius 8 and 4 about one centre, halfway between them: which radius?",
                (radius, "distances r - 8 and r - 4 average to r - 6: zero at 6"),
            ),
        ),
    )


def _draw_manual() -> Any:
    figure, axes = drawing.new_figure(4)
    truth = _organ()
    drawn, filled, _ = _every(10)
    low, high = drawn[1], drawn[2]
    middle = (low + high) // 2
    drawing.picture(axes[0], truth[low], title=f"drawn: slice {low}")
    drawing.picture(axes[1], truth[high], title=f"drawn: slice {high}")
    drawing.draw_outlines(axes[2], truth[middle], mask=filled[middle], title=f"slice {middle}: computed outline")
    distance = ndimage.distance_transform_edt(truth[low]) - ndimage.distance_transform_edt(1 - truth[low])
    drawing.picture(axes[3], distance, title=f"distances, slice {low}", cmap="RdBu")
    return figure


@lru_cache(maxsize=1)
def _coin_methods() -> tuple[tuple[str, Any, int], ...]:
    """The four classical methods on the coins: name, labels, objects larger than 100 pixels."""
    coins = pictures.coins()
    smooth = ndimage.gaussian_filter(coins, 1.5)
    ground = ndimage.gaussian_filter(coins, 50)
    level = smooth - ground
    by_threshold = threshold.automatic(level, method="otsu")
    seeds = np.argwhere(by_threshold & (level > np.percentile(level, 92)))[::40]
    grown = growing.connected_threshold(level, seeds=seeds, low=float(threshold.automatic_value(level) or 0))
    markers = np.zeros(coins.shape, np.int32)
    markers[level < np.percentile(level, 30)] = 1
    markers[level > np.percentile(level, 85)] = 2
    flooded = watershed.watershed(coins, on="gradient", markers=markers) == 2
    grouped = clustering.cluster(level[None], kind="kmeans", classes=2)
    named = (
        ("Otsu's threshold", by_threshold),
        ("region growing", grown),
        ("watershed", flooded),
        ("k-means", np.asarray(grouped) == np.asarray(grouped).max()),
    )
    return tuple((name, *_count(mask)) for name, mask in named)


def _count(mask: Any) -> tuple[Any, int]:
    labels, _ = ndimage.label(ndimage.binary_fill_holes(mask))
    sizes = np.bincount(labels.ravel())
    kept = np.flatnonzero(sizes > 100)
    kept = kept[kept != 0]
    return np.where(np.isin(labels, kept), labels, 0), len(kept)


def classical() -> Lesson:
    """Threshold, region growing, watershed, k-means on one image."""
    pixels = np.array([1, 2, 2, 3, 7, 8, 8, 9])
    rows, best = [], (-1.0, 0.0)
    for cut in (2.5, 5.0, 7.5):
        low, high = pixels[pixels < cut], pixels[pixels >= cut]
        between = len(low) * len(high) / len(pixels) ** 2 * float(high.mean() - low.mean()) ** 2
        rows.append(f"  threshold {cut}: means {low.mean():.3g} and {high.mean():.3g}, variance between {between:.3f}")
        best = max(best, (between, cut))
    lines = ["1. thresholding (Otsu 1979): the threshold with the largest variance between the two sides"]
    lines += [f"  pixels {', '.join(map(str, pixels))}", *rows, f"  Otsu takes {best[1]}", ""]
    lines += ["2. region growing: from a seed to every neighbour that is similar enough, and on from there"]
    reached = growing.connected_threshold(np.array([[5, 6, 6, 9, 5]]), seeds=[[0, 0]], low=4.0, high=7.0)
    lines += [f"  row 5 6 6 9 5, seed at the left, 4 to 7: reaches {int(reached.sum())} pixels; the 9 is a wall", ""]
    lines += ["3. watershed: the image as a landscape of edges, flooded from markers; dams rise where waters meet", ""]
    lines += ["4. k-means: assign every pixel to the nearest mean, move each mean to its pixels, repeat"]
    lines += ["  pixels 1 2 9, means 0 and 6: 1 and 2 go to 0, 9 to 6; new means 1.5 and 9", ""]
    few = np.array([1, 2, 9])
    nearer = np.abs(few - 0) < np.abs(few - 6)
    lines += [f"on the coins, of which there are {COINS} (brightness of the ground evened out first):"]
    lines += [f"  {name:<18}{count} objects" for name, _, count in _coin_methods()]
    return Lesson(
        tuple(lines),
        _draw_classical,
        (
            posed("Pixels 1 2 2 3 7 8 8 9: variance between the sides of the threshold 5?", (best[0], rows[1].strip())),
            posed(
                "Row 5 6 6 9 5, seed at the left, accepted 4 to 7: how many pixels does the region reach?",
                (int(reached.sum()), "5, 6, 6; the 9 is outside of 4 to 7 and the last 5 lies behind it"),
            ),
            posed(
                "k-means, pixels 1 2 9, means 0 and 6: the two new means?",
                (few[nearer].mean(), "1 and 2 are nearer to 0: (1 + 2) / 2 = 1.5"),
                (few[~nearer].mean(), "9 alone is nearer to 6"),
            ),
        ),
    )


def _draw_classical() -> Any:
    figure, axes = drawing.new_figure(5, width=2.8)
    drawing.picture(axes[0], pictures.coins(), title="24 coins")
    for axis, (name, labels, count) in zip(axes[1:], _coin_methods(), strict=True):
        drawing.objects(axis, labels, title=f"{name}: {count}")
    return figure


def instances() -> Lesson:
    """Which pixels, against which pixels of whom."""
    picture, truth = pictures.made_nuclei(4)
    mask = threshold.automatic(ndimage.gaussian_filter(picture, 1.0))
    joined, parts = ndimage.label(mask)
    apart = watershed.distance_watershed(mask, depth_mm=0.75)
    lines = [f"a fluorescence picture of {truth.max()} nuclei, made, so that the truth is known", ""]
    lines += ["semantic segmentation says which pixels are nucleus:"]
    lines += [f"  Dice of the mask {dice(confusion_counts(truth > 0, mask, classes=[1])[0]):.3f}"]
    lines += [
        "instance segmentation says which pixels are whose; touching nuclei become one when the mask is just parted:"
    ]
    scores = []
    for name, labels in (("connected components", joined), ("watershed of the distances", apart)):
        found = match_instances(instance_overlap(truth, np.asarray(labels)))
        scores.append(found)
        missed, extra = found.n_reference - found.tp, found.n_prediction - found.tp
        f1 = 2 * found.tp / (found.n_reference + found.n_prediction)
        lines.append(f"  {name:<27}{found.n_prediction:>3} objects: {found.tp} right, {missed} missed, {extra} extra")
        lines.append(f"  {'':<27}F1 = 2 × {found.tp} / ({found.n_reference} + {found.n_prediction}) = {f1:.3f}")
    best = scores[1]
    three, one = np.repeat([1, 2, 3], 50), np.ones(150, np.int64)
    merged = match_instances(instance_overlap(three, one))
    f1 = 2 * best.tp / (best.n_reference + best.n_prediction)
    return Lesson(
        tuple(lines),
        _draw_instances,
        (
            posed("Objects that the connected components of the mask find?", (parts, f"{parts}: who touches is one")),
            posed(
                f"F1 of the watershed: {best.tp} right of {best.n_reference} true and {best.n_prediction} found ones?",
                (f1, f"2 × {best.tp} / ({best.n_reference} + {best.n_prediction}) = {f1:.3f}"),
            ),
            posed(
                "Three nuclei of 50 pixels each are found as one object of all 150 pixels: Dice of the mask, "
                "and objects matched at an IoU of 0.5?",
                (dice(confusion_counts(three > 0, one, classes=[1])[0]), "every pixel is right: Dice 1"),
                (merged.tp, "IoU with each nucleus is 50 / 150 = 0.333: none is matched"),
            ),
        ),
    )


def _draw_instances() -> Any:
    picture, _ = pictures.made_nuclei(4)
    mask = threshold.automatic(ndimage.gaussian_filter(picture, 1.0))
    figure, axes = drawing.new_figure(4)
    drawing.picture(axes[0], picture, title="fluorescence (made)")
    drawing.draw_outlines(axes[1], picture, mask=mask, title="semantic: which pixels")
    drawing.objects(axes[2], ndimage.label(mask)[0], title="components: touching ones join")
    drawing.objects(axes[3], watershed.distance_watershed(mask, depth_mm=0.75), title="instances: whose pixels")
    return figure
