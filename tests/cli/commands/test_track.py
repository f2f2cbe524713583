"""`septum track` as it is typed: masks or a movie with a model, and the tracks are counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from septum.workflows.tracking import segmented, track


@pytest.mark.parametrize("model", [None, "m"])
def test_options_reach_the_settings_with_and_without_a_model(septum, tmp_path, monkeypatch, model):
    seen = {}

    def taken(kind):
        def work(movie, output, **named):
            seen.update(kind=kind, **named)
            tracks = SimpleNamespace(lineage=[1, 2], divisions=lambda: [1])
            return SimpleNamespace(written=(output / "res_track.txt",), tracks=tracks, page=output / "index.html")

        return work

    monkeypatch.setattr(track, "track", taken("masks"))
    monkeypatch.setattr(segmented, "track_movie", taken("movie"))
    words = ("--gap", 2, "--no-divisions", "--merges", "--max-distance", "7.5", *(("--model", model) if model else ()))
    result = septum("track", tmp_path, "-o", tmp_path / "out", *words)
    assert result.code == 0, result.err
    assert result.out.strip() == str(tmp_path / "out" / "res_track.txt")
    assert "2 tracks, 1 division\n" in result.err
    assert f"look at it: {(tmp_path / 'out' / 'index.html').as_uri()}" in result.err
    assert seen["kind"] == ("movie" if model else "masks")
    settings = seen["settings"]
    assert (settings.gap, settings.divisions, settings.merges, settings.max_distance) == (2, False, True, 7.5)
