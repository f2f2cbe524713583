"""Help comes at once, is complete, and names the nearest thing when a name is wrong."""

import re
import subprocess
import sys
import time

import pytest
import typer.main

from septum import __version__
from septum.cli.main import app

COMMANDS = ["info", "doctor", "augment-preview", "train", "predict", "segment", "pixels", "edit", "interpolate"]
COMMANDS += [
    "evaluate",
    "instances",
    "measure",
    "track",
    "quality",
    "review",
    "import-keras",
    "challenge",
    "lesson",
    "demo",
]
HEAVY = ["torch", "lightning_fabric", "scipy", "nibabel", "SimpleITK", "pandas", "matplotlib", "nilearn", "skimage"]
HEAVY += ["sqlalchemy", "h5py"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command, record_property):
    code = (
        "import sys\n"
        "from septum.cli.main import main\n"
        "try:\n"
        f"    main({[*([command] if command else []), '--help']!r})\n"
        "finally:\n"
        f"    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    record_property("seconds", time.perf_counter() - began)  # shown with --junit-xml, too noisy to assert
    assert "Usage: septum" in done.stdout
    assert done.stdout.endswith("HEAVY []\n")


def test_version_is_that_of_the_package(septum):
    assert septum("--version").out == f"septum {__version__}\n"


def test_no_arguments_show_the_commands(septum):
    result = septum()
    assert all(command in result.out + result.err for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_parameter_has_a_help_text(command):
    parameters = typer.main.get_command(app).commands[command].params
    assert all(parameter.help for parameter in parameters if parameter.name != "help")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_description(command):
    found = typer.main.get_command(app).commands[command]
    assert found.help
    assert len(found.get_short_help_str()) <= 45
    assert not found.get_short_help_str().endswith("...")


def test_predict_says_what_it_is_not(septum):
    assert "not a medical device" in re.sub(r"\s+", " ", septum("predict", "--help").out)


def test_a_misspelt_command_names_the_nearest(septum):
    result = septum("trian", "data")
    assert result.code == 2
    assert "'train'" in result.err


def test_a_misspelt_option_names_the_nearest(septum):
    result = septum("train", "data", "--networ", "auto")
    assert result.code == 2
    assert "--network" in result.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["train", "data"], "--output"),
        (["train", "data", "-o", "m", "--minutes", "2", "--steps", "3"], "got both"),
        (["train", "data", "-o", "m", "--network", "vgg"], "lecture"),
        (["train", "data", "-o", "m", "--dim", "4"], "ndim must be 2 or 3"),
        (["train", "data", "-o", "m", "--minutes", "-1"], "minutes must be positive"),
        (["predict", "m", "-o", "out"], "IMAGES"),
        (["predict", "m", "a.png", "-o", "out", "--engine", "caffe"], "openvino"),
        (["predict", "m", "a.png", "-o", "out", "--overlap", "1"], "0.95"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(septum, arguments, hint):
    result = septum(*arguments)
    assert result.code == 2
    assert hint in result.err
