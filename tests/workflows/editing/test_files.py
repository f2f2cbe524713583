"""Where an edited mask goes, and that the one before it is never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.errors import ConfigError
from septum.workflows.editing import files
from septum.workflows.editing.files import keep_old, output_path, refuse_existing
from septum.workflows.editing.settings import EditSettings


@pytest.mark.parametrize(
    ("output", "like", "expected"),
    [
        ("done.nii.gz", "scan.nii.gz", "done.nii.gz"),
        ("out", "scan.nii.gz", "out/scan.nii.gz"),
        ("out", "cells.jpg", "out/cells.png"),
        ("v1.2", "scan.nrrd", "v1.2/scan.nrrd"),  # a point in a folder's name is no suffix
    ],
)
def test_a_known_suffix_names_the_file_and_anything_else_a_folder(output: str, like: str, expected: str) -> None:
    assert output_path(Path(output), Path(like)) == Path(expected)


def test_a_folder_whose_name_ends_like_a_file_stays_a_folder(tmp_path: Path) -> None:
    (tmp_path / "masks.tif").mkdir()
    assert output_path(tmp_path / "masks.tif", Path("a.tif")) == tmp_path / "masks.tif" / "a.tif"


def test_old_masks_are_kept_under_rising_numbers_with_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    assert keep_old(path) is None
    kept = []
    for content in (b"first", b"second"):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        kept.append(keep_old(path))
        assert path.exists()  # there is a mask under the old name all the time
    assert [one and one.name for one in kept] == ["scan.kept-1.nii.gz", "scan.kept-2.nii.gz"]
    assert [one and one.read_bytes() for one in kept] == [b"first", b"second"]


def test_a_disk_without_links_keeps_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(files.os, "link", refuse)
    (tmp_path / "a.png").write_bytes(b"mask")
    kept = keep_old(tmp_path / "a.png")
    assert kept is not None
    assert kept.read_bytes() == b"mask"


def test_neither_the_image_nor_an_existing_mask_is_replaced_unasked(tmp_path: Path) -> None:
    image, mask = tmp_path / "a.png", tmp_path / "b.png"
    image.touch()
    mask.touch()
    with pytest.raises(ConfigError, match=r"a\.png would replace the image"):
        refuse_existing([image], EditSettings(overwrite=True), sources=[image])
    with pytest.raises(ConfigError, match=r"exists already.*--overwrite"):
        refuse_existing([None, mask], EditSettings(), sources=[image])
    refuse_existing([mask], EditSettings(overwrite=True), sources=[image])
    refuse_existing([image, mask], EditSettings(dry_run=True), sources=[image])
