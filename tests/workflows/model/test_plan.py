"""A plan survives a person's editor, and what no plan may hold is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.model.fingerprints import CPU, PLANES, STEPS, TWO, VOLUMES

from septum.errors import CheckpointError, ConfigError
from septum.instances.decode import Decoding
from septum.net.architecture.network import build
from septum.net.architecture.unet import UNet
from septum.net.learning.teacher import TeacherConfig
from septum.net.prompts import PromptConfig
from septum.workflows.model.derive import make_plan
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.plan import PLAN_FORMAT, WHOLE_PLANE, plan_json, prediction_tile, read_plan


@pytest.mark.parametrize("network", ["auto", "encoder", "lecture", "paper", "window"])
@pytest.mark.parametrize("data", [PLANES, VOLUMES], ids=["planes", "volumes"])
def test_every_plan_fits_its_own_network_and_survives_json(tmp_path: Path, network: str, data: Fingerprint) -> None:
    plan = make_plan(data, TWO, settings=replace(STEPS, network=network), machine=CPU)
    narrow = (
        plan.unet if network in ("encoder", "window") else replace(plan.unet, features=(1,) * len(plan.unet.features))
    )
    build(narrow).output_size(plan.patch)
    (tmp_path / "plan.json").write_text(plan_json(plan))
    assert read_plan(tmp_path / "plan.json") == plan


def test_planes_are_predicted_whole_and_volumes_and_unpadded_networks_in_patches() -> None:
    plane = make_plan(PLANES, TWO, settings=STEPS, machine=CPU)
    assert prediction_tile(plane) == (WHOLE_PLANE, WHOLE_PLANE)
    assert all(side % unit == 0 for side, unit in zip(prediction_tile(plane), UNet(plane.unet).divisor, strict=True))
    for plan in (
        make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU),
        make_plan(PLANES, TWO, settings=replace(STEPS, network="paper"), machine=CPU),
    ):
        assert prediction_tile(plan) == plan.patch


def test_a_typing_error_in_an_edited_plan_is_named(tmp_path: Path) -> None:
    data = json.loads(plan_json(make_plan(PLANES, TWO, settings=STEPS, machine=CPU)))
    data["budget"]["lerning_rate"] = data["budget"].pop("learning_rate")
    (tmp_path / "plan.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=r"'lerning_rate' in budget; did you mean 'learning_rate'"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_for_an_unknown_network_is_refused(tmp_path: Path) -> None:
    data = json.loads(plan_json(make_plan(PLANES, TWO, settings=STEPS, machine=CPU)))
    (tmp_path / "plan.json").write_text(json.dumps(data | {"network": "lectures"}))
    with pytest.raises(ConfigError, match="network"):
        read_plan(tmp_path / "plan.json")


def test_plans_that_are_newer_damaged_or_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"format_version": PLAN_FORMAT + 1}))
    with pytest.raises(CheckpointError, match="upgrade Septum"):
        read_plan(path)
    for text in ("{", "[]"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="plan"):
            read_plan(path)


def test_a_plan_with_a_teacher_and_cutmix_survives_json_and_others_do_not_mention_them(tmp_path: Path) -> None:
    plain = make_plan(PLANES, TWO, settings=STEPS, machine=CPU)
    assert plain.teacher is None
    assert "teacher" not in plan_json(plain)
    assert "cutmix" not in plan_json(plain)
    plan = make_plan(PLANES, TWO, settings=replace(STEPS, unlabelled=tmp_path), machine=CPU)
    plan = replace(plan, teacher=TeacherConfig(batch=3, ramp=0.1), budget=replace(plan.budget, cutmix=0.25))
    (tmp_path / "plan.json").write_text(plan_json(plan))
    assert read_plan(tmp_path / "plan.json") == plan


@pytest.mark.parametrize("part", [{"prompts": PromptConfig()}, {"instances": Decoding()}])
def test_a_teacher_stands_in_plans_of_classes_only(part: dict[str, Any]) -> None:
    plan = make_plan(PLANES, TWO, settings=STEPS, machine=CPU)
    with pytest.raises(ConfigError, match="teach networks of classes only, got one of"):
        replace(plan, teacher=TeacherConfig(), **part)


def test_boxes_do_not_cut_single_objects() -> None:
    plan = make_plan(PLANES, TWO, settings=STEPS, machine=CPU)
    with pytest.raises(ConfigError, match=r"budget\.cutmix must be 0 for single objects, .* got 0\.5"):
        replace(plan, budget=replace(plan.budget, cutmix=0.5), instances=Decoding())


@pytest.mark.parametrize(("key", "value"), [("confidence", 2.0), ("batch", 0), ("weigth", 1.0)])
def test_a_teacher_that_a_person_mistyped_is_refused(tmp_path: Path, key: str, value: float) -> None:
    plan = make_plan(PLANES, TWO, settings=replace(STEPS, unlabelled=tmp_path), machine=CPU)
    data = json.loads(plan_json(plan))
    (tmp_path / "plan.json").write_text(json.dumps(data | {"teacher": data["teacher"] | {key: value}}))
    with pytest.raises(ConfigError, match=key):
        read_plan(tmp_path / "plan.json")


def test_a_plan_with_an_encoder_of_its_own_does_not_mention_another() -> None:
    assert "encoder" not in plan_json(make_plan(PLANES, TWO, settings=replace(STEPS, network="lecture"), machine=CPU))
