"""What can be known to be wrong before anything heavy is loaded, and nothing is touched while it is found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.workflows.datasets import planes

from septum.errors import ConfigError, DatasetError
from septum.workflows.training.early import PLAN, look_first, refuse_output


def first(data: Path, output: Path, **given: Any) -> Any:
    return look_first(data, output, **{"axes": None, "plan": None, "resume": False, "overwrite": False} | given)


@pytest.mark.parametrize(
    ("holds", "resume", "overwrite", "message"),
    [
        (None, False, False, None),
        ((), False, False, None),
        (("x.txt",), False, False, "is not empty"),
        ((PLAN,), False, False, "is not empty"),
        (("x.txt",), False, True, "other files than a model"),
        ((PLAN, "x.txt"), False, True, None),
        (None, True, False, "no run to resume"),
        (("x.txt",), True, True, "no run to resume"),
        ((PLAN,), True, False, None),
    ],
)
def test_a_folder_that_holds_something_needs_leave(
    tmp_path: Path, holds: tuple[str, ...] | None, resume: bool, overwrite: bool, message: str | None
) -> None:
    output = tmp_path / "model"
    if holds is not None:
        output.mkdir()
        for name in holds:
            (output / name).write_text("{}")
    if message is None:
        refuse_output(output, resume=resume, overwrite=overwrite)
    else:
        with pytest.raises(ConfigError, match=message):
            refuse_output(output, resume=resume, overwrite=overwrite)
    assert not output.exists() or {p.name for p in output.iterdir()} == set(holds or ())


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model").touch()
    with pytest.raises(ConfigError, match="must be a folder, got the file"):
        refuse_output(tmp_path / "model", resume=False, overwrite=True)


def test_the_data_set_is_read_by_its_files_alone(tmp_path: Path) -> None:
    data = planes(tmp_path / "set", 2)
    (data / "images" / "case0.png").write_bytes(b"no picture")
    assert len(first(data, tmp_path / "model").labelled) == 2
    with pytest.raises(ConfigError, match="the plan must be a file"):
        first(data, tmp_path / "model", plan=tmp_path / "none.json")


def test_images_to_learn_from_without_labels_must_be_there(tmp_path: Path) -> None:
    data = planes(tmp_path / "set", 2)
    (tmp_path / "empty").mkdir()
    assert len(first(data, tmp_path / "model", unlabelled=data / "images").cases) == 2
    for name in ("empty", "nowhere"):
        with pytest.raises(DatasetError, match=name):
            first(data, tmp_path / "model", unlabelled=tmp_path / name)


def test_images_without_labels_to_train_on_are_refused(tmp_path: Path) -> None:
    data = planes(tmp_path / "set", 2)
    for path in (data / "labels").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="labels"):
        first(data, tmp_path / "model")
    tests = planes(tmp_path / "other" / "test", 2).parent
    with pytest.raises(DatasetError, match="got 2 images and none"):
        first(tests, tmp_path / "model")
