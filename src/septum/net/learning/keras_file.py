"""Reads a U-Net that Keras 3 saved (`model.save("MODEL.keras")`), without Keras.

The insight: the file is data, a zip with a description (JSON) and arrays (HDF5), so it can be read as data. Keras
itself would build whatever classes the description names; here the description is only compared with the one form that
is known, the lecture's U-Net, walked from its output back to its input. A stranger's file can name nothing that runs,
point at no other file, and unpack to no more than `MOST_BYTES`.
"""

from __future__ import annotations

import math
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.io.documents import parse_json
from septum.net.architecture.unet import UNet, UNetConfig

MOST_BYTES = 1 << 30
"""Of the weights, unpacked; the paper's network has 124 MB."""

MOST_TEXT = 16 << 20
MOST_LAYERS = 1000
MOST_FEATURES = 8192

STORED_NAMES = {
    "InputLayer": "input_layer",
    "Conv2D": "conv2d",
    "Conv2DTranspose": "conv2d_transpose",
    "MaxPooling2D": "max_pooling2d",
    "Concatenate": "concatenate",
    "Dropout": "dropout",
    "SpatialDropout2D": "spatial_dropout2d",
}
"""Layers that are understood, by the name under which Keras stores their arrays."""

PASSED = ("Dropout", "SpatialDropout2D")
"""Layers that do nothing after training."""


@dataclass(frozen=True)
class Layer:
    """A layer of the description: its class, its settings, the layers that feed it, and where its arrays lie."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    sources: tuple[str, ...]
    stored: str


@dataclass(frozen=True)
class KerasUNet:
    """What a file holds: the network in evaluation mode, and the image size that it was declared with, if any."""

    network: UNet
    size: tuple[int, int] | None


@dataclass(frozen=True)
class _Level:
    """The layers of one level of the U: those of the encoder, and, but at the bottom, those of the decoder."""

    encoder: tuple[Layer, Layer]
    up: Layer | None = None
    decoder: tuple[Layer, Layer] | None = None
    skip_first: bool = False


def read_keras(path: Path) -> KerasUNet:
    """Read a U-Net of the lecture's blocks (Conv2D 3 × 3 with ReLU, MaxPooling2D, Conv2DTranspose, Concatenate, a 1 × 1
    convolution with sigmoid or softmax at the end; Dropout is passed over).

    A network with one sigmoid output gets a background class whose logit is the negative, which decides at 0.5 too.

    Raises:
        FormatError: when the file is missing, damaged, too large, or holds anything else; the layer is named.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            layers, output = _layers(_member(archive, "config.json", most=MOST_TEXT, path=path), path)
            levels, head, size = _walk(layers, output)
            with tempfile.TemporaryFile() as weights:
                weights.write(_member(archive, "model.weights.h5", most=MOST_BYTES, path=path))
                weights.seek(0)
                with h5py.File(weights, "r") as arrays:
                    return KerasUNet(_network(levels, head, layers=layers, arrays=arrays), size)
    except FileNotFoundError as error:
        raise FormatError(f"{path} must exist, no such file; check the path") from error
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise FormatError(
            f"{path} must be a file that Keras 3 saved, but it cannot be read ({type(error).__name__}); "
            'save the model again with model.save("MODEL.keras")'
        ) from error


def _member(archive: zipfile.ZipFile, name: str, *, most: int, path: Path) -> bytes:
    """The bytes of a file in the zip, never more than `most`, whatever the zip says of their number."""
    if name not in archive.namelist():
        raise FormatError(f'{path} must hold {name}; save the model again with model.save("MODEL.keras")')
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise FormatError(f"{name} of {path} must be at most {most >> 20} MB unpacked; this is no U-Net of the lecture")
    return content


def _layers(text: bytes, path: Path) -> tuple[dict[str, Layer], str]:
    """The layers by name, and the name of the last one."""
    try:
        description = parse_json(text)
        config = description["config"]
        found, counts = {}, dict.fromkeys(STORED_NAMES, 0)
        rows = config["layers"]
        if description["class_name"] not in ("Functional", "Model") or len(rows) > MOST_LAYERS:
            raise FormatError(f"{path} must hold a functional model, got {description['class_name']!r:.60}")
        for row in rows:
            kind, name = row["class_name"], row["config"]["name"]
            if kind not in STORED_NAMES:
                raise FormatError(
                    f"the layers must be among {', '.join(STORED_NAMES)}, got {kind!r:.60}; only the lecture's U-Net "
                    "can be imported"
                )
            stored = STORED_NAMES[kind] + (f"_{counts[kind]}" if counts[kind] else "")
            counts[kind] += 1
            found[name] = Layer(name, kind, row["config"], tuple(_history(row["inbound_nodes"])), stored)
        outputs = _named(config["output_layers"])
        if len(outputs) != 1:
            raise FormatError(f"the model must have one output, got {len(outputs)}; save one without the others")
        return found, outputs[0]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise FormatError(f"config.json of {path} must describe a Keras 3 model ({type(error).__name__})") from error


def _named(outputs: Any) -> list[str]:
    """Layer names of [name, node, tensor] or a list of such."""
    return [outputs[0]] if isinstance(outputs[0], str) else [row[0] for row in outputs]


def _history(nodes: Any) -> list[str]:
    """Names of the layers whose outputs a layer takes, in order."""
    if isinstance(nodes, dict):
        if "keras_history" in nodes:
            return [str(nodes["keras_history"][0])]
        return [name for value in nodes.values() for name in _history(value)]
    return [name for value in nodes for name in _history(value)] if isinstance(nodes, list) else []


def _walk(layers: Mapping[str, Layer], output: str) -> tuple[list[_Level], Layer, tuple[int, int] | None]:
    """From the last layer back to the first: the levels of the U, finest first, the last convolution, the size."""
    head = _expect(_get(layers, output), "Conv2D", activation=("sigmoid", "softmax"), size=1)
    ups: list[tuple[Layer, tuple[Layer, Layer], Layer, bool]] = []
    pair, before = _pair(layers, _source(layers, head))
    while before.kind == "Concatenate":
        sides = [_passed(layers, name) for name in before.sources]
        if sorted(side.kind for side in sides) != ["Conv2D", "Conv2DTranspose"] or _axis(before) not in (-1, 3):
            raise FormatError(f"{before.name} must join a Conv2DTranspose and an encoder's map along the channels")
        first = sides[0].kind == "Conv2D"
        up, skip = (sides[1], sides[0]) if first else (sides[0], sides[1])
        ups.append((_expect(up, "Conv2DTranspose", activation=("linear",), size=2, stride=2), pair, skip, first))
        if len(ups) > 12:
            raise FormatError("the model must have at most 12 levels; only the lecture's U-Net can be imported")
        pair, before = _pair(layers, _source(layers, up))
    levels = [_Level(pair)]
    for up, decoder, skip, first in reversed(ups):
        end = _source(layers, _expect_pool(before))
        if end.name != skip.name:
            raise FormatError(f"{skip.name} must be the map that {before.name} pools; the levels do not match")
        pair, before = _pair(layers, end)
        levels.insert(0, _Level(pair, up, decoder, first))
    if before.kind != "InputLayer":
        raise FormatError(f"{before.name} must be the input, got a {before.kind}; the levels do not match")
    return levels, head, _size(before)


def _get(layers: Mapping[str, Layer], name: str) -> Layer:
    if name not in layers:
        raise FormatError(f"the model must name its layers, got {name!r:.60} without one; save it again")
    return layers[name]


def _passed(layers: Mapping[str, Layer], name: str) -> Layer:
    """The layer of this name, or the one before it where it does nothing after training."""
    layer = _get(layers, name)
    for _ in range(MOST_LAYERS):
        if layer.kind not in PASSED:
            return layer
        layer = _get(layers, layer.sources[0] if layer.sources else "")
    raise FormatError("the layers must not go in a circle; save the model again")


def _source(layers: Mapping[str, Layer], layer: Layer) -> Layer:
    """The one layer that feeds another."""
    if len(layer.sources) != 1:
        raise FormatError(f"{layer.name} must be used once with one input, got {len(layer.sources)}")
    return _passed(layers, layer.sources[0])


def _pair(layers: Mapping[str, Layer], last: Layer) -> tuple[tuple[Layer, Layer], Layer]:
    """The two 3 × 3 convolutions that end with `last`, and what comes before them."""
    second = _expect(last, "Conv2D", activation=("relu",), size=3)
    first = _expect(_source(layers, second), "Conv2D", activation=("relu",), size=3)
    return (first, second), _source(layers, first)


def _expect(layer: Layer, kind: str, *, activation: tuple[str, ...], size: int, stride: int = 1) -> Layer:
    """The layer, when it is as the lecture has it."""
    wanted = {
        "kernel_size": [size, size],
        "strides": [stride, stride],
        "dilation_rate": [1, 1],
        "groups": 1,
        "data_format": "channels_last",
        "use_bias": True,
        "output_padding": None,
    }
    # With a kernel of 1, or one as large as the stride, "valid" is "same".
    wanted["padding"] = "same" if size == 3 else layer.settings.get("padding")
    if layer.kind != kind:
        raise FormatError(
            f"{layer.name} must be a {kind}, got a {layer.kind}; only the lecture's U-Net can be imported"
        )
    for name, value in wanted.items():
        if layer.settings.get(name, value) != value:
            raise FormatError(f"{name} of {layer.name} must be {value}, got {layer.settings[name]!r:.60}")
    found = layer.settings.get("activation")
    if found not in activation:
        raise FormatError(f"activation of {layer.name} must be {' or '.join(activation)}, got {found!r:.60}")
    return layer


def _expect_pool(layer: Layer) -> Layer:
    settings = layer.settings
    right = settings.get("pool_size") == [2, 2] and settings.get("strides") in ([2, 2], None)
    if layer.kind != "MaxPooling2D" or not right or settings.get("data_format", "channels_last") != "channels_last":
        raise FormatError(f"{layer.name} must be a MaxPooling2D of (2, 2), got a {layer.kind}")
    return layer


def _axis(layer: Layer) -> Any:
    return layer.settings.get("axis", -1)


def _size(entry: Layer) -> tuple[int, int] | None:
    """Height and width that the input was declared with."""
    shape = entry.settings.get("batch_shape")
    sizes = shape[1:3] if isinstance(shape, list) and len(shape) == 4 else []
    if len(sizes) == 2 and all(isinstance(n, int) and 0 < n <= 1 << 16 for n in sizes):
        return sizes[0], sizes[1]
    return None


def _network(levels: list[_Level], head: Layer, *, layers: Mapping[str, Layer], arrays: h5py.File) -> UNet:
    """The network with its weights."""
    entry = next(layer for layer in layers.values() if layer.kind == "InputLayer")
    shape = entry.settings.get("batch_shape")
    channels = shape[-1] if isinstance(shape, list) and shape else None
    if not isinstance(channels, int) or not 0 < channels <= MOST_FEATURES:
        raise FormatError(f"the input must have a number of channels, got {channels!r:.60}; declare it in keras.Input")
    features = tuple(_filters(level.encoder[1]) for level in levels)
    state = _weights(levels, head, arrays=arrays, channels=channels, features=features)
    config = UNetConfig(
        ndim=2,
        in_channels=channels,
        out_channels=len(state["head.bias"]),
        features=features,
        strides=((2, 2),) * (len(features) - 1),
        kernels=((3, 3),) * len(features),
        activation_out=head.settings["activation"],
    )
    network = UNet(config)
    network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in state.items()})
    return network.eval()


def _weights(
    levels: list[_Level], head: Layer, *, arrays: h5py.File, channels: int, features: tuple[int, ...]
) -> dict[str, NDArray[np.float32]]:
    """Every array under Septum's name, turned as PyTorch has it."""
    state: dict[str, NDArray[np.float32]] = {}
    into = channels
    for number, (level, width) in enumerate(zip(levels, features, strict=True)):
        _take(state, f"encoder.{number}.first.conv", layer=level.encoder[0], arrays=arrays, shape=(3, 3, into, width))
        _take(state, f"encoder.{number}.second.conv", layer=level.encoder[1], arrays=arrays, shape=(3, 3, width, width))
        into = width
        if level.up is not None and level.decoder is not None:
            _take(state, f"ups.{number}", layer=level.up, arrays=arrays, shape=(2, 2, width, features[number + 1]))
            _take(
                state,
                f"decoder.{number}.first.conv",
                layer=level.decoder[0],
                arrays=arrays,
                shape=(3, 3, 2 * width, width),
            )
            _take(
                state,
                f"decoder.{number}.second.conv",
                layer=level.decoder[1],
                arrays=arrays,
                shape=(3, 3, width, width),
            )
            if level.skip_first:  # Septum lays the enlarged map first
                key = f"decoder.{number}.first.conv.weight"
                state[key] = np.concatenate([state[key][:, width:], state[key][:, :width]], axis=1)
    outputs = _filters(head)
    _take(state, "head", layer=head, arrays=arrays, shape=(1, 1, features[0], outputs))
    if outputs == 1 and head.settings["activation"] != "sigmoid":
        raise FormatError("a single output must have a sigmoid, got softmax, which is always 1; use two classes")
    if outputs == 1:
        for name in ("head.weight", "head.bias"):
            state[name] = np.concatenate([-state[name], state[name]])
    return state


def _filters(layer: Layer) -> int:
    count = layer.settings.get("filters")
    if not isinstance(count, int) or not 0 < count <= MOST_FEATURES:
        raise FormatError(f"filters of {layer.name} must be from 1 to {MOST_FEATURES}, got {count!r:.60}")
    return count


def _take(
    state: dict[str, NDArray[np.float32]], name: str, *, layer: Layer, arrays: h5py.File, shape: tuple[int, ...]
) -> None:
    """Put a layer's kernel and bias under `name`; Keras has (ky, kx, in, out), transposed (ky, kx, out, in)."""
    outputs = shape[2] if name.startswith("ups") else shape[3]
    if _filters(layer) != outputs:
        raise FormatError(f"filters of {layer.name} must be {outputs} as in its block, got {_filters(layer)}")
    if 4 * math.prod(shape) + sum(array.nbytes for array in state.values()) > MOST_BYTES:
        raise FormatError(f"the weights must be at most {MOST_BYTES >> 20} MB, got more with those of {layer.name}")
    kernel = _array(arrays, f"layers/{layer.stored}/vars/0", shape=shape, layer=layer)
    bias = _array(arrays, f"layers/{layer.stored}/vars/1", shape=(outputs,), layer=layer)
    state[f"{name}.weight"] = kernel.transpose(3, 2, 0, 1)
    state[f"{name}.bias"] = bias


def _array(arrays: h5py.File, where: str, *, shape: tuple[int, ...], layer: Layer) -> NDArray[np.float32]:
    """An array that lies in the file itself, of the expected shape, finite."""
    folder: Any = arrays
    for part in where.split("/"):
        link = folder.get(part, getlink=True) if isinstance(folder, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise FormatError(f"the weights of {layer.name} must lie in the file, none found at {where}; save it again")
        folder = folder[part]
    inside = isinstance(folder, h5py.Dataset) and not folder.is_virtual and not folder.external
    if not inside or folder.shape != shape or folder.dtype.kind != "f":
        found = folder.shape if isinstance(folder, h5py.Dataset) else "no array"
        raise FormatError(
            f"the weights of {layer.name} must be {shape} numbers in the file, got {found}; save it again"
        )
    values = np.asarray(folder[()], dtype=np.float32)
    if not np.isfinite(values).all():
        raise FormatError(f"the weights of {layer.name} must be finite; the training diverged: train again")
    return values
