"""Names of label values that a data set declares in its `dataset.json`, in either of the two dialects in use.

One insight: nnU-Net writes `name: value` and the Decathlon `value: name`; the type of the JSON value tells them apart,
even where names are digits.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from septum.errors import DatasetError


def declared_labels(folder: Path) -> tuple[dict[int, str], int | None, bool]:
    """Names by value, ignore value, and whether values are instance ids, from a `dataset.json` in `folder` (any of
    nnU-Net's `name: value` and the Decathlon's `value: name`); nothing where there is no such file."""
    path = folder / "dataset.json"
    if not path.is_file():
        return {}, None, False
    data = read_json(path)
    names, ignore, _ = parse_labels(data.get("labels", {}), data.get("regions_class_order"), path=path)
    return names, ignore, bool(data.get("instances", False))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; `DatasetError` with the line when it is not one, or names a key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
        if repeated:
            raise DatasetError(f"{path} must name every key once, got {repeated[0]!r} twice; remove one of them")
        return dict(pairs)

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{path} must be a JSON file, but reading failed: {error}; correct or remove it") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path} must hold a JSON object, got {type(data).__name__}; correct or remove it")
    return data


def parse_labels(labels: object, order: object, *, path: Path) -> tuple[dict[int, str], int | None, tuple[str, ...]]:
    """Names by value, the ignore value, and notes, from the `labels` of a `dataset.json`.

    Region-based labels (a name for several values) are not learned as overlapping regions: files hold plain values, and
    those are the classes. A value gets the name of the region that `regions_class_order` paints with it.
    """
    if not isinstance(labels, dict):
        raise DatasetError(f"labels in {path} must be an object of names and values, got {labels!r}; correct it")
    names: dict[int, str] = {}
    ignore: int | None = None
    regions: list[tuple[str, list[int]]] = []
    for key, value in labels.items():
        try:
            if isinstance(value, list):
                regions.append((str(key), [int(v) for v in value]))
                continue
            number, name = (int(key), value) if isinstance(value, str) else (int(value), str(key))
        except (TypeError, ValueError) as error:
            raise DatasetError(f"labels in {path} must pair names and whole numbers, got {key}: {value}") from error
        if name.lower() == "ignore":
            ignore = number
        else:
            names[number] = name
    painted = [int(v) for v in order] if isinstance(order, list) else []
    for _, values in regions:
        for value in values:
            names.setdefault(value, f"label {value}")
    by_value = _region_names(labels, painted)
    names |= {value: name for value, name in by_value.items() if value in names}
    note = "region-based labels are learned as the plain values in the files: " + ", ".join(
        f"{value} = {name}" for value, name in sorted(names.items())
    )
    return dict(sorted(names.items())), ignore, (note,) if regions else ()


def _region_names(labels: Mapping[str, object], painted: Sequence[int]) -> dict[int, str]:
    """Name of the region painted with each value, in declared order without background and ignore."""
    regions = [str(name) for name, value in labels.items() if value != 0 and str(name).lower() != "ignore"]
    has_lists = any(isinstance(value, list) for value in labels.values())
    return dict(zip(painted, regions, strict=False)) if has_lists and len(painted) == len(regions) else {}
