"""The rows of the table of methods that grow, flood, merge and cluster; `methods` says what a row means."""

from __future__ import annotations

from functools import partial

from septum.classical import clustering, growing, hierarchy, regions, watershed
from septum.options import Method, Option

LOW = Option("low", "number", None, "smallest intensity that belongs; none: no limit")
HIGH = Option("high", "number", None, "largest intensity that belongs; none: no limit")
EDGE = Option("sigma_mm", "number", None, "smoothing before; none: the finest spacing", low=0, unit="mm")
LINES = Option("lines", "flag", False, "leave 0 between regions")
ON = Option("on", "choice", "gradient", "what is flooded: edges, bright or dark peaks", choices=watershed.LANDSCAPES)
SIZE = Option("size_mm", "number", 10.0, "length of a cell of the first lattice", low=0.001, unit="mm")
COMPACT = Option("compactness", "number", 0.5, "larger makes rounder regions", low=0.001, high=100)

_SEEDED = ("spacing", "seeds")
_GROWING = (
    Method(
        "connected-threshold",
        growing.connected_threshold,
        "segment",
        "what hangs together with the seeds, between two intensities",
        "connected-components-3d",
        (
            LOW,
            HIGH,
            Option(
                "connectivity", "choice", "faces", "neighbours: corners too, or faces only", choices=("full", "faces")
            ),
        ),
        given=_SEEDED,
        needs=("seeds",),
    ),
    Method(
        "neighbourhood-connected",
        growing.neighbourhood_connected,
        "segment",
        "as connected-threshold, with a whole neighbourhood between the intensities",
        "scipy, connected-components-3d",
        (LOW, HIGH, Option("radius_mm", "number", None, "half-width of the box; none: one voxel", low=0, unit="mm")),
        given=_SEEDED,
        needs=("seeds",),
    ),
    Method(
        "confidence-connected",
        growing.confidence_connected,
        "segment",
        "grows within mean ± deviations of the region itself",
        "SimpleITK",
        (
            Option("multiplier", "number", 2.5, "half-width in standard deviations", low=0.001),
            Option("iterations", "integer", 4, "how often the limits are found again", low=0, high=1000),
            Option("radius", "integer", 1, "half-width of the first boxes, voxels", low=0, high=100),
        ),
        given=_SEEDED,
        needs=("seeds",),
    ),
    Method(
        "fast-marching",
        growing.fast_marching,
        "segment",
        "a front from the seeds that edges slow down",
        "SimpleITK",
        (
            Option("reach_mm", "number", 20.0, "way over flat ground at which to stop", low=0.001, unit="mm"),
            Option("contrast", "number", None, "gradient per mm that halves the speed; none: the mean", low=1e-9),
            EDGE,
        ),
        given=_SEEDED,
        needs=("seeds",),
    ),
)

_REGIONS = (
    Method(
        "split-and-merge",
        regions.split_and_merge,
        "segment",
        "blocks of a quadtree or octree, merged where alike (Horowitz 1976)",
        "own code",
        (
            Option("tolerance", "number", None, "largest deviation in a region; none: half the image's", low=0),
            Option("criterion", "choice", "deviation", "standard deviation or range", choices=regions.CRITERIA),
        ),
        given=("spacing",),
        result="objects",
    ),
    Method(
        "superpixels",
        regions.superpixels,
        "segment",
        "SLIC in physical space (Achanta 2012)",
        "SimpleITK",
        (SIZE, COMPACT, Option("iterations", "integer", 5, "of the clustering", low=1, high=1000)),
        given=("spacing",),
        channels="any",
        result="objects",
    ),
    Method(
        "merged-superpixels",
        regions.merged_superpixels,
        "segment",
        "superpixels merged while neighbours are alike (region adjacency graph)",
        "SimpleITK, own code",
        (SIZE, Option("tolerance", "number", 0.5, "in standard deviations of the image", low=0), COMPACT),
        given=("spacing",),
        channels="any",
        result="objects",
    ),
    Method(
        "felzenszwalb",
        regions.felzenszwalb,
        "segment",
        "graph-based regions (Felzenszwalb 2004)",
        "scikit-image",
        (
            Option("scale", "number", 100.0, "larger gives larger regions", low=0.001),
            EDGE,
            Option("smallest_mm2", "number", 20.0, "smaller regions join a neighbour", low=0, unit="mm²"),
        ),
        given=("spacing",),
        dimensions=(2,),
        channels="any",
        result="objects",
    ),
)

_DEPTH = Option("depth", "number", 0.05, "how deep a minimum must be, as share of the range", low=0, high=1)
_WATERSHEDS = (
    Method(
        "watershed",
        watershed.watershed,
        "segment",
        "floods edges, bright or dark peaks from markers or from deep minima",
        "SimpleITK",
        (ON, _DEPTH, EDGE, LINES),
        given=("spacing", "markers"),
        result="objects",
    ),
    Method(
        "watershed-hierarchical",
        hierarchy.hierarchical_watershed,
        "segment",
        "all basins, joined up to a flooding level",
        "SimpleITK, scipy",
        (
            Option("level", "number", 0.1, "depth up to which basins are drowned, share of the range", low=0, high=1),
            ON,
            EDGE,
            LINES,
        ),
        given=("spacing",),
        result="objects",
    ),
    Method(
        "watershed-compact",
        watershed.compact_watershed,
        "segment",
        "superpixels by flooding from a lattice (Neubert 2014)",
        "scikit-image, own code",
        (
            SIZE,
            Option(
                "compactness", "number", 0.01, "what the finest spacing counts, as share of the largest edge", low=0
            ),
            EDGE,
            LINES,
        ),
        given=("spacing",),
        result="objects",
    ),
)

_CLASSES = Option(
    "classes", "integer", 3, "number of classes; 0: chosen by the data", low=0, high=64, suggest=(2, 3, 4)
)
# Many narrow classes, of which the annotated images say which are the object, make a window of intensities.
_MANY_CLASSES = Option(**{**vars(_CLASSES), "suggest": (2, 3, 4, 16)})
_CLUSTERING = tuple(
    Method(
        name,
        partial(clustering.cluster, kind=kind),
        "segment",
        what,
        library,
        (
            _MANY_CLASSES if name == "kmeans" else _CLASSES,
            Option("most", "integer", 8, "the most classes that the data may choose", low=2, high=64),
            Option("smoothed_mm", "numbers", None, "Gaussians whose results are features too", low=0.001, unit="mm"),
            Option("position", "number", 0.0, "weight of the position as a feature", low=0),
            Option("regularity", "number", 0.0, "strength of the Markov random field", low=0, suggest=(0.0, 0.5)),
            Option("seed", "integer", 0, "of the sample of voxels", low=0),
        ),
        given=("spacing",),
        channels="any",
        result="classes",
        suggest=name != "fuzzy-c-means",
    )
    for name, kind, what, library in (
        ("kmeans", "kmeans", "k-means of intensities or features, dark to bright", "own code; scikit-learn"),
        ("fuzzy-c-means", "fuzzy", "fuzzy c-means of intensities or features", "own code"),
        ("gaussian-mixture", "mixture", "mixture of normal distributions", "own code; scikit-learn"),
    )
)

SPLITTING = (
    Method(
        "split-touching",
        watershed.distance_watershed,
        "clean",
        "cuts touching objects apart at their necks (watershed of the distance)",
        "edt, SimpleITK",
        (
            Option("depth_mm", "number", None, "how much narrower a neck must be; none: one voxel", low=0, unit="mm"),
            LINES,
        ),
        given=("spacing", "markers"),
        result="objects",
    ),
)

REGIONS: tuple[Method, ...] = (*_GROWING, *_REGIONS, *_WATERSHEDS, *_CLUSTERING)
