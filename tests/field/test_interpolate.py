"""What people suffered between slices: a complete organ that grew, a sparse one that stayed empty."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from septum.errors import ConfigError
from septum.interactive.slices.interpolate import find_complete, find_drawn, interpolate
from septum.workflows.editing.interpolate import interpolate_file
from septum.workflows.runs.hooks import Hooks


def organ_and_tumour() -> np.ndarray:
    """(z, y, x): label 1 on every slice, label 2 on z 2 and 6."""
    labels = np.zeros((9, 40, 30), np.uint8)
    labels[:, 4:12, 5:25] = 1
    labels[[2, 6], 24:34, 5:25] = 2
    return labels


def test_a_complete_label_stays_and_the_sparse_one_is_filled(tmp_path: Path) -> None:
    labels = organ_and_tumour()
    nib.save(nib.Nifti1Image(labels.T.copy(), np.eye(4)), tmp_path / "m.nii.gz")
    notes: list[str] = []
    result = interpolate_file(tmp_path / "m.nii.gz", tmp_path / "out.nii.gz", hooks=Hooks(on_note=notes.append))
    filled = np.asarray(nib.load(result.path).dataobj).T
    assert (filled == 1).sum() == 1440
    assert (filled == 2).sum(axis=(1, 2)).tolist() == [0, 0, 200, 200, 200, 200, 200, 0, 0]
    assert result.drawn == {0: [2, 6]}
    assert "label 1 is on every slice" in " ".join(notes)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_third_slice_is_found_along_each_axis(axis: int) -> None:
    labels = np.zeros((25, 25, 25), np.uint8)
    labels[4:12, 4:12, 4:12] = 1
    sparse = np.zeros((25, 25, 25), bool)
    sparse[13:22, 13:22, 13:22] = True
    keep = np.zeros(25, bool)
    keep[13:22:3] = True
    shape = [1, 1, 1]
    shape[axis] = 25
    labels[sparse & keep.reshape(shape)] = 2
    complete = np.moveaxis(labels, axis, 0)
    complete[:, 0:2, 0:2] = 3  # an organ along the whole axis
    found = find_drawn(labels)
    assert found == {axis: [13, 16, 19]}
    assert 3 in find_complete(labels, axis)
    filled = interpolate(labels)
    assert (filled == 1).sum() == 512
    assert (filled == 3).sum() == 25 * 4
    assert (filled == 2).sum() == 7 * 81


def test_a_tumour_drawn_on_some_slices_of_a_complete_organ_is_filled_inside_it() -> None:
    labels = np.zeros((9, 20, 20), np.uint8)
    labels[:, 2:18, 2:18] = 1
    labels[[2, 6], 6:12, 6:12] = 2
    filled = interpolate(labels)
    assert (filled[2:7] == 2).sum(axis=(1, 2)).tolist() == [36] * 5
    assert (filled > 0).sum() == 9 * 256


def test_two_objects_of_one_label_side_by_side_are_no_drawn_slices() -> None:
    kidneys = np.zeros((8, 20, 40), np.uint8)
    kidneys[:, 5:15, 4:12] = kidneys[:, 5:15, 28:36] = 1
    kidneys[[1, 2, 4, 5, 7]] = 0
    assert find_drawn(kidneys) == {0: [0, 3, 6]}


def test_slices_of_labels_that_end_early_count_for_all_of_them() -> None:
    labels = np.zeros((9, 10, 10), np.uint8)
    labels[[2, 5], 1:4, 1:4] = 1
    labels[[5, 8], 6:9, 6:9] = 2
    assert find_drawn(labels) == {0: [2, 5, 8]}
    assert find_complete(labels, 0) == []
    one_each = np.zeros((9, 10, 10), np.uint8)
    one_each[2, 1:4, 1:4], one_each[6, 1:4, 1:4] = 1, 2
    assert find_drawn(one_each) == {0: [2, 6]}


def test_a_mask_without_gaps_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing is left"):
        find_drawn(organ_and_tumour() == 1)
