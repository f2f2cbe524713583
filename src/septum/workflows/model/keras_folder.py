"""`septum import-keras`: a U-Net that Keras saved becomes a model folder that `septum predict` uses.

The insight: weights are half of a model. The other half is what was done to the intensities before they went in, which
no Keras file says; it is asked for, stands in the plan, and can be corrected there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet
from septum.net.augment import augment
from septum.net.learning.checkpoint import save_model
from septum.net.learning.keras_file import KerasUNet, read_keras
from septum.workflows.data.classes import ClassMap
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Budget, Normalisation, Plan, plan_json
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.provenance import describe_run

WIDEST = 1e30
"""Bound of intensities where nothing is to be clipped."""

SIDE = 256
"""Side of the patch where the Keras model was declared for any size."""


@dataclass(frozen=True)
class ImportSettings:
    """What a Keras file does not say.

    Args:
        divide_by: what intensities were divided by before they went in; 255 for pictures scaled to 0..1, 1 for none.
        standardise: each image and channel was given mean 0 and deviation 1 instead.
        names: names of the classes, background first; numbered where empty.
        slices: the images are volumes, segmented slice by slice.
    """

    divide_by: float = 255.0
    standardise: bool = False
    names: tuple[str, ...] = ()
    slices: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.divide_by < WIDEST:
            raise ConfigError(f"divide_by must be positive, got {self.divide_by:g}; 255 for pictures scaled to 0..1")


def import_keras(path: Path, output: Path, *, settings: ImportSettings) -> Plan:
    """Write the model folder; returns its plan.

    Raises:
        FormatError: when the file is no U-Net of the lecture's blocks, see `read_keras`.
        ConfigError: when `output` is not new or empty, or the names do not fit the network.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"output must be a new or empty folder, got {output}; choose another one")
    found = read_keras(path)
    plan = keras_plan(found, settings)
    folder = ModelFolder(output)
    folder.fold(0).mkdir(parents=True, exist_ok=True)
    save_model(folder.weights(0), found.network)
    write_json(folder.path / "provenance.json", describe_run(imported={"keras": path.name, "sha256": _digest(path)}))
    write_text(folder.path / "card.md", _card(path.name, plan))
    write_text(folder.plan, plan_json(plan))
    return plan


def keras_plan(found: KerasUNet, settings: ImportSettings) -> Plan:
    """The plan of an imported network: its own resolution, no measured quality, and no training."""
    unet = found.network.config
    names = settings.names or ("background", *(f"class {index}" for index in range(1, unet.out_channels)))
    if len(names) != unet.out_channels:
        raise ConfigError(f"names must be {unet.out_channels}, background first, got {len(names)}: {', '.join(names)}")
    patch = _patch(found.network, found.size or (SIDE, SIDE))
    shape = ((1, *patch) if settings.slices else patch, (1.0,) * (3 if settings.slices else 2))
    return Plan(
        network="lecture",
        unet=unet,
        objective="dice + sigmoid per class" if unet.activation_out == "sigmoid" else "dice + cross entropy",
        classes=ClassMap(tuple(range(unet.out_channels)), tuple(names)),
        channels=unet.in_channels,
        spacing=None,
        reorient=settings.slices,
        slices=settings.slices,
        normalisation=_normalisation(unet.in_channels, settings),
        patch=patch,
        augment=augment.medical_2d(patch),
        budget=Budget(None, None, 4, "adamw", learning_rate=1e-3),
        overlap=0.5,
        mirrors=(),
        precision="32-true",
        seed=0,
        fingerprint=_fingerprint(shape[0], shape[1], channels=unet.in_channels, classes=unet.out_channels),
    )


def _patch(network: UNet, size: tuple[int, int]) -> tuple[int, ...]:
    """The declared size, rounded up to what the network takes."""
    return tuple(-(-n // unit) * unit for n, unit in zip(size, network.divisor, strict=True))


def _normalisation(channels: int, settings: ImportSettings) -> Normalisation:
    if settings.standardise:
        return Normalisation("standard")
    same = (1.0,) * channels
    return Normalisation(
        "ct",
        low=(-WIDEST,) * channels,
        high=(WIDEST,) * channels,
        mean=(0.0,) * channels,
        std=tuple(settings.divide_by * one for one in same),
    )


def _fingerprint(shape: Sequence[int], spacing: Sequence[float], *, channels: int, classes: int) -> Fingerprint:
    """Numbers of a data set that nobody has seen: none of it."""
    size, step = tuple(shape), tuple(spacing)
    voxels = 1
    for length in size:
        voxels *= length
    return Fingerprint(
        cases=0,
        ndim=len(size),
        anatomical=len(size) == 3,
        shape_min=size,
        shape_median=size,
        shape_max=size,
        spacing_min=step,
        spacing_median=step,
        spacing_max=step,
        channels=channels,
        low=(0.0,) * channels,
        high=(1.0,) * channels,
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        minimum=0.0,
        zero_share=0.0,
        class_shares=(0.0,) * classes,
        brighter=0.5,
        thickness=0.0,
        median_voxels=voxels,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _card(name: str, plan: Plan) -> str:
    scheme = plan.normalisation
    how = f"divided by {scheme.std[0]:g}" if scheme.std else "mean 0 and deviation 1 per image and channel"
    labels = "\n".join(
        f"- {value}: {name}" for value, name in zip(plan.classes.values, plan.classes.names, strict=True)
    )
    return f"""# Imported from {name}

Research software, not a medical device: a person must check every mask before it is used for anything that matters.

- network: U-Net of the Keras file, features {", ".join(str(n) for n in plan.unet.features)}
- intensities before the network: {how} (as the import was told; `normalisation` in plan.json)
- not measured here: what it was trained on and how good it is, the file does not say

Label values it writes:

{labels}
"""
