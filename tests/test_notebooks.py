"""The runner of the documentation's notebooks: cells, outcomes, pages, and errors that name their line."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

NOTEBOOK = """# %% [markdown]
# # A title
# Some *text*.

# %%
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
print("printed")
2 + 3

# %%
class Table:
    def _repr_html_(self):
        return "<table></table>"
Table()

# %% language="bash"
# echo from the shell
"""


@pytest.fixture(scope="module")
def notebooks():
    spec = importlib.util.spec_from_file_location("docs_notebooks", ROOT / "docs" / "notebooks.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _all_notebooks() -> list[Path]:
    return sorted(path for name in ("lessons", "tutorials") for path in (ROOT / "docs" / name).glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", _all_notebooks(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_notebook_of_the_documentation_runs(notebooks, path, tmp_path):
    started = time.process_time()  # of the processor: on a machine that others use too, the clock says little
    notebooks.run(path, tmp_path)
    assert time.process_time() - started < 60


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "example.py"
    path.write_text(NOTEBOOK)
    return path


def test_cells_know_their_kind_and_their_line(notebooks):
    cells = notebooks.read_cells(NOTEBOOK)
    assert [(cell.kind, cell.line) for cell in cells] == [("markdown", 2), ("code", 6), ("code", 12), ("bash", 18)]
    assert cells[0].source == "# A title\nSome *text*."
    assert cells[3].source == "echo from the shell"


def test_a_notebook_runs_in_its_folder_and_shows_text_tables_and_figures(notebooks, source, tmp_path):
    before = Path.cwd()
    done = notebooks.run(source, tmp_path)
    assert done.outcomes[1].text == "printed\n5\n"
    assert done.outcomes[1].figures[0].startswith(b"\x89PNG")
    assert done.outcomes[2].html == "<table></table>"
    assert done.outcomes[3].text == "from the shell\n"
    assert Path.cwd() == before


def test_a_figure_that_is_the_value_of_a_cell_is_shown(notebooks, tmp_path):
    path = tmp_path / "figure.py"
    path.write_text("# %% [markdown]\n# # T\n# %%\nfrom matplotlib.figure import Figure\nFigure()\n")
    outcome = notebooks.run(path, tmp_path).outcomes[1]
    assert outcome.figures[0].startswith(b"\x89PNG")
    assert outcome.text == ""


def test_a_page_and_a_jupyter_file_are_written_beside_it(notebooks, source):
    notebooks.write(source)
    text = source.with_suffix(".md").read_text()
    assert text.startswith("# A title")
    assert "![Figure 1](example_files/figure-1.png)" in text
    assert (source.parent / "example_files" / "figure-1.png").is_file()
    content = json.loads(source.with_suffix(".ipynb").read_text())
    assert [cell["cell_type"] for cell in content["cells"]] == ["markdown", "code", "code", "code"]
    assert content["cells"][3]["source"][0] == "%%bash\n"


def test_an_error_names_file_and_line(notebooks, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("# %% [markdown]\n# # T\n# %%\nx = 1\nx / 0\n")
    with pytest.raises(SystemExit, match=r"broken\.py, line 5: ZeroDivisionError"):
        notebooks.run(path, tmp_path)


def test_a_failing_shell_line_ends_the_run(notebooks, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text('# %% [markdown]\n# # T\n# %% language="bash"\n# echo why; false\n')
    with pytest.raises(SystemExit, match="why"):
        notebooks.run(path, tmp_path)


def test_a_notebook_without_a_title_is_refused(notebooks, tmp_path):
    path = tmp_path / "untitled.py"
    path.write_text("# %%\n1\n")
    with pytest.raises(SystemExit, match="must begin with a markdown cell"):
        notebooks.run(path, tmp_path)
