"""Several images of one patient, told by their names.

The insight: a split that puts the CT of a patient into training and the MR of the same patient into validation measures
memory. Only the user knows whether `STS_002` is a patient, so the names are shown and nothing is decided.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from septum.workflows.data.cases import Dataset
from septum.workflows.doctor.checks import ALL, CaseFacts, Finding

_NAME = re.compile(r"^(.*?\d+)[_\-. ](.+)$")


def check_patients(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Names that begin alike and end in a few words (`STS_002_CT`, `STS_002_PET`), where no groups are declared."""
    if any(case.group is not None for case in dataset.cases):
        return
    found = suspected([fact.case for fact in facts])
    if not found:
        return
    first, parts = next(iter(found.items()))
    shown = ", ".join(parts[:4]) + (", …" if len(parts) > 4 else "")
    images = sum(len(parts) for parts in found.values())
    message = f"{images} images seem to show {len(found)} patients or specimens, such as {first} ({shown})"
    mend = (
        "if so, name them in a table with the columns image,label,group, so that no patient is in training and "
        "validation both"
    )
    yield Finding(ALL, "warning", "groups-suspected", message, mend)


def suspected(names: Sequence[str]) -> dict[str, list[str]]:
    """The beginnings that several names share, with the ends of these names; empty where the ends do not recur.

    >>> suspected(["STS_002_CT", "STS_002_PET", "STS_012_CT", "STS_012_PET"])
    {'STS_002': ['CT', 'PET'], 'STS_012': ['CT', 'PET']}
    >>> suspected(["cell_001", "cell_002"])
    {}
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if match := _NAME.match(name):
            groups[match.group(1)].append(match.group(2))
    shared = {start: ends for start, ends in groups.items() if len(ends) > 1}
    often = Counter(end for ends in shared.values() for end in set(ends))
    return shared if len(shared) > 1 and max(often.values()) > 1 else {}


def patient_of(name: str) -> str | None:
    """The beginning of a name up to a number, where a word follows it; None where it has no such parts.

    >>> patient_of("STS_002_CT"), patient_of("cell")
    ('STS_002', None)
    """
    found = _NAME.match(name)
    return found.group(1) if found else None
