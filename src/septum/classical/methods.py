"""Every classical method, in one table: what it is called, what it does, what it can be told, what runs it.

The insight: the command line's list, the check of options, the documentation and the grid of `--suggest` all say what a
method can do, and they agree for ever only when they are read from one place. A method that is not in `METHODS` does
not exist for the user; an option that is not in its row is refused with the nearest name.

A row's function takes the array first. `stage` says which array and what comes back:

* `"image"`: an image goes in and comes out (smoothing, bias field, choice of a channel);
* `"segment"`: an image goes in, a mask or label map comes out;
* `"clean"`: a mask or label map goes in and comes out.

`given` names the keyword arguments beside the options that the caller must hand over: `"spacing"` (mm per axis),
`"seeds"` (`(N, ndim)` voxel coordinates or a mask), `"markers"` (label map), `"other"` (a mask), `"names"` (of the
channels).
"""

from __future__ import annotations

from functools import partial

from septum.classical import cleanup, smooth, threshold
from septum.classical.adjacency import CONNECTIVITY
from septum.classical.methods_regions import REGIONS, SPLITTING
from septum.errors import ConfigError
from septum.options import Method, Option, nearest

SIDE = Option("side", "choice", "bright", "which side of the threshold is the object", choices=("bright", "dark"))
BOTH = Option(**{**vars(SIDE), "suggest": ("bright", "dark")})
ANY_SIDE = Option(
    "side",
    "choice",
    "bright",
    "which side of the threshold is the object; rarer: the smaller one",
    choices=("bright", "dark", "rarer"),
    suggest=("bright", "dark", "rarer"),
)
BINS = Option("bins", "integer", 256, "bins of the histogram", low=2, high=65536)
NEIGHBOURS = Option("connectivity", "choice", "full", "neighbours: corners too, or faces only", choices=CONNECTIVITY)
RADIUS = Option("radius_mm", "number", 1.0, "radius of the ball", low=0, unit="mm")
SIGMA = Option("sigma_mm", "number", 1.0, "standard deviation", low=0, unit="mm")
WINDOW = Option("radius_mm", "number", 15.0, "half-width of the window", low=0, unit="mm", suggest=(7.0, 15.0, 40.0))

_OWN = "own code on one histogram"
_SKIMAGE = "scikit-image on one histogram"
_AUTOMATIC = (
    ("huang", "least fuzziness (Huang 1995)", _OWN),
    ("intermodes", "half way between the two peaks of the histogram", _OWN),
    ("isodata", "half way between the means of both classes (Ridler 1978)", _SKIMAGE),
    ("kittler-illingworth", "least error of two normal distributions (Kittler 1986)", _OWN),
    ("li", "least cross entropy (Li 1993)", _OWN),
    ("maximum-entropy", "largest entropy of both classes (Kapur 1985)", _OWN),
    ("minimum", "the valley between the two peaks of the histogram", _OWN),
    ("moments", "keeps three moments of the image (Tsai 1985)", _OWN),
    ("otsu", "largest variance between the classes (Otsu 1979)", _SKIMAGE),
    ("renyi-entropy", "three entropies combined (Sahoo 1997)", _OWN),
    ("shanbhag", "equal information in both classes (Shanbhag 1994)", _OWN),
    ("triangle", "farthest from the line from peak to tail (Zack 1977)", _OWN),
    ("yen", "largest entropic correlation (Yen 1995)", _SKIMAGE),
)


def _side(default: str) -> Option:
    return Option(**{**vars(BOTH), "default": default})


def _sauvola_options(k: float, *more: Option) -> tuple[Option, ...]:
    strength = Option("k", "number", k, "weight of the local contrast", low=-5, high=5, suggest=(0.1, k))
    return (WINDOW, strength, *more, _side("dark"))


IMAGE_STEPS = (
    Method(
        "channel",
        smooth.channel,
        "image",
        "one channel, or a mixture of them",
        "numpy",
        (Option("use", "text", "grey", "name or number of a channel, grey, mean, saturation or value"),),
        given=("names",),
        channels="any",
    ),
    Method("gaussian", smooth.gaussian, "image", "Gaussian smoothing", "OpenCV", (SIGMA,), given=("spacing",)),
    Method(
        "median",
        smooth.median,
        "image",
        "median of a box",
        "OpenCV, SimpleITK",
        (Option("radius_mm", "number", 1.0, "half-width of the box", low=0, unit="mm"),),
        given=("spacing",),
    ),
    Method(
        "bilateral",
        smooth.bilateral,
        "image",
        "smoothing that keeps edges; slow on volumes",
        "OpenCV, SimpleITK",
        (
            Option("sigma_mm", "number", 1.5, "standard deviation in space", low=0.01, unit="mm"),
            Option("contrast", "number", 0.1, "deviation in intensity, as share of the range", low=0.001, high=10),
        ),
        given=("spacing",),
    ),
    Method(
        "diffusion",
        smooth.diffusion,
        "image",
        "anisotropic diffusion: smooths within regions",
        "SimpleITK",
        (
            Option("iterations", "integer", 5, "steps", low=1, high=1000),
            Option("conductance", "number", 1.0, "higher smooths across stronger edges", low=0.01),
            Option("kind", "choice", "gradient", "which equation", choices=("gradient", "curvature")),
        ),
        given=("spacing",),
    ),
    Method(
        "bias-correct",
        smooth.bias_correct,
        "image",
        "N4 correction of shading (MR bias field)",
        "SimpleITK",
        (
            Option("iterations", "integer", 50, "at most so many per resolution", low=1, high=1000),
            Option(
                "working_mm", "number", 4.0, "distance of the samples that the field is fitted to", low=0.001, unit="mm"
            ),
        ),
        given=("spacing",),
    ),
    Method(
        "ridges",
        smooth.ridges,
        "image",
        "response to lines and tubes: vessels, fibres, membranes",
        "scikit-image",
        (
            Option("sigmas_mm", "numbers", (1.0, 2.0, 3.0), "half-widths of the lines", low=0.01, unit="mm"),
            Option("side", "choice", "dark", "dark or bright lines", choices=("dark", "bright")),
        ),
        given=("spacing",),
    ),
    Method(
        "subtract-background",
        smooth.subtract_background,
        "image",
        "top hat: what is narrower than a box",
        "OpenCV",
        (
            Option("radius_mm", "number", 20.0, "half-width of the box", low=0.001, unit="mm"),
            Option("side", "choice", "bright", "bright or dark objects", choices=("bright", "dark")),
        ),
        given=("spacing",),
    ),
)

THRESHOLDS = (
    Method(
        "manual",
        threshold.manual,
        "segment",
        "intensities from low to high",
        "numpy",
        (
            Option("low", "number", None, "smallest intensity; none: no lower end"),
            Option("high", "number", None, "largest intensity; none: no upper end"),
        ),
    ),
    *(
        Method(
            name, partial(threshold.automatic, method=name), "segment", what, library, (ANY_SIDE, BINS), suggest=True
        )
        for name, what, library in _AUTOMATIC
    ),
    Method(
        "multi-otsu",
        threshold.multi_otsu,
        "segment",
        "several classes of largest variance between them",
        "own dynamic programming on one histogram",
        (Option("classes", "integer", 3, "classes, the darkest is 0", low=2, high=255, suggest=(3, 4, 5)), BINS),
        result="classes",
        suggest=True,
    ),
    Method(
        "hysteresis",
        threshold.hysteresis,
        "segment",
        "beyond a weak threshold and connected with a strong one",
        "connected-components-3d",
        (
            Option("low", "number", None, "lower intensity; none: three-class Otsu"),
            Option("high", "number", None, "upper intensity; none: three-class Otsu"),
            BOTH,
            BINS,
        ),
        suggest=True,
    ),
    Method(
        "local-mean",
        threshold.local_mean,
        "segment",
        "above the mean of a window",
        "OpenCV",
        (
            WINDOW,
            Option("offset", "number", 0.0, "share of the range to stand out by", low=-1, high=1, suggest=(0.0, 0.03)),
            BOTH,
        ),
        given=("spacing",),
        suggest=True,
    ),
    Method(
        "local-gaussian",
        threshold.local_gaussian,
        "segment",
        "above the Gaussian mean of the surroundings",
        "OpenCV",
        (
            Option("sigma_mm", "number", 8.0, "standard deviation", low=0.01, unit="mm", suggest=(4.0, 8.0, 20.0)),
            Option("offset", "number", 0.0, "share of the range to stand out by", low=-1, high=1, suggest=(0.0, 0.03)),
            BOTH,
        ),
        given=("spacing",),
        suggest=True,
    ),
    Method(
        "niblack",
        threshold.niblack,
        "segment",
        "above mean and deviation of a window (Niblack 1986)",
        "OpenCV",
        (
            WINDOW,
            Option("k", "number", 0.2, "deviations above the mean", low=-5, high=5, suggest=(0.2, 0.6)),
            BOTH,
        ),
        given=("spacing",),
        suggest=True,
    ),
    Method(
        "sauvola",
        threshold.sauvola,
        "segment",
        "local threshold for dark structures (Sauvola 2000)",
        "OpenCV",
        _sauvola_options(0.2),
        given=("spacing",),
        suggest=True,
    ),
    Method(
        "phansalkar",
        threshold.phansalkar,
        "segment",
        "local threshold for little contrast (Phansalkar 2011)",
        "OpenCV",
        _sauvola_options(
            0.25,
            Option("p", "number", 3.0, "weight of dark surroundings", low=0),
            Option("q", "number", 10.0, "how fast that weight falls with brightness", low=0),
        ),
        given=("spacing",),
        suggest=True,
    ),
)

CLEANUP = (
    Method(
        "keep-largest",
        cleanup.keep_largest,
        "clean",
        "the largest components of each label",
        "connected-components-3d",
        (Option("count", "integer", 1, "how many", low=1), NEIGHBOURS),
    ),
    Method(
        "remove-small",
        cleanup.remove_small,
        "clean",
        "components from a size on",
        "connected-components-3d",
        (
            Option("minimum_size", "number", 10.0, "smallest component that stays", low=0, unit="mm³ (mm² in 2-D)"),
            NEIGHBOURS,
        ),
        given=("spacing",),
    ),
    Method(
        "keep-touching",
        cleanup.keep_touching,
        "clean",
        "components that hold a seed",
        "connected-components-3d",
        (NEIGHBOURS,),
        given=("seeds",),
        needs=("seeds",),
    ),
    Method(
        "fill-holes",
        cleanup.fill_holes,
        "clean",
        "background that a label encloses",
        "fill-voids",
        (
            Option("per_slice", "flag", False, "fill each plane of the first axis for itself"),
            Option("maximum_size", "number", None, "largest hole to fill; none: all", low=0, unit="mm³ (mm² in 2-D)"),
        ),
        given=("spacing",),
    ),
    Method(
        "smooth-median",
        cleanup.smooth_median,
        "clean",
        "majority of the ball around each sample",
        "numpy, scipy",
        (RADIUS,),
        given=("spacing",),
    ),
    Method(
        "opening",
        cleanup.opening,
        "clean",
        "removes parts thinner than a ball",
        "OpenCV, edt",
        (RADIUS,),
        given=("spacing",),
    ),
    Method(
        "closing",
        cleanup.closing,
        "clean",
        "closes gaps thinner than a ball",
        "OpenCV, edt",
        (RADIUS,),
        given=("spacing",),
    ),
    Method(
        "smooth-gaussian",
        cleanup.smooth_gaussian,
        "clean",
        "each label blurred and cut at one half",
        "OpenCV",
        (SIGMA,),
        given=("spacing",),
    ),
    Method(
        "smooth-joint",
        cleanup.smooth_joint,
        "clean",
        "all labels blurred together, without gaps",
        "OpenCV",
        (SIGMA,),
        given=("spacing",),
    ),
    Method(
        "margin",
        cleanup.margin,
        "clean",
        "grows the labels, or shrinks them (negative)",
        "OpenCV, edt, scipy",
        (Option("distance_mm", "number", 1.0, "how far; negative shrinks", unit="mm"),),
        given=("spacing",),
    ),
    Method(
        "hollow",
        cleanup.hollow,
        "clean",
        "a shell along the surface",
        "OpenCV, edt, scipy",
        (
            Option("thickness_mm", "number", 2.0, "of the shell", low=0.001, unit="mm"),
            Option("side", "choice", "inside", "of the surface", choices=("inside", "outside", "both")),
        ),
        given=("spacing",),
    ),
    Method(
        "combine",
        cleanup.combine,
        "clean",
        "with the mask of an earlier step",
        "numpy",
        (
            Option(
                "operation",
                "choice",
                "union",
                "of both masks",
                choices=("union", "intersection", "subtract", "difference"),
            ),
        ),
        given=("other",),
        needs=("other",),
    ),
    Method("invert", cleanup.invert, "clean", "the background becomes the mask", "numpy"),
    Method(
        "assign",
        cleanup.assign,
        "clean",
        "label i becomes the i-th value",
        "numpy",
        (Option("values", "numbers", (0.0, 1.0), "new value of label 0, 1, 2 …", low=0),),
    ),
    Method(
        "to-mask",
        cleanup.to_mask,
        "clean",
        "some labels as one mask",
        "numpy",
        (Option("values", "numbers", None, "labels that count; none: all", low=0),),
    ),
)

METHODS: tuple[Method, ...] = (*IMAGE_STEPS, *THRESHOLDS, *REGIONS, *CLEANUP, *SPLITTING)
"""All of them, in the order in which `septum segment --list-methods` shows them."""


def find_method(name: str, *, stage: str | None = None) -> Method:
    """The method of this name; `ConfigError` with the nearest one when there is none, or it is of another stage.

    >>> find_method("otsu").name
    'otsu'
    """
    table = {method.name: method for method in METHODS}
    if name not in table:
        known = [method.name for method in METHODS if stage in (None, method.stage)]
        raise ConfigError(f"method must be a known one, got {name!r}; {nearest(name, known)}")
    method = table[name]
    if stage is not None and method.stage != stage:
        purpose = {"image": "prepares an image", "segment": "segments an image", "clean": "mends a mask"}
        typed = {"image": "--smooth {}", "segment": "--method {}", "clean": "--clean {}"}[method.stage].format(name)
        if stage == "segment":
            typed = f"--method otsu {typed}"
        raise ConfigError(
            f"{name} {purpose[method.stage]}, and a method that {purpose[stage]} was expected; type {typed}"
        )
    return method
