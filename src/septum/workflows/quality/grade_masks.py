"""Grading masks from any source against a few references: pairing, working through, writing the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case
from septum.workflows.data.classes import infer_classes
from septum.workflows.data.doubts import assumed, listens
from septum.workflows.data.jobs import find_cases
from septum.workflows.data.load import load_dataset
from septum.workflows.data.masks import mask_cases
from septum.workflows.data.matching import match_stems
from septum.workflows.data.readable import readable
from septum.workflows.quality.reverse import Grader
from septum.workflows.quality.worklist import THRESHOLD, Estimate, GradedResult, worst_first, write_list
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.files import refuse_file, write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import LARGEST_SEED, check_bounds, unstructure, write_settings
from septum.workflows.runs.words import some, with_notice

RECORD, SETTINGS = "septum-quality.json", "septum-quality.toml"


@dataclass(frozen=True)
class QualitySettings:
    """What `septum quality` can be told.

    Args:
        threshold: Dice from which a mask counts as good.
        background: label value of the background.
        foreground: treat every other value as one class; None decides as training does.
        axes: meaning of the files' axes where they do not say.
        seed: of everything random.
        overwrite: replace a list that exists.
    """

    threshold: float = THRESHOLD
    background: int = 0
    foreground: bool | None = None
    axes: str | None = None
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ConfigError(f"threshold must lie between 0 and 1, got {self.threshold}")
        check_bounds(self, seed=(0, LARGEST_SEED))


@listens
def grade_masks(
    masks: Path,
    images: Sequence[Path],
    *,
    references: Path,
    output: Path,
    settings: QualitySettings,
    hooks: Hooks,
) -> GradedResult:
    """Estimate the Dice of every mask, write `quality.csv` and `quality.json` worst first.

    One bad file, mask or reference, does not stop the rest; it is listed in the result.

    Raises:
        DatasetError: nothing to grade, fewer than two references.
        ConfigError: `output` is a file, or holds a list already and `settings.overwrite` is not set.
        Cancelled: when the hooks say stop before the first mask.
    """
    refuse_file(output)
    if (output / "quality.csv").exists() and not settings.overwrite:
        raise ConfigError(f"{output} already holds quality.csv; choose another folder or use --overwrite")
    data = load_dataset(references, axes=settings.axes)
    channels = max((len(case.images) for case in data.labelled), default=1)
    cases = pair_masks(masks, images, axes=settings.axes, on_note=hooks.on_note, channels=channels)
    known = {case.id for case in cases}
    # a mask must not be graded by its own reference, should the images of both be the same
    labelled = [case for case in data.labelled if case.id not in known]
    if len(labelled) < len(data.labelled):
        hooks.on_note(f"{len(data.labelled) - len(labelled)} references have the name of a mask and are left out")
    unread = Failures(raised=CONTRADICTIONS)
    labelled = readable(labelled, unread, least=2, hooks=hooks)
    classes = infer_classes(data, background=settings.background, foreground=settings.foreground, cases=labelled)
    for note in (*data.notes, *classes.notes):
        hooks.on_note(note)
    hooks.on_note(with_notice(f"{len(cases)} masks, {len(labelled)} references"))
    grader = Grader.of(labelled, classes, seed=settings.seed, hooks=hooks)
    found: list[Estimate] = []
    failures = Failures(unread.rows)
    for number, case in enumerate(cases):
        if hooks.should_stop():
            break
        with failures.of(case.id):
            found += grader.grade(case, threshold=settings.threshold, seed=settings.seed)
        hooks.on_progress(f"grading {case.id}", (number + 1) / len(cases))
    output.mkdir(parents=True, exist_ok=True)
    listed = [write_list(output, found, threshold=settings.threshold)] if found else []
    write_settings(output / SETTINGS, settings)
    write_json(
        output / RECORD,
        describe_run(
            settings=unstructure(settings),
            references=[case.id for case in labelled],
            notes=assumed(),
            calibrations=[None if fit is None else unstructure(fit) for fit in grader.calibrations],
            failures=[{"mask": name, "reason": reason} for name, reason in failures.rows],
        ),
    )
    return GradedResult(tuple(listed), tuple(failures.rows), tuple(worst_first(found)))


def pair_masks(
    masks: Path, images: Sequence[Path], *, axes: str | None, on_note: Callable[[str], None], channels: int = 1
) -> tuple[Case, ...]:
    """Cases whose label is the mask; masks without an image and images without a mask are said, by name.

    Where the references have several files each, so have the images (see `find_cases`).

    Raises:
        DatasetError: no mask has an image.
    """
    seen = {case.id: case for case in find_cases(images, axes=axes, channels=channels)}
    given = {case.id: case for case in mask_cases(masks, axes)}
    match = match_stems(seen, given).pairs
    if not match:
        raise DatasetError(
            f"masks and images must share names, got masks {some(sorted(given))} and images {some(sorted(seen))}; "
            "name each mask like its image"
        )
    for what, lost in (
        ("masks have no image", sorted(set(given) - set(match))),
        ("images have no mask", sorted(set(seen) - set(match.values()))),
    ):
        if lost:
            on_note(f"{len(lost)} {what} and are not graded: {some(lost)}")
    return tuple(Case(mask, seen[image].images, given[mask].images[0]) for mask, image in match.items())
