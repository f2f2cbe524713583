"""Which annotated cases can be used at all: for commands that learn from a handful of images and read them anyway."""

from __future__ import annotations

from collections.abc import Sequence

from septum.errors import DatasetError
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.hooks import Hooks


def readable(
    cases: Sequence[Case],
    failures: Failures,
    *,
    least: int = 1,
    hooks: Hooks | None = None,
) -> list[Case]:
    """The cases whose image and labels can be read and lie on one grid; the others go to `failures`.

    Raises:
        DatasetError: fewer than `least` of several cases are left.
        Cancelled: the hooks said stop.
    """
    hooks, kept = hooks or Hooks(), []
    for number, case in enumerate(cases):
        hooks.stop_if_asked()
        with failures.of(case.id):
            load_pair(case)
            kept.append(case)
        hooks.on_progress(f"reading {case.id}", (number + 1) / len(cases))
    if failures.rows and len(kept) < least:
        raise DatasetError(
            f"at least {least} cases must be readable, got {len(kept)} of {len(cases)}; {failures.first}"
        )
    return kept
