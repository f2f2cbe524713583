"""A prompted network while a person clicks: a region's answer is that of the whole image, however it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.workflows.models import PLAN, VOLUMES, Brighter

from septum.errors import Cancelled, ConfigError
from septum.geometry import Grid
from septum.interactive.tool import Box, Stroke
from septum.net.prompts import PromptConfig
from septum.workflows.prediction import engine, live
from septum.workflows.prediction.live import PromptedModel

SHAPE = (5, 22, 26)


def opened(monkeypatch: pytest.MonkeyPatch, plan: Any, grid: Grid | None = None) -> PromptedModel:
    monkeypatch.setattr(live.ModelFolder, "read_plan", lambda self: plan)
    monkeypatch.setattr(engine, "open_segmenter", lambda folder, settings: SimpleNamespace(engine=Brighter()))
    return PromptedModel(Path("model"), grid=grid)


@st.composite
def grids(draw: Any) -> Grid:
    axes, signs = draw(st.permutations([0, 1, 2])), draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine = np.zeros((4, 4))
    for column, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, column] = sign * (3.0, 0.8, 0.8)[column]
    affine[3, 3] = 1.0
    return Grid(SHAPE, affine)


@st.composite
def regions(draw: Any) -> Box:
    low = tuple(draw(st.integers(0, n - 1)) for n in SHAPE)
    return Box(low, tuple(draw(st.integers(a + 1, n)) for a, n in zip(low, SHAPE, strict=True)))


@given(grids(), regions())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_answer_for_a_region_is_that_part_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, grid: Grid, region: Box
) -> None:
    model = opened(monkeypatch, replace(VOLUMES, prompts=PromptConfig()), grid)
    image = np.random.default_rng(4).normal(50, 9, SHAPE).astype(np.float32)
    found = model(image, region=region, spacing=grid.spacing, strokes=[Stroke(np.array([region.start]), 3)])
    assert np.array_equal(found, np.where(image > image.mean(), 3, 0)[region.slices])


def test_an_image_is_laid_out_once_and_again_when_it_or_its_spacing_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(monkeypatch, replace(PLAN, prompts=PromptConfig()))
    laid: list[tuple[float, ...]] = []
    real = live.to_network
    monkeypatch.setattr(live, "to_network", lambda image, plan: laid.append(image.grid.spacing) or real(image, plan))
    image, region = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32), Box((2, 2), (9, 9))
    for spacing in ((1.0, 1.0), (1.0, 1.0), (2.0, 1.0)):
        model(image, region=region, spacing=spacing)
    model(image.copy(), region=region, spacing=(2.0, 1.0))
    assert laid == [(1.0, 1.0), (2.0, 1.0), (2.0, 1.0)]


def test_channels_come_before_the_axes_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(monkeypatch, replace(PLAN, prompts=PromptConfig()))
    image = np.random.default_rng(0).normal(size=(1, 20, 24)).astype(np.float32)
    region = Box((0, 0), (20, 24))
    found = model(image, region=region, spacing=(1.0, 1.0))
    assert np.array_equal(found, model(image[0], region=region, spacing=(1.0, 1.0)))


def test_a_stop_a_label_that_the_model_does_not_know_and_a_model_without_prompts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = opened(monkeypatch, replace(PLAN, prompts=PromptConfig()))
    image, region = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32), Box((2, 2), (9, 9))
    with pytest.raises(Cancelled):
        model(image, region=region, spacing=(1.0, 1.0), cancelled=lambda: True)
    with pytest.raises(ConfigError, match="5"):
        model(image, region=region, spacing=(1.0, 1.0), strokes=[Stroke(np.array([[3, 3]]), 5)])
    with pytest.raises(ConfigError, match="trained without"):
        opened(monkeypatch, PLAN)
