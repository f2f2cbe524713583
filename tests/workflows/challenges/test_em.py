"""The challenge of membranes: a block is held out, regions count, and the file is the one that is handed in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.challenges.oracle import Oracle, membranes, taken
from tests.workflows.datasets import write_labels

from septum import io
from septum.errors import DatasetError
from septum.workflows.challenges import em
from septum.workflows.data.load import load_dataset


def test_em_holds_out_a_block_and_scores_the_truth_as_perfect(tmp_path: Path) -> None:
    division, found = taken("em", membranes(tmp_path / "em"), tmp_path / "out", Oracle(membranes=True))
    (part,) = division.parts
    trained = [case.id for case in load_dataset(part.training).labelled]
    assert trained == [f"{i:02d}" for i in range(7)]
    assert [c.id for c in part.tuning] == ["07"]
    assert [c.id for c in part.tests] == ["08", "09"]
    assert part.background == 255
    assert found.values["v_rand"] == pytest.approx(1)
    assert found.values["v_info_chosen"] == pytest.approx(1)
    assert found.values["pixel_error"] == found.values["warping_error"] == 0


def test_em_hands_in_a_32_bit_stack_that_is_0_at_membranes(tmp_path: Path) -> None:
    data = membranes(tmp_path / "em")
    taken("em", data, tmp_path / "out", Oracle(membranes=True))
    stack = io.read_image(tmp_path / "out" / em.HELD_OUT).array[0]
    assert (stack.shape, stack.dtype) == ((2, 48, 48), np.float32)
    assert np.array_equal(stack[0] == 0, io.read_labels(data / "labels" / "08.png").array == 0)


def test_em_counts_a_gap_that_joins_two_cells_by_regions_not_by_pixels(tmp_path: Path) -> None:
    def gap(membrane: np.ndarray) -> np.ndarray:
        membrane = membrane.copy()
        membrane[:6] = 0.0  # every membrane of the first rows is open: cells beside each other run together
        return membrane

    _, found = taken("em", membranes(tmp_path / "em"), tmp_path / "out", Oracle(gap, membranes=True))
    assert found.values["pixel_error"] < 0.03
    assert found.values["v_rand"] < 0.95


def test_em_reads_the_challenges_own_stacks_and_predicts_its_test(tmp_path: Path) -> None:
    import tifffile

    single = membranes(tmp_path / "single", 5)
    read = lambda kind: np.stack([io.read_labels(p).array for p in sorted((single / kind).glob("*.png"))])  # noqa: E731
    data = tmp_path / "em"
    data.mkdir()
    tifffile.imwrite(data / em.STACK, read("images"))
    tifffile.imwrite(data / em.TRUTH, read("labels"))
    tifffile.imwrite(data / em.OFFICIAL, read("images")[:2])
    division = em.divide(data, tmp_path / "work")
    assert len(load_dataset(division.parts[0].training).labelled) == 3
    assert len(division.parts[0].unlabelled) == 2
    (data / em.TRUTH).unlink()
    with pytest.raises(DatasetError, match=r"train-labels\.tif"):
        em.divide(data, tmp_path / "again")


def test_em_refuses_few_sections_and_labels_that_are_inverted(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at least 5 sections"):
        em.divide(membranes(tmp_path / "few", 3), tmp_path / "work")
    data = membranes(tmp_path / "inverted", 5)
    for path in (data / "labels").iterdir():
        write_labels(path, 255 - io.read_labels(path).array)
    with pytest.raises(DatasetError, match="invert them"):
        em.divide(data, tmp_path / "work")
    write_labels(data / "labels" / "00.png", np.arange(48 * 48, dtype=np.uint8).reshape(48, 48) % 4)
    with pytest.raises(DatasetError, match="one other value"):
        em.divide(data, tmp_path / "work")
