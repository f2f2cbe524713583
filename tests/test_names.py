"""A public class, alias or function is defined once in the package: a reader of `Plane` or `pair` need not ask whose.

What is the same is one definition that others import; what is something else has a name that says which. Type variables
stand for a type within one function, so that many modules may call theirs `T`, but none is called as a class is. Faces
are named as what they show: a command, an operation of the server, a function of the library. Loops that numba compiles
are named within their file.
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


FACES = ("cli/commands/", "server/routes/", "library/")


COMPILED = {"compiled", "in_order"}


SHARED_FUNCTIONS = {
    "count_frames": "every file format has one",
    "read": "every file format has one",
    "write_image": "every file format has one, and `io` the one that chooses",
    "write_labels": "every file format has one, and `io` the one that chooses",
    "divide": "every challenge has one",
    "score": "every challenge has one",
    "shown": "every challenge has one",
    "predict": "every challenge has one, and so have the perceptron of the lessons and `septum predict`",
    "train": "the verb of the field: of the lessons' perceptron, of a network on samples, of `septum train`",
    "segment": "the verb of the field: of a trained model, of a pipeline",
    "fill_holes": "the edit runs the method of the same name on chosen labels",
    "hollow": "the edit runs the method of the same name on chosen labels",
    "margin": "the edit runs the method of the same name on chosen labels",
    "gaussian": "the method runs the filter of the same name, in mm",
    "multi_otsu": "the method runs the rule of the same name on a histogram",
}
"""Functions that several modules define on purpose, and why."""


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


def functions_twice(folder: Path) -> Mapping[str, list[str]]:
    """Public functions that more than one module below `folder` defines, with the modules; without faces and loops."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        module = path.relative_to(folder).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or module.startswith(FACES):
                continue
            if not COMPILED & {ast.unparse(mark) for mark in node.decorator_list}:
                homes[node.name].append(module)
    return {name: own for name, own in homes.items() if len(own) > 1}


def test_a_function_is_defined_once() -> None:
    found = functions_twice(SOURCE)
    assert {name: own for name, own in found.items() if name not in SHARED_FUNCTIONS} == {}, "say which it is"
    assert set(SHARED_FUNCTIONS) - set(found) == set(), "these are unique, or are gone: take them out"


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
    (tmp_path / "library").mkdir()
    for name in ("one.py", "room/three.py", "library/four.py"):
        text = "\n\ndef pair(): ...\n\n\n@compiled\ndef find(): ...\n\n\ndef _own(): ...\n"
        (tmp_path / name).write_text(((tmp_path / name).read_text() if name == "one.py" else "") + text)
    assert functions_twice(tmp_path) == {"pair": ["one.py", "room/three.py"]}
    both = ["one.py", "room/two.py"]
    assert defined_twice(tmp_path) == {"Step": both, "Plane": both, "Row": both}
