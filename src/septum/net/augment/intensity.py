"""Intensity augmentation: what another scanner, stain or lamp would have done to the same tissue.

The insight: the order is that of an acquisition. The field multiplies what is there (bias field), the detector's curve
follows (gamma, contrast, brightness), the optics and the voxel size smooth (blur, low resolution), noise comes last.
Every smooth step is a product with one small matrix per axis, see `septum.net.augment.separable`.

Images are expected as the network sees them: about zero mean and unit standard deviation; brightness and noise are in
those units. The other steps do not depend on the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from septum.net.augment.separable import along_axes, low_pass_matrix, spline_matrix
from septum.net.augment.spatial import check_probability, check_range

BIAS_KNOTS = 3


@dataclass(frozen=True)
class Chance:
    """A range that is drawn from with a probability; otherwise the step is skipped."""

    probability: float
    low: float
    high: float

    def __post_init__(self) -> None:
        check_probability("probability", self.probability)
        check_range("(low, high)", (self.low, self.high))

    def draw(self, generator: np.random.Generator) -> float | None:
        """One value, or `None` when the step is skipped."""
        value = float(generator.uniform(self.low, self.high))
        return value if generator.random() < self.probability else None


NEVER = Chance(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class IntensityConfig:
    """Ranges of the intensity augmentation.

    Attributes:
        bias_field: strength (standard deviation of the logarithm) of a smooth field that multiplies the image.
        gamma: exponent applied to the patch rescaled to 0...1; mean and standard deviation are restored.
        gamma_inversion: chance that a gamma step acts on the inverted patch (on dark instead of bright detail).
        contrast: factor about the patch's mean.
        brightness: added, in standard deviations of the image.
        blur: standard deviation of a Gaussian in voxels (of the finest axis).
        low_resolution: factor by which the voxels of a simulated coarser acquisition are larger.
        noise: standard deviation of Gaussian noise, in standard deviations of the image.
        inversion: chance that the image is negated, so that dark objects on light ground become light on dark; for
            data sets that hold both.
        grey: chance that every channel becomes the same random mixture of all, so that colour alone does not tell what
            is an object; for data sets that hold coloured and grey pictures.
    """

    bias_field: Chance = NEVER
    gamma: Chance = NEVER
    gamma_inversion: float = 0.0
    contrast: Chance = NEVER
    brightness: Chance = NEVER
    blur: Chance = NEVER
    low_resolution: Chance = NEVER
    noise: Chance = NEVER
    inversion: float = 0.0
    grey: float = 0.0

    def __post_init__(self) -> None:
        check_probability("inversion", self.inversion)
        check_probability("grey", self.grey)
        check_probability("gamma_inversion", self.gamma_inversion)
        for name, lowest in {"gamma": 1e-3, "contrast": 0.0, "low_resolution": 1.0}.items():
            chance: Chance = getattr(self, name)
            if chance.probability:
                check_range(name, (chance.low, chance.high), lowest=lowest)
        for name in ("bias_field", "blur", "noise"):
            check_range(name, (getattr(self, name).low, getattr(self, name).high), lowest=0.0)


@dataclass(frozen=True, eq=False)
class Intensity:
    """One drawn set of intensity changes; `None` = skipped. Lists hold one value per channel.

    Attributes:
        bias: `(3, 3)` or `(3, 3, 3)` values of the field's logarithm, cubic in between.
        gamma: exponents; negative = applied to the inverted patch.
        contrast, brightness: factor about the mean, and addition.
        blur, low_resolution: Gaussian standard deviation in voxels and reduction factor, per spatial axis.
        noise, noise_seed: standard deviation, and the seed of the pattern.
        inversion: True = negated; None = not.
        grey: share of each channel in the mixture that takes the place of all.
    """

    bias: NDArray[np.float64] | None = None
    gamma: tuple[float, ...] | None = None
    contrast: tuple[float, ...] | None = None
    brightness: tuple[float, ...] | None = None
    blur: tuple[float, ...] | None = None
    low_resolution: tuple[float, ...] | None = None
    noise: float | None = None
    noise_seed: int = 0
    inversion: bool | None = None
    grey: tuple[float, ...] | None = None

    @property
    def drawn(self) -> tuple[str, ...]:
        """Names of the steps that were not skipped."""
        return tuple(f.name for f in fields(self) if f.name != "noise_seed" and getattr(self, f.name) is not None)


def sample_intensity(
    config: IntensityConfig, *, channels: int, spacing: Sequence[float], generator: np.random.Generator
) -> Intensity:
    """Draw one set of intensity changes for a patch with `channels` channels and `spacing` in mm per array axis.

    >>> generator = np.random.default_rng(0)
    >>> drawn = sample_intensity(IntensityConfig(), channels=1, spacing=(1.0, 1.0), generator=generator)
    >>> change_intensity(drawn, torch.ones(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """
    ndim = len(spacing)
    strength = config.bias_field.draw(generator)
    bias = None if strength is None else generator.normal(0.0, strength, (BIAS_KNOTS,) * ndim)
    gamma = _per_channel(config.gamma, channels, generator=generator)
    if gamma is not None and generator.random() < config.gamma_inversion:
        gamma = tuple(-value for value in gamma)
    blur = config.blur.draw(generator)
    factor = config.low_resolution.draw(generator)
    fine = [min(spacing) / step for step in spacing]  # coarse axes are blurred less, and lose no more resolution
    return Intensity(
        bias=bias,
        gamma=gamma,
        contrast=_per_channel(config.contrast, channels, generator=generator),
        brightness=_per_channel(config.brightness, channels, generator=generator),
        blur=None if blur is None else tuple(blur * share for share in fine),
        low_resolution=None if factor is None else _coarse_axes(factor, fine, generator=generator),
        noise=config.noise.draw(generator),
        noise_seed=int(generator.integers(2**62)),
        inversion=True if generator.random() < config.inversion else None,
        grey=_mixture(channels, generator) if config.grey and generator.random() < config.grey else None,
    )


def _mixture(channels: int, generator: np.random.Generator) -> tuple[float, ...]:
    """Shares of the channels, drawn evenly from all that are not negative and sum to 1."""
    return tuple(float(share) for share in generator.dirichlet(np.ones(channels)))


def _per_channel(chance: Chance, channels: int, *, generator: np.random.Generator) -> tuple[float, ...] | None:
    drawn = generator.uniform(chance.low, chance.high, channels)
    return tuple(float(v) for v in drawn) if generator.random() < chance.probability else None


def _coarse_axes(factor: float, fine: Sequence[float], *, generator: np.random.Generator) -> tuple[float, ...]:
    """Half of the time every axis gets coarser, otherwise one (thick slices); never beyond `factor` of the finest."""
    only = int(generator.integers(2 * len(fine)))  # 0 ... ndim - 1: that axis alone
    return tuple(
        max(1.0, factor * share) if only >= len(fine) or only == axis else 1.0 for axis, share in enumerate(fine)
    )


def change_intensity(drawn: Intensity, image: Tensor) -> Tensor:
    """Apply the drawn changes to a float `(C, *spatial)` patch; returns a new tensor on the same device.

    A constant patch stays constant through contrast and gamma (there is nothing to stretch).

    >>> drawn = sample_intensity(IntensityConfig(), channels=1, spacing=(1.0, 1.0), generator=np.random.default_rng(0))
    >>> change_intensity(drawn, torch.full((1, 2, 2), 3.0)).tolist()
    [[[3.0, 3.0], [3.0, 3.0]]]
    """
    ndim = image.ndim - 1
    if drawn.grey is not None:
        image = torch.einsum("c,c...->...", image.new_tensor(drawn.grey), image).expand_as(image)
    if drawn.inversion:
        image = -image
    if drawn.bias is not None:
        image = _bias(image, drawn.bias)
    if drawn.gamma is not None:
        image = torch.stack([_gamma(channel, value) for channel, value in zip(image, drawn.gamma, strict=True)])
    if drawn.contrast is not None or drawn.brightness is not None:
        image = _linear(image, drawn.contrast, brightness=drawn.brightness)
    if drawn.blur is not None or drawn.low_resolution is not None:
        blur, factor = drawn.blur or (0.0,) * ndim, drawn.low_resolution or (1.0,) * ndim
        image = along_axes(
            image,
            [
                low_pass_matrix(n, s, factor=f) if s > 0 or f > 1 else None
                for n, s, f in zip(image.shape[1:], blur, factor, strict=True)
            ],
        )
    if drawn.noise is not None:
        generator = torch.Generator(image.device).manual_seed(drawn.noise_seed)
        pattern = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
        image = torch.add(image, pattern, alpha=drawn.noise)
    return image


def _bias(image: Tensor, knots: NDArray[np.float64]) -> Tensor:
    """Multiply by exp(field), measured from each channel's minimum, so that what is black stays black."""
    size = image.shape[1:]
    coarse = torch.tensor(knots, dtype=image.dtype, device=image.device)
    field = along_axes(coarse, [spline_matrix(n, k) for n, k in zip(size, knots.shape, strict=True)]).exp_()
    floor = image.flatten(1).amin(1).view(-1, *(1,) * len(size))
    return torch.addcmul(floor, image - floor, field)


def _gamma(channel: Tensor, exponent: float) -> Tensor:
    """Power of the channel rescaled to 0...1 (negative: of its inverse); mean and standard deviation are restored."""
    low, high = torch.aminmax(channel)
    span = (high - low).clamp_min(1e-6)
    unit = (high - channel) / span if exponent < 0 else (channel - low) / span
    curved = unit.pow_(abs(exponent))
    if exponent < 0:
        curved = 1 - curved
    std, mean = _moments(channel)
    new_std, new_mean = _moments(curved)
    factor = std / new_std.clamp_min(1e-6)
    return torch.addcmul(mean - new_mean * factor, curved, factor)


def _moments(channel: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean; by two sums, four times as fast as `torch.std_mean` on a processor."""
    mean = channel.mean()
    centred = (channel - mean).flatten()
    return (torch.dot(centred, centred) / centred.numel()).sqrt(), mean


def _linear(image: Tensor, contrast: tuple[float, ...] | None, *, brightness: tuple[float, ...] | None) -> Tensor:
    """`mean + contrast * (image - mean) + brightness`, per channel, in one pass."""
    shape = (-1, *(1,) * (image.ndim - 1))
    shift = image.new_zeros(len(image)) if brightness is None else image.new_tensor(brightness)
    if contrast is None:
        return image + shift.view(shape)
    factor = image.new_tensor(contrast)
    shift = shift + image.flatten(1).mean(1) * (1 - factor)
    return torch.addcmul(shift.view(shape), image, factor.view(shape))
