"""What several tests of this room share."""

from __future__ import annotations

from septum.workflows.review import study as review
from septum.workflows.review.sample import StudySettings


def create(data, folder, **settings):
    sources = {"secrethuman": data / "labels", "secretmodel": data / "secretmodel"}
    return review.create_study(data / "images", sources, output=folder, settings=StudySettings(**settings))


def rate_all(study, reader, answer):
    """Rate every item by `answer(case, source, showing)`."""
    key = review.read_key(study)
    while (item := review.next_item(study, reader)) is not None:
        review.rate(study, reader, code=item.code, value=answer(*key[item.code], item.showing))


def by_case(case, source, showing):
    """A reader who passes what lies above 0.7."""
    return "pass" if source == "secrethuman" or int(case[-1]) % 2 == 0 else "fail"
