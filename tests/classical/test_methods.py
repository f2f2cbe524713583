"""The table of methods is complete, consistent with its functions, and refuses what it does not know."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from septum.classical.methods import METHODS, find_method
from septum.errors import ConfigError, DatasetError
from septum.options import KINDS, Option

TWO_VALUES_ARE_TOO_FEW = {
    *("intermodes", "minimum", "multi-otsu", "hysteresis"),
    *("kmeans", "fuzzy-c-means", "gaussian-mixture"),
}
GIVEN = {"spacing", "seeds", "markers", "other", "names"}


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_row_fits_its_function(method):
    parameters = inspect.signature(method.function).parameters
    names = [option.name for option in method.options]
    assert len(set(names)) == len(names)
    assert set(names) <= set(parameters)
    assert set(method.given) <= set(parameters) & GIVEN
    assert set(method.needs) <= set(method.given)
    assert set(method.dimensions) <= {2, 3}
    assert method.channels in ("one", "any")
    assert method.result in ("mask", "classes", "objects")
    required = {n for n, p in parameters.items() if p.default is inspect.Parameter.empty}
    assert len(required - set(method.needs) - set(names)) <= 1  # the array


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_defaults_and_suggestions_obey_their_own_rules(method):
    for option in method.options:
        assert option.kind in KINDS
        for value in (option.default, *option.suggest):
            assert option.parse(value, method.name) == value
        assert option.what


def test_names_are_unique():
    names = [method.name for method in METHODS]
    assert len(set(names)) == len(names)


def test_the_twelve_automatic_thresholds_and_the_others_of_the_plan_are_there():
    twelve = "huang intermodes isodata kittler-illingworth li maximum-entropy moments otsu renyi-entropy shanbhag"
    twelve += " triangle yen"
    others = "manual multi-otsu minimum local-mean local-gaussian sauvola niblack phansalkar hysteresis bias-correct"
    assert {*twelve.split(), *others.split()} <= {method.name for method in METHODS}


def cell(shape) -> np.ndarray:
    """A bright block on noise."""
    image = np.random.default_rng(0).normal(20, 2, shape)
    image[tuple(slice(n // 3, 2 * n // 3) for n in shape)] += 100
    return image


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_method_runs_with_its_defaults_in_every_dimension_it_names(method, ndim):
    if ndim not in method.dimensions:
        pytest.skip("not a method of this dimension")
    image = cell((12, 24, 27)[-ndim:])
    array = image > 70 if method.stage == "clean" else image[None] if method.channels == "any" else image
    given = {
        "spacing": (2.0, 1.0, 0.9)[-ndim:] if method.name != "ridges" else (1.0,) * ndim,
        "seeds": np.array([[n // 2 for n in image.shape]]),
        "markers": (image > 110).astype(np.uint8),
        "other": image > 119,
        "names": ("grey",),
    }
    options = {"low": 60.0} if method.name in ("manual", "connected-threshold", "neighbourhood-connected") else {}
    result = method.function(array, **{n: given[n] for n in method.given if n != "markers"}, **method.resolve(options))
    assert np.shape(result)[-ndim:] == image.shape
    if method.stage == "segment":
        assert np.asarray(result).dtype.kind in "bui"
        assert len(np.unique(result)) > 1


REFUSALS = "two peaks|at most the 2 different|low and high must both be given|more than the distinct values"


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 1, 31), (31, 1, 1)])
@pytest.mark.parametrize("pattern", ["a block", "alternating"])
def test_every_method_takes_a_line_of_voxels_or_says_why_not(shape, pattern):
    flat = np.random.default_rng(0).normal(20, 2, max(shape))
    flat[10:20] += 100
    image = (20 + 100 * (np.arange(max(shape)) % 2) if pattern == "alternating" else flat).reshape(shape)
    given = {"spacing": (1.0,) * len(shape), "seeds": np.array([[n // 2 for n in shape]]), "names": ()}
    given |= {"markers": None, "other": image > 119}
    for method in METHODS:
        if len(shape) not in method.dimensions:
            continue
        array = image > 70 if method.stage == "clean" else image[None] if method.channels == "any" else image
        options = {"low": 60.0} if method.name in ("manual", "connected-threshold", "neighbourhood-connected") else {}
        options = {**{n: given[n] for n in method.given}, **method.resolve(options)}
        if pattern == "alternating" and method.name in TWO_VALUES_ARE_TOO_FEW:
            with pytest.raises((ConfigError, DatasetError), match=REFUSALS):
                method.function(array, **options)
        else:
            assert np.shape(method.function(array, **options)) == shape, method.name


def test_a_misspelt_method_or_option_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'otsu'"):
        find_method("otus")
    with pytest.raises(ConfigError, match="did you mean 'sigma_mm'"):
        find_method("gaussian").resolve({"sigma": 1})
    with pytest.raises(ConfigError, match="it has no options"):
        find_method("invert").resolve({"sigma": 1})
    with pytest.raises(ConfigError, match="mends a mask"):
        find_method("fill-holes", stage="segment")


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        (Option("a", "number", 1.0, "x"), "2.5", 2.5),
        (Option("a", "number", None, "x"), "none", None),
        (Option("a", "integer", 1, "x"), 3.0, 3),
        (Option("a", "flag", False, "x"), "yes", True),
        (Option("a", "flag", True, "x"), "false", False),
        (Option("a", "numbers", (1.0,), "x"), "1,2", (1.0, 2.0)),
        (Option("a", "numbers", (), "x"), [], ()),
        (Option("a", "choice", "b", "x", choices=("b", "c")), "c", "c"),
    ],
)
def test_values_are_read_from_text_and_plain_data(option, value, found):
    assert option.parse(value, "method") == found


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (Option("a", "number", 1.0, "x", low=0), "-1", "a number from 0"),
        (Option("a", "number", 1.0, "x", high=2), 3, "to 2"),
        (Option("a", "number", 1.0, "x", unit="mm"), "wide", "a number, mm"),
        (Option("a", "number", 1.0, "x"), math.nan, "a number"),
        (Option("a", "number", 1.0, "x"), True, "a number"),
        (Option("a", "integer", 1, "x"), 1.5, "a whole number"),
        (Option("a", "flag", True, "x"), "perhaps", "true or false"),
        (Option("a", "flag", True, "x"), 3, "true or false"),
        (Option("a", "numbers", (1.0,), "x", low=0), "1,-2", "numbers"),
        (Option("a", "numbers", (1.0,), "x"), "", "numbers"),
        (Option("a", "choice", "b", "x", choices=("b", "c")), "d", "one of b, c"),
        (Option("a", "text", "b", "x"), 3, "text"),
    ],
)
def test_values_that_break_their_rule_are_named(option, value, words):
    with pytest.raises(ConfigError, match=words):
        option.parse(value, "method")
