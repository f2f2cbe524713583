"""Masks in a notebook: made without training, filled between slices, compared, looked at."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from septum.errors import ConfigError, GeometryError
from septum.geometry import LabelMap, picture
from septum.geometry.arrays import Spacing
from septum.library.inputs import ImageLike, LabelsLike, as_image, as_label_map, is_path

if TYPE_CHECKING:
    import pandas as pd


def segment(
    image: ImageLike, method: str | Sequence[str] = "otsu", *, spacing: Spacing = None, **options: Any
) -> LabelMap:
    """Segment without training, by any method of `septum segment --list-methods`.

    Args:
        image: an array, an `Image`, or the name of a file.
        method: the name of a method, or steps as they are typed: `["gaussian:sigma_mm=2", "otsu", "fill-holes"]`.
        spacing: size of a sample in mm along each axis of an array.
        options: of the method, where it is one name.

    Raises:
        ConfigError: an unknown method or option; the nearest is named.

    >>> picture = np.zeros((40, 40)); picture[10:30, 10:30] = 100
    >>> int(segment(picture, "otsu").array.sum())
    400
    """
    from septum.workflows.pipelines.pipeline import Pipeline, PipelineStep, make_step, parse_spec
    from septum.workflows.pipelines.segment import segment_image

    if isinstance(method, str) and ":" not in method:
        steps: tuple[PipelineStep, ...] = (make_step(method, options),)
    elif options:
        raise ConfigError(f"options must be written into the steps, got {', '.join(options)} beside {method!r}")
    else:
        steps = tuple(parse_spec(text) for text in ([method] if isinstance(method, str) else method))
    found = as_image(image, spacing=spacing, channels=3 if _is_photograph(image) else 1)
    return segment_image(found, Pipeline(steps))


def _is_photograph(image: object) -> bool:
    shape = np.shape(image) if isinstance(image, np.ndarray) else ()
    return len(shape) == 3 and shape[-1] == 3


def interpolate(
    labels: LabelsLike,
    *,
    image: ImageLike | None = None,
    spacing: Spacing = None,
    **options: Any,
) -> LabelMap:
    """Fill the slices between those that were drawn.

    Args:
        labels: a volume in which a few slices are drawn: an array, a `LabelMap`, or the name of a file.
        image: the image; where it is given, borders follow it.
        spacing: size of a sample in mm along each axis of arrays.
        options: of `septum.interactive.slices.interpolate.interpolate`, such as `drawn={0: [3, 9, 15]}`.

    >>> cone = np.zeros((5, 9, 9), np.uint8)
    >>> cone[0, 2:7, 2:7] = cone[4, 4, 4] = 1
    >>> interpolate(cone).array.sum(axis=(1, 2)).tolist()
    [25, 13, 9, 5, 1]
    """
    from septum.interactive.slices import interpolate as slices

    given = as_label_map(labels, spacing=spacing)
    if image is not None:
        own = None if not isinstance(image, np.ndarray) else given.grid.spacing
        options = {"method": "image", **options, "image": as_image(image, spacing=own).array[0]}
    filled = slices.interpolate(given.array, spacing=given.grid.spacing, **options)
    return LabelMap(filled, given.grid, given.names)


def dice(prediction: LabelsLike, reference: LabelsLike, *, label: int | None = None) -> float:
    """The Dice similarity coefficient of two masks; nan where both are empty.

    Args:
        prediction, reference: arrays, label maps or names of files, on one grid.
        label: the label to compare; None: everything that is not 0.

    >>> dice(np.array([[1, 1, 0]]), np.array([[0, 1, 1]]))
    0.5
    """
    from septum import metrics

    first, second = _pair(prediction, reference, spacing=None)
    masks = [(a != 0 if label is None else a == label).astype(np.uint8) for a in (second.array, first.array)]
    (counts,) = metrics.confusion_counts(masks[0], masks[1], classes=[1])
    return metrics.dice(counts)


def evaluate(
    prediction: LabelsLike,
    reference: LabelsLike,
    *,
    spacing: Spacing = None,
    output: str | PathLike[str] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Measure masks against references.

    Two arrays or label maps give a table with one row per label. Two folders (or files, or a data set as references)
    give one row per case and label; with `output`, the report of `septum evaluate` is written there as well, and
    `table.attrs["report"]` is its page.

    Args:
        prediction, reference: arrays, label maps, files or folders.
        spacing: size of a sample in mm along each axis of arrays; distances are in mm then, else in samples.
        output: folder of the report; of files and folders only.
        settings: of `septum evaluate`, such as `metrics=("overlap", "surface", "boundary")`, `tolerance_mm=2`.

    Raises:
        GeometryError: masks on different grids.
        ConfigError: a metric or setting that there is not.

    >>> a, b = np.zeros((8, 8), int), np.zeros((8, 8), int)
    >>> a[2:6, 2:6] = b[2:6, 3:7] = 1
    >>> evaluate(a, b, spacing=(0.5, 0.5))[["label", "dice", "hausdorff"]]
       label  dice  hausdorff
    0      1  0.75        0.5
    """
    from septum.library.model import settings_of
    from septum.workflows.evaluation.settings import EvaluateSettings

    chosen = settings_of(EvaluateSettings, settings)
    if is_path(prediction) and is_path(reference):
        if spacing is not None:
            raise GeometryError("spacing must come with arrays, got it with files, which have their own; leave it out")
        return _evaluate_files(Path(prediction), Path(reference), output=output, settings=chosen)  # type: ignore[arg-type]
    if output is not None:
        raise ConfigError("output must come with files or folders, got arrays; save them, or leave output out")
    found, truth = _pair(prediction, reference, spacing=spacing)
    return _evaluate_arrays(found, truth, settings=chosen)


def _pair(prediction: LabelsLike, reference: LabelsLike, *, spacing: Spacing) -> tuple[LabelMap, LabelMap]:
    first = as_label_map(prediction, spacing=spacing, name="prediction")
    second = as_label_map(reference, spacing=spacing, name="reference")
    both_know = isinstance(prediction, LabelMap) and isinstance(reference, LabelMap)
    if first.grid.shape != second.grid.shape or (both_know and not first.grid.matches(second.grid)):
        raise GeometryError(
            f"prediction and reference must lie on one grid, got {first!r} and {second!r}; "
            "resample one with `septum.geometry.resample_labels`"
        )
    return first, second


def _evaluate_arrays(prediction: LabelMap, reference: LabelMap, *, settings: Any) -> pd.DataFrame:
    import pandas as pd

    from septum.workflows.scores.measures import families_of, label_values
    from septum.workflows.scores.scores import score_case

    seen = {*np.unique(reference.array).tolist(), *np.unique(prediction.array).tolist()}
    values = sorted(seen - {settings.background})
    names = {value: reference.names.get(value, prediction.names.get(value, "")) for value in values}
    scores = score_case("", reference.array, prediction=prediction.array, labels=names)
    more = label_values(
        reference.array,
        prediction.array,
        labels=values,
        families=families_of(settings.metrics),
        spacing=reference.grid.spacing,
        tolerance_mm=settings.tolerance_mm,
        policy=settings.policy,
    )
    overlap = ("dice", "iou", "precision", "sensitivity")
    return pd.DataFrame(
        [{"label": s.label, "name": s.name, **{key: s.value(key) for key in overlap}, **more[s.label]} for s in scores]
    )


def _evaluate_files(
    prediction: Path, reference: Path, *, output: str | PathLike[str] | None, settings: Any
) -> pd.DataFrame:
    import tempfile

    from septum.cli.progress import Reporter
    from septum.library.model import Report
    from septum.workflows.evaluation.evaluate import evaluate as run
    from septum.workflows.runs.hooks import Hooks
    from septum.workflows.scores.tables import score_table

    with tempfile.TemporaryDirectory(prefix="septum-") as scratch, Reporter() as reporter:
        target = Path(scratch) / "report" if output is None else Path(output)
        hooks = Hooks(reporter.work, reporter.note)
        result = run(prediction, reference, output=target, settings=settings, hooks=hooks)
    table = score_table(result.scores)
    if output is not None:
        table.attrs["report"] = Report(target / "index.html")
    return table


@dataclass(frozen=True)
class Overlay:
    """A picture; a notebook shows it, `save` writes it."""

    png: bytes = field(repr=False)

    def _repr_html_(self) -> str:
        return f'<img alt="labels over their image" src="data:image/png;base64,{b64encode(self.png).decode()}">'

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the PNG; returns the path."""
        from septum.io.safe import replacing

        with replacing(Path(path)) as temporary:
            temporary.write_bytes(self.png)
        return Path(path)


def overlay(
    image: ImageLike,
    labels: LabelsLike,
    *,
    spacing: Spacing = None,
    opacity: float = 0.35,
    plane: Mapping[int, int] | None = None,
) -> Overlay:
    """Labels over their image, in true proportions and with colours that colour-blind people tell apart.

    Args:
        image: an array (`spatial`, or a photograph `(rows, columns, 3)`), an `Image`, or the name of a file.
        labels: an integer or boolean array, a `LabelMap`, or the name of a file, on the same grid.
        spacing: size of a sample in mm along each axis of arrays.
        opacity: of the colours; the outlines are always drawn.
        plane: of a volume, the axis and the slice, such as `{0: 12}`; where most is labelled by default.

    Raises:
        GeometryError: shapes that differ.

    >>> shown = overlay(np.zeros((40, 60)), np.ones((40, 60), int))
    >>> shown._repr_png_()[:4]
    b'\\x89PNG'
    """
    found = as_image(
        image,
        spacing=spacing if isinstance(image, np.ndarray) else None,
        channels=3 if _is_photograph(image) else 1,
    )
    marked = as_label_map(labels, spacing=found.grid.spacing if isinstance(labels, np.ndarray) else None)
    axis, index = next(iter(plane.items())) if plane else (None, None)
    return Overlay(
        picture.draw(
            found.array,
            marked.array,
            spacing=found.grid.spacing,
            orientation=found.grid.orientation if found.grid.ndim == 3 else None,
            axis=axis,
            index=index,
            opacity=opacity,
        )
    )
