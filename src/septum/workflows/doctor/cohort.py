"""What can be wrong with the cases of a data set together, from the few numbers and hashes that are kept of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from septum.workflows.data.cases import Dataset, compare_grids, is_identity
from septum.workflows.data.classes import perhaps_ids
from septum.workflows.doctor.checks import ALL, CaseFacts, Finding
from septum.workflows.doctor.patients import patient_of
from septum.workflows.runs.words import some


def check_duplicates(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """One picture under two names, with one mask or with two, and one mask under two pictures."""
    for group in _grouped(facts, lambda f: f.image_hash).values():
        yield from _conflicts(group)
        for other in group[1:]:
            first = group[0]
            if not (first.label_hash and other.label_hash and first.label_hash != other.label_hash):
                message = f"the image equals that of {first.case}: a random split would test on training images"
                mend = "remove one of them; --fix keeps the first, or the one with labels"
                kept = other.case if other.label_hash and not first.label_hash else first.case
                left = first.case if kept == other.case else other.case
                yield Finding(left, "warning", "duplicate-image", message, mend, fixable=True)
    labelled = [f for f in facts if f.label_hash and len(f.counts) > 1]
    for group in _grouped(labelled, lambda f: f.label_hash).values():
        for other in group[1:]:
            if other.image_hash != group[0].image_hash:
                message = f"the labels equal those of {group[0].case}, but the images differ"
                mend = (
                    "two pictures of one thing (then give both one group in a table), or one carries the other's mask: "
                    "look at both"
                )
                yield Finding(other.case, "warning", "duplicate-labels", message, mend)


def _conflicts(group: Sequence[CaseFacts]) -> Iterator[Finding]:
    """One picture with several masks: which is right cannot be known, so every one of them is named."""
    labelled = [f for f in group if f.label_hash]
    if len({f.label_hash for f in labelled}) < 2:
        return
    names = [f.case for f in labelled]
    for fact in labelled:
        others = ", ".join(name for name in names if name != fact.case)
        message = f"the image equals that of {others}, but the labels differ"
        yield Finding(fact.case, "error", "duplicate-conflict", message, f"keep the right one of {', '.join(names)}")


def _grouped(facts: Sequence[CaseFacts], key: Callable[[CaseFacts], str]) -> dict[str, list[CaseFacts]]:
    groups: dict[str, list[CaseFacts]] = defaultdict(list)
    for fact in facts:
        groups[key(fact)].append(fact)
    return {name: group for name, group in groups.items() if len(group) > 1}


def check_alike(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Cases whose number of channels or of dimensions is not that of most."""
    counted: tuple[tuple[str, str, Callable[[CaseFacts], int]], ...] = (
        ("channels-differ", "channels", lambda f: f.channels),
        ("dimensions-differ", "dimensions", lambda f: f.grid.ndim),
    )
    for code, what, value in counted:
        counts = Counter(value(f) for f in facts)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        if code == "channels-differ" and set(counts) == {1, 3}:
            message = f"{counts[1]} images are grey and {counts[3]} have three channels"
            mend = (
                "nothing to do where the three are red, green and blue: grey is then read as equal red, green and blue"
            )
            yield Finding(ALL, "note", "grey-and-colour", message, mend)
            continue
        for fact in facts:
            if value(fact) != usual:
                message = f"the image has {value(fact)} {what}, most of the {len(facts)} have {usual}"
                mend = "save all images alike, or make two data sets: one network takes one kind of image"
                yield Finding(fact.case, "error", code, message, mend)


def check_exchanged(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Labels that do not fit their image and lie exactly on the image of another patient: perhaps of that one."""
    patients = _patients(facts, dataset)
    placed = [f for f in facts if f.grid.ndim == 3 and not is_identity(f.grid)]
    for fact in placed:
        labels = fact.labels_grid
        if labels is None or is_identity(labels) or compare_grids(fact.grid, labels)[0] not in UNPLACED:
            continue
        fitting = [f.case for f in placed if f is not fact and compare_grids(f.grid, labels)[0] == "same"]
        if not fitting or any(patients[fact.case] and patients[fact.case] == patients[other] for other in fitting):
            continue
        message = f"the labels do not lie on this image, but exactly on that of {some(fitting, 3)}"
        mend = (
            "look at both: two label files may be exchanged; where the place is right, save them on this image's grid"
        )
        yield Finding(fact.case, "error", EXCHANGED, message, mend)


def check_exchanged_sizes(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Labels of images without a place, of another size than their image and exactly of that of another image whose
    labels do not fit either: perhaps two files were exchanged. Transposed labels are said to be that."""
    unfit = {
        fact.case: (fact.grid.shape, fact.labels_grid.shape)
        for fact in facts
        if fact.labels_grid is not None
        and (fact.grid.ndim == 2 or is_identity(fact.grid))
        and sorted(fact.grid.shape) != sorted(fact.labels_grid.shape)
    }
    for case, (image, labels) in unfit.items():
        fitting = [other for other, (size, _) in unfit.items() if size == labels]
        if not fitting or all(drawn != image for _, drawn in unfit.values()):
            continue
        message = f"the image is {image}, its labels are {labels}, exactly as the image of {some(fitting, 3)}"
        mend = "look at both: two label files may be exchanged; then exchange their names"
        yield Finding(case, "error", EXCHANGED, message, mend)


EXCHANGED = "labels-of-another"
UNPLACED = ("shape", "different", "shifted")
"""How labels lie that could be those of another image."""


def _patients(facts: Sequence[CaseFacts], dataset: Dataset) -> dict[str, str | None]:
    """Whose each image is, as the table says or else the names: masks are drawn on any of a patient's images. A
    beginning that all names share (`BraTS20_Training_001`) is no patient's."""
    groups = {case.id: case.group for case in dataset.cases}
    named = {fact.case: patient_of(fact.case) for fact in facts}
    several = len(set(named.values())) > 1
    return {case: groups.get(case) or (start if several else None) for case, start in named.items()}


def check_modalities(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Images of several modalities as cases of one set."""
    counts = Counter(fact.modality for fact in facts if fact.modality)
    if len(counts) > 1:
        message = f"images of several modalities are cases of one set: {_counted(counts)}"
        mend = "make a data set of each modality, or put those of a patient on one grid as channels of one case"
        yield Finding(ALL, "warning", "modalities-mixed", message, mend)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))


def check_other_names(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Classes that never meet in a case, each in images of one kind only: perhaps one structure under several names."""
    kinds: dict[int, set[str]] = defaultdict(set)
    for fact in facts:
        held = set(fact.counts) - {0, dataset.ignore_value}
        if fact.grey or len(held) > 1:
            return
        for value in held:
            kinds[value].add(fact.modality or f"{fact.grid.ndim}-D images of {fact.channels} channel(s)")
    apart = len(kinds) > 1 and all(len(kind) == 1 for kind in kinds.values())
    if dataset.instances or not apart or len(kinds) > MOST_CLASSES or len(set.union(*kinds.values())) < 2:
        return
    names = [f"{dataset.label_names.get(v, f'label {v}')} ({', '.join(kind)})" for v, kind in sorted(kinds.items())]
    message = f"no case holds two of the classes {', '.join(names)}, and each lies in images of one kind only"
    mend = "where they are the same structure under other names, give them one name; otherwise nothing to do"
    yield Finding(ALL, "warning", "other-names", message, mend)


def check_spacing(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Spacings in other units than most (micrometres for millimetres), and images that know no size."""
    sized = [f for f in facts if f.grid.unit == "mm"]
    if sized and len(sized) < len(facts):
        unsized = [f.case for f in facts if f.grid.unit != "mm"]
        message = f"{len(unsized)} of {len(facts)} images do not say how large a sample is (such as {unsized[0]})"
        mend = "store the sample size in all of them, or resampling to one size is not possible"
        yield Finding(ALL, "warning", "units-mixed", message, mend)
    if len(sized) < 3:
        return
    usual = float(np.median([np.prod(f.grid.spacing) ** (1 / len(f.grid.spacing)) for f in sized]))
    for fact in sized:
        ratio = float(np.prod(fact.grid.spacing) ** (1 / len(fact.grid.spacing))) / usual
        if not 1 / 30 < ratio < 30:
            spacing = "×".join(f"{s:.4g}" for s in fact.grid.spacing)
            message = f"the spacing {spacing} mm is {ratio:.3g} times the usual one: perhaps another unit"
            yield Finding(fact.case, "warning", "spacing-outlier", message, "correct the spacing in the file's header")


def check_coding(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Masks that are 0/1 in some cases and 0/255 in others."""
    binary = [f for f in facts if f.counts and not f.grey]
    values = {f.case: set(f.counts) - {0, dataset.ignore_value} for f in binary}
    if dataset.label_names or any(len(v) > 1 for v in values.values()):
        return
    usual = Counter(next(iter(v)) for v in values.values() if v).most_common()
    if {value for value, _ in usual} != {1, 255}:
        return
    for case, found in values.items():
        if found and found != {usual[0][0]}:
            message = f"foreground is {next(iter(found))} here and {usual[0][0]} in {usual[0][1]} other cases"
            mend = "use one value for one thing; --fix uses the more frequent one"
            yield Finding(case, "error", "mixed-coding", message, mend, fixable=True)


def check_polarity(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Two-valued masks whose background (0) is the smaller part, in the data set or in single cases."""
    shares = {f.case: 1 - f.counts.get(0, 0) / sum(f.counts.values()) for f in facts if 0 < len(f.counts) <= 2}
    if dataset.label_names or dataset.instances or len(shares) < len([f for f in facts if f.counts]) or not shares:
        return
    usual = float(np.median(list(shares.values())))
    if usual > 0.5:
        top = Counter(v for f in facts for v in f.counts if v != 0).most_common(1)
        message = f"the labels are mostly foreground ({usual:.0%} is not 0): perhaps 0 marks the object"
        mend = f"if {top[0][0]} is the background, pass --background {top[0][0]}; otherwise nothing to do"
        yield Finding(ALL, "warning", "mostly-foreground", message, mend)
        return
    for case, share in shares.items():
        if share > 0.5 and usual < 0.2:
            message = f"{share:.0%} of the labels are foreground, usually {usual:.0%}: perhaps inverted here"
            yield Finding(case, "warning", "inverted", message, "look at the mask; exchange its two values if need be")


def check_rare_classes(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Classes that one labelled case alone holds: they can be learnt or measured, not both."""
    labelled = [fact for fact in facts if fact.counts and not fact.grey]
    where: dict[int, list[str]] = {}
    for fact in labelled:
        for value in (set(dataset.label_names) or set(fact.counts)) & set(fact.counts) - {0, dataset.ignore_value}:
            where.setdefault(value, []).append(fact.case)
    if all(len(set(fact.counts) - {0, dataset.ignore_value}) < 2 for fact in labelled):
        return  # one value per case: another coding of the same class, rather than a class of its own
    if dataset.instances or len(labelled) < 3 or len(where) > MOST_CLASSES:
        return
    for value, cases in sorted(where.items()):
        if len(cases) == 1 and len(where) > 1:
            name = dataset.label_names.get(value, f"label {value}")
            message = f"{name} occurs in this case only, of {len(labelled)} with labels"
            mend = "annotate it in a second case: with one it can be learnt or measured, not both"
            yield Finding(cases[0], "warning", "rare-class", message, mend)


def check_ids(facts: Sequence[CaseFacts], dataset: Dataset) -> Iterator[Finding]:
    """Values that are taken for classes and look as if they numbered objects."""
    values = {value for fact in facts if not fact.grey for value in fact.counts} - {0, dataset.ignore_value}
    said = "" if dataset.instances else perhaps_ids([v for v in values if v is not None], dataset.label_names)
    if said:
        mend = "if they number single objects, train with --instances; otherwise declare their names in dataset.json"
        yield Finding(ALL, "note", "perhaps-objects", said, mend)


MOST_CLASSES = 12
"""With more values than this they may be ids of objects, of which each occurs once."""


DATASET_CHECKS: tuple[Callable[[Sequence[CaseFacts], Dataset], Iterator[Finding]], ...] = (
    check_duplicates,
    check_exchanged,
    check_exchanged_sizes,
    check_alike,
    check_modalities,
    check_other_names,
    check_spacing,
    check_coding,
    check_polarity,
    check_rare_classes,
    check_ids,
)
