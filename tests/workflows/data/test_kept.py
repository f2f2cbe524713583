"""Labels of one run are decoded once while there is room, and are what the file holds in any case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import planes

from septum import io
from septum.workflows.data.cases import load_labels
from septum.workflows.data.kept import labels_kept
from septum.workflows.data.load import load_dataset


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The label files that were decoded."""
    read, found = io.read_labels, []

    def counted(path: Path, **how: object) -> object:
        found.append(path)
        return read(path, **how)

    monkeypatch.setattr(io, "read_labels", counted)
    return found


def test_within_a_run_each_label_file_is_decoded_once(tmp_path: Path, reads: list[Path]) -> None:
    cases = load_dataset(planes(tmp_path)).labelled
    with labels_kept():
        first, second = ([load_labels(case) for case in cases] for _ in range(2))
    assert len(reads) == len(set(reads)) == len(cases)
    assert [labels.array.sum() for labels in first] == [labels.array.sum() for labels in second]
    load_labels(cases[0])
    assert len(reads) == len(cases) + 1  # forgotten at the end


def test_what_does_not_fit_is_read_again(tmp_path: Path, reads: list[Path]) -> None:
    cases = load_dataset(planes(tmp_path)).labelled
    room = load_labels(cases[0]).array.nbytes
    reads.clear()
    with labels_kept(most_bytes=room):
        for _ in range(2):
            arrays = [load_labels(case).array for case in cases]
    assert len(reads) == 1 + 2 * (len(cases) - 1)
    np.testing.assert_array_equal(arrays[0], load_labels(cases[0]).array)


def test_kept_labels_cannot_be_changed_by_their_first_reader(tmp_path: Path) -> None:
    case = load_dataset(planes(tmp_path)).labelled[0]
    with labels_kept(), pytest.raises(ValueError, match="read-only"):
        load_labels(case).array[0, 0] = 9


def test_training_decodes_each_label_file_once(tmp_path: Path, reads: list[Path]) -> None:
    from septum.workflows.model.settings import TrainSettings
    from septum.workflows.training.train import train

    root = planes(tmp_path / "set")
    settings = TrainSettings(steps=2, network="lecture")
    train(root, tmp_path / "model", settings=settings)
    own = [path for path in reads if (root / "labels") in path.parents]
    assert own
    assert len(own) == len(set(own))
