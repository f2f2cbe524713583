"""Which annotated cases can be used at all: for commands that learn from a handful of images and read them anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from septum.errors import Cancelled, DatasetError
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.runs.failures import Failures


def readable(
    cases: Sequence[Case],
    failures: Failures,
    *,
    least: int = 1,
    on_progress: Callable[[str, float], None] = lambda case, share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Case]:
    """The cases whose image and labels can be read and lie on one grid; the others go to `failures`.

    Raises:
        DatasetError: fewer than `least` of several cases are left.
        Cancelled: when `should_stop` says so.
    """
    kept = []
    for number, case in enumerate(cases):
        if should_stop():
            raise Cancelled
        with failures.of(case.id):
            load_pair(case)
            kept.append(case)
        on_progress(f"reading {case.id}", (number + 1) / len(cases))
    if failures.rows and len(kept) < least:
        raise DatasetError(
            f"at least {least} cases must be readable, got {len(kept)} of {len(cases)}; {failures.first}"
        )
    return kept
