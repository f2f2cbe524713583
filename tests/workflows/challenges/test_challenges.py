"""Challenges: divided by block, movie or case, scored like their protocols say, continued where they were stopped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ctc_metrics import evaluate_sequence
from tests.instances import movies
from tests.workflows.datasets import volumes, write_image, write_labels

from septum import io
from septum.errors import Cancelled, ConfigError, DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.challenges import ctc, decathlon, em, run, solvers, vessels
from septum.workflows.challenges.settings import ChallengeSettings
from septum.workflows.challenges.table import CHALLENGES, find_challenge
from septum.workflows.data.cases import UNANNOTATED, load_image, load_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.model import plan
from septum.workflows.pipelines.pipeline import Pipeline, make_step
from septum.workflows.pipelines.segment import PIPELINE
from septum.workflows.runs.hooks import Hooks

QUIET = Hooks()


class Oracle:
    """A method that knows the truth, but for what a test spoils."""

    def __init__(self, spoil: Any = lambda array: array, *, membranes: bool = False) -> None:
        self.spoil, self.membranes = spoil, membranes

    def masks(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            labels = np.zeros(load_image(case).grid.shape, np.uint16) if case.label is None else load_labels(case).array
            found = self.spoil(np.maximum(labels, 0)).astype(np.uint16)
            path = folder / f"{case.id}{io.label_suffix(case.images[0].path)}"
            io.write_labels(path, LabelMap(found, load_image(case).grid))

    def maps(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            labels = load_labels(case).array
            chances = self.spoil((labels == 0 if self.membranes else labels > 0).astype(np.float32))
            io.write_image(folder / f"{case.id}.tif", Image(chances[None], Grid.pixels(chances.shape)))


def membranes(root: Path, sections: int = 10, size: int = 48) -> Path:
    """Sections of square cells with membranes of two pixels, as the challenge labels them."""
    rng = np.random.default_rng(0)
    for number in range(sections):
        labels = np.full((size, size), 255, np.uint8)
        for at in range(number % 3 + 8, size, 16):
            labels[at : at + 2], labels[:, at : at + 2] = 0, 0
        image = (labels // 2 + rng.integers(0, 60, labels.shape)).astype(np.uint8)
        write_image(root / "images" / f"{number:02d}.png", image)
        write_labels(root / "labels" / f"{number:02d}.png", labels)
    return root


def movie_set(root: Path, *, frames: int = 8) -> list[list[np.ndarray]]:
    """Two movies with tracks, and outlines of every other frame."""
    found = []
    for number in (1, 2):
        cells = movies.wandering(number, shape=(96, 96), frames=frames, cells=4, divisions=0)
        labels, images, rows = movies.draw(cells, shape=(96, 96), frames=frames)
        for t, (frame, image) in enumerate(zip(labels, images, strict=True)):
            write_image(root / f"{number:02d}" / f"t{t:03d}.tif", image)
            write_labels(root / f"{number:02d}_GT" / "TRA" / f"man_track{t:03d}.tif", frame)
            if t % 2 == 0:
                write_labels(root / f"{number:02d}_GT" / "SEG" / f"man_seg{t:03d}.tif", frame)
        lines = [(label, first, min(last, frames - 1), parent) for label, first, last, parent in rows]
        np.savetxt(root / f"{number:02d}_GT" / "TRA" / "man_track.txt", np.array(lines), "%d")
        found.append(labels)
    return found


def eyes(root: Path, *, first: int, count: int, second: bool = False) -> None:
    """Images with a vessel in a round field of view, named as DRIVE names them."""
    y, x = np.mgrid[:40, :44]
    field = ((y - 20) ** 2 + (x - 22) ** 2 < 18**2).astype(np.uint8) * 255
    for number in range(first, first + count):
        vessel = (((np.abs(x - 12 - number % 5) < 3) | (y == 5)) & (field > 0)).astype(np.uint8) * 255
        image = np.repeat((60 + 50 * (field > 0) - vessel // 6)[..., None], 3, -1).astype(np.uint8)
        for kind, array, name in (
            ("1st_manual", vessel, f"{number:02d}_manual1.png"),
            ("mask", field, f"{number:02d}_test_mask.png"),
            *((("2nd_manual", np.roll(vessel, 1, 1), f"{number:02d}_manual2.png"),) if second else ()),
        ):
            write_labels(root / kind / name, array)
        (root / "images").mkdir(parents=True, exist_ok=True)
        io.write_image(root / "images" / f"{number:02d}_x.png", Image(np.moveaxis(image, -1, 0), Grid.pixels((40, 44))))


def organ(root: Path) -> Path:
    """A Decathlon task of six labelled volumes and one without labels."""
    volumes(root, 7)
    (root / "labels" / "scan6.nii.gz").unlink()
    rows = ", ".join(f'{{"image": "images/scan{i}.nii.gz", "label": "labels/scan{i}.nii.gz"}}' for i in range(6))
    (root / "dataset.json").write_text(
        f'{{"labels": {{"0": "background", "1": "box"}}, "training": [{rows}], "test": ["images/scan6.nii.gz"]}}'
    )
    return root


def taken(name: str, data: Path, work: Path, solver: Oracle) -> Any:
    """What a solver reaches in a challenge."""
    challenge = find_challenge(name)
    division = challenge.divide(data, work / "division")
    for part in division.parts:
        challenge.predict(solver, part, folder=work, hooks=QUIET)
    return division, challenge.score(division, work, hooks=QUIET)


# -- the challenges ----------------------------------------------------------------------------------------------------


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


def test_ctc_tests_each_movie_by_the_other_and_agrees_with_the_challenges_own_scores(tmp_path: Path) -> None:
    data = tmp_path / "ctc"
    movie_set(data)

    class Marks(Oracle):
        def masks(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for t, case in enumerate(cases):
                truth = data / f"{case.id[:2]}_GT" / "TRA" / f"man_track{t:03d}.tif"
                labels = io.read_labels(truth).array.copy()
                if t == 3:  # one cell is missed once
                    labels[labels == labels.max()] = 0
                io.write_labels(folder / f"{case.id}.tif", LabelMap(labels, Grid.pixels(labels.shape)))

    division, found = taken("ctc", data, tmp_path / "out", Marks())
    assert [part.name for part in division.parts] == ["01", "02"]
    first = load_dataset(division.parts[0].training).labelled
    assert {case.group for case in first} == {"02"}
    for row in found.images:
        name = row["movie"]
        theirs = evaluate_sequence(
            str(tmp_path / "out" / f"{name}_RES"), str(data / f"{name}_GT"), ["SEG", "DET", "TRA"], threads=1
        )
        assert (row["seg"], row["det"], row["tra"]) == pytest.approx((theirs["SEG"], theirs["DET"], theirs["TRA"]))
    assert 0.8 < found.values["op_ctb"] < 1


def test_ctc_trains_only_where_a_frame_is_annotated_in_full(tmp_path: Path) -> None:
    labels = movie_set(tmp_path / "ctc")
    frame = labels[1][2]
    left_out = frame.max()
    write_labels(
        tmp_path / "ctc" / "02_GT" / "SEG" / "man_seg002.tif", np.where(frame == left_out, 0, frame).astype(np.uint16)
    )
    division = ctc.divide(tmp_path / "ctc", tmp_path / "work")
    cases = load_dataset(division.parts[0].training).labelled
    known = load_labels(next(case for case in cases if case.id.endswith("002"))).array
    assert (known[frame == left_out] == UNANNOTATED).all()
    assert (known == 0).any()
    full = load_labels(next(case for case in cases if case.id.endswith("004"))).array
    assert not (full == UNANNOTATED).any()


def test_ctc_says_what_is_missing_and_that_a_single_movie_tests_itself(tmp_path: Path) -> None:
    movie_set(tmp_path / "ctc")
    for path in (tmp_path / "ctc" / "02_GT" / "SEG").iterdir():
        path.unlink()
    division = ctc.divide(tmp_path / "ctc", tmp_path / "work")
    assert any("trained on" in note for note in division.notes)
    for path in (tmp_path / "ctc" / "01_GT" / "SEG").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="01_GT/SEG"):
        ctc.divide(tmp_path / "ctc", tmp_path / "work")


def test_vessels_score_inside_the_field_of_view_and_beside_the_second_reader(tmp_path: Path) -> None:
    data = tmp_path / "drive"
    eyes(data / "training", first=21, count=4)
    eyes(data / "test", first=1, count=2, second=True)

    def outside(chances: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[:40, :44]
        return np.where((y - 20) ** 2 + (x - 22) ** 2 < 18**2, chances, 1.0).astype(np.float32)

    division, found = taken("vessels", data, tmp_path / "out", Oracle(outside))
    assert found.values["dice"] == found.values["auc"] == found.values["accuracy"] == 1
    (rival,) = vessels.rivals(division).values()
    assert 0.3 < rival["dice"] < 1
    assert np.isnan(rival["auc"])


def test_vessels_take_one_folder_and_say_that_it_is_not_drives_division(tmp_path: Path) -> None:
    eyes(tmp_path / "drive", first=21, count=5)
    division = vessels.divide(tmp_path / "drive", tmp_path / "work")
    assert "not DRIVE" in division.notes[0]
    assert vessels.rivals(division) == {}
    with pytest.raises(DatasetError, match="at least 4"):
        vessels.divide(tmp_path, tmp_path / "work")


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


# -- the frame ---------------------------------------------------------------------------------------------------------


def play(data: Path, output: Path, hooks: Hooks = QUIET, **settings: Any) -> run.ChallengeResult:
    chosen = ChallengeSettings(**{"steps": 2, "precision": "32-true", "devices": "cpu"} | settings)
    return run.run_challenge("em", data, output=output, settings=chosen, hooks=hooks, on_status=lambda status: None)


def test_a_network_and_a_classical_method_take_part_and_the_page_shows_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(table: Path, folder: Path, *, settings: Any, hooks: Hooks) -> bool:
        assert settings.background == 255
        assert len(load_dataset(table).labelled) == 4
        steps = (make_step("otsu"), make_step("assign", {"values": [0.0, 255.0]}))
        (folder / PIPELINE).write_text(Pipeline(steps).to_toml())
        return True

    monkeypatch.setattr(solvers, "suggest", choose)
    monkeypatch.setattr(plan, "lecture", partial(plan.lecture, features=(4, 8)))
    data, out = membranes(tmp_path / "em", 6, 32), tmp_path / "out"
    result = play(data, out, methods=("lecture",))
    assert set(result.table["method"]) == {"lecture"}
    result = play(data, out, methods=("lecture", "classical"))  # what is finished is read
    page = result.page.read_text()
    for word in ("lecture", "classical", "V_rand", "no entry of the leader board", "medical device", "image/jpeg"):
        assert word in page
    assert result.table.set_index("method").loc["classical", "v_rand"] > 0.9
    assert (result.table["seconds_per_image"] > 0).all()
    with pytest.raises(ConfigError, match="another in settings"):
        play(data, out, methods=("lecture",), seed=1)


def test_finished_methods_are_kept_when_a_run_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Learner(SimpleNamespace):
        def learn(self, method: str, part: Any, *, folder: Path) -> Oracle:
            asked.append(method)
            if method == "paper" and asked.count("paper") == 1:
                raise Cancelled
            folder.mkdir(parents=True)
            run.write_json(folder / run.TIMES, {"seconds": 60.0, "steps": 5})
            return Oracle(membranes=True)

    monkeypatch.setattr(run, "Learner", lambda *given, **named: Learner())
    data, out = membranes(tmp_path / "em", 5), tmp_path / "out"
    with pytest.raises(Cancelled):
        play(data, out, methods=("auto", "paper"))
    assert (out / run.PAGE).is_file()
    table = play(data, out, methods=("auto", "paper")).table
    assert asked == ["auto", "paper", "paper"]
    assert table["minutes"].tolist() == [1.0, 1.0]


def test_wrong_challenges_methods_budgets_and_folders_are_refused(tmp_path: Path) -> None:
    data = membranes(tmp_path / "em", 5)
    with pytest.raises(ConfigError, match="em, ctc, vessels, decathlon"):
        find_challenge("ems")
    with pytest.raises(ConfigError, match="among auto"):
        play(data, tmp_path / "out", methods=("pape",))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="other files"):
        play(data, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    for wrong in ({"minutes": 1.0, "steps": 1}, {"steps": 0}, {"methods": ("auto", "auto")}):
        with pytest.raises(ConfigError):
            replace(ChallengeSettings(), **wrong)


def test_every_row_of_the_table_names_scores_caution_and_methods() -> None:
    for row in CHALLENGES:
        assert row.columns
        assert len({column.key for column in row.columns}) == len(row.columns)
        assert row.caution
        assert row.methods[0] == "auto"
