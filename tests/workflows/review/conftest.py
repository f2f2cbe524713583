"""Fixtures of the tests of this room."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from tests.workflows.datasets import mask, planes, write_labels
from tests.workflows.review.studies import create

from septum.workflows.review import study as review


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six pictures with the masks of a person and of a model."""
    root = planes(tmp_path_factory.mktemp("data"), 6)
    for i in range(6):
        write_labels(root / "secretmodel" / f"case{i}.png", mask(i + 1))
    return root


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "study"
    create(data, folder, n=4, twice=True, seed=3)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A fresh copy of a study of four cases, two sources, each shown twice."""
    return shutil.copytree(made, tmp_path / "study")


@pytest.fixture
def study(folder):
    with review.open_study(folder) as found:
        yield found


@pytest.fixture
def cases(tmp_path):
    """A table of scores in which case1, case3 … are poor."""
    path = tmp_path / "cases.csv"
    rows = [(f"case{i}", label, 0.9 - 0.4 * (i % 2) + 0.01 * i) for i in range(6) for label in (1, 2)]
    pd.DataFrame(rows, columns=["case", "label", "dice"]).to_csv(path, index=False)
    return path
