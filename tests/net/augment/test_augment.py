"""Augmentation against independent oracles: scipy's zoom, affine and filters, numpy's rotation and padding."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from tests.net.augment.patches import CONFIGS, noise, smooth

from septum.errors import ConfigError
from septum.net.augment import augment
from septum.net.augment.augment import (
    AugmentConfig,
    Chance,
    Elastic,
    IntensityConfig,
    SpatialConfig,
)
from septum.net.augment.cut import offsets
from septum.net.augment.intensity import Intensity, change_intensity, sample_intensity
from septum.net.augment.preview import preview
from septum.net.augment.spatial import sample_warp


def test_the_same_seed_gives_the_same_bits() -> None:
    image, labels = smooth(40, 40, 40)[None], (smooth(40, 40, 40) > 0).astype(np.uint8)
    config = augment.medical_3d((24,) * 3, (1.0,) * 3)

    def once(seed: int) -> tuple[bytes, bytes]:
        drawn = augment.sample(config, patch=(24,) * 3, spacing=(1.0,) * 3, generator=np.random.default_rng((7, seed)))
        patch = augment.apply(drawn, image, labels=labels, centre=(20, 5, 30))
        assert patch.labels is not None
        return patch.image.numpy().tobytes(), patch.labels.numpy().tobytes()

    runs = [once(seed) for seed in range(6)]
    assert runs == [once(seed) for seed in range(6)]
    assert len(set(runs)) == 6


def test_stronger_ranges_contain_the_moderate_ones() -> None:
    moderate = augment.microscopy_3d((32, 48, 32), (1.0, 1.0, 1.0))
    strong = augment.stronger(moderate)
    assert augment.medical_3d((32, 48, 32), (1.0, 1.0, 1.0)).intensity == strong.intensity  # bodies get them anyway
    assert all(b >= a for a, b in zip(moderate.spatial.rotation, strong.spatial.rotation, strict=True))
    assert strong.spatial.scale[0] <= moderate.spatial.scale[0]
    assert strong.spatial.flips == moderate.spatial.flips
    for name in ("gamma", "contrast", "brightness", "noise", "blur"):
        weak, wide = getattr(moderate.intensity, name), getattr(strong.intensity, name)
        assert wide.low <= weak.low <= weak.high <= wide.high
        assert wide.probability > weak.probability


def test_a_constant_patch_stays_finite_and_constant_through_every_step() -> None:
    drawn = Intensity(np.ones((3, 3)), (1.5,), (2.0,), (0.0,), (1.0, 1.0), (2.0, 2.0))
    np.testing.assert_allclose(change_intensity(drawn, torch.full((1, 16, 16), 3.0)), 3.0, atol=1e-5)


def test_probabilities_decide_what_is_drawn() -> None:
    chances = ("inversion", "gamma_inversion", "grey")
    always = IntensityConfig(
        **{f.name: Chance(1.0, 1.0, 1.5) for f in dataclasses.fields(IntensityConfig) if f.name not in chances},
        inversion=1.0,
        grey=1.0,
    )  # type: ignore[arg-type]
    for config, expected in ((always, 9), (IntensityConfig(), 0)):
        drawn = sample_intensity(config, channels=2, spacing=(1, 1), generator=np.random.default_rng(0))
        assert len(drawn.drawn) == expected
    moderate = augment.microscopy_2d((64, 64)).intensity
    draws = [
        sample_intensity(moderate, channels=1, spacing=(1, 1), generator=np.random.default_rng(i)) for i in range(400)
    ]
    assert np.mean([d.noise is not None for d in draws]) == pytest.approx(moderate.noise.probability, abs=0.06)
    assert np.mean([d.gamma[0] < 0 for d in draws if d.gamma]) == pytest.approx(moderate.gamma_inversion, abs=0.12)


def test_thick_slices_are_not_blurred_or_thickened_further() -> None:
    config = IntensityConfig(blur=Chance(1, 1, 1), low_resolution=Chance(1, 2, 2))
    for seed in range(10):
        drawn = sample_intensity(config, channels=1, spacing=(5.0, 1.0, 1.0), generator=np.random.default_rng(seed))
        assert drawn.blur == pytest.approx((0.2, 1.0, 1.0))
        assert drawn.low_resolution is not None
        assert drawn.low_resolution[0] == 1.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_survives_json(config: AugmentConfig) -> None:
    assert AugmentConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_preset_gives_finite_patches(config: AugmentConfig) -> None:
    ndim = len(config.spatial.flips)
    image, labels = smooth(*(20,) * ndim)[None], np.zeros((20,) * ndim, np.uint8)
    for seed in range(8):
        drawn = augment.sample(config, patch=(16,) * ndim, spacing=(1.0,) * ndim, generator=np.random.default_rng(seed))
        patch = augment.apply(drawn, image, labels=labels, centre=(3,) * ndim)
        assert patch.image.shape == (1, *(16,) * ndim)
        assert torch.isfinite(patch.image).all()


@pytest.mark.parametrize(
    ("make", "patch", "spacing"),
    [
        (augment.microscopy_2d, (256, 256), None),
        (augment.microscopy_2d, (48, 64), None),
        (augment.medical_2d, (256, 192), None),
        (augment.paper_augmentation, (572, 572), None),
        (augment.paper_augmentation, (188, 188), None),
        (augment.medical_3d, (48, 48, 48), (1.0, 1.0, 1.0)),
        (augment.microscopy_3d, (12, 96, 96), (5.0, 1.0, 1.0)),
    ],
)
def test_preset_deformations_never_fold_tissue(make: Any, patch: tuple[int, ...], spacing: Any) -> None:
    config = make(patch) if spacing is None else make(patch, spacing)
    bent = 0
    for seed in range(8):
        warp = sample_warp(
            config.spatial, patch=patch, spacing=spacing or (1, 1), generator=np.random.default_rng(seed)
        )
        bent += bool(warp.bends)
        places = offsets(warp).numpy()
        jacobian = np.stack([np.stack(np.gradient(p)) for p in places])
        signs = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
        assert (np.abs(signs) > 0).all()
        assert (signs > 0).all() or (signs < 0).all()
    assert bent


@pytest.mark.parametrize(
    "make",
    [
        lambda: Elastic(1.5, (1, 1)),
        lambda: Elastic(0.5, (-1, 1)),
        lambda: Elastic(0.5, (2, 1)),
        lambda: Elastic(0.5, (1, 1), knots=1),
        lambda: Elastic(0.5, (1, 1), distance=-1),
        lambda: SpatialConfig(flips=(True,)),
        lambda: SpatialConfig(flips=(True, True), rotation=(1, 2, 3)),
        lambda: SpatialConfig(flips=(True, True), rotation_probability=2),
        lambda: SpatialConfig(flips=(True, True), scale_probability=-0.1),
        lambda: SpatialConfig(flips=(True, True), scale=(0.0, 1.0)),
        lambda: SpatialConfig(flips=(True, True), scale=(1.0, float("nan"))),
        lambda: SpatialConfig(flips=(True, True), anisotropy=1.0),
        lambda: Chance(-0.1, 0, 1),
        lambda: Chance(0.5, 1, 0),
        lambda: IntensityConfig(gamma_inversion=2),
        lambda: IntensityConfig(gamma=Chance(0.5, 0, 1)),
        lambda: IntensityConfig(low_resolution=Chance(0.5, 0.5, 1)),
        lambda: IntensityConfig(noise=Chance(0.5, -1, 1)),
        lambda: AugmentConfig.from_dict({"spatial": {"flips": [True, True]}}),
        lambda: AugmentConfig.from_dict({"spatial": {"flips": [True, True], "rotations": 3}, "intensity": {}}),
        lambda: sample_warp(
            SpatialConfig(flips=(True, True)), patch=(8, 8, 8), spacing=(1, 1, 1), generator=np.random.default_rng(0)
        ),
        lambda: preview(augment.none(2), noise(1, 8, 8), labels=None, spacing=(1, 1), patch=(8, 8), count=0, seed=0),
    ],
)
def test_values_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()
