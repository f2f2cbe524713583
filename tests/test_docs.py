"""Every code block of the documentation does what its page says.

Python blocks are run, page by page, in the order in which they stand; what a page takes for granted (`image`, `labels`,
…) is handed to it by `GIVEN`. Lines that begin with `septum` are compared with the command line's own tables, so that a
command or an option that does not exist fails. TOML blocks are parsed. A block that cannot be run cheaply says so in
the page, by the comment `<!-- not run: REASON -->` before it, and is counted.
"""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer

from septum.cli.main import app
from septum.geometry import Grid, Image, LabelMap
from septum.io import write_image, write_labels

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = ("reference", "lessons", "tutorials")  # folders that `make docs` writes: their pages run where they come from
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name not in WRITTEN),
]
FENCE = re.compile(r"(?:<!-- not run: (?P<why>[^\n]+) -->\n+)?^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```", re.S | re.M)
NOT_RUN = 3  # Python blocks that their page says are not run


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and why it is not run ("" when it is)."""

    kind: str
    text: str
    why: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["text"], match["why"] or "") for match in found]


def commands(page: Path) -> list[str]:
    """The lines of a page's blocks that call `septum`, without their remarks."""
    lines = [line for block in blocks(page) if block.kind in ("", "bash", "sh") for line in _joined(block.text)]
    return [line for line in lines if line.startswith("septum ")]


def _joined(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _two_cells() -> np.ndarray:
    cells = np.zeros((24, 24), np.int64)
    cells[4:10, 4:10], cells[14:20, 12:20] = 1, 2
    return cells


def _volume() -> np.ndarray:
    volume = np.random.default_rng(0).normal(100.0, 5.0, (24, 160, 120))
    volume[10:22, 130:158, 100:118] += 100.0
    return volume


def _augmentation(folder: Path) -> dict[str, Any]:
    image = np.zeros((1, 40, 60, 40), np.float32)
    return {"np": np, "seed": 0, "step": 1, "image": image, "labels": np.zeros(image.shape[1:], np.uint8)}


def _instances(folder: Path) -> dict[str, Any]:
    cells = _two_cells()
    membrane = (cells == 0).astype(float)
    return {
        "reference": cells, "prediction": cells, "membrane": membrane, "neurites": cells > 0,
        "sections": [(membrane, cells)],
    }  # fmt: skip


def _regions(folder: Path) -> dict[str, Any]:
    small = _volume()[:20, 120:, 60:]
    return {"volume": _volume(), "brain": small}


def _session(folder: Path) -> dict[str, Any]:
    image = np.full((16, 100, 110), 100.0, np.float32)
    return {"folder": folder / "session", "labels": np.zeros(image.shape, np.uint8), "image": image}


def _masks(folder: Path) -> dict[str, Any]:
    grid = Grid.from_spacing((24, 24), (1.0, 1.0))
    for name in ("masks-a", "masks-b", "references"):
        (folder / name).mkdir()
        for case in ("one", "two", "three"):
            write_labels(folder / name / f"{case}.png", LabelMap((_two_cells() > 0).astype(np.uint8), grid))
    return {}


def _picture(folder: Path) -> dict[str, Any]:
    picture = _two_cells()[None].astype(np.uint8) * 60
    write_image(folder / "image.png", Image(picture, Grid.from_spacing((24, 24), (1.0, 1.0))))
    return {"object_points": np.array([[5, 5], [6, 6], [7, 8]]), "other_points": np.array([[1, 1], [2, 18], [22, 3]])}


def _contour(folder: Path) -> dict[str, Any]:
    image = np.zeros((40, 40))
    image[10:30, 10:30] = 1.0
    labels = np.zeros((40, 40), np.uint8)
    labels[18:22, 18:22] = 1
    return {"image": image, "labels": labels, "spacing": (1.0, 1.0), "good_enough": lambda mask: mask.sum() > 100}


GIVEN: dict[str, Callable[[Path], dict[str, Any]]] = {
    "docs/explain/augmentation.md": _augmentation,
    "docs/explain/beyond-overlap.md": _instances,
    "docs/how-to/classical-regions.md": _regions,
    "docs/how-to/edit.md": _session,
    "docs/how-to/evaluate.md": _masks,
    "docs/how-to/pixel-classifier.md": _picture,
    "docs/how-to/semi-automated.md": _contour,
}
WITH_PYTHON = [page for page in PAGES if any(block.kind == "python" for block in blocks(page))]
WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=_name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = GIVEN.get(_name(page), lambda folder: {})(tmp_path)
    for block in blocks(page):
        if block.kind == "python" and not block.why:
            exec(compile(block.text, _name(page), "exec"), names)  # noqa: S102 - our own pages


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=_name)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for line in commands(page):
        parse(line)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_toml_of_a_page_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "toml":
            assert tomllib.loads(block.text)


def test_what_is_not_run_is_counted() -> None:
    skipped = [
        (_name(page), block.why) for page in PAGES for block in blocks(page) if block.kind == "python" and block.why
    ]
    assert len(skipped) == NOT_RUN, skipped


def parse(line: str) -> None:
    """Raise `LookupError` when the line names a command or an option that does not exist."""
    words = shlex.split(line, comments=True)[1:]
    if words and words[0].startswith("-"):
        return
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):  # `septum review create` lies two levels deep
        if words[0] not in command.commands:
            raise LookupError(f"no command {words[0]}: {line}")
        command, words = command.commands[words[0]], words[1:]
    known = {form for option in command.params for form in (*option.opts, *option.secondary_opts)} | {"--help"}
    for word in words:
        flag = word.split("=")[0]
        if re.fullmatch(r"--?[a-zA-Z][\w-]*", flag) and flag not in known:
            raise LookupError(f"no option {flag}: {line}")


@pytest.mark.parametrize("line", ["septum trian mydata", "septum train mydata --minuets 10"])
def test_a_misspelt_command_or_option_is_found(line: str) -> None:
    with pytest.raises(LookupError, match=r"trian|--minuets"):
        parse(line)


def _pictures(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))


def test_every_picture_is_there_is_described_and_is_drawn_by_code() -> None:
    drawn = {path.name for path in (ROOT / "docs" / "assets" / "pictures").glob("*.png")}
    code = (ROOT / "docs" / "pictures.py").read_text(encoding="utf-8")
    used = set()
    for page in PAGES:
        for described, target in _pictures(page):
            assert (page.parent / target).is_file(), f"{page.name} shows {target}, which is not there"
            assert len(described) > 20, f"{page.name} does not say what {target} shows"
            if "pictures/" in target:
                used.add(Path(target).name)
                assert f'"{Path(target).stem}"' in code, f"nothing draws {target}"
    assert used == drawn
    assert _pictures(ROOT / "README.md"), "the first page must show something"


def test_the_words_of_the_glossary_are_explained_on_every_page() -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    found = hooks["words"](hooks["WORDS"].read_text(encoding="utf-8"))
    assert {"Dice", "patch", "fold", "precision", "coverage", "held out"} <= set(found)
    assert all(len(explained) < 300 and "\n" not in explained for explained in found.values())
    page = SimpleNamespace(file=SimpleNamespace(src_path="how-to/train.md"))
    shown = hooks["on_page_markdown"]("A fold.", page=page, config=None, files=None)
    assert f"*[fold]: {found['fold']}" in shown


def test_pages_load_nothing_from_elsewhere() -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    foreign = '<script src="https://unpkg.com/x"></script><script src="../assets/javascripts/bundle.1.js"></script>'
    mended = hooks["on_post_page"](foreign, page=None, config=None)
    assert "unpkg" not in mended
    assert mended.index("../assets/search-from-files.js") < mended.index("bundle.1.js")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_a_page_says_to_install_can_be_installed(page: Path) -> None:
    lines = re.findall(r"pip install [^`\n)]+", page.read_text(encoding="utf-8"))
    assert not [line for line in lines if re.search(r'"?septum\b', line)], (
        "Septum is on no package index: say pip install ."
    )


def test_the_page_of_questions_names_every_command_that_a_person_types() -> None:
    text = (ROOT / "docs" / "start" / "which-command.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`septum (\S+?)[ `]", text))
    left_out = {"new", "import-keras", "serve"} - named
    commands_known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert commands_known - named <= left_out
