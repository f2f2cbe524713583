"""Every case opened once, every fault named."""

from __future__ import annotations

import numpy as np
import pytest
from tests.workflows.datasets import planes, volumes, write_image, write_labels
from tests.workflows.doctor.faults import codes

from septum.errors import Cancelled
from septum.workflows.doctor.examine import examine
from septum.workflows.runs.hooks import Hooks


@pytest.mark.parametrize("make", [planes, volumes])
def test_sound_data_gives_no_finding(tmp_path, make):
    assert examine(make(tmp_path)) == ()


def test_findings_read_as_one_line_each_and_errors_come_first(tmp_path):
    write_labels(planes(tmp_path) / "labels/case1.png", np.zeros((24, 32), np.uint8))
    write_image(tmp_path / "images/case2.png", np.full((24, 32), 7, np.uint8))
    first, second = examine(tmp_path)
    assert (first.severity, second.severity) == ("error", "note")
    assert str(first).startswith("error    case2  [constant-image] every intensity is 7;")


def test_progress_reaches_the_end(tmp_path):
    seen = []
    examine(planes(tmp_path), hooks=Hooks(lambda case, share: seen.append((case, share))))
    assert [case for case, _ in seen] == ["case0", "case1", "case2", "case3"]
    assert seen[-1][1] == 1.0
    with pytest.raises(Cancelled):
        examine(tmp_path, hooks=Hooks(should_stop=lambda: True))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("em-isbi2012", {"mostly-foreground"}),
        ("phc-t98g-usiigaci", set()),
        ("petctmr-sts-nifti", {"groups-suspected"}),
        ("radiomics-nrrd-pypi", set()),
        ("mri-spinal-cord-sct", {"float-labels", "duplicate-labels"}),
        ("mri-hippocampus-msd/unpaired", {"label-without-image", "no-labels"}),
    ],
)
def test_real_data_sets_give_the_findings_they_deserve_and_no_false_alarm(realdata, name, expected):
    assert codes(realdata / name) == expected
