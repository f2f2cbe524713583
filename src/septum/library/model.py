"""A trained model in a notebook: train it, load it, hand it an array."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from septum.cli.progress import Reporter
from septum.errors import ConfigError
from septum.geometry import LabelMap
from septum.geometry.arrays import Spacing
from septum.library.inputs import ImageLike, as_image, is_path
from septum.options import nearest
from septum.workflows.runs.words import NOTICE, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from septum.workflows.model.plan import Plan
    from septum.workflows.prediction.engine import Segmenter

T = TypeVar("T")

NAMED = "septum-model"


@dataclass(frozen=True)
class Report:
    """The page of a training or of an evaluation; a notebook shows a link to it."""

    path: Path

    def _repr_html_(self) -> str:
        return (
            f'<a href="{html.escape(self.path.resolve().as_uri())}" target="_blank">{html.escape(str(self.path))}</a>'
        )


@dataclass(frozen=True, repr=False)
class Model:
    """A model folder: what `septum train` wrote.

    Args:
        path: the folder.
    """

    path: Path

    def __repr__(self) -> str:
        names = ", ".join(self.plan.classes.names[1:5])
        held_out = counted(self.held_out, "held-out case")
        dice = "" if self.mean_dice is None else f", mean Dice {self.mean_dice:.3f} on {held_out}"
        return f"Model({self.path.name}: {self.plan.origin}, {self.plan.unet.ndim}-D, {names}{dice})"

    def _repr_html_(self) -> str:
        link = "" if self.report is None else f"<br/>report: {self.report._repr_html_()}"
        return f"<div>{html.escape(repr(self))}{link}<br/><small>{NOTICE}</small></div>"

    @cached_property
    def plan(self) -> Plan:
        """Everything that was decided: classes, patch, spacing, network."""
        from septum.workflows.model.plan import read_plan

        return read_plan(self.path / "plan.json")

    @property
    def report(self) -> Report | None:
        """The page of the training, where it was written."""
        page = self.path / "report" / "index.html"
        return Report(page) if page.is_file() else None

    @cached_property
    def _measured(self) -> dict[str, float]:
        """Mean Dice of every held-out case, as the training's report has it."""
        from septum.workflows.runs.files import recorded

        file = self.path / "report" / "evaluation.json"
        found = recorded(file).get("mean_dice", {})
        return {case: dice for case, dice in found.items() if dice is not None}

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice on the cases that were held out; None where none were."""
        return sum(self._measured.values()) / len(self._measured) if self._measured else None

    @property
    def held_out(self) -> int:
        """How many held-out cases were measured."""
        return len(self._measured)

    @cached_property
    def _segmenter(self) -> Segmenter:
        from septum.workflows.model.folder import ModelFolder
        from septum.workflows.prediction.engine import open_segmenter
        from septum.workflows.prediction.settings import PredictSettings

        return open_segmenter(ModelFolder(self.path), PredictSettings())

    def predict(self, image: ImageLike, *, spacing: Spacing = None) -> LabelMap:
        """The labels of one image, on its own grid; the network stays loaded for the next one.

        Args:
            image: an array (`spatial`, or with channels first or last), an `Image`, or the name of a file.
            spacing: size of a sample in mm along each axis of an array.

        Raises:
            DatasetError: an image of another kind than those of training.
            GeometryError, FormatError: an array or a file that is no such image.
        """
        from septum.net.inference.predict import Listener
        from septum.workflows.prediction.predict import segment

        found = as_image(image, spacing=spacing, channels=self.plan.channels)
        with _shown() as reporter:
            return segment(found, self._segmenter, listener=Listener(lambda share: reporter.work("predicting", share)))


def load_model(path: str | PathLike[str]) -> Model:
    """A model that was trained before.

    Raises:
        CheckpointError: no model folder, or one without trained weights.
    """
    model = Model(Path(path))
    model._segmenter  # noqa: B018 - loaded now, so that a bad folder is refused here and the first image is quick
    return model


def train(
    dataset: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    minutes: float | None = None,
    overwrite: bool = False,
    resume: bool = False,
    **settings: Any,
) -> Model:
    """Train a network on a data set and measure it on held-out cases; progress is shown.

    Args:
        dataset: a folder or table, as for `septum train`.
        output: folder of the model; `septum-model` beside the data set where it is left out.
        minutes: time for training; ten where neither this nor `steps` is given.
        overwrite, resume: what to do with a model that is there.
        settings: any other setting of `septum train`, such as `network="paper"` or `folds="all"`.

    Raises:
        ConfigError: a setting that there is not (the nearest is named), or a model that is there already.
        DatasetError, GeometryError, FormatError: data that cannot be used.
    """
    from septum.workflows.model.settings import TrainSettings
    from septum.workflows.runs.hooks import Hooks
    from septum.workflows.training import train as workflow

    chosen = settings_of(TrainSettings, settings | ({} if minutes is None else {"minutes": minutes}))
    data = Path(dataset)
    target = data.resolve().parent / f"{data.resolve().name}-{NAMED}" if output is None else Path(output)
    with _shown() as reporter:
        result = workflow.train(
            data,
            target,
            settings=chosen,
            hooks=Hooks(reporter.work, reporter.note),
            on_status=reporter.training,
            resume=resume,
            overwrite=overwrite,
        )
    return Model(result.model)


def predict(
    model: Model | str | PathLike[str],
    images: ImageLike | Sequence[str | PathLike[str]],
    *,
    output: str | PathLike[str] | None = None,
    spacing: Spacing = None,
    **settings: Any,
) -> LabelMap | pd.DataFrame:
    """Segment with a trained model: an array or an image gives labels; files with an `output` folder give masks there.

    Args:
        model: a model, or its folder.
        images: an array, an `Image` or a file name; with `output`, file names, folders or a data set.
        output: folder for one mask per image; the table of what they are likely worth comes back, worst first.
        spacing: size of a sample in mm along each axis of an array.
        settings: any setting of `septum predict`, with `output` only.

    Raises:
        ConfigError: settings without `output`, or unknown ones.
    """
    chosen = model if isinstance(model, Model) else load_model(model)
    if output is None:
        if settings:
            raise ConfigError(f"settings must come with output, got {', '.join(settings)} without; name a folder")
        return chosen.predict(images, spacing=spacing)  # type: ignore[arg-type]
    return _predict_files(chosen, images, output=Path(output), settings=settings)


def _predict_files(model: Model, images: Any, *, output: Path, settings: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    from septum.workflows.prediction import workflow
    from septum.workflows.prediction.settings import PredictSettings
    from septum.workflows.runs.hooks import Hooks

    paths = [Path(images)] if is_path(images) else [Path(path) for path in images]
    with _shown() as reporter:
        result = workflow.predict(
            model.path,
            paths,
            output=output,
            settings=settings_of(PredictSettings, settings),
            hooks=Hooks(reporter.work, reporter.note),
        )
        for name, reason in result.failures:
            reporter.note(f"{name}: {reason}")
    return pd.DataFrame([vars(estimate) for estimate in result.estimates])


def settings_of(kind: Callable[..., T], given: dict[str, Any]) -> T:
    """A settings dataclass from keywords; a name that there is not is refused with the nearest one.

    >>> from septum.workflows.prediction.settings import PredictSettings
    >>> settings_of(PredictSettings, {"overlap": 0.25}).overlap
    0.25
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise ConfigError(f"there is no setting {name!r}; {nearest(name, known)}")
    return kind(**given)


@contextmanager
def _shown() -> Iterator[Reporter]:
    """Progress as the command line shows it; in a notebook a bar below the cell."""
    with Reporter() as reporter:
        yield reporter
