"""Digests say whether a file is the same, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from septum.workflows.data.cases import Case, Source
from septum.workflows.data.digests import digest, digest_cases


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (3 << 20))
    assert digest(Source(tmp_path / "a")) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_of_a_folder_all_files_count_in_the_order_of_their_names(tmp_path: Path) -> None:
    series = tmp_path / "series"
    (series / "below").mkdir(parents=True)
    (series / "b").write_bytes(b"2")
    (series / "a").write_bytes(b"1")
    (series / "below" / "c").write_bytes(b"3")
    assert digest(Source(series)) == hashlib.sha256(b"123").hexdigest()
    (series / "below" / "c").write_bytes(b"4")
    assert digest(Source(series)) != hashlib.sha256(b"123").hexdigest()


def test_cases_are_told_by_their_id_without_any_folder(tmp_path: Path) -> None:
    for name in ("i0", "i1", "l"):
        (tmp_path / name).write_text(name)
    sources = tuple(Source(tmp_path / name) for name in ("i0", "i1"))
    found = digest_cases([Case("p1", sources, Source(tmp_path / "l")), Case("p2", sources[:1])])
    assert found["p1"]["images"] == [hashlib.sha256(name).hexdigest() for name in (b"i0", b"i1")]
    assert found["p1"]["label"] == hashlib.sha256(b"l").hexdigest()
    assert found["p2"]["label"] is None
    assert str(tmp_path) not in str(found)
