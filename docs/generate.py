"""Writes docs/reference from the program itself: the command line from its typer app, Python from its docstrings.

The insight: a page that nobody types cannot go stale. An option without a help text, or a public module without a
docstring, ends the run with an error.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import typer.main

from septum.classical.methods import METHODS
from septum.cli.commands.segment import option_text
from septum.cli.main import app
from septum.options import Method
from septum.workflows.editing.script import RULES, tools

DOCS = Path(__file__).resolve().parent
SOURCE = DOCS.parent / "src" / "septum"
TARGET = DOCS / "reference"
ROOMS = ("geometry", "io", "metrics", "classical", "lessons", "interactive", "net", "report", "workflows")


class Undocumented(SystemExit):
    """Something public has no documentation."""


def command_page() -> str:
    """Markdown of every subcommand with its arguments and options."""
    group: Any = typer.main.get_command(app)
    lines = ["# Command line", "", _text(group), "", _table(_rows(group, "septum")), ""]
    lines += ["Exit codes: 0 done, 1 a failure, 2 bad input, 130 stopped by Ctrl-C or SIGTERM.", ""]
    for name, command in _commands(group):
        arguments = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        lines += [f"## septum {name}", "", f"```\nseptum {name} {arguments} [OPTIONS]\n```", "", _text(command), ""]
        lines += [_table(_rows(command, f"septum {name}")), ""]
    return "\n".join(lines)


def _commands(group: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Every command with its full name; a group of commands stands before its own."""
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        found.append((f"{prefix}{name}", command))
        if hasattr(command, "commands"):
            found += _commands(command, f"{prefix}{name} ")
    return found


def methods_page() -> str:
    """Markdown of every classical method, from the table that the program itself reads."""
    titles = {"image": "Prepare the image", "segment": "Segment", "clean": "Mend the mask"}
    lines = ["# Classical methods", "", "What `septum segment` and pipelines know; sizes are in mm.", ""]
    for stage, title in titles.items():
        lines += [f"## {title}", ""]
        for method in METHODS:
            if method.stage == stage:
                lines += [f"### {method.name}", "", *_method_lines(method), ""]
    return "\n".join(lines)


def tools_page() -> str:
    """Markdown of every edit and tool of `septum edit`, and of the rules, from the tables that the program reads."""
    lines = ["# Edits and tools", "", "What a step of `septum edit` can do; sizes are in mm.", ""]
    for row in (*tools(), RULES):
        shown = [f"`{word}`" for word in row.given if word not in ("spacing", "names")]
        needs = f" Is shown {', '.join(shown)}." if shown else ""
        lines += [f"## {row.name}", "", f"{row.what[0].upper()}{row.what[1:]}; runs {row.library}.{needs}", ""]
        rows = [(f"`{o.name}`", f"{o.what} ({o.range_text()})", f"`{option_text(o.default)}`") for o in row.options]
        lines += [_table(rows), ""] if rows else []
    return "\n".join(lines)


def _method_lines(method: Method) -> list[str]:
    sizes = " and ".join(f"{d}-D" for d in method.dimensions)
    channels = "all channels together" if method.channels == "any" else "one channel"
    needs = f" Needs {', '.join(method.needs)}." if method.needs else ""
    lines = [f"{method.what[0].upper()}{method.what[1:]}. {sizes}, {channels}; runs {method.library}.{needs}"]
    rows = [(f"`{o.name}`", f"{o.what} ({o.range_text()})", f"`{option_text(o.default)}`") for o in method.options]
    return [*lines, "", _table(rows)] if rows else lines


def room_page(room: str) -> str:
    """Markdown that lets mkdocstrings show every public module of a room."""
    lines = [f"# septum.{room}", ""]
    for path in sorted((SOURCE / room).rglob("*.py")):
        module = ".".join(("septum", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        source = path.read_text(encoding="utf-8")
        if not ast.get_docstring(ast.parse(source)):
            raise Undocumented(f"{path.relative_to(SOURCE.parent)} must begin with a docstring; say why it exists")
        if path.stem != "__init__" and not path.stem.startswith("_"):
            lines += [f"## {module}", "", f"::: {module}", ""]
    return "\n".join(lines)


def write() -> list[Path]:
    """Write every page; returns the paths."""
    pages = {"command-line.md": command_page(), "methods.md": methods_page(), "tools.md": tools_page()} | {
        f"{room}.md": room_page(room) for room in ROOMS
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    return [TARGET / name for name in pages]


def _text(command: Any) -> str:
    text = (command.help or "").strip()
    if not text:
        raise Undocumented(f"the command {command.name} must have a description; write its docstring")
    return text


def _rows(command: Any, name: str) -> list[tuple[str, str, str]]:
    rows = []
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        shown = _shown(parameter)
        if not parameter.help:
            raise Undocumented(f"{name} {shown} must have a help text; give help= where it is declared")
        rows.append((f"`{shown}`", " ".join(parameter.help.split()), _default(parameter)))
    return rows


def _shown(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    forms = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return f"{forms} {parameter.metavar or ''}".strip()


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(getattr(parameter, "show_default", None), str):
        return str(parameter.show_default)
    return "" if parameter.default in (None, False) else f"`{parameter.default}`"


def _table(rows: list[tuple[str, str, str]]) -> str:
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| | | default |", "|---|---|---|", *body])


if __name__ == "__main__":
    for page in write():
        sys.stdout.write(f"{page.relative_to(DOCS.parent)}\n")
