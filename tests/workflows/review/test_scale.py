"""What readers can answer."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.review.scale import LIKERT, PASS_FAIL, Scale, ScalePoint, load_scale


def test_a_scale_can_be_a_file(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_text(
        'question = "Usable?"\n[[choices]]\nvalue = "no"\nkey = "n"\ntext = "no"\npasses = false\n'
        '[[choices]]\nvalue = "yes"\nkey = "y"\ntext = "yes"\npasses = true\n'
    )
    assert [c.value for c in load_scale(str(path)).choices] == ["no", "yes"]
    with pytest.raises(ConfigError, match="passfail, likert5 or a TOML file"):
        load_scale("five")


@pytest.mark.parametrize("scale", [PASS_FAIL, LIKERT])
def test_a_scale_survives_the_store(scale):
    assert Scale.from_json(scale.to_json()) == scale


@pytest.mark.parametrize(
    "choices",
    [
        (ScalePoint("a", "a", "a", True),),
        (ScalePoint("a", "a", "a", True), ScalePoint("a", "b", "b", False)),
        (ScalePoint("a", "x", "a", True), ScalePoint("b", "X", "b", False)),
        (ScalePoint("a", "u", "a", True), ScalePoint("b", "b", "b", False)),
        (ScalePoint("a", "a", "a", True), ScalePoint("b", "b", "b", True)),
        (ScalePoint(" ", "a", "a", True), ScalePoint("b", "b", "b", False)),
    ],
)
def test_a_scale_that_cannot_be_answered_is_refused(choices):
    with pytest.raises(ConfigError):
        Scale("?", choices)
