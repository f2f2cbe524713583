"""The reference pages are generated, and what is undocumented ends the generation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_and_option_is_on_the_page(generate):
    page = generate.command_page()
    for word in (
        "## septum train",
        "--until-dice",
        "## septum predict",
        "--engine torch",
        "## septum demo",
        "--axes",
        "## septum review rate",
    ):
        assert word in page


def test_an_option_without_help_ends_the_generation(generate):
    option = SimpleNamespace(
        name="speed", help=None, param_type_name="option", opts=["--speed"], secondary_opts=[], metavar="N"
    )
    with pytest.raises(SystemExit, match="--speed N must have a help text"):
        generate._rows(SimpleNamespace(params=[option]), "septum train")


def test_every_classical_method_is_on_its_page_with_its_options(generate):
    page = generate.methods_page()
    for method in generate.METHODS:
        assert f"### {method.name}\n" in page
        assert all(option.what.replace("|", "\\|") in page for option in method.options)


def test_every_edit_and_tool_and_the_rules_are_on_their_page_with_their_options(generate):
    page = generate.tools_page()
    for row in (*generate.tools(), generate.RULES):
        assert f"## {row.name}\n" in page
        assert all(option.what.replace("|", "\\|") in page for option in row.options)


def test_every_public_module_has_a_docstring(generate):
    assert all("::: septum." in generate.room_page(room) for room in generate.ROOMS)


def test_a_module_without_a_docstring_ends_the_generation(generate, monkeypatch, tmp_path):
    (tmp_path / "io").mkdir()
    (tmp_path / "io" / "silent.py").write_text("x = 1\n")
    monkeypatch.setattr(generate, "SOURCE", tmp_path)
    with pytest.raises(SystemExit, match="silent"):
        generate.room_page("io")
