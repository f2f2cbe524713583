"""Labels that are DICOM structures (contours, segmentations): one number per name, the same in every case.

The insight: the first structure of one file is the liver and of the next one the heart. Names are what people agree on,
so they are numbered once for the whole data set, in their order, and what was decided is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from septum import io
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.runs.words import natural_key, some


def number_structures(dataset: Dataset) -> Dataset:
    """The data set with a value for each structure's name, and with these as its label names.

    Names that differ only in capitals or spaces are one. Where the data set declares names, these decide, and other
    structures are left out when the labels are read.

    Raises:
        FormatError: a file of structures that cannot be read.
    """
    found = {
        case.id: io.structure_names(case.label.path)
        for case in dataset.labelled
        if case.label is not None and not case.label.slices and io.is_structures(case.label.path)
    }
    if not found:
        return dataset
    names = sorted(
        {name for listed in found.values() for name in listed}, key=lambda name: (natural_key(name.lower()), name)
    )
    values = numbered(names, dataset.label_names)
    labels = dict(dataset.label_names) or {value: name for name, value in reversed(values.items())}
    listed = some([f"{value} {name}" for value, name in sorted(labels.items()) if value], 12)
    note = f"structures of DICOM files are numbered by their names: {listed}"
    cases = tuple(_with_values(case, values) if case.id in found else case for case in dataset.cases)
    return replace(dataset, cases=cases, label_names=dict(sorted(labels.items())), notes=(*dataset.notes, note))


def numbered(names: Iterable[str], declared: Mapping[int, str]) -> dict[str, int]:
    """The value of each name: the declared one, else by the order of the names from 1; without a value: left out.

    >>> numbered(["GTV", "gtv", "Heart"], {}), numbered(["GTV", "Heart"], {3: "heart"})
    ({'GTV': 1, 'gtv': 1, 'Heart': 2}, {'Heart': 3})
    """
    known = {name.lower(): value for value, name in declared.items()}
    if not known:
        distinct = dict.fromkeys(name.lower() for name in names)
        known = {name: number for number, name in enumerate(distinct, 1)}
    return {name: known[name.lower()] for name in names if name.lower() in known}


def _with_values(case: Case, values: Mapping[str, int]) -> Case:
    label = None if case.label is None else replace(case.label, structures=tuple(values.items()))
    return replace(case, label=label)
