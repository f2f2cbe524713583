"""The pixel classifier: what it learns, what it promises, and that its file cannot be misused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.interactive.pixels.textures import SMALL, scene

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.pixels.classifier import (
    Example,
    blocks_of,
    marked_samples,
    train_classifier,
)
from septum.interactive.pixels.features import FilterBank
from septum.interactive.pixels.forest import ForestSettings, grow_forest
from septum.interactive.pixels.live import pixel_classifier
from septum.interactive.tool import UNMARKED, Box


@pytest.mark.parametrize("shape", [(48, 60), (12, 14, 60)])
def test_textures_are_told_apart_from_a_few_strokes_also_in_another_image(shape):
    image, seeds, reference = scene(shape)
    learned = train_classifier([Example(image, seeds)], settings=SMALL)
    inner = np.abs(np.arange(shape[-1]) - shape[-1] // 2 + 0.5) > 4
    assert (learned.segment(image) == reference)[..., inner].mean() > 0.98
    assert (learned.segment(scene(shape, seed=5)[0]) == reference)[..., inner].mean() > 0.96


def test_a_region_has_the_probabilities_of_the_whole(trained):
    image = scene(channels=2, seed=1)[0]
    whole = trained.probabilities(image)
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=1e-5)
    region = Box((5, 10), (33, 44))
    part = trained.probabilities(image, region=region)
    assert np.abs(part - whole[(slice(None), *region.slices)]).mean() < 1e-3
    np.testing.assert_array_equal(trained.segment(image, region=region), np.array([0, 4])[part.argmax(axis=0)])


def test_blocks_do_not_show(trained, monkeypatch):
    image = scene(channels=2, seed=1)[0]
    whole = trained.probabilities(image)
    monkeypatch.setattr("septum.interactive.pixels.classifier.PLANE_BLOCK", 150)
    assert np.abs(trained.probabilities(image) - whole).mean() < 1e-3
    seen: list[float] = []
    trained.segment(image, on_progress=seen.append)
    assert len(seen) > 10
    assert sorted(seen) == seen
    assert seen[-1] == 1


def test_blocks_are_small_where_there_are_many_features(monkeypatch):
    bank = FilterBank(np.zeros((3, 40, 50)))
    monkeypatch.setattr("septum.interactive.pixels.classifier.BLOCK_BYTES", 4 * 147 * 100)
    sizes = [np.prod(block.shape) for block in blocks_of(bank)]
    assert max(sizes) <= 100
    assert sum(sizes) == 2000
    assert [block.shape for block in blocks_of(bank, Box((3, 3), (9, 9)))] == [(6, 6)]


def test_labels_keep_their_values_even_large_ones():
    image, seeds, _ = scene()
    many = np.where(seeds == 4, 70_000, seeds)
    assert set(np.unique(train_classifier([Example(image, many)], settings=SMALL).segment(image))) == {0, 70_000}


def test_samples_are_the_features_of_the_marked_voxels_in_array_order():
    image, seeds, _ = scene()
    bank = FilterBank(image, settings=SMALL)
    features, labels, strokes = marked_samples(bank, seeds)
    where = seeds != UNMARKED
    np.testing.assert_allclose(features, bank.block()[:, where].T, rtol=2e-3, atol=1e-2)
    np.testing.assert_array_equal(labels, seeds[where])
    assert len(np.unique(strokes)) == 4
    known = {Box((10, 0), (30, 31)): bank.block(Box((10, 0), (30, 31)))}
    np.testing.assert_allclose(marked_samples(bank, seeds, made=known)[0], features, rtol=2e-3, atol=1e-2)


def test_the_kept_features_are_those_that_matter(trained):
    assert len(trained.names) == len(trained.importance) == 12
    image, seeds, _ = scene()
    empty = np.concatenate([np.zeros_like(image), image])
    learned = train_classifier([Example(empty, seeds)], settings=SMALL, forest=ForestSettings(keep=10))
    assert all(name.startswith("1 ") for name in learned.names)


def test_the_same_marks_and_seed_give_the_same_classifier():
    image, seeds, _ = scene()
    one, two = (
        train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(seed=7)) for _ in range(2)
    )
    for name, column in one.forest.arrays().items():
        np.testing.assert_array_equal(column, two.forest.arrays()[name])
    other = train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(seed=8))
    assert len(other.forest.split) != len(one.forest.split) or (other.forest.split != one.forest.split).any()


def test_of_very_many_marks_a_part_is_learnt_from(monkeypatch):
    monkeypatch.setattr("septum.interactive.pixels.classifier.MOST_MARKS", 10)
    image, seeds, _ = scene()
    assert train_classifier([Example(image, seeds)], settings=SMALL).marks == {0: 10, 4: 10}


def test_what_to_expect_is_asked_of_whole_strokes_so_that_noise_promises_nothing():
    rng = np.random.default_rng(1)
    image = np.repeat(np.repeat(rng.normal(size=(1, 12, 12)), 8, axis=1), 8, axis=2)
    seeds = np.full((96, 96), UNMARKED, np.int32)
    for number, corner in enumerate(np.ndindex(6, 6)):
        place = tuple(slice(16 * c + 2, 16 * c + 8) for c in corner)
        seeds[place] = number % 2
    learned = train_classifier([Example(image, seeds)], settings=SMALL)
    assert learned.forecast is not None
    assert learned.forecast.held_out == "stroke"
    assert learned.forecast.groups == {0: 18, 1: 18}
    assert 0.2 < learned.forecast.accuracy < 0.8  # voxel by voxel it would be nearly 1
    again = learned.segment(image)[seeds >= 0]
    assert (again == seeds[seeds >= 0]).mean() > learned.forecast.accuracy + 0.2


def test_whole_images_are_held_out_where_every_label_is_marked_in_several():
    examples = [Example(*scene(seed=n)[:2]) for n in range(3)]
    expected = train_classifier(examples, settings=SMALL).forecast
    assert expected is not None
    assert (expected.held_out, expected.groups) == ("image", {0: 3, 4: 3})
    assert expected.accuracy > 0.9
    only = np.where(examples[1].seeds == 4, UNMARKED, examples[1].seeds)
    mixed = train_classifier([examples[0], Example(examples[1].image, only)], settings=SMALL).forecast
    assert mixed is not None
    assert (mixed.held_out, mixed.groups) == ("stroke", {0: 4, 4: 2})


def test_one_stroke_of_a_label_promises_nothing():
    image, seeds, _ = scene()
    seeds[30:] = UNMARKED
    assert train_classifier([Example(image, seeds)], settings=SMALL).forecast is None


def test_a_tool_takes_channels_and_marked_voxels_keep_their_label():
    image, seeds, reference = scene(channels=2)
    seeds[20, 50] = 0
    change = pixel_classifier(image, np.zeros(seeds.shape, np.uint8), seeds=seeds, scales=(0.7, 1.6))
    assert change.labels[20, 50] == 0
    assert (change.labels == reference).mean() > 0.9


def test_what_cannot_be_learnt_is_refused():
    image, seeds, _ = scene()
    with pytest.raises(ConfigError, match="got none"):
        train_classifier([])
    with pytest.raises(ConfigError, match="2 to 255 labels"):
        train_classifier([Example(image, np.where(seeds == 4, 0, seeds))], settings=SMALL)
    with pytest.raises(ConfigError, match="2 to 255 labels"):
        train_classifier([Example(image, np.full(seeds.shape, UNMARKED))], settings=SMALL)
    with pytest.raises(GeometryError, match="image's shape"):
        train_classifier([Example(image, seeds[1:])])
    with pytest.raises(GeometryError, match="image's shape"):
        train_classifier([Example(image, seeds - 1)])
    with pytest.raises(GeometryError, match="same channels"):
        train_classifier([Example(image, seeds), Example(np.concatenate([image] * 2), seeds)])
    with pytest.raises(ConfigError, match="keep"):
        train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(keep=0))
    with pytest.raises(ConfigError, match="1 to 1000 trees"):
        train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(trees=0))
    with pytest.raises(Cancelled):
        train_classifier([Example(image, seeds)], settings=SMALL, cancelled=lambda: True)
    with pytest.raises(ConfigError, match="two classes"):
        grow_forest(np.zeros((3, 1), np.float32), np.zeros(3, int))


def test_images_of_another_kind_are_refused(trained):
    with pytest.raises(GeometryError, match="2-D with 2 channel"):
        trained.probabilities(np.zeros((1, 9, 9)))
    with pytest.raises(GeometryError, match="2-D with 2 channel"):
        trained.segment(np.zeros((2, 9, 9, 9)))
    with pytest.raises(GeometryError, match="inside the image"):
        trained.segment(np.zeros((2, 9, 9)), region=Box((0, 0), (10, 9)))
    with pytest.raises(Cancelled):
        trained.segment(np.zeros((2, 9, 9)), cancelled=lambda: True)


def test_membranes_are_learnt_from_scribbles_on_one_section_and_found_in_another(realdata):
    from septum import io as files

    folder = realdata / "em-isbi2012"
    names = sorted(path.name for path in (folder / "images").iterdir())
    image, other = (files.read_image(folder / "images" / names[i]).array for i in (0, 15))
    known, wanted = (files.read_labels(folder / "labels" / names[i]).array == 0 for i in (0, 15))
    seeds = np.full(known.shape, UNMARKED, np.int32)
    for corner in np.ndindex(4, 4):  # short strokes on a raster, of both labels
        place = tuple(slice(128 * c + 60, 128 * c + w) for c, w in zip(corner, (64, 90), strict=True))
        seeds[place] = known[place]
    learned = train_classifier([Example(image, seeds)])
    mask = learned.segment(other) == 1
    assert 2 * (mask & wanted).sum() / (mask.sum() + wanted.sum()) > 0.7
