"""A pixel classifier in a file: its trees as arrays and a header in JSON, no code.

The insight: a classifier is handed on, so its file comes from strangers. Nothing is unpickled, the sizes are looked at
before anything is read, and a forest is walked only after every step in it was seen to stay inside.

The file is a NumPy archive (.npz): the columns of the forest, and `header`, the bytes of a JSON text.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import CheckpointError, ConfigError
from septum.interactive.pixels.classifier import MOST_LABELS, Forecast, PixelClassifier
from septum.interactive.pixels.features import FeatureSettings, features_of
from septum.interactive.pixels.forest import Forest
from septum.io.documents import parse_json
from septum.io.safe import temporary_path

CLASSIFIER_FORMAT, KIND = 1, "septum-pixel-classifier"


SUFFIX = ".npz"


MOST_BYTES = 1 << 30


MOST_HEADER = 1 << 20


def save_classifier(path: Path, classifier: PixelClassifier) -> None:
    """Write a classifier whole or not at all; the same classifier gives the same bytes.

    Raises:
        ConfigError: a name that does not end in .npz.
        CheckpointError: the file cannot be written.

    >>> import tempfile
    >>> from septum.interactive.pixels.classifier import Example, train_classifier
    >>> from septum.interactive.pixels.forest import ForestSettings
    >>> image, seeds = np.zeros((1, 8, 8)), np.full((8, 8), -1)
    >>> image[:, :, 4:] = 1.0; seeds[2:6, 1] = 0; seeds[2:6, 6] = 1
    >>> learnt = train_classifier([Example(image, seeds)], forest=ForestSettings(3), forecast=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_classifier(Path(folder, "cells.npz"), learnt)
    ...     Path(folder, "cells.npz").is_file()
    True
    """
    if path.suffix != SUFFIX:
        raise ConfigError(f"the file of a classifier must end in {SUFFIX}, got {path.name}; rename it")
    text = json.dumps(header_of(classifier), sort_keys=True)
    header = np.frombuffer(text.encode(), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path.parent} cannot be made ({error.strerror or error}); choose another") from error
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, header=header, **classifier.forest.arrays())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}); check space and folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def load_classifier(path: Path) -> PixelClassifier:
    """The classifier that `save_classifier` wrote; it predicts exactly the same.

    Raises:
        CheckpointError: no such file, none of a classifier, damaged, or written by a newer version.

    >>> import tempfile
    >>> from septum.interactive.pixels.classifier import Example, train_classifier
    >>> from septum.interactive.pixels.forest import ForestSettings
    >>> image, seeds = np.zeros((1, 8, 8)), np.full((8, 8), -1)
    >>> image[:, :, 4:] = 1.0; seeds[2:6, 1] = 0; seeds[2:6, 6] = 1
    >>> learnt = train_classifier([Example(image, seeds)], forest=ForestSettings(3), forecast=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_classifier(Path(folder, "cells.npz"), learnt)
    ...     load_classifier(Path(folder, "cells.npz")).labels
    (0, 1)
    """
    try:
        arrays = _read(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; check the name") from error
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a pixel classifier ({type(error).__name__}); copy it again or train again"
        ) from error
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"{path} must be a pixel classifier (.npz), got another kind of file") from error
    try:
        return _rebuilt(parse_json(arrays.pop("header").tobytes()), arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError, ConfigError) as error:
        raise CheckpointError(f"{path} is no sound pixel classifier ({error}); copy it again or train again") from error


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the file, none of which may be large or hold objects."""
    names = {"header", *Forest.__dataclass_fields__}
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    if set(sizes) != names:
        raise ValueError("other arrays than those of a classifier")
    if sum(sizes.values()) > MOST_BYTES or sizes["header"] > MOST_HEADER:
        raise ValueError("larger than any classifier")
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in names}


def header_of(classifier: PixelClassifier) -> dict[str, Any]:
    """Everything but the trees, as plain values.

    >>> from septum.interactive.pixels.classifier import Example, train_classifier
    >>> from septum.interactive.pixels.forest import ForestSettings
    >>> image, seeds = np.zeros((1, 8, 8)), np.full((8, 8), -1)
    >>> image[:, :, 4:] = 1.0; seeds[2:6, 1] = 0; seeds[2:6, 6] = 1
    >>> learnt = train_classifier([Example(image, seeds)], forest=ForestSettings(3), forecast=False)
    >>> header_of(learnt)["labels"]
    [0, 1]
    """
    settings, forecast = classifier.settings, classifier.forecast
    return {
        "kind": KIND,
        "format": CLASSIFIER_FORMAT,
        "features": {
            "kinds": list(settings.kinds),
            "scales": list(settings.scales),
            "unit": settings.unit,
            "selection": None if settings.selection is None else list(settings.selection),
        },
        "labels": list(classifier.labels),
        "channels": classifier.channels,
        "ndim": classifier.ndim,
        "importance": list(classifier.importance),
        "marks": {str(label): count for label, count in classifier.marks.items()},
        "forecast": None
        if forecast is None
        else {
            "held_out": forecast.held_out,
            "recall": {str(label): value for label, value in forecast.recall.items()},
            "groups": {str(label): count for label, count in forecast.groups.items()},
        },
    }


def _rebuilt(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PixelClassifier:
    if header.get("kind") != KIND or not isinstance(header.get("format"), int):
        raise CheckpointError("not a pixel classifier of Septum")
    if header["format"] > CLASSIFIER_FORMAT:
        raise CheckpointError(
            f"written in format {header['format']}, this Septum reads up to {CLASSIFIER_FORMAT}; upgrade Septum"
        )
    plain = header["features"]
    selection = plain["selection"]
    settings = FeatureSettings(
        tuple(str(kind) for kind in plain["kinds"]),
        tuple(float(scale) for scale in plain["scales"]),
        str(plain["unit"]),
        None if selection is None else tuple(int(i) for i in selection),
    )
    labels = tuple(int(label) for label in header["labels"])
    channels, ndim = int(header["channels"]), int(header["ndim"])
    if not 2 <= len(labels) <= MOST_LABELS or sorted(set(labels)) != list(labels) or labels[0] < 0:
        raise CheckpointError("the labels must ascend from 0 or more")
    if labels[-1] > 2**32 - 1 or ndim not in (2, 3) or not 1 <= channels <= 1000:
        raise CheckpointError("labels, axes or channels are out of range")
    features = len(features_of(settings, channels=channels, ndim=ndim))
    forest = Forest.checked(arrays, features=features, classes=len(labels))
    importance = tuple(float(value) for value in header["importance"])
    if len(importance) != features or not np.isfinite(importance).all():
        raise CheckpointError("each feature must have an importance")
    return PixelClassifier(
        settings, labels, channels, ndim, forest, importance, _numbers(header["marks"], int), _forecast(header)
    )


def _forecast(header: Mapping[str, Any]) -> Forecast | None:
    plain = header["forecast"]
    if plain is None:
        return None
    return Forecast(str(plain["held_out"]), _numbers(plain["recall"], float), _numbers(plain["groups"], int))


def _numbers(plain: Mapping[str, Any], kind: type[Any]) -> dict[int, Any]:
    return {int(label): kind(value) for label, value in plain.items()}
