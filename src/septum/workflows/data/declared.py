"""What a data set declares about its label values in `dataset.json`, in either of the two dialects in use.

One insight: nnU-Net writes `name: value` and the Decathlon `value: name`; the type of the JSON value tells them apart,
even where names are digits. A list of values is a region (`regions`), and then every name is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from septum.errors import DatasetError
from septum.io import documents
from septum.workflows.data.cases import Dataset
from septum.workflows.data.regions import Region, value_names


@dataclass(frozen=True)
class Declared:
    """What a `dataset.json` says: names by label value, the ignored value, whether values are ids of objects, regions
    in their order, and notes of one sentence each."""

    names: Mapping[int, str] = field(default_factory=dict)
    ignore: int | None = None
    instances: bool = False
    regions: tuple[Region, ...] = ()
    notes: tuple[str, ...] = ()


def declared_labels(folder: Path) -> Declared:
    """What the `dataset.json` in `folder` declares; nothing where there is no such file."""
    path = folder / "dataset.json"
    if not path.is_file():
        return Declared()
    data = read_declared(path)
    found = parse_labels(data.get("labels", {}), data.get("regions_class_order"), path=path)
    return replace(found, instances=bool(data.get("instances", False)))


def declare(dataset: Dataset, declared: Declared) -> Dataset:
    """The data set with what is declared about its labels, whose notes come first."""
    return replace(
        dataset,
        label_names=declared.names,
        ignore_value=declared.ignore,
        instances=declared.instances,
        regions=declared.regions,
        notes=(*declared.notes, *dataset.notes),
    )


def read_declared(path: Path) -> dict[str, Any]:
    """The object in a JSON file; `DatasetError` with the line when it is not one, or names a key twice."""
    try:
        data = documents.read_json(path, largest=64 << 20)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} must be a JSON file, but reading failed: {error}; correct or remove it") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path} must hold a JSON object, got {type(data).__name__}; correct or remove it")
    return data


def parse_labels(labels: object, order: object, *, path: Path) -> Declared:
    """What the `labels` of a `dataset.json` declare, and its `regions_class_order`.

    Where any label is a list of values, every name but background and ignore is a region.

    Raises:
        DatasetError: what pairs no names and whole numbers, or an order that does not fit the regions.
    """
    if not isinstance(labels, dict):
        raise DatasetError(f"labels in {path} must be an object of names and values, got {labels!r}; correct it")
    names: dict[int, str] = {}
    ignore: int | None = None
    regions: list[Region] = []
    for key, value in labels.items():
        try:
            if isinstance(value, list):
                regions.append(Region(str(key), tuple(int(v) for v in value)))
                continue
            number, name = (int(key), value) if isinstance(value, str) else (int(value), str(key))
        except (TypeError, ValueError) as error:
            raise DatasetError(f"labels in {path} must pair names and whole numbers, got {key}: {value}") from error
        if name.lower() == "ignore":
            if ignore not in (None, number):
                raise DatasetError(f"labels in {path} must declare one ignored value, got {ignore} and {number}")
            ignore = number
        else:
            names[number] = name
            regions.append(Region(name, (number,)))
    if not any(isinstance(value, list) for value in labels.values()):
        return Declared(dict(sorted(names.items())), ignore)
    return _of_regions([r for r in regions if set(r.values) != {0}], names, ignore=ignore, order=order, path=path)


def _of_regions(
    regions: Sequence[Region], names: Mapping[int, str], *, ignore: int | None, order: object, path: Path
) -> Declared:
    """What is declared where names stand for several values."""
    painted = _painted(order, regions, path=path)
    notes = [
        "regions are scored as they are declared, and the values in the files are learned as classes: "
        + "; ".join(map(str, regions))
    ]
    outside = [f"{r.name} with {value}" for r, value in zip(regions, painted, strict=False) if value not in r.values]
    if outside:
        notes.append(
            f"regions_class_order paints {', '.join(outside)}, which is no value of that region: masks painted by it "
            "mean something else than the labels; Septum writes the values of the labels"
        )
    return Declared(value_names(regions, names), ignore, False, tuple(regions), tuple(notes))


def _painted(order: object, regions: Sequence[Region], *, path: Path) -> list[int]:
    """The value that each region is painted with; nothing where no order is declared.

    Raises:
        DatasetError: an order that is no list of one whole number per region.
    """
    if order is None:
        return []
    if not isinstance(order, list) or len(order) != len(regions) or any(type(v) is not int for v in order):
        raise DatasetError(
            f"regions_class_order in {path} must list one whole number for each of the {len(regions)} regions "
            f"({', '.join(r.name for r in regions)}), got {order!r}; correct it"
        )
    return list(order)


def labels_json(declared: Declared) -> dict[str, Any]:
    """The content of a `dataset.json` that declares the same."""
    labels: dict[str, Any] = {name: value for value, name in declared.names.items()}
    more: dict[str, Any] = {}
    if declared.regions:
        background = {name: 0 for value, name in declared.names.items() if value == 0}
        single = {r.name: r.values[0] for r in declared.regions if len(r.values) == 1}
        labels = background | {r.name: single.get(r.name, list(r.values)) for r in declared.regions}
        more = {"regions_class_order": paint_order(declared.regions)}
    if declared.ignore is not None:
        labels["ignore"] = declared.ignore
    return {"labels": labels, **more, "instances": declared.instances}


def paint_order(regions: Sequence[Region]) -> list[int]:
    """A value of each region that none of the regions inside it has, where there is one: what to paint it with.

    >>> paint_order([Region("whole", (1, 2, 4)), Region("core", (1, 2)), Region("enhancing", (1,))])
    [4, 2, 1]
    """
    found = []
    for region in regions:
        inner = {v for other in regions if set(other.values) < set(region.values) for v in other.values}
        found.append(next((v for v in region.values if v not in inner), region.values[0]))
    return found
