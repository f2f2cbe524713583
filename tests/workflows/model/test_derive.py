"""Plans: what follows from which data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.workflows.model.fingerprints import CPU, LARGE, PLANES, STEPS, TWO, VOLUMES

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet
from septum.workflows.model import derive
from septum.workflows.model.derive import make_plan
from septum.workflows.model.machine import Machine
from septum.workflows.model.settings import TrainSettings


def test_the_patch_covers_small_volumes_almost_whole_and_pools_them_to_a_few_voxels() -> None:
    plan = make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU)
    assert plan.patch == (32, 48, 32)
    bottom = [p // d for p, d in zip(plan.patch, UNet(plan.unet).divisor, strict=True)]
    assert all(4 <= n <= 8 for n in bottom)


def test_thick_slices_are_not_convolved_with_their_neighbours_at_first() -> None:
    thick = replace(
        VOLUMES,
        shape_median=(30, 256, 256),
        spacing_min=(6.0, 0.8, 0.8),
        spacing_median=(6.0, 0.8, 0.8),
        spacing_max=(6.0, 0.8, 0.8),
    )
    plan = make_plan(thick, TWO, settings=STEPS, machine=CPU)
    assert plan.unet.kernels[0] == (1, 3, 3)
    assert plan.unet.strides[0] == (1, 2, 2)
    assert plan.unet.kernels[-1] == (3, 3, 3)
    assert plan.patch[0] < plan.patch[1]


def test_images_of_one_resolution_are_not_resampled_and_mixed_ones_go_to_the_median() -> None:
    assert make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU).spacing is None
    mixed = replace(VOLUMES, spacing_max=(1.0, 1.5, 1.5), spacing_median=(1.0, 1.2, 1.2))
    assert make_plan(mixed, TWO, settings=STEPS, machine=CPU).spacing == (1.0, 1.2, 1.2)


def test_structures_larger_than_the_patch_are_segmented_at_a_coarser_resolution() -> None:
    plan = make_plan(replace(PLANES, shape_median=(4096, 4096), thickness=400.0), TWO, settings=STEPS, machine=CPU)
    assert plan.spacing is not None
    assert 2 < plan.spacing[0] <= 4
    assert make_plan(PLANES, TWO, settings=STEPS, machine=CPU).spacing is None


def test_data_of_both_contrasts_are_also_shown_negated() -> None:
    assert make_plan(PLANES, TWO, settings=STEPS, machine=CPU).augment.intensity.inversion == 0
    assert make_plan(replace(PLANES, brighter=0.9), TWO, settings=STEPS, machine=CPU).augment.intensity.inversion > 0


def test_data_of_grey_and_coloured_pictures_are_also_shown_grey() -> None:
    assert make_plan(PLANES, TWO, settings=STEPS, machine=CPU).augment.intensity.grey == 0
    assert make_plan(replace(PLANES, channels=3, grey=0.8), TWO, settings=STEPS, machine=CPU).augment.intensity.grey > 0


def test_few_slices_and_the_classic_networks_work_slice_by_slice() -> None:
    assert make_plan(replace(VOLUMES, shape_median=(5, 200, 200)), TWO, settings=STEPS, machine=CPU).slices
    assert make_plan(VOLUMES, TWO, settings=replace(STEPS, network="paper"), machine=CPU).unet.ndim == 2
    assert make_plan(VOLUMES, TWO, settings=replace(STEPS, ndim=2), machine=CPU).slices
    assert not make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU).slices


def test_a_volume_network_for_planes_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs volumes"):
        make_plan(PLANES, TWO, settings=replace(STEPS, ndim=3), machine=CPU)


def test_ct_is_normalised_by_the_data_set_and_the_rest_by_the_image() -> None:
    ct = make_plan(replace(VOLUMES, minimum=-1024.0), TWO, settings=STEPS, machine=CPU).normalisation
    assert (ct.scheme, ct.low, ct.std) == ("ct", (0.0,), (20.0,))
    assert make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU).normalisation.scheme == "zscore"
    assert make_plan(PLANES, TWO, settings=STEPS, machine=CPU).normalisation.scheme == "standard"
    assert (
        make_plan(replace(VOLUMES, zero_share=0.6), TWO, settings=STEPS, machine=CPU).normalisation.scheme
        == "zscore nonzero"
    )


def test_the_paper_plan_is_the_papers() -> None:
    plan = make_plan(PLANES, TWO, settings=replace(STEPS, network="paper"), machine=Machine("cuda", "32-true"))
    assert plan.patch == (572, 572)
    assert plan.unet.features == (64, 128, 256, 512, 1024)
    assert (plan.budget.optimiser, plan.budget.momentum, plan.budget.batch) == ("sgd", 0.99, 1)
    assert plan.objective == "border-weighted cross entropy"
    assert plan.augment.spatial.elastic[0].knots == 3


def test_a_tighter_budget_never_takes_a_wider_network(monkeypatch: pytest.MonkeyPatch) -> None:
    large = replace(PLANES, cases=20)
    monkeypatch.setattr(derive, "seconds_per_step", lambda unet, *_, **__: unet.features[0] / 100)
    tight = make_plan(large, TWO, settings=TrainSettings(minutes=0.001), machine=CPU)
    loose = make_plan(large, TWO, settings=TrainSettings(minutes=1e6), machine=CPU)
    enough = make_plan(large, TWO, settings=TrainSettings(minutes=0.24 * derive.ENOUGH_STEPS / 60), machine=CPU)
    assert [p.unet.features[0] for p in (tight, enough, loose)] == [16, 24, 48]


def test_small_data_get_a_narrow_network_and_stronger_augmentation_the_longer_they_train() -> None:
    short, long = (make_plan(VOLUMES, TWO, settings=TrainSettings(steps=n), machine=CPU) for n in (100, 10_000))
    assert short.unet.features[0] == long.unet.features[0] == 16
    assert long.augment.spatial.rotation > short.augment.spatial.rotation
    many = make_plan(
        replace(VOLUMES, cases=40, shape_median=(64, 64, 64)), TWO, settings=TrainSettings(steps=10_000), machine=CPU
    )
    assert many.unet.features[0] == 32
    assert many.augment.spatial.rotation == short.augment.spatial.rotation


def test_large_structures_are_shown_whole_to_an_encoder_that_has_seen_images_and_the_plan_says_why() -> None:
    plan = make_plan(LARGE, TWO, settings=STEPS, machine=CPU)
    assert plan.unet.encoder == "efficientnet-lite0"
    assert plan.patch == (256, 256)
    assert plan.spacing == pytest.approx((512 / 288, 512 / 288))
    assert "29% of the image's side" in plan.chosen
    assert make_plan(replace(LARGE, thickness=50.0), TWO, settings=STEPS, machine=CPU).unet.encoder == "own"


def test_images_are_mirrored_only_along_axes_without_an_up_and_a_down() -> None:
    plan = make_plan(LARGE, TWO, settings=STEPS, machine=CPU)
    assert plan.augment.spatial.flips == (False, True)
    assert not plan.augment.spatial.quarter_turns
    assert plan.mirrors == (1,)
    free = make_plan(replace(LARGE, directed=(0.1, 0.0)), TWO, settings=STEPS, machine=CPU)
    assert free.augment.spatial.flips == (True, True)
    assert free.augment.spatial.quarter_turns
    assert make_plan(replace(LARGE, directed=()), TWO, settings=STEPS, machine=CPU).augment.spatial.flips == (
        False,
        False,
    )


def test_small_images_volumes_and_prompts_keep_a_network_from_random_weights() -> None:
    tiny = replace(LARGE, shape_median=(96, 96), thickness=40.0)
    assert make_plan(tiny, TWO, settings=STEPS, machine=CPU).unet.encoder == "own"
    assert make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU).unet.encoder == "own"
    assert make_plan(LARGE, TWO, settings=replace(STEPS, prompts=True), machine=CPU).unet.encoder == "own"
    assert make_plan(VOLUMES, TWO, settings=replace(STEPS, network="encoder"), machine=CPU).slices
