"""The brain that comes with a package: found by its files, or said how to get it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from septum.errors import ConfigError
from septum.workflows.data.template import FILES, find_template, tissue_labels


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    spec = None if folder is None else SimpleNamespace(submodule_search_locations=[str(folder)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "nilearn" else None)


def test_the_files_are_found_without_importing_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = tmp_path / "datasets" / "data"
    data.mkdir(parents=True)
    for name in FILES.values():
        (data / name).touch()
    installed(monkeypatch, tmp_path)
    assert find_template() == {name: data / file for name, file in FILES.items()}
    (data / FILES["wm"]).unlink()
    with pytest.raises(ConfigError, match=rf"does not bring {FILES['wm']}; pip install .* --upgrade"):
        find_template()


def test_an_absent_package_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in (None, SimpleNamespace(submodule_search_locations=None)):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, spec=spec: spec)
        with pytest.raises(ConfigError, match="is not installed; pip install") as told:
            find_template()
        assert "in the folder of Septum" in str(told.value)


@pytest.mark.parametrize(
    ("grey", "white", "label"),
    [(0.9, 0.1, 1), (0.3, 0.6, 2), (0.2, 0.2, 0), (0.0, 0.0, 0), (0.0, 1.0, 2), (0.32, 0.33, 0), (0.35, 0.32, 1)],
)
def test_a_voxel_is_what_it_most_probably_is(grey: float, white: float, label: int) -> None:
    found = tissue_labels(np.array([[grey]]), np.array([[white]]))
    assert found.tolist() == [[label]]
    assert found.dtype == np.uint8
