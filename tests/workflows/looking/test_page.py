"""The page beside masks: what it says of each case, in which order, from which files."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.folders import PAGE_FOLDER, entries
from septum.workflows.data.jobs import JobsResult
from septum.workflows.looking.page import MOST_LABELS, DoubtRow, EstimateRow, MaskPage, adder, mask_page, write_page


class Reader(HTMLParser):
    """The texts of a page, its links, and the data of its script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.data = ""
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"] or "")
        self._inside = "data" if tag == "script" and found.get("id") == "data" else tag

    def handle_data(self, data: str) -> None:
        if self._inside == "data":
            self.data += data
        elif self._inside not in ("script", "style"):
            self.text += data


def case(name: str, suffix: str = ".nii.gz") -> Case:
    return Case(name, (Source(Path(f"{name}{suffix}")),))


def add(
    page: MaskPage, name: str, labels: np.ndarray, *, suffix: str = ".nii.gz", names: Any = None, doubts: Any = ()
) -> None:
    grid = Grid.from_spacing(labels.shape, (2.0,) * labels.ndim, unit="px" if suffix == ".png" else "mm")
    image = np.random.default_rng(0).normal(size=(1, *labels.shape)).astype(np.float32)
    page.add(case(name, suffix), Image(image, grid), labels=LabelMap(labels, grid, names or {}), doubts=doubts)


def block(shape: tuple[int, ...] = (20, 20), value: int = 1) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(5, 15) for _ in shape)] = value
    return labels


def shown(path: Path) -> list[dict[str, Any]]:
    masks: list[dict[str, Any]] = json.loads(Reader(path.read_text(encoding="utf-8")).data)
    return masks


def row(name: str, verdict: str, dice: float = 0.5, reasons: tuple[str, ...] = ()) -> EstimateRow:
    return EstimateRow(name, "cell", verdict, dice, math.nan, math.nan, reasons)


def test_failures_come_first_then_the_list_in_its_order_then_the_rest_by_name(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    for name in ("d", "c", "b", "a"):
        add(page, name, block())
    rows = [row("c", "unknown", math.nan, ("unlike the training images",)), row("d", "pass")]
    masks = shown(page.write(rows, failures=[("x", "it is damaged")], title="Masks"))
    assert [one["case"] for one in masks] == ["x", "c", "d", "a", "b"]
    assert [one["verdict"] for one in masks] == ["failed", "unknown", "pass", "", ""]
    assert masks[0]["note"] == "it is damaged"
    assert masks[1]["estimates"][0]["reasons"] == ["unlike the training images"]
    assert masks[1]["estimates"][0]["dice"] is None


def test_every_file_that_the_page_names_is_there_and_none_is_named_after_a_case(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    add(page, "Smith_John", block((20, 20, 20)))
    (tmp_path / "quality.csv").touch()
    path = page.write(title="Masks", links=["quality.csv"])
    (one,) = shown(path)
    files = [one["thumbnail"], *(view[kind] for view in one["views"] for kind in ("image", "marks"))]
    assert len(files) == 7
    assert all((tmp_path / file).is_file() for file in files)
    assert not any("Smith" in file.name for file in (tmp_path / PAGE_FOLDER).iterdir())
    assert all((tmp_path / link).is_file() for link in Reader(path.read_text()).links)


def test_the_page_says_what_it_is_loads_nothing_from_elsewhere_and_treats_names_as_hostile(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    hostile = "</script><img src=x onerror=alert(1)>"
    add(page, hostile, block())
    text = page.write(title="Masks & <b>more</b>").read_text(encoding="utf-8")
    assert "Research software, not a medical device" in Reader(text).text
    assert "<img src=x" not in text
    assert "<b>more" not in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)
    assert shown(tmp_path / "index.html")[0]["case"] == hostile


def test_a_second_run_into_the_folder_keeps_the_first_and_replaces_what_it_draws_anew(tmp_path: Path) -> None:
    first = MaskPage(tmp_path)
    add(first, "a", block())
    add(first, "b", block())
    first.write(title="Masks")
    second = MaskPage(tmp_path)
    add(second, "b", block(value=2))
    add(second, "c", block())
    masks = {one["case"]: one for one in shown(second.write(title="Masks"))}
    assert sorted(masks) == ["a", "b", "c"]
    assert masks["b"]["labels"][0]["value"] == 2
    assert len({one["thumbnail"] for one in masks.values()}) == 3


@pytest.mark.parametrize("content", ["", "{", '{"format": 1, "cases": [{"case": 3}]}', '{"format": 9, "cases": []}'])
def test_a_damaged_index_of_an_earlier_run_does_not_stop_this_one(tmp_path: Path, content: str) -> None:
    (tmp_path / PAGE_FOLDER).mkdir()
    (tmp_path / PAGE_FOLDER / "cases.json").write_text(content)
    page = MaskPage(tmp_path)
    add(page, "a", block())
    assert len(shown(page.write(title="Masks"))) == 1


def test_sizes_are_in_units_that_the_file_has(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    add(page, "a", block((20, 20, 20)), names={1: "liver"})
    add(page, "b", block(), suffix=".png")
    add(page, "c", np.zeros((20, 20), np.uint8))
    masks = shown(page.write(title="Masks"))
    assert masks[0]["labels"] == [{"value": 1, "name": "liver", "size": "8 ml"}]  # 1000 voxels of 8 mm³
    assert masks[1]["labels"] == [{"value": 1, "name": "label 1", "size": "100 px"}]
    assert masks[2]["note"] == "the mask is empty"


def test_many_objects_are_counted_not_listed(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    labels = np.zeros((40, 40), np.uint8)
    labels[::2, ::2] = np.arange(400).reshape(20, 20) % 50
    add(page, "cells", labels, suffix=".png")
    (mask,) = shown(page.write(title="Masks"))
    assert MOST_LABELS < 49
    assert mask["labels"] == [{"value": 0, "name": "49 objects", "size": "median 8 px"}]


def test_pictures_of_the_page_are_no_masks(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    add(page, "a", block())
    page.write(title="Masks")
    (tmp_path / "a.png").touch()
    (tmp_path / "probabilities").mkdir()
    (tmp_path / "probabilities" / "a.png").touch()
    assert [one.name for one in entries(tmp_path)] == ["a", "probabilities_a"]
    (tmp_path / "septum-segment.json").touch()
    assert [one.name for one in entries(tmp_path)] == ["a"]


def test_a_run_without_a_page_draws_nothing_and_writes_none(tmp_path: Path) -> None:
    assert mask_page(tmp_path, wanted=False) is None
    adder(None)(Case("a", (Source(tmp_path / "a.png"),)), None, None)  # type: ignore[arg-type]
    assert write_page(None, JobsResult((), (("a", "broken"),))) is None
    assert not list(tmp_path.iterdir())


def test_the_page_gets_what_is_added_and_links_only_to_what_is_there(tmp_path: Path) -> None:
    page = mask_page(tmp_path, wanted=True)
    assert page is not None
    assert adder(page) == page.add
    (tmp_path / "quality.csv").write_text("case\n")
    written = write_page(page, JobsResult((), (("a", "broken"),)), links=("quality.csv", "nothing.json"))
    assert written is not None
    text = written.read_text()
    assert "quality.csv" in text
    assert "nothing.json" not in text


def test_a_remark_stands_with_its_case_and_an_empty_mask_says_that_first(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    for name, labels in (("a", block()), ("b", block()), ("c", block(value=0))):
        add(page, name, labels)
    page.write(title="Masks", remarks={"a": "41 objects found", "c": "0 objects found"})
    notes = {mask["case"]: mask["note"] for mask in shown(tmp_path / "index.html")}
    assert notes == {"a": "41 objects found", "b": "", "c": "the mask is empty"}


def test_what_a_stop_left_is_said_and_a_mask_of_an_earlier_run_is_named_as_such(tmp_path: Path) -> None:
    page = MaskPage(tmp_path)
    add(page, "done", block(), suffix=".png")
    add(page, "old", block(), suffix=".png")
    written = write_page(page, JobsResult((tmp_path / "done.png",), (), left=("old", "never")))
    assert written is not None
    masks = {mask["case"]: mask for mask in shown(written)}
    assert [*masks] == ["done", "old", "never"]
    assert masks["done"]["note"] == ""
    assert "earlier run" in masks["old"]["note"]
    assert (masks["never"]["verdict"], masks["never"]["thumbnail"]) == ("stopped", "")
    assert "there is no mask" in masks["never"]["note"]
    assert "stopped with 2 images left" in written.read_text(encoding="utf-8")


def test_a_stop_before_the_first_mask_leaves_no_page(tmp_path: Path) -> None:
    assert write_page(MaskPage(tmp_path), JobsResult((), (), left=("a",))) is None
    assert not list(tmp_path.iterdir())


def test_doubtful_objects_say_where_they_are_and_why_the_worst_first_and_stay_for_later_runs(tmp_path: Path) -> None:
    labels = np.zeros((20, 40), np.uint16)
    labels[2:6, 4:12], labels[10:20, 30:40] = 1, 2
    rows = [DoubtRow(1, 0.45, "unsure"), DoubtRow(2, 0.1, "larger"), DoubtRow(9, 0.0, "is not there")]
    page = MaskPage(tmp_path)
    add(page, "a", labels, suffix=".png", doubts=rows)
    add(page, "b", block((12, 20, 20)), doubts=[DoubtRow(1, None, "smaller")])
    page.write(title="Masks")
    (a, b) = shown(MaskPage(tmp_path).write(title="Masks"))  # a later run finds them again
    assert [(one["id"], one["why"], one["likely_right"]) for one in a["doubts"]] == [
        (2, "larger", 0.1),
        (1, "unsure", 0.45),
    ]
    assert a["doubts"][0]["box"] == [0.75, 0.5, 0.25, 0.5]
    assert a["doubts"][1]["box"] == [0.1, 0.1, 0.2, 0.2]
    assert a["doubts"][1]["place"] == "4, 8"
    (one,) = b["doubts"]
    assert (one["box"], one["place"], one["likely_right"]) == ([], "8, 10, 10", None)
