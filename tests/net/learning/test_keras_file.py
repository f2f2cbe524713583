"""Keras files: equal outputs, and nothing else than the lecture's U-Net gets in."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np
import pytest
import torch
from tests.lessons import lecture_keras
from tests.lessons.conftest import keras  # noqa: F401 - a fixture

from septum.errors import FormatError
from septum.net.architecture.unet import probabilities
from septum.net.learning import keras_file
from septum.net.learning.keras_file import read_keras

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own deprecations are not ours to mend


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):  # noqa: F811
    path = tmp_path_factory.mktemp("keras") / "model.keras"
    model = lecture_keras.unet(keras, features=(4, 6, 8), num_classes=3, channels=2)
    model.save(path)
    return model, path


def changed(path, target, *, config=None, weights=None, extra=None):
    """A copy of a Keras file with its description or its arrays changed by a function."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json" and config is not None:
                description = json.loads(content)
                content = json.dumps(config(description) or description).encode()
            if name == "model.weights.h5" and weights is not None:
                buffer = io.BytesIO(content)
                with h5py.File(buffer, "r+") as arrays:
                    weights(arrays)
                content = buffer.getvalue()
            copy.writestr(name, content)
    return target


def outputs(found, image):
    with torch.no_grad():
        logits = found.network(torch.from_numpy(image)[None])
    return probabilities(logits, found.network.config)[0].numpy()


def test_outputs_are_keras_own(saved):
    model, path = saved
    image = np.random.default_rng(0).standard_normal((2, 16, 24)).astype(np.float32)
    expected = np.moveaxis(model.predict(np.moveaxis(image, 0, -1)[None], verbose=0)[0], -1, 0)
    assert np.abs(outputs(read_keras(path), image) - expected).max() < 1e-5


@pytest.mark.parametrize("variant", ["skip first", "dropout", "one class", "softmax", "named", "two levels of one"])
def test_variants_of_the_lecture_give_keras_own_outputs(keras, tmp_path, variant):  # noqa: F811
    layers = keras.layers
    inputs = keras.Input((16, 16, 1), name="x")
    kind = {"padding": "same", "activation": "relu"}
    name = (lambda text: text) if variant == "named" else (lambda text: None)
    skip = c = layers.Conv2D(4, 3, name=name("late"), **kind)(inputs)
    if variant == "dropout":
        c = layers.Dropout(0.3)(c)
    skip = c = layers.Conv2D(4, 3, name=name("early"), **kind)(c)
    if variant == "dropout":
        c = layers.SpatialDropout2D(0.3)(c)
    c = layers.MaxPooling2D()(c)
    c = layers.Conv2D(6, 3, **kind)(c)
    c = layers.Conv2D(6, 3, **kind)(c)
    c = layers.Conv2DTranspose(4, 2, strides=2, padding="valid")(c)
    c = layers.Concatenate()([skip, c] if variant == "skip first" else [c, skip])
    c = layers.Conv2D(4, 3, **kind)(c)
    c = layers.Conv2D(4, 3, **kind)(c)
    classes = 1 if variant == "one class" else 3
    last = layers.Conv2D(classes, 1, activation="softmax" if variant == "softmax" else "sigmoid")(c)
    model = keras.Model(inputs, last)
    model.save(tmp_path / "m.keras")
    found = read_keras(tmp_path / "m.keras")
    image = np.random.default_rng(0).standard_normal((1, 16, 16)).astype(np.float32)
    expected = np.moveaxis(model.predict(image[..., None], verbose=0)[0], -1, 0)
    own = outputs(found, image)
    if classes == 1:
        assert np.abs(own[0] - (1 - expected[0])).max() < 1e-5
        own = own[1:]
    assert np.abs(own - expected).max() < 1e-5
    assert found.size == (16, 16)


def layer(description, kind, number=0):
    return [row for row in description["config"]["layers"] if row["class_name"] == kind][number]


def set_in(kind, **settings):
    return lambda description: layer(description, kind)["config"].update(settings)


def rename_class(description):
    layer(description, "Concatenate")["class_name"] = "Lambda"


def circle(description):
    """Two dropouts that feed each other, behind the last convolution."""
    rows = description["config"]["layers"]
    last = rows[-1]
    node = last["inbound_nodes"][0]["args"][0]
    before = node["config"]["keras_history"][0]
    for name, source in (("d1", "d2"), ("d2", "d1")):
        copy = json.loads(json.dumps(last["inbound_nodes"]).replace(before, source))
        rows.append({"class_name": "Dropout", "config": {"name": name}, "inbound_nodes": copy})
    node["config"]["keras_history"][0] = "d1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_class, "layers must be among .* got 'Lambda'"),
        (circle, "must not go in a circle"),
        (set_in("Conv2D", activation="tanh"), "activation of conv2d.* must be relu"),
        (set_in("Conv2D", dilation_rate=[2, 2]), "dilation_rate of conv2d"),
        (set_in("Conv2D", padding="valid"), "padding of conv2d.* must be same"),
        (set_in("Conv2D", filters=10**12), "filters of conv2d.* must be from 1 to 8192"),
        (set_in("Conv2D", filters=5), "filters of conv2d.* must be 4 as in its block"),
        (set_in("Conv2DTranspose", strides=[4, 4]), "strides of conv2d_transpose"),
        (set_in("MaxPooling2D", pool_size=[3, 3]), "must be a MaxPooling2D of"),
        (set_in("Concatenate", axis=1), "must join a Conv2DTranspose"),
        (set_in("InputLayer", batch_shape=[None, None, None, None]), "must have a number of channels"),
        (lambda d: d["config"].update(output_layers=[["a", 0, 0], ["b", 0, 0]]), "must have one output"),
        (lambda d: d["config"].update(output_layers=["nowhere", 0, 0]), "must name its layers"),
        (lambda d: d.update(class_name="Sequential"), "must hold a functional model"),
        (lambda d: {"config": 3, "class_name": "Functional"}, "must describe a Keras 3 model"),
        (lambda d: [1], "must describe a Keras 3 model"),
    ],
)
def test_other_descriptions_are_refused(saved, tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        read_keras(changed(saved[1], tmp_path / "m.keras", config=change))


def replace_array(value):
    def change(arrays):
        group = arrays["layers/conv2d/vars"]
        del group["0"]
        value(group)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace_array(lambda g: None), "must lie in the file"),
        (replace_array(lambda g: g.__setitem__("0", h5py.ExternalLink("/etc/hostname", "/x"))), "must lie in the file"),
        (replace_array(lambda g: g.__setitem__("0", h5py.SoftLink("/layers"))), "must lie in the file"),
        (replace_array(lambda g: g.create_group("0")), "must be .* numbers in the file, got no array"),
        (replace_array(lambda g: g.create_dataset("0", data=np.zeros((3, 3)))), "must be .* numbers in the file"),
        (
            replace_array(lambda g: g.create_dataset("0", data=np.zeros((3, 3, 2, 4), np.int32))),
            "must be .* numbers in the file",
        ),
        (replace_array(lambda g: g.create_dataset("0", data=np.full((3, 3, 2, 4), np.nan))), "must be finite"),
        (
            replace_array(
                lambda g: g.create_dataset("0", (3, 3, 2, 4), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
            ),
            "must be .* numbers in the file",
        ),
    ],
)
def test_arrays_that_lie_elsewhere_or_do_not_fit_are_refused(saved, tmp_path, change, message):
    with pytest.raises(FormatError, match=message):
        read_keras(changed(saved[1], tmp_path / "m.keras", weights=change))


def test_files_that_are_no_keras_files_are_refused(saved, tmp_path, monkeypatch):
    with pytest.raises(FormatError, match="must exist"):
        read_keras(tmp_path / "absent.keras")
    text = tmp_path / "text.keras"
    text.write_text("no zip")
    with pytest.raises(FormatError, match="must be a file that Keras 3 saved"):
        read_keras(text)
    half = tmp_path / "half.keras"
    half.write_bytes(saved[1].read_bytes()[:2000])
    with pytest.raises(FormatError, match="must be a file that Keras 3 saved"):
        read_keras(half)
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(FormatError, match=r"must hold config\.json"):
        read_keras(tmp_path / "empty.keras")
    monkeypatch.setattr(keras_file, "MOST_BYTES", 1000)
    with pytest.raises(FormatError, match="must be at most"):
        read_keras(saved[1])


def test_weights_that_would_fill_the_memory_are_refused_before_they_are_read(saved, tmp_path):
    """A data set whose chunks were never written takes no space in the file, and 2 GB when it is read."""

    def widen(description):
        for row in description["config"]["layers"]:
            if row["config"].get("filters") == 8:
                row["config"]["filters"] = 8192

    def swell(arrays):
        for stored, into in (("conv2d_4", 6), ("conv2d_5", 8192)):
            group = arrays[f"layers/{stored}/vars"]
            del group["0"], group["1"]
            group.create_dataset("0", (3, 3, into, 8192), "f4", chunks=True)
            group.create_dataset("1", (8192,), "f4", chunks=True)
        group = arrays["layers/conv2d_transpose/vars"]
        del group["0"]
        group.create_dataset("0", (2, 2, 6, 8192), "f4", chunks=True)

    path = changed(saved[1], tmp_path / "m.keras", config=widen, weights=swell)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FormatError, match="the weights must be at most 1024 MB"):
        read_keras(path)
