"""The lessons on networks: the U-Net block by block, why augmentation, sliding window against U-Net."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import numpy as np

from septum import lessons
from septum.lessons.perceptron import sigmoid
from septum.workflows.teaching import drawing, pictures
from septum.workflows.teaching.lesson import Lesson, posed

PAPER_SIDE = 572
WINDOW = 65
"""Side of the patch in the sliding-window network that won ISBI 2012 (Ciresan et al. 2012)."""


def unet() -> Lesson:
    """Shapes, parameters and receptive field of every block."""
    blocks = lessons.unet_blocks((256, 256), features=(16, 32, 64, 128, 256), classes=2)
    lines = ["the lecture's U-Net on an image of 256 × 256 with two classes:", ""]
    lines += [f"  {'block':<12}{'output':>18}{'parameters':>12}{'sees':>6}   layers"]
    for block in blocks:
        shape = " × ".join(str(n) for n in block.shape)
        lines.append(f"  {block.name:<12}{shape:>18}{block.parameters:>12}{block.receptive_field:>6}   {block.layers}")
    total = lessons.unet_parameters(blocks)
    lines += ["", f"{total} parameters; 'sees' is the side in pixels of what one output pixel depends on", ""]
    lines += ["a small one in plain numpy learns an image of nuclei (see the figure):"]
    losses, dice = _train_small()[2:]
    lines += [f"  loss {losses[0]:.3f} at the start, {losses[-1]:.3f} after {len(losses)} steps; Dice {dice:.3f} on it"]
    bottom, first, third = blocks[4], blocks[0], blocks[2]
    return Lesson(
        tuple(lines),
        _draw_unet,
        (
            posed(
                "Height, width and channels at the bottom of the U for a 256 × 256 image?",
                *(
                    (n, f"256 halved four times is 16; 16 features doubled four times are 256: {n}")
                    for n in bottom.shape
                ),
            ),
            posed(
                "Parameters of the first encoder block (1 input channel, 16 features)?",
                (first.parameters, f"(1 × 9 + 1) × 16 + (16 × 9 + 1) × 16 = {first.parameters}"),
            ),
            posed(
                "Receptive field of the third encoder block?",
                (third.receptive_field, "1 + 4×1 = 5; pool + 1 = 6; + 4×2 = 14; pool + 2 = 16; + 4×4 = 32"),
            ),
        ),
    )


@lru_cache(maxsize=1)
def _train_small() -> tuple[Any, Any, Any, float]:
    """A three-level U-Net in numpy, trained on one picture: its weights, the picture, the losses, the Dice on it."""
    image, labels = pictures.made_nuclei(3, count=8, side=64)
    x = (image - image.mean()) / image.std()
    start = lessons.create_unet(features=(4, 8, 16), generator=np.random.default_rng(0))
    weights, losses = lessons.train_unet(start, x, target=labels > 0, steps=80, rate=0.005)
    mask = lessons.unet_forward(weights, x).logits[0] > 0
    dice = 2 * (mask & (labels > 0)).sum() / (mask.sum() + (labels > 0).sum())
    return weights, x, losses, float(dice)


def _draw_unet() -> Any:
    weights, x, losses, _ = _train_small()
    trace = lessons.unet_forward(weights, x)
    figure, axes = drawing.new_figure(4, rows=2)
    drawing.picture(axes[0], x, title="input, 64 × 64")
    for axis, level, name in zip(axes[1:4], range(3), ("encoder 1", "encoder 2", "bottom"), strict=True):
        best = trace.encoder[level].maps[1]
        shape = " × ".join(str(n) for n in best.shape[1:])
        drawing.picture(axis, best[best.std(axis=(1, 2)).argmax()], title=f"{name}, {shape}")
    for axis, level in zip(axes[4:6], (1, 0), strict=True):
        best = trace.decoder[level].maps[1]
        shape = " × ".join(str(n) for n in best.shape[1:])
        drawing.picture(axis, best[best.std(axis=(1, 2)).argmax()], title=f"decoder {level + 1}, {shape}")
    drawing.draw_outlines(axes[6], x, mask=sigmoid(trace.logits[0]) > 0.5, title="mask: sigmoid > 0.5")
    drawing.curve(axes[7], losses, title="loss", across="step", up="cross entropy")
    return figure


def augmentation() -> Lesson:
    """One annotated image becomes many; labels move along."""
    turned = _turn((10.0, 0.0), 90.0)
    small = _turn((30.0, 40.0), 20.0)
    image = pictures.made_nuclei(3, count=8, side=64)[0]
    variants = {np.rot90(flip, k).tobytes() for flip in (image, image[:, ::-1]) for k in range(4)}
    lines = [
        "every training step sees another version of the few annotated images:",
        f"  flips and quarter turns alone: {len(variants)} different versions of one image, without interpolation",
        f"  rotated by 90°: the pixel 10 right of the centre lies at ({turned[0]:.2f}, {turned[1]:.2f}) (x, y down)",
        f"  rotated by 20°: (30, 40) goes to ({small[0]:.2f}, {small[1]:.2f}); values between pixels are interpolated",
        f"  gamma 1.5 turns the intensity 0.25 into 0.25^1.5 = {0.25**1.5:.3f}, and leaves 0 and 1",
        "  elastic deformation (the paper's): random displacements on a coarse grid, smooth between",
        "",
        "the label goes the same way; it stays a label, 1 or 2, never 1.5",
        "whether it pays is measured in the notebook docs/lessons/augmentation: same network, with and without",
    ]
    return Lesson(
        tuple(lines),
        _draw_augmentation,
        (
            posed(
                "How many versions of an image do flips and quarter turns give?",
                (len(variants), "4 turns of the image and 4 of its mirror image"),
            ),
            posed(
                "Where does (30, 40) go, rotated by 20° about the centre: x, y?",
                (small[0], f"30 cos 20° - 40 sin 20° = {small[0]:.3f}"),
                (small[1], f"30 sin 20° + 40 cos 20° = {small[1]:.3f}"),
            ),
            posed("Gamma 1.5 turns the intensity 0.25 into?", (0.25**1.5, f"0.25^1.5 = {0.25**1.5:.3f}")),
        ),
    )


def _turn(point: tuple[float, float], degrees: float) -> tuple[float, float]:
    angle = np.deg2rad(degrees)
    x, y = point
    return float(x * np.cos(angle) - y * np.sin(angle)), float(x * np.sin(angle) + y * np.cos(angle))


def _draw_augmentation() -> Any:
    """The network's own augmentation, eight times on the same image and mask."""
    from septum.net.augment import augment

    image, labels = pictures.made_nuclei(1)
    config = augment.microscopy_2d((128, 128))
    figure, axes = drawing.new_figure(4, rows=2)
    mask = (labels > 0).astype(np.uint8)
    drawing.draw_outlines(axes[0], image, mask=mask, title="annotated")
    for number, axis in enumerate(axes[1:], 1):
        generator = np.random.default_rng(number)
        drawn = augment.sample(config, patch=(128, 128), spacing=(1.0, 1.0), generator=generator)
        patch = augment.apply(drawn, image[None].astype(np.float32), labels=mask, centre=(64, 64))
        drawing.draw_outlines(axis, patch.image[0].numpy(), mask=np.asarray(patch.labels), title=f"version {number}")
    return figure


def sliding_window() -> Lesson:
    """A network that classifies one pixel at a time, against one that answers for all of them."""
    side = 512
    patches = side * side
    seconds = _seconds_per_patch()
    blocks = lessons.unet_blocks((side, side))
    window = sum(_multiplications(WINDOW, 1, width=16))
    net = _unet_multiplications(side)
    lines = [
        f"sliding window: for every pixel of {side} × {side}, classify the {WINDOW} × {WINDOW} patch around it",
        f"  {side} × {side} = {patches} patches; neighbours share {WINDOW - 1} of {WINDOW} columns",
        f"  multiplications, 4 levels of 3 × 3 convolutions with 16, 32, 64, 128 features: {patches * window:.2e}",
        f"U-Net: one pass gives all {patches} answers",
        f"  multiplications of the lecture's network ({lessons.unet_parameters(blocks)} parameters): {net:.2e}",
        f"  ratio: {patches * window / net:.0f}",
        "",
        f"measured here, one convolution of 16 kernels in numpy: {seconds[0] * 1e6:.0f} µs for a patch,",
        f"  so {seconds[0] * patches:.0f} s patch by patch, against {seconds[1]:.2f} s for the image at once",
        "",
        f"the paper's convolutions are unpadded: a tile of {PAPER_SIDE} gives {_paper_output(PAPER_SIDE)} pixels",
    ]
    output = _paper_output(PAPER_SIDE)
    return Lesson(
        tuple(lines),
        _draw_window,
        (
            posed(
                f"How many patches for an image of {side} × {side}?", (patches, f"one per pixel: {side}² = {patches}")
            ),
            posed(
                f"Side of the output for an input tile of {PAPER_SIDE} in the paper's U-Net?",
                (
                    output,
                    "each level: -4, halve; up: double, -4: 572 → 284 → 140 → 68 → 32 → 28 → 52 → 100 → 196 → 388",
                ),
            ),
            posed(
                f"How many pixels do two neighbouring {WINDOW} × {WINDOW} patches share?",
                (WINDOW * (WINDOW - 1), f"{WINDOW} × {WINDOW - 1} = {WINDOW * (WINDOW - 1)}"),
            ),
        ),
    )


def _paper_output(side: int) -> int:
    """Walks the paper's network: two unpadded 3 × 3 convolutions at each of five levels down and four up."""
    for _ in range(4):
        side = (side - 4) // 2
    side -= 4
    for _ in range(4):
        side = side * 2 - 4
    return side


def _multiplications(side: int, channels: int, *, width: int) -> list[int]:
    """Of two padded 3 × 3 convolutions a level, four levels, halving between them."""
    found = []
    for level in range(4):
        out = width * 2**level
        found.append(side * side * 9 * out * (channels + out))
        channels, side = out, side // 2
    return found


def _unet_multiplications(side: int) -> int:
    """Of the lecture's network with five levels, its decoder included."""
    total = sum(_multiplications(side, 1, width=16)) + (side // 16) ** 2 * 9 * 256 * (128 + 256)
    for level in range(4):
        out, here = 16 * 2**level, side // 2**level
        total += here * here * (2 * out * out + 9 * out * (2 * out + out))
    return total


def _seconds_per_patch() -> tuple[float, float]:
    """Shortest of five: one convolution of 16 kernels on a patch, and on the whole image."""
    generator = np.random.default_rng(0)
    kernels = generator.normal(size=(16, 1, 3, 3))
    patch, image = generator.normal(size=(WINDOW, WINDOW)), generator.normal(size=(512, 512))
    found = []
    for array in (patch, image):
        times = []
        for _ in range(5):
            started = time.perf_counter()
            lessons.convolution(array, kernels, padding=1)
            times.append(time.perf_counter() - started)
        found.append(min(times))
    return found[0], found[1]


def _draw_window() -> Any:
    image, labels = pictures.made_nuclei(2)
    figure, axes = drawing.new_figure(3, width=3.4)
    from matplotlib.patches import Rectangle

    drawing.picture(axes[0], image, title="sliding window: a patch per pixel")
    for place, colour in (((30, 40), drawing.ORANGE), ((31, 40), drawing.BLUE), ((60, 52), drawing.ORANGE)):
        axes[0].add_patch(Rectangle(place, 33, 33, fill=False, edgecolor=colour, linewidth=1.6))
        axes[0].plot(place[0] + 16, place[1] + 16, ".", color=colour)
    drawing.draw_outlines(axes[1], image, mask=labels > 0, title="U-Net: every pixel in one pass")
    axis = axes[2]
    axis.set_axis_on()
    side = np.array([32, 64, 128, 256, 512])
    window = [n * n * sum(_multiplications(WINDOW, 1, width=16)) for n in side]
    axis.loglog(side, window, "o-", color=drawing.ORANGE, label="sliding window")
    axis.loglog(side, [_unet_multiplications(int(n)) for n in side], "s-", color=drawing.BLUE, label="U-Net")
    axis.set_xticks(side, [str(n) for n in side])
    axis.minorticks_off()
    axis.set_xlabel("side of the image in pixels")
    axis.set_title("multiplications", fontsize=11)
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    return figure
