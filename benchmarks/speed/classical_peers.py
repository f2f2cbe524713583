"""What other libraries do for each method of `septum.classical`: the same job, from an array to an array.

The insight: a peer that answers another question faster is no peer. Every function here takes the array that Septum's
takes and gives the same kind of result with the same settings; conversions to and from a library's own image count, for
whoever has an array pays for them too. A method that is not listed has no peer; `NO_PEER` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, graph, measure, morphology, restoration, segmentation
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

Array = NDArray[Any]
Peer = Callable[[Array], Any]
LEVEL, HIGH_LEVEL = 2000.0, 2600.0
SIZE = 10

# Options with which Septum runs where the defaults are not what the peers do.
OPTIONS: dict[str, dict[str, Any]] = {
    "manual": {"low": LEVEL},
    "hysteresis": {"low": LEVEL, "high": HIGH_LEVEL},
    "median": {"radius_mm": 1.0},
    "connected-threshold": {"low": LEVEL},
    "neighbourhood-connected": {"low": LEVEL},
    "opening": {"radius_mm": 3.0},
    "closing": {"radius_mm": 3.0},
    "margin": {"distance_mm": 3.0},
    "hollow": {"thickness_mm": 3.0},
    "remove-small": {"minimum_size": 100.0},
    "local-mean": {"radius_mm": 15.0},
    "split-touching": {"depth_mm": 1.0},
}
NO_PEER = {
    "channel": "an index into an array",
    "split-and-merge": "no library has it",
    "fuzzy-c-means": "scikit-image, SimpleITK, OpenCV and scikit-learn have none",
    "smooth-joint": "no library smooths labels together",
    "phansalkar": "scikit-image, SimpleITK and OpenCV have none",
    "assign": "a look-up table of numpy",
    "to-mask": "a comparison of numpy",
}


def given(array: Array) -> Any:
    return SimpleITK.GetImageFromArray(array.view(np.uint8) if array.dtype == bool else array)


def taken(image: Any) -> Array:
    return SimpleITK.GetArrayFromImage(image)


def itk(run: Callable[..., Any], *args: Any, **options: Any) -> Peer:
    """A SimpleITK filter as a function of an array."""
    return lambda array: taken(run(given(array), *args, **options))


def seed(array: Array) -> list[int]:
    return [int(v) for v in np.unravel_index(int(array.argmax()), array.shape)]


def xyz(array: Array) -> list[list[int]]:
    return [seed(array)[::-1]]


def ball(ndim: int, radius: int) -> Array:
    return morphology.disk(radius) if ndim == 2 else morphology.ball(radius)


def float_itk(array: Array) -> Any:
    return given(array.astype(np.float32))


def _scikit_threshold(name: str) -> dict[str, Peer]:
    return {"scikit-image": lambda a: a >= getattr(filters, f"threshold_{name}")(a)}


def _itk_threshold(name: str) -> dict[str, Peer]:
    run = getattr(SimpleITK, f"{name}Threshold")
    return {"SimpleITK": itk(run, 0, 1, 256)}


def _otsu_opencv(array: Array) -> Array:
    return cv2.threshold(array, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]


def _local(array: Array, threshold: Callable[..., Array]) -> Array:
    return array > threshold(array, 31)


def _slope(array: Array) -> Any:
    return SimpleITK.GradientMagnitudeRecursiveGaussian(float_itk(array), 1.0)


def _smooth_edges(array: Array) -> Array:
    return filters.sobel(ndimage.gaussian_filter(array.astype(np.float32), 1.0))


def _watershed_scikit(array: Array) -> Array:
    slope = _smooth_edges(array)
    markers = measure.label(morphology.h_minima(slope, 0.05 * float(np.ptp(slope))), connectivity=1)
    return segmentation.watershed(slope, markers)


def _watershed_itk(level: float) -> Peer:
    def run(array: Array) -> Array:
        slope = _slope(array)
        extent = SimpleITK.MinimumMaximum(slope)
        return taken(SimpleITK.MorphologicalWatershed(slope, level * (extent[1] - extent[0]), False, False))

    return run


def _compact_scikit(array: Array) -> Array:
    slope = _smooth_edges(array)
    slope /= slope.max()
    return segmentation.watershed(slope, int(np.prod([n // SIZE for n in array.shape])), compactness=0.01)


def _split_scikit(mask: Array) -> Array:
    distance = ndimage.distance_transform_edt(mask)
    markers = measure.label(morphology.h_maxima(distance, 1.0), connectivity=1)
    return segmentation.watershed(-distance, markers, mask=mask)


def _split_itk(mask: Array) -> Array:
    distance = SimpleITK.SignedMaurerDistanceMap(given(mask), True, False, False)
    return taken(SimpleITK.MorphologicalWatershed(distance, 1.0, False, False)) * mask


def _march_itk(array: Array) -> Array:
    slope = _slope(array)
    mean = SimpleITK.GetArrayViewFromImage(slope).mean(dtype=np.float64)
    speed = SimpleITK.BoundedReciprocal(SimpleITK.Square(slope / float(mean)))
    return taken(SimpleITK.FastMarching(speed, xyz(array), 1.0, 20.0) <= 20.0)


def _slic_scikit(array: Array) -> Array:
    cells = int(np.prod([n / SIZE for n in array.shape]))
    scaled = array / array.std()
    return segmentation.slic(scaled, cells, compactness=0.5, max_num_iter=5, channel_axis=None, start_label=1)


def _slic_itk(array: Array) -> Array:
    scaled = (array / array.std()).astype(np.float32)
    return taken(SimpleITK.SLIC(given(scaled), [SIZE] * array.ndim, 0.5, 5, True, True))


def _merged_scikit(array: Array) -> Array:
    labels = _slic_scikit(array)
    channels = np.stack([array / array.std()] * 3, axis=-1)
    return graph.cut_threshold(labels, graph.rag_mean_color(channels, labels), 0.5 * np.sqrt(3))


def _felzenszwalb(array: Array) -> Array:
    scaled = array / array.std() / 4
    return segmentation.felzenszwalb(scaled, scale=100, sigma=1.0, min_size=20)


def _kmeans_opencv(array: Array) -> Array:
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-3)
    return cv2.kmeans(array.reshape(-1, 1).astype(np.float32), 3, None, criteria, 1, cv2.KMEANS_PP_CENTERS)[1]


def _largest_scipy(mask: Array) -> Array:
    labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, mask.ndim))
    size = np.bincount(labels.ravel())
    size[0] = 0
    return labels == size.argmax()


def _largest_itk(mask: Array) -> Array:
    return taken(SimpleITK.RelabelComponent(SimpleITK.ConnectedComponent(given(mask), True))) == 1


def _largest_opencv(mask: Array) -> Array:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()


def _small_itk(mask: Array) -> Array:
    parts = SimpleITK.ConnectedComponent(given(mask), True)
    return taken(SimpleITK.RelabelComponent(parts, minimumObjectSize=100)) > 0


def _touching_scipy(mask: Array) -> Array:
    labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, mask.ndim))
    return labels == labels[tuple(seed(mask))]


def _touching_itk(mask: Array) -> Array:
    return taken(SimpleITK.ConnectedThreshold(given(mask), xyz(mask), 1, 1, 1, 1))


def _bias_itk(array: Array) -> Array:
    image = float_itk(array)
    small = SimpleITK.Shrink(image, [4] * array.ndim)
    run = SimpleITK.N4BiasFieldCorrectionImageFilter()
    run.Execute(small, SimpleITK.OtsuThreshold(small, 0, 1))
    return taken(image / SimpleITK.Exp(run.GetLogBiasFieldAsImage(image)))


def _background_scipy(array: Array) -> Array:
    return array - ndimage.grey_opening(array, 41)


def _morphology(itk_run: Any, scikit_run: Any, cv_code: int) -> dict[str, Peer]:
    return {
        "SimpleITK": lambda m: taken(itk_run(given(m), [3] * m.ndim, SimpleITK.sitkBall)),
        "scikit-image": lambda m: scikit_run(m, 3),
        "OpenCV (2-D)": lambda m: cv2.morphologyEx(m.view(np.uint8), cv_code, morphology.disk(3)),
    }


PEERS: dict[str, dict[str, Peer]] = {
    "gaussian": {
        "SimpleITK": lambda a: taken(SimpleITK.SmoothingRecursiveGaussian(float_itk(a), 1.0)),
        "scikit-image": lambda a: filters.gaussian(a, 1.0, preserve_range=True),
        "OpenCV (2-D)": lambda a: cv2.GaussianBlur(a.astype(np.float32), (0, 0), 1.0),
    },
    "median": {
        "SimpleITK": lambda a: taken(SimpleITK.Median(given(a), [1] * a.ndim)),
        "scipy": lambda a: ndimage.median_filter(a, 3),
        "OpenCV (2-D)": lambda a: cv2.medianBlur(a, 3).astype(np.float32),
    },
    "bilateral": {
        "SimpleITK": lambda a: taken(SimpleITK.Bilateral(float_itk(a), 1.5, 0.1 * float(np.ptp(a)))),
        "scikit-image (2-D)": lambda a: restoration.denoise_bilateral(a / float(np.ptp(a)), None, 0.1, 1.5),
        "OpenCV (2-D)": lambda a: cv2.bilateralFilter(a.astype(np.float32), 9, 0.1 * float(np.ptp(a)), 1.5),
    },
    "diffusion": {
        "SimpleITK": lambda a: taken(SimpleITK.GradientAnisotropicDiffusion(float_itk(a), 0.5 / 2**a.ndim, 1.0, 1, 5))
    },
    "bias-correct": {"SimpleITK": _bias_itk},
    "ridges": {"scikit-image": lambda a: filters.sato(a.astype(np.float32), (1, 2, 3), black_ridges=True)},
    "subtract-background": {
        "scipy": _background_scipy,
        "scikit-image (2-D)": lambda a: a - restoration.rolling_ball(a, radius=20),
        "OpenCV (2-D)": lambda a: cv2.morphologyEx(a, cv2.MORPH_TOPHAT, np.ones((41, 41), np.uint8)).astype(np.float32),
    },
    "manual": {
        "SimpleITK": itk(SimpleITK.BinaryThreshold, LEVEL, 1e9, 1, 0),
        "OpenCV (2-D)": lambda a: cv2.threshold(a, LEVEL, 1, cv2.THRESH_BINARY)[1],
    },
    "huang": _itk_threshold("Huang"),
    "intermodes": _itk_threshold("Intermodes"),
    "isodata": {**_itk_threshold("IsoData"), **_scikit_threshold("isodata")},
    "kittler-illingworth": _itk_threshold("KittlerIllingworth"),
    "li": {**_itk_threshold("Li"), **_scikit_threshold("li")},
    "maximum-entropy": _itk_threshold("MaximumEntropy"),
    "minimum": _scikit_threshold("minimum"),
    "moments": _itk_threshold("Moments"),
    "otsu": {**_itk_threshold("Otsu"), **_scikit_threshold("otsu"), "OpenCV (2-D)": _otsu_opencv},
    "renyi-entropy": _itk_threshold("RenyiEntropy"),
    "shanbhag": _itk_threshold("Shanbhag"),
    "triangle": {**_itk_threshold("Triangle"), **_scikit_threshold("triangle")},
    "yen": {**_itk_threshold("Yen"), **_scikit_threshold("yen")},
    "multi-otsu": {
        "scikit-image": lambda a: np.digitize(a, filters.threshold_multiotsu(a, 3)),
        "SimpleITK": itk(SimpleITK.OtsuMultipleThresholds, 2, 0, 256),
    },
    "hysteresis": {
        "scikit-image": lambda a: filters.apply_hysteresis_threshold(a, LEVEL, HIGH_LEVEL),
        "SimpleITK": itk(SimpleITK.DoubleThreshold, LEVEL, HIGH_LEVEL, 65535, 65535, 1, 0, True),
    },
    "local-mean": {
        "scikit-image": lambda a: _local(a, lambda i, w: filters.threshold_local(i, w, method="mean")),
        "SimpleITK": lambda a: a > taken(SimpleITK.BoxMean(float_itk(a), [15] * a.ndim)),
        "OpenCV (2-D)": lambda a: a > cv2.boxFilter(a, cv2.CV_32F, (31, 31)),
    },
    "local-gaussian": {
        "SimpleITK": lambda a: a > taken(SimpleITK.SmoothingRecursiveGaussian(float_itk(a), 8.0)),
        "scikit-image": lambda a: a > filters.gaussian(a, 8.0, preserve_range=True),
        "OpenCV (2-D)": lambda a: a > cv2.GaussianBlur(a.astype(np.float32), (0, 0), 8.0),
    },
    "niblack": {"scikit-image": lambda a: _local(a, filters.threshold_niblack)},
    "sauvola": {"scikit-image": lambda a: ~_local(a, filters.threshold_sauvola)},
    "connected-threshold": {
        "SimpleITK": lambda a: taken(SimpleITK.ConnectedThreshold(given(a), xyz(a), LEVEL, 65535)),
        "scikit-image": lambda a: segmentation.flood((a >= LEVEL).view(np.uint8), tuple(seed(a)), connectivity=1),
    },
    "neighbourhood-connected": {
        "SimpleITK": lambda a: taken(SimpleITK.NeighborhoodConnected(given(a), xyz(a), LEVEL, 65535, [1] * a.ndim))
    },
    "confidence-connected": {"SimpleITK": lambda a: taken(SimpleITK.ConfidenceConnected(given(a), xyz(a), 4, 2.5, 1))},
    "fast-marching": {"SimpleITK": _march_itk},
    "superpixels": {"scikit-image": _slic_scikit, "SimpleITK": _slic_itk},
    "merged-superpixels": {"scikit-image": _merged_scikit},
    "felzenszwalb": {"scikit-image": _felzenszwalb},
    "watershed": {"scikit-image": _watershed_scikit, "SimpleITK": _watershed_itk(0.05)},
    "watershed-hierarchical": {"SimpleITK": _watershed_itk(0.1)},
    "watershed-compact": {"scikit-image": _compact_scikit},
    "kmeans": {
        "scikit-learn": lambda a: KMeans(3, n_init=1, random_state=0).fit(a.reshape(-1, 1).astype(np.float32)).labels_,
        "SimpleITK": lambda a: taken(SimpleITK.ScalarImageKmeans(given(a), [1000.0, 2000.0, 3000.0])),
        "OpenCV": _kmeans_opencv,
    },
    "gaussian-mixture": {
        "scikit-learn": lambda a: GaussianMixture(3, random_state=0).fit_predict(a.reshape(-1, 1).astype(np.float32))
    },
    "keep-largest": {"scipy": _largest_scipy, "SimpleITK": _largest_itk, "OpenCV (2-D)": _largest_opencv},
    "remove-small": {
        "scikit-image": lambda m: morphology.remove_small_objects(m, max_size=99, connectivity=m.ndim),
        "SimpleITK": _small_itk,
    },
    "keep-touching": {"scipy": _touching_scipy, "SimpleITK": _touching_itk},
    "fill-holes": {"scipy": ndimage.binary_fill_holes, "SimpleITK": itk(SimpleITK.BinaryFillhole)},
    "smooth-median": {
        "SimpleITK": lambda m: taken(SimpleITK.BinaryMedian(given(m), [1] * m.ndim)),
        "scipy": lambda m: ndimage.median_filter(m, footprint=ball(m.ndim, 1)),
    },
    "opening": _morphology(SimpleITK.BinaryMorphologicalOpening, morphology.isotropic_opening, cv2.MORPH_OPEN),
    "closing": _morphology(SimpleITK.BinaryMorphologicalClosing, morphology.isotropic_closing, cv2.MORPH_CLOSE),
    "smooth-gaussian": {
        "scipy": lambda m: ndimage.gaussian_filter(m.astype(np.float32), 1.0) >= 0.5,
        "SimpleITK": lambda m: taken(SimpleITK.SmoothingRecursiveGaussian(float_itk(m), 1.0)) >= 0.5,
        "OpenCV (2-D)": lambda m: cv2.GaussianBlur(m.astype(np.float32), (0, 0), 1.0) >= 0.5,
    },
    "margin": _morphology(SimpleITK.BinaryDilate, morphology.isotropic_dilation, cv2.MORPH_DILATE),
    "hollow": {
        "SimpleITK": lambda m: m & (taken(SimpleITK.BinaryErode(given(m), [3] * m.ndim, SimpleITK.sitkBall)) == 0),
        "scikit-image": lambda m: m & ~morphology.isotropic_erosion(m, 3),
    },
    "combine": {"SimpleITK": lambda m: taken(SimpleITK.Or(given(m), given(~m)))},
    "invert": {"SimpleITK": itk(SimpleITK.BinaryNot, 1, 0)},
    "split-touching": {"scikit-image": _split_scikit, "SimpleITK": _split_itk},
}
