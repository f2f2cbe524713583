"""A public class or type alias is defined once in the package: whoever reads `Plane` or `Step` need not ask whose.

What is the same is one definition that others import; what is something else has a name that says which. Type variables
stand for a type within one function, so that many modules may call theirs `T`, but none is called as a class is.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "septum"

SHARED = {
    "app": "typer's name for the commands of a file; each is read with its module",
    "router": "FastAPI's name for the routes of a file; each is read with its module",
}
"""Names that several modules define on purpose, and why."""


def types_of(module: ast.Module) -> Iterator[tuple[str, bool]]:
    """Public classes and aliases at a module's top, and whether each is a type variable; constants are in capitals."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            name, value = node.name, None
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, value = node.target.id, node.value
        else:
            continue
        variable = isinstance(value, ast.Call) and ast.unparse(value.func) in ("TypeVar", "ParamSpec")
        if not name.startswith("_") and (variable or not name.isupper()):
            yield name, variable


def defined_twice(folder: Path) -> Mapping[str, list[str]]:
    """Names that more than one module below `folder` defines, with the modules."""
    homes: dict[str, dict[str, bool]] = defaultdict(dict)
    for path in sorted(folder.rglob("*.py")):
        for name, variable in types_of(ast.parse(path.read_text(encoding="utf-8"))):
            homes[name][path.relative_to(folder).as_posix()] = variable
    return {name: list(own) for name, own in homes.items() if len(own) > 1 and not all(own.values())}


def test_a_class_or_an_alias_is_defined_once() -> None:
    found = defined_twice(SOURCE)
    assert {name: own for name, own in found.items() if name not in SHARED} == {}, "import it, or say which it is"
    assert set(SHARED) - set(found) == set(), "these are unique, or are gone: take them out of SHARED"


def test_a_name_with_two_meanings_is_found(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "one.py").write_text(
        'class Step:\n    class Inner: ...\n\n\nT = TypeVar("T")\nPlane = tuple[int, int]\nRow: type = dict\n'
        "LIMIT = 3\n\n\nclass _Own: ...\n\n\nclass Once: ...\n"
    )
    (tmp_path / "room" / "two.py").write_text(
        'Step = tuple[float, ...]\nT = TypeVar("T")\nLIMIT = 4\nRow = TypeVar("Row")\n\n\nclass Plane: ...\n\n\n'
        "class _Own: ...\n\n\nclass Inner: ...\n"
    )
    both = ["one.py", "room/two.py"]
    assert defined_twice(tmp_path) == {"Step": both, "Plane": both, "Row": both}
