"""A task of the Decathlon: a fifth is held out, each label is scored, the official test is predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.challenges.oracle import Oracle, taken
from tests.workflows.datasets import volumes

from septum.errors import DatasetError
from septum.workflows.challenges import decathlon
from septum.workflows.data.load import load_dataset


def organ(root: Path) -> Path:
    """A Decathlon task of six labelled volumes and one without labels."""
    volumes(root, 7)
    (root / "labels" / "scan6.nii.gz").unlink()
    rows = ", ".join(f'{{"image": "images/scan{i}.nii.gz", "label": "labels/scan{i}.nii.gz"}}' for i in range(6))
    (root / "dataset.json").write_text(
        f'{{"labels": {{"0": "background", "1": "box"}}, "training": [{rows}], "test": ["images/scan6.nii.gz"]}}'
    )
    return root


def test_decathlon_scores_each_label_and_predicts_the_cases_without_labels(tmp_path: Path) -> None:
    division, found = taken("decathlon", organ(tmp_path / "task"), tmp_path / "out", Oracle())
    (part,) = division.parts
    names = {case.id for case in load_dataset(part.training).labelled}
    assert not names & {case.id for case in part.tests}
    assert load_dataset(part.training).label_names == {0: "background", 1: "box"}
    assert found.values == {"dice": 1.0, "nsd": 1.0}
    assert len(list((tmp_path / "out" / decathlon.HANDED_IN).iterdir())) == 1
    _, worse = taken("decathlon", tmp_path / "task", tmp_path / "again", Oracle(lambda a: np.roll(a, 2, -1)))
    assert worse.values["dice"] < 0.8
    assert worse.values["nsd"] < 1


def test_the_picture_of_a_case_says_its_own_dice(tmp_path: Path) -> None:
    _, found = taken("decathlon", organ(tmp_path / "task"), tmp_path / "out", Oracle())
    case = load_dataset(tmp_path / "task").labelled[0]
    mask = decathlon._mask(case, tmp_path / "masks")
    mask.parent.mkdir(parents=True)
    assert case.label is not None
    mask.write_bytes(case.label.path.read_bytes())
    rows = [{"case": case.id, "dice": 0.5}, {"case": case.id, "dice": 0.75}, {"case": "another", "dice": 0.1}]
    assert "Dice 0.625" in decathlon._picture(case, tmp_path / "masks", rows=rows).line
    assert found.values["dice"] == 1.0


def test_a_folder_that_is_no_task_of_the_decathlon_is_refused(tmp_path: Path) -> None:
    volumes(tmp_path / "plain", 6)
    with pytest.raises(DatasetError, match=r"must hold dataset\.json"):
        decathlon.divide(tmp_path / "plain", tmp_path / "work")
