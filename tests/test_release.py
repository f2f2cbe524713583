"""What `make release` changes, and what it refuses before it changes anything."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- The first.\n"


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_unreleased_moves_under_the_version(release):
    found = release.with_release(LOG, "0.2.0", date(2026, 2, 3))
    assert found.index("## [Unreleased]") < found.index("## [0.2.0] - 2026-02-03") < found.index("- A thing.")
    assert found.replace("\n## [0.2.0] - 2026-02-03\n", "", 1) == LOG


def test_nothing_new_or_a_version_that_exists_is_refused(release):
    with pytest.raises(SystemExit, match="must say what is new"):
        release.with_release(LOG.replace("### Added\n\n- A thing.\n\n", ""), "0.2.0", date(2026, 2, 3))
    with pytest.raises(SystemExit, match=r"holds version 0\.1\.0 already"):
        release.with_release(LOG, "0.1.0", date(2026, 2, 3))


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3rc1", "0.1.0", "0.0.9"])
def test_a_version_that_is_none_or_not_higher_is_refused(release, version):
    with pytest.raises(SystemExit, match="VERSION must be"):
        release.check_version(version, "0.1.0")


def test_the_packages_own_version_and_changelog_can_be_released(release):
    source = (ROOT / "src" / "septum" / "__init__.py").read_text(encoding="utf-8")
    assert '__version__ = "99.0.0"' in release.with_version(source, "99.0.0")
    release.with_release((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), "99.0.0", date(2026, 2, 3))
