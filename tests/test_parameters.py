"""At most two positional parameters: a call names the rest, so that it can be read without the definition. And at most
seven in all: what belongs together has a name of its own."""

import ast
import inspect
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import pytest

import septum
from septum.classical.methods import METHODS
from septum.interactive.edit_rows import EDITS, MASK_IMAGE
from septum.interactive.tools import TOOLS
from septum.options import Method
from septum.workflows.editing.prompted_step import PROMPTED

SOURCE = Path(septum.__file__).parent
POSITIONAL = 2
IN_ALL = 7

COMPILED = ("compiled", "in_order", "njit")
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
    "workflows/evaluation/readers.py": {"_agreement_figure"},
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


BY_NAME = {
    "interactive/marks/prompted.py": {"prompted_network"},
    "interactive/slices/interpolate.py": {"interpolate"},
}
"""What a person's options reach without a row of a table: the tool behind `PROMPTED`, and `septum interpolate`."""


def rows() -> Iterator[Method]:
    yield from (*METHODS, *TOOLS, *EDITS, MASK_IMAGE, PROMPTED)


def of_tables() -> dict[str, set[str]]:
    """The functions that the tables of methods and tools name, by file: their parameters are a person's options."""
    found: dict[str, set[str]] = {}
    for row in rows():
        function = row.function.func if isinstance(row.function, partial) else row.function
        path = Path(inspect.getfile(function)).relative_to(SOURCE).as_posix()
        found.setdefault(path, set()).add(function.__name__)
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def in_all(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters but `self`; `*args` and `**options` count as one each."""
    rest = [one for one in (function.args.vararg, function.args.kwarg) if one is not None]
    return positional(function) + len(function.args.kwonlyargs) + len(rest)


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


def too_long(name: str, text: str, *, options: Collection[str] = ()) -> list[str]:
    """The functions of a file that take too many parameters in all."""
    exempt = {*options, *BY_NAME.get(name, set())}
    return [
        f"{name}:{one.lineno} {one.name}"
        for one in functions(ast.parse(text))
        if in_all(one) > IN_ALL and not is_compiled(one) and one.name not in exempt
    ]


def sources() -> list[tuple[str, str]]:
    """The command line is left out: its functions are called by the parser alone."""
    files = [path for path in sorted(SOURCE.rglob("*.py")) if "cli/commands" not in path.as_posix()]
    return [(path.relative_to(SOURCE).as_posix(), path.read_text("utf-8")) for path in files]


def test_functions_take_at_most_two_parameters_by_place() -> None:
    assert [line for name, text in sources() for line in too_many(name, text)] == []


def test_functions_take_at_most_seven_parameters_in_all() -> None:
    tables = of_tables()
    found = [line for name, text in sources() for line in too_long(name, text, options=tables.get(name, set()))]
    assert found == []


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(a, b, *, c, d, e, f, g): ...", []),
        ("def f(a, b, *, c, d, e, f, g, h): ...", ["x.py:1 f"]),
        ("def f(a, b, *, c, d, e, f, g, **more): ...", ["x.py:1 f"]),
        ("class A:\n    def f(self, a, b, *, c, d, e, f, g): ...", []),
        ("@njit\ndef f(a, b, c, d, e, f, g, h): ...", []),
        ("def tool(a, b, *, c, d, e, f, g, h): ...", []),
    ],
)
def test_the_rule_of_seven_sees_what_it_should(text: str, found: list[str]) -> None:
    assert too_long("x.py", text, options={"tool"}) == found


def test_tables_name_functions_that_have_a_persons_options() -> None:
    assert {"watershed", "magic_wand", "paint", "prompted"} <= {
        name for names in of_tables().values() for name in names
    }


SPACING = {"Spacing": "None", "Sequence[float]": "", "tuple[float, ...]": ""}
"""Types of `spacing` of a public function, and their defaults: where it is left out, a sample counts as 1 along each
axis; where the result is in millimetres, it cannot be left out."""

OTHERWISE = {
    "geometry/arrays.py": {"spacing_mm"},
    "geometry/placement.py": {"plan"},
    "io/tiffpages.py": {"turned"},
    "report/figures/montage.py": {"cuts", "montage"},
}
"""The door itself, where None says that an image keeps its own spacing or that none is known, and fields of a file."""


def spacings(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and default ("" without one) of every public function that takes a `spacing`."""
    for one in functions(ast.parse(text)):
        names = [*one.args.args, *one.args.kwonlyargs]
        first = [None] * (len(one.args.args) - len(one.args.defaults))
        for parameter, default in zip(names, [*first, *one.args.defaults, *one.args.kw_defaults], strict=True):
            if parameter.arg == "spacing" and parameter.annotation is not None and not one.name.startswith("_"):
                yield one.name, ast.unparse(parameter.annotation), "" if default is None else ast.unparse(default)


def test_spacing_is_spelt_and_left_out_by_one_rule() -> None:
    found = [
        f"{name}: {function} {kind} = {default}"
        for name, text in sources()
        for function, kind, default in spacings(text)
        if SPACING.get(kind) != default and function not in OTHERWISE.get(name, set())
    ]
    assert found == []


def test_every_exemption_is_needed() -> None:
    for name, exempt in OTHERWISE.items():
        found = spacings((SOURCE / name).read_text("utf-8"))
        assert exempt == {function for function, kind, default in found if SPACING.get(kind) != default}, name
    for name, exempt in BY_NAME.items():
        tree = ast.parse((SOURCE / name).read_text("utf-8"))
        assert exempt == {one.name for one in functions(tree) if in_all(one) > IN_ALL} & exempt, name
    for name, exempt in BY_PLACE.items():
        tree = ast.parse((SOURCE / name).read_text("utf-8"))
        assert exempt == {one.name for one in functions(tree) if positional(one) > POSITIONAL} & exempt, name
