"""`septum demo` as it is typed: what it made is printed, and a stop says that nothing was measured."""

from __future__ import annotations

from types import SimpleNamespace

from septum.workflows import demo


def test_what_was_made_is_printed_and_a_stop_is_a_stop(septum, tmp_path, monkeypatch):
    seen = {}

    def run(output, **named):
        seen.update(output=output, minutes=named["minutes"])
        report = seen.get("report")
        return SimpleNamespace(model=output / "model", predictions=output / "masks", mean_dice=0.81234, report=report)

    monkeypatch.setattr(demo, "run_demo", run)
    stopped = septum("demo", "-o", tmp_path / "out", "--minutes", 0.5)
    assert stopped.code == 130
    assert "stopped before the measurement" in stopped.err
    assert seen == {"output": tmp_path / "out", "minutes": 0.5}
    seen["report"] = tmp_path / "index.html"
    done = septum("demo", "-o", tmp_path / "out")
    assert done.code == 0
    assert "Dice     0.8123" in done.out
    assert f"report   {tmp_path / 'index.html'}" in done.out
    assert "look at it: file:" in done.err
