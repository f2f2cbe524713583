"""What is said of a run: one true line about its plan and its end, what more it would need, and a modest card."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.workflows.models import PLAN

from septum.geometry import Grid, LabelMap
from septum.instances.decode import Decoding
from septum.net.learning.train import TrainOutcome
from septum.workflows.data.cases import UNANNOTATED, Case, Source
from septum.workflows.data.folds import Fold
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan
from septum.workflows.quality.grade import NetworkReference
from septum.workflows.quality.looks import ImageReference
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import measured
from septum.workflows.training.folds import FoldJob
from septum.workflows.training.measured import PASSES, describe_end, describe_need, describe_training
from septum.workflows.training.objects import Tuned


def cases(suffix: str, count: int = 2) -> list[Case]:
    return [Case(f"c{n}", (Source(Path(f"c{n}{suffix}")),)) for n in range(count)]


def test_one_line_says_what_is_trained_and_in_which_unit() -> None:
    line = describe_training(replace(PLAN, spacing=(0.5, 1.25)), cases(".png"))
    assert line == "auto: 2-D U-Net 4-8, patches of 40 x 48, 0.5 x 1.25 px, 2 classes, 2 annotated cases, 32-true"
    assert describe_training(replace(PLAN, followed="small.json"), cases(".png")).startswith("the plan in small.json: ")
    assert "0.5 x 1.25 mm" in describe_training(replace(PLAN, spacing=(0.5, 1.25)), [*cases(".png"), *cases(".nii.gz")])
    assert "own resolution" in describe_training(PLAN, cases(".png"))
    objects = describe_training(replace(PLAN, instances=Decoding(), chosen="few images"), cases(".png"))
    assert objects.endswith("single objects; few images")


def outcome(steps: int = 10, seconds: float = 60.0, reason: str = "budget", dice: float | None = None) -> TrainOutcome:
    return TrainOutcome({}, dice, steps, seconds, reason, ())


def test_the_end_names_fold_time_dice_and_reason() -> None:
    job = FoldJob(2, 0, 1, Fold(("a",), ()))
    assert describe_end(job, outcome()) == "fold 2: 10 steps in 1.0 min; the budget was used"
    assert describe_end(job, outcome(steps=1)) == "fold 2: 1 step in 1.0 min; the budget was used"
    assert describe_end(job, outcome(dice=0.5, reason="stopped")) == (
        "fold 2: 10 steps in 1.0 min, validation Dice 0.5000; it was stopped"
    )


TIMED = replace(PLAN, budget=replace(PLAN.budget, steps=None, minutes=1.0))
TWENTY = Fold(tuple(f"c{n}" for n in range(20)), ())
ALONE = FoldJob(0, 0, 1, TWENTY)


def need(folder: Path, plan: Plan = TIMED, *, job: FoldJob = ALONE, **ended: Any) -> str:
    (folder / "fold_0").mkdir(exist_ok=True)
    write_json(folder / "fold_0" / "run.json", {"reason": "budget", "steps": 10, "seconds": 60.0} | ended)
    return describe_need(ModelFolder(folder), job, plan=plan)


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ({}, "seen 2.0 times; for 20 times on this machine, train again with --minutes 12"),
        ({"seconds": 600}, "--minutes 112 (1.9 hours)"),
        ({"seconds": 0.0}, "--minutes 1"),
        ({"steps": 1}, "only 1 step: "),
        ({"steps": PASSES * 5}, ""),  # batch of 4: each image was seen PASSES times
        ({"steps": PASSES * 5 - 1}, "19.8 times"),
        ({"reason": "stopped"}, ""),
        ({"steps": 0}, ""),
    ],
)
def test_too_few_passes_are_told_with_the_minutes_that_would_do(
    tmp_path: Path, ended: dict[str, Any], told: str
) -> None:
    said = need(tmp_path, **ended)
    assert told in said
    assert bool(said) is bool(told)


def test_who_gave_steps_is_answered_in_steps_and_of_a_judge_nothing_is_said(tmp_path: Path) -> None:
    assert need(tmp_path, PLAN).endswith("; for 20 times, train again with --steps 100")
    judge = FoldJob(0, 0, 4, Fold(TWENTY.train, ("held out",)), 0.4, 0.2)
    assert need(tmp_path, job=judge) == ""


def test_both_sides_are_compared_in_values_and_only_where_something_is_to_be_scored() -> None:
    reference = LabelMap(np.array([[0, 3, 7], [3, 3, UNANNOTATED]], np.int16), Grid.pixels((2, 3)))
    prediction = LabelMap(np.array([[0, 3, 3], [7, 3, 0]], np.uint8), Grid.pixels((2, 3)))
    truth, guess = measured._comparable(PLAN, reference, prediction=prediction, fold=Fold((), ("a",)))
    assert truth.tolist() == [[0, 3, 7], [3, 3, UNANNOTATED]]
    assert guess.tolist() == [[0, 3, 3], [7, 3, 0]]
    fold = Fold(("a",), ("a",), block=(1, 0, 1))
    truth, _ = measured._comparable(PLAN, reference, prediction=prediction, fold=fold)
    assert truth.tolist() == [[0, UNANNOTATED, UNANNOTATED], [3, UNANNOTATED, UNANNOTATED]]
    assert measured._shown(truth, PLAN).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_curves_of_all_folds_are_one_table_and_empty_files_are_left_out(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    for index, text in enumerate(("step,loss\n1,0.5\n2,0.4\n", "\n", "step,loss\n1,0.3\n")):
        folder.fold(index).mkdir()
        (folder.fold(index) / "curves.csv").write_text(text)
    jobs = [FoldJob(index, place, 4, Fold(("a",), ("b",))) for place, index in enumerate((2, 1, 3, 0))]
    table = measured._curves(folder, jobs)
    assert table is not None
    assert table["network"].tolist() == ["fold 2", "fold 0", "fold 0"]
    assert measured._curves(folder, jobs[1:3]) is None


def card(plan: Plan = PLAN, **given: Any) -> str:
    usual: dict[str, Any] = {"folds": [Fold(("a", "b"), ("c",))], "result": "Dice 0.5", "need": "", "limits": ""}
    return measured._card(ModelFolder(Path("/models/mine")), plan, **usual | given)


def test_the_card_counts_what_trained_and_says_what_was_not_learnt() -> None:
    text = card()
    assert text.startswith("# mine\n")
    assert "\n- network: auto, 2-D U-Net, features 4, 8\n- trained on 2 annotated cases; Dice 0.5\n" in text
    assert "not a medical device" in text
    assert "not learnt" not in text
    once = [Fold(("a",), ("b",), unlearnt=("label 7",)), Fold(("b",), ("a",), unlearnt=("label 7", "label 3"))]
    text = card(folds=once, result="not measured", limits="nothing above 0.8")
    assert "- 7: label 7 (not learnt: no training case holds it)" in text
    assert "- 3: label 3\n" in text
    assert "not measured\n- of later masks: nothing above 0.8\n" in text


def test_the_card_says_first_what_the_training_lacks_and_names_a_plan_that_was_given() -> None:
    text = card(replace(PLAN, followed="small.json"), need="only 2 steps")
    assert "\n\n- only 2 steps\n- network: the plan in small.json, 2-D U-Net, " in text


def test_what_was_held_out_is_images_a_block_or_nothing() -> None:
    block = Fold(("a",), ("a",), block=(0, 0, 9))
    assert measured.what_was_held_out([block]) == "block"
    assert measured.what_was_held_out([Fold(("a",), ())]) == "nothing"
    assert measured.describe_held_out(["a"], held="block") == "a held-out block of a"
    assert measured.describe_held_out(list("abcd"), held="images") == "4 held-out images"
    assert measured.describe_held_out(["a"], held="images") == "1 held-out image: a"


def test_objects_tell_how_they_are_read_and_on_what_it_was_tuned() -> None:
    untuned = measured._about_objects(Tuned(Decoding(), ()))
    assert "untuned" in untuned
    tuned = measured._about_objects(Tuned(Decoding(foreground=0.6), (("a", 0.5), ("b", 0.75))))
    assert "0.625 on 2 held-out images" in tuned
    assert "foreground from 0.6" in tuned


def test_classical_methods_are_said_beside_the_network_or_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from septum.errors import DatasetError
    from septum.workflows.pipelines import suggest

    def table(rows: Any) -> Any:
        import pandas as pd

        return pd.DataFrame({name: [0.5] for name in ("a", "b", "c", "d", "dice")})

    def asked(stop: bool = False) -> Any:
        return measured._baselines((), PLAN, folds=(), dice=0.75, hooks=Hooks(should_stop=lambda: stop))

    row = SimpleNamespace(summary=SimpleNamespace(mean=0.5))
    monkeypatch.setattr(suggest, "method_table", table)
    monkeypatch.setattr(suggest, "compare_candidates", lambda *given, **named: SimpleNamespace(rows=[row]))
    found, said = asked()
    assert found["gain"].tolist() == [0.25]
    assert said.endswith("0.500 on the same held-out cases: the network gained 0.250.")
    assert asked(stop=True)[0] is None
    monkeypatch.setattr(suggest, "compare_candidates", lambda *given, **named: None)
    assert "was stopped" in asked()[1]

    def none(*given: Any, **named: Any) -> Any:
        raise DatasetError("no method")

    monkeypatch.setattr(suggest, "compare_candidates", none)
    assert asked()[1] == "No classical method to compare with: no method."


def test_the_network_that_predicts_measures_images_as_its_judges_did() -> None:
    def seen(fold: int, limit: float) -> NetworkReference:
        return NetworkReference(fold, ImageReference(((0.0,), (1.0,)), (1.0,), limit))

    found = measured.by_the_judges([seen(1, 0.4), seen(2, 0.6), seen(3, 0.0), seen(0, 0.2)])
    assert [one.images.limit for one in found] == pytest.approx([0.4, 0.6, 0.0, 0.5])
    assert measured.by_the_judges([seen(1, 0.4), seen(0, 0.9)])[1].images.limit == 0.9  # never stricter than its own
    assert measured.by_the_judges([seen(1, 0.0), seen(0, 0.2)])[1].images.limit == 0.0  # its judges know no distance
    assert measured.by_the_judges([seen(0, 0.2)])[0].images.limit == 0.2
    assert measured.by_the_judges([seen(1, 0.4), seen(0, 0.0)])[1].images.limit == 0.0  # too few images to know


def test_who_judged_is_said_only_when_the_network_of_all_images_is_finished(tmp_path: Path) -> None:
    folder, judged = ModelFolder(tmp_path), replace(PLAN, judged=True)
    assert measured.who_judged(folder, PLAN) == ("", "")
    assert measured.who_judged(folder, judged) == measured.UNFINISHED
    folder.fold(0).mkdir()
    (folder.fold(0) / "run.json").write_text('{"reason": "stopped"}')
    assert measured.who_judged(folder, judged) == measured.UNFINISHED
    (folder.fold(0) / "run.json").write_text('{"reason": "budget"}')
    assert measured.who_judged(folder, judged)[0].endswith("likely better than these scores.")
    assert measured.who_judged(folder, judged, short=True) == measured.JUDGES  # too short to be called better


def test_the_minutes_to_ask_for_count_what_other_networks_take(tmp_path: Path) -> None:
    alone = need(tmp_path)
    shared = need(tmp_path, job=FoldJob(0, 3, 4, TWENTY, 1.0, 0.4, after=3))
    minutes = [int(re.search(r"--minutes (\d+)", text).group(1)) for text in (alone, shared)]  # type: ignore[union-attr]
    assert minutes[1] == pytest.approx(minutes[0] / 0.4, abs=2.5)
