"""How a training begins: the division that cases get, the plan that is followed, and what cannot be learnt is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.models import MODEL, PLAN

from septum.errors import ConfigError, DatasetError
from septum.net.learning.sampling import Sample
from septum.workflows.data.cases import Case, Dataset, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import Fold
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.machine import Machine
from septum.workflows.model.plan import plan_json, read_plan
from septum.workflows.model.settings import TrainSettings
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import begin
from septum.workflows.training.begin import (
    FEW_CASES,
    JUDGE,
    choose_folds,
    claim,
    classes_of,
    divide_cases,
    mostly_foreground,
    planned_machine,
    resolve_plan,
    said,
    settle_folds,
    without_failed,
)


def cases(count: int, **given: Any) -> list[Case]:
    return [Case(f"c{n}", (Source(Path(f"c{n}.png")),), Source(Path(f"l{n}.png")), **given) for n in range(count)]


@pytest.mark.parametrize(
    ("given", "settings", "folds"),
    [
        (cases(5), {}, "thirds"),
        (cases(FEW_CASES - 1), {}, "thirds"),
        (cases(FEW_CASES), {}, "one"),
        (cases(2), {}, "thirds"),
        (cases(1), {}, "one"),
        (cases(5), {"steps": 3}, "one"),
        (cases(5), {"members": 2}, "one"),
        (cases(5), {"prompts": True}, "one"),
        (cases(5, group="anna"), {}, "one"),
        ([*cases(4), replace(cases(5)[4], split="val")], {}, "one"),
        ([*cases(4), replace(cases(5)[4], split="train")], {}, "thirds"),
        (cases(5), {"folds": "all"}, "all"),
    ],
)
def test_a_handful_by_minutes_is_divided_in_thirds(given: list[Case], settings: dict[str, Any], folds: str) -> None:
    assert settle_folds(TrainSettings(**settings), given).folds == folds


def test_an_old_model_is_replaced_only_when_asked_for_and_a_resumed_one_kept(tmp_path: Path) -> None:
    output = tmp_path / "model"
    assert claim(output, resume=False, overwrite=False).path == output
    assert output.is_dir()
    (output / "plan.json").write_text("{}")
    with pytest.raises(ConfigError, match="not empty"):
        claim(output, resume=False, overwrite=False)
    claim(output, resume=True, overwrite=False)
    assert (output / "plan.json").is_file()
    claim(output, resume=False, overwrite=True)
    assert list(output.iterdir()) == []


def test_the_precision_of_a_plan_comes_before_the_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(begin, "usual_machine", lambda devices, precision: Machine("usual", precision))
    monkeypatch.setattr(begin, "measure_machine", lambda devices, precision: Machine("measured", precision))
    (tmp_path / "plan.json").write_text(plan_json(replace(PLAN, precision="16-mixed")))
    own, given = TrainSettings(devices="cpu"), TrainSettings(devices="cpu", plan=tmp_path / "plan.json")
    assert planned_machine(own, tmp_path, resume=True) == Machine("cpu", "16-mixed")
    assert planned_machine(given, tmp_path / "new", resume=False) == Machine("cpu", "16-mixed")
    assert planned_machine(own, tmp_path, resume=False) == Machine("measured", "auto")
    assert planned_machine(replace(own, steps=5), tmp_path, resume=False) == Machine("usual", "auto")


def resolved(folder: Path, among: Sequence[Case] = (), **given: Any) -> Any:
    data = Dataset(folder, "folders", ())
    return resolve_plan(
        data, among, folder=ModelFolder(folder), settings=TrainSettings(**given), machine=Machine("cpu", "32-true"),
        hooks=Hooks(), failures=Failures(),
    )  # fmt: skip


def test_an_edited_plan_is_followed_with_the_budget_that_was_asked_for(tmp_path: Path) -> None:
    plan = resolved(tmp_path, plan=MODEL / "plan.json", steps=7, seed=5)
    assert (plan.budget.steps, plan.budget.minutes, plan.seed) == (7, None, 5)
    assert replace(plan, budget=PLAN.budget, seed=PLAN.seed, followed="") == PLAN
    assert plan.origin == "the plan in plan.json"
    assert read_plan(tmp_path / "plan.json") == plan
    assert (tmp_path / "settings.toml").is_file()
    with pytest.raises(ConfigError, match="must hold prompts"):
        resolved(tmp_path / "other", plan=MODEL / "plan.json", prompts=True)


@pytest.mark.parametrize(("lost", "processes", "refused"), [(0, 2, False), (1, 1, False), (2, 1, True), (1, 2, True)])
def test_half_of_the_cases_must_be_readable(lost: int, processes: int, refused: bool) -> None:
    failures = Failures([(f"c{n}", "it is broken") for n in range(lost)])
    if refused:
        with pytest.raises(DatasetError, match=rf"got {lost} of 4 that are not:\n  c0: it is broken"):
            without_failed(cases(4), failures, processes=processes)
    else:
        kept = without_failed(cases(4), failures, processes=processes)
        assert [case.id for case in kept] == [f"c{n}" for n in range(lost, 4)]


def folds(count: int) -> list[Fold]:
    return [Fold((f"t{n}",), (f"v{n}",), note="few cases") for n in range(count)]


@pytest.mark.parametrize(
    ("settings", "indices", "held_out"),
    [
        ({"folds": "one"}, [0], ["v0"]),
        ({"folds": "one", "members": 3}, [0, 1, 2], ["v0", "v0", "v0"]),
        ({"folds": "thirds"}, [0, 1, 2, 3], ["v0", "v1", "v2", "v3"]),
        ({"folds": "all"}, [0, 1, 2, 3], ["v0", "v1", "v2", "v3"]),
        ({"folds": "2,0"}, [2, 0], ["v2", "v0"]),
    ],
)
def test_networks_are_one_per_fold_or_several_of_one(
    settings: dict[str, Any], indices: list[int], held_out: list[str]
) -> None:
    notes: list[str] = []
    jobs = choose_folds(folds(4), 9, settings=TrainSettings(**settings), on_note=notes.append)
    assert [job.index for job in jobs] == indices
    assert [job.fold.val[0] for job in jobs] == held_out
    assert [(job.place, job.of) for job in jobs] == [(n, len(indices)) for n in range(len(indices))]
    assert notes == ["few cases"]


def test_networks_that_judge_come_first_and_the_one_that_predicts_sees_all_of_their_cases() -> None:
    parts = [Fold(("b", "c"), ("a",)), Fold(("a", "c"), ("b",)), Fold(("a", "b"), ("c",))]
    jobs = choose_folds(parts, 3, settings=TrainSettings(folds="thirds"), judged=True, on_note=print)
    assert [job.index for job in jobs] == [1, 2, 3, 0]
    assert [job.fold for job in jobs[:3]] == parts
    assert sorted(jobs[3].fold.train) == ["a", "b", "c"]
    assert jobs[3].fold.val == ()
    assert jobs[3].after == 3
    assert [job.predicts for job in jobs] == [False, False, False, True]
    assert jobs[3].fold.unlearnt == ()
    rare = [replace(fold, unlearnt=("liver", "tumour") if n else ("liver",)) for n, fold in enumerate(parts)]
    whole = choose_folds(rare, 3, settings=TrainSettings(folds="thirds"), judged=True, on_note=print)[3]
    assert whole.fold.unlearnt == ("liver",)  # that no case holds; what one judge has not seen, this network has
    assert sum(job.share or 0 for job in jobs) == pytest.approx(1)
    assert {job.effort for job in jobs[:3]} == {JUDGE}
    assert (jobs[0].share or 0) / (jobs[3].share or 1) == pytest.approx(JUDGE)
    assert [job.name for job in jobs] == ["judge 1", "judge 2", "judge 3", "the network of all images"]


@pytest.mark.parametrize(("split", "judged"), [(None, True), ("val", False)])
def test_what_a_table_holds_out_is_never_trained_on(tmp_path: Path, split: str | None, judged: bool) -> None:
    given = [replace(case, split=split) for case in cases(1)] + cases(4)[1:]
    plan = resolved(tmp_path, given, folds="thirds", plan=MODEL / "plan.json")
    assert plan.judged == judged
    assert read_plan(tmp_path / "plan.json").judged == judged


def test_a_fold_that_there_is_not_is_refused_and_nothing_held_out_is_said() -> None:
    with pytest.raises(ConfigError, match=r"below 4 for these 9 cases, got \[4\]"):
        choose_folds(folds(4), 9, settings=TrainSettings(folds="0,4"), on_note=print)
    notes: list[str] = []
    choose_folds([Fold(("a",), ())], 1, settings=TrainSettings(folds="none"), on_note=notes.append)
    assert notes == ["no case is held out: measure the model on other images with `septum evaluate`"]


def sample(name: str, *counts: int) -> Sample:
    labels = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)[None]
    return Sample(name, np.zeros((1, *labels.shape), np.float32), labels, (1.0, 1.0))


def test_samples_of_each_class_are_counted_by_name_without_the_background() -> None:
    found = classes_of({"a": sample("a", 9, 2, 3), "b": sample("b", 4), "c": sample("c", 0, 0, 1)}, PLAN)
    assert found == {"a": {"label 3": 2, "label 7": 3}, "b": {}, "c": {"label 7": 1}}


def test_a_class_that_no_training_case_holds_is_named_with_where_it_was_held_out() -> None:
    classes = {"a": {"label 3": 2}, "b": {"label 3": 1, "label 7": 1}, "c": {}}
    fold = said(Fold(("a", "c"), ("b",), note="few cases"), classes, plan=PLAN)
    assert fold.unlearnt == ("label 7",)
    assert fold.note == (
        "few cases; no training case holds label 7 (held out: b): it is not learnt; annotate it in more cases"
    )
    assert said(Fold(("b",), ("a",)), classes, plan=PLAN).note == ""
    assert "held out" not in said(Fold(("a",), ("c",)), classes, plan=PLAN).note
    judge = said(Fold(("a", "c"), ("b",)), classes, plan=PLAN, judges=True)
    assert "it is learnt, but not measured" in judge.note
    assert "it is not learnt" in said(Fold(("a",), ("c",)), classes, plan=PLAN, judges=True).note


def test_nothing_thirds_or_fifths_are_held_out() -> None:
    given = cases(10)
    samples = {case.id: sample(case.id, 5, 5, 5) for case in given}
    (none,) = divide_cases(given, PLAN, settings=TrainSettings(folds="none"), samples=samples)
    assert (len(none.train), none.val) == (10, ())
    for folds, count in (("thirds", 3), ("all", 5)):
        found = divide_cases(given, PLAN, settings=TrainSettings(folds=folds), samples=samples)
        assert len(found) == count
        assert sorted(name for fold in found for name in fold.val) == sorted(case.id for case in given)


@pytest.mark.parametrize(
    ("foreground", "settings", "objects"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"foreground": True}, False),
        (True, {"network": "encoder"}, True),
        (True, {"network": "lecture"}, False),
        (True, {"prompts": True}, False),
    ],
)
def test_ids_are_taken_for_objects_unless_somebody_asked_otherwise(
    foreground: bool, settings: dict[str, Any], objects: bool
) -> None:
    classes = ClassMap((0, 1), ("background", "cell"), foreground=foreground)
    assert begin._of_objects(classes, TrainSettings(**settings)) is objects


@pytest.mark.parametrize(("counts", "foreground", "said"), [((23, 77), False, True), ((60, 40), False, False)])
def test_a_class_that_covers_most_of_the_images_may_be_the_background(
    counts: tuple[int, int], foreground: bool, said: bool
) -> None:
    classes = ClassMap((0, 255), ("background", "foreground"), foreground=foreground, counts=counts)
    assert [note.endswith("train again with --background 255") for note in mostly_foreground(classes)] == [True] * said
