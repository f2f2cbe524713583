"""Augmentation: many different patches from few annotated images.

The insight: drawing and applying are two functions. `sample` draws frozen, readable `Parameters` from a seeded
generator on the CPU; `apply` turns them, an image and a place into a patch, on the device where the image lies, without
any chance left in it. What the network saw in a step can therefore be named, repeated and
shown (`septum.net.augment.preview`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from septum.errors import ConfigError
from septum.net.augment.cut import ArrayOrTensor, cut_patch
from septum.net.augment.intensity import Chance, Intensity, IntensityConfig, change_intensity, sample_intensity
from septum.net.augment.spatial import Elastic, SpatialConfig, Warp, sample_warp


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of all augmentation, as they stand in `plan.json`; `to_dict` and `from_dict` convert."""

    spatial: SpatialConfig
    intensity: IntensityConfig

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and dictionaries, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AugmentConfig:
        """The configuration that `to_dict` described.

        Raises:
            ConfigError: for an unknown or missing key, or a value outside of its range.
        """
        try:
            spatial: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list | tuple) else v for k, v in data["spatial"].items()
            }
            spatial["elastic"] = tuple(Elastic(**{**e, "std": tuple(e["std"])}) for e in spatial.get("elastic", ()))
            intensity: dict[str, Any] = {
                k: Chance(**v) if isinstance(v, Mapping) else v for k, v in data["intensity"].items()
            }
            return cls(SpatialConfig(**spatial), IntensityConfig(**intensity))
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"augmentation must have the keys that `plan.json` is written with: {error}") from error


@dataclass(frozen=True, eq=False)
class Parameters:
    """Everything that was drawn for one patch."""

    warp: Warp
    intensity: Intensity


@dataclass(frozen=True, eq=False)
class Patch:
    """One augmented training patch, on the device of the source image.

    Attributes:
        image: float32 `(C, *patch)`.
        labels: int64 `(*patch)`, or `None` when the image has none.
        extras: float32 `(E, *patch)` maps that were resampled along (border weights), or `None`.
    """

    image: Tensor
    labels: Tensor | None = None
    extras: Tensor | None = None


def sample(
    config: AugmentConfig,
    *,
    patch: Sequence[int],
    spacing: Sequence[float],
    generator: np.random.Generator,
    channels: int = 1,
) -> Parameters:
    """Draw the augmentation of one patch.

    Args:
        config: the ranges.
        patch: size of the patch in voxels, per array axis.
        spacing: mm per voxel and array axis; rotations and elastic deformations happen in millimetres.
        generator: source of all randomness; the same state gives the same parameters on every device. A generator
            made from `(seed, step, index)` makes a run resumable without storing any state.
        channels: number of image channels (brightness, contrast and gamma differ per channel).

    >>> drawn = sample(none(2), patch=(8, 8), spacing=(1.0, 1.0), generator=np.random.default_rng(0))
    >>> apply(drawn, np.ones((1, 32, 32), np.float32), centre=(16, 16)).image.shape
    torch.Size([1, 8, 8])
    """
    warp = sample_warp(config.spatial, patch=patch, spacing=spacing, generator=generator)
    return Parameters(warp, sample_intensity(config.intensity, channels=channels, spacing=spacing, generator=generator))


def apply(
    parameters: Parameters,
    image: ArrayOrTensor,
    *,
    labels: ArrayOrTensor | None = None,
    centre: Sequence[int],
    extras: ArrayOrTensor | None = None,
    interpolation: str = "cubic",
    device: torch.device | str | None = None,
) -> Patch:
    """Cut the patch around `centre` out of a whole prepared image and augment it, in one resampling.

    Args:
        parameters: what `sample` drew.
        image: `(C, *spatial)` array, memory map or tensor. Only the bounding box of the deformed patch is read.
        labels: `spatial` integers. Of a class map (uint8) with few classes in the patch the class with the largest
            linearly interpolated share wins; it follows a rotated surface more truly than the nearest voxel (Dice with
            the exact shape 0.96 instead of 0.94 for an ellipsoid of 10 × 18 × 12 voxels, 0.91 instead of 0.90 for lines
            1 to 5 pixels wide). Other types and many classes: nearest voxel.
        centre: voxel of the source in the middle of the patch; it may lie anywhere, also at or beyond the border.
        extras: `(E, *spatial)` float maps, interpolated linearly.
        interpolation: `"linear"` or `"cubic"` (2-D; volumes are always interpolated linearly). Bicubic costs 0.5 ms
            more for 256² pixels and keeps fine lines: see the measurement in `docs/explain/augmentation.md`.
        device: where the work happens and the patch lies; by default where `image` lies.

    Returns:
        The patch. Outside of the image lies its mirror image, and the labels are mirrored along, so that borders stay
        annotated and training sees what prediction sees.

    >>> drawn = sample(none(2), patch=(3, 3), spacing=(1.0, 1.0), generator=np.random.default_rng(0))
    >>> image = np.arange(81, dtype=np.float32).reshape(1, 9, 9)
    >>> apply(drawn, image, centre=(4, 4)).image[0].tolist()
    [[30.0, 31.0, 32.0], [39.0, 40.0, 41.0], [48.0, 49.0, 50.0]]
    """
    sources: list[tuple[ArrayOrTensor, str]] = [(image, interpolation)]
    if labels is not None:
        sources.append((labels[None], "labels"))
    if extras is not None:
        sources.append((extras, "linear"))
    cuts = cut_patch(parameters.warp, sources, centre=centre, device=device)
    return Patch(
        image=change_intensity(parameters.intensity, cuts[0]),
        labels=cuts[1][0].long() if labels is not None else None,
        extras=cuts[-1] if extras is not None else None,
    )


def inside(centre: Sequence[int], *, patch: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """The nearest centre at which the patch lies inside the image; the middle along axes that are too short.

    A patch around a voxel at the border would be half mirror image, which prediction never sees.

    >>> inside((0, 90, 3), patch=(8, 8, 8), shape=(100, 91, 5))
    (4, 87, 2)
    """
    return tuple(
        n // 2 if n < size else min(max(int(c), size // 2), n - size + size // 2)
        for c, size, n in zip(centre, patch, shape, strict=True)
    )


def none(ndim: int) -> AugmentConfig:
    """No augmentation: patches are plain crops.

    >>> none(2).spatial.flips
    (False, False)
    """
    return AugmentConfig(
        SpatialConfig(flips=(False,) * ndim, rotation=(0.0,) * (1 if ndim == 2 else 3)), IntensityConfig()
    )


_MODERATE = IntensityConfig(
    bias_field=Chance(0.15, 0.1, 0.3),
    gamma=Chance(0.25, 0.7, 1.5),
    gamma_inversion=0.2,
    contrast=Chance(0.2, 0.75, 1.3),
    brightness=Chance(0.2, -0.3, 0.3),
    blur=Chance(0.15, 0.3, 1.0),
    low_resolution=Chance(0.15, 1.2, 2.0),
    noise=Chance(0.2, 0.02, 0.15),
)


_STRONG = replace(
    _MODERATE,
    bias_field=Chance(0.3, 0.1, 0.4),
    gamma=Chance(0.5, 0.6, 1.7),
    contrast=Chance(0.4, 0.6, 1.5),
    brightness=Chance(0.3, -0.5, 0.5),
    blur=Chance(0.2, 0.3, 1.2),
    noise=Chance(0.3, 0.02, 0.25),
)


def microscopy_2d(patch: Sequence[int]) -> AugmentConfig:
    """Pictures without an up or down (cells, tissue, electron microscopy): free rotation and flips.

    >>> microscopy_2d((64, 64)).spatial.flips
    (True, True)
    """
    distance = min(64.0, max(patch) / 2)
    return AugmentConfig(
        SpatialConfig(
            flips=(True, True),
            quarter_turns=True,
            rotation=(45.0,),
            rotation_probability=0.5,
            scale=(0.8, 1.25),
            anisotropy=0.1,
            scale_probability=0.4,
            elastic=(Elastic(0.4, (0.01 * distance, 0.08 * distance), distance=distance),),
        ),
        _MODERATE,
    )


def medical_2d(patch: Sequence[int], *, flips: Sequence[bool] = (False, False)) -> AugmentConfig:
    """Pictures with an up and a down (radiographs, single slices): small rotations, flips only where asked for.

    >>> medical_2d((64, 64), flips=(False, True)).spatial.flips
    (False, True)
    """
    return AugmentConfig(
        SpatialConfig(
            flips=tuple(flips),
            rotation=(20.0,),
            rotation_probability=0.5,
            scale=(0.8, 1.25),
            anisotropy=0.1,
            scale_probability=0.4,
            elastic=(Elastic(0.4, (0.005 * min(patch), 0.04 * min(patch))),),
        ),
        _MODERATE,
    )


def medical_3d(
    patch: Sequence[int], spacing: Sequence[float], *, flips: Sequence[bool] = (False, False, False)
) -> AugmentConfig:
    """Volumes `(z, y, x)` of bodies: moderate rotations in mm, strong stretching and bending, strong intensities.

    People differ in shape more than their images do: in a cross-validation within nine hippocampus volumes (three at a
    time held out, n = 9) strong deformations gave a mean Dice of 0.877 and gentle ones, as for microscopy, 0.869;
    measured before folds were prevented. Strong changes of the intensities gave 0.878 and 0.880 there (two seeds) where
    moderate ones gave 0.870 and 0.877; dropout in the two deepest levels 0.876 and 0.875, left-right flips 0.874 and
    0.871. On the 91 test volumes all of it is worth little: 0.866 before, 0.867 with both.

    No flips unless asked for: left and right differ. Where no label tells them apart, flipping the last axis is worth
    trying.

    >>> medical_3d((16, 64, 64), (3.0, 1.0, 1.0)).spatial.flips
    (False, False, False)
    """
    return AugmentConfig(
        SpatialConfig(
            flips=tuple(flips),
            rotation=(20.0, 0.0, 0.0) if _thick(spacing) else (15.0, 15.0, 15.0),
            rotation_probability=0.4,
            scale=(0.8, 1.25),
            anisotropy=0.25,
            scale_probability=0.4,
            elastic=(Elastic(0.7, _strong(patch, spacing)),),
        ),
        _STRONG,
    )


def microscopy_3d(patch: Sequence[int], spacing: Sequence[float]) -> AugmentConfig:
    """Stacks `(z, y, x)` of cells or tissue: free rotation within the slice, flips along every axis.

    >>> microscopy_3d((16, 64, 64), (3.0, 1.0, 1.0)).spatial.flips
    (True, True, True)
    """
    tilt = 0.0 if _thick(spacing) else 15.0
    return AugmentConfig(
        SpatialConfig(
            flips=(True, True, True),
            quarter_turns=True,
            rotation=(45.0, tilt, tilt),
            rotation_probability=0.4,
            scale=(0.8, 1.25),
            anisotropy=0.1,
            scale_probability=0.4,
            elastic=(Elastic(0.3, _gentle(patch, spacing)),),
        ),
        _MODERATE,
    )


def stronger(config: AugmentConfig) -> AugmentConfig:
    """Wider ranges and more frequent changes, for networks that see each image very often.

    On nine hippocampus volumes, moderate ranges won after 300 passes over the data and these after 700.

    >>> stronger(microscopy_2d((64, 64))) == microscopy_2d((64, 64))
    False
    """
    turned = tuple(min(45.0, 2 * angle) for angle in config.spatial.rotation)
    spatial = replace(
        config.spatial, rotation=turned, rotation_probability=0.7, scale=(0.7, 1.4), scale_probability=0.7
    )
    return AugmentConfig(spatial, replace(_STRONG, inversion=config.intensity.inversion, grey=config.intensity.grey))


def paper_augmentation(patch: Sequence[int]) -> AugmentConfig:
    """Ronneberger, Fischer & Brox 2015, section 3.1: free rotation, elastic deformation and grey value variations.

    The 10 pixels of the paper belong to its patches of 572 × 572; below 200 pixels, where they would fold tissue over
    itself, they shrink to a twentieth of the patch. Volumes turn within the slice.

    >>> paper_augmentation((572, 572)).spatial.flips
    (True, True)
    """
    ndim = len(patch)
    std = min(10.0, min(patch) / 20)
    return AugmentConfig(
        SpatialConfig(
            flips=(True,) * ndim,
            quarter_turns=True,
            rotation=(45.0,) if ndim == 2 else (45.0, 0.0, 0.0),
            rotation_probability=1.0,
            elastic=(Elastic(probability=1.0, std=(std, std), knots=3),),
        ),
        IntensityConfig(contrast=Chance(0.5, 0.75, 1.3), brightness=Chance(0.5, -0.3, 0.3)),
    )


def _thick(spacing: Sequence[float]) -> bool:
    """Slices so thick that turning them out of their plane would only blur."""
    return max(spacing) > 3 * min(spacing)


def _strong(patch: Sequence[int], spacing: Sequence[float]) -> tuple[float, float]:
    """Elastic deviation up to 0.22 of the distance between 3 knots along the shortest side, in finest voxels."""
    shortest = _shortest(patch, spacing)
    return (0.016 * shortest, 0.11 * shortest)


def _gentle(patch: Sequence[int], spacing: Sequence[float]) -> tuple[float, float]:
    """Elastic deviation up to 0.08 of the distance between 3 knots along the shortest side, in finest voxels."""
    shortest = _shortest(patch, spacing)
    return (0.01 * shortest, 0.04 * shortest)


def _shortest(patch: Sequence[int], spacing: Sequence[float]) -> float:
    """Shortest side of the patch in voxels of the finest axis."""
    return min(n * step for n, step in zip(patch, spacing, strict=True)) / min(spacing)
