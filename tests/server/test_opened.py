"""A case under edit: what is sent twice is done once, what was sent to a closed case is done nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from septum.errors import FormatError, GeometryError, SessionError
from septum.interactive.edits.rules import Rules
from septum.interactive.tool import Box, Change
from septum.server import opened
from septum.server.opened import ClosedError, OpenCase, Outcome, Proposal, Sender, StaleError
from septum.workflows.projects.project import Project, open_project

BOX = Box((2, 3, 4), (3, 5, 7))
ADA = Sender("page-ada-1", "ada")


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    found = open_project(folder)
    yield found
    found.close()


@pytest.fixture
def case(project: Project) -> Iterator[OpenCase]:
    found = OpenCase.open(project, "volume")
    yield found
    found.close()


def draw(case: OpenCase, label: int, *, number: int = 0, who: str = "page-ada-1") -> Outcome:
    change = Change(BOX, np.full(BOX.shape, label))
    return case.edit(lambda: change, what="brush", sender=Sender(who, "ada", number), rules=Rules())


def test_a_numbered_edit_is_done_once_and_known_after_the_case_was_opened_again(
    project: Project, case: OpenCase
) -> None:
    assert draw(case, 7, number=3).changed == 6
    assert draw(case, 8, number=3).duplicate
    assert draw(case, 8, number=2).duplicate
    assert not draw(case, 8, number=1, who="page-bob-1").duplicate
    case.close()
    again = OpenCase.open(project, "volume")
    assert again.knows(Sender("page-ada-1", "ada", 3))
    assert not again.knows(Sender("page-ada-1", "ada", 4))
    assert again.names() == (["brush", "brush"], [])
    assert again.dirty
    again.close()


def test_a_closed_case_takes_nothing(case: OpenCase) -> None:
    case.close()
    for act in (lambda: draw(case, 7, number=1), lambda: case.turn("undo", ADA, epoch=case.epoch, revision=0)):
        with pytest.raises(ClosedError, match="send the request again"):
            act()
    assert not case.knows(Sender("page-ada-1", "ada", 1))


def test_the_slices_of_a_damaged_session_are_said_and_the_journal_is_given_back(project: Project) -> None:
    case = OpenCase.open(project, "volume")
    draw(case, 7)
    case.close()
    path = project.session("volume") / "slices.json"
    path.write_text("[")
    with pytest.raises(FormatError, match="remove it"):
        OpenCase.open(project, "volume")
    path.unlink()
    OpenCase.open(project, "volume").close()


def test_only_what_somebody_else_changed_since_makes_a_stroke_stale(case: OpenCase) -> None:
    draw(case, 7)
    case.check_fresh(ADA, epoch=case.epoch, revision=0)
    case.check_fresh(Sender("page-bob-1", "bob"), epoch="of another life", revision=0)
    case.check_fresh(Sender("page-bob-1", "bob"), epoch=case.epoch, revision=1)
    for revision in (0, 9):
        with pytest.raises(StaleError):
            case.check_fresh(Sender("page-bob-1", "bob"), epoch=case.epoch, revision=revision)


def test_undo_brings_the_letters_of_the_slices_back(case: OpenCase) -> None:
    case.mark_slice(0, 2, letter=".")
    before = dict(case.slices)
    draw(case, 7)
    assert case.slices[0][2] == "d"
    case.turn("undo", ADA, epoch=case.epoch, revision=case.session.revision)
    assert case.slices == before
    with pytest.raises(GeometryError):
        case.mark_slice(0, 99, letter="d")


def test_a_version_is_saved_when_something_changed(project: Project, case: OpenCase) -> None:
    assert case.save("ada") is None
    draw(case, 7)
    first = case.save("ada", "one")
    assert first is not None
    assert (first.version, first.origin, first.note) == (2, "drawn", "one")
    assert case.save("ada") is None
    project.store.change_case("volume", prediction="model-1")
    draw(case, 8)
    second = case.save("bob")
    assert second is not None
    assert second.origin == "corrected"


def test_an_answer_holds_all_labels_of_the_box_unless_it_is_too_large(
    case: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = opened.answer(case, draw(case, 7))
    assert told["runs"] == [0, 6, 7]
    assert told["box"] == {"start": BOX.start, "stop": BOX.stop}
    monkeypatch.setattr("septum.server.wire.LARGEST_ANSWER", 1)
    assert opened.answer(case, draw(case, 8))["runs"] is None
    assert opened.answer(case, draw(case, 8))["box"] is None  # nothing changed


def test_a_proposal_keeps_to_what_it_changed(case: OpenCase) -> None:
    proposal = Proposal("id", ADA.client, "wand", Rules(), "d")
    with pytest.raises(SessionError, match="wait for it"):
        proposal.change(case.session.labels())
    held = np.zeros(BOX.shape, np.uint8)
    wanted = held.copy()
    wanted[0, 0, 0] = 5
    proposal.take(Change(BOX, wanted), held)
    now = np.full(case.shape, 9)
    assert proposal.change(now).labels.reshape(-1).tolist() == [5, 9, 9, 9, 9, 9]
