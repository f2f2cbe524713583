"""The one table of lessons, in the order of the lecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from septum.errors import ConfigError
from septum.options import nearest
from septum.workflows.teaching import images, layers, measures, networks
from septum.workflows.teaching.lesson import Lesson


@dataclass(frozen=True)
class LessonRow:
    """One lesson.

    Args:
        name: what the user types; also the notebook's name, docs/lessons/NAME.
        title: as the docs call it.
        compute: makes the lesson.
        page: whether it has an interactive page.
    """

    name: str
    title: str
    compute: Callable[[], Lesson]
    page: bool = False


LESSONS = (
    LessonRow("image", "What an image is", images.image),
    LessonRow("manual-segmentation", "Drawing by hand, and what can be computed between", images.manual_segmentation),
    LessonRow("classical", "Four classical methods on one image", images.classical),
    LessonRow("perceptron", "Perceptron and backpropagation", layers.perceptron_lesson, page=True),
    LessonRow("convolution", "Convolution", layers.convolution_lesson, page=True),
    LessonRow("pooling", "Pooling", layers.pooling_lesson, page=True),
    LessonRow("transposed-convolution", "Transposed convolution", layers.transposed_convolution_lesson, page=True),
    LessonRow("unet", "The U-Net, block by block", networks.unet),
    LessonRow("augmentation", "Why augmentation", networks.augmentation),
    LessonRow("sliding-window", "Sliding window against U-Net", networks.sliding_window),
    LessonRow("dice", "Dice, IoU and their pitfalls", measures.dice_lesson, page=True),
    LessonRow("instances", "Semantic against instance segmentation", images.instances),
    LessonRow("challenges", "The two challenges", measures.challenges),
)


def find_lesson(name: str) -> LessonRow:
    """The row of this name.

    Raises:
        ConfigError: when there is none; the nearest name is said.
    """
    for row in LESSONS:
        if row.name == name:
            return row
    raise ConfigError(f"the lesson must be one of the table, got {name!r}; {nearest(name, [r.name for r in LESSONS])}")


def questions_of(name: str) -> str:
    """The three questions of a lesson as text, with the command that checks the answers; for notebooks.

    Raises:
        ConfigError: as `find_lesson`.
    """
    questions = find_lesson(name).compute().questions
    lines = [f"{number}. {question.text}" for number, question in enumerate(questions, 1)]
    return "\n".join([*lines, "", f"septum lesson {name} --question 1 --check ANSWER,ANSWER,..."])
