"""What a page may send, checked before anything is done with it; each with an example for the documentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from septum.interactive.edits.rules import Rules

Client = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$", description="Random id of the page.")]
Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
Index = Annotated[int, Field(ge=0, le=2**31)]
Position = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]], Field(min_length=2, max_length=3)
]
PositionList = Annotated[list[Position], Field(min_length=1, max_length=200_000)]
Value = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Strict(BaseModel):
    """A body without unknown keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class BoxBody(Strict):
    """A box of voxels, `start` included, `stop` excluded."""

    start: Annotated[list[Index], Field(min_length=2, max_length=3)]
    stop: Annotated[list[Index], Field(min_length=2, max_length=3)]


class RulesBody(Strict):
    """What an edit may change, as in the `[rules]` of `septum edit`."""

    overwrite: Literal["all", "visible", "none"] = "all"
    hidden: Annotated[list[Value], Field(max_length=4096)] = []
    area: Literal["everywhere", "inside", "outside"] = "everywhere"
    area_labels: Annotated[list[Value], Field(max_length=4096)] | None = None
    low: float | None = None
    high: float | None = None
    range_channel: Annotated[int, Field(ge=0, le=1000)] = 0


class EditBody(Strict):
    """A stroke: voxels that were set, as runs within a box."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client": "a1b2c3d4e5", "sequence": 1, "epoch": "", "revision": 0, "what": "brush",
                    "box": {"start": [0, 0, 0], "stop": [1, 4, 4]}, "runs": [0, 2, 1, 4, 2, 1],
                }
            ]
        },
    )  # fmt: skip

    client: Client
    sequence: Annotated[int, Field(ge=1, le=10**15)]
    epoch: Annotated[str, Field(max_length=32)] = ""
    revision: Annotated[int, Field(ge=0, le=2**53)] = 0
    what: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ,.()-]{1,60}$")] = "brush"
    axis: Annotated[int, Field(ge=0, le=2)] | None = None
    box: BoxBody
    runs: Annotated[list[Number], Field(max_length=3_000_000)]
    rules: RulesBody | None = None


class MaskBody(Strict):
    """All labels of a case: little-endian values in C order, deflated (zlib), in base64. What is too large for one
    request comes in parts of the packed bytes, of one sequence number, and is applied with the last one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client": "a1b2c3d4e5", "sequence": 1, "what": "notebook", "shape": [2, 3], "type": "uint8",
                    "data": "eJxjYGRiZGAAAAAWAAU=", "part": 1, "parts": 1,
                }
            ]
        },
    )  # fmt: skip

    client: Client
    sequence: Annotated[int, Field(ge=1, le=10**15)]
    what: Annotated[str, Field(pattern=r"^[A-Za-z0-9 ,.()-]{1,60}$")] = "labels"
    shape: Annotated[list[Index], Field(min_length=2, max_length=3)]
    type: Literal["uint8", "uint16", "uint32"]
    data: Base64Bytes
    part: Annotated[int, Field(ge=1, le=100_000)] = 1
    parts: Annotated[int, Field(ge=1, le=100_000)] = 1


class TurnBody(Strict):
    """Undo or redo, by a page that knows the labels as they are."""

    client: Client
    epoch: Annotated[str, Field(max_length=32)]
    revision: Annotated[int, Field(ge=0, le=2**53)]


class LeaseBody(Strict):
    """Ask for the right to edit."""

    client: Client | None = None
    take: bool = False


class SaveBody(Strict):
    """Save a version."""

    client: Client | None = None
    note: Annotated[str, Field(max_length=500)] = ""


class CopyBody(Strict):
    """Copy the labels of a slice to another slice."""

    client: Client
    sequence: Annotated[int, Field(ge=1, le=10**15)]
    axis: Annotated[int, Field(ge=0, le=2)] = 0
    source: Annotated[Index, Field(alias="from")]
    target: Annotated[Index, Field(alias="to")]
    rules: RulesBody | None = None


class CopyFrameBody(Strict):
    """Copy the labels of another frame of the movie to this one."""

    client: Client
    sequence: Annotated[int, Field(ge=1, le=10**15)]
    source: Annotated[str, Field(alias="from", max_length=80)]
    rules: RulesBody | None = None


class StrokeBody(Strict):
    """A line of positions that marks voxels with a label."""

    points: PositionList
    label: Value
    radius_mm: Annotated[float, Field(ge=0, le=1e6)] = 0.0


class PromptBox(Strict):
    """A box around an object."""

    region: Annotated[list[Position], Field(min_length=2, max_length=2)]
    label: Value = 1


class ToolBody(Strict):
    """What a tool is shown and told."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"client": "a1b2c3d4e5", "options": {"label": 1}, "points": [[2, 10, 10]], "apply": False}]
        },
    )

    client: Client
    sequence: Annotated[int, Field(ge=0, le=10**15)] = 0
    options: dict[str, Any] = {}
    points: PositionList | None = None
    strokes: Annotated[list[StrokeBody], Field(min_length=1, max_length=10_000)] | None = None
    boxes: Annotated[list[PromptBox], Field(min_length=1, max_length=1000)] | None = None
    region: Annotated[list[Position], Field(min_length=2, max_length=2)] | None = None
    channel: Annotated[int, Field(ge=0, le=1000)] | None = None
    axis: Annotated[int, Field(ge=0, le=2)] | None = None
    rules: RulesBody | None = None
    apply: bool = False
    stream: bool = False


class AcceptBody(Strict):
    """Accept what a tool proposed."""

    client: Client
    sequence: Annotated[int, Field(ge=1, le=10**15)]


class LabelBody(Strict):
    """A row of the label table."""

    value: Annotated[int, Field(ge=1, le=2**32 - 1)]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class LabelsBody(Strict):
    """The label table."""

    labels: Annotated[list[LabelBody], Field(max_length=4096)]


class StatusBody(Strict):
    """Set the status of a case."""

    status: Literal["new", "drawn", "predicted", "corrected", "reviewed"]


class TimeBody(Strict):
    """Active time of work since the last report."""

    client: Client | None = None
    seconds: Annotated[float, Field(ge=0, le=3600)]


class SlicesBody(Strict):
    """Say where a slice comes from: an empty slice that was looked at is "drawn" as well."""

    client: Client
    axis: Annotated[int, Field(ge=0, le=2)]
    index: Index
    letter: Literal["d", "i", "p", "c", "."]


class JobBody(Strict):
    """Order long work."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "evaluate"}]})

    kind: Literal["train", "predict", "evaluate", "segment"]
    minutes: Annotated[float, Field(gt=0, le=10_000)] | None = None
    steps: Annotated[int, Field(gt=0, le=10_000_000)] | None = None
    network: Literal["auto", "encoder", "lecture", "paper", "window"] = "auto"
    prompts: bool = False
    predict: bool = True
    probabilities: bool = False
    model: Annotated[str, Field(max_length=80)] | None = None
    pipeline: Annotated[str, Field(max_length=60)] | None = None


class StepBody(Strict):
    """A step of a pipeline: a classical method and its options."""

    do: Annotated[str, Field(max_length=60)]
    options: dict[str, Any] = {}


class PipelineBody(Strict):
    """A pipeline to be tried on a case; seeds are voxels in array order."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"client": "a1b2c3d4e5", "steps": [{"do": "otsu"}, {"do": "fill-holes"}]}]},
    )

    client: Client
    sequence: Annotated[int, Field(ge=0, le=10**15)] = 0
    steps: Annotated[list[StepBody], Field(min_length=1, max_length=40)]
    seeds: Annotated[list[Annotated[list[Index], Field(min_length=2, max_length=3)]], Field(max_length=1000)] = []
    label: Annotated[int, Field(ge=1, le=2**32 - 1)] = 1
    rules: RulesBody | None = None
    apply: bool = False


class KeepBody(Strict):
    """A pipeline to be kept."""

    name: Annotated[str, Field(max_length=60)]
    steps: Annotated[list[StepBody], Field(min_length=1, max_length=40)]
    label: Annotated[int, Field(ge=1, le=2**32 - 1)] = 1


class DecisionBody(Strict):
    """What a person decides about a prediction."""

    client: Client
    decision: Literal["accept", "correct", "skip"]


class RatingBody(Strict):
    """A rating of the blinded reader study."""

    code: Annotated[str, Field(max_length=32)]
    value: Annotated[str, Field(max_length=64)]
    comment: Annotated[str, Field(max_length=2000)] = ""


class StudyBody(Strict):
    """A reader study to be made: whose masks, and of how many cases."""

    model: Annotated[str, Field(max_length=80)]
    cases: Annotated[int, Field(ge=1, le=1000)] = 30


def rules_of(body: RulesBody | None) -> Rules:
    """The rules of an edit; everything is allowed without any."""
    if body is None:
        return Rules()
    area = None if body.area_labels is None else tuple(body.area_labels)
    return Rules(
        overwrite=body.overwrite, hidden=tuple(body.hidden), area=body.area, area_labels=area, low=body.low,
        high=body.high, channel=body.range_channel,
    )  # fmt: skip
