"""From the label values people use to the classes 0 … K-1 a network uses, and back.

One insight: values are names, not numbers. `{0, 1, 3}`, `{0, 255}` and an atlas with ids up to 1605 are all fine; the
map between values and classes is recorded, so predictions carry the user's own values again.

Whether values are classes at all is the other question: instance ids (one value per object, different in each image)
must become one foreground class, or the network would get a class per nucleus. See `infer_classes` for the rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, DatasetError
from septum.geometry import LabelMap
from septum.geometry.class_maps import class_type, ignore_class
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, load_labels
from septum.workflows.data.grey import grey_edges, is_picture, value_counts
from septum.workflows.data.regions import Region, region_members, region_names
from septum.workflows.runs.failures import Failures, listed

_MANY = 20  # undeclared values from which on a person is told how many classes there will be


_CHUNK = 1 << 22  # samples looked up at a time: bounds the 64-bit copies to 32 MiB


LARGEST_VALUE = 1 << 53
"""Of a label: beyond, floating point, in which many programs keep labels, has no whole numbers any more."""


@dataclass(frozen=True)
class ClassMap:
    """Reversible map between label values and classes.

    Args:
        values: label value of each class; `values[0]` is the background.
        names: one name per class.
        ignore: label value that neither trains nor counts.
        foreground: every value other than background and ignore is class 1 (instance ids, or the user asked for it).
        counts: samples per class in the labels it was inferred from; empty when unknown.
        notes: what was decided, one sentence each.
        regions: nested sets of the values, in which masks are scored; empty where each class is scored by itself.

    Raises:
        ConfigError: when values repeat, names do not fit, foreground has other than two classes, or a region holds a
            value that is none.

    >>> classes = ClassMap((0, 1, 3), ("background", "liver", "tumour"))
    >>> classes.to_classes(np.array([0, 3, 1])).tolist()
    [0, 2, 1]
    >>> classes.to_values(np.array([0, 2, 1])).tolist()
    [0, 3, 1]
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    ignore: int | None = None
    foreground: bool = False
    counts: tuple[int, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    regions: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.values)) != len(self.values) or len(self.values) < 2:
            raise ConfigError(f"class values must be two or more different numbers, got {list(self.values)}")
        if len(self.values) > 65000:
            raise ConfigError(f"there must be at most 65000 classes, got {len(self.values)}; use foreground for ids")
        if len(self.names) != len(self.values):
            raise ConfigError(f"{len(self.values)} class values need as many names, got {list(self.names)}")
        if self.ignore is not None and self.ignore in self.values:
            raise ConfigError(f"the ignore value must not be a class value, got {self.ignore}")
        if self.foreground and len(self.values) != 2:
            raise ConfigError(f"a foreground map must have two classes, got values {list(self.values)}")
        strange = {v for region in self.regions for v in region.values} - set(self.values)
        if strange:
            raise ConfigError(f"regions must hold values of classes, got {sorted(strange)} of {_short(self.values)}")

    @property
    def n_classes(self) -> int:
        """Number of classes, background included."""
        return len(self.values)

    @property
    def scored(self) -> dict[int, str]:
        """What masks are scored by: the regions by their numbers where there are any, else each value but background,
        with its name."""
        own = dict(list(zip(self.values, self.names, strict=True))[1:])
        return region_names(self.regions) if self.regions else own

    @property
    def members(self) -> dict[int, tuple[int, ...]]:
        """The label values of each region of `scored`; empty where there are none."""
        return region_members(self.regions)

    @property
    def region_classes(self) -> tuple[tuple[int, ...], ...]:
        """The classes of each region; empty where there are none."""
        return tuple(tuple(self.values.index(value) for value in region.values) for region in self.regions)

    @property
    def ignore_class(self) -> int:
        """The class number that ignored samples get: 255, or 65535 beyond 250 classes."""
        return ignore_class(self.n_classes)

    def to_classes(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Class map (uint8, or uint16 beyond 250 classes) of integer `labels` of any shape.

        The ignore value and `UNANNOTATED` become `ignore_class`.

        Raises:
            DatasetError: when a value is neither a class nor ignored; the values and their counts are named.
        """
        dtype = class_type(self.n_classes)
        ignored = [UNANNOTATED] + ([] if self.ignore is None else [self.ignore])
        if self.foreground:
            classes: NDArray[Any] = (labels != self.values[0]).astype(dtype)
            classes[np.isin(labels, ignored)] = self.ignore_class
            return classes
        known = np.array([*self.values, *ignored], dtype=np.int64)
        targets = np.array([*range(self.n_classes), *[self.ignore_class] * len(ignored)], dtype=np.int64)
        classes = np.empty(labels.size, dtype=dtype)
        flat, unknown = labels.reshape(-1), []
        look_up = _lookup(known, targets)
        for start in range(0, labels.size, _CHUNK):
            part = flat[start : start + _CHUNK]
            codes = look_up(part)
            if int(codes.min()) < 0:
                unknown.append(part[codes < 0])
            classes[start : start + _CHUNK] = codes
        if unknown:
            raise DatasetError(self._unknown(np.concatenate(unknown)))
        return classes.reshape(labels.shape)

    def _unknown(self, values: NDArray[Any]) -> str:
        found, counts = np.unique(values, return_counts=True)
        shown = ", ".join(f"{v} ({n} samples)" for v, n in list(zip(found.tolist(), counts.tolist(), strict=True))[:8])
        more = f" and {len(found) - 8} more values" if len(found) > 8 else ""
        return (
            f"label values must be among {_short(self.values)}, got {shown}{more}; "
            "correct the labels, or train again with these values in the data set"
        )

    def to_values(self, classes: NDArray[Any]) -> NDArray[Any]:
        """Label values of a class map, in the smallest integer type that holds them; ignored samples get the ignore
        value, or background where none is declared.

        Raises:
            DatasetError: when a class number is not below `n_classes`.
        """
        every = [*self.values] + ([] if self.ignore is None else [self.ignore])
        dtype = np.result_type(np.min_scalar_type(min(every)), np.min_scalar_type(max(every)))
        table = np.full(self.ignore_class + 1, self.values[0], dtype=dtype)
        table[: self.n_classes] = self.values
        table[self.ignore_class] = self.values[0] if self.ignore is None else self.ignore
        wrong = (classes >= self.n_classes) & (classes != self.ignore_class)
        if wrong.any():
            raise DatasetError(f"classes must be below {self.n_classes}, got {int(classes[wrong][0])}")
        values: NDArray[Any] = table[classes]
        return values

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file; `regions` stand in it where there are any."""
        regions = [{"name": region.name, "values": list(region.values)} for region in self.regions]
        return {
            "values": list(self.values),
            "names": list(self.names),
            "ignore": self.ignore,
            "foreground": self.foreground,
        } | ({"regions": regions} if regions else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassMap:
        """The map that `to_dict` wrote; `ConfigError` when a field is missing or of the wrong kind."""
        try:
            values = tuple(_value(v) for v in data["values"])
            names = tuple(data["names"])
            if not all(isinstance(name, str) for name in names):
                raise ValueError(f"names must be texts, got {data['names']!r:.60}")
            ignore = None if data["ignore"] is None else _value(data["ignore"])
            if not isinstance(data["foreground"], bool):
                raise ValueError(f"foreground must be true or false, got {data['foreground']!r:.40}")
            regions = tuple(
                Region(str(r["name"]), tuple(_value(v) for v in r["values"])) for r in data.get("regions", ())
            )
            return cls(values, names, ignore, data["foreground"], regions=regions)
        except (KeyError, TypeError, ValueError, DatasetError) as error:
            raise ConfigError(
                f"a class map must hold values, names, ignore and foreground ({error}), got {data!r:.200}"
            ) from error


def _value(number: Any) -> int:
    """A label value of a file.

    Raises:
        ValueError: no whole number, or one that no label map holds.
    """
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) > LARGEST_VALUE:
        raise ValueError(f"label values must be whole numbers up to {LARGEST_VALUE}, got {number!r:.40}")
    return number


def _lookup(known: NDArray[np.int64], targets: NDArray[np.int64]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A function from values to targets, -1 where a value is not known; the first of equal known values wins."""
    start, span = int(known.min()), int(known.max() - known.min()) + 1
    if span <= 1 << 22:
        table = np.full(span + 1, -1, dtype=np.int32)
        table[known[::-1] - start] = targets[::-1]
        # Values below the table land on -1, those above on `span`: both are its last, unknown, entry.
        return lambda values: table[np.clip(values.astype(np.int64) - start, -1, span)]
    order = np.argsort(known, kind="stable")
    keys, results = known[order], targets[order]

    def search(values: NDArray[Any]) -> NDArray[Any]:
        position = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
        return np.where(keys[position] == values, results[position], -1)

    return search


def _short(values: Sequence[int]) -> str:
    shown = ", ".join(str(v) for v in values[:12])
    return f"[{shown}, … {len(values)} values]" if len(values) > 12 else f"[{shown}]"


@dataclass(frozen=True)
class LabelSummary:
    """What one label map holds: samples per value, and whether its values look like ids or like antialiasing.

    `touching` is the share of values that touch another value than background (1.0 for fewer than 10 values);
    `picture`: whether it is a grey picture or a map of probabilities.
    """

    case: str
    counts: Mapping[int, int]
    touching: float
    grey_edges: tuple[int, ...]
    picture: bool = False


def summarise_labels(case: str, labels: LabelMap, *, background: int = 0) -> LabelSummary:
    """One pass over a label map for `infer_classes` and the doctor."""
    values, counts = value_counts(labels.array)
    table = dict(zip(values.tolist(), counts.tolist(), strict=True))
    if len(values) < 5:
        return LabelSummary(case, table, 1.0, ())
    grey = grey_edges(labels.array, values, counts=counts)
    touching = _touching(labels.array, background) if len(values) >= 10 and not grey else 1.0
    return LabelSummary(case, table, touching, grey, not grey and is_picture(labels.array))


def _touching(array: NDArray[Any], background: int) -> float:
    """Share of the values other than background that touch another such value along an axis."""
    touched: set[int] = set()
    for axis in range(array.ndim):
        a = np.take(array, range(array.shape[axis] - 1), axis=axis)
        b = np.take(array, range(1, array.shape[axis]), axis=axis)
        meet = (a != b) & (a != background) & (b != background)
        touched |= set(np.unique(a[meet]).tolist()) | set(np.unique(b[meet]).tolist())
    total = len(set(np.unique(array).tolist()) - {background})
    return len(touched) / total if total else 0.0


def infer_classes(
    dataset: Dataset,
    *,
    background: int = 0,
    foreground: bool | None = None,
    cases: Sequence[Case] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    failures: Failures | None = None,
) -> ClassMap:
    """The class map of a data set's labels; reads the labels of `cases` (default: all labelled) once, one at a time.

    Cases that cannot be read go to `failures`, and the map is that of the others; without a list they are raised.

    With `foreground=None` values are taken for instance ids, and become one foreground class, when the data set says
    so (Cell Tracking Challenge), or when no names are declared, some label map has at least 10 values, and

    * it has at least 20, fewer than half of which touch another, and their number differs between images (or there is
      only one image); or
    * values run 1, 2, … n without gaps in four of five images, and n differs between images; or
    * hardly any value occurs in two images: 50 values or more, five times as many as in any one image.

    Raises:
        DatasetError: no labelled case, nothing but background, undeclared values, or antialiased masks.
    """
    chosen = [case for case in (dataset.labelled if cases is None else cases) if case.label is not None]
    if not chosen:
        raise DatasetError(f"{dataset.root} must hold at least one labelled case, got none; annotate an image first")
    summaries = []
    for number, case in enumerate(chosen):
        with listed(failures, case.id):
            summaries.append(summarise_labels(case.id, load_labels(case), background=background))
        if on_progress:
            on_progress(case.id, (number + 1) / len(chosen))
    if not summaries and failures is not None:
        raise DatasetError(f"the labels of {dataset.root} must be readable, got none that are; {failures.first}")
    return classes_from(dataset, summaries, background=background, foreground=foreground)


def classes_from(
    dataset: Dataset, summaries: Sequence[LabelSummary], *, background: int = 0, foreground: bool | None = None
) -> ClassMap:
    """`infer_classes` for labels that were summarised already; same rule, same errors."""
    total: Counter[int] = Counter()
    for summary in summaries:
        total.update(summary.counts)
    total.pop(UNANNOTATED, None)
    if dataset.ignore_value is not None:
        total.pop(dataset.ignore_value, None)
    reason = ""
    if foreground is None:
        reason = _ids_reason(dataset, summaries, background=background)
        foreground = bool(reason)
    seen = sorted(set(total) - {background})
    if not seen:
        raise DatasetError(f"labels must hold more than background ({background}), got only that; check --background")
    _refuse_grey(summaries)
    if foreground:
        return _foreground_map(dataset, total, seen=seen, background=background, reason=reason)
    return _class_map(dataset, total, seen=seen, background=background)


def _foreground_map(
    dataset: Dataset, total: Counter[int], *, seen: list[int], background: int, reason: str
) -> ClassMap:
    value = seen[0] if len(seen) == 1 else 2 if background == 1 else 1
    value = value if value != dataset.ignore_value else max([*seen, background]) + 1
    notes = (f"label values are taken as ids of single objects ({reason}): one foreground class",) if reason else ()
    counts = (total[background], sum(total[v] for v in seen))
    return ClassMap((background, value), ("background", "foreground"), dataset.ignore_value, True, counts, notes)


def _class_map(dataset: Dataset, total: Counter[int], *, seen: list[int], background: int) -> ClassMap:
    declared = {v: n for v, n in dataset.label_names.items() if v not in (background, dataset.ignore_value)}
    stray = [v for v in seen if v not in declared]
    if declared and stray:
        raise DatasetError(
            f"label values must be declared ({_short([background, *declared])}), got {_short(stray)}; "
            "correct dataset.json or the labels (`septum doctor` names the cases)"
        )
    values = sorted(declared) if declared else seen
    absent = [declared[v] for v in values if v not in total]
    notes: tuple[str, ...] = (f"declared but absent from the labels: {', '.join(absent)}",) if absent else ()
    if not declared and len(values) > 1 and values != list(range(1, len(values) + 1)) and background == 0:
        notes += (f"label values {_short(values)} become classes 1 to {len(values)}; predictions carry the values",)
    notes += tuple(
        f"{said} If so, pass --instances (or --foreground)" for said in [perhaps_ids(values, declared)] if said
    )
    if not declared and len(values) >= _MANY:
        notes += (f"{len(values)} label values are taken as classes; pass --foreground if they are ids of objects",)
    names = [declared.get(v, "foreground" if len(values) == 1 else f"label {v}") for v in values]
    counts = tuple(total[v] for v in [background, *values])
    first = dataset.label_names.get(background, "background")
    regions = tuple(region for region in dataset.regions if background not in region.values)
    return ClassMap((background, *values), (first, *names), dataset.ignore_value, False, counts, notes, regions)


def perhaps_ids(values: Collection[int], declared: Collection[int]) -> str:
    """A sentence where values that are taken for classes look as if they numbered objects, otherwise nothing.

    Classes are counted from 1 and few programs give them more than 8 bits; a value far beyond the others is what is
    left of a count of objects.

    >>> perhaps_ids([1, 2, 3, 4, 300], [])
    'label values [1, 2, 3, 4, 300] are taken for classes: objects?'
    >>> perhaps_ids([1, 2, 4], []), perhaps_ids([205, 420, 500], []), perhaps_ids([1, 255], [])
    ('', '', '')
    """
    counted = sorted(set(values) - {255, 65535})
    if declared or len(counted) < 3 or counted[0] > 3 or counted[-1] <= max(20, 4 * len(counted)):
        return ""
    return f"label values {_short(sorted(values))} are taken for classes: objects?"


def _refuse_grey(summaries: Sequence[LabelSummary]) -> None:
    for summary in summaries:
        if summary.grey_edges:
            raise DatasetError(
                f"masks must hold label values only, got {len(summary.grey_edges)} in-between values such as "
                f"{summary.grey_edges[len(summary.grey_edges) // 2]} along the edges in case {summary.case} "
                "(antialiased, or saved as JPEG); run `septum doctor DATASET --fix OUT`"
            )
        if summary.picture:
            raise DatasetError(picture_message(f"the labels of case {summary.case}", len(summary.counts)))


def _ids_reason(dataset: Dataset, summaries: Sequence[LabelSummary], *, background: int) -> str:
    """Why the values are ids of single objects, or an empty string when they are classes."""
    if dataset.instances:
        return "the data set says so"
    if dataset.label_names or any(s.grey_edges for s in summaries):
        return ""
    found = [(set(s.counts) - {background, UNANNOTATED}, s.touching) for s in summaries]
    found = [(values, touching) for values, touching in found if values]
    sets = [values for values, _ in found]
    largest = max((len(values) for values in sets), default=0)
    if largest < 10:
        return ""
    varies = min(len(values) for values in sets) != largest
    apart = float(np.median([touching for _, touching in found])) < 0.5
    if largest >= 20 and apart and (varies or len(sets) == 1):
        return "many, mostly apart from each other"
    gapless = sum(values == set(range(1, len(values) + 1)) for values in sets)
    if varies and gapless >= 0.8 * len(sets):
        return "they run from 1 to a number that differs between images"
    union: set[int] = set().union(*sets)
    if len(union) >= max(50, 5 * largest):
        return "hardly any value occurs in two images"
    return ""


def picture_message(what: str, values: int) -> str:
    """What to say of a grey picture that stands where labels should."""
    return (
        f"{what} must hold label values, got a grey picture with {values} values: an image, or a map of probabilities "
        "of 8 bits; cut such a map at half of its largest value for a mask, or measure it beside masks with "
        "`septum evaluate --probabilities`"
    )


def from_zero(labels: NDArray[Any], background: int) -> NDArray[Any]:
    """Labels whose background is 0; a structure that was marked by 0 takes the value of the background instead."""
    if background == 0:
        return labels
    swapped = labels.astype(np.promote_types(labels.dtype, np.min_scalar_type(background)))
    swapped[labels == 0] = background
    swapped[labels == background] = 0
    return swapped


def _narrow(value: int) -> np.integer[Any]:
    """A label in the smallest type: bytes are counted and measured several times faster than wide integers."""
    return np.min_scalar_type(value).type(value) if value >= 0 else np.int64(value)
