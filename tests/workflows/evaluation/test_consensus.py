"""Readers together: κ in the report, and consensus masks as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813
from sklearn.metrics import cohen_kappa_score
from tests.workflows.evaluation.cohorts import N, cohort, disc, run

from septum import io
from septum.errors import Cancelled, ConfigError
from septum.geometry import Grid, LabelMap
from septum.workflows.runs.hooks import Hooks

GRID = Grid((2, 40, 44), np.diag([3.0, 0.5, 0.5, 1.0]))


@pytest.fixture
def readers(tmp_path: Path) -> dict[str, Path]:
    """Anna draws too large, ben too small, cleo to the side; twin is ben."""
    made = {"anna": {"grow": 1.0}, "ben": {"grow": -1.0}, "cleo": {"shift": 2}, "twin": {"grow": -1.0}}
    return {name: cohort(tmp_path / name, **how) for name, how in made.items()}  # type: ignore[arg-type]


def drawn(i: int) -> list[Any]:
    return [disc(9 + i / 2), disc(7 + i / 2), disc(8 + i / 2, shift=2)]


def test_kappa_of_independent_readers_is_in_the_report(readers: dict[str, Path], tmp_path: Path) -> None:
    result = run(cohort(tmp_path / "p"), cohort(tmp_path / "ref"), tmp_path / "out", readers=readers)
    table = pd.read_csv(tmp_path / "out" / "readers.csv").set_index(["masks", "against"])
    by_hand = np.mean([cohen_kappa_score(drawn(i)[0].ravel(), drawn(i)[1].ravel()) for i in range(N)])
    assert table.loc[("anna", "ben"), "mean_kappa"] == pytest.approx(by_hand)
    assert np.isnan(table.loc[("ben", "twin"), "mean_kappa"])  # a copy has no agreement of its own
    voxels = pd.read_csv(tmp_path / "out" / "voxels.csv")
    assert voxels["readers"].tolist() == [3] * N
    assert "all readers (Fleiss)" in result.report.read_text()
    assert f"Fleiss' kappa {voxels['fleiss_kappa'].mean():.3f}" in result.lines[0]


def test_consensus_masks_are_written_and_scored(readers: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "masks"
    run(cohort(tmp_path / "p"), cohort(tmp_path / "ref"), tmp_path / "out", readers=readers, consensus=out)
    assert sorted(p.name for p in out.iterdir()) == ["majority", "staple"]
    for i in range(N):
        majority = np.sum(drawn(i), axis=0) >= 2
        np.testing.assert_array_equal(io.read_labels(out / "majority" / f"c{i}.png").array, majority)
        found = io.read_labels(out / "staple" / f"c{i}.png").array > 0
        oracle = sitk.STAPLEImageFilter().Execute([sitk.GetImageFromArray(m[:, 4:]) for m in drawn(i)])
        theirs = np.zeros_like(found)
        theirs[:, 4:] = sitk.GetArrayFromImage(oracle) > 0.5
        assert found.any()
        assert (found != theirs).mean() < 0.01  # the box differs by columns in which nobody marked anything
    table = pd.read_csv(tmp_path / "out" / "readers.csv").set_index("masks")
    by_hand = [2 * (m & r).sum() / (m.sum() + r.sum()) for m, r in
               ((np.sum(drawn(i), axis=0) >= 2, disc(8 + i / 2) > 0) for i in range(N))]  # fmt: skip
    assert table.loc["consensus, majority", "mean_dice"] == pytest.approx(np.mean(by_hand))


def test_consensus_keeps_grid_names_and_the_value_of_the_background(tmp_path: Path) -> None:
    def volumes(folder: Path, grow: float) -> Path:
        folder.mkdir()
        plane = np.where(disc(9 + grow) > 0, 0, 255).astype(np.uint8)  # 0 marks the structure
        io.write_labels(folder / "v.nii.gz", LabelMap(np.stack([plane, plane]), GRID))
        return folder

    people = {f"r{i}": volumes(tmp_path / f"r{i}", grow) for i, grow in enumerate((-1, 0, 1))}
    truth = volumes(tmp_path / "ref", 0.5)
    run(truth, truth, tmp_path / "out", readers=people, consensus=tmp_path / "masks", background=255)
    found = io.read_labels(tmp_path / "masks" / "majority" / "v.nii.gz")
    assert found.grid.matches(GRID)
    np.testing.assert_array_equal(found.array[0] == 0, disc(9) > 0)
    assert found.array.max() == 255


def test_consensus_is_refused_without_two_independent_readers(readers: dict[str, Path], tmp_path: Path) -> None:
    truth, out = cohort(tmp_path / "ref"), tmp_path / "masks"
    with pytest.raises(ConfigError, match="at least two --readers, got 1"):
        run(truth, truth, tmp_path / "out", readers={"anna": readers["anna"]}, consensus=out)
    copies = {"ben": readers["ben"], "twin": readers["twin"]}
    with pytest.raises(ConfigError, match="got 1 that are no copies"):
        run(truth, truth, tmp_path / "out", readers=copies, consensus=out)
    assert not out.exists()


def test_consensus_is_replaced_only_when_asked_and_a_stop_leaves_nothing(
    readers: dict[str, Path], tmp_path: Path
) -> None:
    truth, out = cohort(tmp_path / "ref"), tmp_path / "masks"
    seen: list[str] = []
    hooks = Hooks(on_progress=lambda what, _: seen.append(what), should_stop=lambda: "readers of c0" in seen)
    with pytest.raises(Cancelled):
        run(truth, truth, tmp_path / "out", readers=readers, consensus=out, hooks=hooks)
    assert list(out.iterdir()) == []
    run(truth, truth, tmp_path / "out", readers=readers, consensus=out)
    with pytest.raises(ConfigError, match="already holds majority"):
        run(truth, truth, tmp_path / "other", readers=readers, consensus=out)
    run(truth, truth, tmp_path / "other", readers=readers, consensus=out, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be a folder"):
        run(truth, truth, tmp_path / "third", readers=readers, consensus=tmp_path / "file")
