"""What people suffered from plans, settings and data sets with absurd values: a machine without memory, a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import open_client, write_data

from septum.cli.main import main
from septum.errors import CheckpointError, ConfigError, GeometryError
from septum.geometry import Grid
from septum.net.architecture.unet import UNetConfig
from septum.net.architecture.window import WindowConfig
from septum.net.learning.checkpoint import load_model, load_tensors, save_tensors
from septum.workflows.data.classes import ClassMap
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import parse_plan
from septum.workflows.model.settings import TrainSettings
from septum.workflows.pipelines.pixels import PixelSettings
from septum.workflows.projects.create import create_project
from septum.workflows.runs.settings import load_settings, structure

GOLDEN = Path(__file__).parents[1] / "golden" / "before_rooms" / "model"
DEEP = "[" * 100_000 + "]" * 100_000
LONG = "9" * 5000

ABSURD: list[tuple[str, object, str]] = [
    ("channels", 10**9, "channels must lie between 1 and 4096"),
    ("channels", 0, "channels must lie"),
    ("spacing", [0.01, 0.0], "spacing must lie"),
    ("spacing", [1.0], "spacing must have 2 entries"),
    ("patch", [32], "patch must have 2 entries"),
    ("patch", [2**20, 32], "patch must lie"),
    ("patch", [33, 32], "patch must be a multiple"),
    ("mirrors", [7], "mirrors must name axes below 2"),
    ("mirrors", [0, 0], "each once"),
    ("overlap", 1.0, "overlap must lie"),
    ("overlap", float("nan"), "overlap must lie"),
    ("seed", -1, "seed must lie"),
    ("seed", 1e30, "whole number"),
    ("reorient", "false", "true or false"),
    ("slices", 1, "true or false"),
    ("budget.batch", 10**6, "budget.batch must lie"),
    ("budget.learning_rate", 1e9, "budget.learning_rate"),
    ("fingerprint.ndim", 7, "fingerprint.ndim must lie"),
    ("unet.features", [10**9, 10**9], "features must lie"),
    ("unet.in_channels", 10**9, "in_channels must lie"),
    ("unet.ndim", 3, "positive sizes"),
    ("normalisation.std", [-1.0], "normalisation.std must lie"),
    ("classes.values", [0, 10**18], "whole numbers"),
    ("classes.foreground", "no", "true or false"),
    ("augment.spatial.rotation", [1e9], "rotation must be angles"),
    ("augment.spatial.scale", [1.0, 1e308], "scale must be"),
]


def changed(model: Path, key: str, value: object) -> str:
    """The plan of a model with one value changed."""
    content = json.loads((model / "plan.json").read_text())
    inner = content
    *above, last = key.split(".")
    for name in above:
        inner = inner[name]
    inner[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(("key", "value", "message"), ABSURD, ids=[f"{key}={value}"[:40] for key, value, _ in ABSURD])
def test_a_plan_with_an_absurd_value_is_refused_by_name(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_plan(changed(GOLDEN, key, value), what="plan.json")


@pytest.mark.parametrize("text", [DEEP, '{"format_version": ' + LONG + "}", '{"seed": 1e999}'])
def test_a_model_folder_with_json_that_ends_parsers_is_refused_with_exit_code_2(
    tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(GOLDEN, tmp_path / "model")
    (tmp_path / "model/plan.json").write_text(text)
    with pytest.raises(SystemExit) as ending:
        main(["predict", str(tmp_path / "model"), str(tmp_path), "-o", str(tmp_path / "out")])
    assert ending.value.code == 2
    said = capfd.readouterr().err
    assert "plan" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("labels", [DEEP, LONG, '{"a": 1, "a": 2}'])
def test_a_dataset_json_that_ends_parsers_is_refused_with_exit_code_2(
    tmp_path: Path, labels: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "data/dataset.json").write_text(f'{{"labels": {labels}}}')
    with pytest.raises(SystemExit) as ending:
        main(["info", str(tmp_path / "data")])
    assert ending.value.code == 2
    said = capfd.readouterr().err
    assert "dataset.json" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"seed = {DEEP}", "TOML"),
        (f"seed = {LONG}", "TOML"),
        ("seed = -1", "seed must lie"),
        ("seed = 1.5", "whole number"),
        ("minutes = 1e308", "minutes must lie"),
        ("minutes = true", "must be a number"),
        ("baselines = 'no'", "true or false"),
        ("axes = ['T']", "must be a text"),
    ],
)
def test_settings_with_absurd_values_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(TrainSettings, tmp_path / "s.toml", overrides={})


def test_a_text_is_not_taken_for_a_list_of_its_letters(tmp_path: Path) -> None:
    from septum.workflows.evaluation.settings import EvaluateSettings

    (tmp_path / "s.toml").write_text('metrics = "dice"')
    with pytest.raises(ConfigError, match="metrics: must be a list of texts"):
        load_settings(EvaluateSettings, tmp_path / "s.toml", overrides={})


@pytest.mark.parametrize("change", [{"trees": 10**9}, {"depth": 0}, {"seed": -1}, {"keep": 0}])
def test_a_forest_of_a_billion_trees_is_not_grown(change: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(change))} must lie"):
        structure(change, PixelSettings, what="settings")


@pytest.mark.parametrize(
    "build",
    [
        lambda: UNetConfig(2, 1, 2, (8192, 8192, 8192), ((2, 2),) * 2, ((63, 63),) * 3),
        lambda: UNetConfig(2, 1, 2, (4,) * 13, ((2, 2),) * 12, ((3, 3),) * 13),
        lambda: UNetConfig(2, 1, 2, (4, 4), ((1000, 2),), ((3, 3),) * 2),
        lambda: WindowConfig(1, 2, hidden=10**9),
        lambda: WindowConfig(1, 2, bottom=63, hidden=8192),
        lambda: WindowConfig(1, 2, pools=(60, 60, 60, 60)),
    ],
)
def test_a_network_larger_than_any_machine_is_not_built(build: Callable[[], Any]) -> None:
    with pytest.raises(ConfigError, match="must lie between"):
        build()


def test_weights_whose_configuration_is_absurd_are_refused(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "model")
    content = load_tensors(tmp_path / "model/fold_0/weights.pt")
    del content["format_version"]
    content["unet"]["features"] = (10**9,) * len(content["unet"]["features"])
    save_tensors(tmp_path / "model/fold_0/weights.pt", content)
    with pytest.raises((ConfigError, CheckpointError), match="features must lie"):
        load_model(tmp_path / "model/fold_0/weights.pt")


def test_an_image_whose_header_is_wrong_by_a_thousand_is_not_resampled() -> None:
    plan = parse_plan(changed(GOLDEN, "spacing", [0.01, 0.01]), what="plan.json")
    assert plan.placement(Grid.from_spacing((64, 64), (1.0, 1.0))).shape == (6400, 6400)
    with pytest.raises(GeometryError, match=r"at the model's spacing \(0\.01 x 0\.01 mm\)"):
        plan.placement(Grid.from_spacing((512, 512), (1.0, 1.0)))
    large = np.array(plan.placement(Grid.from_spacing((40_000, 20_000), (0.01, 0.01))).shape)
    assert large.tolist() == [40_000, 20_000]


def test_a_plan_that_septum_wrote_comes_back() -> None:
    assert ModelFolder(GOLDEN).read_plan().classes == ClassMap((0, 3, 7), ("background", "label 3", "label 7"))


def test_requests_that_end_parsers_are_answered_as_bad_requests(tmp_path: Path) -> None:
    create_project(tmp_path / "project", write_data(tmp_path / "data")).close()
    with open_client(tmp_path / "project") as client:
        assert sum(_answers(client)) >= 20


def _answers(client: TestClient) -> list[int]:
    """How many requests with a body each kind of request was answered with 4xx."""
    found = []
    for path, operations in client.get("/api/openapi.json").json()["paths"].items():
        for method in sorted({"post", "put", "patch"} & set(operations)):
            if "requestBody" not in operations[method]:
                continue
            address = path.replace("{case_id}", "volume").replace("{", "").replace("}", "")
            for body in (DEEP, f'{{"a": {LONG}}}', '{"a": 1e999}'):
                answer = client.request(method, address, content=body, headers={"Content-Type": "application/json"})
                assert 400 <= answer.status_code < 500, (method, path, answer.text[:200])
                found.append(1)
    return found
