"""Keras runs on PyTorch, and writes its settings into a temporary folder rather than into somebody's home."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def keras(tmp_path_factory):
    """The package Keras 3 with the PyTorch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    import keras

    assert keras.backend.backend() == "torch"
    return keras
