"""The contact sheet of augmented images: rows of images, full rows of tiles, and no file is replaced unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.datasets import mask, planes, write_labels
from tests.workflows.models import MODEL

from septum import io
from septum.errors import ConfigError
from septum.workflows.training import preview
from septum.workflows.training.preview import augment_preview


def images_of(root: Path, count: int) -> Path:
    """Planes with the label values that the kept model knows."""
    planes(root, count)
    for number in range(count):
        write_labels(root / "labels" / f"case{number}.png", 3 * mask(number))
    return root


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []

    def tiles(config: Any, image: Any, **named: Any) -> Any:
        seen.append(named | {"mean": float(image.mean())})
        return np.full((4, 5, 3), len(seen), np.uint8)

    monkeypatch.setattr(preview, "preview", tiles)
    monkeypatch.setattr(preview, "stacked_pictures", lambda rows: np.concatenate(rows))
    return seen


@pytest.mark.parametrize(("cases", "rows"), [(7, 3), (2, 2), (1, 1)])
def test_images_are_spread_evenly(tmp_path: Path, asked: list[dict[str, Any]], cases: int, rows: int) -> None:
    data = images_of(tmp_path / "set", cases)
    path = augment_preview(data, tmp_path / "sheet.png", count=4, seed=5, plan=MODEL / "plan.json")
    assert io.read_image(path).array.shape[1:] == (4 * rows, 5)
    assert {(one["seed"], one["count"]) for one in asked} == {(5, 4)}
    assert {one["patch"] for one in asked} == {(40, 48)}


def test_a_sheet_that_exists_is_kept_unless_told(tmp_path: Path, asked: list[dict[str, Any]]) -> None:
    (tmp_path / "sheet.png").write_bytes(b"mine")
    data = images_of(tmp_path / "set", 1)
    with pytest.raises(ConfigError, match="use --overwrite"):
        augment_preview(data, tmp_path / "sheet.png", plan=MODEL / "plan.json")
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"
    augment_preview(data, tmp_path / "sheet.png", plan=MODEL / "plan.json", overwrite=True)
    assert (tmp_path / "sheet.png").read_bytes() != b"mine"
