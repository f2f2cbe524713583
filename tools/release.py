"""Prepares a release: version, changelog, distribution files. It commits and uploads nothing.

The insight: everything that can be wrong with a release is looked at before anything is changed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION_LINE = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def with_version(source: str, version: str) -> str:
    """The text of `septum/__init__.py` with another version.

    >>> with_version('__version__ = "0.1.0"', "0.2.0")
    '__version__ = "0.2.0"'
    """
    if len(VERSION_LINE.findall(source)) != 1:
        raise SystemExit("src/septum/__init__.py must hold one line __version__ = ...; mend it")
    return VERSION_LINE.sub(f'__version__ = "{version}"', source)


def with_release(changelog: str, version: str, day: date) -> str:
    """The changelog with everything unreleased under the version; a new empty heading stands above."""
    heading = "## [Unreleased]\n"
    before, found, rest = changelog.partition(heading)
    if not found or not rest.split("\n## [", 1)[0].strip():
        raise SystemExit("CHANGELOG.md must say what is new under ## [Unreleased], got nothing; write it")
    if f"## [{version}]" in changelog:
        raise SystemExit(f"CHANGELOG.md holds version {version} already; choose a higher one")
    return f"{before}{heading}\n## [{version}] - {day.isoformat()}\n{rest}"


def check_version(version: str, current: str) -> None:
    """A version of three numbers, above the current one."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"VERSION must be three numbers such as 1.2.3, got {version!r}")
    if tuple(map(int, version.split("."))) <= tuple(map(int, current.split("."))):
        raise SystemExit(f"VERSION must be above {current}, got {version}")


def main(version: str) -> None:
    """Check, change the two files, build, check the archives."""
    package, changelog = ROOT / "src" / "septum" / "__init__.py", ROOT / "CHANGELOG.md"
    source = package.read_text(encoding="utf-8")
    check_version(version, VERSION_LINE.findall(source)[0])
    if subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, check=True).stdout:
        raise SystemExit("the tree must be clean before a release; commit or remove what is there")
    new_source, new_log = (
        with_version(source, version),
        with_release(changelog.read_text(encoding="utf-8"), version, date.today()),
    )
    package.write_text(new_source, encoding="utf-8")
    changelog.write_text(new_log, encoding="utf-8")
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", "dist"], cwd=ROOT, check=True)
    files = sorted(str(path) for path in (ROOT / "dist").iterdir())
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], cwd=ROOT, check=True)
    sys.stdout.write(f"version {version} lies in dist/; look at git diff, commit, tag v{version}, then upload\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/release.py VERSION")
    main(sys.argv[1])
