"""`septum review` from sample to figure on the command line."""

from __future__ import annotations

import csv
import io as streams

import pandas as pd
import pytest
import typer.main

from septum.cli.main import app


def test_a_study_from_sample_to_figure_on_the_command_line(septum, rated, tmp_path, monkeypatch):
    study, report = tmp_path / "study", tmp_path / "report"
    made = septum(
        "review", "create", rated / "images", "--masks", f"human={rated / 'labels'}", "--masks",
        f"model={rated / 'model'}", "-o", study, "--n", "4", "--seed", "1",
    )  # fmt: skip
    assert made.code == 0
    assert "8 items of 4 cases" in made.out
    monkeypatch.setattr("sys.stdin", streams.StringIO("p\nx\nu\nf too large\n" + "p\n" * 7))
    rated = septum("review", "rate", study, "--reader", "anna", "--terminal")
    assert rated.code == 0
    assert "anna has rated 8 of 8" in rated.out
    assert "taken back" in rated.out
    assert "must be one of f, p, u, q" in rated.err
    assert not any(word in rated.out for word in ("case", "human", "model"))
    assert "anna  8/8" in septum("review", "status", study).out
    assert "10 ratings" in septum("review", "export", study, "-o", tmp_path / "r.csv").out
    assert "0 new ratings" in septum("review", "import", study, tmp_path / "r.csv").out
    with (tmp_path / "r.csv").open(newline="") as file:
        assert [row["comment"] for row in csv.DictReader(file) if row["comment"]] == ["too large"]
    scores = pd.DataFrame({"case": [f"case{i}" for i in range(4)], "dice": [0.5, 0.6, 0.8, 0.9]})
    scores.to_csv(tmp_path / "cases.csv", index=False)
    done = septum("review", "report", study, "--dice", f"model={tmp_path / 'cases.csv'}", "-o", report)
    assert done.code == 0
    assert "anna, human" in done.out
    assert "One reader alone" in done.err
    assert (report / "figure.svg").read_bytes().startswith(b"<?xml")
    assert (report / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert septum("review", "report", study, "-o", report).code == 2


def test_the_report_of_an_evaluation_is_taken_as_it_was_written(septum, rated, tmp_path, monkeypatch):
    """One evaluation of both sources, its folder given without a name; the sources are its methods."""
    study, masks = tmp_path / "study", [f"model={rated / 'model'}", f"human={rated / 'labels'}"]
    sources = [word for mask in masks for word in ("--masks", mask)]
    septum("review", "create", rated / "images", *sources, "-o", study, "--n", "4", "--seed", "1")
    monkeypatch.setattr("sys.stdin", streams.StringIO("p\n" * 4 + "f\n" * 4))
    septum("review", "rate", study, "--reader", "anna", "--terminal")
    evaluated = septum("evaluate", *masks, rated / "labels", "-o", tmp_path / "ev", "--metrics", "overlap")
    assert evaluated.code == 0, evaluated.err
    done = septum("review", "report", study, "--dice", tmp_path / "ev", "-o", tmp_path / "report")
    assert done.code == 0, done.err
    items = pd.read_csv(tmp_path / "report" / "items.csv")
    cases = pd.read_csv(tmp_path / "ev" / "cases.csv").set_index(["method", "case"])["dice"]
    assert len(items) == 8
    for item in items.itertuples():
        assert item.dice == cases[item.source, item.case]


def test_quitting_or_the_end_of_input_keeps_what_was_rated(septum, folder, monkeypatch):
    for text, rated in (("p\nq\n", 1), ("p\n", 2)):
        monkeypatch.setattr("sys.stdin", streams.StringIO(text))
        result = septum("review", "rate", folder, "--reader", "anna", "--terminal")
        assert f"anna has rated {rated} of 6" in result.out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["create", "x", "-o", "s"], "--masks"),
        (["create", "x", "--masks", "labels", "-o", "s"], "must be NAME=PATH"),
        (["create", "x", "--masks", "a=b", "--masks", "a=c", "-o", "s"], "name each source once"),
        (["create", "nowhere", "--masks", "a=b", "-o", "s"], "must be an existing"),
        (["create", "x", "--masks", "a=b", "-o", "s", "--n", "0"], "n must be at least 1"),
        (["create", "x", "--masks", "a=b", "-o", "s", "--scale", "five"], "scale must be"),
        (["create", "x", "--masks", "a=b", "-o", "s", "--window", "1"], "two numbers"),
        (["create", "x", "--masks", "a=b", "-o", "s", "--window=5,1"], "window must be"),
        (["rate", "nowhere", "--reader", "anna"], "septum review create"),
        (["status", "nowhere"], "septum review create"),
        (["report", "nowhere"], "--output"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(septum, tmp_path, monkeypatch, arguments, hint):
    monkeypatch.chdir(tmp_path)
    result = septum("review", *arguments)
    assert result.code == 2
    assert hint in result.err


def test_every_parameter_of_every_subcommand_has_a_help_text():
    commands = typer.main.get_command(app).commands["review"].commands
    assert set(commands) == {"create", "rate", "status", "export", "import", "report"}
    assert all(p.help for command in commands.values() for p in command.params if p.name != "help")
