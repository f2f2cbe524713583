"""Would the tests notice? Sixty small breaks, drawn with a seed over all rooms, each run against the tests of its room.

`python -m benchmarks.mutants` breaks the package in one place at a time, as a tired hand would (a comparison
that loses its equality, a sum that becomes a difference, a condition turned round, a number that is off by one),
and runs the test file of that module, then the tests of its room.
Each break lives in a fork of a process that has the libraries loaded, so that most are answered in seconds;
`--part 1/4` runs a quarter of them. A test that fails proves nothing where it fails without the break: whichever test
went red is run once more on the whole module, and a failure there stops the run.
A break that stays green is listed with its line: either a test is missing, or the break changes nothing that anybody
can see. The insight: coverage says what ran; only this says what was looked at.

Rooms are drawn in turn and modules within them, so that the great rooms do not hide the small ones. Nothing in the
repository is touched.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.record import record

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "septum"
SEED, COUNT, ENOUGH = 12, 60, 54
HEAVY = (
    "numpy", "scipy.ndimage", "scipy.stats", "pandas", "skimage.measure", "sklearn.ensemble",
    "matplotlib.figure", "torch", "lightning_fabric", "SimpleITK", "nibabel", "tifffile", "pydicom",
    "numba", "sqlalchemy", "typer",
)  # fmt: skip
"""None that is a plug-in of pytest or brings one: those must be imported by pytest itself."""
SECONDS = 240
"""A test that takes longer has noticed: the break made it hang."""

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
EXCHANGED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
QUIET = frozenset({"on_progress", "tell", "on_note", "log", "warn"})
"""Calls whose arguments are not broken: how often progress is told is nobody's promise."""


@dataclass(frozen=True)
class Break:
    """One broken line: the module's path below `septum`, the line, and what it said before and says now."""

    module: str
    line: int
    before: str
    after: str
    source: str


def breaks_of(path: Path) -> list[Break]:
    """Every break that the module can suffer."""
    text = path.read_text(encoding="utf-8")
    found = []
    for number, node in enumerate(_breakable(ast.parse(text))):
        for variant in range(2 if isinstance(node, ast.Compare) and len(node.ops) == 1 else 1):
            tree = ast.parse(text)
            target = list(_breakable(tree))[number]
            before = ast.unparse(target)
            _break(target, variant)
            after = ast.unparse(target)
            if before != after:
                name = path.relative_to(SOURCE).as_posix()
                found.append(Break(name, node.lineno, before, after, ast.unparse(tree)))
    return found


def _breakable(tree: ast.Module) -> Iterator[ast.AST]:
    """The places within functions that can be broken: no messages, no defaults of signatures, no type hints."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                yield from _within(statement)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(
        node, ast.Raise | ast.Assert | ast.JoinedStr | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    ):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in QUIET:
        return
    if (
        (isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in FLIPPED)
        or (isinstance(node, ast.BinOp) and type(node.op) in EXCHANGED and not _is_text(node))
        or isinstance(node, ast.BoolOp | ast.IfExp)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
        or (isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in (-1,))
        or (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("min", "max", "any", "all"))
    ):
        yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.AnnAssign):
        children = iter([node.value] if node.value else [])
    for child in children:
        yield from _within(child)


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str)
        for side in (node.left, node.right)
    )


def _break(node: ast.AST, variant: int) -> None:
    """Change the node where it stands; the second variant of a comparison turns it round."""
    if isinstance(node, ast.Compare):
        opposite = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt}
        kind = type(node.ops[0])
        node.ops[0] = (opposite.get(kind, FLIPPED[kind]) if variant else FLIPPED[kind])()
    elif isinstance(node, ast.BinOp):
        node.op = EXCHANGED[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = deepcopy(node.orelse), deepcopy(node.body)
    elif isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Constant):
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 1.5 + 0.1
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        node.func.id = {"min": "max", "max": "min", "any": "all", "all": "any"}[node.func.id]


def draw(count: int, seed: int) -> list[Break]:
    """Breaks of `count` modules, rooms in turn; which line of a module does not depend on the others."""
    generator = random.Random(seed)
    rooms: dict[str, list[Path]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).parts
        if len(parts) > 1 and path.name != "__init__.py":
            rooms.setdefault("/".join(parts[:2]) if parts[0] == "workflows" else parts[0], []).append(path)
    for modules in rooms.values():
        generator.shuffle(modules)
    chosen: list[Break] = []
    while len(chosen) < count and any(rooms.values()):
        for modules in rooms.values():
            if modules and len(chosen) < count:
                module = modules.pop()
                found = breaks_of(module)
                chosen += [random.Random(f"{seed} {module.name}").choice(found)] if found else []
    return chosen


def tests_of(module: str) -> list[list[str]]:
    """What is run against a break of the module, narrow first: its own test file, then its room."""
    path = Path(module)
    own = ROOT / "tests" / path.parent / f"test_{path.name}"
    room = path.parent
    while not (ROOT / "tests" / room).is_dir():
        room = room.parent
    stages = [[str(own)]] if own.exists() else []
    stages.append([str(ROOT / "tests" / room)])
    if len(room.parts) > 1 and room.parts[0] != "workflows":
        stages.append([str(ROOT / "tests" / room.parts[0])])
    return stages


class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the broken text of one module to whoever imports it; everything else is imported as it is."""

    def __init__(self, broken: Break) -> None:
        self.name = "septum." + broken.module.removesuffix(".py").replace("/", ".")
        self.path, self.source = str(SOURCE / broken.module), broken.source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.source, self.path, "exec"), module.__dict__)  # noqa: S102

    def get_source(self, name: str) -> str:
        return self.source


def load_libraries() -> None:
    """Load what every test would load, once: what is forked from here starts in the blink of an eye."""
    for name in HEAVY:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def is_noticed(broken: Break, place: Path) -> bool:
    """Whether a test fails that passes on the whole module; nothing on the disk is broken.

    Raises `RuntimeError` where that test fails on the whole module too: it would call every break noticed.
    """
    whole = replace(broken, source=(SOURCE / broken.module).read_text(encoding="utf-8"))
    last = place / "last"
    for stage in tests_of(broken.module):
        last.unlink(missing_ok=True)
        if _fails(broken, stage, place):
            alone = [last.read_text(encoding="utf-8")] if last.exists() else [*stage, "--collect-only"]
            if _fails(whole, alone, place):
                raise RuntimeError(f"{' '.join(alone)} must pass before anything is broken, but fails")
            return True
    return False


def _fails(broken: Break, tests: Sequence[str], place: Path) -> bool:
    """Whether tests fail in a fork of this process, or hang."""
    child = os.fork()
    if child == 0:
        _test(broken, tests, place)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) not in (0, 5)


@dataclass(frozen=True)
class _Watch:
    """A plug-in of pytest that keeps the name of the test that runs, and ends the process when it hangs."""

    last: Path

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.last.write_text(str(ROOT / nodeid), encoding="utf-8")
        signal.alarm(SECONDS)


def _test(broken: Break, tests: Sequence[str], place: Path) -> NoReturn:
    """Run tests in this process and end it with their exit code."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if re.search(r"compiled|in_order|njit", broken.source):  # a loop that was compiled before is not broken
        import numba

        os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(place / "numba")
    sys.meta_path.insert(0, Broken(broken))
    signal.alarm(SECONDS)
    code = 1
    try:
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={place / 'tmp'}", f"--rootdir={ROOT}"]
        code = int(pytest.main([*options, *tests], plugins=[_Watch(place / "last")]))
    finally:
        os._exit(code)


def _judge(broken: Break) -> bool:
    with tempfile.TemporaryDirectory(prefix="septum-mutant-") as place:
        return is_noticed(broken, Path(place))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--part", default="1/1", help="which of how many parts, such as 2/4; a part is not recorded")
    parser.add_argument("--list", action="store_true", help="show the breaks and run nothing")
    chosen = parser.parse_args(arguments)
    part, parts = map(int, chosen.part.split("/"))
    drawn = draw(chosen.count, chosen.seed)[part - 1 :: parts]
    if chosen.list:
        for broken in drawn:
            print(f"{broken.module}:{broken.line}: {broken.before}  ->  {broken.after}")
        return 0
    noticed = []
    os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", MPLBACKEND="Agg")
    load_libraries()
    with ProcessPoolExecutor(chosen.workers, multiprocessing.get_context("fork")) as pool:
        for broken, red in zip(drawn, pool.map(_judge, drawn), strict=True):
            noticed.append(red)
            print(
                f"{'red  ' if red else 'GREEN'} {broken.module}:{broken.line}: {broken.before}  ->  {broken.after}",
                flush=True,
            )
    print(f"{sum(noticed)} of {len(noticed)} breaks were noticed")
    if (chosen.count, chosen.seed, parts) == (COUNT, SEED, 1):
        survivors = [
            f"{b.module}:{b.line}: {b.before} -> {b.after}" for b, red in zip(drawn, noticed, strict=True) if not red
        ]
        print(record("mutants", {"breaks": len(noticed), "noticed": sum(noticed), "survivors": survivors}, seed=SEED))
    return 0 if sum(noticed) >= ENOUGH * len(drawn) / COUNT else 1


if __name__ == "__main__":
    raise SystemExit(main())
