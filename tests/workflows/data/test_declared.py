"""Names of label values in `dataset.json`, in both dialects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from septum.errors import DatasetError
from septum.workflows.data.declared import Declared, declared_labels, parse_labels, read_declared

HERE = Path("dataset.json")


def test_both_dialects_give_the_same_names() -> None:
    nnunet, decathlon = {"background": 0, "liver": 1, "10": 2}, {"0": "background", "1": "liver", "2": "10"}
    for labels in (nnunet, decathlon):
        found = parse_labels(labels, None, path=HERE)
        assert found == Declared({0: "background", 1: "liver", 2: "10"})


def test_the_value_called_ignore_is_no_class() -> None:
    found = parse_labels({"background": 0, "cell": 1, "Ignore": 7}, None, path=HERE)
    assert found == Declared({0: "background", 1: "cell"}, 7)


@pytest.mark.parametrize("labels", [["a"], {"a": None}, {"a": "b"}, {"a": [1, "x"]}])
def test_what_pairs_no_names_and_numbers_is_refused(labels: object) -> None:
    with pytest.raises(DatasetError, match="labels"):
        parse_labels(labels, None, path=HERE)


def test_a_folder_without_the_file_declares_nothing_and_one_with_it_may_say_instances(tmp_path: Path) -> None:
    assert declared_labels(tmp_path) == Declared()
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"cell": 1}, "instances": True}))
    assert declared_labels(tmp_path) == Declared({1: "cell"}, None, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "must be a JSON file"), (b"[1]", "JSON object, got list"), (b"\xff\xfe\x00", "must be a JSON")],
)
def test_a_file_that_is_no_json_object_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_declared(tmp_path / "dataset.json")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_declared(tmp_path / "dataset.json") == {"a": 1}
