"""What a page may send is checked before anything is done with it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from septum.interactive.edits.rules import Rules
from septum.server import schemas


@pytest.mark.parametrize(
    "body",
    [
        {"points": [[1, 2]] * 200_001}, {"points": []}, {"points": [[1]]}, {"points": [[float("nan"), 1]]},
        {"strokes": [{"points": [[1, 2]], "label": -1}]}, {"strokes": []}, {"channel": -1}, {"axis": 3},
        {"boxes": [{"region": [[0, 0]]}]}, {"unknown": 1}, {"rules": {"hidden": [2**32]}}, {"sequence": -1},
    ],
)  # fmt: skip
def test_what_a_tool_cannot_be_told_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        schemas.ToolBody.model_validate({"client": "a-page-1234", **body})


@pytest.mark.parametrize("client", ["short", "a" * 65, "white space", "../../etc", "uml-äuted", ""])
def test_a_client_is_a_plain_name(client: str) -> None:
    with pytest.raises(ValidationError):
        schemas.AcceptBody(client=client, sequence=1)


def test_rules_are_those_of_the_edits() -> None:
    assert vars(schemas.rules_of(None)) == vars(Rules())
    body = schemas.RulesBody(overwrite="visible", hidden=[3], area="inside", area_labels=[1, 2], low=4, range_channel=1)
    assert vars(schemas.rules_of(body)) == vars(
        Rules(overwrite="visible", hidden=(3,), area="inside", area_labels=(1, 2), low=4, high=None, channel=1)
    )


def test_every_example_of_the_documentation_is_one_that_is_taken() -> None:
    bodies = [one for one in vars(schemas).values() if isinstance(one, type) and issubclass(one, schemas.Strict)]
    examples = [
        (one, e) for one in bodies for e in (one.model_config.get("json_schema_extra") or {}).get("examples", [])
    ]  # type: ignore[union-attr]
    assert len(examples) >= 4
    for body, example in examples:
        body.model_validate(example)
