"""`septum pixels` and `septum segment --classifier` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from septum import Grid, Image, LabelMap, io
from septum.interactive.pixels.file import load_classifier

FAST = ("--scales", "0.3,0.7,1.6", "--trees", 10)


def write(folder: Path, name: str, *, seed: int, marked: bool = True) -> np.ndarray:
    """A rough disc in a smooth ground, and scribbles: 3 inside, 5 outside, two strokes each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :52]
    disc = (y - 24) ** 2 + (x - 26) ** 2 < 14**2
    grey = (100 + rng.normal(0, 1, disc.shape) * np.where(disc, 40, 4)).clip(0, 255).astype(np.uint8)
    grid = Grid.from_spacing(grey.shape, (1.0, 1.0))
    for kind in ("images", "scribbles"):
        (folder / kind).mkdir(exist_ok=True)
    io.write_image(folder / "images" / f"{name}.png", Image(grey[None], grid))
    drawn = np.zeros(grey.shape, np.uint8)
    drawn[[20, 28], 18:34] = 3
    drawn[[4, 44], 6:46] = 5
    if marked:
        io.write_labels(folder / "scribbles" / f"{name}.png", LabelMap(drawn, grid))
    return disc


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate("abc"):
        write(tmp_path, name, seed=number, marked=name != "c")
    return tmp_path


def test_what_was_learnt_from_scribbles_is_found_in_other_images(septum, folder):
    done = septum(
        "pixels", folder / "images", "--scribbles", folder / "scribbles", "--background", 5, "-o", folder / "k.npz",
        *FAST,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.strip() == str(folder / "k.npz")
    assert "left out: 1 image without scribbles" in done.err
    assert "label 3" in done.err
    assert "2 images" in done.err
    record = json.loads((folder / "k.json").read_text())
    assert set(record["images"]) == set(record["scribbles"]) == {"a", "b"}
    assert load_classifier(folder / "k.npz").labels == (0, 3)
    applied = septum("segment", folder / "images", "--classifier", folder / "k.npz", "-o", folder / "out")
    assert applied.code == 0, applied.err
    disc = write(folder, "c", seed=2, marked=False)
    mask = io.read_labels(folder / "out" / "c.png").array
    assert set(np.unique(mask)) == {0, 3}
    assert ((mask == 3) == disc).mean() > 0.93
    assert json.loads((folder / "out" / "septum-segment.json").read_text())["classifier"]["labels"] == [0, 3]


def test_one_image_with_one_file_says_what_each_stroke_promises(septum, folder):
    done = septum(
        "pixels", folder / "images" / "a.png", "--scribbles", folder / "scribbles" / "a.png", "-o", folder / "k.npz",
        "--keep", 6, "--unit", "mm", *FAST,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "2 strokes" in done.err
    assert "held-out accuracy" in done.err
    learned = load_classifier(folder / "k.npz")
    assert (learned.labels, len(learned.names), learned.settings.unit) == ((3, 5), 6, "mm")
    again = septum("pixels", folder / "images" / "a.png", "--scribbles", folder / "scribbles", "-o", folder / "k.npz")
    assert again.code == 2
    assert "--overwrite" in again.err


def test_probabilities_uncertainty_and_mended_masks_are_written(septum, folder):
    septum(
        "pixels", folder / "images", "--scribbles", folder / "scribbles", "--background", 5, "-o", folder / "k.npz",
        *FAST,
    )  # fmt: skip
    command = (
        "segment", folder / "images" / "c.png", "--classifier", folder / "k.npz", "-o", folder / "out",
        "--probabilities", "--uncertainty", "--clean", "keep-largest",
    )  # fmt: skip
    done = septum(*command)
    assert done.code == 0, done.err
    assert "scribble next near voxel" in done.err
    found = io.read_image(folder / "out" / "probabilities" / "c.tif")
    assert found.channels == ("label 0", "label 3")
    np.testing.assert_allclose(found.array.sum(axis=0), 1, atol=1e-5)
    unsure = io.read_image(folder / "out" / "uncertainty" / "c.tif").array[0]
    assert unsure[24, 26] < unsure[24, 12]
    mask = io.read_labels(folder / "out" / "c.png").array
    assert (mask[found.array[1] < 0.5] == 0).all()
    from scipy import ndimage

    assert ndimage.label(mask)[1] == 1
    (folder / "out" / "c.png").unlink()
    assert "exists already" in septum(*command).err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--scales", "wide"), "--scales must be numbers"),
        (("--scales", "50"), "at most 30"),
        (("--unit", "inch"), "unit must be"),
        (("--background", 0), "other than 0"),
        (("--background", 9), "must mark background with 9"),
        (("--keep", 0), "keep must lie"),
        (("--trees", 0), "trees must lie between 1 and 1000"),
        (("-o", "k.bin"), "end in .npz"),
        (("--scribbles", "nowhere"), "scribbles must exist"),
        (("--scribbles", "images/a.png"), "folder with one file of each name"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(septum, folder, monkeypatch, change, message):
    monkeypatch.chdir(folder)
    given = {"--scribbles": "scribbles", "-o": "k.npz", **dict([change])}
    done = septum("pixels", "images", *(part for pair in given.items() for part in pair))
    assert done.code == 2
    assert message in done.err
    assert not Path("k.npz").exists()


def test_scribbles_that_do_not_fit_are_refused(septum, folder):
    (folder / "other").mkdir()
    command = ("pixels", folder / "images", "--scribbles", folder / "other", "-o", folder / "k.npz")
    assert "must hold scribbles" in septum(*command).err
    small = LabelMap(np.ones((9, 9), np.uint8), Grid.from_spacing((9, 9), (1.0, 1.0)))
    io.write_labels(folder / "other" / "a.png", small)
    assert "grid of their image" in septum(*command).err
    one = LabelMap(np.ones((48, 52), np.uint8), Grid.from_spacing((48, 52), (1.0, 1.0)))
    io.write_labels(folder / "other" / "a.png", one)
    assert "2 to 255 labels" in septum(*command).err


def test_a_classifier_stands_alone_and_must_be_one(septum, folder):
    (folder / "k.npz").write_text("no")
    apply = ("segment", folder / "images", "-o", folder / "out")
    refused = septum(*apply, "--classifier", folder / "k.npz")
    assert refused.code == 2
    assert "another kind of file" in refused.err
    assert "segments by itself" in septum(*apply, "--classifier", folder / "k.npz", "-m", "otsu").err
    assert "need a pixel classifier" in septum(*apply, "-m", "otsu", "--probabilities").err
    assert "images must be given" in septum("segment", "-o", folder / "out", "--classifier", folder / "k.npz").err


def test_an_image_of_another_kind_fails_alone(septum, folder):
    septum("pixels", folder / "images", "--scribbles", folder / "scribbles", "-o", folder / "k.npz", *FAST)
    colour = np.random.default_rng(0).integers(0, 255, (3, 20, 24)).astype(np.uint8)
    path = folder / "images" / "photo.png"
    io.write_image(path, Image(colour, Grid.from_spacing((20, 24), (1, 1)), ("red", "green", "blue")))
    done = septum("segment", folder / "images", "--classifier", folder / "k.npz", "-o", folder / "out")
    assert done.code == 1
    assert "failed: photo" in done.err
    assert len(done.out.splitlines()) == 3
