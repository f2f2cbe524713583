"""`septum augment-preview` as it is typed: its options reach the workflow, and the path is printed."""

from __future__ import annotations

from septum.workflows.training import preview


def test_options_reach_the_workflow_and_the_path_is_printed(septum, tmp_path, monkeypatch):
    seen = {}

    def sheet(dataset, output, **named):
        seen.update(dataset=dataset, **named)
        return output

    monkeypatch.setattr(preview, "augment_preview", sheet)
    result = septum("augment-preview", tmp_path, "-o", tmp_path / "s.png", "--count", 3, "--seed", 5, "--overwrite")
    assert result.code == 0
    assert result.out.strip() == str(tmp_path / "s.png")
    assert seen == {"dataset": tmp_path, "count": 3, "seed": 5, "plan": None, "axes": None, "overwrite": True}
    assert septum("augment-preview", tmp_path, "-o", tmp_path / "s.png", "--count", 65).code == 2
