"""At most two positional parameters: a call names the rest, so that it can be read without the definition."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import septum

SOURCE = Path(septum.__file__).parent
POSITIONAL = 2

COMPILED = ("compiled", "njit")
"""Decorators of kernels: numba calls them by place."""

FOREIGN = {"__exit__", "forward", "backward"}
"""Methods whose parameters a library or the language decides."""

BY_PLACE = {
    "classical/clustering.py": {"_kmeans", "_fuzzy", "_mixture"},
    "interactive/edit_rows.py": {"_row"},
    "interactive/tools.py": {"_row"},
    "interactive/marks/brush.py": {"like", "between"},
    "net/learning/objective.py": {"_of_objects", "_targets", "_weighted_targets"},
    "server/security.py": {"__init__", "__call__"},
    "server/working.py": {"work"},
    "workflows/data/jobs.py": {"tell"},
    "workflows/evaluation/readers.py": {"_ceiling"},
    "workflows/looking/page.py": {"add"},
    "workflows/quality/spoil.py": {
        "_noise",
        "_blur",
        "_inverted",
        "_contrast",
        "_bias",
        "_scale",
        "_cropped",
        "_modality",
        "_empty",
    },
}
"""Functions that a table, a process or a library calls by place."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_compiled(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(word in ast.unparse(one) for one in function.decorator_list for word in COMPILED)


def too_many(name: str, text: str) -> list[str]:
    """The functions of a file that take too many parameters by place."""
    exempt = FOREIGN | BY_PLACE.get(name, set())
    return [
        f"{name}:{one.lineno} {one.name}"
        for one in functions(ast.parse(text))
        if positional(one) > POSITIONAL and not is_compiled(one) and one.name not in exempt
    ]


def test_functions_take_at_most_two_parameters_by_place() -> None:
    """The command line is left out: its functions are called by the parser alone."""
    files = [path for path in sorted(SOURCE.rglob("*.py")) if "cli/commands" not in path.as_posix()]
    assert [line for p in files for line in too_many(p.relative_to(SOURCE).as_posix(), p.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(a, b, c): ...", ["x.py:1 f"]),
        ("def f(a, b, *, c): ...", []),
        ("class A:\n    def f(self, a, b): ...", []),
        ("class A:\n    def f(self, a, b, c): ...", ["x.py:2 f"]),
        ("@compiled\ndef f(a, b, c): ...", []),
        ("async def forward(a, b, c): ...", []),
    ],
)
def test_the_rule_sees_what_it_should(text: str, found: list[str]) -> None:
    assert too_many("x.py", text) == found


def test_every_exemption_is_needed() -> None:
    for name, exempt in BY_PLACE.items():
        tree = ast.parse((SOURCE / name).read_text("utf-8"))
        assert exempt == {one.name for one in functions(tree) if positional(one) > POSITIONAL} & exempt, name
