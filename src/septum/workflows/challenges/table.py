"""The one table of challenges; a fifth is a row, and a module that says how it divides, predicts and scores."""

from __future__ import annotations

from septum.errors import ConfigError
from septum.options import nearest
from septum.workflows.challenges import ctc, decathlon, em, vessels
from septum.workflows.challenges.challenge import CLASSICAL, Challenge

CHALLENGES = (
    Challenge(
        name="em",
        title="Membranes in electron microscopy (ISBI 2012)",
        source="Arganda-Carreras et al. 2015, Front Neuroanat 9:142",
        caution="The official test sections have no public labels: these are other sections, fewer, and of the same "
        "stack as the training, so that the numbers are no entry of the leader board. The best cut-off is chosen on "
        "the sections that are scored, as the challenge does, which flatters a little; the chosen cut-off does not.",
        methods=("auto", "paper", "lecture", "window", CLASSICAL),
        columns=em.COLUMNS,
        training={"folds": "none"},
        divide=em.divide,
        predict=em.predict,
        score=em.score,
        shown=em.shown,
    ),
    Challenge(
        name="ctc",
        title="Cells followed through movies (Cell Tracking Challenge)",
        source="Maška et al. 2014, Bioinformatics 30:1609, and Matula et al. 2015, PLoS ONE 10:e0144959",
        caution="The official movies have no public truth: these are the training movies, each segmented by a network "
        "that saw the other one where both are annotated. In some data sets the challenge leaves out cells at the rim "
        "of the picture, which is not done here.",
        methods=("auto", "paper", CLASSICAL),
        columns=ctc.COLUMNS,
        training={"folds": "one", "instances": True},
        divide=ctc.divide,
        predict=ctc.predict,
        score=ctc.score,
        shown=ctc.shown,
    ),
    Challenge(
        name="vessels",
        title="Vessels of the retina (DRIVE)",
        source="Staal et al. 2004, IEEE TMI 23:501",
        caution="DRIVE is small, of one camera, and its test images have been public for long; results on it say "
        "little about other cameras and patients.",
        methods=("auto", "paper", "lecture", "window", CLASSICAL),
        columns=vessels.COLUMNS,
        training={"folds": "none"},
        divide=vessels.divide,
        predict=vessels.predict,
        score=vessels.score,
        shown=vessels.shown,
        rivals=vessels.rivals,
    ),
    Challenge(
        name="decathlon",
        title="A task of the Medical Segmentation Decathlon",
        source="Antonelli et al. 2022, Nat Commun 13:4128",
        caution="The official test cases have no public labels: these are held-out cases of the training half. The "
        "Decathlon's own tolerance of the surface distance differs from organ to organ.",
        methods=("auto", "lecture"),
        columns=decathlon.COLUMNS,
        training={"folds": "none"},
        divide=decathlon.divide,
        predict=decathlon.predict,
        score=decathlon.score,
        shown=decathlon.shown,
    ),
)


def find_challenge(name: str) -> Challenge:
    """The row of this name.

    Raises:
        ConfigError: when there is none; the nearest is said.

    >>> find_challenge("em").columns[0].title
    'V_rand'
    """
    for row in CHALLENGES:
        if row.name == name:
            return row
    known = [row.name for row in CHALLENGES]
    raise ConfigError(f"the challenge must be one of {', '.join(known)}, got {name!r}; {nearest(name, known)}")
