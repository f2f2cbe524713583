"""Runs the notebooks of the documentation and writes each as a page and as a Jupyter notebook.

A notebook is a Python file in percent format: `# %% [markdown]` before text, `# %%` before code, `# %% language="bash"`
before commented shell lines. Such a file can be read, compared, linted and imported, and opens as a notebook in Jupyter
(with jupytext), VS Code, Spyder and PyCharm. The insight: run in this very process, a dozen notebooks load PyTorch once
instead of a dozen times, and a warning in a cell fails the tests like any other.

    python docs/notebooks.py                        every notebook of docs/
    python docs/notebooks.py docs/lessons/pooling.py
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
FOLDERS = ("lessons", "tutorials")
"""Folders of docs/ in which every Python file is a notebook."""

MARKER = re.compile(r"^# %%(.*)$")
MOST_LINES = 60


class NotebookError(SystemExit):
    """A cell failed, or a notebook breaks a rule."""


@dataclass(frozen=True)
class Cell:
    """A piece of a notebook: `kind` is "markdown", "code" or "bash"; `line` is where its source begins in the file."""

    kind: str
    source: str
    line: int


@dataclass(frozen=True)
class Outcome:
    """What a cell showed: printed text, the value of its last line (as HTML where it has that form), PNG figures."""

    text: str = ""
    html: str = ""
    figures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Executed:
    """A notebook that ran, with the outcome of each cell and the seconds it took."""

    name: str
    cells: tuple[Cell, ...]
    outcomes: tuple[Outcome, ...]
    seconds: float
    namespace: dict[str, Any] = field(repr=False, default_factory=dict)


def notebooks() -> list[Path]:
    """Every notebook of the documentation, sorted by folder and name."""
    return sorted(path for folder in FOLDERS for path in (DOCS / folder).glob("*.py") if path.name[0] != "_")


def read_cells(text: str) -> tuple[Cell, ...]:
    """The cells of a file in percent format; lines before the first marker (a licence, a module docstring) are skipped.

    >>> [cell.kind for cell in read_cells("# %% [markdown]\\n# A title\\n# %%\\n1 + 1\\n")]
    ['markdown', 'code']
    """
    cells: list[Cell] = []
    kind, lines, first = "", [], 0
    for number, line in enumerate([*text.splitlines(), "# %%"], 1):
        marker = MARKER.match(line)
        if marker is None:
            lines.append(line)
            continue
        if kind and any(lines):
            source = "\n".join(lines if kind == "code" else [re.sub(r"^# ?", "", each) for each in lines])
            cells.append(Cell(kind, source.strip("\n"), first))
        words = marker.group(1)
        kind = "markdown" if "[markdown]" in words else "bash" if '"bash"' in words else "code"
        lines, first = [], number + 1
    return tuple(cells)


def run(path: Path, folder: Path) -> Executed:
    """Run every cell in one namespace, with `folder` as the working folder.

    Raises:
        NotebookError: when a cell fails; the message names file, line and error.
    """
    cells = read_cells(path.read_text(encoding="utf-8"))
    if not cells or cells[0].kind != "markdown" or not cells[0].source.startswith("# "):
        raise NotebookError(f"{path} must begin with a markdown cell that holds its title; add `# %% [markdown]`")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    outcomes, started = [], time.perf_counter()
    with _inside(folder):
        for cell in cells:
            try:
                outcomes.append(_outcome(cell, namespace, path))
            except Exception as error:
                line = _failing_line(error, path, cell)
                raise NotebookError(f"{path}, line {line}: {type(error).__name__}: {error}") from error
    return Executed(path.stem, cells, tuple(outcomes), time.perf_counter() - started, namespace)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def _outcome(cell: Cell, namespace: dict[str, Any], path: Path) -> Outcome:
    if cell.kind == "markdown":
        return Outcome()
    if cell.kind == "bash":
        return Outcome(text=_shell(cell.source))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        value = _evaluate(cell, namespace, path)
    text, html, figures = printed.getvalue(), "", _figures()
    if hasattr(value, "savefig"):
        return Outcome(text, html, (*figures, _png(value)))
    if value is not None:
        html = value._repr_html_() if hasattr(value, "_repr_html_") else ""
        text += "" if html else f"{value!r}\n"
    return Outcome(text, html, figures)


def _evaluate(cell: Cell, namespace: dict[str, Any], path: Path) -> Any:
    """Run a cell; the value of its last line where that is an expression and does not end with a semicolon."""
    tree = ast.parse("\n" * (cell.line - 1) + cell.source, filename=str(path))
    last = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    body = tree.body[:-1] if last is not None else tree.body
    exec(compile(ast.Module(body, []), str(path), "exec"), namespace)  # noqa: S102 - our own documentation
    if last is None:
        return None
    value = eval(compile(ast.Expression(last.value), str(path), "eval"), namespace)  # noqa: S307 - as above
    return None if cell.source.rstrip().endswith(";") else value


def _shell(source: str) -> str:
    """Output of shell lines, with the commands of this Python environment first."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        ["bash", "-e", "-c", source], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise RuntimeError(f"`{source}` ended with {done.returncode}: {done.stdout.strip()[-2000:]}")
    return done.stdout


def _figures() -> tuple[bytes, ...]:
    """PNGs of the figures that a cell opened; they are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return ()
    found = tuple(_png(pyplot.figure(number)) for number in pyplot.get_fignums())
    pyplot.close("all")
    return found


def _png(figure: Any) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=110, bbox_inches="tight", facecolor="white")
    return target.getvalue()


def _failing_line(error: BaseException, path: Path, cell: Cell) -> int:
    trace, line = error.__traceback__, cell.line
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def page(notebook: Executed, pictures: str) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook that ran, and its pictures by file name; `pictures` is their folder beside the page."""
    blocks: list[str] = []
    files: dict[str, bytes] = {}
    for cell, outcome in zip(notebook.cells, notebook.outcomes, strict=True):
        if cell.kind == "markdown":
            blocks.append(cell.source)
            continue
        blocks.append(f"```{'python' if cell.kind == 'code' else 'bash'}\n{cell.source}\n```")
        if outcome.text:
            blocks.append(f"```text\n{_shortened(outcome.text)}\n```")
        if outcome.html:
            blocks.append(outcome.html)
        for figure in outcome.figures:
            name = f"figure-{len(files) + 1}.png"
            files[name] = figure
            blocks.append(f"![Figure {len(files)}]({pictures}/{name})")
    link = f"[Download this page as a notebook]({notebook.name}.ipynb){{ download }}"
    blocks.insert(1, f"<small>{link} · it ran in {notebook.seconds:.0f} s when this page was built</small>")
    return "\n\n".join(blocks) + "\n", files


def _shortened(text: str) -> str:
    lines = text.rstrip("\n").splitlines()
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: MOST_LINES // 2], "[...]", *lines[-MOST_LINES // 2 :]])


def jupyter(notebook: Executed) -> str:
    """The notebook with its outputs as a Jupyter file (nbformat 4.5)."""
    cells = [_jupyter_cell(n, *pair) for n, pair in enumerate(zip(notebook.cells, notebook.outcomes, strict=True))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1) + "\n"


def _jupyter_cell(number: int, cell: Cell, outcome: Outcome) -> dict[str, Any]:
    source = f"%%bash\n{cell.source}" if cell.kind == "bash" else cell.source
    base: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
    if cell.kind == "markdown":
        return {"cell_type": "markdown", **base}
    outputs: list[dict[str, Any]] = []
    if outcome.text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": outcome.text.splitlines(keepends=True)})
    data = [{"text/html": [outcome.html]}] if outcome.html else []
    data += [{"image/png": base64.b64encode(figure).decode("ascii")} for figure in outcome.figures]
    outputs += [{"output_type": "display_data", "metadata": {}, "data": each} for each in data]
    return {"cell_type": "code", "execution_count": None, "outputs": outputs, **base}


def write(path: Path) -> Executed:
    """Run a notebook and write `NAME.md`, `NAME.ipynb` and `NAME_files/` beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        done = run(path, Path(scratch))
    text, pictures = page(done, f"{path.stem}_files")
    folder = path.with_name(f"{path.stem}_files")
    if pictures:
        folder.mkdir(exist_ok=True)
        for old in folder.glob("figure-*.png"):
            old.unlink()
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    path.with_suffix(".ipynb").write_text(jupyter(done), encoding="utf-8")
    return done


def main(arguments: Sequence[str]) -> None:
    """Write the pages of the notebooks named, or of all."""
    import matplotlib

    matplotlib.use("Agg")
    for path in [Path(each).resolve() for each in arguments] or notebooks():
        done = write(path)
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}: {done.seconds:.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
