"""Which label belongs to which image.

Equal stems are the contract. People's files often do not keep it (`21_training.tif` and `21_manual1.gif`), so weaker
keys are tried in turn, but a key is used only when it is unambiguous for *every* file that is left: a wrong pair is
worse than an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

LABEL_WORDS = ("masks", "mask", "labels", "label", "segmentation", "seg", "gt", "groundtruth", "annotation", "manual")


IMAGE_WORDS = ("images", "image", "img", "raw", "scan")


_SPLIT = re.compile(r"[_\-. ]+")


@dataclass(frozen=True)
class Match:
    """Result of matching: label stem to image stem, how it was done, and the labels left over."""

    pairs: dict[str, str]
    rule: str
    orphans: tuple[str, ...]


def match_stems(images: Iterable[str], labels: Iterable[str]) -> Match:
    """Pairs each label stem with an image stem.

    Equal stems first; what remains is matched by the first of these keys that is unique on both sides and finds an
    image for every remaining label: the stem without words such as `mask`, all numbers in the stem, numbers that stand
    alone, the first word (only where there is no number at all). One file that does not belong keeps no others from
    their partners: where no key fits all, the first that fits all labels but one (or a tenth of many, at least three
    pairs in any case) is taken, and the others are orphans.

    >>> match_stems(["21_training", "22_training"], ["21_manual1", "22_manual1"]).pairs
    {'21_manual1': '21_training', '22_manual1': '22_training'}
    >>> match_stems(["heart_118"], ["heart_281"]).orphans
    ('heart_281',)
    >>> match_stems(["a1_img", "a2_img", "a3_img"], ["a1_ann", "a2_ann", "a3_ann", "legend"]).orphans
    ('legend',)
    """
    image_set, label_list = set(images), list(labels)
    pairs = {label: label for label in label_list if label in image_set}
    left = [label for label in label_list if label not in pairs]
    free = sorted(image_set - set(pairs.values()))
    if not left:
        return Match(pairs, "", ())
    for spared in (0, max(1, len(left) // 10)):
        for rule, key in _KEYS:
            found = _match_by(key, free, labels=left)
            orphans = tuple(label for label in left if label not in found)
            if not orphans or (len(found) >= 3 and len({key(label) or label for label in orphans}) <= spared):
                return Match(pairs | found, rule, orphans)
    return Match(pairs, "", tuple(left))


def _match_by(key: Callable[[str], Hashable], images: list[str], *, labels: list[str]) -> dict[str, str]:
    """Pairs by keys that are equal, not empty, and occur once on either side."""
    label_keys = {label: key(label) for label in labels}
    image_keys = [(key(image), image) for image in images]
    counts, wanted = Counter(k for k, _ in image_keys), Counter(label_keys.values())
    by_key = {k: image for k, image in image_keys if k and counts[k] == 1}
    return {label: by_key[k] for label, k in label_keys.items() if wanted[k] == 1 and k in by_key}


def _without_words(stem: str) -> str:
    """The stem without words that only say what the file is."""
    parts = [part for part in _SPLIT.split(stem.lower()) if part and part not in LABEL_WORDS + IMAGE_WORDS]
    return "_".join(parts)


def _numbers(stem: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", stem))


def _numbers_alone(stem: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _SPLIT.split(stem) if part.isdigit())


def _first_word(stem: str) -> str:
    return "" if re.search(r"\d", stem) else _SPLIT.split(stem.lower())[0]


_KEYS: tuple[tuple[str, Callable[[str], Hashable]], ...] = (
    ("their names without words such as 'mask'", _without_words),
    ("the numbers in their names", _numbers),
    ("the numbers that stand alone in their names", _numbers_alone),
    ("the first word of their names", _first_word),
)


def label_of(stem: str) -> str | None:
    """The image stem that a label file lying *beside* its image names, or `None` when the name does not say label.

    >>> label_of("cell3_masks"), label_of("cell3"), label_of("mask")
    ('cell3', None, None)
    """
    found = re.match(rf"^(.+?)[_\-. ]+(?:{'|'.join(LABEL_WORDS)})$", stem, re.IGNORECASE)
    return found.group(1) if found else None
