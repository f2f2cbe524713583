"""A movie segmented, then tracked: no hole is tracked over, and what is there is not replaced unasked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from septum.errors import Cancelled, ConfigError, DatasetError
from septum.workflows.runs.hooks import Hooks
from septum.workflows.tracking import segmented
from septum.workflows.tracking.movie import find_movie
from septum.workflows.tracking.segmented import MASKS, track_movie
from septum.workflows.tracking.track import LINEAGE, TrackSettings


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {"failures": ()}

    def predict(model: Path, images: Any, **named: Any) -> Any:
        seen.update(model=model, images=images, **named)
        return SimpleNamespace(failures=seen["failures"])

    monkeypatch.setattr(segmented, "predict", predict)
    monkeypatch.setattr(segmented, "find_movie", lambda movie, *, axes: None)
    monkeypatch.setattr(segmented, "track", lambda masks, output, **named: (masks, output, named))
    return seen


def run(tmp_path: Path, hooks: Hooks | None = None, **given: Any) -> Any:
    settings = TrackSettings(**given)
    return track_movie(tmp_path / "movie", tmp_path / "out", model=Path("m"), settings=settings, hooks=hooks or Hooks())


def test_the_masks_lie_in_their_folder_and_the_movie_is_tracked_with_its_images(
    calls: dict[str, Any], tmp_path: Path
) -> None:
    masks, output, named = run(tmp_path, axes="TYX")
    assert masks == calls["output"] == tmp_path / "out" / MASKS
    assert output == tmp_path / "out"
    assert named["images"] == tmp_path / "movie"
    assert (calls["settings"].axes, calls["settings"].page, calls["settings"].overwrite) == ("TYX", False, False)
    assert calls["images"] == [tmp_path / "movie"]


def test_a_frame_without_a_mask_is_no_movie(calls: dict[str, Any], tmp_path: Path) -> None:
    calls["failures"] = (("t3", "it is broken"), ("t4", "it is broken"))
    with pytest.raises(DatasetError, match="got 2 failures, first t3: it is broken"):
        run(tmp_path)


def test_what_is_no_movie_is_refused_before_anything_is_segmented(
    calls: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmented, "find_movie", find_movie)
    with pytest.raises(DatasetError, match="the movie must exist"):
        run(tmp_path)
    assert "model" not in calls


def test_a_stop_after_segmentation_is_a_stop(calls: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(tmp_path, Hooks(should_stop=lambda: True))


def test_a_tracking_that_exists_is_kept_unless_told(calls: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LINEAGE).touch()
    with pytest.raises(ConfigError, match=f"already holds {LINEAGE}"):
        run(tmp_path)
    assert "model" not in calls
    run(tmp_path, overwrite=True)
    assert calls["settings"].overwrite
