"""`septum doctor`: what is wrong with a data set, and a mended copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from septum.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from septum.workflows.doctor.checks import Finding


FEW = 3
"""Cases with one fault that are named one by one; more are told together."""


def doctor(
    dataset: options.DatasetFolder,
    fix: Annotated[
        Path | None, typer.Option("--fix", metavar="OUT", help="Write a mended copy with a log of every change here.")
    ] = None,
    axes: options.Axes = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a mended copy that OUT holds.")] = False,
) -> None:
    """Check every case of a data set: which case, what is wrong, how to mend it.

    Exit code 1 when there is an error and no mended copy was asked for. The original is never touched.
    """
    from septum.cli.progress import Reporter
    from septum.workflows.doctor.examine import examine
    from septum.workflows.doctor.mend import mend
    from septum.workflows.runs.hooks import Hooks
    from septum.workflows.runs.words import some

    with Reporter() as reporter:
        findings = examine(dataset, axes=axes, hooks=Hooks(reporter.work))
    for first, cases in _together(findings):
        where = first.case if len(cases) == 1 else f"{len(cases)} cases, such as {first.case},"
        typer.echo(f"{first.severity:<8} {where}  {first.message}  [{first.code}]")
        typer.echo(f"{'':<8} {first.mend}")
        if len(cases) > 1:
            typer.echo(f"{'':<8} also: {some(cases[1:], 12)}")
    typer.echo(_verdict(findings))
    if fix is not None:
        with Reporter() as reporter:
            log = mend(dataset, fix, findings=findings, axes=axes, overwrite=overwrite, hooks=Hooks(reporter.work))
        typer.echo(log)
        typer.echo(f"mended copy  {log.output}")
        if not (log.output / "labels").is_dir():
            typer.echo("the copy holds no labels: none could be mended, so that nothing can be trained on it", err=True)
            raise typer.Exit(1)
    elif any(finding.severity == "error" for finding in findings):
        if any(finding.fixable for finding in findings):
            typer.echo("--fix OUT writes a mended copy", err=True)
        raise typer.Exit(1)


def _together(findings: Sequence[Finding]) -> list[tuple[Finding, list[str]]]:
    """Findings that say one thing of many cases (same check, same way to mend it) once, with the cases; in order."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code, finding.mend), []).append(finding)
    found: list[tuple[Finding, list[str]]] = []
    for group in groups.values():
        if len(group) > FEW:
            found.append((group[0], [one.case for one in group]))
        else:
            found += [(one, [one.case]) for one in group]
    return found


def _verdict(findings: Sequence[Finding]) -> str:
    counts = {kind: sum(finding.severity == kind for finding in findings) for kind in ("error", "warning", "note")}
    found = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count]
    return ", ".join(found) if found else "nothing wrong was found"
