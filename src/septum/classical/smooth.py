"""What is done to an image before it is divided: bias field, noise, channels. Each a step that a pipeline records.

The insight: a smoothing is given in millimetres, so that one pipeline means the same on thick and on thin slices. All
functions take `spatial` or `(C, *spatial)` arrays as they say, return float32 of the same shape and leave their
argument alone; intensities keep their units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import ArrayLike, NDArray

from septum.classical import filters
from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array, Spacing, channels_image, grey_image, radius_voxels, spacing_mm
from septum.options import at_least, one_of

LUMINANCE = (0.2125, 0.7154, 0.0721)
"""Weights of red, green and blue in the grey value (ITU-R BT.709)."""


def gaussian(image: ArrayLike, *, spacing: Spacing = None, sigma_mm: float = 1.0) -> Float32Array:
    """Gaussian smoothing with standard deviation `sigma_mm`; the image continues with its border values.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        spacing: mm per axis.
        sigma_mm: 0 changes nothing.

    Runs OpenCV's separable filter, in 2-D ten and in 3-D six times as fast as scipy; it sums in single precision.

    >>> spike = np.zeros((9, 9)); spike[4, 4] = 1.0
    >>> round(float(gaussian(spike, sigma_mm=1.0).sum()), 3), round(float(gaussian(spike, sigma_mm=1.0)[4, 4]), 2)
    (1.0, 0.16)
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    at_least(sigma_mm, 0, name="sigma_mm")
    return filters.gaussian(array, [sigma_mm / s for s in step])


def median(image: ArrayLike, *, spacing: Spacing = None, radius_mm: float = 1.0) -> Float32Array:
    """Median of the box that reaches `radius_mm` to either side (in whole voxels; an axis may be left out by a radius
    below half its spacing); borders continue with their values. Runs OpenCV where it has the box (planes: 3 or 5 voxels
    wide, any width for 8 bits), a hundred times as fast as scipy; else SimpleITK's `Median`, on every core.

    >>> float(median([[1, 1, 1], [1, 9, 1], [1, 1, 1]]).max())
    1.0
    """
    array = grey_image(image)
    radius = radius_voxels(at_least(radius_mm, 0, name="radius_mm"), spacing_mm(spacing, array.ndim))
    quick = filters.plane_median(array, [2 * r + 1 for r in radius])
    if quick is not None:
        return quick
    return _through_sitk(array, None, run=lambda picture: SimpleITK.Median(picture, radius[::-1]))


def bilateral(
    image: ArrayLike, *, spacing: Spacing = None, sigma_mm: float = 1.5, contrast: float = 0.1
) -> Float32Array:
    """Gaussian smoothing among samples of like intensity: edges stay.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        spacing: mm per axis.
        sigma_mm: standard deviation in space.
        contrast: standard deviation in intensity, as a share of the image's range.

    The weights end at 2.5 standard deviations in space; borders continue with their values. Source: Tomasi & Manduchi
    1998, ICCV, 839. Runs OpenCV on planes of one spacing, ten times as fast as SimpleITK and closer to the formula;
    else SimpleITK's `Bilateral`, slow on volumes (minutes at 256³); `diffusion` does the like in seconds.

    >>> bilateral([[0.0, 0.0, 1.0, 1.0]]).round(3).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    at_least(sigma_mm, 0, name="sigma_mm", above=True)
    at_least(contrast, 0, name="contrast", above=True)
    span = float(array.max()) - float(array.min())
    if span == 0:
        return array.astype(np.float32)
    if array.ndim == 2 and math.isclose(*step, rel_tol=1e-3):
        return filters.plane_bilateral(array, sigma=sigma_mm / step[0], contrast=contrast)
    return _through_sitk(array, step, run=lambda picture: SimpleITK.Bilateral(picture, sigma_mm, contrast * span))


def diffusion(
    image: ArrayLike, *, spacing: Spacing = None, iterations: int = 5, conductance: float = 1.0, kind: str = "gradient"
) -> Float32Array:
    """Anisotropic diffusion: smooths within regions and not across their edges.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        spacing: mm per axis.
        iterations: more smooth more.
        conductance: higher values smooth across stronger edges.
        kind: "gradient" (Perona & Malik 1990, IEEE TPAMI 12:629) or "curvature" (Whitaker & Xue 2001, ICIP, 93).

    The time step is the largest stable one for the spacing. Runs SimpleITK.

    >>> noise = np.random.default_rng(0).normal(size=(16, 16))
    >>> bool(diffusion(noise).std() < noise.std())
    True
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    at_least(iterations, 1, name="iterations")
    at_least(conductance, 0, name="conductance", above=True)
    kinds = {"gradient": SimpleITK.GradientAnisotropicDiffusion, "curvature": SimpleITK.CurvatureAnisotropicDiffusion}
    run = kinds[one_of(kind, tuple(kinds), name="kind")]
    if min(array.shape) < 2:
        return array.astype(np.float32)  # one sample along an axis: ITK needs a neighbour
    pace = 0.99 * min(step) / 2 ** (array.ndim + 1)
    return _through_sitk(array, step, run=lambda picture: run(picture, pace, conductance, 1, int(iterations)))


def bias_correct(
    image: ArrayLike, *, spacing: Spacing = None, iterations: int = 50, working_mm: float = 4.0
) -> Float32Array:
    """The image without its smooth shading (N4), mean intensity kept.

    Args:
        image: `spatial`, 2-D or 3-D, one channel; N4 needs positive values, so the smallest is taken as 0.
        spacing: mm per axis.
        iterations: at most so many at each of four resolutions of the field.
        working_mm: the field is estimated on samples about this far apart; it is smooth, and this saves minutes.

    The object is what Otsu separates from the ground. Source: Tustison et al. 2010, IEEE TMI 29:1310. Runs SimpleITK.

    >>> shade = np.linspace(1.0, 2.0, 32) * np.ones((32, 32))
    >>> bool(bias_correct(shade, working_mm=1.0)[:, 4:-4].std() < shade[:, 4:-4].std())
    True
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    at_least(iterations, 1, name="iterations")
    at_least(working_mm, 0, name="working_mm", above=True)
    low, high = float(array.min()), float(array.max())
    if min(array.shape) < 4 or not high > low:
        return array.astype(np.float32)  # no room for a field
    above = np.subtract(array, low, dtype=np.float32, casting="unsafe")
    above /= np.float32(high - low)
    picture = SimpleITK.GetImageFromArray(above)
    picture.SetSpacing(step[::-1])
    shrink = [max(1, min(round(working_mm / s), n // 4)) for s, n in zip(step, array.shape, strict=True)]
    small = SimpleITK.Shrink(picture, shrink[::-1])
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([int(iterations)] * 4)
    corrector.Execute(small + 1e-3, SimpleITK.OtsuThreshold(small, 0, 1, 200))
    field = corrector.GetLogBiasFieldAsImage(picture)  # named: a view does not keep its picture alive
    relative = SimpleITK.GetArrayViewFromImage(picture)
    corrected: Float32Array = np.negative(SimpleITK.GetArrayViewFromImage(field), dtype=np.float32)
    np.exp(corrected, out=corrected)  # in place: fresh memory for each step takes longer than the arithmetic
    corrected *= relative
    corrected *= float(relative.mean()) / max(float(corrected.mean()), 1e-12) * (high - low)
    corrected += np.float32(low)
    return corrected


def ridges(
    image: ArrayLike, *, spacing: Spacing = None, sigmas_mm: Sequence[float] = (1.0, 2.0, 3.0), side: str = "dark"
) -> Float32Array:
    """How much each sample lies on a line (or, in 3-D, a tube): vessels, fibres, membranes.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        spacing: mm per axis; it must be the same along all axes to within 10 %.
        sigmas_mm: half-widths of the lines that are looked for.
        side: "dark" or "bright" lines.

    The largest response over the scales, 0 where there is none. Source: Sato et al. 1998, Medical Image Analysis 2:143.
    Runs scikit-image.

    >>> image = np.zeros((21, 21)); image[10] = 1.0
    >>> ridges(image, sigmas_mm=(1.0,), side="bright").argmax(axis=0)[5:16].tolist()
    [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
    """
    from skimage.filters import sato

    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    if max(step) > 1.1 * min(step):
        sizes = " × ".join(f"{s:g}" for s in step)
        raise ConfigError(f"spacing must be alike along all axes for ridges, got {sizes} mm; resample the image first")
    sigmas = [at_least(float(s), 0, name="sigmas_mm", above=True) / step[0] for s in sigmas_mm]
    if min(array.shape) < 3:
        return np.zeros(array.shape, np.float32)
    found = sato(
        array.astype(np.float32), sigmas=sigmas, black_ridges=one_of(side, ("dark", "bright"), name="side") == "dark"
    )
    return np.asarray(found, np.float32)


def subtract_background(
    image: ArrayLike, *, spacing: Spacing = None, radius_mm: float = 20.0, side: str = "bright"
) -> Float32Array:
    """The white (`side="dark"`: black) top hat: what is narrower than the box that reaches `radius_mm` to either side.

    Runs OpenCV, axis by axis. Source: Serra 1982, Image Analysis and Mathematical Morphology.

    >>> image = np.full((1, 9), 50.0); image[0, 4] = 60.0
    >>> subtract_background(image, radius_mm=2.0).tolist()
    [[0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]]
    """
    array = grey_image(image)
    radius = radius_voxels(at_least(radius_mm, 0, name="radius_mm", above=True), spacing_mm(spacing, array.ndim))
    size = [2 * r + 1 for r in radius]
    dark = one_of(side, ("bright", "dark"), name="side") == "dark"
    ground = filters.box_extreme(filters.box_extreme(array, size, largest=dark), size, largest=not dark)
    first, second = (ground, array) if dark else (array, ground)
    return np.asarray(np.subtract(first, second, dtype=np.float32, casting="unsafe"))


def channel(image: ArrayLike, *, use: str = "grey", names: Sequence[str] = ()) -> NDArray[Any]:
    """One channel, `spatial`, of an image `(C, *spatial)`.

    Args:
        image: channels first.
        use: the name of a channel, its number from 0, "grey" (luminance of red, green, blue; else the mean),
            "saturation" or "value" (of a colour image), or "mean".
        names: of the channels, where they are known.

    Raises:
        ConfigError: no such channel.

    >>> channel(np.array([[[1, 2]], [[3, 4]]]), use="1").tolist()
    [[3, 4]]
    """
    array = channels_image(image)
    if use in names:
        return np.asarray(array[list(names).index(use)])
    if use.isdigit() and int(use) < len(array):
        return np.asarray(array[int(use)])
    if use in _MIXTURES and (len(array) == 3 or use in ("grey", "mean")):
        return np.asarray(_MIXTURES[use](array))
    mixtures = _MIXTURES if len(array) == 3 else ("grey", "mean")
    known = dict.fromkeys([*names, *map(str, range(len(array))), *mixtures])
    raise ConfigError(
        f"channel must be one of {', '.join(known)}, got {use!r}; `septum info` lists an image's channels"
    )


def _grey(array: NDArray[Any]) -> NDArray[Any]:
    if len(array) == 1:
        return np.asarray(array[0])
    if len(array) != 3:
        return np.asarray(array.mean(axis=0, dtype=np.float32))
    return np.asarray(np.tensordot(np.asarray(LUMINANCE, np.float32), array.astype(np.float32), axes=1))


def _saturation(array: NDArray[Any]) -> NDArray[Any]:
    """(max - min) / max of the colours, 0 for black."""
    top = array.max(axis=0).astype(np.float32)
    return np.asarray((top - array.min(axis=0)) / np.where(top > 0, top, 1), np.float32)


_MIXTURES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "grey": _grey,
    "mean": lambda array: np.asarray(array.mean(axis=0, dtype=np.float32)),
    "saturation": _saturation,
    "value": lambda array: np.asarray(array.max(axis=0)),
}


def _through_sitk(array: NDArray[Any], step: Sequence[float] | None, *, run: Callable[[Any], Any]) -> Float32Array:
    picture = SimpleITK.GetImageFromArray(array.astype(np.float32))
    if step is not None:
        picture.SetSpacing(tuple(step)[::-1])
    return np.asarray(SimpleITK.GetArrayFromImage(run(picture)), np.float32)
