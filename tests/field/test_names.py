"""What people suffered with the names of their files: images that vanish, labels that go to the wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.field.conftest import septum, square

from septum import io
from septum.cli.main import main
from septum.errors import DatasetError, FormatError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.jobs import find_cases
from septum.workflows.data.load import load_dataset


def picture(path: Path, value: int = 200) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((20, 24), np.uint8)
    array[5:15, 6:18] = value
    PIL.Image.fromarray(array).save(path)


def run(*words: object) -> object:
    with pytest.raises(SystemExit) as ending:
        main([str(word) for word in words])
    return ending.value.code or 0


@pytest.mark.parametrize("folder", ["", "images"])
def test_two_images_of_one_stem_both_get_a_mask(tmp_path: Path, folder: str) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        picture(tmp_path / "in" / folder / name)
    assert run("segment", tmp_path / "in", "-o", tmp_path / "out", "--method", "otsu") == 0
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["a_jpg.png", "a_png.png", "b.png"]


def test_info_and_doctor_count_both_images_of_one_stem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        picture(tmp_path / name)
    run("info", tmp_path)
    assert "3, 0 with a label" in capsys.readouterr().out
    run("doctor", tmp_path)
    assert "none of 3 cases has labels" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("flat", [True, False])
def test_a_label_of_two_images_of_its_name_is_nobodys(tmp_path: Path, flat: bool) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        picture(tmp_path / ("" if flat else "images") / name)
    for name in ("a", "b"):
        picture(tmp_path / ("" if flat else "labels") / f"{name}{'_mask' if flat else ''}.png", 1)
    with pytest.raises(DatasetError, match=r"several images have one name: .*a\.jpg"):
        load_dataset(tmp_path)
    assert [case.id for case in load_dataset(tmp_path, strict=False).labelled] == ["b"]


def test_an_nnunet_case_with_two_files_of_one_channel_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "cell": 1}, "channel_names": {"0": "x"}}')
    for name in ("imagesTr/a_0000.png", "imagesTr/a_0000.bmp", "labelsTr/a.png"):
        picture(tmp_path / name, 1)
    with pytest.raises(DatasetError, match="several files of imagesTr have one name"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(("suffix", "length"), [(".png", 246), (".nii.gz", 246), (".tif", 255)])
def test_names_as_long_as_the_disk_allows_go_through_every_command(tmp_path: Path, suffix: str, length: int) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    for number in range(3):
        name = "L" * (length - 1 - len(suffix)) + f"{number}{suffix}"
        grid = Grid.from_spacing((32, 32), (1, 1))
        for kind in ("images", "labels"):
            (data / kind).mkdir(parents=True, exist_ok=True)
        io.write_image(data / "images" / name, Image(90 * square(number)[None], grid))
        io.write_labels(data / "labels" / name, LabelMap(square(number), grid))
    assert run("segment", data / "images", "-o", out / "s", "-m", "otsu") == 0
    assert len(list((out / "s").glob(f"L*{suffix}"))) == 3
    assert run("evaluate", out / "s", data, "-o", out / "e", "--metrics", "overlap") == 0
    assert run("doctor", data, "--fix", out / "d") == 0
    assert run("instances", data / "labels", "-o", out / "i") == 0
    assert run("review", "create", data / "images", "--masks", f"a={data / 'labels'}", "-o", out / "r") == 0


def test_a_name_that_the_disk_does_not_take_is_said_with_its_length(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"LLLL\.\.\. must have a name that the disk takes .* got 304 bytes; rename"):
        io.write_labels(tmp_path / f"{'L' * 300}.png", LabelMap(square(0), Grid.from_spacing((32, 32), (1, 1))))


@pytest.mark.parametrize("extra", ["labels/legend.png", "labels/case003_ann_old.png"])
def test_one_file_that_does_not_belong_is_named_and_keeps_no_others_from_their_partners(
    tmp_path: Path, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        picture(tmp_path / "images" / f"case{number:03d}_img.png")
        picture(tmp_path / "labels" / f"case{number:03d}_ann.png", 1)
    picture(tmp_path / extra, 1)
    dataset = load_dataset(tmp_path, strict=False)
    assert len(dataset.labelled) == (4 if "old" in extra else 5)
    assert Path(extra).stem in {problem.case for problem in dataset.problems}
    run("info", tmp_path)
    assert f"the label {Path(extra).name} has no image" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(DatasetError, match="has no image of that name"):
        load_dataset(tmp_path)


def test_evaluate_scores_the_others_and_names_the_file_without_a_partner(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "p" / f"case{number:03d}_out.png", 1)
        picture(tmp_path / "r" / f"case{number:03d}_gt.png", 1)
    picture(tmp_path / "p" / "atlas.png", 1)
    ended = septum("evaluate", tmp_path / "p", tmp_path / "r", "-o", tmp_path / "o", "--metrics", "overlap")
    assert ended.code == 0
    assert "no reference for atlas" in ended.out + ended.err


def test_numbers_given_to_repeated_names_never_meet_another_file(tmp_path: Path) -> None:
    paths = [tmp_path / part / name for part, name in (("x", "a.png"), ("y", "a.png"), ("x", "a_2.png"))]
    for path in paths:
        picture(path)
    cases = find_cases(paths, axes=None)
    assert [case.id for case in cases] == ["a", "a_3", "a_2"]
    assert [case.images[0].path for case in cases] == paths


def test_a_key_that_a_data_set_declares_twice_is_refused_not_the_last_one_taken(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "labels" / "a.png", 1)
    text = '{"labels": {"background": 0, "cell": 1, "ignore": 2, "ignore": 3}}'
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match="'ignore' stands twice"):
        load_dataset(tmp_path)
