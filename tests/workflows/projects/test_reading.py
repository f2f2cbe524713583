"""The reader study of a project is one of `septum review`, made once."""

from __future__ import annotations

import numpy as np
import pytest
from tests.workflows.projects.conftest import BOX, GRID

from septum import io
from septum.errors import ConfigError
from septum.geometry import LabelMap
from septum.workflows.projects.project import Project
from septum.workflows.projects.reading import make_study, report_reading
from septum.workflows.projects.store import MissingError
from septum.workflows.review import study as review


def test_a_study_is_made_of_a_models_masks_once_and_reported_when_it_is_finished(project: Project) -> None:
    with pytest.raises(MissingError, match="predict first"):
        make_study(project, "model-1", cases=2)
    folder = project.predictions / "model-1"
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        io.write_labels(folder / f"{name}.nii.gz", LabelMap(np.roll(BOX, 1, axis=1), GRID))
    place = make_study(project, "model-1", cases=1)
    with pytest.raises(ConfigError, match="no study yet"):
        make_study(project, "model-1", cases=1)
    with review.open_study(place) as study:
        assert len(study.items) == 1
        state = review.page_state(study, "ada")
        review.rate(
            study, "ada", code=state["item"]["code"], value=state["choices"][0]["value"], comment="", origin="page"
        )
        assert report_reading(project, study).name == "index.html"
