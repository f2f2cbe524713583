"""What data of several kinds look like, for the tests of plans."""

from __future__ import annotations

from dataclasses import replace

from septum.workflows.data.classes import ClassMap
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.machine import Machine
from septum.workflows.model.settings import TrainSettings

PLANES = Fingerprint(
    cases=4,
    ndim=2,
    anatomical=False,
    shape_min=(512, 512),
    shape_median=(512, 512),
    shape_max=(512, 512),
    spacing_min=(1.0, 1.0),
    spacing_median=(1.0, 1.0),
    spacing_max=(1.0, 1.0),
    channels=1,
    low=(0.0,),
    high=(255.0,),
    mean=(100.0,),
    std=(20.0,),
    minimum=0.0,
    zero_share=0.0,
    class_shares=(0.8, 0.2),
    brighter=1.0,
    thickness=12.0,
    median_voxels=512 * 512,
)
VOLUMES = replace(
    PLANES,
    ndim=3,
    anatomical=True,
    shape_min=(35, 50, 35),
    shape_median=(35, 50, 35),
    shape_max=(35, 50, 35),
    spacing_min=(1.0,) * 3,
    spacing_median=(1.0,) * 3,
    spacing_max=(1.0,) * 3,
)
LARGE = replace(PLANES, thickness=150.0, directed=(0.9, 0.0))
TWO = ClassMap((0, 1), ("background", "thing"))
CPU = Machine("cpu", "32-true")
STEPS = TrainSettings(steps=10)
