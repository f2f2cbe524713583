"""Interactive pages: self-contained, and with the arithmetic of the numpy functions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from septum import lessons
from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron
from septum.workflows.teaching.pages import page_of, read_static
from septum.workflows.teaching.table import LESSONS

PAGES = [row for row in LESSONS if row.page]
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the arithmetic of the pages is run by node, which is absent")


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.name)
def test_a_page_asks_nothing_of_a_network(row):
    page = page_of(row.name, row.title)
    assert "<!--" not in page, "every part is filled in"
    assert not re.search(r"https?://|src=|href=|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\s*\(", page)
    assert "default-src 'none'" in page
    assert "not a medical device" in page


def run(expression: str, **values):
    """The value of a JavaScript expression with the functions of layers.js and some numbers."""
    names = "".join(f"let {name} = {json.dumps(value)};" for name, value in values.items())
    code = f"{read_static('layers.js')};{names}console.log(JSON.stringify({expression}))"
    done = subprocess.run([NODE, "-e", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@needs_node
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 1, 2)])
def test_convolution_is_numpys(stride, padding, dilation, flip):
    generator = np.random.default_rng(0)
    image, kernel = generator.normal(size=(7, 6)), generator.normal(size=(3, 2))
    slide = {"stride": stride, "padding": padding, "dilation": dilation, "flip": flip}
    found = run("convolve(image, kernel, slide)", image=image.tolist(), kernel=kernel.tolist(), slide=slide)
    assert np.allclose(found["output"], lessons.convolution(image, kernel, **slide)[0])
    first = found["steps"][0]
    assert np.isclose(sum(a * b for a, b in first["pairs"]), first["value"])


@needs_node
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_is_numpys(kind):
    image = np.random.default_rng(0).normal(size=(7, 6))
    found = run("pool(image, {size: 3, stride: 2, kind})", image=image.tolist(), kind=kind)
    assert np.allclose(found["output"], lessons.pooling(image, size=3, stride=2, kind=kind)[0])


@needs_node
def test_transposed_convolution_is_numpys():
    generator = np.random.default_rng(0)
    image, kernel = generator.normal(size=(3, 4)), generator.normal(size=(3, 3))
    found = run("transposed(image, kernel, {cutStart: 1}).output", image=image.tolist(), kernel=kernel.tolist())
    assert np.allclose(found, lessons.transposed_convolution(image, kernel, padding=1, output_padding=1)[0])


@needs_node
def test_a_step_of_the_perceptron_is_numpys():
    generator = np.random.default_rng(0)
    net = Perceptron.create((2, 4, 2), generator=generator)
    points, classes = generator.normal(size=(9, 2)), [0, 1, 1, 0, 1, 0, 0, 1, 1]
    trace = perceptron.forward(net, points)
    after = perceptron.descend(net, perceptron.backward(net, trace, classes), rate=0.3)
    start = {"weights": [w.tolist() for w in net.weights], "biases": [b.tolist() for b in net.biases]}
    loss, moved = run(
        "[perceptronStep(net, points, classes, 0.3), net]", net=start, points=points.tolist(), classes=classes
    )
    assert np.isclose(loss, perceptron.loss(net, trace, targets=classes))
    for layer in range(2):
        assert np.allclose(moved["weights"][layer], after.weights[layer])
        assert np.allclose(moved["biases"][layer], after.biases[layer])


@needs_node
def test_scores_of_overlap():
    found = run("overlapScores([[1, 1, 0]], [[0, 1, 1]])")
    assert found == {"tp": 1, "fp": 1, "fn": 1, "dice": 0.5, "iou": 1 / 3, "wrong": 2 / 3}
