"""The pixel classifier: what it learns, what it promises, and that its file cannot be misused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.ensemble import ExtraTreesClassifier

from septum.errors import Cancelled, CheckpointError, ConfigError, GeometryError
from septum.interactive.pixels import file as classifier_file
from septum.interactive.pixels.classifier import (
    Example,
    PixelClassifier,
    blocks_of,
    marked_samples,
    train_classifier,
)
from septum.interactive.pixels.features import FeatureSettings, FilterBank
from septum.interactive.pixels.file import load_classifier, save_classifier
from septum.interactive.pixels.forest import LEAF, Forest, ForestSettings, grow_forest
from septum.interactive.pixels.live import LivePixels, pixel_classifier
from septum.interactive.pixels.uncertainty import most_uncertain, uncertainty
from septum.interactive.pixels.workers import in_order
from septum.interactive.tool import UNMARKED, Box

SMALL = FeatureSettings(scales=(0.3, 0.7, 1.6))


def scene(shape: tuple[int, ...] = (48, 60), *, seed: int = 0, channels: int = 1) -> tuple[np.ndarray, ...]:
    """Two textures of one mean, left smooth and right rough; two strokes of each (labels 0 and 4)."""
    rng = np.random.default_rng(seed)
    reference = np.zeros(shape, int)
    reference[..., shape[-1] // 2 :] = 4
    image = 100 + rng.normal(0, 1, (channels, *shape)) * np.where(reference, 30, 5)
    seeds = np.full(shape, UNMARKED, np.int32)
    middle = shape[0] // 2
    for place in (middle - 8, middle + 8) if len(shape) == 2 else (middle - 2, middle + 2):
        line = (place, *(n // 2 for n in shape[1:-1]))
        seeds[(*line, slice(3, shape[-1] // 2 - 4))] = 0
        seeds[(*line, slice(shape[-1] // 2 + 4, shape[-1] - 3))] = 4
    return image, seeds, reference


@pytest.fixture(scope="module")
def trained() -> PixelClassifier:
    image, seeds, _ = scene(channels=2)
    return train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(keep=12))


@pytest.mark.parametrize("shape", [(48, 60), (12, 14, 60)])
def test_textures_are_told_apart_from_a_few_strokes_also_in_another_image(shape):
    image, seeds, reference = scene(shape)
    learned = train_classifier([Example(image, seeds)], settings=SMALL)
    inner = np.abs(np.arange(shape[-1]) - shape[-1] // 2 + 0.5) > 4
    assert (learned.segment(image) == reference)[..., inner].mean() > 0.98
    assert (learned.segment(scene(shape, seed=5)[0]) == reference)[..., inner].mean() > 0.96


def test_the_forest_votes_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(300, 6)).astype(np.float32)
    classes = (samples[:, 0] + rng.normal(0, 0.5, 300) > 0).astype(int) + (samples[:, 1] > 1)
    forest, importance = grow_forest(samples, classes, trees=20, depth=6, seed=3)
    peer = ExtraTreesClassifier(20, max_depth=6, min_samples_leaf=LEAF, bootstrap=True, random_state=3)
    peer.fit(samples, classes)
    others = np.concatenate([samples, rng.normal(size=(1000, 6)).astype(np.float32)])
    np.testing.assert_allclose(forest.probabilities(others.T), peer.predict_proba(others).T, atol=1e-6)
    np.testing.assert_allclose(importance, peer.feature_importances_)


@given(st.integers(0, 1000), st.integers(2, 5))
def test_values_at_a_threshold_go_the_way_that_scikit_learn_sends_them(seed, levels):
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, levels, (60, 3)) / np.float32(3)).astype(np.float32)
    classes = np.r_[0, 1, rng.integers(0, 2, 58)]
    forest, _ = grow_forest(samples, classes, trees=4, seed=seed)
    peer = ExtraTreesClassifier(4, max_depth=8, min_samples_leaf=LEAF, bootstrap=True, random_state=seed)
    expected = peer.fit(samples, classes).predict_proba(samples)
    np.testing.assert_allclose(forest.probabilities(samples.T), expected.T, atol=1e-6)
    limits = forest.threshold[np.isfinite(forest.threshold)]
    theirs = np.concatenate([t.tree_.threshold[t.tree_.feature >= 0] for t in peer.estimators_])
    below, above = np.sort(limits), np.sort(theirs)
    assert ((below <= above) & (np.nextafter(below, np.float32(np.inf)) > above)).all()


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


def test_live_is_the_same_as_training_and_keeps_its_features_within_its_bound():
    image, seeds, reference = scene()
    region = Box((4, 0), (40, 60))
    expected = train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(keep=9), forecast=False)
    for memory in (100, 0):
        live = LivePixels(image, settings=SMALL, region=region, memory_mb=memory, forest=ForestSettings(keep=9))
        with pytest.raises(ConfigError, match="after update"):
            live.probabilities()
        assert live.update(seeds).names == expected.names
        got = live.probabilities()
        assert np.abs(got - expected.probabilities(image, region=region)).mean() < 5e-3
        assert bool(live._made) == (memory > 0)
    more = seeds.copy()
    more[5:12, 40:44] = 9
    assert live.update(more).labels == (0, 4, 9)
    assert (reference[region.slices][live.probabilities().argmax(axis=0) == 1] == 4).mean() > 0.9


def test_a_tool_takes_channels_and_marked_voxels_keep_their_label():
    image, seeds, reference = scene(channels=2)
    seeds[20, 50] = 0
    change = pixel_classifier(image, np.zeros(seeds.shape, np.uint8), seeds=seeds, scales=(0.7, 1.6))
    assert change.labels[20, 50] == 0
    assert (change.labels == reference).mean() > 0.9


def test_uncertainty_is_the_entropy_over_that_of_a_guess():
    prob = np.random.default_rng(0).dirichlet([1, 1, 1], 50).T.astype(np.float32)
    np.testing.assert_allclose(uncertainty(prob), entropy(prob, base=3, axis=0), atol=1e-5)
    lead = np.sort(prob, axis=0)
    np.testing.assert_allclose(uncertainty(prob, kind="margin"), 1 - lead[-1] + lead[-2], atol=1e-6)
    with pytest.raises(ConfigError, match="kind must be"):
        uncertainty(prob, kind="variance")
    with pytest.raises(ConfigError, match="two labels"):
        uncertainty(prob[:1])


def test_the_next_scribble_is_asked_for_in_the_largest_unsure_neighbourhood():
    unsure = np.zeros((30, 40), np.float32)
    unsure[5, 5] = 1.0
    unsure[18:25, 28:35] = 0.8
    assert most_uncertain(unsure) == (5, 5)
    assert most_uncertain(unsure, radius_mm=4.0, spacing=(2.0, 2.0)) == (21, 31)
    assert most_uncertain(unsure, without=unsure > 0.9) == (18, 28)
    with pytest.raises(ConfigError, match="radius_mm"):
        most_uncertain(unsure, radius_mm=-1)
    with pytest.raises(ConfigError, match="not marked"):
        most_uncertain(unsure, without=np.ones(unsure.shape, bool))


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


def test_the_file_gives_the_same_classifier_and_the_same_bytes(trained, tmp_path):
    save_classifier(tmp_path / "new" / "one.npz", trained)
    again = load_classifier(tmp_path / "new" / "one.npz")
    image = scene(channels=2, seed=3)[0]
    np.testing.assert_array_equal(again.probabilities(image), trained.probabilities(image))
    for name in ("settings", "labels", "channels", "ndim", "importance", "marks", "forecast"):
        assert getattr(again, name) == getattr(trained, name)
    save_classifier(tmp_path / "two.npz", again)
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "new" / "one.npz").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["two.npz"]
    with pytest.raises(ConfigError, match=r"end in \.npz"):
        save_classifier(tmp_path / "one.bin", trained)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be made"):
        save_classifier(tmp_path / "file" / "one.npz", trained)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_classifier(tmp_path / "folder.npz", trained)
    assert not list(tmp_path.glob(".septum*"))


def rewritten(path: Path, classifier: PixelClassifier, **changed: object) -> Path:
    """A file of a classifier with parts of the header, or arrays, replaced."""
    header = classifier_file.header_of(classifier)
    arrays = dict(classifier.forest.arrays())
    for name, value in changed.items():
        if name in arrays:
            arrays[name] = value
        else:
            header[name] = value
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "other"}, "not a pixel classifier"),
        ({"format": 2}, "upgrade"),
        ({"format": "1"}, "not a pixel classifier"),
        ({"labels": [4, 0]}, "ascend"),
        ({"labels": [0, 4, 5]}, "fit together"),
        ({"labels": [0]}, "ascend"),
        ({"labels": [0, 1 << 40]}, "out of range"),
        ({"ndim": 5}, "out of range"),
        ({"channels": 10**9}, "out of range"),
        ({"channels": 1}, "selection"),
        ({"importance": [0.5]}, "importance"),
        ({"features": None}, "sound"),
        ({"features": {"kinds": ["x"], "scales": [1], "unit": "mm", "selection": None}}, "kinds"),
        ({"marks": [1]}, "sound"),
        ({"forecast": {}}, "sound"),
    ],
)
def test_headers_that_do_not_hold_together_are_refused(trained, tmp_path, changed, message):
    with pytest.raises(CheckpointError, match=message):
        load_classifier(rewritten(tmp_path / "bad.npz", trained, **changed))


@pytest.mark.parametrize("name", list(Forest.__dataclass_fields__))
def test_forests_that_lead_astray_are_refused(trained, tmp_path, name):
    column = trained.forest.arrays()[name]
    wrong = [column.astype(np.float64), column[:-1], column[None]]
    for value in {"threshold": [np.nan], "prob": [-1.0, 2.0, 0.4]}.get(name, [-1, 2**31 - 1]):
        spoiled = column.copy()
        spoiled.flat[0] = value
        wrong.append(spoiled)
    if name == "left":
        for node, target in ((len(column) - 1, 0), (0, len(column) - 1)):  # a circle, and a step beyond the end
            astray = column.copy()
            astray[node] = target
            wrong.append(astray)
    if name == "threshold":
        leaf = column.copy()
        leaf[-1] = 0  # from a leaf to what lies behind it
        wrong.append(leaf)
    for number, value in enumerate(wrong):
        with pytest.raises(CheckpointError, match="damaged"):
            load_classifier(rewritten(tmp_path / f"{number}.npz", trained, **{name: value}))


def test_files_that_are_something_else_are_refused(trained, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_classifier(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CheckpointError, match="another kind"):
        load_classifier(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_classifier(tmp_path / "other.npz")
    save_classifier(tmp_path / "good.npz", trained)
    content = (tmp_path / "good.npz").read_bytes()
    for cut in (len(content) // 2, len(content) - 30):
        (tmp_path / "cut.npz").write_bytes(content[:cut])
        with pytest.raises(CheckpointError):
            load_classifier(tmp_path / "cut.npz")
    monkeypatch.setattr(classifier_file, "MOST_BYTES", 100)
    with pytest.raises(CheckpointError, match="ValueError"):
        load_classifier(tmp_path / "good.npz")


def test_no_pickle_is_opened(trained, tmp_path):
    arrays = dict(trained.forest.arrays())
    arrays["split"] = np.array([{"code": 1}], dtype=object)
    np.savez(tmp_path / "pickle.npz", header=np.zeros(3, np.uint8), **arrays)
    with pytest.raises(CheckpointError, match="ValueError"):
        load_classifier(tmp_path / "pickle.npz")
    save_classifier(tmp_path / "good.npz", trained)
    with zipfile.ZipFile(tmp_path / "good.npz") as archive:
        for name in archive.namelist():
            np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_a_failure_in_a_block_ends_the_work():
    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    results = in_order(work, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


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
