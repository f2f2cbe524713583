"""`septum measure` as it is typed: options reach the settings, files are printed and objects counted."""

from __future__ import annotations

from types import SimpleNamespace

from septum.errors import Cancelled
from septum.workflows.objects import measure


def test_options_reach_the_settings_and_objects_are_counted(septum, tmp_path, monkeypatch):
    seen = {}

    def taken(masks, output, *, images, settings, hooks):
        seen.update(settings=settings, images=images)
        written, page = (output / "objects.csv",), output / "index.html"
        return SimpleNamespace(written=written, failures=(), objects=[1, 2, 3], images=["a"], page=page)

    monkeypatch.setattr(measure, "measure", taken)
    words = ("--condition-pattern", "^([a-z]+)_", "--no-split", "--gallery", 4, "--seed", 9)
    result = septum("measure", tmp_path, "-o", tmp_path / "out", *words)
    assert result.code == 0
    assert result.out.strip() == str(tmp_path / "out" / "objects.csv")
    assert "3 objects in 1 image" in result.err
    assert f"look at it: {(tmp_path / 'out' / 'index.html').as_uri()}" in result.err
    settings = seen["settings"]
    assert (settings.condition_pattern, settings.split, settings.gallery, settings.seed) == ("^([a-z]+)_", False, 4, 9)


def test_a_stop_says_that_nothing_was_written(septum, tmp_path, monkeypatch):
    def stopped(*given, **named):
        raise Cancelled

    monkeypatch.setattr(measure, "measure", stopped)
    result = septum("measure", tmp_path, "-o", tmp_path / "out")
    assert result.code == 130
    assert "nothing was written" in result.err
