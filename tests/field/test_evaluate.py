"""What people suffered when they measured masks: errors outside a cropped reference that no score showed."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from septum.errors import GeometryError
from septum.geometry import Grid, LabelMap
from septum.workflows.evaluation.covering import cover
from septum.workflows.evaluation.evaluate import EvaluationResult, evaluate
from septum.workflows.evaluation.settings import EvaluateSettings


def nifti(path: Path, array: np.ndarray, origin: float = 0.0, spacing: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = origin
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def scored(folder: Path, **options: object) -> EvaluationResult:
    settings = EvaluateSettings(resample=True, **options)
    return evaluate(folder / "p", folder / "r", output=folder / "out", settings=settings)


def masks() -> tuple[np.ndarray, np.ndarray]:
    reference = np.zeros((30, 30, 30), np.uint8)
    reference[10:15, 10:15, 10:15] = 1
    prediction = reference.copy()
    prediction[20:28, 20:28, 20:28] = 1
    return reference, prediction


@pytest.mark.parametrize("background", [0, 255])
def test_false_positives_outside_a_cropped_reference_count(tmp_path: Path, background: int) -> None:
    reference, prediction = masks()
    if background:
        reference, prediction = (np.where(mask, 1, 255).astype(np.uint8) for mask in (reference, prediction))
    nifti(tmp_path / "r" / "a.nii.gz", reference[8:18, 8:18, 8:18].copy(), 8)
    nifti(tmp_path / "p" / "a.nii.gz", prediction)
    result = scored(tmp_path, background=background, metrics=("overlap", "surface"))
    assert result.mean_dice == pytest.approx(2 * 125 / (125 + 125 + 512))
    (score,) = result.scores
    assert score.counts.fp == 512
    # the farthest false voxel (27, 27, 27) from the nearest true one (14, 14, 14), as surfaces see it
    assert score.values["hausdorff"] == pytest.approx(13 * np.sqrt(3), abs=1.0)
    assert "512 samples" in " ".join(result.notes)


def test_what_a_cropped_prediction_cannot_hold_is_missed(tmp_path: Path) -> None:
    whole, both = masks()
    nifti(tmp_path / "r" / "a.nii.gz", both)
    nifti(tmp_path / "p" / "a.nii.gz", whole[8:18, 8:18, 8:18].copy(), 8)
    result = scored(tmp_path)
    assert result.mean_dice == pytest.approx(2 * 125 / (125 + 125 + 512))
    assert "1 references mark samples beyond the edges" in " ".join(result.notes)


def test_masks_that_share_no_place_are_refused_even_with_resample(tmp_path: Path) -> None:
    reference, prediction = masks()
    nifti(tmp_path / "r" / "a.nii.gz", reference)
    nifti(tmp_path / "p" / "a.nii.gz", prediction[:20], 500)
    with pytest.raises(GeometryError, match=r"share no place\); check that they belong together$"):
        scored(tmp_path)


def test_a_growing_reference_agrees_with_a_reference_that_was_never_cropped() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        spacing = rng.uniform(0.5, 2, 2)
        full = Grid.from_spacing((40, 36), spacing)
        truth = (rng.random(full.shape) < 0.1).astype(np.uint8)
        start, size = rng.integers(0, 12, 2), rng.integers(8, 24, 2)
        window = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
        outside = truth.copy()
        outside[window] = 0
        small = LabelMap(truth[window].copy(), full.crop(start, size))
        guess = LabelMap((rng.random(full.shape) < 0.1).astype(np.uint8), full)
        found = cover(small, guess, background=0)
        assert not isinstance(found, str)
        expected = np.count_nonzero((truth > outside) & (guess.array > 0)), int(guess.array.sum())
        both = np.count_nonzero((found.reference.array > 0) & (found.prediction.array > 0))
        assert (both, int(found.prediction.array.sum())) == expected
        assert found.outside == int(guess.array.sum()) - int(guess.array[window].sum())
