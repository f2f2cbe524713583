"""`septum track MOVIE --model MODEL`: a movie segmented frame by frame, then tracked."""

from __future__ import annotations

from pathlib import Path

from septum.errors import ConfigError, DatasetError
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.runs.hooks import Hooks
from septum.workflows.tracking.movie import find_movie
from septum.workflows.tracking.track import LINEAGE, TrackResult, TrackSettings, track

MASKS = "segmented"


def track_movie(movie: Path, output: Path, *, model: Path, settings: TrackSettings, hooks: Hooks) -> TrackResult:
    """Segment the frames of a movie into `OUT/segmented`, then track them; errors as `predict` and `track`.

    Raises:
        DatasetError: what is no movie, before anything is segmented; a frame that could not be: a movie with a hole is
            not tracked.
    """
    if (output / LINEAGE).exists() and not settings.overwrite:
        raise ConfigError(f"{output} already holds {LINEAGE}; choose another folder or use --overwrite")
    find_movie(movie, axes=settings.axes)  # what is none should not be segmented first
    wanted = PredictSettings(
        axes=settings.axes, page=False, overwrite=settings.overwrite
    )  # the folder holds frames only
    made = predict(
        model,
        [movie],
        output=output / MASKS,
        settings=wanted,
        hooks=hooks,
    )
    hooks.stop_if_asked()
    if made.failures:
        name, reason = made.failures[0]
        raise DatasetError(f"every frame must be segmented, got {len(made.failures)} failures, first {name}: {reason}")
    return track(output / MASKS, output, images=movie, settings=settings, hooks=hooks)
