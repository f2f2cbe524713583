"""What a page is told of an error holds no folder of the machine."""

from __future__ import annotations

import pytest

from septum.server.words import without_paths


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/ann/study/a.nii.gz must exist", "a.nii.gz must exist"),
        ("cannot read '/home/ann/b.png'", "cannot read 'b.png'"),
        ("C:\\Users\\ann\\scan.tif is damaged", "scan.tif is damaged"),
        ("spacing 1/2 of 3/4 and and/or", "spacing 1/2 of 3/4 and and/or"),
        ("see https://septum.example/docs/page", "see https://septum.example/docs/page"),
    ],
)
def test_paths_become_names_and_all_else_stays(text: str, wanted: str) -> None:
    assert without_paths(text) == wanted
