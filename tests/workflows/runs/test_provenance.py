"""What a record says of a run, and what it does not say."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pytest

import septum
from septum.workflows.runs.provenance import describe_run, folder_name, without_folders


def test_versions_machine_and_what_was_given_are_kept() -> None:
    found = describe_run(seed=7, settings={"a": 1})
    assert found["septum"] == septum.__version__
    assert found["python"] == platform.python_version()
    assert found["libraries"]["numpy"] == metadata.version("numpy")
    assert found["libraries"]["nibabel"] == metadata.version("nibabel")
    assert (found["seed"], found["settings"]) == (7, {"a": 1})
    assert abs((datetime.now().astimezone() - datetime.fromisoformat(found["date"])).total_seconds()) < 60
    json.dumps(found)


def test_no_user_host_or_folder_is_told() -> None:
    text = json.dumps(describe_run())
    assert platform.node() not in text or not platform.node()
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


@dataclass(frozen=True)
class Told:
    table: Path | None
    maps: Mapping[str, Path]
    axes: str | None = "TYX"


def test_files_and_folders_of_settings_keep_their_names_alone() -> None:
    told = Told(Path("/home/ada/study/cases.csv"), {"ours": Path("study/maps")})
    assert without_folders(told) == Told(Path("cases.csv"), {"ours": Path("maps")})
    assert without_folders(Told(None, {})) == Told(None, {})


def test_the_folder_that_a_person_stands_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels" / "more").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "labels" / "more")
    assert folder_name(Path()) == "more"
    assert folder_name(Path("..")) == "labels"


def test_a_run_that_needs_no_network_does_not_load_torch_and_has_no_threads_to_tell() -> None:
    code = (
        "import sys; from septum.workflows.runs.provenance import describe_run as d; r = d();"
        "print('torch' in sys.modules, r['threads'], r['accelerator'], r['libraries']['torch'] != 'not installed')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "None", "None", "True"]


def test_with_torch_its_threads_are_told() -> None:
    import torch

    assert describe_run()["threads"] == torch.get_num_threads()
