"""btrack, in an environment of its own (`pip install btrack`, 0.7 with the C++ library of GCC 13): links detections.

    python track_btrack.py JOBS.json

JOBS.json is a list of {"detections": NPZ, "settings": {...}, "found": NPZ}: `frame`, `centre` `(n, ndim)`, `apart`
(distance of neighbours) and `shape` are read, `links` `(n, 2)` and `seconds` are written. The models have the values of
its example for cells (`models/cell_config.json`, of which versions differ in `prob_not_assign`). They are in pixels, so
the movie is scaled until neighbours are `apart` pixels apart. `reach` is the search radius in distances of
neighbours, `unassigned` its `prob_not_assign`, `lost` frames a gap. Its solver takes minutes where many are near
and keeps to no limit of its own: after `seconds` the tracks are taken as they are without it, and `optimised` is false.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
import time
from pathlib import Path

import btrack
import numpy as np
from btrack.btypes import PyTrackObject
from btrack.models import HypothesisModel, MotionModel

STATES = 6


def motion(lost: int, unassigned: float) -> MotionModel:
    """Constant speed, as in the example for cells."""
    a = np.eye(STATES)
    a[[0, 1, 2], [3, 4, 5]] = 1
    g = 15.0 * np.array([[0.5, 0.5, 0.5, 1, 1, 1]])
    return MotionModel(
        name="cell_motion",
        dt=1.0,
        measurements=3,
        states=STATES,
        accuracy=7.5,
        prob_not_assign=unassigned,
        max_lost=lost,
        A=a,
        H=np.eye(3, STATES),
        P=150.0 * np.diag([0.1, 0.1, 0.1, 1, 1, 1]),
        R=5.0 * np.eye(3),
        G=g,
        Q=g.T @ g,
    )


def hypotheses() -> HypothesisModel:
    """As in the example for cells."""
    return HypothesisModel(
        name="cell_hypothesis",
        hypotheses=["P_FP", "P_init", "P_term", "P_link", "P_branch", "P_dead"],
        lambda_time=5.0,
        lambda_dist=3.0,
        lambda_link=10.0,
        lambda_branch=50.0,
        eta=1e-10,
        theta_dist=20.0,
        theta_time=5.0,
        dist_thresh=40.0,
        time_thresh=2.0,
        apop_thresh=5,
        segmentation_miss_rate=0.1,
        apoptosis_rate=0.001,
        relax=True,
    )


def links_of(tracks: list) -> list[tuple[int, int]]:
    """Links within tracks, where `refs` are real detections, and from parents to their children."""
    own = {t.ID: [ref for ref in t.refs if ref >= 0] for t in tracks}
    links = [pair for rows in own.values() for pair in itertools.pairwise(rows)]
    for track in tracks:
        for child in track.children:
            if own.get(child) and own[track.ID]:
                links.append((own[track.ID][-1], own[child][0]))
    return links


def follow(job: dict, *, optimise: bool) -> None:
    """Link the detections of one job and write what was found."""
    with np.load(job["detections"]) as stored:
        frame, centre, shape = stored["frame"], stored["centre"], stored["shape"]
        scale = job["settings"]["apart"] / float(stored["apart"])
    places = np.zeros((len(frame), 3))
    places[:, : centre.shape[1]] = scale * centre[:, ::-1]
    sides = [*(scale * shape[::-1]), 0.0][:3]
    start = time.monotonic()
    objects = [
        PyTrackObject.from_dict({"ID": i, "t": int(t), "x": x, "y": y, "z": z})
        for i, (t, (x, y, z)) in enumerate(zip(frame.tolist(), places.tolist(), strict=True))
    ]
    with btrack.BayesianTracker(verbose=False) as tracker:
        tracker.configure(
            {
                "motion_model": motion(job["settings"]["lost"], job["settings"]["unassigned"]),
                "hypothesis_model": hypotheses(),
                "max_search_radius": job["settings"]["reach"] * job["settings"]["apart"],
            }
        )
        tracker.append(objects)
        tracker.volume = tuple((-1.0, float(side) + 1.0) for side in sides)
        tracker.track(step_size=100)
        if optimise:
            tracker.optimize()
        links = np.array(links_of(tracker.tracks), np.int64).reshape(-1, 2)
    np.savez(job["found"], links=links, seconds=time.monotonic() - start, optimised=optimise)


def main() -> None:
    for job in json.loads(Path(sys.argv[1]).read_text()):
        solving = multiprocessing.Process(target=follow, args=(job,), kwargs={"optimise": True})
        solving.start()
        solving.join(job["settings"]["seconds"])
        if solving.is_alive():
            solving.kill()
            solving.join()
        if not Path(job["found"]).is_file():
            follow(job, optimise=False)


if __name__ == "__main__":
    main()
