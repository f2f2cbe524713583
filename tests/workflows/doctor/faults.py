"""What several tests of this room share."""

from __future__ import annotations

import nibabel
import numpy as np
from PIL import Image as Picture
from tests.workflows.data.test_classes import jpeg
from tests.workflows.datasets import VOLUME, mask, picture, planes, volumes, write_image, write_labels

from septum.geometry import Grid
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.examine import examine
from septum.workflows.doctor.mend import mend


def codes(root):
    return {finding.code for finding in examine(root)}


def tree(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def shifted(root):
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), VOLUME.crop((0, 0, 0.5), VOLUME.shape))


def lost_geometry(root):
    grid = Grid.from_spacing(VOLUME.shape, (1, 1, 1))
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), grid)


def rounded_geometry(root):
    grid = VOLUME.crop((0, 0, 0.01), VOLUME.shape)
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), grid)


def reoriented(root):
    affine = VOLUME.affine.copy()
    affine[:, 3] += affine[:, 2] * (VOLUME.shape[2] - 1)
    affine[:, 2] *= -1
    labels = np.ascontiguousarray(mask(1, VOLUME.shape)[:, :, ::-1].transpose(1, 0, 2))
    grid = Grid(labels.shape, affine[:, [1, 0, 2, 3]])
    write_labels(volumes(root) / "labels/scan1.nii.gz", labels, grid)


def cropped_labels(root):
    start, shape = (2, 2, 2), (6, 8, 9)
    box = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape)[box], VOLUME.crop(start, shape))


def whole_floats(root):
    _float_labels(root, mask(1, VOLUME.shape).astype(np.float32))


def soft(root):
    from scipy import ndimage

    _float_labels(root, ndimage.gaussian_filter(mask(1, VOLUME.shape).astype(np.float32), 0.6))


def interpolated(root):
    labels = 2.0 * mask(1, VOLUME.shape).astype(np.float32)
    labels[5, 6, 7] = 1.37
    _float_labels(root, labels)


def _float_labels(root, array):
    reference = nibabel.load(volumes(root) / "labels/scan1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), reference.affine), root / "labels/scan1.nii.gz")


def antialiased(root):
    for i in range(3):
        write_image(root / f"images/c{i}.png", picture(i, (80, 80)))
        write_labels(root / f"labels/c{i}.png", 255 * mask(i, (80, 80)))
    write_labels(root / "labels/c1.png", jpeg())


def colours(root):
    array = np.zeros((24, 32, 3), np.uint8)
    array[5:10, 5:10] = (255, 0, 0)
    array[12:20, 12:20] = (0, 255, 0)
    Picture.fromarray(array).save(planes(root) / "labels/case1.png")


def not_finite(root):
    array = picture(1, VOLUME.shape).astype(np.float32)
    array[0, 0, :3] = (np.nan, np.inf, -np.inf)
    write_image(volumes(root) / "images/scan1.nii.gz", array, VOLUME)


def coding(root):
    write_labels(planes(root) / "labels/case1.png", 255 * mask(1))


def copy_of(tmp_path, fault):
    fault(tmp_path / "set")
    log = mend(tmp_path / "set", tmp_path / "copy")
    return load_dataset(tmp_path / "copy"), log
