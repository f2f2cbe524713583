"""What people suffered with the names of their files: images that vanish, labels that go to the wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from septum.cli.main import main
from septum.errors import DatasetError
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


def test_numbers_given_to_repeated_names_never_meet_another_file(tmp_path: Path) -> None:
    paths = [tmp_path / part / name for part, name in (("x", "a.png"), ("y", "a.png"), ("x", "a_2.png"))]
    for path in paths:
        picture(path)
    cases = find_cases(paths, axes=None)
    assert [case.id for case in cases] == ["a", "a_3", "a_2"]
    assert [case.images[0].path for case in cases] == paths
