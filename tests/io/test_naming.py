"""File names: suffixes of two parts before those that they end with, and a name that is only a suffix has none."""

from __future__ import annotations

import pytest

from septum.io.naming import IMAGE_SUFFIXES, stem, suffix


@pytest.mark.parametrize("known", IMAGE_SUFFIXES)
def test_every_suffix_is_found_whole_in_any_case_and_leaves_the_name(known: str) -> None:
    for name in (f"a.b{known}", f"A{known.upper()}"):
        assert suffix(name) == known
        assert stem(f"folder/{name}") == name[: -len(known)]


def test_longer_suffixes_come_before_those_that_they_end_with() -> None:
    for place, known in enumerate(IMAGE_SUFFIXES):
        assert not any(known.endswith(earlier) for earlier in IMAGE_SUFFIXES[:place])


@pytest.mark.parametrize("name", [".png", "IM0001", "v1.2", "notes.txt", "png", "a.png.bak"])
def test_other_names_have_no_suffix_and_stay_whole(name: str) -> None:
    assert suffix(name) == ""
    assert stem(name) == name


def test_the_sign_of_a_series_does_not_reach_a_file_name() -> None:
    assert stem("scan::2") == "scan_2"
