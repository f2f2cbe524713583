"""`septum instances` as it is typed: options reach the settings, and failures decide the exit code."""

from __future__ import annotations

import pytest

from septum.workflows.data.jobs import JobsResult
from septum.workflows.objects import split


@pytest.mark.parametrize(("written", "failures", "code"), [(2, 0, 0), (1, 1, 1), (0, 1, 2)])
def test_options_reach_the_settings_and_failures_are_told(septum, tmp_path, monkeypatch, written, failures, code):
    seen = {}

    def taken(masks, output, *, images, settings, hooks):
        seen.update(images=images, settings=settings)
        return JobsResult(tuple(output / f"{n}.png" for n in range(written)), (("bad", "it is broken"),) * failures)

    monkeypatch.setattr(split, "split_masks", taken)
    words = ("--depth", "1.5", "--smallest", "20", "--no-pictures", "--background", "255", "--images", tmp_path)
    result = septum("instances", tmp_path, "-o", tmp_path / "out", *words)
    assert result.code == code
    assert len(result.out.splitlines()) == written
    settings = seen["settings"]
    assert (settings.depth, settings.smallest, settings.pictures, settings.background) == (1.5, 20.0, False, 255)
    assert seen["images"] == tmp_path
    if failures:
        assert "failed: bad: it is broken" in result.err
        assert f"{written} mask{'s' * (written != 1)} written, 1 image failed" in result.err
