"""Every semi-automated tool, in one table: what it is called, what it does, what it can be told.

The insight: as with the classical methods, a script, the documentation and a page of buttons agree for ever only when
they read one table. `given` names what a person shows: `"points"` (voxels `(n, ndim)`) or `"seeds"` (an array with each
stroke's label, `seeds_of`); all tools take `spacing`, `region` and `cancelled` as well, and those that work in steps
return an iterator of changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from septum.classical.adjacency import CONNECTIVITY
from septum.errors import ConfigError
from septum.interactive.marks import brush, graphcut, growcut, levelset, livewire, walker, wand
from septum.interactive.pixels import live as live_pixels
from septum.interactive.pixels.features import LARGEST, SCALES
from septum.interactive.slices import fill
from septum.interactive.slices.interpolate import METHODS
from septum.interactive.slices.shape_based import ENDS
from septum.options import Method, Option, Stage, nearest

STAGE: Stage = "tool"
LABEL = Option("label", "integer", 1, "the label that is set", low=0, high=2**32 - 1)
SHAPE = Option("label", "integer", 1, "the label whose shape moves", low=1, high=2**32 - 1)
SMOOTHING = Option("sigma_mm", "number", 0.0, "Gaussian smoothing before", low=0, unit="mm")
EDGE_SMOOTHING = Option(
    "sigma_mm", "number", None, "smoothing before edges are sought; none: the finest spacing", low=0, unit="mm"
)
STEP = Option("smoothness", "number", 1.0, "cost of one step along the finest spacing", low=0, high=1000)
RADIUS = Option("radius_mm", "number", 5.0, "radius of the brush", low=0, unit="mm")
DISC = Option("axis", "integer", None, "a disc in the slice across this axis; none: a ball", low=0, high=2)
AXIS = Option("axis", "integer", 0, "axis that the slice is perpendicular to, 0 is the slowest", low=0, high=2)
NEIGHBOURS = Option("connectivity", "choice", "faces", "neighbours", choices=CONNECTIVITY)
CONTRAST = Option(
    "contrast", "number", None, "gradient that halves the speed; none: from the seed shape", low=1e-12, unit="1/mm"
)


def _row(
    name: str, function: Callable[..., Any], what: str, library: str, *options: Option, needs: tuple[str, ...] = ()
) -> Method:
    return Method(name, function, STAGE, what, library, options, ("spacing", *needs), needs)


_STEPS = (
    Option("iterations", "integer", 200, "at most so many", low=1, high=100000),
    Option("every", "integer", 20, "iterations between two changes that are shown", low=1, high=100000),
)

TOOLS: tuple[Method, ...] = (
    _row(
        "grow-cut",
        growcut.grow_cut,
        "grows all labels at once from strokes",
        "numba",
        STEP,
        SMOOTHING,
        NEIGHBOURS,
        needs=("seeds",),
    ),
    _row(
        "random-walker",
        walker.random_walker,
        "the label whose stroke a walker that shuns edges meets first",
        "numba",
        Option("beta", "number", 300.0, "how much edges repel", low=1e-6, high=1e9),
        Option("tolerance", "number", 1e-3, "residual at which to stop", low=1e-12, high=1),
        needs=("seeds",),
    ),
    _row(
        "graph-cut",
        graphcut.graph_cut,
        "the best border between two labels' strokes, by a maximum flow",
        "scipy",
        Option("smoothness", "number", 4.0, "weight of the border", low=0, high=1000),
        SMOOTHING,
        needs=("seeds",),
    ),
    _row(
        "geodesic",
        graphcut.geodesic,
        "grows strokes through what looks like them",
        "numba",
        Option("contrast", "number", 64.0, "what a voxel costs that looks like another label", low=0, high=4096),
        STEP,
        SMOOTHING,
        needs=("seeds",),
    ),
    _row(
        "pixel-classifier",
        live_pixels.pixel_classifier,
        "learns from strokes how each label looks, and finds it everywhere",
        "scikit-learn, numba",
        Option("scales", "numbers", SCALES, "widths of the filters, in finest spacings", low=0.3, high=LARGEST),
        Option("keep", "integer", None, "filters to keep, the most important ones; none: all", low=1, high=10000),
        Option("trees", "integer", 50, "trees of the forest", low=1, high=1000),
        Option("depth", "integer", 8, "questions in a row that a tree asks", low=1, high=100),
        needs=("seeds",),
    ),
    _row(
        "fill-between-slices",
        fill.fill_between_slices,
        "interpolates between the slices that were drawn",
        "scipy, edt",
        Option("method", "choice", "distance", "shapes alone, or following the image", choices=METHODS),
        Option("axis", "integer", None, "axis across which slices were drawn; none: found", low=0, high=2),
        Option("slices", "numbers", None, "the drawn slices, from 0; none: those that hold a label", low=0),
        Option("ends", "choice", "taper", "an object that the next drawn slice does not have", choices=ENDS),
    ),
    _row(
        "live-wire",
        livewire.live_wire,
        "an outline through clicks that follows edges",
        "numba",
        LABEL,
        AXIS,
        Option("filled", "flag", True, "close the outline and fill it"),
        EDGE_SMOOTHING,
        needs=("points",),
    ),
    _row(
        "level-tracing",
        livewire.level_tracing,
        "what the outline at a click's intensity encloses",
        "connected-components-3d",
        LABEL,
        AXIS,
        Option("side", "choice", "auto", "which side is enclosed", choices=livewire.SIDES),
        SMOOTHING,
        needs=("points",),
    ),
    _row(
        "magic-wand",
        wand.magic_wand,
        "what hangs together with a click and is like it",
        "connected-components-3d",
        LABEL,
        Option("tolerance", "number", None, "largest difference; none: from the unevenness round the click", low=0),
        Option("axis", "integer", None, "fill in the slice across this axis; none: the volume", low=0, high=2),
        SMOOTHING,
        NEIGHBOURS,
        needs=("points",),
    ),
    _row(
        "geodesic-contour",
        levelset.geodesic_contour,
        "grows a painted shape until edges hold it",
        "SimpleITK",
        SHAPE,
        *_STEPS,
        Option("balloon", "number", 1.0, "speed outward, negative inward", low=-100, high=100),
        Option("curvature", "number", 0.3, "strength of smoothing", low=0, high=100),
        Option("advection", "number", 1.0, "pull onto edges", low=0, high=100),
        CONTRAST,
        EDGE_SMOOTHING,
    ),
    _row(
        "chan-vese",
        levelset.chan_vese,
        "moves a painted shape to where two means explain the region",
        "scipy",
        SHAPE,
        Option("iterations", "integer", 100, "at most so many", low=1, high=100000),
        Option("every", "integer", 5, "iterations between two changes that are shown", low=1, high=100000),
        Option("smoothing_mm", "number", None, "blur of the border; none: the finest spacing", low=1e-6, unit="mm"),
        Option("inside_weight", "number", 1.0, "how much a misfit inside counts", low=1e-9, high=1e9),
        Option("outside_weight", "number", 1.0, "how much a misfit outside counts", low=1e-9, high=1e9),
        SMOOTHING,
    ),
    _row(
        "adaptive-brush",
        brush.adaptive_brush,
        "paints what is like the voxel under the cursor and hangs together with it",
        "own code",
        LABEL,
        RADIUS,
        Option("tolerance", "number", None, "largest difference; none: the cursor's class of two", low=0),
        DISC,
        needs=("points",),
    ),
    _row(
        "threshold-brush",
        brush.threshold_brush,
        "paints what lies within limits",
        "own code",
        LABEL,
        RADIUS,
        Option("low", "number", None, "lowest intensity; none: open"),
        Option("high", "number", None, "highest intensity; none: open"),
        DISC,
        needs=("points",),
    ),
)


def find_tool(name: str, table: Sequence[Method] = TOOLS) -> Method:
    """The row of this name in `table`.

    Raises:
        ConfigError: an unknown name; the nearest is named.

    >>> find_tool("grow-cut").needs
    ('seeds',)
    """
    rows = {row.name: row for row in table}
    if name not in rows:
        raise ConfigError(f"tool must be a known one, got {name!r}; {nearest(name, list(rows))}")
    return rows[name]
