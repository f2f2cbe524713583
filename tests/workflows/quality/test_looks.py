"""What can be seen of an image and a mask without knowing the truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from tests.workflows.quality.estimates import picture

from septum.workflows.quality.looks import (
    ImageReference,
    Look,
    Shape,
    ShapeReference,
    image_features,
    image_names,
    shapes,
    unusual_spacing,
)


def test_images_of_the_same_kind_are_usual_and_spoiled_ones_are_not() -> None:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(20)])
    assert sum(bool(known.unusual(image_features(picture(seed)))) for seed in range(100, 140)) <= 1
    rng = np.random.default_rng(0)
    spoiled = {
        "noise": picture(50) + rng.normal(0, 1, (1, 64, 64)).astype(np.float32),
        "sharpness": ndimage.gaussian_filter(picture(50), (0, 5, 5)),
        "values": picture(50) ** 3,
    }
    for array in spoiled.values():
        (reason,) = known.unusual(image_features(array))
        assert reason.startswith("most of all in its ")
        assert reason.endswith(" times as much as these differ from each other")


def test_a_mixture_of_kinds_is_usual_at_each_of_its_kinds_and_unusual_between() -> None:
    sharp = [image_features(picture(seed, blur=0.3)) for seed in range(8)]
    smooth = [image_features(picture(seed, blur=3)) for seed in range(8)]
    known = ImageReference.of(sharp + smooth)
    assert known.unusual(image_features(picture(30, blur=0.3))) == ()
    assert known.unusual(image_features(picture(30, blur=3))) == ()


def test_one_lonely_training_image_does_not_bring_strangers_near() -> None:
    usual = [image_features(picture(seed)) for seed in range(15)]
    alone = ImageReference.of(usual)
    mixed = ImageReference.of([*usual, image_features(5 * picture(99) + 3)])
    black = image_features(np.zeros((1, 64, 64), np.float32))
    noise = image_features(np.random.default_rng(0).normal(0, 1, (1, 64, 64)).astype(np.float32))
    for stranger in (black, noise):
        assert alone.apart(stranger)
        assert float(mixed.apart(stranger)[0].split(": ")[1].split(" times as far")[0]) > 3
    dim = image_features(2 * picture(50) + 1)  # between the usual ones and the loneliest
    assert mixed.distance(dim) < 1.5
    assert mixed.apart(dim)
    assert not mixed.unusual(dim)
    later = [image_features(picture(seed)) for seed in range(100, 140)]
    assert sum(bool(mixed.apart(one)) for one in later) <= 4
    assert mixed.usual < 0.5 * mixed.limit


def test_of_three_images_nothing_can_be_said() -> None:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(3)])
    assert known.limit == 0
    assert known.unusual(image_features(picture(3) * 100)) == ()


def test_of_three_images_none_stands_apart() -> None:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(3)])
    assert known.usual == 0.0
    assert known.apart(image_features(np.zeros((1, 64, 64), np.float32))) == ()


def test_names_fit_the_features_of_any_number_of_channels() -> None:
    for channels in (1, 3):
        array = np.random.default_rng(0).random((channels, 5, 6, 7)).astype(np.float32)
        assert len(image_names(channels)) == len(image_features(array))
    assert np.isfinite(image_features(np.zeros((1, 1, 9), np.float32))).all()


def test_sizes_are_told_in_the_unit_of_the_image_and_without_exponents() -> None:
    look = Look(2)
    for spacing, unit, word in (((1.0, 1.0), "px", "pixel"), ((1.0,) * 3, "px", "voxel"), ((2.0,) * 3, "mm", "mm³")):
        shape = (4,) * len(spacing)
        look.see(np.zeros((1, *shape), np.float32), np.zeros(shape, np.uint8), spacing=spacing, unit=unit)
        assert look.size_unit == word
    large = ShapeReference(59312.0, 97421.0, 2, 0.8, 8)
    assert large.unusual(Shape(23.0, 1, 1.0)) == ("the mask covers 23 pixels; in training 59,300 to 97,400",)


def test_voxels_of_another_size_are_named_with_the_sizes_of_the_training() -> None:
    assert unusual_spacing((1.0, 1.2), (1.0, 1.0), high=(1.0, 1.0)) == ()
    (reason,) = unusual_spacing((5.0, 1.0), (1.0, 1.0), high=(2.0, 1.0))
    assert reason == "voxels of 5 mm along y (in training 1 to 2)"
    (reason,) = unusual_spacing((1.0, 1.0, 9.0), (1.0, 1.0, 1.0), high=(2.0, 2.0, 2.0), unit="px")
    assert reason == "voxels of 9 px along x (in training 1 to 2)"


def test_shapes_count_volume_parts_and_the_largest_part() -> None:
    classes = np.zeros((6, 8), np.uint8)
    classes[0, :3] = 1
    classes[4, 4] = 1
    classes[2, 2:4] = 2
    classes[5, 7] = 9  # ignored
    first, second, third = shapes(classes, 4, spacing=(2.0, 0.5))
    assert first == Shape(4.0, 2, 0.75)
    assert second == Shape(2.0, 1, 1.0)
    assert (third.volume, third.parts) == (0.0, 0)


def test_parts_of_large_masks_are_counted_on_fewer_samples_and_volumes_are_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classes = np.zeros((30, 40), np.uint8)
    classes[2:12, 3:13] = classes[20:28, 20:30] = 1
    exact = shapes(classes, 2, spacing=(1.0, 1.0))
    monkeypatch.setattr("septum.workflows.quality.looks._MOST_PARTS", 200)
    (coarse,) = shapes(classes, 2, spacing=(1.0, 1.0))
    assert (coarse.volume, coarse.parts) == (exact[0].volume, 2) == (180.0, 2)
    assert coarse.largest == pytest.approx(exact[0].largest, abs=0.1)


def test_masks_much_larger_smaller_or_more_scattered_than_in_training_are_unusual() -> None:
    known = ShapeReference.of([Shape(v, 1, 1.0) for v in (10.0, 12.0, 14.0, 20.0)] + [Shape(0.0, 0, math.nan)])
    assert known == ShapeReference(10.0, 20.0, 1, 1.0, 4)
    assert known.unusual(Shape(15.0, 2, 0.9)) == ()
    assert known.unusual(Shape(3.0, 1, 1.0))[0].startswith("the mask covers 3 pixels; in training ")
    assert known.unusual(Shape(1.0, 1, 1.0))[0].startswith("the mask covers 1 pixel; ")
    assert known.unusual(Shape(50.0, 1, 1.0), unit="mm³")[0].startswith("the mask covers 50 mm³; ")
    assert "in 9 parts; in training at most " in known.unusual(Shape(15.0, 9, 0.5))[0]
    assert replace(known, masks=3).unusual(Shape(50.0, 1, 1.0)) == ()
    assert ShapeReference.of([Shape(0.0, 0, math.nan)]) is None
