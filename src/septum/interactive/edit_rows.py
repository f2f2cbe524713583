"""Every edit, in one table: what it is called, what it does, what it can be told.

The insight: a script, the command's list of tools, the documentation and a page of buttons must agree on what there is,
so all read this. A row is a `Method` as of the classical methods: `options` are plain values, and `given` names what a
person shows rather than types: `points` (positions in voxels), `other` (labels of another layer). All rows take
`spacing`, `region` and `cancelled` as well.
"""

from __future__ import annotations

from collections.abc import Callable

from septum.interactive.edits import paint, polygon, regions
from septum.interactive.tool import Change
from septum.options import Method, Option

LABEL = Option("label", "integer", 1, "the label that is set", low=0)
ONLY = Option("only", "numbers", None, "labels that are edited; none: all", low=0)
AXIS = Option("axis", "integer", 0, "axis that the slice is perpendicular to, 0 is the slowest", low=0, high=2)
BRUSH = (
    Option("radius_mm", "number", 2.0, "radius of the brush", low=0, unit="mm"),
    Option("brush", "choice", "ball", "a ball, or a disc in the points' slice", choices=paint.BRUSHES),
    AXIS,
)


def _row(
    name: str,
    function: Callable[..., Change],
    what: str,
    library: str,
    *options: Option,
    needs: tuple[str, ...] = (),
    given: tuple[str, ...] = (),
) -> Method:
    return Method(name, function, "edit", what, library, options, ("spacing", *needs, *given), needs)


EDITS: tuple[Method, ...] = (
    _row("paint", paint.paint, "sets a label along a stroke", "own code", LABEL, *BRUSH, needs=("points",)),
    _row("erase", paint.erase, "removes labels along a stroke", "own code", ONLY, *BRUSH, needs=("points",)),
    _row("polygon", polygon.polygon, "sets a label inside an outline", "own code", LABEL, AXIS, needs=("points",)),
    _row(
        "fill",
        polygon.fill,
        "fills the closed outline around each point",
        "connected-components-3d",
        LABEL,
        Option("axis", "integer", 0, "fill within the slice across this axis; none: the volume", low=0, high=2),
        Option("closed", "flag", True, "refuse an outline that reaches the border"),
        needs=("points",),
    ),
    _row(
        "scissors",
        polygon.scissors,
        "cuts inside or outside an outline, through slices",
        "own code",
        Option("operation", "choice", "erase-inside", "what is cut", choices=polygon.OPERATIONS),
        Option("label", "integer", 1, "what the filling operations set", low=1),
        Option("only", "numbers", None, "labels that are erased; none: all", low=0),
        AXIS,
        Option("through", "choice", "all", "which slices", choices=polygon.THROUGH),
        Option("first", "integer", None, "first slice of a range; none: the image's", low=0),
        Option("last", "integer", None, "last slice of a range; none: the image's", low=0),
        Option("depth_mm", "number", None, "depth of a symmetric cut; needed there", low=0, unit="mm"),
        needs=("points",),
    ),
    _row(
        "fill-holes",
        regions.fill_holes,
        "fills what a label encloses",
        "fill-voids",
        ONLY,
        Option("per_slice", "flag", False, "each slice of the first axis for itself"),
        Option("maximum_size", "number", None, "largest hole; none: any", low=0, unit="mm³ (mm² in 2-D)"),
    ),
    _row(
        "margin",
        regions.margin,
        "grows labels, or shrinks them (negative)",
        "edt, scipy",
        Option("distance_mm", "number", 1.0, "how far; negative shrinks", unit="mm"),
        ONLY,
    ),
    _row(
        "hollow",
        regions.hollow,
        "a shell along the surface",
        "edt, scipy",
        Option("thickness_mm", "number", 2.0, "of the shell", low=0.001, unit="mm"),
        Option("side", "choice", "inside", "of the surface", choices=("inside", "outside", "both")),
        ONLY,
    ),
    _row(
        "smooth",
        regions.smooth,
        "smooths surfaces in five ways",
        "edt, scipy",
        Option("kind", "choice", "median", "how", choices=regions.SMOOTHINGS),
        Option("size_mm", "number", 1.0, "radius of the ball, or deviation of the Gaussian", low=0, unit="mm"),
        ONLY,
    ),
    _row(
        "islands",
        regions.islands,
        "keeps, removes, splits or picks parts that do not hang together",
        "connected-components-3d",
        Option("operation", "choice", "keep-largest", "what is done", choices=regions.ISLANDS),
        Option("count", "integer", 1, "how many keep-largest keeps of each label", low=1),
        Option("minimum_size", "number", 10.0, "of remove-small", low=0, unit="mm³ (mm² in 2-D)"),
        Option("label", "integer", None, "of pick; of split the first new one (none: the next free)", low=1),
        ONLY,
        Option("connectivity", "choice", "full", "through corners too, or faces only", choices=("full", "faces")),
        given=("points",),
    ),
    _row(
        "logic",
        regions.logic,
        "combines a label with another or with another layer",
        "numpy",
        Option("operation", "choice", "add", "what becomes of the label", choices=regions.LOGIC),
        Option("label", "integer", 1, "the label that changes", low=1),
        Option("of", "numbers", None, "labels of the other side; none: all of the other layer", low=0),
        given=("other",),
    ),
)
"""In the order in which `septum edit --list-tools` shows them."""

MASK_IMAGE = Method(
    "mask-image",
    regions.mask_image,
    "image",
    "overwrites the image inside or outside of labels; the steps after it see that image",
    "numpy",
    (
        ONLY,
        Option("side", "choice", "outside", "which side is overwritten", choices=regions.SIDES),
        Option("value", "number", 0.0, "what is written"),
    ),
)
"""The one step that changes the image instead of the labels."""
