"""`septum quality`: masks from anywhere, graded by a few references."""

from __future__ import annotations

from tests.cli import conftest


def test_quality_grades_masks_from_anywhere_by_a_few_references(septum, dataset, tmp_path):
    conftest.write_dataset(tmp_path / "new", ("x", "y"))
    arguments = [tmp_path / "new" / "labels", tmp_path / "new" / "images", "--references", dataset]
    result = septum("quality", *arguments, "-o", tmp_path / "out")
    assert result.code == 0
    assert result.out.split() == [str(tmp_path / "out" / "quality.csv")]
    assert "2 masks, 4 references" in result.err
    again = septum("quality", *arguments, "-o", tmp_path / "out")
    assert again.code == 2
    assert "--overwrite" in again.err
    nothing = septum("quality", tmp_path / "nowhere", *arguments[1:], "-o", tmp_path / "out2")
    assert nothing.code == 2
    assert "nowhere" in nothing.err
